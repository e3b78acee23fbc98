package krm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxDepth is how deep a document may be nested: far above any Kubernetes
// object, far below where indentation alone fills the memory.
const maxDepth = 1000

// segment is one document of a text: its lines from the marker --- on, with all
// comments up to the next one.
type segment struct {
	text string
	line int // how many lines stand before it
	// node is the document, nil when it is empty.
	node      *yaml.Node
	directive bool // it begins with %YAML or %TAG
}

// ReadYAML reads all documents of a YAML or JSON text; empty ones are left out.
// The nodes know their lines in the text. It refuses what a parser of Kubernetes
// would read differently or not at all: other encodings than UTF-8, duplicate
// keys, nesting beyond reason. The error names the line and quotes nothing: it
// may be a password.
func ReadYAML(text []byte) ([]*yaml.Node, error) {
	segments, err := readSegments(text)
	var docs []*yaml.Node
	for _, s := range segments {
		if s.node != nil {
			docs = append(docs, s.node)
		}
	}
	return docs, err
}

// readSegments reads a text document by document. With an error it returns those
// before it.
func readSegments(in []byte) ([]segment, error) {
	if err := checkCharacters(in); err != nil {
		return nil, err
	}
	segments := segmentsOf(strings.TrimPrefix(string(in), "\ufeff"))
	for i := range segments {
		if err := segments[i].parse(); err != nil {
			return segments[:i], err
		}
	}
	return segments, nil
}

// segmentsOf cuts a text before each document. A marker in the first column is
// one wherever it stands, also within a text or quotes.
func segmentsOf(text string) []segment {
	l := linesOf(text)
	var all []segment
	first, content, directive := 0, false, false // content: more than comments
	cut := func(end int) {
		if end > first {
			all = append(all, segment{text: text[l.start(first):l.start(end)], line: first, directive: directive})
		}
		first, content, directive = end, false, false
	}
	for i := range l.len() {
		line := l.line(i)
		switch {
		case isMarker(line, "---"):
			if content {
				cut(i)
			}
			content = true
		case isMarker(line, "..."):
			cut(i + 1)
		case isBlank(line), isComment(line), content:
		case line[0] == '%':
			directive = true
		default:
			content = true
		}
	}
	cut(l.len())
	return all
}

// isMarker says whether a line begins with --- or ... as a marker.
func isMarker(line, marker string) bool {
	rest, found := strings.CutPrefix(line, marker)
	return found && (rest == "" || rest[0] == ' ' || rest[0] == '\t' || lineBreak(rest) > 0)
}

// parse reads the document of a segment.
func (s *segment) parse() error {
	doc := readJSON(s.text)
	if doc == nil {
		doc = &yaml.Node{}
		switch err := yaml.NewDecoder(strings.NewReader(withLF(s.text))).Decode(doc); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading YAML: %s", explain(err, s.line))
		}
	}
	if err := check(doc, s.line, 0); err != nil {
		return err
	}
	if len(doc.Content) == 1 && !isNull(doc.Content[0]) {
		s.node = doc
	}
	return nil
}

// withLF writes CR LF as LF: the parser takes a comment for one below what stands
// above it where a line ends in CR LF. Values and places of nodes stay the same.
func withLF(text string) string {
	if lf := strings.ReplaceAll(text, "\r\n", "\n"); !strings.Contains(lf, "\r") {
		return lf
	}
	return text
}

var lineOfError = regexp.MustCompile(`^line (\d+): `)

// explain makes the message of an error of the YAML parser, which did not see
// these lines before its text. It adds the line when it is the first one.
func explain(err error, before int) string {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if unknownAnchor.MatchString(message) {
		return WithoutText(message)
	}
	line := 1
	if found := lineOfError.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1])
		message = message[len(found[0]):]
	}
	return fmt.Sprintf("line %d: %s", line+before, WithoutText(message))
}

var (
	unknownAnchor = regexp.MustCompile(`unknown anchor '[^']*' referenced`)
	quotedValue   = regexp.MustCompile("(?s)(cannot (?:unmarshal|decode) \\S+) `.*?` (into|as) ")
	quotedNode    = regexp.MustCompile(`(invalid (?:map key|document separator)): .*`)
	quotedKey     = regexp.MustCompile(`(mapping key) "(?:[^"\\]|\\.)*" (already)`)
)

// WithoutText takes out of a message what the YAML library quotes of its text: it
// may be a password. It says what an unknown anchor most often is.
func WithoutText(message string) string {
	message = unknownAnchor.ReplaceAllString(message, "there is an alias without its anchor: a value that begins with * has to be in quotes")
	message = quotedNode.ReplaceAllString(message, "$1")
	message = quotedKey.ReplaceAllString(message, "$1 $2")
	return quotedValue.ReplaceAllString(message, "$1 $2 ")
}

// checkCharacters finds what the YAML parser refuses without a line number.
func checkCharacters(in []byte) error {
	for at := 0; at < len(in); {
		r, size := rune(in[at]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(in[at:])
		}
		wrong := ""
		switch {
		case r == utf8.RuneError && size == 1:
			wrong = "is not UTF-8"
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85,
			r == 0xfeff && at > 0, r == 0xfffe, r == 0xffff:
			wrong = fmt.Sprintf("holds the character %U, which is not allowed in YAML", r)
		}
		if wrong != "" {
			return fmt.Errorf("line %d %s", linesOf(string(in[:at])+"x").len(), wrong)
		}
		at += size
	}
	return nil
}

// check refuses duplicate keys, keys that are no strings and deep nesting. It
// takes the tag of merge keys off, which would be written out otherwise, and
// makes the line of each node that in the whole text.
func check(node *yaml.Node, before, depth int) error {
	node.Line += before
	if depth > maxDepth {
		return fmt.Errorf("line %d: nested more than %d levels deep", node.Line, maxDepth)
	}
	if node.Tag == yaml.MergeTag {
		node.Tag = ""
	}
	for _, n := range node.Content {
		if isFlow(node) && isNull(n) && n.Value == "" {
			n.Value = "null" // the encoder writes the nothing in {a: } as ''
		}
		if err := check(n, before, depth+1); err != nil {
			return err
		}
	}
	if node.Kind == yaml.MappingNode {
		return checkKeys(node)
	}
	return nil
}

func checkKeys(mapping *yaml.Node) error {
	lines := make(map[string]int, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Kind != yaml.ScalarNode || isNull(key) {
			return fmt.Errorf("line %d: a key %s, want a string", key.Line, describe(key))
		}
		if first, twice := lines[key.Value]; twice {
			return fmt.Errorf("line %d: this key is in line %d already, or --- is missing between two objects", key.Line, first)
		}
		lines[key.Value] = key.Line
	}
	return nil
}

// encode writes the nodes as YAML documents.
func encode(nodes ...*yaml.Node) ([]byte, error) {
	if len(nodes) == 0 {
		return nil, nil // the encoder refuses to write nothing
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	for _, n := range nodes {
		if err := encoder.Encode(n); err != nil {
			return nil, fmt.Errorf("writing YAML: %w", err)
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return out.Bytes(), nil
}
