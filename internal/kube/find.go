package kube

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Annotations in which kustomize keeps the names of an object before it renamed
// it, one list for names and one for namespaces, and that it will rename it.
const (
	previousNames      = "internal.config.kubernetes.io/previousNames"
	previousNamespaces = "internal.config.kubernetes.io/previousNamespaces"
	needsHash          = "internal.config.kubernetes.io/needsHashSuffix"
)

// GetsHash says whether kustomize is going to add a hash to the object's name, as
// it does after all functions have run.
func GetsHash(obj *yaml.RNode) bool { return obj.GetAnnotations()[needsHash] == "enabled" }

// Find returns the object that a reference from the namespace means, nil when
// it is not in the list. An object without namespace is looked for with "".
func Find(list *framework.ResourceList, kind, namespace, name string) *yaml.RNode {
	for _, obj := range list.Items {
		if Called(obj, namespace, name) && isA(obj, kind) && krm.Editable(obj) {
			return obj
		}
	}
	return nil
}

// FindSource finds a ConfigMap or Secret like Find. A Secret may be client-side
// configuration: then it is not applied, but says what the real one holds.
func FindSource(list *framework.ResourceList, kind, namespace, name string) *yaml.RNode {
	var local *yaml.RNode
	for _, obj := range list.Items {
		switch {
		case !Called(obj, namespace, name) || !isA(obj, kind):
		case krm.Editable(obj):
			return obj
		case local == nil && kind == "Secret":
			local = obj
		}
	}
	return local
}

// Called says whether a reference by this namespace and name means the object,
// also by a name that kustomize has since changed.
func Called(obj *yaml.RNode, namespace, name string) bool {
	own, called, annotations := identity(obj)
	if own == namespace && called == name {
		return true
	}
	earlier := ""
	if annotations != nil {
		earlier = krm.Text(annotations, previousNames)
	}
	if earlier == "" {
		return false
	}
	names := strings.Split(earlier, ",")
	if own == namespace && slices.Contains(names, name) {
		return true
	}
	namespaces := strings.Split(krm.Text(annotations, previousNamespaces), ",")
	for i := range min(len(names), len(namespaces)) {
		if names[i] == name && (namespaces[i] == namespace || namespace == "" && namespaces[i] == "default") {
			return true
		}
	}
	return false
}

// identity reads the metadata once, since all objects of a list are asked.
func identity(obj *yaml.RNode) (namespace, name string, annotations *yaml.RNode) {
	metadata := krm.Lookup(obj, "metadata")
	if metadata == nil || metadata.Kind != yaml.MappingNode {
		return "", "", nil
	}
	for i := 0; i+1 < len(metadata.Content); i += 2 {
		value := yaml.NewRNode(metadata.Content[i+1])
		switch metadata.Content[i].Value {
		case "namespace":
			namespace = krm.Text(value)
		case "name":
			name = krm.Text(value)
		case "annotations":
			annotations = value
		}
	}
	return namespace, name, annotations
}

// finder finds the objects that one workload refers to, each once.
type finder struct {
	list  *framework.ResourceList
	found map[[3]string]*yaml.RNode
}

func newFinder(list *framework.ResourceList) *finder {
	return &finder{list: list, found: map[[3]string]*yaml.RNode{}}
}

func (f *finder) find(kind, namespace, name string) *yaml.RNode {
	id := [3]string{kind, namespace, name}
	obj, known := f.found[id]
	if !known {
		obj = FindSource(f.list, kind, namespace, name)
		f.found[id] = obj
	}
	return obj
}
