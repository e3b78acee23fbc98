package show

import (
	"io"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                     "plain",
		"Zürich 漢字 🚀 e\u0301":       "Zürich 漢字 🚀 e\u0301",
		"a\nb\r\nc\rd\te":           `a\nb\r\nc\rd\te`,
		"end \r\n":                  "end",
		"\x1b[31mred\x1b[0m\a":      `\x1b[31mred\x1b[0m\a`,
		"\u009b31m":                 `\u009b31m`,
		"a\u202eb\u2066c\u200fd":    `a\u202eb\u2066c\u200fd`,
		"a\u2028b\u2029c\u0085d":    `a\u2028b\u2029c\u0085d`,
		"zero\u200bwidth\ufeff":     `zero\u200bwidth\ufeff`,
		"\xff\xfe":                  `\xff\xfe`,
		"\x00":                      `\x00`,
		"::error::x":                `\x3a:error::x`,
		"  ::error::x":              `  \x3a:error::x`,
		"\t::error::x":              `\t::error::x`,
		"\n::error::x":              `\n::error::x`,
		"a::b":                      "a::b",
		"text ##[error]x ##[group]": `text \x23#[error]x \x23#[group]`,
	} {
		if got := Line(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestLines: however a stream is cut, its lines come out.
func TestLines(t *testing.T) {
	const in = "\x1b[31mone\r\n::error::two\n\tth\u202eree\n\nfour\x1b"
	const want = "\\x1b[31mone\n\\x3a:error::two\n\tth\\u202eree\n\nfour\\x1b\n"
	for size := 1; size <= len(in); size++ {
		var out strings.Builder
		l := NewLines(&out)
		for rest := in; rest != ""; rest = rest[min(size, len(rest)):] {
			if _, err := io.WriteString(l, rest[:min(size, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil || out.String() != want {
			t.Fatalf("in pieces of %d: %v\n%q, want\n%q", size, err, out.String(), want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("::a\x1b\u2028")
	f.Fuzz(func(t *testing.T, in string) {
		line := Line(in)
		if strings.ContainsAny(line, "\x00\x07\x1b\x7f\r\n\t\u0085\u009b\u2028\u2029\u202e\u2066") || strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("%q", line)
		}
		if again := Line(line); again != line {
			t.Errorf("%q becomes %q", line, again)
		}
	})
}
