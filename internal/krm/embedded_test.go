package krm

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TestEmbeddedSet sets auth.realm in texts that are written in many ways: the
// line of the value changes, and nothing else.
func TestEmbeddedSet(t *testing.T) {
	const url = "http://hub.example.com:31777/service/token"
	const strange = "version:    0.1\nauth:\n      realm:   a\n      list:\n      -  1\n      -    {  x:   y  }\n\n\n\nlast: |\n    text\n"
	for name, c := range map[string]struct{ in, value, out string }{
		"plain":                       {"auth:\n  realm: http://old\n", url, "auth:\n  realm: " + url + "\n"},
		"double quotes":               {"auth:\n  realm: \"http://old\"\n", url, "auth:\n  realm: \"" + url + "\"\n"},
		"double quotes with escape":   {"auth:\n  realm: \"a\\\"b\\u00e9\" # c\n", url, "auth:\n  realm: \"" + url + "\" # c\n"},
		"single quotes":               {"auth:\n  realm: 'http://old'\n", url, "auth:\n  realm: '" + url + "'\n"},
		"single quotes with quote":    {"auth:\n  realm: 'it''s' # c\n", url, "auth:\n  realm: '" + url + "' # c\n"},
		"comment behind it":           {"auth:\n  realm: http://old   # the realm: http://old\n", url, "auth:\n  realm: " + url + "   # the realm: http://old\n"},
		"comments around it":          {"# head\nauth: # auth\n  # above\n  realm: a\n  # below\nmore: x\n\n# foot\n", "new", "# head\nauth: # auth\n  # above\n  realm: new\n  # below\nmore: x\n\n# foot\n"},
		"strange layout":              {strange, "new", strings.Replace(strange, "realm:   a", "realm:   new", 1)},
		"flow":                        {"auth: {service: x, realm: http://old, more: y} # c\n", url, "auth: {service: x, realm: " + url + ", more: y} # c\n"},
		"flow with quotes":            {"auth: {realm: 'http://old'}\n", url, "auth: {realm: '" + url + "'}\n"},
		"JSON":                        {"{\"auth\": {\"realm\": \"http://old\", \"n\": [1,2]}}", url, "{\"auth\": {\"realm\": \"" + url + "\", \"n\": [1,2]}}"},
		"CRLF":                        {"auth:\r\n  realm: http://old\r\n  more: x\r\n", url, "auth:\r\n  realm: " + url + "\r\n  more: x\r\n"},
		"CRLF and comment":            {"auth:\r\n  realm: http://old # c\r\n", url, "auth:\r\n  realm: " + url + " # c\r\n"},
		"no line break at the end":    {"auth:\n  realm: http://old", url, "auth:\n  realm: " + url},
		"key beside a dash":           {"auth:\n  realm: a\nlist:\n- realm: a\n", "new", "auth:\n  realm: new\nlist:\n- realm: a\n"},
		"non-ASCII before it":         {"# Zürich 漢字 🚀\nauth: {名前: Zürich 🚀, realm: http://old, x: é}\n", url, "# Zürich 漢字 🚀\nauth: {名前: Zürich 🚀, realm: " + url + ", x: é}\n"},
		"tab before a comment":        {"auth:\n  realm: a\t# c\n", "new", "auth:\n  realm: new\t# c\n"},
		"several spaces":              {"auth:\n  realm:     a\n", "new", "auth:\n  realm:     new\n"},
		"document start":              {"---\nauth:\n  realm: a\n...\n", "new", "---\nauth:\n  realm: new\n...\n"},
		"anchor elsewhere":            {"x: &x\n  realm: a\nauth:\n  realm: b\ny: *x\n", "new", "x: &x\n  realm: a\nauth:\n  realm: new\ny: *x\n"},
		"value with a space":          {"auth:\n  realm: a\n", "b c", "auth:\n  realm: b c\n"},
		"value with a colon":          {"auth:\n  realm: a\n", "b: c", "auth:\n  realm: 'b: c'\n"},
		"value with a comment":        {"auth:\n  realm: a\n", "b #c", "auth:\n  realm: 'b #c'\n"},
		"value with quotes":           {"auth:\n  realm: 'a'\n", `b'"c`, "auth:\n  realm: 'b''\"c'\n"},
		"value that is a boolean":     {"auth:\n  realm: a\n", "true", "auth:\n  realm: \"true\"\n"},
		"value that was a boolean":    {"auth:\n  realm: a\n", "on", "auth:\n  realm: \"on\"\n"},
		"value that is a number":      {"auth:\n  realm: a\n", "5", "auth:\n  realm: \"5\"\n"},
		"value that is null":          {"auth:\n  realm: a\n", "null", "auth:\n  realm: \"null\"\n"},
		"empty value":                 {"auth:\n  realm: a\n", "", "auth:\n  realm: \"\"\n"},
		"value with a line break":     {"auth:\n  realm: a\n", "b\nc", "auth:\n  realm: |-\n    b\n    c\n"},
		"number becomes a string":     {"auth:\n  realm: 5\n", "new", "auth:\n  realm: new\n"},
		"merge key that it overrides": {"x: &x {realm: a}\nauth:\n  <<: *x\n", "new", "x: &x {realm: a}\nauth:\n  <<: *x\n  realm: new\n"},
		"tag":                         {"auth:\n  realm: !!str a # c\n", "new", "auth:\n  realm: !!str new # c\n"},
		"literal block":               {"auth:\n  realm: |\n    a\n  # more\n  more: x\n", "new", "auth:\n  realm: |-\n    new\n  # more\n  more: x\n"},
		"folded block":                {"auth:\n  realm: >-\n    a\n    # b\n\nmore: x\n", "new", "auth:\n  realm: >-\n    new\n\nmore: x\n"},
		"several lines":               {"auth:\n  realm: a\n    b\n  more: x\n", "new", "auth:\n  realm: new\n  more: x\n"},
		"several lines in quotes":     {"auth:\n  realm: \"a\n\n    b\"\n  more: x\n", "new", "auth:\n  realm: \"new\"\n  more: x\n"},
		"nothing":                     {"auth:\n  realm: # c\n  more: x\n", "new", "auth:\n  realm: new # c\n  more: x\n"},
		"CR":                          {"auth:\r  realm: a\r  more: |\r    x\r", "b\nc", "auth:\r  realm: |-\r    b\r    c\r  more: |\r    x\r"},
		"breaks of Unicode":           {"a: x\u0085# c\u2028auth:\u2029  realm: a # \u00e9\u0085", "new", "a: x\u0085# c\u2028auth:\u2029  realm: new # \u00e9\u0085"},
		"merge key that it hides":     {"x: &x\n  realm: a\nauth:\n  <<: *x\n  realm: b\n", "new", "x: &x\n  realm: a\nauth:\n  <<: *x\n  realm: new\n"},
	} {
		t.Run(name, func(t *testing.T) {
			obj, list := textObject(c.in), &framework.ResourceList{}
			e, err := Embed(obj, "data", "config.yml")
			if err != nil {
				t.Fatal(err)
			}
			old := e.Text("auth", "realm")
			if err := e.Set(list, c.value, "auth", "realm"); err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(c.out, Text(obj, "data", "config.yml")); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if got := e.Text("auth", "realm"); got != c.value {
				t.Errorf("reads back as %q", got)
			}
			r := list.Results[0]
			if r.Field.Path != `data["config.yml"]` || fmt.Sprint(r.Field.CurrentValue) != cmp.Or(old, "<nil>") || !strings.HasPrefix(r.Message, "changed auth.realm") {
				t.Errorf("finding %+v %+v", r, r.Field)
			}
			if err := e.Set(list, c.value, "auth", "realm"); err != nil || len(list.Results) != 1 {
				t.Errorf("again: error %v, %d findings", err, len(list.Results))
			}
		})
	}
}

// TestEmbeddedSetRefuses checks that a text stays as it is when more than the
// value would have to change.
func TestEmbeddedSetRefuses(t *testing.T) {
	const inPlace = "auth.realm cannot be changed in this text: write it on a line of its own and without aliases"
	for in, want := range map[string]string{
		"auth:\n  service: x\n":                        "auth.realm is missing",
		"auth: text\n":                                 "auth.realm is missing",
		"auth:\n  realm: [a]\n":                        "auth.realm is a list, want a string",
		"auth:\n  realm: {a: b}\n":                     "auth.realm is a mapping, want a string",
		"x: &x a\nauth:\n  realm: *x\n":                "auth.realm is an alias, want a string",
		"x: &x {realm: a}\nauth: *x\n":                 inPlace,
		"auth: &x\n  realm: a\nmore: *x\n":             inPlace,
		"auth:\n  realm: &x a\nmore: *x\n":             inPlace,
		"":                                             "holds 0 documents, want one",
		"a: 1\n---\nb: 2\n":                            "holds 2 documents, want one",
		"- a\n":                                        "is a list, want a mapping",
		"auth: {realm: a\n":                            "reading YAML: line 1: did not find expected ',' or '}'",
		"auth:\n  realm: a\n  realm: b\n":              "line 3: this key is in line 2 already, or --- is missing between two objects",
		"auth:\n  realm: &x\n    y: *x\n":              "an alias leads back to itself",
		"auth:\n  realm: " + strings.Repeat("[", 2000): "reading YAML",
		"auth:\n  realm: a\x00\n":                      "line 2 holds the character U+0000, which is not allowed in YAML",
	} {
		t.Run(in[:min(len(in), 40)], func(t *testing.T) {
			obj, list := textObject(in), &framework.ResourceList{}
			e, err := Embed(obj, "data", "config.yml")
			if err == nil {
				err = e.Set(list, "new", "auth", "realm")
			}
			if err == nil || !strings.HasPrefix(err.Error(), `ConfigMap c data["config.yml"]: `) || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
			if Text(obj, "data", "config.yml") != in || len(list.Results) != 0 {
				t.Errorf("the text is %q now, %d findings", Text(obj, "data", "config.yml"), len(list.Results))
			}
		})
	}
}

// TestEmbeddedRemove takes out one line and nothing else, or nothing.
func TestEmbeddedRemove(t *testing.T) {
	const refused = "http.secret cannot be changed in this text: write it on a line of its own and without aliases"
	for in, want := range map[string]string{
		"http:\n  addr: :5000\n  secret: hunter2 # c\n  # d\nlog: {}\n": "http:\n  addr: :5000\n  # d\nlog: {}\n",
		"http: # c\n  secret: 'hunter2'\nlog: {}\n":                     "http: # c\nlog: {}\n", // distribution takes null for nothing
		"http:\n  secret: hunter2":                                      "http:",
		"http: {\n  secret: hunter2,\n  addr: a }\n":                    "http: {addr: a}\n",
		"http:\n  secret: \"hunter2\"\r\n  addr: a\r\n":                 "http:\n  addr: a\r\n",
		"http:\n  addr: a\n":                                            "http:\n  addr: a\n",
		"http:\nsecret: a\n":                                            "http:\nsecret: a\n",
		"log: {}\n":                                                     "log: {}\n",
		"http: text\n":                                                  "http: text\n",

		"http: {addr: a, secret: hunter2}\n":                      "http: {addr: a}\n",
		"{\"http\": {\"secret\": \"hunter2\"}}\n":                 refused,
		"http:\n  secret: |\n    hunter2\n  addr: a\n":            "http:\n  addr: a\n",
		"http:\n  secret: hunter2\n    more\n  addr: a\n":         "http:\n  addr: a\n",
		"http:\n  secret: &s hunter2\nother: *s\n":                refused,
		"x: &x {secret: hunter2}\nhttp:\n  <<: *x\n  addr: a\n":   refused,
		"x: &x\n  secret: hunter2\nhttp: *x\n":                    refused,
		"http: &x\n  addr: a\n  secret: hunter2\nother: *x\n":     refused,
		"http:\n  ? secret\n  : hunter2\n":                        "http:\n",
		"http:\n  ? secret\n  : hunter2\n  addr: a\nlog: {}\n":    refused,
		"http: {addr: a,\n  secret: hunter2}\nlog: {level: b}\n":  "http: {addr: a}\nlog: {level: b}\n",
		"http: {secret: hunter2,\n  addr: a}\nlog: {level: b}\n":  "http: {addr: a}\nlog: {level: b}\n",
		"{http: {secret: hunter2}, log: {level: b}}\n# comment\n": refused,
	} {
		t.Run(in, func(t *testing.T) {
			obj, list := textObject(in), &framework.ResourceList{}
			e, err := Embed(obj, "data", "config.yml")
			if err != nil {
				t.Fatal(err)
			}
			err = e.Remove(list, "http", "secret")
			got := Text(obj, "data", "config.yml")
			if want == refused {
				if err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || got != in {
					t.Errorf("error %v, the text is\n%s", err, got)
				}
				return
			}
			if err != nil || got != want || e.Text("http", "secret") != "" || len(list.Results) > 1 || (got == in) != (len(list.Results) == 0) {
				t.Errorf("error %v, %d findings, the text is\n%s", err, len(list.Results), got)
			}
			for _, r := range list.Results {
				if r.Field.CurrentValue != nil || r.Field.ProposedValue != nil {
					t.Errorf("the finding shows %+v", r.Field)
				}
			}
			if err := e.Remove(list, "http", "secret"); err != nil || Text(obj, "data", "config.yml") != want {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestEmbeddedAdd adds fields: their lines come, all others stay.
func TestEmbeddedAdd(t *testing.T) {
	for name, c := range map[string]struct {
		in    string
		path  Path
		value any
		out   string
	}{
		"a field":           {"# a\nredis: # b\n    addr:   'x' # c\n    # d\n\nlog: {}\n", Path{"redis", "password"}, "p", "# a\nredis: # b\n    addr:   'x' # c\n    password: p\n    # d\n\nlog: {}\n"},
		"a mapping":         {"log:   {}\n\n# end\n", Path{"redis", "password"}, "p", "log:   {}\nredis:\n  password: p\n\n# end\n"},
		"below null":        {"redis: # why\nlog: {}\n", Path{"redis", "password"}, "p", "redis: # why\n  password: p\nlog: {}\n"},
		"below {}":          {"redis: {}\nlog: {}\n", Path{"redis", "password"}, "p", "redis:\n  password: p\nlog: {}\n"},
		"in flow":           {"redis: {addr: 'x'} # why\nlog: {}\n", Path{"redis", "password"}, "p", "redis: {addr: 'x', password: p} # why\nlog: {}\n"},
		"several":           {"a: 1\n", Path{"redis"}, Map("addr", "x", "tls", true, "pools", List(1, "2")), "a: 1\nredis:\n  addr: x\n  tls: true\n  pools:\n  - 1\n  - \"2\"\n"},
		"indented lists":    {"a:\n  - 1\n", Path{"b"}, List("x"), "a:\n  - 1\nb:\n  - x\n"},
		"an element":        {"a:\n    -   x: 1 # one\n        y: 2\n    # end\n", Path{"a", 1}, Map("x", 2, "z", 3), "a:\n    -   x: 1 # one\n        y: 2\n    - x: 2\n      z: 3\n    # end\n"},
		"in an element":     {"a:\n- x: 1 # one\n- x: 2\n", Path{"a", 0, "z"}, 3, "a:\n- x: 1 # one\n  z: 3\n- x: 2\n"},
		"before the others": {"spec:\n  # of b\n  spec: 1\n", Path{"spec", "name"}, "x", "spec:\n  name: x\n  # of b\n  spec: 1\n"},
		"before, in a list": {"a:\n-   spec: 1\n    status: 2\n", Path{"a", 0, "name"}, "x", "a:\n-   name: x\n    spec: 1\n    status: 2\n"},
		"no break at end":   {"a: 1", Path{"b"}, "x", "a: 1\nb: x\n"},
		"no end of literal": {"a: |-\n  x\n   # y", Path{"b"}, "x", "a: |-\n  x\n   # y\nb: x\n"},
		"CRLF":              {"a:\r\n  b: 1\r\nc: |\r\n  x\r\n", Path{"a", "d"}, Map("e", "x", "f", "z"), "a:\r\n  b: 1\r\n  d:\r\n    e: x\r\n    f: z\r\nc: |\r\n  x\r\n"},
		"after a document":  {"---\na: 1\n...\n", Path{"b"}, "x", "---\na: 1\nb: x\n...\n"},
		"JSON":              {"{\n\t\"a\": 1\n}\n", Path{"b"}, Map("c", true), "{\n\t\"a\": 1,\n\t\"b\": {\n\t\t\"c\": true\n\t}\n}\n"},
		"a number in JSON":  {"{\"a\": 1}", Path{"a"}, "new", "{\"a\":\"new\"}"},
		"changes a list":    {"a: # why\n  - x # one\n  - y\n", Path{"a"}, List("z", "y", "w"), "a: # why\n  - z # one\n  - y\n  - w\n"},
		"changes a mapping": {"a:\n  b: 1\n  # of c\n  c: 2\n  d:   3 # d\n", Path{"a"}, Map("b", 1, "d", 4, "e", 5), "a:\n  b: 1\n  d:   4 # d\n  e: 5\n"},
	} {
		t.Run(name, func(t *testing.T) {
			obj, list := textObject(c.in), &framework.ResourceList{}
			e, err := Embed(obj, "data", "config.yml")
			if err != nil {
				t.Fatal(err)
			}
			if err := e.AddSecret(list, c.value, c.path...); err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(c.out, Text(obj, "data", "config.yml")); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if !Equal(e.Lookup(c.path...), nodeOf(c.value)) || list.Results[0].Field.ProposedValue != nil {
				t.Errorf("findings %v", list.Results[0].Field)
			}
			if err := e.Add(list, c.value, c.path...); err != nil || len(list.Results) != 1 {
				t.Errorf("again: error %v, %d findings", err, len(list.Results))
			}
		})
	}
	for in, path := range map[string]Path{
		"x: &x {a: 1}\ny: *x\n":            {"x", "b"},
		"x: &x\n  a: 1\ny: *x\n":           {"y", "b"},
		"a: text\n":                        {"a", "b"},
		"a: |\n  x":                        {"b"}, // the value would end in a line break
		"a: [1]\n":                         {"a", 2},
		"? a\n:  b: 1 # c\n   d: 2\n...\n": {"a", "b", "c"},
	} {
		obj, list := textObject(in), &framework.ResourceList{}
		e, err := Embed(obj, "data", "config.yml")
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Add(list, "new", path...); err == nil || Text(obj, "data", "config.yml") != in || len(list.Results) > 0 {
			t.Errorf("%s: error %v, the text is %s", in, err, Text(obj, "data", "config.yml"))
		}
	}
}

// TestEmbeddedText reads through aliases and merge keys.
func TestEmbeddedText(t *testing.T) {
	e, err := Embed(textObject("x: &x {realm: a}\nauth:\n  <<: *x\nmore: *x\n"), "data", "config.yml")
	if err != nil {
		t.Fatal(err)
	}
	if e.Text("auth", "realm") != "a" || e.Text("more", "realm") != "a" || e.Text("auth", "nothing") != "" {
		t.Error("a value is missing")
	}
}

func textObject(text string) *yaml.RNode {
	return yaml.NewRNode(Map("apiVersion", "v1", "kind", "ConfigMap", "metadata", Map("name", "c"), "data", Map("config.yml", text)))
}
