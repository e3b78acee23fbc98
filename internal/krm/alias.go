package krm

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxExpansion is how many nodes the aliases of one input may stand for.
const maxExpansion = 100_000

// expandShared resolves all aliases of a list when one of them leads from an
// item, or from another field of the list, to another one: each item has to be
// able to change, or to go, by itself.
func expandShared(doc *yaml.Node, budget *int) error {
	list := doc.Content[0]
	if !hasAlias(list) || list.Kind != yaml.MappingNode {
		return nil
	}
	for i := 1; i < len(list.Content); i += 2 {
		parts := list.Content[i : i+1]
		if list.Content[i-1].Value == "items" && list.Content[i].Kind == yaml.SequenceNode {
			parts = list.Content[i].Content
		}
		if slices.ContainsFunc(parts, leadsOut) {
			resolved, err := resolve(list, budget)
			doc.Content[0] = resolved
			return err
		}
	}
	return nil
}

// leadsOut says whether an alias within the node stands for something outside
// of it.
func leadsOut(node *yaml.Node) bool {
	inside := map[*yaml.Node]bool{}
	var aliases []*yaml.Node
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		inside[n] = true
		if n.Kind == yaml.AliasNode {
			aliases = append(aliases, n)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(node)
	return slices.ContainsFunc(aliases, func(n *yaml.Node) bool { return !inside[n.Alias] })
}

// hasAlias says whether there is an anchor, an alias or a merge key.
func hasAlias(node *yaml.Node) bool {
	return node.Kind == yaml.AliasNode || node.Anchor != "" || isMerge(node) || slices.ContainsFunc(node.Content, hasAlias)
}

func isMerge(key *yaml.Node) bool {
	return key.Value == "<<" && key.Kind == yaml.ScalarNode && key.Tag == "" && key.Style == 0
}

// resolve copies a tree with each alias and merge key replaced by what it
// stands for, and takes the nodes that come so from the budget of the input.
func resolve(node *yaml.Node, budget *int) (*yaml.Node, error) {
	return resolver{budget}.resolve(node, 0, 0)
}

type resolver struct{ budget *int }

// resolve is for a node at a depth of the tree, and within as many aliases.
func (r resolver) resolve(node *yaml.Node, depth, aliases int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: an alias leads back to itself or is nested more than %d levels deep", node.Line, maxDepth)
	}
	if aliases > 0 {
		if *r.budget--; *r.budget < 0 {
			return nil, fmt.Errorf("line %d: the aliases stand for more than %d nodes", node.Line, maxExpansion)
		}
	}
	if node.Kind == yaml.AliasNode {
		return r.resolve(node.Alias, depth+1, aliases+1)
	}
	resolved := *node
	resolved.Anchor, resolved.Content = "", nil
	var merged []*yaml.Node
	for i := range node.Content {
		n, err := r.resolve(node.Content[i], depth+1, aliases)
		if err != nil {
			return nil, err
		}
		if node.Kind == yaml.MappingNode && i%2 == 1 && isMerge(node.Content[i-1]) {
			resolved.Content = resolved.Content[:len(resolved.Content)-1]
			merged = append(merged, n)
			continue
		}
		resolved.Content = append(resolved.Content, n)
	}
	for _, m := range merged {
		if err := merge(&resolved, m); err != nil {
			return nil, err
		}
	}
	return &resolved, nil
}

// merge adds the fields of a merge key's value that the mapping does not have.
func merge(into, from *yaml.Node) error {
	switch from.Kind {
	case yaml.SequenceNode:
		for _, n := range from.Content {
			if err := merge(into, n); err != nil {
				return err
			}
		}
		return nil
	case yaml.MappingNode:
		known := map[string]bool{}
		for i := 0; i+1 < len(into.Content); i += 2 {
			known[into.Content[i].Value] = true
		}
		for i := 0; i+1 < len(from.Content); i += 2 {
			if !known[from.Content[i].Value] {
				into.Content = append(into.Content, from.Content[i], from.Content[i+1])
			}
		}
		return nil
	}
	return fmt.Errorf("line %d: a merge key %s, want a mapping", from.Line, describe(from))
}
