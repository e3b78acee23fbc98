package krm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

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
	in := listOf(item("a", "  data:\n    emoji: 🚀 and \"é\"\n    text: |\n      a 🚀\n    breaks: \"a\\r\\nb\\tc\\u0000\"\n    wide: [ 1,2 ]\n    none: {a, b: , c: [~]}\n    list:\n      - x\n"), "{}")
	want := valueOfList(t, in)
	for name, in := range map[string]string{
		"YAML":    in,
		"BOM":     "\ufeff" + in,
		"CRLF":    strings.ReplaceAll(in, "\n", "\r\n"),
		"start":   "%YAML 1.1\n---\n" + in + "...\n",
		"JSON":    `{"kind":"ResourceList","apiVersion":"config.kubernetes.io/v1","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"emoji":"🚀 and \"é\"","text":"a 🚀\n","breaks":"a\r\nb\tc\u0000","wide":[1,2],"none":{"a":null,"b":null,"c":[null]},"list":["x"]}}],"functionConfig":{"apiVersion":"test.krmfn.dev/v1","kind":"Edit","metadata":{"name":"e"},"spec":{}}}`,
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
