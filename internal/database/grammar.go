package database

// expectation is what a name would stand for at some place of a statement.
type expectation uint8

const (
	anything expectation = iota // a column, an alias, a variable, …
	schema                      // a database
	object                      // a table, view, routine, … with or without its database
	tables                      // the same, and an opening parenthesis does not end it: FROM (a JOIN b)
)

// grammar follows the statements of a dump as far as it takes to know where a
// name is that of a database. In `a`.`b` the first is a database where SQL wants
// a table or another object, and a table or alias elsewhere. It is told of every
// token.
type grammar struct {
	expect expectation
	// before is the token before if it is one of . @ and v for @@, else 0.
	before byte
	last   lastWord
	// header says that this is CREATE TRIGGER, CREATE INDEX, GRANT or REVOKE
	// before its ON.
	header bool
	frames []frame // one for each open parenthesis, and one for the statement
	deeper int     // parentheses beyond maxFrames
}

// frame is what is known inside of a pair of parentheses.
type frame struct {
	query bool // SELECT or DELETE: FROM names tables
	list  bool // after FROM, UPDATE, TABLE: a comma leads to the next table
	ddl   bool // after TABLE: LIKE and TO name tables
}

const maxFrames = 1000

// lastWord is the keyword before, where it matters.
type lastWord uint8

const (
	otherWord lastWord = iota
	onWord
	keyWord
	forWord
	valueWord
)

// reset begins a statement.
func (g *grammar) reset() {
	*g = grammar{frames: append(g.frames[:0], frame{})}
}

// name takes note of a name, number or string.
func (g *grammar) name() {
	g.expect, g.before, g.last = anything, 0, otherWord
}

// punctuation takes note of a character that is part of no name.
func (g *grammar) punctuation(c byte) {
	was := g.before
	g.before, g.last = 0, otherWord
	switch c {
	case '.', '@':
		g.before = c
		if c == '@' && was == '@' {
			g.before = 'v'
		}
		g.expect = anything
	case '(':
		inner := frame{}
		if g.expect == tables {
			inner.list = g.top().list
		} else {
			g.expect = anything
		}
		g.open(inner)
	case ')':
		g.close()
		g.expect = anything
	case ',':
		g.expect = anything
		if g.top().list {
			g.expect = tables
		}
	case ';':
		g.reset()
	case '{': // FROM { OJ a LEFT JOIN b }
	default:
		g.expect = anything
	}
}

func (g *grammar) top() *frame { return &g.frames[len(g.frames)-1] }

func (g *grammar) open(f frame) {
	if len(g.frames) == maxFrames {
		g.deeper++
		return
	}
	g.frames = append(g.frames, f)
}

func (g *grammar) close() {
	switch {
	case g.deeper > 0:
		g.deeper--
	case len(g.frames) > 1:
		g.frames = g.frames[:len(g.frames)-1]
	}
}

// keyword takes note of a word in upper case if it is one that leads to, or
// keeps from, the name of a database, and says whether it is.
func (g *grammar) keyword(word string) bool {
	switch word {
	case "IF", "NOT", "EXISTS", "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "OJ":
		g.before, g.last = 0, otherWord // what is expected stays
		return true
	}
	if g.header {
		return g.inHeader(word)
	}
	f, last := g.top(), g.last
	next, note := anything, otherWord
	switch word {
	case "DATABASE", "SCHEMA":
		next = schema
	case "SELECT":
		*f = frame{query: true}
	case "DELETE": // not ON DELETE CASCADE
		if last != onWord {
			*f, next = frame{query: true, list: true}, tables
		}
	case "UPDATE": // not ON DUPLICATE KEY UPDATE, FOR UPDATE, ON UPDATE
		switch last {
		case otherWord, valueWord:
			*f, next = frame{list: true}, tables
		case keyWord:
			f.list = false
		}
	case "FROM": // not EXTRACT(YEAR FROM a.b)
		if f.query {
			f.list, next = true, tables
		}
	case "JOIN":
		f.list, next = true, tables
	case "STRAIGHT_JOIN": // not SELECT STRAIGHT_JOIN a.b
		if f.list {
			next = tables
		}
	case "TABLE", "TABLES":
		f.list, f.ddl, next = true, true, object
	case "LIKE", "TO":
		if f.ddl {
			next = object
		}
	case "INSERT", "REPLACE", "INTO", "VIEW", "PROCEDURE", "FUNCTION", "EVENT", "SEQUENCE", "PACKAGE", "BODY",
		"CALL", "REFERENCES", "TRUNCATE", "RENAME", "USING":
		next = object
	case "NEXTVAL", "LASTVAL", "SETVAL":
		next = tables
	case "TRIGGER", "GRANT", "REVOKE":
		g.header, next = true, object
	case "INDEX": // not USE INDEX (a) and INDEX a (b) within CREATE TABLE
		if len(g.frames) == 1 && *f == (frame{}) {
			g.header = true
		}
	case "WHERE", "SET", "GROUP", "HAVING", "ORDER", "LIMIT", "VALUES", "UNION", "EXCEPT", "INTERSECT", "WINDOW", "RETURNING":
		f.list = false
	case "ON":
		note = onWord
	case "KEY":
		note = keyWord
	case "VALUE":
		note = valueWord
	case "FOR": // NEXT VALUE FOR a.b
		note = forWord
		if last == valueWord {
			next = object
		}
	default:
		return false
	}
	g.expect, g.before, g.last = next, 0, note
	return true
}

func (g *grammar) inHeader(word string) bool {
	if word != "ON" {
		return false
	}
	g.header = false
	g.expect, g.before, g.last = object, 0, otherWord
	return true
}

// database says whether the name that comes next is that of a database, from
// the text behind it.
func (g *grammar) database(rest []byte) bool {
	if g.before != 0 {
		return false
	}
	if g.expect == schema {
		return true
	}
	parts, star, call := chain(rest)
	switch {
	case parts == 1:
		return false
	case parts >= 3 || call:
		return true
	case star: // GRANT ON a.*, not SELECT a.*
		return g.expect == object
	}
	return g.expect != anything
}

// chain looks at the text behind a name: how many parts a.b.c has (at most 3),
// whether the last one is *, and whether an opening parenthesis follows.
func chain(rest []byte) (parts int, star, call bool) {
	parts = 1
	for ; parts < 3; parts++ {
		next := skipSpace(rest)
		if len(next) == 0 || next[0] != '.' {
			break
		}
		next = skipSpace(next[1:])
		n := nameLength(next)
		if n == 0 {
			break
		}
		star = next[0] == '*'
		rest = next[n:]
	}
	rest = skipSpace(rest)
	return parts, star, len(rest) > 0 && rest[0] == '('
}

// nameLength is the length of the name, or *, at the beginning of the text, 0
// when there is none.
func nameLength(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	switch text[0] {
	case '*':
		return 1
	case '`', '"':
		_, n := quotedName(text)
		return n
	}
	return wordLength(text)
}
