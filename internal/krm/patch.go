package krm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// patch writes what differs between two trees into the text that the first one
// was read from. All other lines stay as they are: comments, quotes, layout and
// line breaks. It is false when that cannot be done; what it returns is read
// back and compared before.
func patch(text string, from, to *yaml.Node) (string, bool) {
	p := &patcher{lines: linesOf(text), wide: isWide(from)}
	p.eol = cmp.Or(p.lineEnd(), "\n")
	if !p.node(from, to, p.documentEnd(from)) {
		return "", false
	}
	patched, ok := p.apply()
	if !ok || json.Valid([]byte(text)) && !json.Valid([]byte(patched)) {
		return "", false
	}
	docs, err := ReadYAML([]byte(patched))
	if err != nil || len(docs) != 1 || !sameTree(docs[0].Content[0], to) || !keepsComments(docs[0], to) {
		return "", false
	}
	return patched, true
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

// scalar replaces a scalar that is written on one line by another such one.
func (p *patcher) scalar(from, to *yaml.Node, inFlow bool) bool {
	at := p.offset(from.Line, from.Column)
	if at < 0 || from.Anchor != "" {
		return false
	}
	old, ok := source(p.text[at:p.start(from.Line)], from)
	if !ok {
		return false
	}
	written := onOneLine(to, inFlow)
	p.add(at, at+len(old), written)
	return written != "" && !strings.ContainsAny(written, breaks)
}

// onOneLine is a scalar as text, "" when it needs several lines.
func onOneLine(node *yaml.Node, inFlow bool) string {
	if node.Style == 0 && safePlain.MatchString(node.Value) && node.ShortTag() == (&yaml.Node{Kind: yaml.ScalarNode, Value: node.Value}).ShortTag() {
		return node.Value // the encoder puts a URL in quotes within [ ] and { }
	}
	value, before, after := *node, "k: ", "\n"
	value.HeadComment, value.LineComment, value.FootComment = "", "", ""
	holder := Map("k", &value)
	if inFlow {
		holder = List(&value)
		holder.Style, before, after = yaml.FlowStyle, "[", "]\n"
	}
	text, err := encode(holder)
	written, found := strings.CutSuffix(strings.TrimPrefix(string(text), before), after)
	if err != nil || !found {
		return ""
	}
	return written
}

var safePlain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/_.:-]*[A-Za-z0-9/]$`)

var (
	singleQuoted = regexp.MustCompile(`^'([^']|'')*'`)
	doubleQuoted = regexp.MustCompile(`^"([^"\\]|\\.)*"`)
)

// source finds how the scalar at the beginning of rest, which ends with its
// line, is written.
func source(rest string, node *yaml.Node) (string, bool) {
	switch {
	case node.Style&yaml.TaggedStyle != 0:
		return "", false
	case node.Style&yaml.SingleQuotedStyle != 0:
		old := singleQuoted.FindString(rest)
		return old, old != ""
	case node.Style&yaml.DoubleQuotedStyle != 0:
		old := doubleQuoted.FindString(rest)
		return old, old != ""
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || node.Value == "":
		return "", false
	}
	return node.Value, strings.HasPrefix(rest, node.Value)
}

// block is an entry of a mapping, or an element of a list, in lines of its own.
type block struct {
	key, value *yaml.Node // key is nil in a list
	first, end int        // its lines
	start      int        // where the key, or the dash, stands
	column     int        // of the same
	leads      bool       // nothing stands before it in its line
}

// blocks finds the entries or elements of a node, which ends before a line.
func (p *patcher) blocks(node *yaml.Node, end int) ([]block, bool) {
	var all []block
	step := 1
	if node.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i < len(node.Content); i += step {
		b := block{value: node.Content[i], first: node.Content[i].Line - 1, column: node.Column}
		if step == 2 {
			b.key, b.value, b.column = b.value, node.Content[i+1], b.value.Column
		} else {
			b.first = p.dash(b.first, b.column)
		}
		if b.first < 0 {
			return nil, false
		}
		if b.start = p.offset(b.first+1, b.column); b.start < 0 {
			return nil, false
		}
		b.leads = isBlank(p.text[p.lines.start(b.first):b.start])
		all = append(all, b)
	}
	for i := range all {
		limit := end
		if i+1 < len(all) {
			limit = all[i+1].first
		}
		if all[i].first >= limit || i > 0 && !all[i].leads {
			return nil, false
		}
		all[i].end = p.trim(all[i], limit)
	}
	return all, len(all) > 0
}

// dash is the line, at or before this one, in which the dash of an element is.
func (p *patcher) dash(line, column int) int {
	for ; line >= 0; line-- {
		if at := p.offset(line+1, column); at >= 0 && strings.HasPrefix(p.text[at:p.lines.start(line+1)], "-") {
			return line
		}
	}
	return -1
}

// trim leaves out the blank lines after a block and the comments that are
// indented no more than it: they belong to what follows, or to nothing.
func (p *patcher) trim(b block, limit int) int {
	for limit > b.first+1 {
		line := p.line(limit - 1)
		if !isBlank(line) && (!isComment(line) || indentation(line) >= b.column) {
			break
		}
		limit--
	}
	return limit
}

// head is the first of the comment lines right above a block.
func (p *patcher) head(b block) int {
	first := b.first
	for first > 0 && isComment(p.line(first-1)) && indentation(p.line(first-1)) == b.column-1 {
		first--
	}
	return first
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

// commonElements pairs the elements of two lists that are equal or have the same
// name, as many as can be, in order.
func commonElements(a, b []*yaml.Node) [][2]int {
	longest := make([][]int, len(a)+1)
	longest[len(a)] = make([]int, len(b)+1)
	alike := func(i, j int) bool {
		x, y := valueOf(a[i], "name"), valueOf(b[j], "name")
		return sameTree(a[i], b[j]) || x != nil && y != nil && sameTree(x, y)
	}
	for i := len(a) - 1; i >= 0; i-- {
		longest[i] = make([]int, len(b)+1)
		for j := len(b) - 1; j >= 0; j-- {
			longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			if alike(i, j) {
				longest[i][j] = max(longest[i][j], 1+longest[i+1][j+1])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case alike(i, j) && longest[i][j] == 1+longest[i+1][j+1]:
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case longest[i+1][j] >= longest[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// remove takes a block away, with the comments right above it.
func (p *patcher) remove(all []block, b block) {
	next := slices.IndexFunc(all, func(o block) bool { return o.start == b.start }) + 1
	switch {
	case b.leads:
		p.add(p.lines.start(p.head(b)), p.lines.start(b.end), "")
	case next < len(all): // the first one after a dash
		p.add(b.start, all[next].start, "")
	default:
		p.add(b.start, p.lines.start(b.end), "") // is read back as something else
	}
}

// insert writes a new block after the one with a number; -1 is before the first.
func (p *patcher) insert(all []block, after int, b block) {
	text := p.written(b)
	switch first := all[0]; {
	case after >= 0:
		p.add(p.lines.start(all[after].end), p.lines.start(all[after].end), text)
	case first.leads:
		at := p.lines.start(p.head(first))
		p.add(at, at, text)
	default:
		p.add(first.start, first.start, strings.TrimLeft(text, " ")+strings.Repeat(" ", first.column-1))
	}
}

// replace writes what changed in a block: within it, or the block anew.
func (p *patcher) replace(b block, key, value *yaml.Node) {
	if p.node(b.value, value, b.end) {
		return
	}
	text := strings.TrimLeft(p.written(block{key: withoutHead(key), value: withoutHead(value), column: b.column}), " ")
	end := p.lines.start(b.end)
	if last := p.text[:end]; strings.TrimRight(last, breaks) == last {
		text = strings.TrimRight(text, breaks)
	}
	p.add(b.start, end, text)
}

// withoutHead leaves out the comments that stand around a block.
func withoutHead(node *yaml.Node) *yaml.Node {
	if node == nil {
		return nil
	}
	bare := *node
	bare.HeadComment, bare.FootComment = "", ""
	return &bare
}

// written is a block as lines of text.
func (p *patcher) written(b block) string {
	holder := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{b.value}}
	if b.key != nil {
		holder = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{b.key, b.value}}
	}
	style := yaml.CompactSequenceStyle
	if p.wide {
		style = yaml.WideSequenceStyle
	}
	var out bytes.Buffer
	if err := yaml.NewEncoderWithOptions(&out, &yaml.EncoderOptions{SeqIndent: style}).Encode(holder); err != nil {
		return "" // is read back as something else
	}
	var text strings.Builder
	for line := range strings.Lines(out.String()) {
		if line != "\n" {
			text.WriteString(strings.Repeat(" ", b.column-1))
		}
		text.WriteString(strings.TrimSuffix(line, "\n") + p.eol)
	}
	return text.String()
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

// sameTree says whether two trees are the same but for comments and style.
func sameTree(a, b *yaml.Node) bool {
	if a == b {
		return true
	}
	return a.Kind == b.Kind && a.Value == b.Value && a.Anchor == b.Anchor &&
		(a.Kind != yaml.ScalarNode || a.ShortTag() == b.ShortTag()) &&
		slices.EqualFunc(a.Content, b.Content, sameTree)
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
