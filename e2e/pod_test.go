package e2e

import (
	"encoding/base64"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pod is one pod of a workload as a kubelet would start it: what one container
// runs, and what it finds in its environment and in its files.
type pod struct {
	image         string
	command, args []string // in place of the image's ENTRYPOINT and CMD
	services      []string // names that lead to this pod
	env           map[string]string
	files         map[string]string // by path; of ConfigMaps and Secrets only
	mounts        []string          // folders and files where these are mounted
	claims        map[string]string // names of claims by where they are mounted
	user, group   string            // of the processes, and of the files in claims; "" as the image has them
}

// podOf resolves every reference of the workload's first container. One that
// leads nowhere fails the test, as it keeps a pod from starting.
func podOf(t *testing.T, all []object, kind, workload string) pod {
	t.Helper()
	return containerOf(t, all, kind, workload, "")
}

// containerOf is podOf for the container of a name.
func containerOf(t *testing.T, all []object, kind, workload, called string) pod {
	t.Helper()
	k := kubelet{t: t, objects: byName(all)}
	obj := k.find(kind, workload)
	template := at(obj, "spec", "template")
	spec := at(template, "spec")
	i := slices.IndexFunc(list(spec["containers"]), func(c any) bool {
		container, _ := c.(object)
		return called == "" || text(container, "name") == called
	})
	if i < 0 {
		t.Fatalf("%s %s has no container %s", kind, workload, called)
	}
	container, _ := list(spec["containers"])[i].(object)
	p := pod{
		user:     number(at(spec, "securityContext")["runAsUser"]),
		group:    number(at(spec, "securityContext")["fsGroup"]),
		image:    text(container, "image"),
		services: k.services(at(template, "metadata", "labels")),
		env:      k.environment(container),
		files:    map[string]string{},
		claims:   map[string]string{},
	}
	p.command, p.args = texts(container["command"], p.env), texts(container["args"], p.env)
	k.mount(&p, obj, container)
	return p
}

func byName(all []object) map[string]object {
	objects := map[string]object{}
	for _, obj := range all {
		objects[name(obj)] = obj
	}
	return objects
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

// environment resolves envFrom, and then env in its order: a value can refer to
// what stands before it.
func (k kubelet) environment(container object) map[string]string {
	env := map[string]string{}
	for _, f := range list(container["envFrom"]) {
		from, _ := f.(object)
		for kind, ref := range map[string]object{"ConfigMap": at(from, "configMapRef"), "Secret": at(from, "secretRef")} {
			if len(ref) > 0 {
				maps.Copy(env, k.data(kind, text(ref, "name")))
			}
		}
	}
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
func (k kubelet) mount(p *pod, workload, container object) {
	k.t.Helper()
	volumes, own := map[string]object{}, map[string]bool{}
	for _, c := range list(at(workload, "spec")["volumeClaimTemplates"]) {
		claim, _ := c.(object)
		own[text(metadata(claim), "name")] = true
	}
	for _, v := range list(at(workload, "spec", "template", "spec")["volumes"]) {
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
		if volume["emptyDir"] != nil || own[text(mount, "name")] {
			continue // empty, and of this pod alone
		}
		files := k.volume(volume)
		if file := text(mount, "subPath"); file != "" {
			content, ok := files[file]
			if !ok {
				k.t.Fatalf("the mount at %s is of %s, which its volume does not hold: %v", mountPath, file, volume)
			}
			p.mounts = append(p.mounts, mountPath)
			p.files[mountPath] = content
			continue
		}
		if len(files) == 0 {
			k.t.Fatalf("the mount at %s is of a kind that this test does not know: %v", mountPath, volume)
		}
		p.mounts = append(p.mounts, mountPath)
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
	if source["items"] == nil {
		maps.Copy(files, data)
	}
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

// number is a whole number as text, "" where there is none.
func number(v any) string {
	if n, ok := v.(int); ok {
		return strconv.Itoa(n)
	}
	return ""
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
