package krm

import (
	"errors"
	"fmt"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// files are plain manifests, document by document.
type files struct{ segments []segment }

// readFiles reads plain manifests and a function config. With an error it
// returns what could be read too. The results and the function config of a
// ResourceList among the manifests are left out.
func readFiles(config File, manifests []File) (*document, error) {
	d := noFiles()
	var wrong []error
	for _, f := range manifests {
		found, err := d.addFile(f)
		if err != nil {
			return noFiles(), fmt.Errorf("%s: %w", f, err)
		}
		wrong = append(wrong, found...)
	}
	docs, err := ReadYAML(config.Content)
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

// Object is an object in a text of YAML documents.
type Object struct {
	*yaml.RNode     // with its aliases resolved; the nodes know their lines
	Document    int // the number of its document, empty ones not counted
}

// Objects returns the objects in a text of YAML or JSON documents, with the items
// of a List or ResourceList in its place. With an error, which quotes nothing, it
// returns those before it.
func Objects(text []byte) ([]Object, error) {
	d := noFiles()
	_, err := d.addFile(File{Content: text})
	var all []Object
	for _, obj := range d.list.Items {
		all = append(all, Object{obj, d.items[obj].index})
	}
	return all, err
}

// noFiles is what goes out when plain manifests cannot be read.
func noFiles() *document {
	d := newDocument()
	d.files = &files{}
	return d
}

// addFile adds the objects of a file, and returns what functions cannot work
// with.
func (d *document) addFile(f File) (wrong []error, err error) {
	segments, unreadable := readSegments(f.Content)
	index := 0
	for _, s := range segments {
		d.files.segments = append(d.files.segments, s)
		if s.node == nil {
			continue
		}
		found, isList, err := d.addSegment(s)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", index+1, err)
		}
		for _, obj := range found {
			it := d.items[obj]
			it.file, it.index = f.Name, index
			it.segment, it.alone = len(d.files.segments)-1, !isList
			wrong = append(wrong, checkItem(obj, fmt.Sprintf("%s: document %d", f, index+1)))
		}
		index++
	}
	return wrong, unreadable
}

// addSegment adds the object of a document, or the items of a list.
func (d *document) addSegment(s segment) (found []*yaml.RNode, isList bool, err error) {
	nodes, isList, err := d.unwrap(s.node)
	if err != nil {
		return nil, isList, err
	}
	for i, node := range nodes {
		obj, err := d.object(node)
		if err != nil && isList {
			err = fmt.Errorf("items[%d]: %w", i, err)
		}
		if err != nil {
			return nil, isList, err
		}
		found = append(found, obj)
	}
	d.list.Items = append(d.list.Items, found...)
	return found, isList, nil
}

// unwrap returns the items of a document that is a List or a ResourceList, else
// its content.
func (d *document) unwrap(doc *yaml.Node) (nodes []*yaml.Node, isList bool, err error) {
	if kind := Text(yaml.NewRNode(doc.Content[0]), "kind"); kind != "List" && kind != "ResourceList" {
		return doc.Content, false, nil
	}
	if err := expandShared(doc, &d.budget); err != nil {
		return nil, true, err
	}
	items := valueOf(doc.Content[0], "items")
	switch {
	case isNull(items):
		return nil, true, nil
	case items.Kind != yaml.SequenceNode:
		return nil, true, fmt.Errorf("items: %s, want a list", describe(items))
	}
	return items.Content, true, nil
}
