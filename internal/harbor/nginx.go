package harbor

import (
	"errors"
	"fmt"
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
}

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

// ServesTLS says whether a configuration names the key of a certificate.
func ServesTLS(all []Directive) bool {
	tls := false
	All(all, "ssl_certificate_key", func(Directive, []Directive) { tls = true })
	return tls
}

// Arg returns an argument, "" where there is none.
func (d Directive) Arg(i int) string {
	if i < len(d.Args) {
		return d.Args[i]
	}
	return ""
}

type nginxParser struct {
	text string
	at   int
	line int
}

// maxNesting is far above any real configuration.
const maxNesting = 100

func (p *nginxParser) block(inner bool, depth int) ([]Directive, error) {
	if depth > maxNesting {
		return nil, errors.New("is nested too deep")
	}
	var all []Directive
	var words []string
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
			words = append(words, token)
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
		d := Directive{Name: words[0], Args: words[1:], Line: line}
		if token == "{" {
			if d.Block, err = p.block(true, depth+1); err != nil {
				return nil, err
			}
		}
		all, words = append(all, d), nil
	}
}

// token returns the next word, ; { or }, and "" at the end.
func (p *nginxParser) token() (token string, quoted bool, err error) {
	p.skip()
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
	start := p.at
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\\':
			p.at = min(p.at+1, len(p.text)-1)
		case c == '$' && strings.HasPrefix(p.text[p.at:], "${"):
			if end := strings.IndexByte(p.text[p.at:], '}'); end > 0 {
				p.at += end
			}
		case strings.IndexByte(" \t\r\n;{}", c) >= 0:
			return p.text[start:p.at], false, nil
		}
	}
	return p.text[start:], false, nil
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
