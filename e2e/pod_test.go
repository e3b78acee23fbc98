package e2e

import (
	"encoding/base64"
	"path"
	"regexp"
	"strings"
	"testing"
)

// pod is one pod of a workload as a kubelet would start it: what its main
// container finds in its environment and in its files.
type pod struct {
	env   map[string]string
	files map[string]string // by path; of ConfigMaps and Secrets only
}

// podOf resolves every reference of the workload's first container. One that
// leads nowhere fails the test, as it keeps a pod from starting.
func podOf(t *testing.T, all []object, kind, workload string) pod {
	t.Helper()
	k := kubelet{t: t, objects: map[string]object{}}
	for _, obj := range all {
		k.objects[name(obj)] = obj
	}
	spec := at(k.find(kind, workload), "spec", "template", "spec")
	container, _ := list(spec["containers"])[0].(object)
	return pod{env: k.environment(container), files: k.files(spec, container)}
}

type kubelet struct {
	t       *testing.T
	objects map[string]object
}

func (k kubelet) find(kind, name string) object {
	k.t.Helper()
	obj, ok := k.objects[kind+" "+name]
	if !ok {
		k.t.Fatalf("there is no %s %s", kind, name)
	}
	return obj
}

// data returns what a ConfigMap or Secret holds.
func (k kubelet) data(kind, name string) map[string]string {
	k.t.Helper()
	obj, data := k.find(kind, name), map[string]string{}
	for key, value := range at(obj, "data") {
		text, _ := value.(string)
		if kind == "Secret" {
			decoded, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				k.t.Fatalf("Secret %s: %s: %v", name, key, err)
			}
			text = string(decoded)
		}
		data[key] = text
	}
	for key, value := range at(obj, "stringData") {
		data[key], _ = value.(string)
	}
	return data
}

func (k kubelet) value(kind string, ref object) string {
	k.t.Helper()
	name, key := text(ref, "name"), text(ref, "key")
	value, ok := k.data(kind, name)[key]
	if !ok {
		k.t.Fatalf("%s %s has no key %s", kind, name, key)
	}
	return value
}

var variable = regexp.MustCompile(`\$\$|\$\(([A-Za-z0-9_]+)\)`)

// environment resolves env in its order: a value can refer to what stands
// before it.
func (k kubelet) environment(container object) map[string]string {
	env := map[string]string{}
	for _, e := range list(container["env"]) {
		entry, _ := e.(object)
		from := at(entry, "valueFrom")
		_, literal := entry["value"]
		if literal && len(from) > 0 {
			k.t.Errorf("variable %s has both value and valueFrom", text(entry, "name"))
		}
		value := variable.ReplaceAllStringFunc(text(entry, "value"), func(ref string) string {
			if known, ok := env[strings.Trim(ref, "$()")]; ok {
				return known
			}
			return strings.Replace(ref, "$$", "$", 1)
		})
		if ref := at(from, "configMapKeyRef"); len(ref) > 0 {
			value = k.value("ConfigMap", ref)
		}
		if ref := at(from, "secretKeyRef"); len(ref) > 0 {
			value = k.value("Secret", ref)
		}
		env[text(entry, "name")] = value
	}
	return env
}

// files resolves the volumes that hold ConfigMaps and Secrets.
func (k kubelet) files(spec, container object) map[string]string {
	files := map[string]string{}
	for _, m := range list(container["volumeMounts"]) {
		mount, _ := m.(object)
		for _, v := range list(spec["volumes"]) {
			volume, _ := v.(object)
			if text(volume, "name") != text(mount, "name") {
				continue
			}
			for file, content := range k.volume(volume) {
				files[path.Join(text(mount, "mountPath"), file)] = content
			}
		}
	}
	return files
}

func (k kubelet) volume(volume object) map[string]string {
	files := map[string]string{}
	sources := []object{volume}
	for _, s := range list(at(volume, "projected")["sources"]) {
		source, _ := s.(object)
		sources = append(sources, source)
	}
	for _, s := range sources {
		configMap, secret := at(s, "configMap"), at(s, "secret")
		switch {
		case len(configMap) > 0:
			k.items(files, "ConfigMap", text(configMap, "name"), configMap)
		case len(secret) > 0:
			k.items(files, "Secret", text(secret, "name")+text(secret, "secretName"), secret)
		}
	}
	return files
}

func (k kubelet) items(files map[string]string, kind, name string, source object) {
	optional, _ := source["optional"].(bool)
	data := k.data(kind, name)
	for _, i := range list(source["items"]) {
		item, _ := i.(object)
		value, ok := data[text(item, "key")]
		if !ok && !optional {
			k.t.Fatalf("%s %s has no key %s", kind, name, text(item, "key"))
		}
		if ok {
			files[text(item, "path")] = value
		}
	}
}

// at goes down mappings; where one is missing, it is empty.
func at(obj object, path ...string) object {
	for _, p := range path {
		obj, _ = obj[p].(object)
	}
	return obj
}

func text(obj object, key string) string {
	s, _ := obj[key].(string)
	return s
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}
