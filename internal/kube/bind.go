package kube

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Claims returns the PersistentVolumeClaims of the list.
func Claims(list *framework.ResourceList) []*yaml.RNode { return OfKind(list, "PersistentVolumeClaim") }

// Volumes returns the PersistentVolumes of the list.
func Volumes(list *framework.ResourceList) []*yaml.RNode { return OfKind(list, "PersistentVolume") }

// Candidates returns the PersistentVolumes of the list that a claim can be bound
// to: the one that it names, the one that names it, or those that its selector,
// or its class where it has none, fits and that are not reserved for another
// claim. Size, modes and class do not matter here.
func Candidates(list *framework.ResourceList, claim *yaml.RNode) []*yaml.RNode {
	if name := krm.Text(claim, "spec", "volumeName"); name != "" {
		if pv := Find(list, "PersistentVolume", "", name); pv != nil {
			return []*yaml.RNode{pv}
		}
		return nil
	}
	var free []*yaml.RNode
	for _, pv := range Volumes(list) {
		switch reserved, ours := Reserved(pv, claim); {
		case ours:
			return []*yaml.RNode{pv}
		case !reserved && !named(list, pv, claim) && chooses(claim, pv):
			free = append(free, pv)
		}
	}
	return free
}

// Reserved says whether the volume is reserved by its claimRef, and whether that
// is for this claim. A claim without namespace goes where it is applied to.
func Reserved(pv, claim *yaml.RNode) (reserved, forClaim bool) {
	name := krm.Text(pv, "spec", "claimRef", "name")
	if name == "" {
		return false, false
	}
	namespace := krm.Text(pv, "spec", "claimRef", "namespace")
	if claim.GetNamespace() == "" {
		namespace = ""
	}
	return true, Called(claim, namespace, name)
}

// named says whether another claim names the volume.
func named(list *framework.ResourceList, pv, claim *yaml.RNode) bool {
	return slices.ContainsFunc(Claims(list), func(other *yaml.RNode) bool {
		name := krm.Text(other, "spec", "volumeName")
		return other != claim && name != "" && Called(pv, "", name)
	})
}

// chooses says whether a claim that names no volume can take this one.
func chooses(claim, pv *yaml.RNode) bool {
	if krm.Lookup(claim, "spec", "selector") != nil {
		return Selects(yaml.NewRNode(krm.Lookup(claim, "spec", "selector")), pv.GetLabels())
	}
	class := krm.Lookup(claim, "spec", "storageClassName")
	return class != nil && krm.Text(claim, "spec", "storageClassName") == krm.Text(pv, "spec", "storageClassName")
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
