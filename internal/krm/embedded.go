package krm

import (
	"fmt"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Embedded is a YAML or JSON text inside a field, e.g. the registry's config.yml
// in a ConfigMap. Edits change their own lines of the text: comments, quotes and
// layout of all others stay.
type Embedded struct {
	Object *yaml.RNode
	Path   Path
	*parsed
}

// parsed is a text as read, where every node knows its place, and with its aliases
// resolved.
type parsed struct {
	text           string
	root, resolved *yaml.Node
}

// Embed parses the text at the path.
func Embed(obj *yaml.RNode, path ...any) (Embedded, error) {
	p, err := parseEmbedded(Text(obj, path...))
	if err != nil {
		return Embedded{}, Fault(obj, path, "%v", err)
	}
	return Embedded{obj, path, p}, nil
}

func parseEmbedded(text string) (*parsed, error) {
	docs, err := ReadYAML([]byte(text))
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 {
		return nil, fmt.Errorf("holds %d documents, want one", len(docs))
	}
	root := docs[0].Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s, want a mapping", describe(root))
	}
	budget := maxExpansion
	resolved, err := resolve(root, &budget)
	return &parsed{text, root, resolved}, err
}

// Current says whether the text is still the one that was read, or that edits made of
// it through this value or copies of it.
func (e Embedded) Current() bool { return e.text == Text(e.Object, e.Path...) }

// Text returns the scalar at the inner path, "" where there is none.
func (e Embedded) Text(inner ...any) string { return Text(yaml.NewRNode(e.resolved), inner...) }

// Lookup returns the node at the inner path, nil where there is none.
func (e Embedded) Lookup(inner ...any) *yaml.Node { return Lookup(yaml.NewRNode(e.resolved), inner...) }

// Set changes a scalar of the text, which must be there.
func (e Embedded) Set(list *framework.ResourceList, value string, inner ...any) error {
	node := Lookup(yaml.NewRNode(e.root), inner...)
	if node == nil {
		node = e.Lookup(inner...)
	}
	switch {
	case node == nil:
		return Fault(e.Object, e.Path, "%s is missing", Path(inner))
	case node.Kind != yaml.ScalarNode:
		return Fault(e.Object, e.Path, "%s %s, want a string", Path(inner), describe(node))
	}
	return e.Add(list, value, inner...)
}

// Add makes the field at the inner path hold the value (for its type see Map),
// whether it is there or not. Mappings that are missing on the way are made, as
// in the function Set.
func (e Embedded) Add(list *framework.ResourceList, value any, inner ...any) error {
	return e.add(list, value, inner, false)
}

// AddSecret is Add for a sensitive value: the finding shows neither the old nor
// the new one.
func (e Embedded) AddSecret(list *framework.ResourceList, value any, inner ...any) error {
	return e.add(list, value, inner, true)
}

func (e Embedded) add(list *framework.ResourceList, value any, inner Path, secret bool) error {
	current := e.Lookup(inner...)
	if current != nil && Equal(current, nodeOf(value)) {
		return nil
	}
	values := valuesOf(current, nodeOf(value))
	if secret {
		values.current, values.proposed = nil, nil
	}
	verb := "set"
	if current != nil {
		verb = "changed"
	}
	return e.change(list, inner, func(root *yaml.Node) error {
		return assign(root, inner, yaml.CopyYNode(nodeOf(value)))
	}, verb+" "+inner.String(), values)
}

// Remove takes the field at the inner path out of the text, if it is there. A
// mapping that held nothing else becomes null. The finding does not show the
// value.
func (e Embedded) Remove(list *framework.ResourceList, inner ...any) error {
	if e.Lookup(inner...) == nil {
		return nil
	}
	p := Path(inner)
	return e.change(list, p, func(root *yaml.Node) error {
		above := p[:len(p)-1]
		parent := Lookup(yaml.NewRNode(root), above...)
		if parent == nil || child(parent, p[len(p)-1]) == nil {
			return fmt.Errorf("%s comes through an alias", p)
		}
		removeChild(parent, p[len(p)-1])
		if len(parent.Content) == 0 {
			replace(parent, &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull})
		}
		return nil
	}, "removed "+p.String(), values{})
}

// change makes an edit in the text, if it can be made and means in the text what
// it means with the aliases resolved.
func (e Embedded) change(list *framework.ResourceList, inner Path, edit func(*yaml.Node) error, verb string, values values) error {
	refused := Fault(e.Object, e.Path, "%s cannot be changed in this text: write it on a line of its own and without aliases", inner)
	want, to := yaml.CopyYNode(e.resolved), yaml.CopyYNode(e.root)
	if err := edit(want); err != nil {
		return Fault(e.Object, e.Path, "%v", err)
	}
	if edit(to) != nil {
		return refused
	}
	text, ok := patch(Text(e.Object, e.Path...), e.root, to)
	if !ok {
		return refused
	}
	p, err := parseEmbedded(text)
	if err != nil || !Equal(p.resolved, want) {
		return refused
	}
	Lookup(e.Object, e.Path...).Value = text
	reportEdit(list, e.Object, e.Path, verb, values)
	*e.parsed = *p
	return nil
}

// SetWithin replaces the whole text of a field whose content has an inner
// structure, and reports what was changed inside: the inner place and its old
// and new value. Both are left out, "", when they are secret.
func SetWithin(list *framework.ResourceList, obj *yaml.RNode, text, inner, old, value string, path ...any) {
	node := Lookup(obj, path...)
	if node == nil || node.Value == text {
		return
	}
	node.Value = text
	var shown values
	if old != "" || value != "" {
		shown = values{old, value}
	}
	reportEdit(list, obj, path, "changed "+inner, shown)
}
