package report

import (
	"cmp"
	"fmt"
	"slices"
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

// text groups the findings by object, in columns, and ends with a summary. What is
// the same of several objects of a kind stands there once.
func text(r Report, style Style) ([]byte, error) {
	var b strings.Builder
	for _, group := range groups(together(r.shown(style))) {
		fmt.Fprintf(&b, "%s\n", paint(heading(group[0]), bold, style))
		writeRows(&b, group, style)
		b.WriteByte('\n')
	}
	fmt.Fprintln(&b, r.summary(style))
	return []byte(b.String()), nil
}

// remark is a finding, and the objects beside its own of which it is true as well.
type remark struct {
	Finding
	lines []string // in the file, of each object
	also  []string // names of the others
}

// together makes one remark of findings that differ in the object and the line alone.
func together(all []Finding) []remark {
	var remarks []remark
	for _, f := range all {
		i := slices.IndexFunc(remarks, func(e remark) bool { return e.saysTheSame(f) })
		if i < 0 {
			i, remarks = len(remarks), append(remarks, remark{Finding: f})
		} else {
			remarks[i].also = append(remarks[i].also, f.name())
		}
		if f.Line > 0 {
			remarks[i].lines = append(remarks[i].lines, strconv.Itoa(f.Line))
		}
	}
	// Those of several objects follow the others of the first one.
	for rest := remarks; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(e remark) bool { return e.path() != rest[0].path() || e.ref() != rest[0].ref() })
		if n < 0 {
			n = len(rest)
		}
		slices.SortStableFunc(rest[:n], func(a, b remark) int { return cmp.Compare(len(a.also), len(b.also)) })
		rest = rest[n:]
	}
	return remarks
}

// saysTheSame says whether a finding is true of another object of the same kind, in
// the same file.
func (e remark) saysTheSame(f Finding) bool {
	return e.ref() != f.ref() && e.ref().Kind == f.ref().Kind && e.path() == f.path() && e.Severity == f.Severity &&
		e.rule() == f.rule() && e.field() == f.field() && e.Message == f.Message
}

// groups cuts sorted remarks where the objects or the file change.
func groups(all []remark) [][]remark {
	var cut [][]remark
	for i, e := range all {
		if i == 0 || e.ref() != all[i-1].ref() || e.path() != all[i-1].path() || !slices.Equal(e.also, all[i-1].also) {
			cut = append(cut, nil)
		}
		cut[len(cut)-1] = append(cut[len(cut)-1], e)
	}
	return cut
}

// heading is objects and file.
func heading(e remark) string {
	object := strings.Join(append([]string{e.object()}, e.also...), ", ")
	if object == "" {
		object = "All objects"
	}
	if path := e.path(); path != "" {
		object += " (" + path + ")"
	}
	return show.Line(object)
}

// writeRows writes line, severity, rule, field and message of the findings of
// one object. A column that is empty in all of them is left out.
func writeRows(b *strings.Builder, group []remark, style Style) {
	var rows [][]string
	widths := make([]int, 4)
	for _, f := range group {
		row := []string{strings.Join(f.lines, ","), show.Line(string(f.Severity)), show.Line(f.rule()), show.Line(f.field()), show.Line(f.Message)}
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
