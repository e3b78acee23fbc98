package harbor

import (
	"encoding/json"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// LastApplied is the annotation in which kubectl apply keeps the object as it was
// applied (kubectl pkg/cmd/apply): secrets that have left the object are still in
// it.
const LastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Applied is an object whose annotation LastApplied shows secrets.
type Applied struct {
	Object *yaml.RNode
	// Names are what the secrets are called there.
	Names []string
}

// AppliedSecrets finds them in the order of the list: what would stand in sight if
// all objects were as they were applied.
func AppliedSecrets(list *framework.ResourceList) []Applied {
	shadow := &framework.ResourceList{}
	found := false
	for _, obj := range list.Items {
		if applied := lastApplied(obj); applied != nil {
			found, obj = true, applied
		}
		shadow.Items = append(shadow.Items, obj)
	}
	if !found {
		return nil
	}
	all := make([]Applied, len(list.Items))
	for _, h := range FindAll(shadow) {
		for _, v := range h.SecretValues() {
			i := slices.Index(shadow.Items, v.Object)
			if i >= 0 && v.Open() && !v.Public() && shadow.Items[i] != list.Items[i] && !slices.Contains(all[i].Names, v.Name) {
				all[i] = Applied{list.Items[i], append(all[i].Names, v.Name)}
			}
		}
	}
	return slices.DeleteFunc(all, func(a Applied) bool { return a.Object == nil })
}

// lastApplied is the object as it was applied, nil when that is not known.
func lastApplied(obj *yaml.RNode) *yaml.RNode {
	text := krm.Text(obj, "metadata", "annotations", LastApplied)
	if !json.Valid([]byte(text)) || !krm.Editable(obj) {
		return nil
	}
	applied, err := yaml.Parse(text)
	if err != nil || applied.YNode().Kind != yaml.MappingNode || applied.GetName() != obj.GetName() || applied.GetKind() != obj.GetKind() {
		return nil
	}
	if applied.GetNamespace() != obj.GetNamespace() && applied.SetNamespace(obj.GetNamespace()) != nil {
		return nil
	}
	return applied
}
