// Package meaning compares what two sets of Harbor 2.x manifests mean: what each
// container reads and where it writes, how many there are and who reaches them.
// How a value gets there does not count: from a ConfigMap, a Secret or a variable
// made of others, in a file or in a variable that wins over the file.
//
// Tests alone import it. It reads the manifests in its own way and knows neither
// internal/kube nor internal/harbor, since it is there to judge them.
package meaning

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Manifests are decoded Kubernetes objects.
type Manifests []map[string]any

// Parse reads texts of YAML documents.
func Parse(texts ...string) (Manifests, error) {
	var all Manifests
	decoder := yaml.NewDecoder(strings.NewReader(strings.Join(texts, "\n---\n")))
	for {
		var object map[string]any
		switch err := decoder.Decode(&object); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case object["kind"] != nil:
			all = append(all, object)
		}
	}
}

// Difference is something that two sets of manifests do not have in common.
type Difference struct {
	// Path says where, e.g. "core > core env > EXT_ENDPOINT": the component, and
	// from there on what its pods have; or "Service harbor > ports > 0 > port".
	Path string
	// Got and Want are "-" on the side that has nothing there.
	Got, Want string
}

func (d Difference) String() string { return fmt.Sprintf("%s: got %s, want %s", d.Path, d.Got, d.Want) }

// Compare returns in what the one set of manifests differs from the other, in the
// order of the paths.
func Compare(got, want Manifests) []Difference {
	a, b := factsOf(got), factsOf(want)
	a.dropCarriers(b)
	b.dropCarriers(a)
	a.dropMissing(b)
	b.dropMissing(a)
	paths := maps.Clone(a.values)
	maps.Copy(paths, b.values)
	var all []Difference
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		d := Difference{path, "-", "-"}
		if v, ok := a.values[path]; ok {
			d.Got = v
		}
		if v, ok := b.values[path]; ok {
			d.Want = v
		}
		if d.Got != d.Want {
			all = append(all, d)
		}
	}
	return all
}

// facts are what manifests mean: one value for each path.
type facts struct {
	values map[string]string
	// carriers are the paths of variables that others are made of.
	carriers map[string]bool
}

func factsOf(m Manifests) facts {
	f := facts{map[string]string{}, map[string]bool{}}
	for _, object := range m {
		kind, name := text(object, "kind"), text(object, "metadata", "name")
		switch kind {
		case "Deployment", "StatefulSet":
			f.addWorkload(m, object)
		case "Service":
			spec := maps.Clone(mapping(object, "spec"))
			spec["selector"] = m.selected(spec["selector"])
			f.add(spec, kind+" "+name)
		case "Ingress", "HTTPRoute":
			f.add(object["spec"], kind+" "+name)
		}
	}
	return f
}

// defaults are what Kubernetes takes for fields that say nothing: to say it is the
// same.
var defaults = map[string]string{
	"failureThreshold": "3", "imagePullPolicy": "IfNotPresent", "initialDelaySeconds": "0", "periodSeconds": "10", "privileged": "false",
	"protocol": "TCP", "readOnly": "false", "scheme": "HTTP", "strategy": "RollingUpdate", "successThreshold": "1", "timeoutSeconds": "1",
	"type": "ClusterIP",
}

// add adds a value at a path, and what is in it below that.
func (f facts) add(value any, path ...string) {
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			f.add(v, append(slices.Clone(path), key)...)
		}
	case []any:
		for i, v := range value {
			f.add(v, append(slices.Clone(path), fmt.Sprint(i))...)
		}
	case nil:
	default:
		if byDefault, ok := defaults[path[len(path)-1]]; !ok || byDefault != fmt.Sprint(value) {
			f.values[strings.Join(path, " > ")] = fmt.Sprint(value)
		}
		return
	}
	if v := fmt.Sprint(value); v == "map[]" || v == "[]" {
		f.values[strings.Join(path, " > ")] = v
	}
}

// dropCarriers drops variables that only carry a part of another one, and that
// the other side does not have.
func (f facts) dropCarriers(other facts) {
	for path := range f.carriers {
		if _, ok := other.values[path]; !ok {
			delete(f.values, path)
		}
	}
}

// dropMissing leaves of what the other side does not have at all, a component or a
// Service, that it is there.
func (f facts) dropMissing(other facts) {
	all := map[string]bool{}
	for path := range other.values {
		thing, _, _ := strings.Cut(path, " > ")
		all[thing] = true
	}
	for _, path := range slices.Collect(maps.Keys(f.values)) {
		if thing, _, _ := strings.Cut(path, " > "); !all[thing] {
			delete(f.values, path)
			f.values[thing] = "contained"
		}
	}
}

// find returns an object, nil where it is not contained.
func (m Manifests) find(kind, name string) map[string]any {
	i := slices.IndexFunc(m, func(o map[string]any) bool {
		return text(o, "kind") == kind && text(o, "metadata", "name") == name
	})
	if i < 0 {
		return nil
	}
	return m[i]
}

// at returns what stands at a path, nil where nothing does.
func at(value any, path ...string) any {
	for _, key := range path {
		m, _ := value.(map[string]any)
		value = m[key]
	}
	return value
}

func text(value any, path ...string) string {
	if v := at(value, path...); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

func mapping(value any, path ...string) map[string]any {
	m, _ := at(value, path...).(map[string]any)
	return m
}

// elements are the mappings of a sequence.
func elements(value any, path ...string) []map[string]any {
	sequence, _ := at(value, path...).([]any)
	var all []map[string]any
	for _, v := range sequence {
		if m, ok := v.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}
