package harbor

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Directive is a directive of an nginx configuration: server_name a b; or
// server { ... }.
type Directive struct {
	Name  string
	Args  []string
	Block []Directive
	Line  int

	span         // all of it, with the ; or the }
	words []span // the name and the arguments
	inner span   // what stands between { and }; zero where there is no block
}

// span is a part of a text, in bytes.
type span struct{ start, end int }

// ParseNginx reads an nginx configuration.
func ParseNginx(text string) ([]Directive, error) {
	p := &nginxParser{text: text, line: 1}
	all, err := p.block(false, 0)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	return all, nil
}

// All returns the directives of that name at any depth, with the blocks around
// each, outermost first.
func All(directives []Directive, name string, visit func(d Directive, around []Directive)) {
	var walk func([]Directive, []Directive)
	walk = func(directives, around []Directive) {
		for _, d := range directives {
			if d.Name == name {
				visit(d, around)
			}
			walk(d.Block, append(slices.Clip(around), d))
		}
	}
	walk(directives, nil)
}

// HTTPSKey is the file of nginx's private key in Harbor's manifests.
const HTTPSKey = "https.key"

// ReadsHTTPSKey says whether a configuration names that file.
func ReadsHTTPSKey(all []Directive) bool {
	reads := false
	All(all, "ssl_certificate_key", func(d Directive, _ []Directive) { reads = reads || path.Base(d.Arg(0)) == HTTPSKey })
	return reads
}

// Arg returns an argument, "" where there is none.
func (d Directive) Arg(i int) string {
	if i < len(d.Args) {
		return d.Args[i]
	}
	return ""
}

type nginxParser struct {
	text  string
	at    int
	start int // of the last token
	line  int
}

// maxNesting is far above any real configuration.
const maxNesting = 100

func (p *nginxParser) block(inner bool, depth int) ([]Directive, error) {
	if depth > maxNesting {
		return nil, errors.New("is nested too deep")
	}
	var all []Directive
	var words []string
	var spans []span
	line := 0
	for {
		token, quoted, err := p.token()
		switch {
		case err != nil:
			return nil, err
		case token == "" && !quoted: // the end
			if inner {
				return nil, errors.New("a } is missing")
			}
			if len(words) > 0 {
				return nil, errors.New("a ; is missing")
			}
			return all, nil
		case quoted || token != ";" && token != "{" && token != "}":
			if len(words) == 0 {
				line = p.line
			}
			words, spans = append(words, token), append(spans, span{p.start, p.at})
			continue
		case token == "}":
			if !inner {
				return nil, errors.New("there is a } too many")
			}
			if len(words) > 0 {
				return nil, errors.New("a ; is missing")
			}
			return all, nil
		case len(words) == 0:
			return nil, fmt.Errorf("there is a %s without a name before it", token)
		}
		d := Directive{Name: words[0], Args: words[1:], Line: line, words: spans}
		if token == "{" {
			d.inner.start = p.at
			if d.Block, err = p.block(true, depth+1); err != nil {
				return nil, err
			}
			d.inner.end = p.at - 1
		}
		d.span = span{spans[0].start, p.at}
		all, words, spans = append(all, d), nil, nil
	}
}

// token returns the next word, ; { or }, and "" at the end.
func (p *nginxParser) token() (token string, quoted bool, err error) {
	p.skip()
	p.start = p.at
	if p.at == len(p.text) {
		return "", false, nil
	}
	switch c := p.text[p.at]; c {
	case ';', '{', '}':
		p.at++
		return string(c), false, nil
	case '"', '\'':
		token, err = p.quoted(c)
		return token, true, err
	}
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\\':
			p.at = min(p.at+1, len(p.text)-1)
		case c == '$' && strings.HasPrefix(p.text[p.at:], "${"):
			if end := strings.IndexByte(p.text[p.at:], '}'); end > 0 {
				p.at += end
			}
		case strings.IndexByte(" \t\r\n;{}", c) >= 0:
			return p.text[p.start:p.at], false, nil
		}
	}
	return p.text[p.start:], false, nil
}

// skip goes past blanks and comments.
func (p *nginxParser) skip() {
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\n':
			p.line++
		case c == ' ' || c == '\t' || c == '\r':
		case c == '#':
			end := strings.IndexByte(p.text[p.at:], '\n')
			if end < 0 {
				p.at = len(p.text)
				return
			}
			p.at += end - 1
		default:
			return
		}
	}
}

func (p *nginxParser) quoted(quote byte) (string, error) {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		switch {
		case c == quote:
			p.at++
			return b.String(), nil
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			b.WriteByte(p.text[p.at])
			continue
		case c == '\n':
			p.line++
		}
		b.WriteByte(c)
	}
	return "", errors.New("a quote is not closed")
}
