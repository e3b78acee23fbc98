package harbor

import (
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

// SetAppConf changes one setting of the ui's app.conf, if a ConfigMap provides one
// that has it. The value of a secret one is kept out of the findings. (app.conf
// is an INI file; only the one line changes.)
func (c Component) SetAppConf(list *framework.ResourceList, section, name, value string, secret bool) error {
	config, err := c.ConfigFile(list, AppConfFile)
	if config.Name == "" {
		return nil
	}
	if err != nil {
		return err
	}
	line := regexp.MustCompile(`^(\s*` + regexp.QuoteMeta(name) + `\s*=)\s*(.*?)\s*$`)
	lines, in := strings.Split(config.Text(), "\n"), ""
	for i, l := range lines {
		if trimmed := strings.TrimSpace(l); strings.HasPrefix(trimmed, "[") {
			in = strings.Trim(trimmed, "[]")
		}
		m := line.FindStringSubmatch(l)
		if in != section || m == nil {
			continue
		}
		if m[2] == value {
			return nil
		}
		lines[i] = strings.TrimRight(m[1]+" "+value, " ")
		old := m[2]
		if secret {
			old, value = "", ""
		}
		krm.SetWithin(list, config.ConfigMap, strings.Join(lines, "\n"), section+"."+name, old, value, "data", config.Key)
		return nil
	}
	return nil
}

// iniValue returns a key of a section of an INI file, the last one that is there,
// and whether there is one. "" is the section before all others.
func iniValue(text, section, name string) (value string, ok bool) {
	in := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			in = strings.Trim(line, "[]")
			continue
		}
		key, v, isKey := strings.Cut(line, "=")
		if isKey && in == section && strings.TrimSpace(key) == name {
			value, ok = strings.Trim(strings.TrimSpace(v), `"`), true
		}
	}
	return value, ok
}

// appConfValue returns a setting of an app.conf: of the section that runmode names,
// else of the part before all sections.
func appConfValue(text, name string) string {
	mode, _ := iniValue(text, "", "runmode")
	if v, ok := iniValue(text, mode, name); ok {
		return v
	}
	v, _ := iniValue(text, "", name)
	return v
}
