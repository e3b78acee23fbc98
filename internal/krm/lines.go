package krm

import (
	"strings"
	"unicode/utf8"
)

// lineBreak is the length of the line break with which the text begins, 0 for
// none. Every place that cuts a text by the positions of YAML nodes asks it: the
// parser breaks lines at LF, CR, the two as CR LF, and at three characters of
// Unicode (YAML 1.1, section 4.2).
func lineBreak(text string) int {
	switch {
	case text == "":
		return 0
	case strings.HasPrefix(text, "\r\n"):
		return 2
	case text[0] == '\n', text[0] == '\r':
		return 1
	case strings.HasPrefix(text, "\u0085"):
		return 2
	case strings.HasPrefix(text, "\u2028"), strings.HasPrefix(text, "\u2029"):
		return 3
	}
	return 0
}

// breaks begins every line break, and few other characters.
const breaks = "\n\r\u0085\u2028\u2029"

// lines are the lines of a YAML text as its parser counts them, but from 0: a
// node is in line node.Line-1.
type lines struct {
	text   string
	starts []int // where each line begins
}

func linesOf(text string) lines {
	l := lines{text, []int{0}}
	for at := 0; ; {
		next := strings.IndexAny(text[at:], breaks)
		if next < 0 {
			return l
		}
		at += next
		at += lineBreak(text[at:])
		if at < len(text) {
			l.starts = append(l.starts, at)
		}
	}
}

func (l lines) len() int { return len(l.starts) }

// lineEnd is the line break of the first line, "" when it has none.
func (l lines) lineEnd() string {
	first := l.line(0)
	return first[len(strings.TrimRight(first, breaks)):]
}

// start is where a line begins, the end of the text for all lines after the last.
func (l lines) start(line int) int {
	if line >= len(l.starts) {
		return len(l.text)
	}
	return l.starts[line]
}

// line is the line with its line break.
func (l lines) line(i int) string { return l.text[l.start(i):l.start(i+1)] }

// offset is the place of a node's line and column, which count characters from
// 1; -1 when there is no such place.
func (l lines) offset(line, column int) int {
	if line < 1 || line > l.len() || column < 1 {
		return -1
	}
	at := l.start(line - 1)
	for ; column > 1; column-- {
		_, size := utf8.DecodeRuneInString(l.text[at:])
		if size == 0 {
			return -1
		}
		at += size
	}
	return at
}

// indentation is the number of spaces with which a line begins.
func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func isBlank(line string) bool { return strings.Trim(line, " \t\ufeff"+breaks) == "" }

func isComment(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") }
