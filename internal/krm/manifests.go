package krm

import (
	"cmp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// manifests writes plain manifests: documents that no function changed are
// written byte for byte, with all that is between them, and of the others the
// lines that were not changed, as far as that is possible.
func (d *document) manifests() ([]byte, error) {
	w := &manifestWriter{last: -1}
	for _, obj := range d.list.Items {
		it := d.items[obj]
		if it != nil {
			d.comments(w, it.segment)
		}
		if err := d.manifest(w, obj, it); err != nil {
			return nil, err
		}
	}
	d.comments(w, len(d.files.segments))
	return []byte(w.out.String()), nil
}

// comments writes the documents before a segment that hold nothing but comments.
func (d *document) comments(w *manifestWriter, before int) {
	for ; w.next < before; w.next++ {
		if s := d.files.segments[w.next]; s.node == nil {
			w.segment(w.next, s, s.text)
		}
	}
}

func (d *document) manifest(w *manifestWriter, obj *yaml.RNode, it *original) error {
	if it != nil && it.alone {
		s := d.files.segments[it.segment]
		if text, ok := d.source(s, obj); ok {
			w.segment(it.segment, s, text)
			return nil
		}
	}
	node := obj.YNode()
	if unchanged := d.asRead(obj); unchanged != nil {
		node = unchanged.read
	}
	if it != nil && it.alone {
		doc := d.files.segments[it.segment].node
		doc.Content[0] = node
		node = doc
	}
	text, err := encode(node)
	w.add(string(text))
	return err
}

// source is the text of the document of an object, with its changes. It is false
// when the object has to be written anew.
func (d *document) source(s segment, obj *yaml.RNode) (string, bool) {
	switch {
	case s.directive:
		return "", false
	case d.asRead(obj) != nil:
		return s.text, true
	}
	again := segment{text: s.text}
	if again.parse() != nil || again.node == nil {
		return "", false
	}
	return patch(s.text, again.node.Content[0], obj.YNode())
}

// manifestWriter puts documents one behind another.
type manifestWriter struct {
	out     strings.Builder
	lineEnd string // the line break of the last segment
	last    int    // the segment that was written last, -1 when it was another text
	next    int    // the first segment that was not met yet
}

// segment writes the text of a segment. One without a marker needs none behind
// the one before it in its file, which ends with a marker of its own.
func (w *manifestWriter) segment(number int, s segment, text string) {
	if s.line == 0 || w.last != number-1 {
		w.separate(text)
	}
	if end := linesOf(text).lineEnd(); end != "" {
		w.lineEnd = end
	}
	w.out.WriteString(text)
	w.last = number
}

// add writes a document of ours.
func (w *manifestWriter) add(text string) {
	w.separate(text)
	w.out.WriteString(strings.ReplaceAll(text, "\n", cmp.Or(w.lineEnd, "\n")))
	w.last = -1
}

// separate makes the text a document of its own.
func (w *manifestWriter) separate(text string) {
	before := w.out.String()
	if before == "" {
		return
	}
	end := cmp.Or(w.lineEnd, "\n")
	if strings.TrimRight(before, breaks) == before {
		w.out.WriteString(end)
	}
	if !isMarker(text, "---") {
		w.out.WriteString("---" + end)
	}
}
