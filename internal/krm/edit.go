package krm

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Path leads from the root of an object to one of its fields: a string goes
// into a mapping, an int into a list.
type Path []any

// Append returns a longer path; p is left as it is.
func (p Path) Append(steps ...any) Path { return slices.Concat(p, steps) }

// String writes the path as a finding shows it:
// spec.template.spec.containers[0].image, data["config.yml"].
func (p Path) String() string {
	s := ""
	for _, e := range p {
		s = join(s, step(e))
	}
	return s
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_$/-]+$`)

func step(e any) string {
	switch e := e.(type) {
	case int:
		return "[" + strconv.Itoa(e) + "]"
	case string:
		if !plainKey.MatchString(e) {
			return "[" + strconv.Quote(e) + "]"
		}
		return e
	}
	panic(fmt.Sprintf("a path holds a %T", e))
}

// Lookup returns the node at the path, nil where there is none.
func Lookup(obj *yaml.RNode, path ...any) *yaml.Node {
	node := obj.YNode()
	for _, e := range path {
		if node = child(node, e); node == nil {
			return nil
		}
	}
	return node
}

func child(node *yaml.Node, e any) *yaml.Node {
	switch e := e.(type) {
	case string:
		if node.Kind == yaml.MappingNode {
			return valueOf(node, e)
		}
	case int:
		if node.Kind == yaml.SequenceNode && e < len(node.Content) {
			return node.Content[e]
		}
	}
	return nil
}

func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	if i := indexOf(mapping, key); i >= 0 {
		return mapping.Content[i+1]
	}
	return nil
}

// indexOf is where a key of a mapping stands in its Content, -1 for nowhere.
func indexOf(mapping *yaml.Node, key string) int {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return -1
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// Text returns the scalar at the path, "" where there is none.
func Text(obj *yaml.RNode, path ...any) string {
	if node := Lookup(obj, path...); node != nil && node.Kind == yaml.ScalarNode && !isNull(node) {
		return node.Value
	}
	return ""
}

// Elements returns the elements of the list at the path.
func Elements(obj *yaml.RNode, path ...any) []*yaml.Node {
	if node := Lookup(obj, path...); node != nil && node.Kind == yaml.SequenceNode {
		return node.Content
	}
	return nil
}

// Strings returns the mapping of strings at the path, e.g. labels.
func Strings(obj *yaml.RNode, path ...any) map[string]string {
	node := Lookup(obj, path...)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	m := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		value := node.Content[i+1].Value
		if isNull(node.Content[i+1]) {
			value = ""
		}
		m[node.Content[i].Value] = value
	}
	return m
}

// Map makes a mapping from keys and values in turn. A value is a string, an
// int, a bool, a []string or a *yaml.Node.
func Map(pairs ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode, Tag: yaml.NodeTagMap}
	for i := 0; i < len(pairs); i += 2 {
		m.Content = append(m.Content, scalar(pairs[i]), nodeOf(pairs[i+1]))
	}
	return m
}

// List makes a list; for the values see Map.
func List(values ...any) *yaml.Node {
	l := &yaml.Node{Kind: yaml.SequenceNode, Tag: yaml.NodeTagSeq}
	for _, v := range values {
		l.Content = append(l.Content, nodeOf(v))
	}
	return l
}

func nodeOf(v any) *yaml.Node {
	switch v := v.(type) {
	case *yaml.Node:
		return v
	case []string:
		l := List()
		for _, s := range v {
			l.Content = append(l.Content, scalar(s))
		}
		return l
	}
	return scalar(v)
}

// scalar makes a scalar that is read back as the type it was made from: kyaml's
// own constructors write 3 as "3" into a new field, and yes without quotes.
func scalar(v any) *yaml.Node {
	switch v := v.(type) {
	case string:
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: v}
		if oldScalar.MatchString(v) {
			node.Style = yaml.DoubleQuotedStyle
		}
		return node
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagInt, Value: strconv.Itoa(v)}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagBool, Value: strconv.FormatBool(v)}
	}
	panic(fmt.Sprintf("a scalar of type %T", v))
}

// oldScalar is what is a string today, and was a boolean or a number to the
// base 60 in YAML 1.1, which Kubernetes reads.
var oldScalar = regexp.MustCompile(`^([yYnN]|yes|Yes|YES|on|On|ON|no|No|NO|off|Off|OFF|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)

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
	field := &framework.Field{Path: path.String()}
	if !secret {
		field.CurrentValue, field.ProposedValue = plain(current), plain(proposed)
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
	report(list, framework.Info, obj, field, verb+inWords(field))
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

// inWords says what a field was and is when both are short: kpt and the
// terminal show nothing of a finding but its message.
func inWords(field *framework.Field) string {
	words := ""
	for _, v := range []struct {
		word  string
		value any
	}{{" from ", field.CurrentValue}, {" to ", field.ProposedValue}} {
		switch v.value.(type) {
		case nil:
			continue
		case string, int, bool:
		default:
			return ""
		}
		words += fmt.Sprintf("%s%#v", v.word, v.value)
	}
	return words
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
	report(list, framework.Info, obj, &framework.Field{Path: p.String()}, "removed")
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
// to the file of that one.
func Add(list *framework.ResourceList, obj, behind *yaml.RNode) {
	if path := behind.GetAnnotations()[pathAnnotation]; path != "" {
		meta := valueOf(obj.YNode(), "metadata")
		meta.Content = append(meta.Content, scalar("annotations"), Map(pathAnnotation, path))
	}
	at := slices.Index(list.Items, behind)
	list.Items = slices.Insert(list.Items, at+1, obj)
	report(list, framework.Info, obj, nil, "object added")
}

// Delete takes an object out of the list and reports it.
func Delete(list *framework.ResourceList, obj *yaml.RNode) {
	at := slices.Index(list.Items, obj)
	if at < 0 {
		return
	}
	list.Items = slices.Delete(list.Items, at, at+1)
	report(list, framework.Info, obj, nil, "object removed")
}

// Warn reports something about a field of an object that the user should look
// at.
func Warn(list *framework.ResourceList, obj *yaml.RNode, path Path, format string, args ...any) {
	var field *framework.Field
	if len(path) > 0 {
		field = &framework.Field{Path: path.String()}
	}
	report(list, framework.Warning, obj, field, fmt.Sprintf(format, args...))
}

func report(list *framework.ResourceList, severity framework.Severity, obj *yaml.RNode, field *framework.Field, message string) {
	ref := reference(obj)
	if ref == nil && field != nil {
		// The specification allows a field of a named object only.
		message = field.Path + ": " + message
		if obj != nil && Name(obj) != "" {
			message = Name(obj) + " " + message
		}
		field = nil
	}
	list.Results = append(list.Results, &framework.Result{
		Message: message, Severity: severity, ResourceRef: ref, Field: field, File: fileOf(obj),
	})
}

// reference is nil for an object that cannot be referred to: the specification
// requires apiVersion, kind and name together.
func reference(obj *yaml.RNode) *yaml.ResourceIdentifier {
	if obj == nil {
		return nil
	}
	ref := &yaml.ResourceIdentifier{
		TypeMeta: yaml.TypeMeta{APIVersion: Text(obj, "apiVersion"), Kind: Text(obj, "kind")},
		NameMeta: yaml.NameMeta{Name: Text(obj, "metadata", "name"), Namespace: Text(obj, "metadata", "namespace")},
	}
	if ref.APIVersion == "" || ref.Kind == "" || ref.Name == "" {
		return nil
	}
	return ref
}

const (
	pathAnnotation        = "internal.config.kubernetes.io/path"
	indexAnnotation       = "internal.config.kubernetes.io/index"
	legacyPathAnnotation  = "config.kubernetes.io/path"
	legacyIndexAnnotation = "config.kubernetes.io/index"
	originAnnotation      = "config.kubernetes.io/origin"
	kustomizeAnnotation   = "kustomize.config.k8s.io/id"
	localAnnotation       = "config.kubernetes.io/local-config"
)

// fileOf tells the file an object was read from: kpt says it in annotations,
// kustomize only with buildMetadata: [originAnnotations]. From the second
// function of a build on, the paths in kustomize's annotations are made up.
func fileOf(obj *yaml.RNode) *framework.File {
	if obj == nil {
		return nil
	}
	annotations := Strings(obj, "metadata", "annotations")
	_, kustomize := annotations[kustomizeAnnotation]
	for _, keys := range [][2]string{{pathAnnotation, indexAnnotation}, {legacyPathAnnotation, legacyIndexAnnotation}} {
		if path := annotations[keys[0]]; path != "" && !kustomize {
			index, _ := strconv.Atoi(annotations[keys[1]])
			return &framework.File{Path: path, Index: index}
		}
	}
	if origin, err := yaml.Parse(annotations[originAnnotation]); err == nil {
		if path := Text(origin, "path"); path != "" {
			return &framework.File{Path: path}
		}
	}
	return nil
}

// Name names an object for a message: ReplicationController ui-rc.
func Name(obj *yaml.RNode) string {
	return strings.TrimSpace(Text(obj, "kind") + " " + Text(obj, "metadata", "name"))
}

// Editable says whether a function may look at and change the object: not when
// it is client-side configuration (annotation local-config, a Kptfile, a
// Kustomization).
func Editable(obj *yaml.RNode) bool {
	group, _, _ := strings.Cut(Text(obj, "apiVersion"), "/")
	switch group {
	case "kpt.dev", "fn.kpt.dev", "kustomize.config.k8s.io":
		return false
	}
	local := Lookup(obj, "metadata", "annotations", localAnnotation)
	return local == nil || local.Value == "false"
}

// Equal says whether two nodes hold the same value, whatever their style,
// comments and the order of keys.
func Equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || len(a.Content) != len(b.Content) {
		return false
	}
	switch a.Kind {
	case yaml.ScalarNode:
		return a.Value == b.Value && a.ShortTag() == b.ShortTag()
	case yaml.MappingNode:
		for i := 0; i+1 < len(a.Content); i += 2 {
			other := b.Content[i+1]
			if key := a.Content[i].Value; b.Content[i].Value != key {
				other = valueOf(b, key)
			}
			if other == nil || !Equal(a.Content[i+1], other) {
				return false
			}
		}
		return true
	}
	return slices.EqualFunc(a.Content, b.Content, Equal)
}

// plain turns a node into maps, slices and scalars for a finding.
func plain(node *yaml.Node) any {
	if node == nil {
		return nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return node.Value
	}
	return value
}
