package krm

import (
	"fmt"
	"slices"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Set makes the field at the path hold the value (for its type see Map) and
// reports the edit. Mappings that are missing on the way are made, with the
// last step an element may be appended to a list. A field that holds the value
// already is left alone, comments and order stay. It is an error when the path
// leads through something that is neither.
func Set(list *framework.ResourceList, obj *yaml.RNode, value any, path ...any) error {
	return set(list, obj, value, path, false)
}

// SetSecret is Set for a sensitive value: the finding shows neither the old nor
// the new one.
func SetSecret(list *framework.ResourceList, obj *yaml.RNode, value any, path ...any) error {
	return set(list, obj, value, path, true)
}

func set(list *framework.ResourceList, obj *yaml.RNode, value any, path Path, secret bool) error {
	proposed := nodeOf(value)
	current := Lookup(obj, path...)
	if current != nil && Equal(current, proposed) {
		return nil
	}
	values := valuesOf(current, proposed)
	if secret {
		values.current, values.proposed = nil, nil
	}
	verb := "set"
	if current != nil {
		verb = "changed"
	}
	if name := valueOf(proposed, "name"); proposed.Kind == yaml.MappingNode && name != nil {
		verb += " " + name.Value // an element of a list
	}
	if err := assign(obj.YNode(), path, proposed); err != nil {
		return fmt.Errorf("%s: %w", Name(obj), err)
	}
	reportEdit(list, obj, path, verb, values)
	return nil
}

// assign makes the field at the path of a tree hold the value, and what is
// missing on the way.
func assign(root *yaml.Node, path Path, value *yaml.Node) error {
	parent, err := reach(root, path)
	if err != nil {
		return err
	}
	last := path[len(path)-1]
	switch current := child(parent, last); {
	case current != nil:
		replace(current, value)
	case parent.Kind == yaml.SequenceNode:
		parent.Content = append(parent.Content, value)
		moveComment(parent)
	default:
		insert(parent, last.(string), value)
	}
	return nil
}

// insert adds a field to a mapping where kyaml's order of fields has it, as far
// as the fields that are there follow it: command goes behind image.
func insert(mapping *yaml.Node, key string, value *yaml.Node) {
	if len(mapping.Content) == 0 {
		mapping.Style = 0 // {} gets lines of its own
	}
	at := len(mapping.Content)
	if order, ok := yaml.FieldOrder[key]; ok {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if yaml.FieldOrder[mapping.Content[i].Value] > order {
				at = i
				break
			}
		}
	}
	mapping.Content = slices.Insert(mapping.Content, at, scalar(key), value)
	moveComment(mapping)
}

// moveComment moves the comment behind a value that has become a mapping or a
// list of several lines above the first of them: it is lost otherwise.
func moveComment(node *yaml.Node) {
	if node.Kind != yaml.ScalarNode && node.Style&yaml.FlowStyle == 0 && len(node.Content) > 0 && node.LineComment != "" {
		node.Content[0].HeadComment, node.LineComment = node.LineComment, ""
	}
}

// replace gives the node another value but leaves its comments, and its style
// where the type stays.
func replace(node, by *yaml.Node) {
	keep := *node
	*node = *by
	node.HeadComment, node.LineComment, node.FootComment = keep.HeadComment, keep.LineComment, keep.FootComment
	node.Line, node.Column = keep.Line, keep.Column // of a finding
	if keep.Kind == by.Kind && keep.ShortTag() == by.ShortTag() && (keep.Style != 0 || by.Kind != yaml.ScalarNode) {
		node.Style = keep.Style
	}
	moveComment(node)
}

// reach returns the parent of the field at the path and makes what is missing
// on the way.
func reach(root *yaml.Node, path Path) (*yaml.Node, error) {
	node := root
	for i, e := range path {
		if isNull(node) {
			// An empty field ("data:") is filled like a missing one.
			kind := yaml.MappingNode
			if _, isIndex := e.(int); isIndex {
				kind = yaml.SequenceNode
			}
			replace(node, &yaml.Node{Kind: kind})
		}
		if _, isKey := e.(string); isKey && node.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("%s %s, want a mapping", path[:i], describe(node))
		}
		if index, isIndex := e.(int); isIndex && node.Kind != yaml.SequenceNode {
			return nil, fmt.Errorf("%s %s, want a list", path[:i], describe(node))
		} else if isIndex && index > len(node.Content) {
			return nil, fmt.Errorf("%s has %d elements, there can be no number %d", path[:i], len(node.Content), index)
		}
		if i == len(path)-1 {
			break
		}
		next := child(node, e)
		if next == nil {
			next = Map()
			if _, isIndex := path[i+1].(int); isIndex {
				next = List()
			}
			if _, isKey := e.(string); isKey {
				node.Content = append(node.Content, scalar(e))
			}
			node.Content = append(node.Content, next)
			moveComment(node)
		}
		node = next
	}
	return node, nil
}

// Remove takes the field at the path away, if it is there, and reports it. The
// finding does not show the value.
func Remove(list *framework.ResourceList, obj *yaml.RNode, path ...any) {
	p := Path(path)
	parent := Lookup(obj, p[:len(p)-1]...)
	if parent == nil || child(parent, p[len(p)-1]) == nil {
		return
	}
	removeChild(parent, p[len(p)-1])
	reportEdit(list, obj, p, "removed", values{})
}

func removeChild(parent *yaml.Node, e any) {
	switch e := e.(type) {
	case int:
		parent.Content = slices.Delete(parent.Content, e, e+1)
	case string:
		i := indexOf(parent, e)
		parent.Content = slices.Delete(parent.Content, i, i+2)
	}
}

// Add puts a new object right behind another one and reports it. kpt writes it
// to the end of the file of that one: it takes no two objects of one file and
// index. The paths in kustomize's annotations are made up.
func Add(list *framework.ResourceList, obj, behind *yaml.RNode) {
	annotations := behind.GetAnnotations()
	if path, kustomize := annotations[pathAnnotation], annotations[kustomizeAnnotation]; path != "" && kustomize == "" {
		meta := valueOf(obj.YNode(), "metadata")
		meta.Content = append(meta.Content, scalar("annotations"),
			Map(pathAnnotation, path, indexAnnotation, strconv.Itoa(nextIndex(list, path))))
	}
	at := slices.Index(list.Items, behind)
	list.Items = slices.Insert(list.Items, at+1, obj)
	Report(list, framework.Info, obj, nil, "object added").File = fileOf(behind)
}

// nextIndex is the first index of a file after those of its objects.
func nextIndex(list *framework.ResourceList, path string) int {
	next := 0
	for _, item := range list.Items {
		annotations := item.GetAnnotations()
		if index, err := strconv.Atoi(annotations[indexAnnotation]); err == nil && annotations[pathAnnotation] == path {
			next = max(next, index+1)
		}
	}
	return next
}
