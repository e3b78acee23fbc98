package krm

import (
	"bytes"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

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
	l := linesOf(out.String())
	for i := range l.len() {
		if line := l.line(i); line == "\n" {
			text.WriteString(p.eol)
		} else {
			text.WriteString(strings.Repeat(" ", b.column-1) + strings.Replace(line, "\n", p.eol, 1))
		}
	}
	return text.String()
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
