package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/show"
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

// heading is object and file.
func heading(f Finding) string {
	object := f.object()
	if object == "" {
		object = "All objects"
	}
	if path := f.path(); path != "" {
		object += " (" + path + ")"
	}
	return show.Line(object)
}

// writeRows writes line, severity, rule, field and message of the findings of
// one object. A column that is empty in all of them is left out.
func writeRows(b *strings.Builder, group []Finding, style Style) {
	var rows [][]string
	widths := make([]int, 4)
	for _, f := range group {
		row := []string{"", show.Line(string(f.Severity)), show.Line(f.rule()), show.Line(f.field()), show.Line(f.Message)}
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
