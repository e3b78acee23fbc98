// Package show makes text harmless that is shown to people. Names, paths and
// values come from manifests, which others have written: a terminal obeys the
// escape sequences in them, and GitHub Actions takes a line that begins with ::
// for a command.
package show

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes a text fit to be shown in one line. What a terminal would obey or
// not show, line breaks too, and what would be a command of GitHub Actions, are
// written as escapes: \n, \x1b, \u202e. White space at the end is dropped.
func Line(s string) string {
	s = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(strings.TrimRight(s, " \t\r\n"))
	return withoutCommand(Visible(s))
}

// withoutCommand writes the beginning of a command of GitHub Actions as an
// escape: :: at the start of a line, after white space too, and the old form
// ##[ anywhere. The runner trims white space first (TryParseV2
// and TryParse in its ActionCommand.cs).
func withoutCommand(line string) string {
	if rest := strings.TrimLeft(line, " \t"); strings.HasPrefix(rest, "::") {
		line = line[:len(line)-len(rest)] + `\x3a` + rest[1:]
	}
	return strings.ReplaceAll(line, "##[", `\x23#[`)
}

// Visible writes control characters, other characters that cannot be seen and
// what is not UTF-8 as escapes. Line breaks and tabs stay.
func Visible(s string) string {
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

// maxLine is how long a line can get before it is passed on as one that ended.
const maxLine = 64 << 10

// Lines passes on to w what other programs print, line by line, each as Line
// makes it but for its tabs. Close passes on a last line that has no end.
type Lines struct {
	w    io.Writer
	rest string
}

// NewLines makes Lines for a stream.
func NewLines(w io.Writer) *Lines { return &Lines{w: w} }

func (l *Lines) Write(p []byte) (int, error) {
	l.rest += string(p)
	for {
		line, rest, ended := strings.Cut(l.rest, "\n")
		if !ended && len(l.rest) < maxLine {
			return len(p), nil
		}
		l.rest = rest
		if err := l.line(line); err != nil {
			return 0, err
		}
	}
}

// Close writes what is left. It does not close the stream below.
func (l *Lines) Close() error {
	if l.rest == "" {
		return nil
	}
	line := l.rest
	l.rest = ""
	return l.line(line)
}

func (l *Lines) line(line string) error {
	line = strings.ReplaceAll(strings.TrimRight(line, "\r"), "\r", `\r`)
	_, err := fmt.Fprintln(l.w, withoutCommand(Visible(line)))
	return err
}
