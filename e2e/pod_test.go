package e2e

import (
	"encoding/base64"
	"path"
	"regexp"
	"strings"
	"testing"
)

// pod is one pod of a workload as a kubelet would start it: what its main
// container runs, and what it finds in its environment and in its files.
type pod struct {
	image         string
	command, args []string // in place of the image's ENTRYPOINT and CMD
	services      []string // names that lead to this pod
	env           map[string]string
	files         map[string]string // by path; of ConfigMaps and Secrets only
	folders       []string          // where these are mounted
	claims        map[string]string // names of claims by where they are mounted
}

// podOf resolves every reference of the workload's first container. One that
// leads nowhere fails the test, as it keeps a pod from starting.
func podOf(t *testing.T, all []object, kind, workload string) pod {
	t.Helper()
	k := kubelet{t: t, objects: map[string]object{}}
	for _, obj := range all {
		k.objects[name(obj)] = obj
	}
	template := at(k.find(kind, workload), "spec", "template")
	spec := at(template, "spec")
	container, _ := list(spec["containers"])[0].(object)
	p := pod{
		image:    text(container, "image"),
		services: k.services(at(template, "metadata", "labels")),
		env:      k.environment(container),
		files:    map[string]string{},
		claims:   map[string]string{},
	}
	p.command, p.args = texts(container["command"], p.env), texts(container["args"], p.env)
	k.mount(&p, spec, container)
	return p
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
		value := expand(text(entry, "value"), env)
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

// expand replaces $(NAME) by the variable where there is one.
func expand(s string, env map[string]string) string {
	return variable.ReplaceAllStringFunc(s, func(ref string) string {
		if known, ok := env[strings.Trim(ref, "$()")]; ok {
			return known
		}
		return strings.Replace(ref, "$$", "$", 1)
	})
}

// services returns the names of the Services that select a pod.
func (k kubelet) services(labels object) []string {
	var names []string
	for _, obj := range k.objects {
		selector := at(obj, "spec", "selector")
		selected := obj["kind"] == "Service" && len(selector) > 0
		for key, value := range selector {
			selected = selected && labels[key] == value
		}
		if selected {
			names = append(names, text(metadata(obj), "name"))
		}
	}
	return names
}

// mount resolves the volumes that hold ConfigMaps, Secrets and claims.
func (k kubelet) mount(p *pod, spec, container object) {
	k.t.Helper()
	volumes := map[string]object{}
	for _, v := range list(spec["volumes"]) {
		volume, _ := v.(object)
		volumes[text(volume, "name")] = volume
	}
	for _, m := range list(container["volumeMounts"]) {
		mount, _ := m.(object)
		mountPath, volume := text(mount, "mountPath"), volumes[text(mount, "name")]
		if claim := text(at(volume, "persistentVolumeClaim"), "claimName"); claim != "" {
			k.find("PersistentVolumeClaim", claim)
			p.claims[mountPath] = claim
			continue
		}
		files := k.volume(volume)
		if len(files) == 0 || mount["subPath"] != nil {
			k.t.Fatalf("the mount at %s is of a kind that this test does not know: %v", mountPath, volume)
		}
		p.folders = append(p.folders, mountPath)
		for file, content := range files {
			p.files[path.Join(mountPath, file)] = content
		}
	}
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

// texts returns a list of strings with their variables expanded.
func texts(v any, env map[string]string) []string {
	var all []string
	for _, item := range list(v) {
		s, _ := item.(string)
		all = append(all, expand(s, env))
	}
	return all
}
