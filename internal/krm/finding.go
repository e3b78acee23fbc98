package krm

import (
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Report adds a finding about a field of an object, or about the object as a
// whole when the path is nil, and returns it, so that tags and values can be
// added.
func Report(list *framework.ResourceList, severity framework.Severity, obj *yaml.RNode, path Path, message string) *framework.Result {
	var field *framework.Field
	if len(path) > 0 {
		field = &framework.Field{Path: path.String()}
	}
	report(list, severity, obj, field, message)
	return list.Results[len(list.Results)-1]
}
