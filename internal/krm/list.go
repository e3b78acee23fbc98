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
	// files are the files of the objects by the names that they came with.
	files map[yaml.ResourceIdentifier]framework.File
}

type origin struct {
	doc  *yaml.Node // the document around the object, nil within a List
	file framework.File
}

type shared struct{ read, resolved *yaml.Node }

// emptyList is what goes out when the input is no ResourceList.
func emptyList() *document {
	root := Map("apiVersion", "config.kubernetes.io/v1", "kind", "ResourceList", "items", List())
	return &document{root: root, node: &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}}}
}

// noFiles is what goes out when plain manifests cannot be read.
func noFiles() *document {
	return &document{
		shared:  map[*yaml.RNode]shared{},
		origins: map[*yaml.RNode]origin{},
		files:   map[yaml.ResourceIdentifier]framework.File{},
	}
}

// readList reads one ResourceList. With an error it returns the list too, when
// no more is wrong than an item or the function config, else an empty one.
func readList(in []byte) (*document, error) {
	docs, err := readYAML(in)
	if err != nil {
		return emptyList(), err
	}
	switch {
	case len(docs) == 0:
		return emptyList(), errors.New("the input is empty, want a ResourceList")
	case len(docs) > 1:
		return emptyList(), fmt.Errorf("the input holds %d documents, want one ResourceList", len(docs))
	}
	if err := untangle(docs[0]); err != nil {
		return emptyList(), err
	}
	d := &document{node: docs[0], root: docs[0].Content[0], shared: map[*yaml.RNode]shared{}}
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

// readFiles reads plain manifests and a function config. With an error it
// returns what could be read too.
func readFiles(config File, files []File) (*document, error) {
	d := noFiles()
	var wrong []error
	for _, f := range files {
		docs, err := readYAML(f.Content)
		if err != nil {
			return noFiles(), fmt.Errorf("%s: %w", f, err)
		}
		for i, doc := range docs {
			file := framework.File{Path: f.Name, Index: i}
			if err := d.addDocument(doc, file); err != nil {
				return noFiles(), fmt.Errorf("%s: document %d: %w", f, i+1, err)
			}
		}
	}
	for _, obj := range d.list.Items {
		file := d.origins[obj].file
		wrong = append(wrong, checkItem(obj, fmt.Sprintf("%s: document %d", File{Name: file.Path}, file.Index+1)))
	}
	docs, err := readYAML(config.Content)
	switch {
	case err != nil:
	case len(docs) != 1:
		err = fmt.Errorf("holds %d documents, want one function config", len(docs))
	default:
		err = d.setConfig(docs[0].Content[0])
	}
	if err == nil {
		err = checkConfig(d.list.FunctionConfig)
	}
	if err != nil {
		wrong = append(wrong, fmt.Errorf("%s: %w", config, err))
	}
	return d, errors.Join(wrong...)
}

// addDocument adds the object of a document, or the items of a List.
func (d *document) addDocument(doc *yaml.Node, file framework.File) error {
	list := Text(yaml.NewRNode(doc.Content[0]), "kind") == "List"
	if !list {
		return d.addObject(doc.Content[0], origin{doc: doc, file: file})
	}
	if err := untangle(doc); err != nil {
		return err
	}
	for i, item := range Elements(yaml.NewRNode(doc.Content[0]), "items") {
		if err := d.addObject(item, origin{file: file}); err != nil {
			return fmt.Errorf("items[%d]: %w", i, err)
		}
	}
	return nil
}

func (d *document) addObject(node *yaml.Node, from origin) error {
	obj, err := d.object(node)
	if err != nil {
		return err
	}
	d.list.Items = append(d.list.Items, obj)
	d.origins[obj] = from
	d.addFile(obj)
	return nil
}

// addFile notes the file of an object under its name; the first one keeps it.
func (d *document) addFile(obj *yaml.RNode) {
	from, known := d.origins[obj]
	if ref := reference(obj); ref != nil && known && from.file.Path != Stdin {
		if _, taken := d.files[*ref]; !taken {
			d.files[*ref] = from.file
		}
	}
}

func (d *document) setConfig(node *yaml.Node) error {
	if isNull(node) {
		return nil
	}
	config, err := d.object(node)
	if err != nil || len(config.YNode().Content) == 0 {
		return err
	}
	d.list.FunctionConfig = config
	return nil
}

// addFiles tells the findings of plain manifests which file they are about.
func (d *document) addFiles() {
	for _, obj := range d.list.Items {
		d.addFile(obj) // a function may have renamed it
	}
	for _, r := range d.list.Results {
		if r.ResourceRef == nil {
			continue
		}
		if file, known := d.files[*r.ResourceRef]; known {
			r.File = &file
		}
	}
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

// object makes the view of an item that functions edit.
func (d *document) object(node *yaml.Node) (*yaml.RNode, error) {
	resolved := node
	if hasAlias(node) {
		budget := maxExpansion
		var err error
		if resolved, err = resolve(node, &budget, 0); err != nil {
			return nil, err
		}
	}
	if resolved.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s, want an object", describe(resolved))
	}
	obj := yaml.NewRNode(resolved)
	if resolved != node {
		d.shared[obj] = shared{read: node, resolved: yaml.CopyYNode(resolved)}
	}
	return obj, nil
}

// checkItem refuses an item that functions cannot work with. The place stands
// for the name of an item that has none.
func checkItem(obj *yaml.RNode, place string) error {
	path, message := checkMetadata(obj)
	switch {
	case Text(obj, "apiVersion") == "":
		path, message = Path{"apiVersion"}, "is missing"
	case Text(obj, "kind") == "":
		path, message = Path{"kind"}, "is missing"
	case message == "" && !named(obj):
		path, message = Path{"metadata", "name"}, "is missing"
	}
	switch err := Fault(obj, path, "%s", message); {
	case message == "":
		return nil
	case reference(obj) == nil:
		return Fault(obj, nil, "%s: %v", place, err)
	default:
		return err
	}
}

func checkConfig(config *yaml.RNode) error {
	if config == nil {
		return nil
	}
	if path, message := checkMetadata(config); message != "" {
		return fmt.Errorf("%s: %s", path, message)
	}
	return nil
}

// named says whether an item has a name or needs none, like a Kustomization. An
// object with generateName gets one later.
func named(obj *yaml.RNode) bool {
	return Text(obj, "metadata", "name") != "" || Text(obj, "metadata", "generateName") != "" ||
		!Editable(obj) || strings.HasSuffix(Text(obj, "kind"), "List")
}

// checkMetadata finds metadata that kyaml panics on or takes for something else:
// where it stands and what is wrong, "" for nothing.
func checkMetadata(obj *yaml.RNode) (Path, string) {
	for _, path := range []Path{{"metadata"}, {"metadata", "labels"}, {"metadata", "annotations"}} {
		if node := Lookup(obj, path...); !isNull(node) && node.Kind != yaml.MappingNode {
			return path, describe(node) + ", want a mapping"
		}
	}
	return nil, ""
}

// bytes writes the list, or the plain manifests. The field kind comes last: a
// reader that sees only the beginning of the output, because the program was
// killed while writing, does not see a ResourceList.
func (d *document) bytes() ([]byte, error) {
	var nodes []*yaml.Node
	for _, obj := range d.list.Items {
		nodes = append(nodes, d.write(obj))
	}
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
	return d.encode(items, atOnce)
}

// atOnce is how many items are encoded together. The encoder keeps all that it
// has ever written, at a hundred times its size: 20 MB would take 3 GB.
const atOnce = 100

// encode writes the list, these many items at a time. The text is the one that
// encoding all at once gives.
func (d *document) encode(items *yaml.Node, size int) ([]byte, error) {
	all := items.Content
	if len(all) <= size || d.root.Style&yaml.FlowStyle != 0 {
		return encode(d.node)
	}
	const place = "the items stand here"
	items.Content = []*yaml.Node{scalar(place)}
	frame, err := encode(d.node)
	items.Content = all
	if err != nil {
		return nil, err
	}
	line := []byte("\n- " + place + "\n")
	before, after, found := bytes.Cut(frame, line)
	if !found || bytes.Contains(after, line) {
		return encode(d.node)
	}
	out := slices.Concat(before, []byte("\n"))
	for chunk := range slices.Chunk(all, size) {
		text, err := encode(&yaml.Node{Kind: yaml.SequenceNode, Content: chunk})
		if err != nil {
			return nil, err
		}
		out = append(out, text...)
	}
	return append(out, after...), nil
}

// write returns the item as it goes out.
func (d *document) write(obj *yaml.RNode) *yaml.Node {
	node := obj.YNode()
	if s, ok := d.shared[obj]; ok && Equal(s.resolved, node) {
		node = s.read
	}
	if doc := d.origins[obj].doc; doc != nil {
		doc.Content[0] = node
		return doc
	}
	return node
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

func encode(nodes ...*yaml.Node) ([]byte, error) {
	if len(nodes) == 0 {
		return nil, nil // the encoder refuses to write nothing
	}
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
	if err := checkCharacters(in); err != nil {
		return nil, err
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
			return nil, fmt.Errorf("reading YAML: %s", explain(err))
		}
		if err := check(doc, 0); err != nil {
			return nil, err
		}
		if len(doc.Content) == 1 && !isNull(doc.Content[0]) {
			docs = append(docs, doc)
		}
	}
}

// explain adds to the errors of the YAML parser what they leave out: the line
// when it is the first one, and what an unknown anchor most often is. That one
// may be a password, so it is not shown.
func explain(err error) string {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	switch {
	case strings.HasPrefix(message, "unknown anchor"):
		return "there is an alias without its anchor: a value that begins with * has to be in quotes"
	case !strings.HasPrefix(message, "line "):
		return "line 1: " + message
	}
	return message
}

// checkCharacters finds what the YAML parser refuses without a line number.
func checkCharacters(in []byte) error {
	for at := 0; at < len(in); {
		r, size := rune(in[at]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(in[at:])
		}
		wrong := ""
		switch {
		case r == utf8.RuneError && size == 1:
			wrong = "is not UTF-8"
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85,
			r == 0xfeff && at > 0, r == 0xfffe, r == 0xffff:
			wrong = fmt.Sprintf("holds the character %U, which is not allowed in YAML", r)
		}
		if wrong != "" {
			return fmt.Errorf("line %d %s", 1+bytes.Count(in[:at], []byte("\n")), wrong)
		}
		at += size
	}
	return nil
}

// check refuses duplicate keys, keys that are no strings and deep nesting. It
// takes the tag of merge keys off, which would be written out otherwise.
func check(node *yaml.Node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("line %d: nested more than %d levels deep", node.Line, maxDepth)
	}
	if node.Tag == yaml.MergeTag {
		node.Tag = ""
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
		if key.Kind != yaml.ScalarNode || isNull(key) {
			return fmt.Errorf("line %d: a key %s, want a string", key.Line, describe(key))
		}
		if first, twice := lines[key.Value]; twice {
			return fmt.Errorf("line %d: key %q stands there already in line %d", key.Line, key.Value, first)
		}
		lines[key.Value] = key.Line
	}
	return nil
}

// untangle resolves the aliases of a list when one of them leads from an item,
// or another field of the list, into another one: each item has to be able to
// change, or to go, by itself.
func untangle(doc *yaml.Node) error {
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
			budget := maxExpansion
			resolved, err := resolve(list, &budget, 0)
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
	for i := range node.Content {
		n, err := resolve(node.Content[i], budget, depth+1)
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
