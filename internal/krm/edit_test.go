package krm

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

const object = `apiVersion: v1
kind: Thing
metadata:
  name: thing
`

func TestSet(t *testing.T) {
	for name, c := range map[string]struct {
		in    string // below the object
		path  Path
		value any
		out   string
		says  string
	}{
		"number stays a number": {"spec:\n  replicas: 1\n", Path{"spec", "replicas"}, 3,
			"spec:\n  replicas: 3\n", "changed from 1 to 3"},
		"string in quotes becomes a number": {"spec:\n  replicas: \"1\"\n", Path{"spec", "replicas"}, 3,
			"spec:\n  replicas: 3\n", `changed from "1" to 3`},
		"new number": {"spec:\n  other: x\n", Path{"spec", "replicas"}, 3,
			"spec:\n  other: x\n  replicas: 3\n", "set to 3"},
		"new boolean": {"spec: {}\n", Path{"spec", "readOnly"}, false,
			"spec:\n  readOnly: false\n", "set to false"},
		"new string that looks like a number": {"data: {}\n", Path{"data", "port"}, "3306",
			"data:\n  port: \"3306\"\n", `set to "3306"`},
		"new string that YAML 1.1 takes for a boolean": {"data: {}\n", Path{"data", "user"}, "y",
			"data:\n  user: \"y\"\n", `set to "y"`},
		"string that YAML 1.1 takes for a boolean": {"data:\n  user: root\n", Path{"data", "user"}, "on",
			"data:\n  user: \"on\"\n", `changed from "root" to "on"`},
		"string that YAML 1.1 takes for a number": {"data:\n  time: root\n", Path{"data", "time"}, "12:30",
			"data:\n  time: \"12:30\"\n", `changed from "root" to "12:30"`},
		"string that YAML takes for null": {"data:\n  user: root\n", Path{"data", "user"}, "null",
			"data:\n  user: \"null\"\n", `changed from "root" to "null"`},
		"empty string": {"data:\n  user: root\n", Path{"data", "user"}, "",
			"data:\n  user: \"\"\n", `changed from "root" to ""`},
		"null becomes an empty string": {"data:\n  user:\n", Path{"data", "user"}, "",
			"data:\n  user: \"\"\n", `changed to ""`},
		"double quotes stay": {"data:\n  RESET: \"false\"\n", Path{"data", "RESET"}, "true",
			"data:\n  RESET: \"true\"\n", `changed from "false" to "true"`},
		"single quotes stay": {"data:\n  RESET: 'false'\n", Path{"data", "RESET"}, "it's",
			"data:\n  RESET: 'it''s'\n", `changed from "false" to "it's"`},
		"a block stays a block": {"data:\n  text: |\n    a\n    b\n", Path{"data", "text"}, "a\nc\n",
			"data:\n  text: |\n    a\n    c\n", `changed from "a\nb\n" to "a\nc\n"`},
		"comments stay": {"spec:\n  # above\n  replicas: 1 # behind\n  # below\n", Path{"spec", "replicas"}, 3,
			"spec:\n  # above\n  replicas: 3 # behind\n  # below\n", "changed from 1 to 3"},
		"list in place of a list": {"spec:\n  # above\n  accessModes:\n  # in it\n  - ReadWriteOnce # behind\n  size: 1\n", Path{"spec", "accessModes"}, List("ReadWriteMany"),
			"spec:\n  # above\n  accessModes:\n  - ReadWriteMany\n  size: 1\n", "changed"},
		"flow style stays": {"spec:\n  accessModes: [ReadWriteOnce]\n", Path{"spec", "accessModes"}, List("ReadWriteMany"),
			"spec:\n  accessModes: [ReadWriteMany]\n", "changed"},
		"mapping in place of a string": {"spec:\n  secret: x # why\n", Path{"spec", "secret"}, Map("name", "a"),
			"spec:\n  secret:\n    # why\n    name: a\n", "changed a"},
		"list in place of a string": {"spec:\n  modes: x # why\n", Path{"spec", "modes"}, List("a"),
			"spec:\n  modes:\n  # why\n  - a\n", "changed"},
		"comment of a null parent": {"data: # why\nmore: x\n", Path{"data", "a"}, "x",
			"data: # why\n  a: x\nmore: x\n", `set to "x"`},
		"comment of a null parent of a list": {"spec:\n  env: # why\n", Path{"spec", "env", 0, "name"}, "x",
			"spec:\n  env: # why\n  - name: x\n", `set to "x"`},
		"comment of an empty mapping": {"data: {} # why\n", Path{"data", "a"}, "x",
			"data:\n  # why\n  a: x\n", `set to "x"`},
		"comment of an empty list": {"env: [] # why\n", Path{"env", 0}, Map("name", "x"),
			"env: [{name: x}] # why\n", "set x"},
		"missing parents": {"", Path{"spec", "template", "spec", "containers", 0, "name"}, "x",
			"spec:\n  template:\n    spec:\n      containers:\n      - name: x\n", `set to "x"`},
		"null parent": {"data:\n", Path{"data", "a"}, "x",
			"data:\n  a: x\n", `set to "x"`},
		"null parent of a list": {"spec:\n  env: ~\n", Path{"spec", "env", 0}, Map("name", "a", "value", "b"),
			"spec:\n  env:\n  - name: a\n    value: b\n", "set a"},
		"empty parent in flow style": {"data: {}\n", Path{"data", "a"}, "x",
			"data:\n  a: x\n", `set to "x"`},
		"parent in flow style": {"data: {b: y}\n", Path{"data", "a"}, "x",
			"data: {b: y, a: x}\n", `set to "x"`},
		"element behind the last one": {"env:\n- name: a\n", Path{"env", 1}, Map("name", "b"),
			"env:\n- name: a\n- name: b\n", "set b"},
		"element in the middle": {"env:\n- name: a\n- name: b # keep\n- name: c\n", Path{"env", 1, "name"}, "d",
			"env:\n- name: a\n- name: d # keep\n- name: c\n", `changed from "b" to "d"`},
		"where kyaml's order has it": {"spec:\n  image: x\n  ports: []\n", Path{"spec", "command"}, List("a"),
			"spec:\n  image: x\n  command:\n  - a\n  ports: []\n", "set"},
		"key with a dot": {"data:\n  config.yml: a\n", Path{"data", "config.yml"}, "b",
			"data:\n  config.yml: b\n", `changed from "a" to "b"`},
		"a number where there was a float": {"spec:\n  n: 1.5\n", Path{"spec", "n"}, 2,
			"spec:\n  n: 2\n", "changed"},
	} {
		t.Run(name, func(t *testing.T) {
			obj := yaml.NewRNode(node(t, object+c.in))
			list := &framework.ResourceList{}
			if err := Set(list, obj, c.value, c.path...); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(object+c.out, obj.MustString()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if len(list.Results) != 1 {
				t.Fatalf("%d findings, want one", len(list.Results))
			}
			r := list.Results[0]
			if r.Message != c.says || r.Severity != framework.Info || r.ResourceRef.Name != "thing" || r.Field.Path != c.path.String() {
				t.Errorf("finding %s %s: %s, want %s", r.ResourceRef.Name, r.Field.Path, r.Message, c.says)
			}
			// What was set is there, and setting it again is no edit.
			if got := Lookup(yaml.NewRNode(node(t, obj.MustString())), c.path...); !Equal(got, nodeOf(c.value)) {
				t.Errorf("reads back as %s", yaml.NewRNode(got).MustString())
			}
			if err := Set(list, obj, c.value, c.path...); err != nil || len(list.Results) != 1 {
				t.Errorf("again: error %v, %d findings", err, len(list.Results))
			}
		})
	}
}

// TestSetRefuses checks that no edit goes through something that it would
// destroy.
func TestSetRefuses(t *testing.T) {
	for _, c := range []struct {
		in   string
		path Path
		want string
	}{
		{"spec: text\n", Path{"spec", "replicas"}, "Thing thing: spec is a string, want a mapping"},
		{"spec: [a]\n", Path{"spec", "replicas"}, "Thing thing: spec is a list, want a mapping"},
		{"spec:\n  a: 3\n", Path{"spec", "a", "b", "c"}, "Thing thing: spec.a is a number, want a mapping"},
		{"env:\n  a: b\n", Path{"env", 0}, "Thing thing: env is a mapping, want a list"},
		{"env: true\n", Path{"env", 0, "name"}, "Thing thing: env is a boolean, want a list"},
		{"env:\n- a\n", Path{"env", 2}, "Thing thing: env has 1 elements, there can be no number 2"},
	} {
		obj := yaml.NewRNode(node(t, object+c.in))
		list := &framework.ResourceList{}
		err := Set(list, obj, "x", c.path...)
		if err == nil || err.Error() != c.want || len(list.Results) != 0 {
			t.Errorf("%s: error %v and %d findings, want %s", c.in, err, len(list.Results), c.want)
		}
	}
}

func TestSetSecret(t *testing.T) {
	for _, in := range []string{"data:\n  password: old-secret\n", "data: {}\n", ""} {
		obj := yaml.NewRNode(node(t, object+in))
		list := &framework.ResourceList{}
		if err := SetSecret(list, obj, "new-secret", "data", "password"); err != nil {
			t.Fatal(err)
		}
		if Text(obj, "data", "password") != "new-secret" {
			t.Error("the value is not set")
		}
		if told := yamlOf(t, list.Results); strings.Contains(told, "secret") || !strings.Contains(told, "data.password") {
			t.Errorf("the finding:\n%s", told)
		}
	}
}

func TestRemove(t *testing.T) {
	for _, c := range []struct {
		in   string
		path Path
		out  string
	}{
		{"spec:\n  a: 1\n  # of b\n  b: 2 # behind b\n  c: 3\n", Path{"spec", "b"}, "spec:\n  a: 1\n  c: 3\n"},
		{"env:\n- name: a\n- name: b\n", Path{"env", 0}, "env:\n- name: b\n"},
		{"data:\n  password: secret\n", Path{"data", "password"}, "data: {}\n"},
		{"spec: {}\n", Path{"spec", "b"}, ""}, // nothing to remove
		{"spec: text\n", Path{"spec", "b"}, ""},
		{"env: []\n", Path{"env", 0}, ""},
		{"", Path{"spec", "b", "c"}, ""},
	} {
		obj := yaml.NewRNode(node(t, object+c.in))
		list := &framework.ResourceList{}
		Remove(list, obj, c.path...)
		want, findings := object+c.out, 1
		if c.out == "" {
			want, findings = object+c.in, 0
		}
		if d := cmp.Diff(want, obj.MustString()); d != "" || len(list.Results) != findings {
			t.Errorf("%s: %d findings, -want +got:\n%s", c.in, len(list.Results), d)
		}
		if told := yamlOf(t, list.Results); strings.Contains(told, "secret") {
			t.Errorf("the finding shows the value:\n%s", told)
		}
	}
}

func TestAddAndDelete(t *testing.T) {
	a := yaml.MustParse("apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  annotations:\n    internal.config.kubernetes.io/path: dir/a.yaml\n    internal.config.kubernetes.io/index: '3'\n")
	b := yaml.MustParse("apiVersion: v1\nkind: B\nmetadata: {name: b}\n")
	list := &framework.ResourceList{Items: []*yaml.RNode{a, b}}
	names := func() string {
		var all []string
		for _, item := range list.Items {
			all = append(all, item.GetName())
		}
		return strings.Join(all, " ")
	}

	c := yaml.NewRNode(Map("apiVersion", "v1", "kind", "C", "metadata", Map("name", "c")))
	Add(list, c, a)
	d := yaml.NewRNode(Map("apiVersion", "v1", "kind", "D", "metadata", Map("name", "d")))
	Add(list, d, b)
	e := yaml.NewRNode(Map("apiVersion", "v1", "kind", "E", "metadata", Map("name", "e")))
	Add(list, e, c)
	if names() != "a c e b d" {
		t.Errorf("the items are %s", names())
	}
	// kpt writes it to the file of the other one, and takes no index twice.
	for i, obj := range []*yaml.RNode{c, e} {
		want := map[string]string{"internal.config.kubernetes.io/path": "dir/a.yaml", "internal.config.kubernetes.io/index": strconv.Itoa(4 + i)}
		if d := cmp.Diff(want, obj.GetAnnotations()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	}
	if len(d.GetAnnotations()) != 0 {
		t.Errorf("annotations %v", d.GetAnnotations())
	}

	Delete(list, a, "%s led to it", "X")
	Delete(list, a, "") // is gone already
	Delete(list, d, "it was needless")
	if names() != "c e b" {
		t.Errorf("the items are %s", names())
	}
	var told []string
	for _, r := range list.Results {
		told = append(told, string(r.Severity)+" "+r.ResourceRef.Kind+" "+r.Message)
	}
	want := []string{"info C object added", "info D object added", "info E object added", "info A removed A a: X led to it", "info D removed D d: it was needless"}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if file := list.Results[3].File; file == nil || *file != (framework.File{Path: "dir/a.yaml", Index: 3}) {
		t.Errorf("file %v", file)
	}
}

func yamlOf(t testing.TB, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
