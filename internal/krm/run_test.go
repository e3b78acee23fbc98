package krm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
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
			Delete(list, obj)
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

// TestAsRead checks that what no function changes is written as it was read.
func TestAsRead(t *testing.T) {
	anchors := item("a", "  data: &d\n    x: &x text\n    y: *x\n    <<: {z: w}\n  more:\n    <<: *d\n    v: *d\n")
	for name, in := range map[string]string{
		"comments":                            "# top\n\n" + listOf("# above\n"+item("a", "  # in a\n  data: # behind data\n    # above key\n    key: v # behind key\n    # below\n\n    last: x\n# above b\n")+item("b", ""), "{}") + "# bottom\n",
		"quotes and styles":                   listOf(item("a", "  data:\n    a: \"1\"\n    b: '2'\n    c: yes\n    d: |\n      text\n       more\n    e: >-\n      folded text\n    f: {x: [1, 2], y: ~}\n    g: 0x1F\n    h: 1_000\n    i: 012\n    j: !!str 5\n    k: !own {}\n    l: 2001-01-01\n    m:\n    n: .inf\n    \"o\": p\n"), "{}"),
		"order":                               listOf("- kind: ConfigMap\n  metadata:\n    name: a\n  zzz: 1\n  aaa: 2\n  apiVersion: v1\n", "{}"),
		"anchors":                             listOf(anchors, "{}"),
		"the same anchor twice":               listOf(anchors+strings.Replace(anchors, "name: a", "name: b", 1), "{}"),
		"merge key alone":                     listOf(item("a", "  data:\n    <<: {a: b}\n    c: <<\n"), "{}"),
		"anchor in config":                    listOf(item("a", ""), "{set: &s {b: c}, rename: *s}"),
		"v1beta1":                             strings.Replace(listOf(item("a", ""), "{}"), "/v1\n", "/v1beta1\n", 1),
		"other fields":                        "# why\nmetadata:\n  name: x\nmore: &m [1]\nyet: x\n" + listOf(item("a", ""), "{}"),
		"earlier results":                     strings.Replace(listOf(item("a", ""), "{}"), "kind: ResourceList", "results:\n# why\n- message: m\n  tags:\n    a: \"1\"\n  extra: [x]\n- severity: error\n  message: e\nkind: ResourceList", 1),
		"a List":                              listOf("- apiVersion: v1\n  kind: List\n  items:\n  - apiVersion: v1\n    kind: Pod\n", "{}"),
		"generateName":                        listOf("- apiVersion: v1\n  kind: Job\n  metadata:\n    generateName: a-\n", "{}"),
		"no metadata":                         listOf("- apiVersion: kustomize.config.k8s.io/v1beta1\n  kind: Kustomization\n", "{}"),
		"null metadata":                       listOf("- apiVersion: kpt.dev/v1\n  kind: Kptfile\n  metadata:\n", "{}"),
		"names that look like something else": listOf(item("\"1\"", "    labels:\n      a:\n      b: 1\n")+item("true", ""), "{}"),
	} {
		t.Run(name, func(t *testing.T) {
			o := catalog.Run([]byte(in), "")
			if o.Failed() {
				t.Fatal(o.Findings)
			}
			if d := cmp.Diff(in, string(o.Output)); d != "" {
				t.Errorf("-in +out:\n%s", d)
			}
		})
	}
}

// TestSameValue checks inputs that cannot be written as they were read, but with
// the same meaning.
func TestSameValue(t *testing.T) {
	in := listOf(item("a", "  data:\n    emoji: 🚀 and \"é\"\n    text: |\n      a 🚀\n    breaks: \"a\\r\\nb\\tc\\u0000\"\n    wide: [ 1,2 ]\n    list:\n      - x\n"), "{}")
	want := valueOfList(t, in)
	for name, in := range map[string]string{
		"YAML":    in,
		"BOM":     "\ufeff" + in,
		"CRLF":    strings.ReplaceAll(in, "\n", "\r\n"),
		"start":   "%YAML 1.1\n---\n" + in + "...\n",
		"JSON":    `{"kind":"ResourceList","apiVersion":"config.kubernetes.io/v1","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"emoji":"🚀 and \"é\"","text":"a 🚀\n","breaks":"a\r\nb\tc\u0000","wide":[1,2],"list":["x"]}}],"functionConfig":{"apiVersion":"test.krmfn.dev/v1","kind":"Edit","metadata":{"name":"e"},"spec":{}}}`,
		"aliases": "x: &x [x]\n" + strings.Replace(in, "list:\n      - x", "list: *x", 1),
	} {
		t.Run(name, func(t *testing.T) {
			o := catalog.Run([]byte(in), "")
			if o.Failed() {
				t.Fatal(o.Findings)
			}
			got := valueOfList(t, string(o.Output))
			delete(got, "x")
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			// The output is a fixed point.
			if again := catalog.Run(o.Output, ""); string(again.Output) != string(o.Output) {
				t.Errorf("again:\n%s", cmp.Diff(string(o.Output), string(again.Output)))
			}
		})
	}
}

func valueOfList(t testing.TB, text string) map[string]any {
	t.Helper()
	var value map[string]any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return value
}

// TestAliases edits one of several items with anchors: that one is written
// without them, the others as they were read.
func TestAliases(t *testing.T) {
	with := "  base: &base {x: 1, y: 2}\n  copy: *base\n  data:\n    <<: *base\n    y: 3\n    key: old\n"
	without := "  base: {x: 1, y: 2}\n  copy: {x: 1, y: 2}\n  data:\n    y: 3\n    key: new\n    x: 1\n"
	in := listOf(item("a", with)+item("b", with), "{set: {b: new}}")
	o := catalog.Run([]byte(in), "")
	want := strings.Replace(listOf(item("a", with)+item("b", without), "{set: {b: new}}"), "kind: ResourceList\n", "", 1)
	if got, _, _ := strings.Cut(string(o.Output), "results:\n"); got != want || o.Failed() {
		t.Errorf("findings %v, -want +got:\n%s", o.Findings, cmp.Diff(want, got))
	}

	// A merge key needs no anchor.
	o = catalog.Run([]byte(listOf(item("a", "  data:\n    <<: {key: old, x: 1}\n"), "{set: {a: new}}")), "")
	if want := item("a", "  data:\n    key: new\n    x: 1\n"); !strings.Contains(string(o.Output), want) || o.Findings[0].Message != `changed from "old" to "new"` {
		t.Errorf("%v\n%s", o.Findings, o.Output)
	}

	// An alias that leads from one item to another, or from elsewhere, cannot stay
	// when the other one changes or goes.
	for spec, want := range map[string]string{
		"{set: {a: new}}": item("a", "  data:\n    key: new\n") + item("b", "  data:\n    key: old\n"),
		"{delete: a}":     item("b", "  data:\n    key: old\n"),
		"{set: {b: new}}": item("a", "  data:\n    key: old\n") + item("b", "  data:\n    key: new\n"),
	} {
		in := listOf(item("a", "  data: &d\n    key: old\n")+item("b", "  data: *d\n"), spec) + "more: *d\n"
		o := catalog.Run([]byte(in), "")
		out := string(o.Output)
		if !strings.Contains(out, "items:\n"+want+"functionConfig:") || !strings.Contains(out, "\nmore:\n  key: old\n") || o.Failed() {
			t.Errorf("%s gives %v\n%s", spec, o.Findings, out)
		}
	}
	for _, in := range []string{
		strings.Replace(listOf("", "{}"), "items:\n", "items: &i []\nmore: *i\n", 1),
		strings.Replace(listOf("", "{}"), "items:\n", "more: &i []\nitems: *i\n", 1),
		"x: &x {spec: {}}\n" + strings.Replace(listOf(item("a", ""), "{}"), "  spec: {}\n", "  <<: *x\n", 1),
	} {
		o := catalog.Run([]byte(in), "")
		if o.Failed() || strings.ContainsAny(string(o.Output), "&*") {
			t.Errorf("%s gives %v\n%s", in, o.Findings, o.Output)
		}
		valueOfList(t, string(o.Output))
	}
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

// TestEarlierResults checks that results of earlier functions stay in front, and
// do not count.
func TestEarlierResults(t *testing.T) {
	earlier := "results:\n- message: earlier\n  severity: error\n"
	o := catalog.Run([]byte(earlier+listOf(item("a", ""), "{set: {a: b}}")), "")
	if o.Failed() || len(o.Findings) != 1 {
		t.Error(o.Findings)
	}
	if !strings.HasPrefix(string(o.Output), earlier+"- message: set to \"b\"\n  severity: info\n") {
		t.Errorf("%s", o.Output)
	}
	o = catalog.Run([]byte("results:\n"+listOf(item("a", ""), "{set: {a: b}}")), "")
	if !strings.HasPrefix(string(o.Output), "results:\n- message: set to \"b\"\n") {
		t.Errorf("%s", o.Output)
	}
}

// TestKindLast checks that a beginning of the output is no ResourceList: that is
// what a reader gets when the program is killed while it writes.
func TestKindLast(t *testing.T) {
	in := strings.Replace(listOf(item("a", ""), "{set: {a: b}}"), "kind: ResourceList\n", "", 1)
	in = "kind: ResourceList # why\n" + in + "zzz: last\n"
	out := string(catalog.Run([]byte(in), "").Output)
	if !strings.HasSuffix(out, "\nkind: ResourceList # why\n") {
		t.Errorf("the end is %q", out[len(out)-40:])
	}
	for end := range len(out) - len(" # why\n") {
		var list struct {
			Kind string `yaml:"kind"`
		}
		if err := yaml.Unmarshal([]byte(out[:end]), &list); err == nil && list.Kind == "ResourceList" {
			t.Fatalf("%q passes for a ResourceList", out[:end])
		}
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

// TestRunFiles runs on plain manifests.
func TestRunFiles(t *testing.T) {
	config := func(spec string) File {
		return File{"e.yaml", []byte("apiVersion: test.krmfn.dev/v1\nkind: Edit\nmetadata: {name: e}\nspec: " + spec + "\n")}
	}
	object := func(name, more string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n" + more
	}
	file := func(name, content string) File { return File{name, []byte(content)} }

	// Documents, comments and files stay apart; a List becomes its items.
	one := "# head of one\n\n" + object("one", "data: # why\n  key: old\n") + "\n# foot of one\n"
	list := "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: three\n"
	o := catalog.RunFiles("edit", config("{set: {one: new, three: new}, rename: {two: second}}"), []File{
		file("dir/one.yaml", one+"---\n"+object("two", "data: &d {}\nmore: *d\n")), file(Stdin, list), file("empty.yaml", "# nothing\n"),
	})
	want := strings.Replace(one, "key: old", "key: new", 1) + "---\n" + object("second", "data: {}\nmore: {}\n") + "---\n" + object("three", "data:\n  key: new\n") + "---\n# nothing\n"
	if d := cmp.Diff(want, string(o.Output)); d != "" || o.Failed() {
		t.Errorf("%v, -want +got:\n%s", o.Findings, d)
	}
	var files []string
	for _, r := range o.Findings {
		place := "no file"
		if r.File != nil {
			place = fmt.Sprintf("%s %d", r.File.Path, r.File.Index)
		}
		files = append(files, r.ResourceRef.Name+": "+place)
	}
	if d := cmp.Diff([]string{"one: dir/one.yaml 0", "second: dir/one.yaml 1", "three: no file"}, files); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}

	// Two objects of one name: each finding names the file of its own.
	o = catalog.RunFiles("edit", config("{set: {one: new}}"), []File{file("a.yaml", object("one", "")), file("b.yaml", object("one", ""))})
	if len(o.Findings) != 2 || o.Findings[0].File.Path != "a.yaml" || o.Findings[1].File.Path != "b.yaml" {
		t.Error(o.Findings[0].File, o.Findings[1].File)
	}

	// After a failure the manifests come back, unless one of them is unreadable.
	plain := object("one", "data:\n  key: old\n")
	for name, c := range map[string]struct {
		config, manifest File
		out, says        string
	}{
		"function fails": {config("{set: {one: new}, fail: it}"), file("a.yaml", plain), plain, "error Edit e : it"},
		"setting":        {config("{sets: {}}"), file("a.yaml", plain), plain, "error Edit e spec.sets: is not a known field, did you mean set? (known are set, rename, delete, warn, fail)"},
		"config no YAML": {file("e.yaml", "["), file("a.yaml", plain), plain, "error  : e.yaml: reading YAML: line 1: did not find expected node content"},
		"config empty":   {file("e.yaml", ""), file("a.yaml", plain), plain, "error  : e.yaml: holds 0 documents, want one function config"},
		"config a list":  {file("e.yaml", "[]"), file("a.yaml", plain), plain, "error  : e.yaml: is a list, want an object"},
		"two configs":    {file("e.yaml", "a: b\n---\na: b\n"), file("a.yaml", plain), plain, "error  : e.yaml: holds 2 documents, want one function config"},
		"no YAML":        {config("{}"), file("a.yaml", "a: b: c"), "", "error  : a.yaml: reading YAML: line 1: mapping values are not allowed in this context"},
		"text":           {config("{}"), file("a.yaml", plain+"---\ntext\n"), "", "error  : a.yaml: document 2: is a string, want an object"},
		"text in a List": {config("{}"), file("a.yaml", "apiVersion: v1\nkind: List\nitems: [text]\n"), "", "error  : a.yaml: document 1: items[0]: is a string, want an object"},
		"no name":        {config("{}"), file(Stdin, "apiVersion: v1\nkind: A\n"), "apiVersion: v1\nkind: A\n", "error  : standard input: document 1: A metadata.name: is missing"},
		"wrong metadata": {config("{}"), file("a.yaml", object("one", "  labels: []\n")), object("one", "  labels: []\n"), "error ConfigMap one metadata.labels: is a list, want a mapping"},
		"bomb":           {config("{}"), file("a.yaml", plain+"a: &a {b: *a}\n"), "", "error  : a.yaml: document 1: line 7: an alias leads back to itself or is nested more than 1000 levels deep"},
		"bomb in a List": {config("{}"), file("a.yaml", "apiVersion: v1\nkind: List\nitems: &a [*a]\n"), "", "error  : a.yaml: document 1: line 3: an alias leads back to itself or is nested more than 1000 levels deep"},
		"bomb as config": {file("e.yaml", "a: &a {b: *a}\n"), file("a.yaml", plain), plain, "error  : e.yaml: line 1: an alias leads back to itself or is nested more than 1000 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			o := catalog.RunFiles("edit", c.config, []File{c.manifest})
			if string(o.Output) != c.out || !o.Failed() {
				t.Errorf("failed %t, output\n%s", o.Failed(), o.Output)
			}
			if d := cmp.Diff([]string{c.says}, told(o)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"SetReplicas", "UseCephFS", "HarborHA"}
	for name, want := range map[string]string{
		"SetReplica": "did you mean SetReplicas? (known are SetReplicas, UseCephFS, HarborHA)",
		"harborha":   "did you mean HarborHA? (known are SetReplicas, UseCephFS, HarborHA)",
		"Deployment": "known are SetReplicas, UseCephFS, HarborHA",
		"":           "known are SetReplicas, UseCephFS, HarborHA",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// TestEncode checks that a list is written the same, one item at a time or all
// at once, wherever comments and blank lines stand.
func TestEncode(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := randomComments(random, "", "apiVersion: config.kubernetes.io/v1", "items:")
		for i := range 3 {
			text += randomComments(random, "", "- apiVersion: v1") + randomComments(random, "  ", "  kind: A", "  metadata:") +
				randomComments(random, "    ", fmt.Sprintf("    name: n%d", i)) + randomComments(random, "  ",
				[]string{"  list:\n  - a\n  -  b: c", "  text: |\n    a\n\n    # b", "  text: |+\n    a\n\n", "  map: {a: b}"}[random.IntN(4)], "  last: x")
		}
		text += randomComments(random, "", "metadata: {}", "kind: ResourceList", "# end")
		d, err := readList([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		items := valueOf(d.root, "items")
		want, err := d.encode(items, 3)
		if err != nil {
			t.Fatal(err)
		}
		for size := 1; size < 3; size++ {
			got, err := d.encode(items, size)
			if d := cmp.Diff(string(want), string(got)); d != "" || err != nil {
				t.Fatalf("%d at a time (%v) -all +chunks:\n%s\n%s", size, err, d, text)
			}
		}
	}
}

// randomComments puts comments and blank lines before and behind some lines.
func randomComments(random *rand.Rand, indent string, lines ...string) string {
	text := ""
	for i, line := range lines {
		for random.IntN(4) == 0 {
			text += []string{"", "\n"}[random.IntN(2)] + indent + "# comment\n" + []string{"", "\n"}[random.IntN(2)]
		}
		text += line
		if i == 0 && random.IntN(4) == 0 && !strings.Contains(line, "\n") {
			text += " # behind"
		}
		text += "\n"
	}
	return text
}
