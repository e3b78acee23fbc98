package kube

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Claims returns the PersistentVolumeClaims of the list.
func Claims(list *framework.ResourceList) []*yaml.RNode { return OfKind(list, "PersistentVolumeClaim") }

// Binder finds the PersistentVolumes of a list that its claims can be bound to.
type Binder struct {
	list            *framework.ResourceList
	Claims, Volumes []*yaml.RNode
	naming          []*yaml.RNode // the claims that name a volume
}

// NewBinder looks for claims and volumes once.
func NewBinder(list *framework.ResourceList) *Binder {
	b := &Binder{list: list, Claims: Claims(list), Volumes: OfKind(list, "PersistentVolume")}
	for _, claim := range b.Claims {
		if krm.Text(claim, "spec", "volumeName") != "" {
			b.naming = append(b.naming, claim)
		}
	}
	return b
}

// Candidates returns the PersistentVolumes of the list that a claim can be bound
// to: the one that it names, the one that names it, or those that its selector,
// or its class where it has none, fits and that are not reserved for another
// claim. Size, modes and class do not matter here.
func (b *Binder) Candidates(claim *yaml.RNode) []*yaml.RNode {
	if name := krm.Text(claim, "spec", "volumeName"); name != "" {
		if pv := Find(b.list, "PersistentVolume", "", name); pv != nil {
			return []*yaml.RNode{pv}
		}
		return nil
	}
	var free []*yaml.RNode
	for _, pv := range b.Volumes {
		switch reserved, ours := Reserved(pv, claim); {
		case ours:
			return []*yaml.RNode{pv}
		case !reserved && chooses(claim, pv) && !b.named(pv, claim):
			free = append(free, pv)
		}
	}
	return free
}

// Leads says whether the claim can be bound to this volume and to no other one.
func (b *Binder) Leads(claim, pv *yaml.RNode) bool {
	name := krm.Text(claim, "spec", "volumeName")
	_, ours := Reserved(pv, claim)
	if name != "" && !Called(pv, "", name) || name == "" && !ours && !chooses(claim, pv) {
		return false // most claims: the others are not looked at
	}
	all := b.Candidates(claim)
	return len(all) == 1 && all[0] == pv
}

// Reserved says whether the volume is reserved by its claimRef, and whether that
// is for this claim, by its present name: kustomize changes no claimRef. A claim
// without namespace goes where it is applied to.
func Reserved(pv, claim *yaml.RNode) (reserved, forClaim bool) {
	name := krm.Text(pv, "spec", "claimRef", "name")
	if name == "" {
		return false, false
	}
	namespace := krm.Text(pv, "spec", "claimRef", "namespace")
	return true, claim.GetName() == name && (claim.GetNamespace() == "" || claim.GetNamespace() == namespace)
}

// named says whether another claim names the volume.
func (b *Binder) named(pv, claim *yaml.RNode) bool {
	return slices.ContainsFunc(b.naming, func(other *yaml.RNode) bool {
		return other != claim && Called(pv, "", krm.Text(other, "spec", "volumeName"))
	})
}

// classAnnotation is where the class stood before Kubernetes 1.6. It still goes
// before the field (kubernetes pkg/apis/core/v1/helper, GetPersistentVolumeClass).
const classAnnotation = "volume.beta.kubernetes.io/storage-class"

// Class returns the StorageClass of a claim or volume, and whether it is set:
// one that is set may be empty.
func Class(obj *yaml.RNode) (name string, set bool) {
	if name, set = obj.GetAnnotations()[classAnnotation]; set {
		return name, true
	}
	return krm.Text(obj, "spec", "storageClassName"), krm.Lookup(obj, "spec", "storageClassName") != nil
}

// chooses says whether a claim that names no volume can take this one.
func chooses(claim, pv *yaml.RNode) bool {
	if krm.Lookup(claim, "spec", "selector") != nil {
		return Selects(yaml.NewRNode(krm.Lookup(claim, "spec", "selector")), pv.GetLabels())
	}
	class, set := Class(claim)
	of, _ := Class(pv)
	return set && class == of
}

// Selects says whether a label selector (matchLabels and matchExpressions) fits
// the labels. An empty one fits all.
func Selects(selector *yaml.RNode, labels map[string]string) bool {
	if !subset(krm.Strings(selector, "matchLabels"), labels) {
		return false
	}
	for _, n := range krm.Elements(selector, "matchExpressions") {
		if !fits(yaml.NewRNode(n), labels) {
			return false
		}
	}
	return true
}

func fits(expression *yaml.RNode, labels map[string]string) bool {
	value, has := labels[krm.Text(expression, "key")]
	listed := slices.ContainsFunc(krm.Elements(expression, "values"), func(n *yaml.Node) bool { return n.Value == value })
	switch krm.Text(expression, "operator") {
	case "In":
		return has && listed
	case "NotIn":
		return !has || !listed
	case "Exists":
		return has
	case "DoesNotExist":
		return !has
	}
	return false
}
