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
	// database by mysqldump without --databases: such a dump is loaded into the
	// database that the client is given.
	Renamed int
	// Other is the first other database that the dump creates or uses, "" if
	// there is none.
	Other string
	// Complete says whether the dump ends with the line that mysqldump writes
	// last.
	Complete bool
}

// Rename copies a dump that mysqldump or mariadb-dump made from r to w and puts
// database to in place of database from in CREATE, DROP and ALTER DATABASE and
// in USE, also within executable comments (/*!40000 … */). All else is copied
// byte for byte. It needs no more memory than the longest value takes.
//
// It refuses what it would have to guess at. The error gives the line: a name
// qualified with one of the databases, which may be a table or alias as well; a
// dump that is no text, is cut off or holds database to already; a sql_mode or
// character set in which quotes and backslashes mean something else. Part of the
// dump has been written by then.
func Rename(w io.Writer, r io.Reader, from, to string) (Report, error) {
	if err := errors.Join(krm.CheckDatabase("from", from), krm.CheckDatabase("database", to)); err != nil {
		return Report{}, err
	}
	out := bufio.NewWriterSize(w, bufferSize)
	s := &renamer{from: from, to: to, lexer: lexer{delimiter: ";"}}
	err := s.run(out, r)
	if flushed := out.Flush(); flushed != nil {
		err = fmt.Errorf("writing the dump: %w", flushed)
	}
	return s.report, err
}

const (
	bufferSize = 64 << 10
	// longest is the size of the longest value: that of a MEDIUMTEXT, each byte
	// escaped. Harbor has no column of a longer type.
	longest = 32 << 20
)

// state is how far a statement has been read.
type state uint8

const (
	beginning state = iota
	verb            // CREATE, DROP or ALTER: of a database?
	database        // the name of a database comes next
	complete        // USE and a name: nothing may follow
	setting         // SET
	otherwise       // nothing that matters here
)

type renamer struct {
	lexer
	from, to string
	report   Report

	state      state
	use        bool // the statement is USE
	mode       bool // the last variable that it sets is sql_mode
	begun      int  // the line that it begins in
	executable int  // open comments whose inside is SQL, the first one from line
	opened     int
	// name is the token before if it is one of the two databases, before is its
	// last byte.
	name   string
	before byte
}

func (s *renamer) run(out io.Writer, r io.Reader) error {
	in := bufio.NewReaderSize(r, bufferSize)
	if first, err := in.Peek(1); err == nil && !isSpace(first[0]) && (first[0] < ' ' || first[0] > '~') {
		return errors.New("the dump is no plain text: it is compressed, or in UTF-16 as PowerShell writes it")
	}
	tokens := bufio.NewScanner(in)
	tokens.Buffer(make([]byte, bufferSize), longest)
	tokens.Split(s.next)
	for tokens.Scan() {
		token := tokens.Bytes()
		written, err := s.token(token)
		if err != nil {
			return fmt.Errorf("line %d: %w", s.line+1, err)
		}
		s.line += bytes.Count(token, []byte{'\n'})
		if _, err := out.Write(written); err != nil {
			return nil // Flush returns it again
		}
	}
	switch err := tokens.Err(); {
	case s.cut != "":
		return cutOff(s.cut, s.line)
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("line %d: holds a value of more than %d MB, Harbor has none", s.line+1, longest>>20)
	case err != nil:
		return fmt.Errorf("reading the dump: %w", err)
	case s.executable > 0:
		return cutOff("a comment", s.opened)
	case s.state != beginning:
		return cutOff("a statement", s.begun)
	}
	return nil
}

func cutOff(what string, line int) error {
	return fmt.Errorf("the dump is cut off: it ends within %s begun in line %d", what, line+1)
}

// token takes note of a token and returns what is written in its place.
func (s *renamer) token(t []byte) ([]byte, error) {
	switch {
	case s.command, string(t) == s.delimiter:
		s.state, s.use, s.mode, s.name, s.before = beginning, false, false, "", 0
		s.obey(t)
		return t, nil
	case isSpace(t[0]), isComment(t):
		s.report.Complete = s.report.Complete || s.state == beginning && bytes.HasPrefix(t, []byte("-- Dump completed"))
		return t, nil
	case opensExecutable(t):
		if s.executable++; s.executable == 1 {
			s.opened = s.line
		}
		return t, nil
	case s.executable > 0 && string(t) == "*/":
		s.executable--
		return t, nil
	}
	return s.part(t)
}

// part takes note of a part of a statement.
func (s *renamer) part(t []byte) ([]byte, error) {
	text, keyword := nameIn(t)
	switch {
	case t[0] == '.' && s.name != "":
		return nil, fmt.Errorf("%s with a dot after it may be the database or a table: remove that if it is the database", s.name)
	case t[0] == '\\':
		return nil, errors.New(`a \ outside of quotes is a command of the client`)
	case s.state == complete:
		return nil, errors.New("USE is followed by more than the name of a database")
	}
	isName := t[0] != '\'' && s.before != '.' && s.before != '@'
	if s.name, s.before = "", t[len(t)-1]; isName && (text == s.from || text == s.to) {
		s.name = text
	}
	switch s.state {
	case beginning:
		s.report.Complete, s.begun = false, s.line
		s.begin(keyword)
	case verb:
		s.state = afterVerb(keyword)
	case database:
		return s.database(t, text, keyword)
	case setting:
		s.mode = (s.mode || keyword == "SQL_MODE") && t[0] != ','
		if s.mode && t[0] >= '0' && t[0] <= '9' {
			return nil, errors.New("sql_mode is a number: write the names of the modes")
		}
		return t, checkSetting(text)
	}
	return t, nil
}

// begin takes note of the first word of a statement.
func (s *renamer) begin(keyword string) {
	switch keyword {
	case "CREATE", "DROP", "ALTER":
		s.state = verb
	case "USE":
		s.state, s.use = database, true
	case "SET":
		s.state = setting
	case "DELIMITER": // the client's, which ends with the line
		s.command = true
	default:
		s.state = otherwise
	}
}

// afterVerb is the state after a word behind CREATE, DROP or ALTER.
func afterVerb(keyword string) state {
	switch keyword {
	case "DATABASE", "SCHEMA":
		return database
	case "OR", "REPLACE":
		return verb
	}
	return otherwise
}

// database returns what is written in place of the name of a database.
func (s *renamer) database(t []byte, name, keyword string) ([]byte, error) {
	if slices.Contains([]string{"IF", "NOT", "EXISTS"}, keyword) {
		return t, nil
	}
	if s.state = otherwise; s.use {
		s.state = complete
	}
	switch {
	case name == "" || slices.Contains([]string{"DEFAULT", "CHARACTER", "COLLATE"}, keyword): // ALTER DATABASE without a name
	case name == s.from:
		s.report.Renamed++
		if t[0] == '"' {
			return []byte(quote(s.to, '"')), nil
		}
		return []byte(quote(s.to, '`')), nil
	case name == s.to:
		return nil, fmt.Errorf("the dump holds a database %s already, with which %s would be mixed", s.to, s.from)
	case s.report.Other == "":
		s.report.Other = name
	}
	return t, nil
}

// checkSetting refuses what changes how a dump is read: a sql_mode in which
// quotes and backslashes mean something else, a character set in which the
// second byte of a character may be a backslash or a backtick.
func checkSetting(text string) error {
	for _, word := range strings.Split(strings.ToUpper(text), ",") {
		switch word {
		case "BIG5", "CP932", "GB18030", "GBK", "SJIS":
			return fmt.Errorf("the dump is in character set %s: make it with mysqldump --default-character-set=utf8", strings.ToLower(word))
		case "ANSI", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL":
			return fmt.Errorf("in sql_mode %s quotes mean something else: dump without --databases, which needs no renaming", word)
		}
	}
	return nil
}
