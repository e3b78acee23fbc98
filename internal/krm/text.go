package krm

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// SetWithin replaces the whole text of a field whose content has an inner
// structure, and reports what was changed inside: the inner place and its old
// and new value. Both are left out, "", when they are secret.
func SetWithin(list *framework.ResourceList, obj *yaml.RNode, text, inner, old, value string, path ...any) {
	node := Lookup(obj, path...)
	if node == nil || node.Value == text {
		return
	}
	node.Value = text
	field := &framework.Field{Path: Path(path).String()}
	if old != "" || value != "" {
		field.CurrentValue, field.ProposedValue = old, value
	}
	report(list, framework.Info, obj, field, "changed "+inner+inWords(field))
}

// Embedded is a YAML text inside a field, e.g. the registry's config.yml in a
// ConfigMap.
type Embedded struct {
	Object *yaml.RNode
	Path   Path
	// The text as read, where every node knows its place, and with its aliases
	// resolved.
	root, resolved *yaml.RNode
}

// Embed parses the text at the path.
func Embed(obj *yaml.RNode, path ...any) (Embedded, error) {
	root, resolved, err := parseEmbedded(Text(obj, path...))
	if err != nil {
		return Embedded{}, Fault(obj, path, "%v", err)
	}
	return Embedded{Object: obj, Path: path, root: yaml.NewRNode(root), resolved: yaml.NewRNode(resolved)}, nil
}

func parseEmbedded(text string) (root, resolved *yaml.Node, err error) {
	docs, err := readYAML([]byte(text))
	if err != nil {
		return nil, nil, err
	}
	if len(docs) != 1 {
		return nil, nil, fmt.Errorf("holds %d documents, want one", len(docs))
	}
	root = docs[0].Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, nil, fmt.Errorf("%s, want a mapping", describe(root))
	}
	budget := maxExpansion
	resolved, err = resolve(root, &budget, 0)
	return root, resolved, err
}

// Text returns the scalar at the inner path, "" where there is none.
func (e Embedded) Text(inner ...any) string { return Text(e.resolved, inner...) }

// Set changes one scalar of the text, which must be there, and nothing else:
// comments, quotes and layout of the text stay.
func (e Embedded) Set(list *framework.ResourceList, value string, inner ...any) error {
	where := Path(inner).String()
	node := Lookup(e.root, inner...)
	if node == nil {
		node = Lookup(e.resolved, inner...)
	}
	switch {
	case node == nil:
		return Fault(e.Object, e.Path, "%s is missing", where)
	case node.Kind != yaml.ScalarNode:
		return Fault(e.Object, e.Path, "%s %s, want a string", where, describe(node))
	case node.Value == value:
		return nil
	}
	inPlace := Fault(e.Object, e.Path, "%s cannot be changed in place: write it as a plain or quoted string on one line", where)
	text, ok := splice(Text(e.Object, e.Path...), node, value)
	if !ok {
		return inPlace
	}
	want := yaml.NewRNode(yaml.CopyYNode(e.resolved.YNode()))
	*Lookup(want, inner...) = *scalar(value)
	root, resolved, err := parseEmbedded(text)
	if err != nil || !Equal(resolved, want.YNode()) {
		return inPlace
	}
	SetWithin(list, e.Object, text, where, node.Value, value, e.Path...)
	e.root.SetYNode(root)
	e.resolved.SetYNode(resolved)
	return nil
}

// RemoveSecret takes the line of one scalar out of the text, if it is there. A
// mapping that held nothing else becomes null. The finding does not show the
// value.
func (e Embedded) RemoveSecret(list *framework.ResourceList, inner ...any) error {
	p := Path(inner)
	above, last := p[:len(p)-1], p[len(p)-1].(string)
	if Lookup(e.resolved, p...) == nil {
		return nil
	}
	refused := Fault(e.Object, e.Path, "%s cannot be taken out: write it as %s: VALUE on a line of its own", p, last)
	holder := Lookup(e.root, above...)
	at := indexOf(holder, last)
	if at < 0 {
		return refused // it comes through an alias
	}
	want := yaml.NewRNode(yaml.CopyYNode(e.resolved.YNode()))
	parent := Lookup(want, above...)
	if removeField(parent, last); len(parent.Content) == 0 {
		*parent = yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull}
	}
	lines := strings.SplitAfter(Text(e.Object, e.Path...), "\n")
	text := strings.Join(slices.Delete(lines, holder.Content[at].Line-1, holder.Content[at].Line), "")
	root, resolved, err := parseEmbedded(text)
	if err != nil || !Equal(resolved, want.YNode()) {
		return refused
	}
	SetWithin(list, e.Object, text, p.String(), "", "", e.Path...)
	e.root.SetYNode(root)
	e.resolved.SetYNode(resolved)
	return nil
}

func removeField(mapping *yaml.Node, key string) {
	if i := indexOf(mapping, key); i >= 0 {
		mapping.Content = slices.Delete(mapping.Content, i, i+2)
	}
}

var safePlain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/_.:-]*[A-Za-z0-9/]$`)

// splice replaces a one-line scalar in the text it was parsed from.
func splice(text string, node *yaml.Node, value string) (string, bool) {
	lines := strings.SplitAfter(text, "\n")
	if node.Line < 1 || node.Line > len(lines) || node.Anchor != "" {
		return "", false
	}
	line := []rune(lines[node.Line-1])
	if node.Column < 1 || node.Column > len(line) {
		return "", false
	}
	before, rest := string(line[:node.Column-1]), string(line[node.Column-1:])
	old, ok := source(rest, node)
	if !ok {
		return "", false
	}
	written := value
	plain := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	if node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 || !safePlain.MatchString(value) ||
		plain.ShortTag() != yaml.NodeTagString || oldScalar.MatchString(value) {
		quoted, err := encode(&yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Style: yaml.DoubleQuotedStyle, Value: value})
		if err != nil || bytes.Count(quoted, []byte("\n")) != 1 {
			return "", false
		}
		written = strings.TrimSuffix(string(quoted), "\n")
	}
	if strings.HasPrefix(old, "'") && !strings.ContainsAny(value, "'\\\n") {
		written = "'" + value + "'"
	}
	lines[node.Line-1] = before + written + rest[len(old):]
	return strings.Join(lines, ""), true
}

var (
	singleQuoted = regexp.MustCompile(`^'([^']|'')*'`)
	doubleQuoted = regexp.MustCompile(`^"([^"\\]|\\.)*"`)
)

// source finds how the scalar at the beginning of rest is written.
func source(rest string, node *yaml.Node) (string, bool) {
	switch {
	case node.Style&yaml.SingleQuotedStyle != 0:
		old := singleQuoted.FindString(rest)
		return old, old != ""
	case node.Style&yaml.DoubleQuotedStyle != 0:
		old := doubleQuoted.FindString(rest)
		return old, old != ""
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0 || node.Value == "":
		return "", false
	}
	return node.Value, strings.HasPrefix(rest, node.Value)
}
