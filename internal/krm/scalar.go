package krm

import (
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

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
