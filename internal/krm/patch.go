package krm

import (
	"cmp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// patch writes what differs between two trees into the text that the first one
// was read from. All other lines stay as they are: comments, quotes, layout and
// line breaks. It is false when that cannot be done; what it returns is read
// back and compared before.
func patch(text string, from, to *yaml.Node) (string, bool) {
	patched, ok := patchLines(text, from, to)
	if isJSON(text) && !(ok && isJSON(patched)) {
		patched, ok = writeJSON(text, to)
	}
	if !ok {
		return "", false
	}
	docs, err := ReadYAML([]byte(patched))
	if err != nil || len(docs) != 1 || !sameTree(docs[0].Content[0], to) || !keepsComments(docs[0], to) {
		return "", false
	}
	return patched, true
}

func patchLines(text string, from, to *yaml.Node) (string, bool) {
	p := &patcher{lines: linesOf(text), wide: isWide(from)}
	p.eol = cmp.Or(p.lineEnd(), "\n")
	if !p.node(from, to, p.documentEnd(from)) {
		return "", false
	}
	return p.apply()
}

// patcher collects the edits that lead from one tree to another.
type patcher struct {
	lines
	eol   string // the line break of the text
	wide  bool   // lists are indented within mappings
	edits []splice
}

// splice replaces the bytes from start to end.
type splice struct {
	start, end int
	text       string
}

func (p *patcher) add(start, end int, text string) {
	p.edits = append(p.edits, splice{start, end, text})
}

// apply makes all edits, unless two of them are about the same bytes.
func (p *patcher) apply() (string, bool) {
	slices.SortStableFunc(p.edits, func(a, b splice) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
	var out strings.Builder
	at := 0
	for _, e := range p.edits {
		if e.start < at {
			return "", false
		}
		out.WriteString(p.text[at:e.start])
		if e.text != "" && e.start == len(p.text) && !strings.HasSuffix(p.text, p.eol) {
			out.WriteString(p.eol)
		}
		out.WriteString(e.text)
		at = e.end
	}
	return out.String() + p.text[at:], true
}

// node finds the edits within a node, which ends before the line end. It is
// false when the node has to be written anew.
func (p *patcher) node(from, to *yaml.Node, end int) bool {
	before := len(p.edits)
	done := false
	switch {
	case sameTree(from, to):
		return true
	case from.Kind != to.Kind || from.Anchor != "" || from.ShortTag() != to.ShortTag() && from.Kind != yaml.ScalarNode:
	case from.Kind == yaml.ScalarNode:
		done = p.scalar(from, to, false)
	case isFlow(from):
		done = isFlow(to) && p.flow(from, to)
	case isFlow(to) || len(to.Content) == 0:
	case from.Kind == yaml.MappingNode:
		done = p.mapping(from, to, end)
	case from.Kind == yaml.SequenceNode:
		done = p.sequence(from, to, end)
	}
	if !done {
		p.edits = p.edits[:before]
	}
	return done
}

func isFlow(node *yaml.Node) bool { return node.Style&yaml.FlowStyle != 0 }

// flow changes scalars in [a, b] and {a: b}.
func (p *patcher) flow(from, to *yaml.Node) bool {
	if from.Kind != to.Kind || from.Anchor != "" || len(from.Content) != len(to.Content) {
		return false
	}
	for i, n := range from.Content {
		isKey := from.Kind == yaml.MappingNode && i%2 == 0
		switch {
		case sameTree(n, to.Content[i]):
		case isKey:
			return false
		case n.Kind == yaml.ScalarNode:
			if to.Content[i].Kind != yaml.ScalarNode || !p.scalar(n, to.Content[i], true) {
				return false
			}
		case !p.flow(n, to.Content[i]):
			return false
		}
	}
	return true
}

func (p *patcher) mapping(from, to *yaml.Node, end int) bool {
	old, ok := p.blocks(from, end)
	if !ok {
		return false
	}
	at := -1 // the last block that was met
	for i := 0; i+1 < len(to.Content); i += 2 {
		key := to.Content[i]
		next := slices.IndexFunc(old, func(b block) bool { return b.key.Value == key.Value })
		switch {
		case next < 0:
			p.insert(old, at, block{key: key, value: to.Content[i+1], column: from.Content[0].Column})
			continue
		case next <= at:
			return false // in another order
		}
		for _, gone := range old[at+1 : next] {
			p.remove(old, gone)
		}
		p.replace(old[next], key, to.Content[i+1])
		at = next
	}
	for _, gone := range old[at+1:] {
		p.remove(old, gone)
	}
	return true
}

func (p *patcher) sequence(from, to *yaml.Node, end int) bool {
	old, ok := p.blocks(from, end)
	if !ok || len(old)*len(to.Content) > maxDepth*maxDepth {
		return false
	}
	at, done := 0, 0
	for _, pair := range append(commonElements(from.Content, to.Content), [2]int{len(old), len(to.Content)}) {
		for ; at < pair[0] && done < pair[1]; at, done = at+1, done+1 {
			p.replace(old[at], nil, to.Content[done])
		}
		for ; at < pair[0]; at++ {
			p.remove(old, old[at])
		}
		for ; done < pair[1]; done++ {
			p.insert(old, at-1, block{value: to.Content[done], column: from.Column})
		}
		if at < len(old) {
			p.replace(old[at], nil, to.Content[done])
		}
		at, done = at+1, done+1
	}
	return true
}

// documentEnd is the line after a document, whose content begins with the node.
func (p *patcher) documentEnd(root *yaml.Node) int {
	for i := root.Line; i < p.lines.len(); i++ {
		if isMarker(p.line(i), "...") {
			return i
		}
	}
	return p.lines.len()
}

// isWide says whether the first list in a mapping is indented more than its key.
func isWide(node *yaml.Node) bool {
	for i, n := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 && n.Kind == yaml.SequenceNode && !isFlow(n) {
			return n.Column > node.Content[i-1].Column
		}
		if isWide(n) {
			return true
		}
	}
	return false
}

// keepsComments says whether every line of a comment in one tree is in another.
func keepsComments(in, of *yaml.Node) bool {
	found := map[string]int{}
	countComments(in, found, 1)
	countComments(of, found, -1)
	for _, n := range found {
		if n < 0 {
			return false
		}
	}
	return true
}

func countComments(node *yaml.Node, lines map[string]int, by int) {
	for _, comment := range []string{node.HeadComment, node.LineComment, node.FootComment} {
		for line := range strings.FieldsFuncSeq(comment, func(r rune) bool { return strings.ContainsRune(breaks, r) }) {
			if line = strings.TrimSpace(line); line != "" {
				lines[line] += by
			}
		}
	}
	for _, n := range node.Content {
		countComments(n, lines, by)
	}
}
