package krm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TestJSON reads JSON that is no YAML 1.1, and JSON that is read as YAML too:
// the same values come out, every node knows its place.
func TestJSON(t *testing.T) {
	for _, text := range []string{
		`{"a":"\/"}`, `{"a":"\ud83d\ude00"}`, "{\"a\":\"x\u2028y\u0085z\u2029\"}", `{"` + strings.Repeat("k", 2000) + `":1}`, "{\"a\"\n:\n1}",
		`{"a":"\ud83d"}`, // half a pair
		"{\n\t\"a\": [1, 2.5, -0, 1e3, true, false, null, {}, [], \"\", \"\\u00e9\\n\\\"\"],\r\n\t\"é🚀\": {\"b\": \"c\"}\n}\n",
		` [ {"a" : "b"} , "c" ] `, `{"<<": {"a": 1}, "yes": "no", "1": 1}`, `{"a": 12345678901234567890}`,
	} {
		doc := readJSON(text)
		if doc == nil {
			t.Fatalf("%s is not read", text)
		}
		var want, got any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		docs, err := ReadYAML([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		written, err := encode(docs[0])
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := yaml.NewRNode(docs[0]).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(asJSON, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", text, d)
		}
		again, err := ReadYAML(written)
		if err != nil || !sameTree(docs[0], again[0]) {
			t.Errorf("%s is written as %s, error %v", text, written, err)
		}
		checkPlaces(t, text, docs[0])
		asYAML := &yaml.Node{}
		if yaml.Unmarshal([]byte(text), asYAML) == nil && !strings.Contains(text, "\u0085") {
			comparePlaces(t, text, asYAML.Content[0], docs[0].Content[0])
		}
	}
	for _, text := range []string{"", "{", "[a]", "{a: b}", `{"a": 1} x`, `{"a": 1}{}`, "\"a\"", "# c\n{}"} {
		if readJSON(text) != nil {
			t.Errorf("%q passes for JSON", text)
		}
	}
}

// comparePlaces compares nodes with those of the YAML parser.
func comparePlaces(t *testing.T, text string, want, got *yaml.Node) {
	if want.Line != got.Line || want.Column != got.Column || want.ShortTag() != got.ShortTag() || want.Style != got.Style || want.Value != got.Value {
		t.Errorf("%s: YAML %+v, JSON %+v", text, want, got)
	}
	for i := range want.Content {
		comparePlaces(t, text, want.Content[i], got.Content[i])
	}
}

// checkPlaces checks that each scalar of a text is where its node says.
func checkPlaces(t *testing.T, text string, node *yaml.Node) {
	at := linesOf(text).offset(node.Line, node.Column)
	if at < 0 && node.Value != "" {
		t.Fatalf("%q: there is no line %d column %d", text, node.Line, node.Column)
	}
	if node.Kind == yaml.ScalarNode && node.Value != "" && !isNull(node) {
		first, _ := utf8.DecodeRuneInString(node.Value)
		if starts := text[at:]; !strings.HasPrefix(starts, string(first)) && !strings.ContainsAny(starts[:1], `"'|>!&?`) {
			t.Errorf("%q: line %d column %d is %q, want %q", text, node.Line, node.Column, starts[:min(8, len(starts))], node.Value)
		}
	}
	for _, n := range node.Content {
		checkPlaces(t, text, n)
	}
}

// TestJSONList runs on a ResourceList in JSON that is no YAML 1.1.
func TestJSONList(t *testing.T) {
	in := `{"apiVersion":"config.kubernetes.io/v1","kind":"ResourceList","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"u":"http:\/\/x","e":"\ud83d\ude00","s":"a` + "\u2028" + `b"}}],"functionConfig":{"apiVersion":"test.krmfn.dev/v1","kind":"Edit","metadata":{"name":"e"},"spec":{"set":{"a":"\/new"}}}}`
	o := catalog.Run([]byte(in), "")
	if o.Failed() {
		t.Fatal(o.Findings)
	}
	items := valueOfList(t, string(o.Output))["items"].([]any)
	want := map[string]any{"u": "http://x", "e": "😀", "s": "a\u2028b", "key": "/new"}
	if d := cmp.Diff(want, items[0].(map[string]any)["data"]); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestLineBreaks checks that lines are counted as the parser counts them.
func TestLineBreaks(t *testing.T) {
	for _, b := range []string{"\n", "\r", "\r\n", "\u0085", "\u2028", "\u2029"} {
		text := strings.ReplaceAll("# c\na: é🚀 # d\nb:\n- 'x\n  y'\n- |\n  t\n  u\n-  \"z\"\nc: {d: e,\n f: g}\nlast: x\n", "\n", b)
		docs, err := ReadYAML([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		checkPlaces(t, text, docs[0])
		if last := Lookup(yaml.NewRNode(docs[0].Content[0]), "last"); last.Line != linesOf(text).len() {
			t.Errorf("%q: the last of %d lines is number %d", b, linesOf(text).len(), last.Line)
		}
		// Each document knows its lines, and so do errors.
		docs, err = ReadYAML([]byte("x: 1" + b + "---" + b + text + "--- # c" + b + "y: 1" + b))
		if err != nil || len(docs) != 3 || docs[1].Content[0].Line != 4 || docs[2].Content[0].Line != linesOf(text).len()+4 {
			t.Errorf("%q: error %v, %d documents", b, err, len(docs))
		}
		for _, broken := range []string{"y: [", "y: 1" + b + "y: 2", "\x01"} {
			_, err = ReadYAML([]byte(text + "---" + b + "x: 1" + b + broken))
			want := fmt.Sprintf("line %d", linesOf(text).len()+3+strings.Count(broken, b))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %v, want %s", b, err, want)
			}
		}
	}
}

// TestReadQuotesNothing checks that no error of the reader shows what is in the
// text: it may be a password in the wrong place.
func TestReadQuotesNothing(t *testing.T) {
	for _, text := range []string{
		"a: *hunter2", "a: &hunter2", "a: &hunter2 &hunter2 b", "a: !hunter2! b", "a: !<hunter2 b", "a: !h!hunter2 b", "a: @hunter2", "a: `hunter2`", "a: %hunter2",
		"hunter2: 1\nhunter2: 2", "{hunter2: 1, hunter2: 2}", `{"hunter2": 1, "hunter2": 2}`, "a: \"hunter2", "a: 'hunter2", "a: \"\\hunter2\"", "a: b: hunter2", "a: [hunter2", "a: {hunter2",
		"hunter2\n  a: b", "a:\n\thunter2", "- a\nhunter2", "? [hunter2]\n: b", "? !hunter2 x\n: b\n? {hunter2: 1}", "!hunter2 a: b\n&c : d", "%hunter2 x\n---\na: b", "%TAG hunter2\n---\na: b",
		"hunter2\x01", "a: &a [*a]\nhunter2", "a: |hunter2\n", "a: >9hunter2", "<<: hunter2", "<<: [hunter2]\n", "a: &x hunter2\n<<: *x", "a: !!binary hunter2", "--- hunter2\nx: y",
		"apiVersion: v1\nkind: List\nitems: hunter2", "apiVersion: v1\nkind: List\nitems: [!hunter2 x]", "[!hunter2 x]", "!hunter2 x", "hunter2",
	} {
		for what, err := range map[string]error{
			"ReadYAML":  second(ReadYAML([]byte(text))),
			"readFiles": second(readFiles(editConfig("{}"), []File{{"a.yaml", []byte(text)}})),
			"config":    second(readFiles(File{"a.yaml", []byte(text)}, nil)),
			"readList":  second(readList([]byte(text))),
			"item":      second(readList([]byte(strings.Replace(listOf("- "+text+"\n", "{}"), "\x01", "", 1)))),
			"Embed":     second(Embed(textObject(text), "data", "config.yml")),
		} {
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s of %q: %v", what, text, err)
			}
		}
	}
}

// TestWithoutText takes the text out of the errors of the YAML library itself.
func TestWithoutText(t *testing.T) {
	var typed struct {
		A int            `yaml:"a"`
		B map[string]int `yaml:"b"`
	}
	for _, text := range []string{
		"a: *hunter2", "a: hunter2", "a: hunter2 and much more than the library shows", "b: hunter2", "a: {hunter2: 1}", "a: 1\nhunter2: 1\nhunter2: 2",
		"a: !!int hunter2", "a: !!float hunter2", "b: {x: hunter2, y: 'hunter2`'}", "a: h`hunter2",
		"? [hunter2]\n: 1", "a: {{hunter2}}",
	} {
		var loose any
		found := false
		for _, err := range []error{yaml.Unmarshal([]byte(text), &typed), yaml.Unmarshal([]byte(text), &loose)} {
			if err == nil {
				continue
			}
			found = true
			if message := WithoutText("reading: " + err.Error()); strings.Contains(message, "hunter2") || !strings.HasPrefix(message, "reading: yaml: ") {
				t.Errorf("%q: %s", text, message)
			}
		}
		if !found {
			t.Errorf("%q is no error", text)
		}
	}
}

// TestWithoutTextOfKustomize takes out what kustomize quotes of a line.
func TestWithoutTextOfKustomize(t *testing.T) {
	_, err := kio.FromBytes([]byte("a: b\n--- hunter2\n"))
	if err == nil {
		t.Fatal("is no error")
	}
	if message := WithoutText(err.Error()); strings.Contains(message, "hunter2") {
		t.Error(message)
	}
}

func second[T any](_ T, err error) error { return err }

// TestExpansion checks that the aliases of all items, files and the config share
// one budget.
func TestExpansion(t *testing.T) {
	bomb := "  data: {a: &a [x,x,x,x,x,x,x,x,x,x], b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a], c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b], d: &d [*c,*c,*c,*c,*c,*c], e: [*d,*d,*d,*d,*d]}\n"
	const message = "the aliases stand for more than 100000 nodes"
	one := item("a", bomb)
	if o := catalog.Run([]byte(listOf(one, "{}")), ""); o.Failed() {
		t.Fatal(o.Findings)
	}
	for in, want := range map[string]string{
		listOf(strings.Repeat(one, 3), "{}"):    "items[2]: line 17: " + message,
		listOf(one+one, "\n"+indented(bomb, 2)): "functionConfig: line 19: " + message,
	} {
		o := catalog.Run([]byte(in), "")
		if len(o.Findings) != 1 || o.Findings[0].Message != want || len(o.Output) > 5000 {
			t.Errorf("%v, want %s", o.Findings, want)
		}
	}
	file := func(name string) File { return File{name, []byte(indented(one, 0))} }
	o := catalog.RunFiles("edit", editConfig("{}"), []File{file("a.yaml"), file("b.yaml"), file("c.yaml")})
	if len(o.Findings) != 1 || o.Findings[0].Message != "c.yaml: document 1: items[0]: line 8: "+message {
		t.Error(o.Findings)
	}
	// What stands in the input itself is not counted.
	plain := item("a", "  data: {a: &a ["+strings.Repeat("x,", 110_000)+"], b: *a}\n")
	if o := catalog.Run([]byte(strings.Replace(listOf(plain, "{}"), ", b: *a", "", 1)), ""); o.Failed() {
		t.Error(o.Findings)
	}
}

// indented makes a List of items, or a mapping deeper.
func indented(text string, by int) string {
	if by == 0 {
		return "apiVersion: v1\nkind: List\nitems:\n" + text
	}
	return strings.Repeat(" ", by) + strings.TrimSuffix(text, "\n")
}
