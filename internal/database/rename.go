package database

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/krm"
)

// Report is what Rename saw.
type Report struct {
	// Renamed counts the names that were replaced. It is 0 for the dump of one
	// database by mysqldump without --databases: such a dump goes where the
	// client says.
	Renamed int
	// Other is the first other database that the dump creates or uses, "" if
	// there is none.
	Other string
	// Complete says whether the dump ends with the line by which mysqldump
	// tells that it got to its end.
	Complete bool
}

// Rename copies a dump that mysqldump or mariadb-dump made from r to w and puts
// database to in place of database from: in CREATE, USE, DROP and ALTER
// DATABASE, and in names that are qualified with it, also within executable
// comments (/*!40000 … */). All else is copied byte for byte: strings, comments
// and the names of tables, columns and aliases that read the same.
//
// It reads the dump once, and needs the same small memory for every dump. What
// lies behind a name is looked at for a few thousand bytes.
//
// The error says what is wrong and in which line: the dump is no text or cut
// off, it holds database to already, or it is in a character set whose
// characters contain quotes and backslashes. Part of it has been written by
// then.
func Rename(w io.Writer, r io.Reader, from, to string) (Report, error) {
	if err := errors.Join(krm.CheckDatabase("from", from), krm.CheckDatabase("database", to)); err != nil {
		return Report{}, err
	}
	s := &renamer{
		in:        bufio.NewReaderSize(r, bufferSize),
		out:       bufio.NewWriterSize(w, bufferSize),
		from:      from,
		to:        to,
		delimiter: []byte(";"),
	}
	s.reset()
	err := s.run()
	if flushed := s.out.Flush(); flushed != nil {
		err = fmt.Errorf("writing the dump: %w", flushed)
	}
	return s.report, err
}

const (
	bufferSize = 64 << 10
	// window is how much is in sight at the beginning of every token, if there
	// is as much. No name of MySQL is longer than maxName with its quotes.
	window  = 4 << 10
	maxName = 1 << 10
)

type renamer struct {
	in       *bufio.Reader
	out      *bufio.Writer
	from, to string
	report   Report
	grammar

	line      int    // line ends so far
	delimiter []byte // what ends a statement
	started   bool   // within a statement,
	startLine int    // which begins here
	setting   bool   // and is SET
	// executable counts the open comments /*! whose inside is SQL.
	executable     int
	executableLine int
	// What the dump says about quotes: SET sql_mode.
	noEscapes, ansiQuotes bool

	previous byte // the last one that was passed on
	scratch  [24]byte
}

func (s *renamer) run() error {
	if first, err := s.in.Peek(1); err == nil && !isSpace(first[0]) && (first[0] < ' ' || first[0] > '~') {
		return errors.New("the dump is no plain text: it is compressed, or in UTF-16 as PowerShell writes it")
	}
	for {
		ahead, _, err := s.peek()
		if err != nil {
			return err
		}
		if len(ahead) == 0 {
			return s.end()
		}
		if err := s.token(ahead); err != nil {
			return err
		}
	}
}

// peek returns what is in sight: at least window bytes, or all that is left.
func (s *renamer) peek() (ahead []byte, last bool, err error) {
	if _, err = s.in.Peek(window); err != nil && err != io.EOF {
		return nil, false, fmt.Errorf("reading the dump: %w", err)
	}
	last = err == io.EOF
	ahead, err = s.in.Peek(s.in.Buffered())
	return ahead, last, err
}

// copy passes on n bytes. The writer keeps its first error for Flush.
func (s *renamer) copy(n int) error {
	ahead, err := s.in.Peek(n)
	if err != nil {
		return err
	}
	if n > 0 {
		s.previous = ahead[n-1]
	}
	s.line += bytes.Count(ahead, []byte{'\n'})
	if _, err := s.out.Write(ahead); err != nil {
		return fmt.Errorf("writing the dump: %w", err)
	}
	_, err = s.in.Discard(n)
	return err
}

func (s *renamer) end() error {
	switch {
	case s.executable > 0:
		return cutOff("a comment", s.executableLine)
	case s.started:
		return cutOff("a statement", s.startLine)
	}
	return nil
}

func cutOff(what string, line int) error {
	return fmt.Errorf("the dump is cut off: it ends within %s begun in line %d", what, line+1)
}

// token passes on the token that ahead begins with.
func (s *renamer) token(ahead []byte) error {
	c := ahead[0]
	switch {
	case isSpace(c):
		return s.copy(spaceLength(ahead))
	case bytes.HasPrefix(ahead, s.delimiter):
		s.endStatement()
		return s.copy(len(s.delimiter))
	case isLineComment(ahead):
		if bytes.HasPrefix(ahead, []byte("-- Dump completed")) && !s.started {
			s.report.Complete = true
		}
		_, err := s.copyThrough("\n")
		return err
	case bytes.HasPrefix(ahead, []byte("/*")):
		return s.comment(ahead)
	case s.executable > 0 && bytes.HasPrefix(ahead, []byte("*/")):
		s.executable--
		return s.copy(2)
	}
	first := !s.started
	if first {
		s.started, s.startLine, s.report.Complete = true, s.line, false
	}
	switch {
	case c == '\'':
		s.name()
		return s.text(c)
	case c == '`' || c == '"':
		return s.quoted(ahead)
	case isWord(c):
		return s.word(ahead, first)
	}
	s.punctuation(c)
	return s.copy(1)
}

func (s *renamer) endStatement() {
	s.started, s.setting = false, false
	s.reset()
}

// comment passes on a comment, or the opening of one whose inside is SQL:
// /*!, /*!40101, /*M! and /*M!100100. No server executes version 999999, in
// which mariadb-dump speaks to the client.
func (s *renamer) comment(ahead []byte) error {
	n := 2
	if bytes.HasPrefix(ahead[n:], []byte("M!")) {
		n++
	}
	version := bytes.TrimPrefix(ahead[n:], []byte("!"))
	digits := 0
	for digits < min(6, len(version)) && version[digits] >= '0' && version[digits] <= '9' {
		digits++
	}
	if bytes.HasPrefix(ahead[n:], []byte("!")) && string(version[:digits]) != "999999" {
		if s.executable == 0 {
			s.executableLine = s.line
		}
		s.executable++
		return s.copy(n + 1 + digits)
	}
	begin := s.line
	if err := s.copy(2); err != nil {
		return err
	}
	closed, err := s.copyThrough("*/")
	if err == nil && !closed {
		err = cutOff("a comment", begin)
	}
	return err
}

// copyThrough passes on everything up to and with the next mark, or to the end.
func (s *renamer) copyThrough(mark string) (found bool, err error) {
	for {
		ahead, last, err := s.peek()
		if err != nil || len(ahead) == 0 {
			return false, err
		}
		if i := bytes.Index(ahead, []byte(mark)); i >= 0 {
			return true, s.copy(i + len(mark))
		}
		n := len(ahead)
		if !last {
			n -= len(mark) - 1 // the mark may have begun
		}
		if err := s.copy(n); err != nil {
			return false, err
		}
	}
}

// text passes on a string or name in quotes q. A doubled quote inside is the
// end of one string and the beginning of another, which makes no difference.
func (s *renamer) text(q byte) error {
	begin := s.line
	if err := s.copy(1); err != nil {
		return err
	}
	for {
		ahead, _, err := s.peek()
		if err != nil {
			return err
		}
		n, closed := closing(ahead, q, s.escapes(q))
		if n == 0 {
			return cutOff("quotes", begin)
		}
		if err := s.copy(n); err != nil || closed {
			return err
		}
	}
}

// escapes says whether a backslash is an escape within quotes q.
func (s *renamer) escapes(q byte) bool {
	return q != '`' && !s.noEscapes && (q != '"' || !s.ansiQuotes)
}

// closing finds the quote that closes text, which begins within quotes q: how
// many bytes there are up to and with it. When there is none, n is how many
// bytes are certain to lie inside.
func closing(text []byte, q byte, escapes bool) (n int, closed bool) {
	for n < len(text) {
		switch c := text[n]; {
		case c == q:
			return n + 1, true
		case c == '\\' && escapes:
			if n+1 == len(text) {
				return n, false
			}
			n += 2
		default:
			n++
		}
	}
	return n, false
}

// quoted passes on a name in backticks, or what stands in double quotes: a name
// or a string, which is none where SQL wants the name of a database.
func (s *renamer) quoted(ahead []byte) error {
	q := ahead[0]
	name, n := quotedName(ahead)
	escaped := s.escapes(q) && bytes.IndexByte(name, '\\') >= 0
	if n > 0 && !escaped {
		return s.copyName(name, ahead[:n], ahead[n:])
	}
	s.name()
	for {
		if err := s.text(q); err != nil {
			return err
		}
		ahead, _, err := s.peek()
		if err != nil || len(ahead) == 0 || ahead[0] != q {
			return err
		}
	}
}

// quotedName returns the name that text begins with and how many bytes it takes
// with its quotes; 0 if it is too long for a name or cut off.
func quotedName(text []byte) (name []byte, n int) {
	q := text[0]
	text = text[:min(len(text), maxName)]
	for n = 1; ; {
		i := bytes.IndexByte(text[n:], q)
		if i < 0 {
			return nil, 0
		}
		n += i + 1
		if n == len(text) || text[n] != q {
			break
		}
		n++
	}
	name = text[1 : n-1]
	if bytes.IndexByte(name, q) >= 0 {
		name = bytes.ReplaceAll(name, []byte{q, q}, []byte{q})
	}
	return name, n
}

// word passes on a keyword, a name without quotes or a number.
func (s *renamer) word(ahead []byte, first bool) error {
	n := s.wordLength(ahead)
	if n > maxName {
		return s.longWord()
	}
	word, rest := ahead[:n], ahead[n:]
	upper := s.upper(word)
	switch {
	case first && string(upper) == "DELIMITER":
		return s.setDelimiter(rest)
	case first && string(upper) == "SET":
		s.setting = true
	case first && string(upper) == "USE":
		s.name()
		s.expect = schema
		return s.copy(n)
	case s.setting && s.before != '@':
		if err := s.set(string(upper), rest); err != nil {
			return err
		}
	}
	return s.keywordOrName(word, upper, rest)
}

func (s *renamer) keywordOrName(word, upper, rest []byte) error {
	qualified := s.before != 0 || len(rest) > 0 && rest[0] == '.'
	if !qualified && (s.expect != schema || slices.Contains([]string{"IF", "NOT", "EXISTS"}, string(upper))) && s.keyword(string(upper)) {
		return s.copy(len(word))
	}
	return s.copyName(word, word, rest)
}

// upper returns a word in upper case, "" for one that is no keyword.
func (s *renamer) upper(word []byte) []byte {
	if len(word) > len(s.scratch) || word[0] <= '9' {
		return nil
	}
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		s.scratch[i] = c
	}
	return s.scratch[:len(word)]
}

// wordLength is the length of the word up to a delimiter in it: END$$.
func (s *renamer) wordLength(ahead []byte) int {
	n := wordLength(ahead)
	if isWord(s.delimiter[0]) {
		if i := bytes.Index(ahead[:min(n+len(s.delimiter)-1, len(ahead))], s.delimiter); i >= 0 {
			return i
		}
	}
	return n
}

// longWord passes on a word that is too long for a name: a number such as
// 0xCAFE….
func (s *renamer) longWord() error {
	s.name()
	for {
		ahead, _, err := s.peek()
		if err != nil {
			return err
		}
		n := s.wordLength(ahead)
		if err := s.copy(n); err != nil || n < len(ahead) || n == 0 {
			return err
		}
	}
}

// copyName passes on a name, written as raw, or what it becomes.
func (s *renamer) copyName(name, raw, rest []byte) error {
	isFrom, isTo := string(name) == s.from, string(name) == s.to
	defer s.name()
	matters := isFrom || isTo || s.expect == schema
	switch {
	case !matters || !s.database(rest):
	case isFrom:
		return s.replace(raw, rest)
	case isTo:
		return fmt.Errorf("line %d: the dump holds a database %s already, with which %s would be mixed", s.line+1, s.to, s.from)
	case s.report.Other == "":
		s.report.Other = string(name)
	}
	return s.copy(len(raw))
}

// replace writes the new name in place of the old one. A bare name gets
// backticks, as the new one may need them; they must not touch others.
func (s *renamer) replace(raw, rest []byte) error {
	name := quote(s.to, '`')
	switch {
	case raw[0] == '"':
		name = quote(s.to, '"')
	case raw[0] == '`':
	case s.previous == '`':
		name = " " + name
	case len(rest) > 0 && rest[0] == '`':
		name += " "
	}
	s.report.Renamed++
	s.previous = name[len(name)-1]
	if _, err := s.out.WriteString(name); err != nil {
		return fmt.Errorf("writing the dump: %w", err)
	}
	_, err := s.in.Discard(len(raw))
	return err
}

// setDelimiter obeys DELIMITER, by which the client is told what ends a
// statement.
func (s *renamer) setDelimiter(rest []byte) error {
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	if words := bytes.Fields(line[:min(len(line), maxName)]); len(words) > 0 {
		s.delimiter = bytes.Clone(words[0])
	}
	s.endStatement()
	_, err := s.copyThrough("\n")
	return err
}

// set takes note of a variable, if it is one that changes how a dump is read.
func (s *renamer) set(variable string, rest []byte) error {
	switch variable {
	case "SQL_MODE", "NAMES", "CHARACTER_SET_CLIENT":
	default:
		return nil
	}
	value, assigned := assignment(rest)
	switch {
	case variable != "SQL_MODE":
		// The second byte of a character may be a backslash or a backtick.
		switch charset := strings.ToLower(value); charset {
		case "big5", "cp932", "gb18030", "gbk", "sjis":
			return fmt.Errorf("line %d: the dump is in character set %s: make it with mysqldump --default-character-set=utf8", s.line+1, charset)
		}
	case assigned:
		modes := strings.Split(strings.ToUpper(value), ",")
		s.noEscapes = slices.Contains(modes, "NO_BACKSLASH_ESCAPES")
		s.ansiQuotes = slices.ContainsFunc(modes, func(m string) bool {
			return slices.Contains([]string{"ANSI", "ANSI_QUOTES", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"}, m)
		})
	}
	return nil
}

// assignment returns the value behind the name of a variable, "" for one that
// is another variable, and whether there is an equals sign.
func assignment(rest []byte) (value string, assigned bool) {
	rest = skipSpace(rest)
	for _, sign := range []string{"=", ":="} {
		if after, ok := bytes.CutPrefix(rest, []byte(sign)); ok {
			rest, assigned = skipSpace(after), true
		}
	}
	if len(rest) > 0 && (rest[0] == '\'' || rest[0] == '"') {
		name, _ := quotedName(rest)
		return string(name), assigned
	}
	return string(rest[:min(wordLength(rest), maxName)]), assigned
}

func spaceLength(text []byte) int {
	for i, c := range text {
		if !isSpace(c) {
			return i
		}
	}
	return len(text)
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// isWord says whether a byte may be part of a name without quotes.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func wordLength(text []byte) int {
	for i, c := range text {
		if !isWord(c) {
			return i
		}
	}
	return len(text)
}

// isLineComment knows "--" before a space or the end of the line (5--3 is an
// expression), and "#".
func isLineComment(text []byte) bool {
	if text[0] == '#' {
		return true
	}
	return bytes.HasPrefix(text, []byte("--")) && (len(text) == 2 || text[2] <= ' ')
}

// skipSpace drops space and comments.
func skipSpace(text []byte) []byte {
	for len(text) > 0 {
		end := "*/"
		switch {
		case isSpace(text[0]):
			text = text[1:]
			continue
		case isLineComment(text):
			end = "\n"
		case !bytes.HasPrefix(text, []byte("/*")) || bytes.HasPrefix(text, []byte("/*!")) || bytes.HasPrefix(text, []byte("/*M!")):
			return text
		default:
			text = text[2:]
		}
		_, after, found := bytes.Cut(text, []byte(end))
		if !found {
			return nil
		}
		text = after
	}
	return nil
}
