package validateha

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
)

// Unseen returns what Harbor needs and the list does not hold: Secrets, ConfigMaps and
// claims that its pods name, and servers that they use, with the host as the name. No
// rule can look at these, whatever it says.
func Unseen(list *framework.ResourceList) []yaml.ResourceIdentifier {
	var all []yaml.ResourceIdentifier
	add := func(kind, namespace, name string) {
		id := yaml.ResourceIdentifier{TypeMeta: yaml.TypeMeta{Kind: kind}, NameMeta: yaml.NameMeta{Namespace: namespace, Name: name}}
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	for _, h := range harbor.FindAll(list) {
		for _, c := range h.Components {
			for _, s := range c.Sources(list) {
				if s.Object == nil && !s.Optional && s.Name != "" {
					add(s.Kind, c.GetNamespace(), s.Name)
				}
			}
		}
		for _, s := range h.Outside() {
			add(s.Kind, "", s.Host)
		}
	}
	return all
}
