package krm

import (
	"fmt"
	"hash/maphash"
	"sync"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// document is an input: a ResourceList, or plain manifests and a function config
// (files is set). It holds the view that functions edit and what it takes to
// write it again: what no function changed goes out as it was read.
type document struct {
	list   framework.ResourceList
	items  map[*yaml.RNode]*original
	budget int // of nodes for which aliases may still stand
	lines  map[*framework.Result]int

	root *yaml.Node // the mapping of the ResourceList
	node *yaml.Node // the document around it, with its comments

	files *files
}

// original is an object as it was read. A ResourceList has one for objects with an
// anchor or alias only.
type original struct {
	read  *yaml.Node // with its aliases
	print uint64     // of what functions were given
	file  string     // the name of its file
	index int        // the number of its document in the file
	// segment is the number of the object's document among all plain manifests;
	// alone is false for an item of a list in it.
	segment int
	alone   bool
}

func newDocument() *document {
	return &document{items: map[*yaml.RNode]*original{}, lines: map[*framework.Result]int{}, budget: maxExpansion}
}

// object makes the view of an item that functions edit. Aliases are resolved in
// it.
func (d *document) object(node *yaml.Node) (*yaml.RNode, error) {
	resolved := node
	if hasAlias(node) {
		var err error
		if resolved, err = resolve(node, &d.budget); err != nil {
			return nil, err
		}
	}
	if resolved.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s, want an object", describe(resolved))
	}
	obj := yaml.NewRNode(resolved)
	if resolved != node || d.files != nil {
		d.items[obj] = &original{read: node, print: fingerprint(resolved)}
	}
	return obj, nil
}

// asRead returns an object as it was read, nil when it is new or was changed.
func (d *document) asRead(obj *yaml.RNode) *original {
	if it := d.items[obj]; it != nil && it.print == fingerprint(obj.YNode()) {
		return it
	}
	return nil
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

// running are the documents on whose lists functions run: their findings get a
// place when they are made, as the node is at hand then.
var running sync.Map // *framework.ResourceList: *document

// run calls f, whose findings about objects of this document get their place.
func (d *document) run(f func() error) error {
	running.Store(&d.list, d)
	defer running.Delete(&d.list)
	return f()
}

// locate notes in which file and line an object of plain manifests is, and the
// field of it or the nearest one around that. The message about an object that
// cannot be referred to says it in words.
func locate(list *framework.ResourceList, r *framework.Result, obj *yaml.RNode, field Path) {
	running, ok := running.Load(list)
	if !ok || r.ResourceRef == nil {
		return
	}
	d := running.(*document)
	it := d.items[obj]
	if it == nil || it.file == "" || it.file == Stdin {
		return
	}
	r.File = &framework.File{Path: it.file, Index: it.index}
	d.lines[r] = lineOf(obj.YNode(), field)
}

// lineOf is the line of a field, or of the nearest one around it that was read.
func lineOf(node *yaml.Node, field Path) int {
	line := node.Line
	for _, e := range field {
		at := child(node, e)
		if at == nil {
			break
		}
		key := at
		if name, ok := e.(string); ok {
			key = node.Content[indexOf(node, name)]
		}
		if key.Line > 0 {
			line = key.Line
		}
		node = at
	}
	return line
}

var seed = maphash.MakeSeed()

// fingerprint is the same for trees that are the same, comments and style
// included.
func fingerprint(node *yaml.Node) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	writeTo(&h, node)
	return h.Sum64()
}

func writeTo(h *maphash.Hash, node *yaml.Node) {
	for _, n := range []uint32{uint32(node.Kind), uint32(node.Style), uint32(len(node.Content))} {
		maphash.WriteComparable(h, n)
	}
	for _, s := range []string{node.Tag, node.Value, node.Anchor, node.HeadComment, node.LineComment, node.FootComment} {
		maphash.WriteComparable(h, s)
	}
	for _, n := range node.Content {
		writeTo(h, n)
	}
}
