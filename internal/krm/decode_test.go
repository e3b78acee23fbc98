package krm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

type allSettings struct {
	Text   string          `yaml:"text"`
	Number int             `yaml:"number" default:"7"`
	Flag   bool            `yaml:"flag" default:"true"`
	Plain  bool            `yaml:"plain"`
	Counts map[string]int  `yaml:"counts"`
	Parts  map[string]part `yaml:"parts"`
	Any    map[string]any  `yaml:"any"`
	List   []string        `yaml:"list"`
	Lists  []part          `yaml:"lists"`
	Always part            `yaml:"always"`
	Maybe  *section        `yaml:"maybe"`
	Common common          `yaml:",inline"`
	Hidden int             `yaml:"-"`
}

type part struct {
	Name string `yaml:"name"`
	Size string `yaml:"size" default:"1Gi"`
}

type section struct {
	Host  string   `yaml:"host" required:"true"`
	Port  int      `yaml:"port" default:"80"`
	Inner *section `yaml:"inner"`
}

type common struct {
	Owner string `yaml:"owner" default:"nobody"`
}

// defaults are the settings when nothing is given.
func defaults(change func(*allSettings)) allSettings {
	s := allSettings{Number: 7, Flag: true, Always: part{Size: "1Gi"}, Common: common{Owner: "nobody"}}
	if change != nil {
		change(&s)
	}
	return s
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want func(*allSettings)
	}{
		"nothing":               {"", nil},
		"null":                  {"null", nil},
		"empty mapping":         {"{}", nil},
		"text":                  {"text: hello", func(s *allSettings) { s.Text = "hello" }},
		"text in quotes":        {"text: '3'", func(s *allSettings) { s.Text = "3" }},
		"text in lines":         {"text: |\n  a\n  b\n", func(s *allSettings) { s.Text = "a\nb\n" }},
		"empty text":            {"text: ''", nil},
		"null text":             {"text:", nil},
		"number":                {"number: 3", func(s *allSettings) { s.Number = 3 }},
		"zero is no default":    {"number: 0", func(s *allSettings) { s.Number = 0 }},
		"negative number":       {"number: -3", func(s *allSettings) { s.Number = -3 }},
		"number in hexadecimal": {"number: 0x10", func(s *allSettings) { s.Number = 16 }},
		"null number":           {"number: ~", nil},
		"false is no default":   {"flag: false", func(s *allSettings) { s.Flag = false }},
		"true":                  {"plain: true", func(s *allSettings) { s.Plain = true }},
		"mapping of numbers":    {"counts: {a: 1, b: 2}", func(s *allSettings) { s.Counts = map[string]int{"a": 1, "b": 2} }},
		"empty mapping in it":   {"counts: {}", func(s *allSettings) { s.Counts = map[string]int{} }},
		"null mapping":          {"counts:", nil},
		"mapping of anything": {"any: {a: x, b: 3, c: true, d: '3'}",
			func(s *allSettings) { s.Any = map[string]any{"a": "x", "b": 3, "c": true, "d": "3"} }},
		"mapping of structs": {"parts: {a: {name: x}, b: }", func(s *allSettings) { s.Parts = map[string]part{"a": {"x", "1Gi"}, "b": {"", "1Gi"}} }},
		"list":               {"list: [a, 'b']", func(s *allSettings) { s.List = []string{"a", "b"} }},
		"list of structs":    {"lists: [{size: 2Gi}]", func(s *allSettings) { s.Lists = []part{{Size: "2Gi"}} }},
		"struct":             {"always: {name: x}", func(s *allSettings) { s.Always.Name = "x" }},
		"null struct":        {"always:", nil},
		"section":            {"maybe: {host: a}", func(s *allSettings) { s.Maybe = &section{Host: "a", Port: 80} }},
		"section in a section": {"maybe: {host: a, inner: {host: b, port: 1}}",
			func(s *allSettings) {
				s.Maybe = &section{Host: "a", Port: 80, Inner: &section{Host: "b", Port: 1}}
			}},
		"inline": {"owner: me", func(s *allSettings) { s.Common.Owner = "me" }},
	} {
		t.Run(name, func(t *testing.T) {
			var got allSettings
			if err := decode(node(t, c.in), &got, false); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(defaults(c.want), got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	for in, want := range map[string]string{
		"3":                             ": is a number, want a mapping of text, number, flag, plain, counts, parts, any, list, lists, always, maybe, owner",
		"nmber: 3":                      "nmber: is not a known field, did you mean number? (known are text, number, flag, plain, counts, parts, any, list, lists, always, maybe, owner)",
		"Hidden: 3":                     "Hidden: is not a known field, known are text, number, flag, plain, counts, parts, any, list, lists, always, maybe, owner",
		"parts: {a: {nam: x}}":          "parts.a.nam: is not a known field, did you mean name? (known are name, size)",
		"parts: {a.b: {nam: x}}":        `parts["a.b"].nam: is not a known field, did you mean name? (known are name, size)`,
		"lists: [{}, {nam: x}]":         "lists[1].nam: is not a known field, did you mean name? (known are name, size)",
		"maybe: {}":                     "maybe.host: is missing",
		"maybe: {host: }":               "maybe.host: is missing",
		"maybe: {host: a, inner: {}}":   "maybe.inner.host: is missing",
		"maybe:":                        "maybe: is empty: write {} for its defaults, or leave it out",
		"maybe: []":                     "maybe: is a list, want a mapping of host, port, inner",
		"text: 3":                       "text: is a number, want a string: put it in quotes",
		"text: yes\nnumber: no":         `number: "no" is a string, want a whole number`,
		"text: true":                    "text: is a boolean, want a string: put it in quotes",
		"text: 2001-01-01":              "text: is a date, want a string: put it in quotes",
		"text: !x y":                    "text: has a tag, want a string: put it in quotes",
		"text: [a]":                     "text: is a list, want a string",
		"number: '3'":                   `number: "3" is a string, want a whole number`,
		"number: 3.0":                   "number: 3.0 is a number, want a whole number",
		"number: 9999999999999999999":   "number: 9999999999999999999 is too large",
		"number: {}":                    "number: is a mapping, want a whole number",
		"flag: 'true'":                  `flag: "true" is a string, want true or false`,
		"flag: 1":                       "flag: 1 is a number, want true or false",
		"counts: [1]":                   "counts: is a list, want a mapping",
		"counts: {a: }":                 "counts.a: is missing",
		"any: {a: }":                    "any.a: is missing",
		"any: {a: [x], b: 1.5}":         "any.a: is a list, want a string, a whole number, true or false\nany.b: is a number, want a string, a whole number, true or false",
		"any: {a: 9999999999999999999}": "any.a: 9999999999999999999 is too large",
		"list: a":                       "list: is a string, want a list",
		"list: [a, ~]":                  "list[1]: is missing",
		"list: [1]":                     "list[0]: is a number, want a string: put it in quotes",
		"text: 1\nflag: 1":              "text: is a number, want a string: put it in quotes\nflag: 1 is a number, want true or false",
	} {
		t.Run(in, func(t *testing.T) {
			err := decode(node(t, in), &allSettings{}, false)
			if err == nil {
				t.Fatalf("no error, want %s", want)
			}
			if d := cmp.Diff(want, err.Error()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestDecodeText decodes the data of a ConfigMap, where a dot in a key goes one
// level down and every value is a string.
func TestDecodeText(t *testing.T) {
	const data = `
text: "3"
number: "3"
flag: "false"
counts.a: "1"
counts.b: "2"
parts.a.name: x
any.a: "true"
maybe.host: a
maybe.inner.host: b
maybe.inner.port: "1"
owner: me
`
	settings, err := flat(node(t, data))
	if err != nil {
		t.Fatal(err)
	}
	var got allSettings
	if err := decode(settings, &got, true); err != nil {
		t.Fatal(err)
	}
	want := defaults(func(s *allSettings) {
		s.Text, s.Number, s.Flag = "3", 3, false
		s.Counts = map[string]int{"a": 1, "b": 2}
		s.Parts = map[string]part{"a": {"x", "1Gi"}}
		s.Any = map[string]any{"a": "true"}
		s.Maybe = &section{Host: "a", Port: 80, Inner: &section{Host: "b", Port: 1}}
		s.Common.Owner = "me"
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}

	for _, empty := range []string{"", "null", "{}"} {
		settings, err := flat(node(t, empty))
		if err != nil {
			t.Fatal(err)
		}
		var got allSettings
		if err := decode(settings, &got, true); err != nil || !cmp.Equal(defaults(nil), got) {
			t.Errorf("%q gives %+v, %v", empty, got, err)
		}
	}
}

func TestDecodeTextErrors(t *testing.T) {
	for in, want := range map[string]string{
		"number: three":        `number: "three" is a string, want a whole number`,
		"number: ''":           `number: "" is a string, want a whole number`,
		"number: ' 3'":         `number: " 3" is a string, want a whole number`,
		"flag: on":             `flag: "on" is a string, want true or false`,
		"list: a":              "list: does not fit a flat string: write a function config of its own kind (krmfn help NAME shows one)",
		"counts: '3'":          "counts: does not fit a flat string: write a function config of its own kind (krmfn help NAME shows one)",
		"counts.a.b: '3'":      "counts.a: is a mapping, want a whole number",
		"a: x\na.b: y":         `data["a.b"]: stands beside a key a that holds a value`,
		"a.b.c: x\na.b: y":     `data["a.b"]: stands beside a key that goes further down`,
		"text":                 "data: is a string, want a mapping",
		"..: x":                `[""]: is not a known field, known are text, number, flag, plain, counts, parts, any, list, lists, always, maybe, owner`,
		"text:\n  more: x":     "text: is a mapping, want a string",
		"parts.a: {name: [x]}": "parts.a.name: is a list, want a string",
	} {
		t.Run(in, func(t *testing.T) {
			settings, err := flat(node(t, in))
			if err == nil {
				err = decode(settings, &allSettings{}, true)
			}
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

// TestNoValueInMessages checks that what stands where a string is wanted is not
// shown: it may be a password.
func TestNoValueInMessages(t *testing.T) {
	for _, in := range []string{"text: 4711", "text: [hunter2]", "text: {hunter2: x}", "always: hunter2", "maybe: 4711", "maybe: {host: 4711}", "list: hunter2", "counts: hunter2"} {
		err := decode(node(t, in), &allSettings{}, false)
		if err == nil || strings.Contains(err.Error(), "4711") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// node parses YAML; nil for an empty text.
func node(t testing.TB, text string) *yaml.Node {
	t.Helper()
	docs, err := ReadYAML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) == 0 {
		return nil
	}
	return docs[0].Content[0]
}
