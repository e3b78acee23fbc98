package report

import (
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

const manifests = `# first line
apiVersion: v1
kind: Service
metadata:
  name: nginx
spec:
  ports:
  - name: http
    port: 80
  - {name: https, port: 443}
---
# nothing here
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: settings
    namespace: a
    annotations: {origin: here}
  data: &data
    config.yml: |
      a: b
    "x\"]y": z
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: settings, namespace: b}
  data: *data
`

func TestPlaces(t *testing.T) {
	places := Read("a.yaml", []byte(manifests))
	if len(places) != 3 {
		t.Fatalf("%d objects, want 3", len(places))
	}
	if got := places[1].Annotation("origin"); got != "here" {
		t.Errorf("annotation %q", got)
	}
	for _, c := range []struct {
		ref   *yaml.ResourceIdentifier
		field string
		index int
		line  int // 0: not found
	}{
		{ref("v1", "Service", "", "nginx"), "", 0, 2},
		{ref("v1", "Service", "", "nginx"), "spec", 0, 6},
		{ref("v1", "Service", "", "nginx"), "spec.ports[0].port", 0, 9},
		{ref("v1", "Service", "", "nginx"), "spec.ports[1].port", 0, 10},
		{ref("v1", "Service", "", "nginx"), "spec.ports[2].port", 0, 7},
		{ref("v1", "Service", "", "nginx"), "spec.type", 0, 6},
		{ref("v1", "Service", "", "nginx"), "spec.ports.name", 0, 7},
		{ref("v1", "Service", "", "nginx"), "metadata.name.more", 0, 5},
		{ref("v1", "Service", "", "nginx"), "[0", 0, 2},
		{ref("v1", "Service", "set-by-kustomize", "nginx"), "spec", 0, 6},
		{ref("v1", "ConfigMap", "a", "settings"), `data["config.yml"]`, 1, 24},
		{ref("v1", "ConfigMap", "a", "settings"), `data["x\"]y"]`, 1, 26},
		{ref("v1", "ConfigMap", "b", "settings"), `data["config.yml"].a`, 1, 24},
		{ref("v1", "ConfigMap", "b", "settings"), "metadata", 1, 29},
		{ref("v1", "ConfigMap", "", "settings"), "", 0, 0}, // a or b?
		{ref("v1", "ConfigMap", "", "other"), "", 0, 0},
		{ref("apps/v1", "Service", "", "nginx"), "", 0, 0},
	} {
		place, found := places.Find(*c.ref)
		if found != (c.line > 0) {
			t.Errorf("%v: found %v", c.ref, found)
		} else if found && (place.Line(c.field) != c.line || place.File.Index != c.index || place.File.Path != "a.yaml") {
			t.Errorf("%v %s: document %d line %d, want %d and %d", c.ref, c.field, place.File.Index, place.Line(c.field), c.index, c.line)
		}
	}
}

// A function has put a container before the one of the file, and a variable
// between the two that it had.
func TestLineFrom(t *testing.T) {
	const before = `kind: Pod
spec:
  containers:
  - name: ui
    env:
    - name: A
      value: a
    - name: B
      value: b
    args: [x]
`
	const after = `{kind: Pod, spec: {containers: [
  {name: sidecar, args: [y]},
  {name: ui, args: [x, y], env: [{name: A, value: a}, {name: NEW, value: c}, {name: B, value: b}]}]}}`
	file, rendered := Read("a.yaml", []byte(before))[0], Read("", []byte(after))[0]
	for field, want := range map[string]int{
		"spec.containers[1].env[0].value": 7,
		"spec.containers[1].env[2].value": 9,
		"spec.containers[1].env[2].other": 8,
		"spec.containers[1].env[1].value": 5,
		"spec.containers[1].env[9].value": 5,
		"spec.containers[0].args[0]":      3,
		"spec.containers[1].args[1]":      10,
		"spec.volumes[0]":                 2,
		"":                                1,
	} {
		if got := file.LineFrom(rendered, field); got != want {
			t.Errorf("%q stands in line %d, want %d", field, got, want)
		}
	}
}

// What cannot be read has no places, and does no harm.
func TestUnreadable(t *testing.T) {
	for content, want := range map[string]int{
		"":                                    0,
		"text":                                0,
		"- a":                                 0,
		"kind: List":                          0,
		"kind: List\nitems: text":             0,
		"kind: List\nitems: [1, null]":        0,
		"kind: A\n---\na: [\n":                1,
		"a: &a\n  b: *a\n":                    0,
		"kind: ResourceList\nitems: [{a: b}]": 1,
		"kind: [List]\nmetadata: [name]\n":    1,
		"kind: A\nmetadata: {name: {a: b}}\n": 1,
	} {
		places := Read("a.yaml", []byte(content))
		if len(places) != want {
			t.Errorf("%q: %d objects, want %d", content, len(places), want)
		}
		for _, p := range places {
			p.Line("a.b.b.b[0].c")
			p.LineFrom(places[0], "items[0].a")
			p.Annotation("a")
		}
	}
}

func TestShared(t *testing.T) {
	a := Read("a", []byte("kind: A\nmetadata: {name: x}\n---\nkind: A\nmetadata: {generateName: y}\n"))
	b := Read("b", []byte("kind: A\nmetadata: {generateName: y}\n---\nkind: A\nmetadata: {name: x, namespace: n}\n"))
	if _, found := a.Shared(b); found {
		t.Error("found what is not there")
	}
	place, found := a.Shared(a)
	if !found || place.Ref.Name != "x" {
		t.Errorf("found %v", place.Ref)
	}
}

// FuzzPlaces: no text and no field path is too strange.
func FuzzPlaces(f *testing.F) {
	f.Add(manifests, "spec.ports[0].port")
	f.Add("kind: ResourceList\nitems: []\n", `data["a\"]"]`)
	f.Add("a: &a [*a]\n", "a[0][0]")
	f.Fuzz(func(t *testing.T, content, field string) {
		for _, p := range Read("a.yaml", []byte(content)) {
			if p.Line(field) < 0 || p.LineFrom(Read("", []byte(manifests))[0], field) < 0 {
				t.Error("negative line")
			}
		}
	})
}
