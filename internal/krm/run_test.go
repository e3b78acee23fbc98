package krm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
)

// Edit is a function for the tests: it sets data.key of the objects named,
// renames one, takes one away, and fails when asked to.
type Edit struct {
	Set    map[string]string `yaml:"set"`
	Rename map[string]string `yaml:"rename"`
	Delete string            `yaml:"delete"`
	Warn   string            `yaml:"warn"`
	Fail   string            `yaml:"fail"`
}

func (e *Edit) Validate() error {
	if e.Fail == "validate" {
		return errors.Join(FieldErrorf("fail", "one"), Under("set", FieldErrorf("[\"x\"]", "two")))
	}
	return nil
}

func (e *Edit) Run(list *framework.ResourceList) error {
	for _, obj := range slices.Clone(list.Items) {
		if value, ok := e.Set[obj.GetName()]; ok {
			if err := Set(list, obj, value, "data", "key"); err != nil {
				return err
			}
		}
		if name, ok := e.Rename[obj.GetName()]; ok {
			if err := Set(list, obj, name, "metadata", "name"); err != nil {
				return err
			}
		}
		if e.Delete != "" && obj.GetName() == e.Delete {
			Delete(list, obj, "e.Delete is set")
		}
	}
	if e.Warn != "" {
		Warn(list, list.Items[0], nil, "%s", e.Warn)
	}
	switch e.Fail {
	case "":
		return nil
	case "it":
		return errors.New("it")
	case "finding":
		Report(list, framework.Error, list.Items[0], Path{"data"}, "is found")
		Report(list, framework.Info, list.Items[0], nil, "look at it").Tags = map[string]string{"rule": "L01"}
		return nil
	case "object":
		return Fault(list.Items[0], Path{"data"}, "is wrong")
	case "field":
		return FieldErrorf("fail", "is wrong")
	}
	return errors.Join(errors.New(e.Fail), errors.New("and more"))
}

var catalog = Catalog{APIVersion: "test.krmfn.dev/v1", Functions: []Function{{Name: "edit", New: func() Runner { return &Edit{} }}}}

// listOf is a ResourceList of these items with a config of edit.
func listOf(items, spec string) string {
	return "apiVersion: config.kubernetes.io/v1\nitems:\n" + items +
		"functionConfig:\n  apiVersion: test.krmfn.dev/v1\n  kind: Edit\n  metadata:\n    name: e\n  spec: " + spec + "\nkind: ResourceList\n"
}

func item(name, more string) string {
	return "- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: " + name + "\n" + more
}

// TestFailure checks that nothing half done goes out: the items come back as
// they came in, edits are not reported, warnings are.
func TestFailure(t *testing.T) {
	items := item("a", "  data:\n    key: old # comment\n") + item("b", "") + item("c", "  data: &d {}\n  more: *d\n")
	for fail, want := range map[string][]string{
		"validate": {"error Edit e spec.fail: one", `error Edit e spec.set["x"]: two`},
		"object":   {"warning ConfigMap new : careful", "error ConfigMap new data: is wrong"},
		"field":    {"warning ConfigMap new : careful", "error Edit e spec.fail: is wrong"},
		"finding":  {"warning ConfigMap new : careful", "error ConfigMap new data: is found", "info ConfigMap new : look at it"},
		"both":     {"warning ConfigMap new : careful", "error Edit e : both", "error Edit e : and more"},
	} {
		spec := "{set: {a: new, c: new}, rename: {a: new}, delete: b, warn: careful, fail: " + fail + "}"
		o := catalog.Run([]byte(listOf(items, spec)), "")
		if !o.Failed() || o.Function != "edit" || o.Config != "Edit e" {
			t.Errorf("failed %t, function %q, config %q", o.Failed(), o.Function, o.Config)
		}
		if want := strings.TrimSuffix(listOf(items, spec), "kind: ResourceList\n"); !strings.HasPrefix(string(o.Output), want) {
			t.Errorf("%s:\n%s", fail, cmp.Diff(want, string(o.Output)))
		}
		if d := cmp.Diff(want, told(o)); d != "" {
			t.Errorf("%s: -want +got:\n%s", fail, d)
		}
	}
}

func told(o Outcome) []string {
	var all []string
	for _, r := range o.Findings {
		object, field := "", ""
		if r.ResourceRef != nil {
			object = r.ResourceRef.Kind + " " + r.ResourceRef.Name
		}
		if r.Field != nil {
			field = r.Field.Path
		}
		all = append(all, fmt.Sprintf("%s %s %s: %s", r.Severity, object, field, r.Message))
	}
	return all
}
