package krm

import (
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// scalar replaces a scalar that is written on one line by another such one, or
// lines of a text.
func (p *patcher) scalar(from, to *yaml.Node, inFlow bool) bool {
	if from.Style&to.Style&yaml.LiteralStyle != 0 {
		return p.literal(from, to)
	}
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

// literal changes lines of a text behind |, which the encoder would put in quotes
// where one of them has a blank at its end. It is false where more changes than
// lines: the indentation that the parser sees, or the line breaks at the end.
func (p *patcher) literal(from, to *yaml.Node) bool {
	old, lines := strings.Split(from.Value, "\n"), strings.Split(to.Value, "\n")
	indent, ok := p.indentOf(from.Line, old)
	if !ok || endBreaks(from.Value) != endBreaks(to.Value) || old[0] != lines[0] && strings.TrimLeft(lines[0], " \t") != lines[0] ||
		old[0] == "" || lines[0] == "" || strings.ContainsAny(to.Value, breaks[1:]) {
		return false
	}
	first, both := 0, min(len(old), len(lines))
	for first < both && old[first] == lines[first] {
		first++
	}
	last := 0
	for last < both-first && old[len(old)-1-last] == lines[len(lines)-1-last] {
		last++
	}
	var text strings.Builder
	for _, line := range lines[first : len(lines)-last] {
		if line != "" {
			text.WriteString(indent + line)
		}
		text.WriteString(p.eol)
	}
	start, end := p.start(from.Line+first), p.start(from.Line+len(old)-last)
	if end == len(p.text) && strings.TrimRight(p.text, breaks) == p.text { // it ends without a line break
		p.add(start, end, strings.TrimSuffix(text.String(), p.eol))
	} else {
		p.add(start, end, text.String())
	}
	return true
}

// indentOf is what stands before each line of a text whose source begins at a
// line, false where the source is not these lines.
func (p *patcher) indentOf(at int, text []string) (string, bool) {
	source := strings.TrimRight(p.line(at), breaks)
	indent, ok := strings.CutSuffix(source, text[0])
	for i, line := range text {
		source := strings.TrimRight(p.line(at+i), breaks)
		ok = ok && (source == indent+line || line == "" && (i == len(text)-1 || strings.TrimLeft(source, " ") == ""))
	}
	return indent, ok && strings.TrimLeft(indent, " ") == ""
}

func endBreaks(text string) int { return len(text) - len(strings.TrimRight(text, "\n")) }

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
