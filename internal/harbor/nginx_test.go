package harbor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNginx(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "",
		"a;":                                    "a",
		"a b  c ;\n d;":                         "a b c, d",
		"a { b; c { d 1; } } e;":                "a {b, c {d 1}}, e",
		"# x; {\na; # y }\nb;":                  "a, b",
		`a "x; {" 'it''s';`:                     "a x; { it s",
		`a "\"\\";`:                             `a "\`,
		"location ~ ^/v2/(.*)$ { return 404; }": "location ~ ^/v2/(.*)$ {return 404}",
		"a ${b}c;":                              "a ${b}c",
		"a b\\;c;":                              "a b\\;c",
		"log_format x '[$a]'\n  'b';":           "log_format x [$a] b",

		"a":                        "error line 1: a ; is missing",
		"a;\nb {":                  "error line 2: a } is missing",
		"a { b }":                  "error line 1: a ; is missing",
		"a; }":                     "error line 1: there is a } too many",
		"\n{ a; }":                 "error line 2: there is a { without a name before it",
		";":                        "error line 1: there is a ; without a name before it",
		"a 'b;":                    "error line 1: a quote is not closed",
		strings.Repeat("a {", 200): "error line 1: is nested too deep",
	} {
		all, err := ParseNginx(text)
		got := shown(all)
		if err != nil {
			got = "error " + err.Error()
		}
		if got != want {
			t.Errorf("%.40q: %s, want %s", text, got, want)
		}
	}
}

func shown(all []Directive) string {
	var parts []string
	for _, d := range all {
		part := strings.Join(append([]string{d.Name}, d.Args...), " ")
		if d.Block != nil {
			part += " {" + shown(d.Block) + "}"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func TestAll(t *testing.T) {
	directives, err := ParseNginx("server_name a;\nhttp { server { server_name b c; } server { location / { server_name d; } } }")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	All(directives, "server_name", func(d Directive, around []Directive) {
		var names []string
		for _, a := range around {
			names = append(names, a.Name)
		}
		got = append(got, fmt.Sprint(d.Line, " ", d.Arg(0), d.Arg(1), " ", names))
	})
	want := []string{"1 a []", "2 bc [http server]", "2 d [http server location]"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func FuzzParseNginx(f *testing.F) {
	for _, text := range []string{"a;", "a { b 'c'; }", "# x\n${", "a \\", "\"", "a${b;"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if all, err := ParseNginx(text); err != nil && all != nil {
			t.Error("there are directives and an error")
		}
	})
}
