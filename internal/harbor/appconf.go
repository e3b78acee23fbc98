package harbor

import (
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

// SetAppConf changes one setting of the ui's app.conf, which has to be there;
// it says whether it is. The value of a secret one is kept out of the findings.
// (app.conf is an INI file; only the one line changes.)
func (c Component) SetAppConf(list *framework.ResourceList, section, name, value string, secret bool) (bool, error) {
	config, err := c.ConfigFile(list, "app.conf")
	if err != nil {
		return false, err
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
			return true, nil
		}
		lines[i] = strings.TrimRight(m[1]+" "+value, " ")
		old := m[2]
		if secret {
			old, value = "", ""
		}
		krm.SetWithin(list, config.ConfigMap, strings.Join(lines, "\n"), section+"."+name, old, value, "data", config.Key)
		return true, nil
	}
	return false, nil
}
