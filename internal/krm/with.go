package krm

import (
	"fmt"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// With returns a function config with these settings in place of its own: under
// spec, or as text under data of a ConfigMap. A file that is no function config
// is returned as it is, for the function to refuse.
func (f File) With(settings map[string]any) (File, error) {
	docs, err := ReadYAML(f.Content)
	if len(settings) == 0 || err != nil || len(docs) != 1 {
		return f, nil //nolint:nilerr // the function reads it again
	}
	config := yaml.NewRNode(docs[0].Content[0])
	isConfigMap := Text(config, "kind") == "ConfigMap"
	for name, value := range settings {
		at := "spec"
		if isConfigMap {
			at, value = "data", fmt.Sprint(value)
		}
		node := &yaml.Node{}
		if err := node.Encode(value); err != nil {
			return f, fmt.Errorf("%s: %s: %w", f, name, err)
		}
		if err := Set(&framework.ResourceList{}, config, node, at, name); err != nil {
			return f, fmt.Errorf("%s: %w", f, err)
		}
	}
	f.Content, err = encode(docs[0])
	return f, err
}
