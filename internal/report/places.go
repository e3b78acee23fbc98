package report

import (
	"regexp"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Place is an object and the file that it is in.
type Place struct {
	File framework.File
	Ref  yaml.ResourceIdentifier
	node *yaml.Node
}

// Places are the objects of some files.
type Places []Place

// Read returns the objects in a text of YAML documents, as far as it can be
// read: the items of a List instead of the List.
func Read(path string, content []byte) Places {
	objects, _ := krm.Objects(content) // what cannot be read, its function refuses
	var all Places
	for _, obj := range objects {
		all = append(all, Place{framework.File{Path: path, Index: obj.Document}, reference(obj.YNode()), obj.YNode()})
	}
	return all
}

func reference(node *yaml.Node) yaml.ResourceIdentifier {
	var ref yaml.ResourceIdentifier
	obj := yaml.NewRNode(node)
	ref.APIVersion, ref.Kind = krm.Text(obj, "apiVersion"), krm.Text(obj, "kind")
	ref.Name, ref.Namespace = krm.Text(obj, "metadata", "name"), krm.Text(obj, "metadata", "namespace")
	return ref
}

// Find finds the one object that ref names. The namespace decides only where the
// rest does not: a kustomization may set another one than the file says. Nothing
// is found where several objects fit alike: the wrong one would be blamed.
func (p Places) Find(ref yaml.ResourceIdentifier) (Place, bool) {
	var same, alike Places
	for _, place := range p {
		if place.Ref == ref {
			same = append(same, place)
		}
		if place.Ref.APIVersion == ref.APIVersion && place.Ref.Kind == ref.Kind && place.Ref.Name == ref.Name {
			alike = append(alike, place)
		}
	}
	switch {
	case len(same) == 1:
		return same[0], true
	case len(same) == 0 && len(alike) == 1:
		return alike[0], true
	}
	return Place{}, false
}

// Shared returns the first object of q with a name that is in p too.
func (p Places) Shared(q Places) (place Place, found bool) {
	known := map[yaml.ResourceIdentifier]bool{}
	for _, place := range p {
		known[place.Ref] = true
	}
	for _, place := range q {
		if known[place.Ref] && place.Ref.Name != "" {
			return place, true
		}
	}
	return Place{}, false
}

// Known is false for the Place that Find returns when it finds nothing.
func (p Place) Known() bool { return p.node != nil }

// Annotation returns the value of an annotation of the object, "" for none.
func (p Place) Annotation(name string) string {
	if !p.Known() {
		return ""
	}
	return krm.Text(yaml.NewRNode(p.node), "metadata", "annotations", name)
}

var nextStep = regexp.MustCompile(`^(?:\.?([^.\[]+)|\[([0-9]+)\]|\[("(?:[^"\\]|\\.)*")\])`)

// Line is the line of a field, written like spec.ports[0].port or
// data["config.yml"]; where there is no such field, that of the nearest one
// around it.
func (p Place) Line(field string) int { return p.LineFrom(p, field) }

// LineFrom is the line of a field of another version of the object. Functions
// and patches may have moved the elements of a list: they are known by name.
func (p Place) LineFrom(other Place, field string) int {
	node, like := p.node, other.node
	for line := node.Line; ; {
		step := nextStep.FindStringSubmatch(field)
		if step == nil {
			return line
		}
		field = field[len(step[0]):]
		var at *yaml.Node
		if index := step[2]; index != "" {
			at, like = counterpart(node, like, index)
			node = at
		} else {
			key := step[1]
			if step[3] != "" {
				key, _ = strconv.Unquote(step[3])
			}
			at, node = entry(node, key)
			_, like = entry(like, key)
		}
		if node == nil || like == nil {
			return line
		}
		line = at.Line
	}
}

// counterpart returns an element of the list like, and the element of list that
// is the same or has the same name; nil where there is none.
func counterpart(list, like *yaml.Node, index string) (found, element *yaml.Node) {
	element = elementOf(like, index)
	if element == nil || list == like {
		return element, element
	}
	name := krm.Text(yaml.NewRNode(element), "name")
	for i := 0; list.Kind == yaml.SequenceNode && i < len(list.Content); i++ {
		if name != "" && krm.Text(yaml.NewRNode(list.Content[i]), "name") == name {
			return list.Content[i], element
		}
	}
	return nil, element
}

// entry returns the key and the value of a field, nil where there is none.
func entry(node *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i], node.Content[i+1]
		}
	}
	return nil, nil
}

func elementOf(list *yaml.Node, index string) *yaml.Node {
	i, err := strconv.Atoi(index)
	if err != nil || list.Kind != yaml.SequenceNode || i >= len(list.Content) {
		return nil
	}
	return list.Content[i]
}
