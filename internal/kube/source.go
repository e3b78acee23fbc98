package kube

import (
	"encoding/base64"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Source is what a pod refers to: a key of a ConfigMap or Secret, all its keys
// (Key is ""), or a PersistentVolumeClaim.
type Source struct {
	Kind, Name, Key string
	Optional        bool
	Object          *yaml.RNode // nil when it is not in the list
	Path            krm.Path    // leads to the reference in the workload
}

// Same says whether both mean the same key of the same object.
func (s Source) Same(t Source) bool {
	return s.Kind != "" && s.Kind == t.Kind && s.Name == t.Name && s.Key == t.Key
}

// Value is the text of a variable or a file, as far as the list shows it.
type Value struct {
	// Text is the value. Hidden stands in it for what the list does not show.
	Text string
	// Known says that Text is all of it.
	Known bool
	// Broken says that it refers to a key that its object does not have.
	Broken bool
	// Source is where it is read from, zero for a literal.
	Source Source
	// Entry leads to the entry of env or envFrom that a variable is set by.
	Entry krm.Path
	// Maybe says that it is not known to be set: an object that is not in the list
	// may set it.
	Maybe bool
	// Unseen are the sources that the list does not show, also those of the
	// variables that a literal refers to.
	Unseen []Source
	// Secret says that a part of it comes from a Secret: it is not to be shown.
	Secret bool
}

// Hidden stands in a value for a part that the list does not show.
const Hidden = "\uFFFC"

func literal(text string) Value { return Value{Text: text, Known: true} }

func unseen(s Source) Value {
	return Value{Text: Hidden, Source: s, Unseen: []Source{s}, Secret: s.Kind == "Secret"}
}

// Keys returns the names of what a ConfigMap or Secret holds, sorted.
func Keys(obj *yaml.RNode) []string {
	var keys []string
	for _, field := range []string{"data", "binaryData", "stringData"} {
		keys = append(keys, slices.Collect(maps.Keys(krm.Strings(obj, field)))...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// KeyPath leads to a key of a ConfigMap or Secret.
func KeyPath(obj *yaml.RNode, key string) krm.Path {
	for _, field := range []string{"stringData", "binaryData"} {
		if krm.Lookup(obj, field, key) != nil {
			return krm.Path{field, key}
		}
	}
	return krm.Path{"data", key}
}

// content is the value of a key, and whether the object has it.
func content(obj *yaml.RNode, s Source) (Value, bool) {
	at := KeyPath(obj, s.Key)
	if krm.Lookup(obj, at...) == nil {
		return Value{}, false
	}
	text := krm.Text(obj, at...)
	if at[0] == "binaryData" || at[0] == "data" && obj.GetKind() == "Secret" {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return unseen(s), true
		}
		text = string(decoded)
	}
	return Value{Text: text, Known: true, Source: s, Secret: s.Kind == "Secret"}, true
}

// value is what the source gives, and false when an optional key is not there.
func (s Source) value() (Value, bool) {
	if s.Object == nil {
		return unseen(s), true
	}
	v, found := content(s.Object, s)
	if !found {
		return Value{Broken: !s.Optional, Source: s}, !s.Optional
	}
	return v, true
}

// source reads a reference at the path: where its name and, but for a reference
// to all keys, its key stand.
func (w Workload) source(objects *finder, kind string, at krm.Path, nameField string, key string) Source {
	s := Source{
		Kind: kind, Name: krm.Text(w.RNode, at.Append(nameField)...), Key: key,
		Optional: krm.Text(w.RNode, at.Append("optional")...) == "true", Path: at,
	}
	s.Object = objects.find(kind, w.GetNamespace(), s.Name)
	return s
}

// State says whether a file is there.
type State int

// Absent: no, as far as mounts decide it. Present: yes. Unsure: the list does
// not show it.
const (
	Absent State = iota
	Present
	Unsure
)

// Place is what a container finds at a path.
type Place struct {
	Mount *Mount // the mount that the path is in; nil: the image
	State State
	Value Value
}

// At says what the container finds at the path of a file.
func (c Container) At(list *framework.ResourceList, file string) Place {
	m, ok := c.MountOf(file)
	if !ok {
		return Place{}
	}
	if krm.Lookup(c.RNode, m.Path.Append("subPathExpr")...) != nil {
		return Place{Mount: &m, State: Unsure}
	}
	entries, complete := c.entries(newFinder(list), m)
	inner := path.Join(m.SubPath, strings.TrimPrefix(strings.TrimPrefix(path.Clean(file), path.Clean(m.MountPath)), "/"))
	for _, e := range slices.Backward(entries) {
		if e.name == inner {
			return Place{Mount: &m, State: Present, Value: e.value}
		}
	}
	if !complete {
		return Place{Mount: &m, State: Unsure}
	}
	return Place{Mount: &m}
}

// MountOf returns the mount that a path is in: the deepest one.
func (c Container) MountOf(file string) (Mount, bool) {
	var deepest Mount
	found := false
	for _, m := range c.Mounts() {
		at := path.Clean(m.MountPath)
		if below(file, at) && (!found || len(at) >= len(path.Clean(deepest.MountPath))) {
			deepest, found = m, true
		}
	}
	return deepest, found
}

// below says whether a path is the folder or in it.
func below(file, folder string) bool {
	file = path.Clean(file)
	return file == folder || folder == "/" || strings.HasPrefix(file, folder+"/")
}

// Delivered is a file that a ConfigMap or Secret puts into a container.
type Delivered struct {
	Mount Mount
	Name  string // of the file in the volume
	Path  string // of the file in the container
	Value Value
}

// Delivered returns all such files that the list shows.
func (c Container) Delivered(list *framework.ResourceList) []Delivered {
	var all []Delivered
	objects := newFinder(list)
	for _, m := range c.Mounts() {
		entries, _ := c.entries(objects, m)
		for _, e := range entries {
			below := e.name
			if m.SubPath != "" {
				var within bool
				below, within = strings.CutPrefix(e.name, path.Clean(m.SubPath))
				if !within || below != "" && below[0] != '/' {
					continue
				}
			}
			all = append(all, Delivered{Mount: m, Name: e.name, Path: path.Join(m.MountPath, below), Value: e.value})
		}
	}
	return all
}

// entry is a file of a volume.
type entry struct {
	name  string
	value Value
}

// entries returns the files of a volume, and whether these are all.
func (c Container) entries(objects *finder, m Mount) ([]entry, bool) {
	projected := m.Volume.Append("projected", "sources")
	if krm.Lookup(c.RNode, m.Volume.Append("projected")...) == nil {
		return c.part(objects, m.Volume, "secretName")
	}
	var all []entry
	complete := true
	for i := range krm.Elements(c.RNode, projected...) {
		entries, known := c.part(objects, projected.Append(i), "name")
		all, complete = append(all, entries...), complete && known
	}
	return all, complete
}

// part returns the files of a volume, or of one source of a projected one,
// which calls the name of a Secret by another field.
func (c Container) part(objects *finder, at krm.Path, secretName string) ([]entry, bool) {
	for _, kind := range []struct{ field, kind, name string }{{"configMap", "ConfigMap", "name"}, {"secret", "Secret", secretName}} {
		if from := at.Append(kind.field); c.given(from) {
			return c.filesFrom(objects, kind.kind, from, kind.name)
		}
	}
	var all []entry
	items := at.Append("downwardAPI", "items")
	for i := range krm.Elements(c.RNode, items...) {
		all = append(all, entry{path.Clean(krm.Text(c.RNode, items.Append(i, "path")...)), Value{Text: Hidden}})
	}
	for _, token := range []string{"serviceAccountToken", "clusterTrustBundle"} {
		if name := krm.Text(c.RNode, at.Append(token, "path")...); name != "" {
			all = append(all, entry{path.Clean(name), Value{Text: Hidden}})
		}
	}
	return all, len(all) > 0
}

func (c Container) filesFrom(objects *finder, kind string, from krm.Path, nameField string) ([]entry, bool) {
	s := c.source(objects, kind, from, nameField, "")
	var all []entry
	add := func(key, name string) {
		s.Key = key
		if v, ok := s.value(); ok {
			all = append(all, entry{path.Clean(name), v})
		}
	}
	items := from.Append("items")
	if krm.Elements(c.RNode, items...) == nil {
		if s.Object == nil {
			return nil, false
		}
		for _, key := range Keys(s.Object) {
			add(key, key)
		}
		return all, true
	}
	for i := range krm.Elements(c.RNode, items...) {
		s.Path = items.Append(i)
		add(krm.Text(c.RNode, items.Append(i, "key")...), krm.Text(c.RNode, items.Append(i, "path")...))
	}
	return all, true
}

// Sources returns every ConfigMap, Secret and claim that the workload's pods
// refer to, each reference once.
func (w Workload) Sources(list *framework.ResourceList) []Source {
	var all []Source
	objects := newFinder(list)
	for _, c := range w.Containers() {
		all = append(all, c.variableSources(objects)...)
	}
	volumes := w.Pod.Append("volumes")
	for i := range krm.Elements(w.RNode, volumes...) {
		at := volumes.Append(i)
		all = append(all, w.volumeSources(objects, at, "secretName")...)
		for j := range krm.Elements(w.RNode, at.Append("projected", "sources")...) {
			all = append(all, w.volumeSources(objects, at.Append("projected", "sources", j), "name")...)
		}
	}
	return all
}

// VariableSources returns the ConfigMaps and Secrets of the container's
// environment: first of envFrom, all keys, then of env.
func (c Container) VariableSources(list *framework.ResourceList) []Source {
	return c.variableSources(newFinder(list))
}

func (c Container) variableSources(objects *finder) []Source {
	var all []Source
	for i := range krm.Elements(c.RNode, c.Path.Append("envFrom")...) {
		for _, ref := range allReferences {
			if from := c.Path.Append("envFrom", i, ref[0]); krm.Lookup(c.RNode, from...) != nil {
				all = append(all, c.source(objects, ref[1], from, "name", ""))
			}
		}
	}
	for i := range krm.Elements(c.RNode, c.Path.Append("env")...) {
		for _, ref := range keyReferences {
			if from := c.Path.Append("env", i, "valueFrom", ref[0]); krm.Lookup(c.RNode, from...) != nil {
				all = append(all, c.source(objects, ref[1], from, "name", krm.Text(c.RNode, from.Append("key")...)))
			}
		}
	}
	return all
}

func (w Workload) volumeSources(objects *finder, at krm.Path, secretName string) []Source {
	var all []Source
	for _, kind := range []struct{ field, kind, name string }{{"configMap", "ConfigMap", "name"}, {"secret", "Secret", secretName}} {
		from := at.Append(kind.field)
		if !w.given(from) {
			continue
		}
		items := krm.Elements(w.RNode, from.Append("items")...)
		s := w.source(objects, kind.kind, from, kind.name, "")
		if len(items) == 0 {
			all = append(all, s)
		}
		for i := range items {
			s.Path = from.Append("items", i)
			s.Key = krm.Text(w.RNode, s.Path.Append("key")...)
			all = append(all, s)
		}
	}
	claim := at.Append("persistentVolumeClaim")
	if name := krm.Text(w.RNode, claim.Append("claimName")...); name != "" {
		all = append(all, Source{Kind: "PersistentVolumeClaim", Name: name, Path: claim.Append("claimName"),
			Object: objects.find("PersistentVolumeClaim", w.GetNamespace(), name)})
	}
	return all
}
