package krm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

const (
	// maxDepth is how deep a document may be nested: far above any Kubernetes
	// object, far below where indentation alone fills the memory.
	maxDepth = 1000
	// maxExpansion is how many nodes the aliases of a document may stand for.
	maxExpansion = 1_000_000
)

// document is a ResourceList as it was read: the YAML tree, whose comments and
// order are kept, and the view of it that functions edit.
type document struct {
	root *yaml.Node // the mapping of the ResourceList
	node *yaml.Node // the document around it, with its comments
	list framework.ResourceList

	// Aliases are resolved before functions look at an item. An item that no
	// function changed is written as it was read: shared holds, for the items
	// with an anchor or alias, the tree as read and a copy of what it stands for.
	shared map[*yaml.RNode]shared

	// origins is set when plain manifests were read: where each object stood.
	// They are written as plain manifests again.
	origins map[*yaml.RNode]origin
}

type origin struct {
	doc  *yaml.Node // the document around the object, nil within a List
	file framework.File
}

type shared struct{ read, resolved *yaml.Node }

// emptyList is what goes out when nothing could be read.
func emptyList() *document {
	root := Map("apiVersion", "config.kubernetes.io/v1", "kind", "ResourceList", "items", List())
	return &document{root: root, node: &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}}}
}

// readList reads one ResourceList.
func readList(in []byte) (*document, error) {
	docs, err := readYAML(in)
	if err != nil {
		return nil, err
	}
	switch {
	case len(docs) == 0:
		return nil, errors.New("the input is empty, want a ResourceList")
	case len(docs) > 1:
		return nil, fmt.Errorf("the input holds %d documents, want one ResourceList", len(docs))
	}
	d := &document{node: docs[0], root: docs[0].Content[0], shared: map[*yaml.RNode]shared{}}
	if err := d.check(); err != nil {
		return nil, err
	}
	if items := valueOf(d.root, "items"); items != nil {
		for i, item := range items.Content {
			if _, err := d.addItem(item); err != nil {
				return nil, fmt.Errorf("items[%d]: %w", i, err)
			}
		}
	}
	return d, d.setConfig(valueOf(d.root, "functionConfig"))
}

// readFiles reads plain manifests and a function config.
func readFiles(config File, files []File) (*document, error) {
	d := emptyList()
	d.shared, d.origins = map[*yaml.RNode]shared{}, map[*yaml.RNode]origin{}
	for _, f := range files {
		docs, err := readYAML(f.Content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		for i, doc := range docs {
			if err := d.addDocument(doc, framework.File{Path: f.Name, Index: i}); err != nil {
				return nil, fmt.Errorf("%s: document %d: %w", f.Name, i+1, err)
			}
		}
	}
	docs, err := readYAML(config.Content)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", config.Name, err)
	case len(docs) != 1:
		return nil, fmt.Errorf("%s: holds %d documents, want one function config", config.Name, len(docs))
	}
	if err := d.setConfig(docs[0].Content[0]); err != nil {
		return nil, fmt.Errorf("%s: %w", config.Name, err)
	}
	return d, nil
}

func (d *document) addDocument(doc *yaml.Node, file framework.File) error {
	object := doc.Content[0]
	if Text(yaml.NewRNode(object), "kind") != "List" {
		obj, err := d.addItem(object)
		d.origins[obj] = origin{doc: doc, file: file}
		return err
	}
	for _, item := range Elements(yaml.NewRNode(object), "items") {
		obj, err := d.addItem(item)
		if err != nil {
			return err
		}
		d.origins[obj] = origin{file: file}
	}
	return nil
}

func (d *document) addItem(node *yaml.Node) (*yaml.RNode, error) {
	obj, err := d.object(node)
	if err == nil {
		err = checkItem(obj)
	}
	d.list.Items = append(d.list.Items, obj)
	return obj, err
}

func (d *document) setConfig(node *yaml.Node) (err error) {
	if node == nil || isNull(node) {
		return nil
	}
	if d.list.FunctionConfig, err = d.object(node); err != nil {
		return fmt.Errorf("functionConfig: %w", err)
	}
	switch config := d.list.FunctionConfig.YNode(); {
	case config.Kind != yaml.MappingNode:
		return fmt.Errorf("functionConfig: %s, want a mapping", describe(config))
	case len(config.Content) == 0:
		d.list.FunctionConfig = nil
	}
	return nil
}

// addFiles tells the findings of plain manifests which file they are about.
func (d *document) addFiles() {
	for obj, origin := range d.origins {
		ref := reference(obj)
		for _, r := range d.list.Results {
			if ref != nil && r.ResourceRef != nil && *r.ResourceRef == *ref {
				r.File = &origin.file
			}
		}
	}
}

// check looks at the frame: apiVersion, kind and the type of items and results.
func (d *document) check() error {
	if d.root.Kind != yaml.MappingNode {
		return fmt.Errorf("the input %s, want a ResourceList", describe(d.root))
	}
	root := yaml.NewRNode(d.root)
	if kind := Text(root, "kind"); kind != "ResourceList" {
		return fmt.Errorf("kind: %q, want ResourceList (to run a function on plain manifests: krmfn NAME config.yaml FILE...)", kind)
	}
	switch version := Text(root, "apiVersion"); version {
	case "config.kubernetes.io/v1", "config.kubernetes.io/v1beta1", "config.kubernetes.io/v1alpha1":
	default:
		return fmt.Errorf("apiVersion: %q, want config.kubernetes.io/v1 or v1beta1", version)
	}
	for _, key := range []string{"items", "results"} {
		node := valueOf(d.root, key)
		if node != nil && !isNull(node) && node.Kind != yaml.SequenceNode {
			return fmt.Errorf("%s: %s, want a list", key, describe(node))
		}
	}
	return nil
}

// object makes the view of an item that functions edit.
func (d *document) object(node *yaml.Node) (*yaml.RNode, error) {
	if !hasAlias(node) {
		return yaml.NewRNode(node), nil
	}
	budget := maxExpansion
	resolved, err := resolve(node, &budget, 0)
	if err != nil {
		return nil, err
	}
	obj := yaml.NewRNode(resolved)
	d.shared[obj] = shared{read: node, resolved: yaml.CopyYNode(resolved)}
	return obj, nil
}

func checkItem(obj *yaml.RNode) error {
	node := obj.YNode()
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("%s, want an object", describe(node))
	}
	for _, field := range []string{"apiVersion", "kind"} {
		if Text(obj, field) == "" {
			return fmt.Errorf("%s is missing", field)
		}
	}
	// A Kustomization has no name, an object with generateName gets one later.
	if Editable(obj) && Text(obj, "metadata", "name") == "" && Text(obj, "metadata", "generateName") == "" && !strings.HasSuffix(obj.GetKind(), "List") {
		return fmt.Errorf("%s: metadata.name is missing", obj.GetKind())
	}
	return nil
}

// bytes writes the list, or the plain manifests. The field kind comes last: a
// reader that sees only the beginning of the output, because the program was
// killed while writing, does not see a ResourceList.
func (d *document) bytes() ([]byte, error) {
	nodes := d.nodes()
	if d.origins != nil {
		return encode(nodes...)
	}
	items := List()
	items.Content = nodes
	if len(nodes) == 0 {
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
	return encode(d.node)
}

// nodes are the items to write.
func (d *document) nodes() []*yaml.Node {
	asRead := d.sharedUnchanged()
	if config, ok := d.shared[d.list.FunctionConfig]; ok && !asRead {
		replaceField(d.root, "functionConfig", config.resolved)
	}
	var nodes []*yaml.Node
	for _, obj := range d.list.Items {
		node := obj.YNode()
		if s, ok := d.shared[obj]; ok && asRead {
			node = s.read
		}
		if doc := d.origins[obj].doc; doc != nil {
			doc.Content[0] = node
			node = doc
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// sharedUnchanged says whether the items with anchors and aliases can be
// written as they were read: all of them are there and none was edited.
func (d *document) sharedUnchanged() bool {
	for obj, s := range d.shared {
		if obj != d.list.FunctionConfig && (!slices.Contains(d.list.Items, obj) || !Equal(s.resolved, obj.YNode())) {
			return false
		}
	}
	return true
}

// addResults appends the findings of this run to those of earlier functions.
func (d *document) addResults() error {
	if len(d.list.Results) == 0 {
		return nil
	}
	results := valueOf(d.root, "results")
	if results == nil || isNull(results) {
		results = List()
		replaceField(d.root, "results", results)
	}
	for _, r := range d.list.Results {
		node := &yaml.Node{}
		if err := node.Encode(r); err != nil {
			return fmt.Errorf("writing a result: %w", err)
		}
		results.Content = append(results.Content, node)
	}
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

func encode(nodes ...*yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	for _, n := range nodes {
		if err := encoder.Encode(n); err != nil {
			return nil, fmt.Errorf("writing YAML: %w", err)
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return out.Bytes(), nil
}

// readYAML reads all documents of a YAML or JSON text. It refuses what a parser
// of Kubernetes would read differently or not at all: other encodings than
// UTF-8, duplicate keys, nesting beyond reason.
func readYAML(in []byte) ([]*yaml.Node, error) {
	if at := invalidUTF8(in); at >= 0 {
		return nil, fmt.Errorf("line %d is not UTF-8", 1+bytes.Count(in[:at], []byte("\n")))
	}
	if at := bytes.IndexByte(in, 0); at >= 0 {
		return nil, fmt.Errorf("line %d holds a NUL byte", 1+bytes.Count(in[:at], []byte("\n")))
	}
	var docs []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(in))
	for {
		doc := &yaml.Node{}
		err := decoder.Decode(doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if err := check(doc, 0); err != nil {
			return nil, err
		}
		if len(doc.Content) == 1 && !isNull(doc.Content[0]) {
			docs = append(docs, doc)
		}
	}
}

func invalidUTF8(in []byte) int {
	if utf8.Valid(in) {
		return -1
	}
	for at := 0; at < len(in); {
		r, size := utf8.DecodeRune(in[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// check refuses duplicate keys, keys that are no strings and deep nesting.
func check(node *yaml.Node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("line %d: nested more than %d levels deep", node.Line, maxDepth)
	}
	if node.Kind == yaml.MappingNode {
		if err := checkKeys(node); err != nil {
			return err
		}
	}
	for _, n := range node.Content {
		if err := check(n, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func checkKeys(mapping *yaml.Node) error {
	lines := make(map[string]int, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: a key %s, want a string", key.Line, describe(key))
		}
		if first, twice := lines[key.Value]; twice {
			return fmt.Errorf("line %d: key %q stands there already in line %d", key.Line, key.Value, first)
		}
		lines[key.Value] = key.Line
	}
	return nil
}

func hasAlias(node *yaml.Node) bool {
	return node.Kind == yaml.AliasNode || node.Anchor != "" || slices.ContainsFunc(node.Content, hasAlias)
}

// resolve copies a tree with each alias and merge key replaced by what it
// stands for, at most budget nodes.
func resolve(node *yaml.Node, budget *int, depth int) (*yaml.Node, error) {
	if *budget--; *budget < 0 {
		return nil, fmt.Errorf("line %d: the aliases stand for more than %d nodes", node.Line, maxExpansion)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: an alias leads back to itself or is nested more than %d levels deep", node.Line, maxDepth)
	}
	if node.Kind == yaml.AliasNode {
		return resolve(node.Alias, budget, depth+1)
	}
	resolved := *node
	resolved.Anchor, resolved.Content = "", nil
	var merged []*yaml.Node
	for i := 0; i < len(node.Content); i++ {
		n, err := resolve(node.Content[i], budget, depth+1)
		if err != nil {
			return nil, err
		}
		if node.Kind == yaml.MappingNode && i%2 == 1 && node.Content[i-1].ShortTag() == yaml.MergeTag {
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
		for i := 0; i+1 < len(from.Content); i += 2 {
			if valueOf(into, from.Content[i].Value) == nil {
				into.Content = append(into.Content, from.Content[i], from.Content[i+1])
			}
		}
		return nil
	}
	return fmt.Errorf("line %d: a merge key %s, want a mapping", from.Line, describe(from))
}
