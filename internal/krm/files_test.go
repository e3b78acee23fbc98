package krm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
)

func editConfig(spec string) File {
	return File{"e.yaml", []byte("apiVersion: test.krmfn.dev/v1\nkind: Edit\nmetadata: {name: e}\nspec: " + spec + "\n")}
}

func configMap(name, more string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n" + more
}

// texts are ways to write objects a and b that the YAML encoder would change.
func texts() map[string]string {
	return map[string]string{
		"comments everywhere":     "# license\n\n# head of a\n---\n# in a\n\n" + configMap("a", "data: # data\n    # key\n    key: old # old\n    # foot\n\n# end of a\n") + "\n# before b\n---   # marker\n# head of b\n\n\n" + configMap("b", "") + "\n# end\n",
		"documents of comments":   "---\n# Source: a.yaml\n---\n\n---\n" + configMap("a", "") + "---\n# Source: nothing.yaml\n---\n---\n" + configMap("b", "") + "---\n# Source: end.yaml\n---\n",
		"layout":                  configMap("a", "data:\n    key:   old\n    list:\n      -   x:  1\n          y: 2\n      - [ 1,2,   3 ]\n    map: { a: b,c: d }\n\n\n") + "---\n" + configMap("b", "spec:\n   x:\n\n     y: 1\n"),
		"trailing blanks":         configMap("a", "data:\n  key: |  \n    old \n      \n    more   \n  other: x   \n   \n") + "--- \n" + configMap("b", "data:\n  k: >-\n     folded \n\n     text\t\n"),
		"quotes and tags":         configMap("\"a\"", "data: {'key': \"o\\x6cd\", \"x\": 'it''s', y: !!str 5, z: 0x1F, w: ~}\n") + "---\n" + configMap("'b'", "x: yes\ny: 'a\n  b'\nz: \"a\\\n  b\"\n"),
		"end marks":               configMap("a", "") + "...\n# between\n" + configMap("b", "") + "...\n",
		"end marks and more":      configMap("a", "") + "...\n---\n" + configMap("b", "") + "...\n\n# end\n",
		"no break at the end":     configMap("a", "") + "---\n" + strings.TrimSuffix(configMap("b", "data:\n  x: |+\n    y\n"), "\n"),
		"keep":                    configMap("a", "data:\n  key: |+\n    old\n\n\n") + "---\n" + configMap("b", "data:\n  x: |+\n    y\n\n\n"),
		"CRLF":                    strings.ReplaceAll("# c\n"+configMap("a", "data:\n  key: |\n    old\n    x \n")+"---\n"+configMap("b", ""), "\n", "\r\n"),
		"CR":                      strings.ReplaceAll("# c\n"+configMap("a", "data:\n  key: old\n")+"---\n"+configMap("b", ""), "\n", "\r"),
		"breaks of Unicode":       strings.ReplaceAll(configMap("a", "data:\n  key: old\n"), "\n", "\u2028") + "---\u0085" + strings.ReplaceAll(configMap("b", ""), "\n", "\u2029"),
		"anchors":                 configMap("a", "data: &d {x: &x  1, y: *x}\nmore:\n  <<:   *d\n") + "---\n" + configMap("b", "data: &d {x:  1}\n"),
		"JSON":                    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"data\":{\"key\":\"old\",\"x\":\"\\/\\ud83d\\ude00\u2028\"}}\n---\n" + configMap("b", ""),
		"beside the marker":       "--- {apiVersion: v1, kind: ConfigMap, metadata:   {name: a}}\n--- # b\n" + configMap("b", ""),
		"a marker in a text":      configMap("a", "data:\n  key: |\n    ---\n    old\n     ---\n") + "---\n" + configMap("b", "data:\n  x: '\n    ---\n    ...'\n"),
		"keys in another order":   "metadata: {name: a}\nkind: ConfigMap\napiVersion: v1\n---\nkind: ConfigMap\nmetadata:\n    name: b\n    labels:\napiVersion: v1\n",
		"complex keys":            "? apiVersion\n: v1\n? kind\n: ConfigMap\nmetadata: {name: a}\n---\n" + configMap("b", ""),
		"names that need care":    configMap("a", "data:\n  on: off\n  1.0: 012\n  '<<': x\n  \"é 🚀\": \"\\u00e9\"\n") + "---\n" + configMap("b", ""),
		"tabs between the tokens": configMap("a", "data:\n  key:\told\t# c\n") + "---\t# c\n" + configMap("b", ""),
	}
}

// TestUntouched checks that what no function changes keeps its bytes: all of it,
// one object when the other one is edited, both when something is added.
func TestUntouched(t *testing.T) {
	for name, in := range texts() {
		t.Run(name, func(t *testing.T) {
			run := func(spec string) string {
				o := catalog.RunFiles("edit", editConfig(spec), []File{{"in.yaml", []byte(in)}})
				if o.Failed() {
					t.Fatal(o.Findings)
				}
				return string(o.Output)
			}
			if d := cmp.Diff(in, run("{}")); d != "" {
				t.Errorf("-in +out:\n%s", d)
			}
			segments, err := readSegments([]byte(in))
			if err != nil {
				t.Fatal(err)
			}
			a, b := "", ""
			for _, s := range segments {
				switch {
				case s.node == nil:
				case a == "":
					a = s.text
				default:
					b = s.text
				}
			}
			if out := run("{set: {a: new}}"); !strings.Contains(out, b) || !keptLines(out, a, 4) {
				t.Errorf("a is edited:\n%q", out)
			}
			if out := run("{set: {b: new}}"); !strings.Contains(out, a) || !keptLines(out, b, 4) {
				t.Errorf("b is edited:\n%q", out)
			}
			if out := run("{delete: a}"); !strings.Contains(out, b) || strings.Contains(out, "name: a") {
				t.Errorf("a is removed:\n%q", out)
			}
			if out := run("{delete: b}"); !strings.Contains(out, a) || strings.Contains(out, "name: b") {
				t.Errorf("b is removed:\n%q", out)
			}
			// A second file stays apart.
			o := catalog.RunFiles("edit", editConfig("{}"), []File{{"in.yaml", []byte(in)}, {"more.yaml", []byte("# c\n" + configMap("c", ""))}})
			docs, err := ReadYAML(o.Output)
			if err != nil || len(docs) != 3 || !strings.HasPrefix(string(o.Output), in) || !strings.HasSuffix(string(o.Output), "# c\n"+configMap("c", "")) {
				t.Errorf("%d documents, error %v:\n%s", len(docs), err, o.Output)
			}
		})
	}
}

// keptLines says whether all lines of a text but some are in another one.
func keptLines(out, text string, but int) bool {
	l := linesOf(text)
	for i := range l.len() {
		if !strings.Contains(out, l.line(i)) {
			but--
		}
	}
	return but >= 0
}

// TestEditedLines edits objects in files: the diff is as small as the edit.
func TestEditedLines(t *testing.T) {
	for name, c := range map[string]struct{ in, spec, out string }{
		"value":          {"# a\n" + configMap("a", "data:\n    # why\n    key:   old   # old\n    b: |\n      x \n"), "{set: {a: new}}", "# a\n" + configMap("a", "data:\n    # why\n    key:   new   # old\n    b: |\n      x \n")},
		"new field":      {configMap("a", "data:\n    b:  'x'\n\n# end\n"), "{set: {a: new}}", configMap("a", "data:\n    b:  'x'\n    key: new\n\n# end\n")},
		"new mapping":    {configMap("a", "\n# end\n"), "{set: {a: new}}", configMap("a", "data:\n  key: new\n\n# end\n")},
		"block":          {configMap("a", "data:\n  key: |\n    a \n    # b\n  c: x \n"), "{set: {a: \"n\\ne\\nw\\n\"}}", configMap("a", "data:\n  key: |\n    n\n    e\n    w\n  c: x \n")},
		"CRLF":           {"apiVersion: v1\r\nkind: A\r\nmetadata: {name: a}\r\n", "{set: {a: \"n\\nw\"}}", "apiVersion: v1\r\nkind: A\r\nmetadata: {name: a}\r\ndata:\r\n  key: |-\r\n    n\r\n    w\r\n"},
		"JSON":           {`{"apiVersion":"v1","kind":"A","metadata":{"name":"a"},"data":{"x":"\/","key":"old"}}`, "{set: {a: new}}", `{"apiVersion":"v1","kind":"A","metadata":{"name":"a"},"data":{"x":"\/","key":"new"}}`},
		"JSON, new":      {"{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"A\",\n    \"metadata\": {\n        \"name\": \"a\"\n    },\n    \"x\": [1.50, null, \"<\", {}]\n}\n", "{set: {a: new}}", "{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"A\",\n    \"metadata\": {\n        \"name\": \"a\"\n    },\n    \"x\": [\n        1.50,\n        null,\n        \"<\",\n        {}\n    ],\n    \"data\": {\n        \"key\": \"new\"\n    }\n}\n"},
		"JSON, one line": {"{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}}", "{set: {a: 'n\"w'}}", "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"},\"data\":{\"key\":\"n\\\"w\"}}"},
		"alias":          {configMap("a", "x: &x {key: old}\n# why\ndata: *x\ny: [ 1 ]\n"), "{set: {a: new}}", configMap("a", "x: {key: old}\n# why\ndata: {key: new}\ny: [ 1 ]\n")},
		"first removed":  {"# a\n---\n# b\n" + configMap("a", "# c\n") + "---\n# d\n" + configMap("b", ""), "{delete: a}", "---\n# d\n" + configMap("b", "")},
		"all removed":    {configMap("a", ""), "{delete: a}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := catalog.RunFiles("edit", editConfig(c.spec), []File{{"in.yaml", []byte(c.in)}})
			if d := cmp.Diff(c.out, string(o.Output)); d != "" || o.Failed() {
				t.Errorf("%v -want +got:\n%s", o.Findings, d)
			}
		})
	}
}

// TestRandomLayout edits objects that are laid out at random: the output is the
// object that was asked for, and comments are not lost.
func TestRandomLayout(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		text := randomComments(random, "", "apiVersion: v1", "kind: A", "metadata:", "  name: a", "data:") +
			randomComments(random, "  ", []string{"  x: 1", "  x: [1,  2]", "  x:\n  -  a\n  -  b: c", "  x: |\n    a\n\n    # b", "  x: 'a\n\n    b'", "  x:"}[random.IntN(6)],
				[]string{"  key: old", "  key:   'old' # c", "  key:\n   - old", "  key: >-\n     old\n     # old", "  key: {old:  old}", "  y: z"}[random.IntN(6)]) +
			randomComments(random, "", []string{"more: x", "more:\n- a", "kind2: |+\n  x\n\n"}[random.IntN(3)], "# end")
		o := catalog.RunFiles("edit", editConfig("{set: {a: new}}"), []File{{"in.yaml", []byte(text)}})
		if o.Failed() {
			t.Fatal(o.Findings, text)
		}
		want := valueOfList(t, text)
		if data, ok := want["data"].(map[string]any); ok {
			data["key"] = "new"
		}
		if d := cmp.Diff(want, valueOfList(t, string(o.Output))); d != "" {
			t.Fatalf("-want +got:\n%s\n%s", d, text)
		}
		if lost := strings.Count(text, "# ") - strings.Count(string(o.Output), "# "); lost > 2 { // within the value that goes
			t.Fatalf("%d comments are lost:\n%s\n---\n%s", lost, text, o.Output)
		}
	}
}

// TestPlaces checks the file and the line of findings, also when edits before
// moved what they are about, and when objects, or the config, have one name.
func TestPlaces(t *testing.T) {
	list := "kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: c}\n"
	first := configMap("a", "data:\n  x: 1\n") + "---\n# c\n" + configMap("a", "data:\n  x: 1\n  key: old\n") + "---\n" + list
	second := configMap("a", "") + "---\napiVersion: test.krmfn.dev/v1\nkind: Edit\nmetadata: {name: e, annotations: {config.kubernetes.io/local-config: 'true'}}\n---\napiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: d}\n  data:\n    key: x\nresults:\n- message: earlier\nfunctionConfig: {apiVersion: v1, kind: Other}\n"
	o := catalog.RunFiles("edit", editConfig("{set: {a: new, c: new, d: new}, warn: careful}"), []File{{"1.yaml", []byte(first)}, {"2.yaml", []byte(second)}})
	var got []string
	for _, r := range o.Findings {
		got = append(got, fmt.Sprintf("%s %s %d:%d", r.ResourceRef.Name, r.File.Path, r.File.Index, o.Lines[r]))
	}
	// A field that was missing: the line of the nearest one around it.
	if d := cmp.Diff([]string{"a 1.yaml 0:5", "a 1.yaml 1:15", "c 1.yaml 2:20", "a 2.yaml 0:1", "d 2.yaml 2:17", "a 1.yaml 0:1"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if out := string(o.Output); strings.Contains(out, "ResourceList") || strings.Contains(out, "earlier") || strings.Contains(out, "Other") {
		t.Errorf("%s", out)
	}

	o = catalog.RunFiles("edit", editConfig("{sets: {}}"), []File{{"2.yaml", []byte(second)}})
	if r := o.Findings[0]; r.File != nil || r.Field.Path != "spec.sets" {
		t.Errorf("the config is wrong, the finding names %v %v", r.File, r.Field)
	}
	o = catalog.RunFiles("edit", editConfig("{fail: object}"), []File{{Stdin, []byte(second)}})
	if r := o.Findings[0]; r.File != nil || o.Lines[r] != 0 {
		t.Errorf("standard input has no file, the finding names %v", r.File)
	}
	o = catalog.RunFiles("edit", editConfig("{fail: object}"), []File{{"2.yaml", []byte(second)}})
	if r := o.Findings[0]; r.File == nil || *r.File != (framework.File{Path: "2.yaml"}) || o.Lines[r] != 1 {
		t.Errorf("the object is wrong, the finding names %v, line %d", r.File, o.Lines[r])
	}
}

// TestLists refuses lists whose items are none: they would be lost.
func TestLists(t *testing.T) {
	for in, want := range map[string]string{
		"kind: List\nitems: {a: b}\n":                   "1.yaml: document 1: items: is a mapping, want a list",
		"kind: ResourceList\nitems: text\n":             "1.yaml: document 1: items: is a string, want a list",
		"a: b\n---\nkind: ResourceList\nitems: [[a]]\n": "1.yaml: document 2: items[0]: is a list, want an object",
	} {
		o := catalog.RunFiles("edit", editConfig("{}"), []File{{"1.yaml", []byte(in)}})
		if len(o.Findings) != 1 || o.Findings[0].Message != want {
			t.Errorf("%s: %v, want %s", in, o.Findings, want)
		}
	}
	if o := catalog.RunFiles("edit", editConfig("{}"), []File{{"1.yaml", []byte("kind: List\nitems:\n")}}); o.Failed() {
		t.Error(o.Findings)
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
