package krm

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

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
