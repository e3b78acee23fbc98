package krm

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Path leads from the root of an object to one of its fields: a string goes
// into a mapping, an int into a list.
type Path []any

// Append returns a longer path; p is left as it is.
func (p Path) Append(steps ...any) Path { return slices.Concat(p, steps) }

// String writes the path as a finding shows it:
// spec.template.spec.containers[0].image, data["config.yml"].
func (p Path) String() string {
	s := ""
	for _, e := range p {
		s = join(s, step(e))
	}
	return s
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_$/-]+$`)

func step(e any) string {
	switch e := e.(type) {
	case int:
		return "[" + strconv.Itoa(e) + "]"
	case string:
		if !plainKey.MatchString(e) {
			return "[" + strconv.Quote(e) + "]"
		}
		return e
	}
	panic(fmt.Sprintf("a path holds a %T", e))
}

func join(parent, field string) string {
	switch {
	case parent == "":
		return field
	case field == "" || strings.HasPrefix(field, "["):
		return parent + field
	}
	return parent + "." + field
}

// Lookup returns the node at the path, nil where there is none.
func Lookup(obj *yaml.RNode, path ...any) *yaml.Node {
	node := obj.YNode()
	for _, e := range path {
		if node = child(node, e); node == nil {
			return nil
		}
	}
	return node
}

func child(node *yaml.Node, e any) *yaml.Node {
	switch e := e.(type) {
	case string:
		if node.Kind == yaml.MappingNode {
			return valueOf(node, e)
		}
	case int:
		if node.Kind == yaml.SequenceNode && e < len(node.Content) {
			return node.Content[e]
		}
	}
	return nil
}

func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	if i := indexOf(mapping, key); i >= 0 {
		return mapping.Content[i+1]
	}
	return nil
}

// indexOf is where a key of a mapping stands in its Content, -1 for nowhere.
func indexOf(mapping *yaml.Node, key string) int {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return -1
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// Text returns the scalar at the path, "" where there is none.
func Text(obj *yaml.RNode, path ...any) string {
	if node := Lookup(obj, path...); node != nil && node.Kind == yaml.ScalarNode && !isNull(node) {
		return node.Value
	}
	return ""
}

// Elements returns the elements of the list at the path.
func Elements(obj *yaml.RNode, path ...any) []*yaml.Node {
	if node := Lookup(obj, path...); node != nil && node.Kind == yaml.SequenceNode {
		return node.Content
	}
	return nil
}

// Strings returns the mapping of strings at the path, e.g. labels.
func Strings(obj *yaml.RNode, path ...any) map[string]string {
	node := Lookup(obj, path...)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	m := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		value := node.Content[i+1].Value
		if isNull(node.Content[i+1]) {
			value = ""
		}
		m[node.Content[i].Value] = value
	}
	return m
}
