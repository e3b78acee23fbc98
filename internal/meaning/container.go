package meaning

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// unread are variables that containers have and no program of Harbor reads: the
// chart puts the whole Secret of the registry into the environment, and the driver
// reads the file.
var unread = []string{"GCS_KEY_DATA"}

// addContainer adds what a container reads, where it writes, and the rest of it.
func (f facts) addContainer(m Manifests, component string, c map[string]any, volumes map[string]map[string]any) {
	name := text(c, "name")
	env, carriers := m.environment(c)
	files := map[string]string{}
	for _, mount := range elements(c, "volumeMounts") {
		volume := volumes[text(mount, "name")]
		if !m.project(files, mount, volume) {
			f.add(m.storage(volume), component, name+" mount "+text(mount, "mountPath"))
			f.add(mount["subPath"], component, name+" mount "+text(mount, "mountPath"), "subPath")
		}
	}
	f.add(effective(name, files, env), component, name+" files")
	for variable, value := range env {
		if value != "" && !slices.Contains(unread, variable) {
			f.add(value, component, name+" env", variable)
		}
	}
	for _, variable := range carriers {
		f.carriers[strings.Join([]string{component, name + " env", variable}, " > ")] = true
	}
	rest := maps.Clone(c)
	for _, told := range []string{"name", "env", "envFrom", "volumeMounts"} {
		delete(rest, told)
	}
	f.add(rest, component, name)
}

// data are the entries of a ConfigMap or a Secret, false where it is not contained.
func (m Manifests) data(kind, name string) (map[string]string, bool) {
	object := m.find(kind, name)
	all := map[string]string{}
	for k, v := range mapping(object, "data") {
		all[k] = fmt.Sprint(v)
		if plain, err := base64.StdEncoding.DecodeString(all[k]); kind == "Secret" && err == nil {
			all[k] = string(plain)
		}
		if v == nil {
			all[k] = ""
		}
	}
	for k := range mapping(object, "stringData") {
		all[k] = text(object, "stringData", k)
	}
	return all, object != nil
}

// source is a way to refer to a ConfigMap or a Secret.
type source struct{ kind, ref, name string }

var (
	wholes  = []source{{"ConfigMap", "configMapRef", "name"}, {"Secret", "secretRef", "name"}}
	keys    = []source{{"ConfigMap", "configMapKeyRef", "name"}, {"Secret", "secretKeyRef", "name"}}
	folders = []source{{"ConfigMap", "configMap", "name"}, {"Secret", "secret", "secretName"}}
)

// reference is $(NAME) in the value of a variable, or a $$ that stands for one $.
var reference = regexp.MustCompile(`\$\$|\$\(([-._a-zA-Z0-9]+)\)`)

// environment is what a container gets, and the variables that others refer to.
func (m Manifests) environment(c map[string]any) (env map[string]string, carriers []string) {
	env = map[string]string{}
	for _, from := range elements(c, "envFrom") {
		for _, s := range wholes {
			if from[s.ref] == nil {
				continue
			}
			all, ok := m.data(s.kind, text(from, s.ref, s.name))
			if !ok {
				env[fmt.Sprintf("(all of %s %s)", s.kind, text(from, s.ref, s.name))] = "not contained"
			}
			for k, v := range all {
				env[text(from, "prefix")+k] = v
			}
		}
	}
	for _, v := range elements(c, "env") {
		value := reference.ReplaceAllStringFunc(text(v, "value"), func(ref string) string {
			carrier := strings.Trim(ref, "$()")
			carriers = append(carriers, carrier)
			if value, ok := env[carrier]; ok {
				return value
			}
			return strings.Replace(ref, "$$", "$", 1)
		})
		for _, s := range keys {
			if at(v, "valueFrom", s.ref) != nil {
				value = m.key(s.kind, text(v, "valueFrom", s.ref, s.name), text(v, "valueFrom", s.ref, "key"))
			}
		}
		env[text(v, "name")] = value
	}
	return env, carriers
}

func (m Manifests) key(kind, name, key string) string {
	all, ok := m.data(kind, name)
	value, known := all[key]
	switch {
	case !ok:
		return fmt.Sprintf("(%s of %s %s)", key, kind, name)
	case !known:
		return "(no key " + key + ")"
	}
	return value
}

// project adds the files that a volume brings to where it is mounted, and is false
// for one that the container can write to.
func (m Manifests) project(files map[string]string, mount, volume map[string]any) bool {
	for _, s := range folders {
		if volume[s.ref] == nil {
			continue
		}
		all, ok := m.data(s.kind, text(volume, s.ref, s.name))
		if !ok {
			files[text(mount, "mountPath")] = fmt.Sprintf("(%s %s)", s.kind, text(volume, s.ref, s.name))
		}
		items := map[string]string{}
		for _, item := range elements(volume, s.ref, "items") {
			items[text(item, "path")] = all[text(item, "key")]
		}
		if volume[s.ref].(map[string]any)["items"] == nil {
			items = all
		}
		for name, content := range items {
			switch sub := text(mount, "subPath"); sub {
			case "":
				files[path.Join(text(mount, "mountPath"), name)] = content
			case name:
				files[text(mount, "mountPath")] = content
			}
		}
		return true
	}
	return false
}

// storage is where a container writes. A claim counts by what it asks for, and by
// its name where it is not contained.
func (m Manifests) storage(volume map[string]any) any {
	if volume["persistentVolumeClaim"] == nil {
		rest := maps.Clone(volume)
		delete(rest, "name")
		return rest
	}
	name := text(volume, "persistentVolumeClaim", "claimName")
	if object := m.find("PersistentVolumeClaim", name); object != nil {
		return map[string]any{"claim": claim(object, "own")}
	}
	return map[string]any{"claim": name}
}

func claim(object map[string]any, whose string) map[string]any {
	return map[string]any{
		"whose": whose, "modes": at(object, "spec", "accessModes"), "class": at(object, "spec", "storageClassName"),
		"size": at(object, "spec", "resources", "requests", "storage"),
	}
}

// effective are the files of a container as its program reads them: YAML by its
// fields, and of other configurations what is no comment.
func effective(container string, files, env map[string]string) map[string]any {
	all := map[string]any{}
	for name, content := range files {
		all[name] = content
		switch path.Ext(name) {
		case ".yml", ".yaml":
			var config map[string]any
			if err := yaml.Unmarshal([]byte(content), &config); err == nil && config != nil {
				all[name] = config
			}
		case ".conf":
			all[name] = directives(content)
		}
	}
	for _, config := range all {
		if config, ok := config.(map[string]any); ok {
			override(container, config, env)
			inline(config, all)
		}
	}
	return all
}

// directives is a configuration without comments and layout.
func directives(conf string) string {
	var kept []string
	for line := range strings.Lines(conf) {
		if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
			kept = append(kept, strings.Join(fields, " "))
		}
	}
	return strings.Join(kept, "\n")
}
