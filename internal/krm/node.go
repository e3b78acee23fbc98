package krm

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Map makes a mapping from keys and values in turn. A value is a string, an
// int, a bool, a []string or a *yaml.Node.
func Map(pairs ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode, Tag: yaml.NodeTagMap}
	for i := 0; i < len(pairs); i += 2 {
		m.Content = append(m.Content, scalar(pairs[i]), nodeOf(pairs[i+1]))
	}
	return m
}

// List makes a list; for the values see Map.
func List(values ...any) *yaml.Node {
	l := &yaml.Node{Kind: yaml.SequenceNode, Tag: yaml.NodeTagSeq}
	for _, v := range values {
		l.Content = append(l.Content, nodeOf(v))
	}
	return l
}

func nodeOf(v any) *yaml.Node {
	switch v := v.(type) {
	case *yaml.Node:
		return v
	case []string:
		l := List()
		for _, s := range v {
			l.Content = append(l.Content, scalar(s))
		}
		return l
	}
	return scalar(v)
}

// scalar makes a scalar that is read back as the type it was made from: kyaml's
// own constructors write 3 as "3" into a new field, and yes without quotes.
func scalar(v any) *yaml.Node {
	switch v := v.(type) {
	case string:
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: v}
		if yaml11.MatchString(v) {
			node.Style = yaml.DoubleQuotedStyle
		}
		return node
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagInt, Value: strconv.Itoa(v)}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagBool, Value: strconv.FormatBool(v)}
	}
	panic(fmt.Sprintf("a scalar of type %T", v))
}

// yaml11 matches plain text that YAML 1.1, which Kubernetes reads, takes for a
// boolean or a number to the base 60.
var yaml11 = regexp.MustCompile(`^([yYnN]|yes|Yes|YES|on|On|ON|no|No|NO|off|Off|OFF|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)

// IsString says whether Kubernetes takes a node for a string: text that looks
// like something else has to be in quotes.
func IsString(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == yaml.NodeTagString && (node.Style != 0 || !yaml11.MatchString(node.Value))
}

// Equal says whether two nodes hold the same value, whatever their style,
// comments and the order of keys.
func Equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || len(a.Content) != len(b.Content) {
		return false
	}
	switch a.Kind {
	case yaml.ScalarNode:
		return a.Value == b.Value && a.ShortTag() == b.ShortTag()
	case yaml.MappingNode:
		for i := 0; i+1 < len(a.Content); i += 2 {
			other := b.Content[i+1]
			if key := a.Content[i].Value; b.Content[i].Value != key {
				other = valueOf(b, key)
			}
			if other == nil || !Equal(a.Content[i+1], other) {
				return false
			}
		}
		return true
	}
	return slices.EqualFunc(a.Content, b.Content, Equal)
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
