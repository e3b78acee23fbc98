package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
)

// Escape sequences of a terminal.
const (
	bold  = "\x1b[1m"
	plain = "\x1b[0m"
)

var colors = map[framework.Severity]string{
	framework.Error:   "\x1b[31m", // red
	framework.Warning: "\x1b[33m", // yellow
	framework.Info:    "\x1b[36m", // cyan
}

// text groups the findings by object, in columns, and ends with a summary.
func text(r Report, style Style) ([]byte, error) {
	var b strings.Builder
	for _, group := range groups(r.shown(style)) {
		fmt.Fprintf(&b, "%s\n", paint(heading(group[0]), bold, style))
		writeRows(&b, group, style)
		b.WriteByte('\n')
	}
	fmt.Fprintln(&b, r.summary(style))
	return []byte(b.String()), nil
}

// groups cuts sorted findings where the object or the file changes.
func groups(all []Finding) [][]Finding {
	var cut [][]Finding
	for i, f := range all {
		if i == 0 || f.ref() != all[i-1].ref() || f.path() != all[i-1].path() {
			cut = append(cut, nil)
		}
		cut[len(cut)-1] = append(cut[len(cut)-1], f)
	}
	return cut
}

// heading is object and file. It does not begin like a command of GitHub
// Actions, whatever the kind is called.
func heading(f Finding) string {
	object := OneLine(f.object())
	if object == "" {
		object = "All objects"
	}
	if trimmed := strings.TrimLeft(object, " "); strings.HasPrefix(trimmed, ":") {
		object = `\x3a` + trimmed[1:]
	}
	if path := f.path(); path != "" {
		object += " (" + OneLine(path) + ")"
	}
	return object
}

// writeRows writes line, severity, rule, field and message of the findings of
// one object. A column that is empty in all of them is left out.
func writeRows(b *strings.Builder, group []Finding, style Style) {
	var rows [][]string
	widths := make([]int, 4)
	for _, f := range group {
		row := []string{"", OneLine(string(f.Severity)), OneLine(f.rule()), OneLine(f.field()), OneLine(f.Message)}
		if f.Line > 0 {
			row[0] = strconv.Itoa(f.Line)
		}
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		rows = append(rows, row)
	}
	for i, row := range rows {
		for column, width := range widths {
			if width > 0 {
				cell := pad(row[column], width, column == 0)
				if column == 1 {
					cell = paint(cell, colors[group[i].Severity], style)
				}
				b.WriteString("  " + cell)
			}
		}
		b.WriteString("  " + row[len(row)-1] + "\n")
	}
}

func pad(s string, width int, left bool) string {
	space := strings.Repeat(" ", width-utf8.RuneCountInString(s))
	if left {
		return space + s
	}
	return s + space
}

func paint(s, color string, style Style) string {
	if !style.Color || color == "" {
		return s
	}
	return color + s + plain
}

// OneLine makes a text from a manifest fit to be printed in a line: line breaks
// become spaces, and what a terminal would obey or not show is written as an
// escape. So is the beginning of an old command of GitHub Actions, which works
// anywhere in a line: ##[.
func OneLine(s string) string {
	s = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(visible(s))
	return strings.ReplaceAll(s, "##[", `\x23#[`)
}

// visible writes control characters, other characters that cannot be seen and
// what is not UTF-8 as escapes. Line breaks and tabs stay.
func visible(s string) string {
	var b strings.Builder
	for i, size := 0, 0; i < len(s); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r), r == '\n', r == '\r', r == '\t':
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
