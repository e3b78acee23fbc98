package krm

import (
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// emptyList is what goes out when the input is no ResourceList.
func emptyList() *document {
	d := newDocument()
	d.root = Map("apiVersion", "config.kubernetes.io/v1", "kind", "ResourceList", "items", List())
	d.node = &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{d.root}}
	return d
}

// readList reads one ResourceList. With an error it returns the list too, when
// no more is wrong than an item or the function config, else an empty one.
func readList(in []byte) (*document, error) {
	docs, err := ReadYAML(in)
	if err != nil {
		return emptyList(), err
	}
	switch {
	case len(docs) == 0:
		return emptyList(), errors.New("the input is empty, want a ResourceList")
	case len(docs) > 1:
		return emptyList(), fmt.Errorf("the input holds %d documents, want one ResourceList", len(docs))
	}
	d := newDocument()
	if err := expandShared(docs[0], &d.budget); err != nil {
		return emptyList(), err
	}
	d.node, d.root = docs[0], docs[0].Content[0]
	if err := d.check(); err != nil {
		return emptyList(), err
	}
	var wrong []error
	for i, item := range Elements(yaml.NewRNode(d.root), "items") {
		obj, err := d.object(item)
		if err != nil {
			return emptyList(), fmt.Errorf("items[%d]: %w", i, err)
		}
		d.list.Items = append(d.list.Items, obj)
		wrong = append(wrong, checkItem(obj, fmt.Sprintf("items[%d]", i)))
	}
	if err := d.setConfig(valueOf(d.root, "functionConfig")); err != nil {
		return emptyList(), fmt.Errorf("functionConfig: %w", err)
	}
	if err := checkConfig(d.list.FunctionConfig); err != nil {
		wrong = append(wrong, fmt.Errorf("functionConfig: %w", err))
	}
	return d, errors.Join(wrong...)
}

// check looks at the frame: apiVersion, kind and the type of items and results.
func (d *document) check() error {
	if d.root.Kind != yaml.MappingNode {
		return fmt.Errorf("the input %s, want a ResourceList", describe(d.root))
	}
	root := yaml.NewRNode(d.root)
	switch kind := Text(root, "kind"); kind {
	case "ResourceList":
	case "":
		return errors.New("the input has no kind, want a ResourceList")
	default:
		return fmt.Errorf("the input is of kind %q, want a ResourceList (to run a function on plain manifests: krmfn NAME config.yaml FILE...)", kind)
	}
	switch version := Text(root, "apiVersion"); version {
	case "config.kubernetes.io/v1", "config.kubernetes.io/v1beta1", "config.kubernetes.io/v1alpha1":
	default:
		return fmt.Errorf("the ResourceList has apiVersion %q, want config.kubernetes.io/v1 or v1beta1", version)
	}
	for _, key := range []string{"items", "results"} {
		node := valueOf(d.root, key)
		if !isNull(node) && node.Kind != yaml.SequenceNode {
			return fmt.Errorf("%s: %s, want a list", key, describe(node))
		}
	}
	return nil
}

// bytes writes the list, or the plain manifests. The field kind comes last: a
// reader that sees only the beginning of the output, because the program was
// killed while writing, does not see a ResourceList.
func (d *document) bytes() ([]byte, error) {
	if d.files != nil {
		return d.manifests()
	}
	items := List()
	for _, obj := range d.list.Items {
		node := obj.YNode()
		if it := d.asRead(obj); it != nil {
			node = it.read
		}
		items.Content = append(items.Content, node)
	}
	if len(items.Content) == 0 {
		items.Style = yaml.FlowStyle
	}
	if node := valueOf(d.root, "items"); node != nil && node.Kind == yaml.SequenceNode {
		items.HeadComment, items.LineComment, items.FootComment = node.HeadComment, node.LineComment, node.FootComment
	}
	replaceField(d.root, "items", items)
	if err := d.addResults(); err != nil {
		return nil, err
	}
	moveLast(d.root, "kind")
	return d.encode(items, atOnce)
}

// atOnce is how many items are encoded together. The encoder keeps all that it
// has ever written, at a hundred times its size: 20 MB would take 3 GB.
const atOnce = 100

// encode writes the list, these many items at a time: what is before the items
// with the first of them, more of them, what is after. The text is the one that
// encoding all at once gives.
func (d *document) encode(items *yaml.Node, size int) ([]byte, error) {
	at, all := indexOf(d.root, "items"), items.Content
	if len(all) <= size || at < 0 || at+2 == len(d.root.Content) || isFlow(d.root) {
		return encode(d.node)
	}
	before, after, doc := *d.root, *d.root, *d.node
	before.Content, after.Content = slices.Clone(d.root.Content[:at+2]), slices.Clone(d.root.Content[at+2:])
	doc.Content = []*yaml.Node{&before}
	// The comment below the items is above the next field here.
	key, next := *before.Content[at], *after.Content[0]
	if key.FootComment != "" {
		next.HeadComment, key.FootComment = key.FootComment+"\n\n"+next.HeadComment, ""
	}
	before.Content[at], after.Content[0] = &key, &next
	foot := &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{&after}, FootComment: doc.FootComment}
	doc.FootComment, after.HeadComment, before.FootComment = "", "", ""
	items.Content = all[:size]
	defer func() { items.Content = all }()
	parts := []*yaml.Node{&doc}
	for chunk := range slices.Chunk(all[size:], size) {
		parts = append(parts, &yaml.Node{Kind: yaml.SequenceNode, Content: chunk})
	}
	var out []byte
	for _, part := range append(parts, foot) {
		text, err := encode(part)
		if err != nil {
			return nil, err
		}
		out = append(out, text...)
	}
	return out, nil
}

// addResults appends the findings of this run to those of earlier functions.
func (d *document) addResults() error {
	if len(d.list.Results) == 0 {
		return nil
	}
	results := valueOf(d.root, "results")
	if isNull(results) {
		results = List()
		replaceField(d.root, "results", results)
	}
	ours := &yaml.Node{}
	if err := ours.Encode(d.list.Results); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	results.Content = append(results.Content, ours.Content...)
	return nil
}

func replaceField(mapping *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = value
			return
		}
	}
	mapping.Content = append(mapping.Content, scalar(key), value)
}

func moveLast(mapping *yaml.Node, key string) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			pair := slices.Clone(mapping.Content[i : i+2])
			mapping.Content = append(slices.Delete(mapping.Content, i, i+2), pair...)
			return
		}
	}
}
