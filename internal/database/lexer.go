package database

import (
	"bytes"
	"regexp"
	"strings"
)

// lexer takes a dump apart: space, comments, what is in quotes, words, the
// delimiter of statements, and all else byte by byte.
type lexer struct {
	line      int    // line ends so far
	delimiter string // what ends a statement
	command   bool   // DELIMITER was read: the rest of its line comes next
	cut       string // what the dump ends within, "" if it does not
}

// next is a bufio.SplitFunc. A token is only complete when there is something
// after it, or the dump ends there.
func (l *lexer) next(data []byte, atEOF bool) (int, []byte, error) {
	if len(data) == 0 {
		return 0, nil, nil
	}
	n, open := l.length(data)
	switch {
	case !atEOF && (open != "" || n == len(data)):
		return 0, nil, nil
	case open != "":
		l.cut = open
		return 0, nil, nil
	}
	return n, data[:n], nil
}

// length is how long the token at the beginning of the text is, and what it is
// if its end is missing.
func (l *lexer) length(text []byte) (n int, open string) {
	switch {
	case l.command:
		return lineLength(text), ""
	case isSpace(text[0]):
		return count(text, isSpace), ""
	case bytes.HasPrefix(text, []byte(l.delimiter)):
		return len(l.delimiter), ""
	case isLineComment(text):
		return lineLength(text), ""
	case opensExecutable(text):
		return len(executable.Find(text)), ""
	case bytes.HasPrefix(text, []byte("/*")):
		if i := bytes.Index(text[2:], []byte("*/")); i >= 0 {
			return 2 + i + 2, ""
		}
		return len(text), "a comment"
	case bytes.HasPrefix(text, []byte("*/")):
		return 2, ""
	case strings.IndexByte("'\"`", text[0]) >= 0:
		return quotedLength(text)
	case isWord(text[0]):
		n = count(text, isWord)
		if i := bytes.Index(text[:n], []byte(l.delimiter)); i > 0 { // END$$
			n = i
		}
		return n, ""
	}
	return 1, ""
}

// obey takes a new delimiter from the rest of a line that begins with DELIMITER.
func (l *lexer) obey(rest []byte) {
	if words := bytes.Fields(rest); l.command && len(words) > 0 {
		l.delimiter = string(words[0])
	}
	l.command = false
}

// quotedLength is how long what is in quotes is, up to quotes that are not
// doubled. A backslash is an escape, but not in backticks.
func quotedLength(text []byte) (n int, open string) {
	q := text[0]
	for n = 1; n < len(text); n++ {
		switch {
		case text[n] == '\\' && q != '`':
			n++
		case text[n] == q && n+1 < len(text) && text[n+1] == q:
			n++
		case text[n] == q:
			return n + 1, ""
		}
	}
	return len(text), "quotes"
}

// maxName is more than a name of MySQL takes, all of it doubled quotes.
const maxName = 1 << 10

// nameIn returns the name or string that a token is, "" for other ones, and in
// upper case if it may be a keyword.
func nameIn(token []byte) (name, keyword string) {
	q := token[0]
	switch {
	case len(token) > maxName:
		return "", ""
	case isWord(q):
		return string(token), strings.ToUpper(string(token))
	case len(token) > 1 && q != '*':
		return strings.ReplaceAll(string(token[1:len(token)-1]), string([]byte{q, q}), string(q)), ""
	}
	return "", ""
}

// executable is how a comment begins whose inside is SQL for some versions.
var executable = regexp.MustCompile(`^/\*M?![0-9]*`)

// opensExecutable says whether such a comment begins here. One for version
// 999999, with which mariadb-dump begins, nobody executes.
func opensExecutable(text []byte) bool {
	if text[0] != '/' {
		return false
	}
	begin := executable.Find(text)
	return begin != nil && !bytes.HasSuffix(begin, []byte("999999"))
}

func isComment(token []byte) bool {
	return isLineComment(token) || bytes.HasPrefix(token, []byte("/*")) && !opensExecutable(token)
}

// isLineComment knows "--" before a space or the end of the line (5--3 is an
// expression), and "#".
func isLineComment(text []byte) bool {
	return text[0] == '#' || bytes.HasPrefix(text, []byte("--")) && (len(text) == 2 || text[2] <= ' ')
}

func lineLength(text []byte) int {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// isWord says whether a byte may be part of a name without quotes.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func count(text []byte, is func(byte) bool) int {
	for i, c := range text {
		if !is(c) {
			return i
		}
	}
	return len(text)
}
