package krm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TestReport checks that a finding keeps to the specification: a field only with
// the reference to an object, a reference only when it is complete. What has no
// place of its own then stands in the message.
func TestReport(t *testing.T) {
	list := &framework.ResourceList{}
	field := Path{"spec", "replicas"}
	Warn(list, yaml.MustParse("apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: ns}\n"), field, "is %d", 1)
	Warn(list, yaml.MustParse("apiVersion: v1\nkind: A\nmetadata: {generateName: a-}\n"), field, "is %d", 2)
	Warn(list, yaml.MustParse("kind: A\nmetadata: {name: a}\n"), nil, "is %d", 3)
	Warn(list, nil, nil, "is %d", 4)
	Warn(list, nil, field, "is %d", 5)
	want := `- message: is 1
  severity: warning
  resourceRef:
    apiVersion: v1
    kind: A
    name: a
    namespace: ns
  field:
    path: spec.replicas
- message: 'A spec.replicas: is 2'
  severity: warning
- message: is 3
  severity: warning
- message: is 4
  severity: warning
- message: 'spec.replicas: is 5'
  severity: warning
`
	if d := cmp.Diff(want, yamlOf(t, list.Results)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestFileOf(t *testing.T) {
	for annotations, want := range map[string]*framework.File{
		"{internal.config.kubernetes.io/path: a/b.yaml, internal.config.kubernetes.io/index: '2'}": {Path: "a/b.yaml", Index: 2},
		"{internal.config.kubernetes.io/path: a/b.yaml}":                                           {Path: "a/b.yaml"},
		"{config.kubernetes.io/path: a/b.yaml, config.kubernetes.io/index: 2}":                     {Path: "a/b.yaml", Index: 2},
		"{internal.config.kubernetes.io/path: a, config.kubernetes.io/path: b}":                    {Path: "a"},
		"{config.kubernetes.io/origin: 'path: a.yaml'}":                                            {Path: "a.yaml"},
		"{config.kubernetes.io/origin: \"configuredIn: a\\nconfiguredBy: {kind: X}\"}":             nil,
		"{config.kubernetes.io/origin: '[a'}":                                                      nil,
		"{config.kubernetes.io/index: '2'}":                                                        nil,
		"{}":                                                                                       nil,
		"":                                                                                         nil,
	} {
		got := fileOf(yaml.MustParse(object + "  annotations: " + annotations + "\n"))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", annotations, d)
		}
	}
	if fileOf(nil) != nil {
		t.Error("no object has a file")
	}
}
