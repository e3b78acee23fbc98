package krm

import (
	"fmt"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Report adds a finding about a field of an object, or about the object as a
// whole when the path is nil, and returns it, so that tags and values can be
// added.
func Report(list *framework.ResourceList, severity framework.Severity, obj *yaml.RNode, path Path, message string) *framework.Result {
	return report(list, severity, obj, path, path.String(), message)
}

// Warn reports something about a field of an object that the user should look
// at.
func Warn(list *framework.ResourceList, obj *yaml.RNode, path Path, format string, args ...any) {
	Report(list, framework.Warning, obj, path, fmt.Sprintf(format, args...))
}

// reportEdit adds the finding about an edit, with the values of the field unless
// they are secret.
func reportEdit(list *framework.ResourceList, obj *yaml.RNode, path Path, verb string, values values) {
	r := Report(list, framework.Info, obj, path, verb+values.inWords())
	if r.Field != nil {
		r.Field.CurrentValue, r.Field.ProposedValue = values.current, values.proposed
	}
}

// report is Report with the field as it is shown.
func report(list *framework.ResourceList, severity framework.Severity, obj *yaml.RNode, path Path, field, message string) *framework.Result {
	r := &framework.Result{Message: message, Severity: severity, ResourceRef: reference(obj), File: fileOf(obj)}
	switch {
	case field == "":
	case r.ResourceRef != nil:
		r.Field = &framework.Field{Path: field}
	default: // the specification allows a field of a named object only
		r.Message = field + ": " + message
		if obj != nil && Name(obj) != "" {
			r.Message = Name(obj) + " " + r.Message
		}
	}
	locate(list, r, obj, path)
	list.Results = append(list.Results, r)
	return r
}

// values are those of a field before and after an edit, nil when there was none
// or they are secret.
type values struct{ current, proposed any }

func valuesOf(current, proposed *yaml.Node) values { return values{plain(current), plain(proposed)} }

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

// inWords says what a field was and is when both are short: kpt and the
// terminal show nothing of a finding but its message.
func (v values) inWords() string {
	words := ""
	for _, part := range []struct {
		word  string
		value any
	}{{" from ", v.current}, {" to ", v.proposed}} {
		switch part.value.(type) {
		case nil:
			continue
		case string, int, bool:
		default:
			return ""
		}
		words += fmt.Sprintf("%s%#v", part.word, part.value)
	}
	return words
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
