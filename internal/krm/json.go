package krm

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// readJSON reads a JSON text into the nodes that the YAML parser makes of it,
// nil when it is none. JSON has to be read as such: YAML 1.1 knows neither \/
// nor the pairs of \u escapes of a character beyond U+FFFF, takes three
// characters of Unicode for line breaks, and keys of up to 1024 characters.
func readJSON(text string) *yaml.Node {
	if !isJSON(text) {
		return nil
	}
	r := jsonReader{decoder: json.NewDecoder(strings.NewReader(text)), text: text, line: 1, column: 1}
	r.decoder.UseNumber()
	root := r.value()
	return &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}, Line: root.Line, Column: root.Column}
}

// isJSON says whether a text is a mapping or list in JSON.
func isJSON(text string) bool {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	return trimmed != "" && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid([]byte(text))
}

// jsonReader makes nodes of valid JSON.
type jsonReader struct {
	decoder          *json.Decoder
	text             string
	at, line, column int
}

func (r *jsonReader) value() *yaml.Node {
	r.skip()
	node := &yaml.Node{Kind: yaml.ScalarNode, Line: r.line, Column: r.column}
	token, _ := r.decoder.Token()
	switch token := token.(type) {
	case json.Delim:
		node.Kind, node.Tag, node.Style = yaml.SequenceNode, yaml.NodeTagSeq, yaml.FlowStyle
		if token == '{' {
			node.Kind, node.Tag = yaml.MappingNode, yaml.NodeTagMap
		}
		for r.decoder.More() {
			node.Content = append(node.Content, r.value())
		}
		_, _ = r.decoder.Token() // the end
	case string:
		node.Tag, node.Style, node.Value = yaml.NodeTagString, yaml.DoubleQuotedStyle, token
	case json.Number:
		node.Value = token.String()
		node.Tag = node.ShortTag()
	case bool:
		node.Tag, node.Value = yaml.NodeTagBool, map[bool]string{true: "true", false: "false"}[token]
	case nil:
		node.Tag, node.Value = yaml.NodeTagNull, "null"
	}
	return node
}

// skip goes to where the next token begins, counting lines and characters as the
// YAML parser does.
func (r *jsonReader) skip() {
	end := int(r.decoder.InputOffset())
	for r.at < end || strings.IndexByte(" \t\r\n,:", r.text[r.at]) >= 0 {
		if size := lineBreak(r.text[r.at:]); size > 0 {
			r.at, r.line, r.column = r.at+size, r.line+1, 1
			continue
		}
		_, size := utf8.DecodeRuneInString(r.text[r.at:])
		r.at, r.column = r.at+size, r.column+1
	}
}

// writeJSON writes a tree in place of a JSON text, laid out like it: on one line,
// or indented as its second line is. It is false for what JSON cannot hold.
func writeJSON(text string, node *yaml.Node) (string, bool) {
	var out bytes.Buffer
	if !appendJSON(&out, node) {
		return "", false
	}
	content := strings.Trim(text, " \t\r\n")
	before, after, _ := strings.Cut(text, content)
	_, second, several := strings.Cut(content, "\n")
	if !several {
		return before + out.String() + after, true
	}
	var indented bytes.Buffer
	if json.Indent(&indented, out.Bytes(), "", second[:len(second)-len(strings.TrimLeft(second, " \t"))]) != nil {
		return "", false
	}
	written := indented.String()
	if strings.Contains(content, "\r\n") {
		written = strings.ReplaceAll(written, "\n", "\r\n")
	}
	return before + written + after, true
}

func appendJSON(out *bytes.Buffer, node *yaml.Node) bool {
	switch node.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		return appendJSONList(out, node)
	case yaml.ScalarNode:
	default:
		return false
	}
	value := any(json.RawMessage(node.Value))
	switch node.ShortTag() {
	case yaml.NodeTagString:
		value = node.Value
	case yaml.NodeTagNull:
		value = nil
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	out.Truncate(len(bytes.TrimRight(out.Bytes(), "\n")))
	return err == nil
}

func appendJSONList(out *bytes.Buffer, node *yaml.Node) bool {
	brackets := map[yaml.Kind]string{yaml.MappingNode: "{}", yaml.SequenceNode: "[]"}[node.Kind]
	out.WriteByte(brackets[0])
	for i, n := range node.Content {
		switch {
		case i > 0 && node.Kind == yaml.MappingNode && i%2 == 1:
			out.WriteByte(':')
		case i > 0:
			out.WriteByte(',')
		}
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			key := *scalar(n.Value)
			n = &key
		}
		if !appendJSON(out, n) {
			return false
		}
	}
	out.WriteByte(brackets[1])
	return true
}
