package krm

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Run one of these with
//
//	go test ./internal/krm -run '^$' -fuzz FuzzFiles -fuzztime 60s

// FuzzFiles runs on any text at all as a file: what is not changed keeps its
// bytes, nothing is lost, and memory stays in proportion.
func FuzzFiles(f *testing.F) {
	for _, in := range texts() {
		f.Add(in)
	}
	f.Add("kind: List\nitems:\n- " + strings.ReplaceAll(configMap("a", "x: &x [1]\ny: *x\n"), "\n", "\n  "))
	f.Add("a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c]\n" + configMap("a", ""))
	f.Fuzz(func(t *testing.T, in string) {
		before := allocated()
		o := runFile(in, "{}")
		if o.Failed() {
			return
		}
		if cost := allocated() - before; cost > 200<<20+10_000*uint64(len(in)) {
			t.Errorf("%d bytes take %d bytes of memory", len(in), cost)
		}
		segments, err := readSegments([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if wantBytes := !slices.ContainsFunc(segments, func(s segment) bool { return s.directive || isList(s) }); wantBytes && string(o.Output) != strings.TrimPrefix(in, "\ufeff") {
			t.Errorf("%q becomes %q", in, o.Output)
		}
		objects, err := Objects(o.Output)
		if err != nil {
			t.Fatalf("%v: %q becomes %q", err, in, o.Output)
		}
		edited := map[string]bool{}
		for _, obj := range objects {
			if name := obj.GetName(); name != "" && !edited[name] {
				edited[name] = true
				fuzzEdit(t, in, segments, name)
			}
		}
	})
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func isList(s segment) bool {
	if s.node == nil {
		return false
	}
	kind := Text(yaml.NewRNode(s.node.Content[0]), "kind")
	return kind == "List" || kind == "ResourceList"
}

func runFile(in, spec string) Outcome {
	return catalog.RunFiles("edit", editConfig(spec), []File{{"in.yaml", []byte(in)}})
}

// fuzzEdit changes the objects of a name, and checks the values of all and the
// bytes of the others.
func fuzzEdit(t *testing.T, in string, segments []segment, name string) {
	o := runFile(in, fmt.Sprintf("{set: {%q: new}}", name))
	if o.Failed() {
		return // data is a text, say
	}
	before, err := Objects([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	after, err := Objects(o.Output)
	if err != nil || len(before) != len(after) {
		t.Fatalf("%d objects become %d, error %v: %q becomes %q", len(before), len(after), err, in, o.Output)
	}
	for i, obj := range before {
		if obj.GetName() == name {
			if err := assign(obj.YNode(), Path{"data", "key"}, scalar("new")); err != nil {
				t.Fatal(err)
			}
		}
		if !Equal(obj.YNode(), after[i].YNode()) {
			t.Errorf("object %d is wrong: %q becomes %q", i, in, o.Output)
		}
	}
	for _, s := range segments {
		if s.node == nil || s.directive || isList(s) || strings.Contains(s.text, "&") || Text(yaml.NewRNode(s.node.Content[0]), "metadata", "name") == name {
			continue
		}
		if !strings.Contains(string(o.Output), s.text) {
			t.Errorf("%q is not in the output of %q: %q", s.text, in, o.Output)
		}
	}
}

// FuzzEmbedded edits any text in a field: all that was asked for is done and no
// more, or nothing.
func FuzzEmbedded(f *testing.F) {
	for _, text := range texts() {
		f.Add(text, "data", "key", "new")
	}
	f.Add("a: [1, {b: c}]\n# c\nd:\n- e: f # g\n- h\n", "d", "e", "b: c")
	f.Add("a:\r  b: 'x'\u2028c: |\u0085 d\n", "a", "b", "x\ny")
	f.Fuzz(func(t *testing.T, text, parent, key, value string) {
		for _, edit := range []struct {
			path   Path
			remove bool
		}{{Path{parent, key}, false}, {Path{parent}, false}, {Path{parent, 0, key}, false}, {Path{parent, key}, true}, {Path{parent, 0}, true}} {
			obj, list := textObject(text), &framework.ResourceList{}
			e, err := Embed(obj, "data", "config.yml")
			if err != nil {
				return
			}
			want := yaml.CopyYNode(e.resolved)
			if edit.remove {
				err = e.Remove(list, edit.path...)
			} else {
				err = e.Add(list, value, edit.path...)
			}
			got, now := Text(obj, "data", "config.yml"), e.Lookup(edit.path...)
			switch {
			case err != nil && (got != text || len(list.Results) > 0):
				t.Errorf("%v, and %q becomes %q", err, text, got)
			case err != nil:
			case !edit.remove && (now == nil || now.Value != value):
				t.Errorf("%s is not set to %q: %q becomes %q", edit.path, value, text, got)
			case edit.remove && now != nil && edit.path[1] == key:
				t.Errorf("%s is not removed: %q becomes %q", edit.path, text, got)
			}
			if again, err := Embed(obj, "data", "config.yml"); err != nil || !Equal(again.resolved, e.resolved) {
				t.Errorf("%q is read back as another tree, error %v", got, err)
			}
			if err == nil && len(list.Results) == 0 && !reflect.DeepEqual(want, e.resolved) {
				t.Errorf("%q becomes %q and nobody is told", text, got)
			}
		}
	})
}

// FuzzReadYAML reads anything: every node is where it says, and what the reader
// takes is written so that it is read again.
func FuzzReadYAML(f *testing.F) {
	for _, in := range texts() {
		f.Add(in)
	}
	f.Add(`{"a": "\/", "b": [1e3, "\ud83d\ude00"]}`)
	f.Fuzz(func(t *testing.T, in string) {
		docs, err := ReadYAML([]byte(in))
		if err != nil {
			return
		}
		for _, doc := range docs {
			if !strings.Contains(in, "!") && !strings.Contains(in, "&") && !strings.HasPrefix(in, "\ufeff") {
				checkPlaces(t, in, doc)
			}
			if hasAlias(doc) {
				continue
			}
			text, err := encode(doc)
			if err != nil {
				t.Fatalf("%q cannot be written: %v", in, err)
			}
			if again, err := ReadYAML(text); err != nil || len(again) != 1 || !Equal(again[0].Content[0], doc.Content[0]) {
				t.Errorf("%q is written as %q, error %v", in, text, err)
			}
		}
	})
}
