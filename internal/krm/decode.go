package krm

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// decode fills settings (a pointer to a struct) from the node strictly: an
// unknown field, a wrong type and a missing required field are FieldErrors with
// the path relative to the node, all of them together. A nil node is an empty
// mapping.
//
// Field tags: `yaml:"name"` names the setting, `yaml:",inline"` takes the
// settings of a struct as one's own, `default:"x"` is the value of a setting
// that is left out, `required:"true"` makes leaving it out an error.
//
// A struct that is Worded may be given as one of its words.
//
// With text, the node is the data of a ConfigMap: every scalar is a string, and
// numbers and booleans are read from it.
func decode(node *yaml.Node, settings any, text bool) error {
	d := decoder{text: text}
	d.value("", node, reflect.ValueOf(settings).Elem(), "")
	return errors.Join(d.errs...)
}

// Worded is a struct of settings that a word can stand for as a whole.
type Worded interface {
	Words() []string
	SetWord(word string)
}

type decoder struct {
	text bool
	errs []error
}

func (d *decoder) fail(path, format string, args ...any) {
	d.errs = append(d.errs, FieldErrorf(path, format, args...))
}

func (d *decoder) value(path string, node *yaml.Node, v reflect.Value, fallback string) {
	if isNull(node) {
		node = nil
	}
	if node == nil && fallback != "" {
		node = &yaml.Node{Kind: yaml.ScalarNode, Value: fallback}
		if v.Kind() == reflect.String {
			node.Tag = yaml.NodeTagString
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if node != nil {
			v.Set(reflect.New(v.Type().Elem()))
			d.value(path, node, v.Elem(), "")
		}
	case reflect.Struct:
		d.structure(path, node, v)
	case reflect.Map:
		d.mapping(path, node, v)
	case reflect.Slice:
		d.sequence(path, node, v)
	default:
		if node != nil {
			d.scalar(path, node, v)
		}
	}
}

func (d *decoder) structure(path string, node *yaml.Node, v reflect.Value) {
	want := "a mapping of " + strings.Join(names(v.Type()), ", ")
	if worded, ok := v.Addr().Interface().(Worded); ok {
		if node != nil && node.Kind == yaml.ScalarNode && slices.Contains(worded.Words(), node.Value) {
			worded.SetWord(node.Value)
			return
		}
		want += " or the word " + strings.Join(worded.Words(), ", ")
	}
	content, ok := d.content(path, node, yaml.MappingNode, want)
	if !ok {
		return
	}
	given := map[string]*yaml.Node{}
	for i := 0; i+1 < len(content); i += 2 {
		given[content[i].Value] = content[i+1]
	}
	for _, f := range Settings(v.Type()) {
		value, present := given[f.Name]
		delete(given, f.Name)
		if isNull(value) && f.Required {
			d.fail(join(path, f.Name), "is missing")
			continue
		}
		if present && isNull(value) && f.Type.Kind() == reflect.Pointer {
			d.fail(join(path, f.Name), "is empty: write {} for its defaults, or leave it out")
			continue
		}
		d.value(join(path, f.Name), value, v.FieldByIndex(f.Index), f.Default)
	}
	for i := 0; i+1 < len(content); i += 2 {
		if name := content[i].Value; given[name] != nil {
			d.fail(join(path, step(name)), "is not a known field, %s", Nearest(name, names(v.Type())))
		}
	}
}

func (d *decoder) mapping(path string, node *yaml.Node, v reflect.Value) {
	content, ok := d.content(path, node, yaml.MappingNode, "a mapping")
	if !ok || node == nil {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i+1 < len(content); i += 2 {
		element := reflect.New(v.Type().Elem()).Elem()
		at := join(path, step(content[i].Value))
		if v.Type().Elem().Kind() != reflect.Struct && isNull(content[i+1]) {
			d.fail(at, "is missing")
		}
		d.value(at, content[i+1], element, "")
		v.SetMapIndex(reflect.ValueOf(content[i].Value), element)
	}
}

func (d *decoder) sequence(path string, node *yaml.Node, v reflect.Value) {
	content, ok := d.content(path, node, yaml.SequenceNode, "a list")
	if !ok || node == nil {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(content), len(content)))
	for i, n := range content {
		at := join(path, step(i))
		if isNull(n) {
			d.fail(at, "is missing")
		}
		d.value(at, n, v.Index(i), "")
	}
}

func (d *decoder) content(path string, node *yaml.Node, kind yaml.Kind, want string) ([]*yaml.Node, bool) {
	switch {
	case node == nil:
		return nil, true
	case node.Kind == kind:
		return node.Content, true
	case d.text:
		d.fail(path, "does not fit a flat string: write a function config of its own kind (krmfn help NAME shows one)")
	default:
		d.fail(path, "%s, want %s", describe(node), want)
	}
	return nil, false
}

func (d *decoder) scalar(path string, node *yaml.Node, v reflect.Value) {
	tag := node.ShortTag()
	if d.text && v.Kind() != reflect.String {
		tag = (&yaml.Node{Kind: node.Kind, Value: node.Value}).ShortTag()
	}
	switch v.Kind() {
	case reflect.String:
		if tag == yaml.NodeTagString || d.text && node.Kind == yaml.ScalarNode {
			v.SetString(node.Value)
			return
		}
		d.fail(path, "%s, want a string%s", describe(node), quoteHint(node))
	case reflect.Int:
		n, err := strconv.ParseInt(node.Value, 0, 0)
		switch {
		case tag == yaml.NodeTagInt && err == nil:
			v.SetInt(n)
		case errors.Is(err, strconv.ErrRange):
			d.fail(path, "%s is too large", node.Value)
		default:
			d.fail(path, "%s%s, want a whole number", shown(node), describe(node))
		}
	case reflect.Interface:
		d.anyScalar(path, node, v)
	case reflect.Bool:
		if b, err := strconv.ParseBool(node.Value); tag == yaml.NodeTagBool && err == nil {
			v.SetBool(b)
			return
		}
		d.fail(path, "%s%s, want true or false", shown(node), describe(node))
	default:
		panic(fmt.Sprintf("settings hold a %s, which decode does not know", v.Type()))
	}
}

// anyScalar takes a string, a whole number or a boolean as it is.
func (d *decoder) anyScalar(path string, node *yaml.Node, v reflect.Value) {
	var value reflect.Value
	switch tag := node.ShortTag(); {
	case node.Kind != yaml.ScalarNode:
	case tag == yaml.NodeTagString || d.text:
		value = reflect.New(reflect.TypeFor[string]()).Elem()
	case tag == yaml.NodeTagInt:
		value = reflect.New(reflect.TypeFor[int]()).Elem()
	case tag == yaml.NodeTagBool:
		value = reflect.New(reflect.TypeFor[bool]()).Elem()
	}
	if !value.IsValid() {
		d.fail(path, "%s, want a string, a whole number, true or false", describe(node))
		return
	}
	d.scalar(path, node, value)
	v.Set(value)
}

// shown is the value that stands where a number or boolean is wanted: it is no
// password.
func shown(node *yaml.Node) string {
	switch {
	case node.Kind != yaml.ScalarNode:
		return ""
	case node.ShortTag() == yaml.NodeTagString:
		return strconv.Quote(node.Value) + " "
	}
	return node.Value + " "
}

func quoteHint(node *yaml.Node) string {
	if node.Kind == yaml.ScalarNode {
		return ": put it in quotes"
	}
	return ""
}

// describe says in words what a node is. The value is left out: it may be a
// password that stands in the wrong place.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "is a mapping"
	case yaml.SequenceNode:
		return "is a list"
	case yaml.AliasNode:
		return "is an alias"
	}
	switch node.ShortTag() {
	case yaml.NodeTagString:
		return "is a string"
	case yaml.NodeTagInt, yaml.NodeTagFloat:
		return "is a number"
	case yaml.NodeTagBool:
		return "is a boolean"
	case yaml.NodeTagNull:
		return "is null"
	case "!!timestamp":
		return "is a date"
	}
	return "has a tag" // which is not shown: a password may begin with !
}

// isNull says whether a node is missing or null.
func isNull(node *yaml.Node) bool {
	return node == nil || node.Kind == yaml.ScalarNode && node.ShortTag() == yaml.NodeTagNull
}

// Setting is one field of a settings struct.
type Setting struct {
	Name     string
	Default  string
	Required bool
	Index    []int
	Type     reflect.Type
}

// Settings lists the settings of a function config's struct type in the order of its
// fields.
func Settings(t reflect.Type) []Setting {
	var all []Setting
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if option == "inline" {
			for _, inner := range Settings(f.Type) {
				inner.Index = slices.Concat(f.Index, inner.Index)
				all = append(all, inner)
			}
			continue
		}
		if name == "-" {
			continue
		}
		if name == "" {
			panic(fmt.Sprintf("%s.%s has no yaml tag", t, f.Name))
		}
		all = append(all, Setting{Name: name, Default: f.Tag.Get("default"), Required: f.Tag.Get("required") == "true", Index: f.Index, Type: f.Type})
	}
	return all
}

func names(t reflect.Type) []string {
	var all []string
	for _, s := range Settings(t) {
		all = append(all, s.Name)
	}
	return all
}

// flat turns the data of a ConfigMap into settings: a dot in a key goes one
// level down.
func flat(data *yaml.Node) (*yaml.Node, error) {
	root := Map()
	if isNull(data) {
		return root, nil
	}
	if data.Kind != yaml.MappingNode {
		return nil, FieldErrorf("data", "%s, want a mapping", describe(data)).inConfig()
	}
	for i := 0; i+1 < len(data.Content); i += 2 {
		at := root
		keys := strings.Split(data.Content[i].Value, ".")
		for _, key := range keys[:len(keys)-1] {
			next := valueOf(at, key)
			if next == nil {
				next = Map()
				at.Content = append(at.Content, scalar(key), next)
			}
			if next.Kind != yaml.MappingNode {
				return nil, FieldErrorf(join("data", step(data.Content[i].Value)), "stands beside a key %s that holds a value", key).inConfig()
			}
			at = next
		}
		if valueOf(at, keys[len(keys)-1]) != nil {
			return nil, FieldErrorf(join("data", step(data.Content[i].Value)), "stands beside a key that goes further down").inConfig()
		}
		at.Content = append(at.Content, scalar(keys[len(keys)-1]), data.Content[i+1])
	}
	return root, nil
}
