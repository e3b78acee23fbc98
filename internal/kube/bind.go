package kube

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
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
// claim. Size, modes and class do not matter here. A claimRef by an earlier name
// of the claim counts: the volume is meant, see Reserved.
func (b *Binder) Candidates(claim *yaml.RNode) []*yaml.RNode {
	if name := krm.Text(claim, "spec", "volumeName"); name != "" {
		if pv := Find(b.list, "PersistentVolume", "", name); pv != nil {
			return []*yaml.RNode{pv}
		}
		return nil
	}
	var free []*yaml.RNode
	for _, pv := range b.Volumes {
		switch reserved, ours := reservedBy(pv, claim, Called); {
		case ours:
			return []*yaml.RNode{pv}
		case !reserved && chooses(claim, pv) && !b.named(pv, claim):
			free = append(free, pv)
		}
	}
	return free
}

// Fitting returns those of the Candidates that Kubernetes would take: of several
// that would do those with the fewest modes, and of these the smallest ones
// (kubernetes pkg/controller/volume/persistentvolume/index.go). Where none would
// do it is the first candidate.
func (b *Binder) Fitting(claim *yaml.RNode) []*yaml.RNode {
	all := b.Candidates(claim)
	best := slices.DeleteFunc(slices.Clone(all), func(pv *yaml.RNode) bool { return !Suits(claim, pv) })
	switch {
	case len(all) < 2:
		return all
	case len(best) == 0:
		return all[:1]
	}
	rank := func(x, y *yaml.RNode) int {
		small, _ := resource.ParseQuantity(krm.Text(x, "spec", "capacity", "storage")) // Suits has read them
		big, _ := resource.ParseQuantity(krm.Text(y, "spec", "capacity", "storage"))
		return cmp.Or(cmp.Compare(len(Modes(x)), len(Modes(y))), small.Cmp(big))
	}
	slices.SortStableFunc(best, rank)
	return slices.DeleteFunc(best, func(pv *yaml.RNode) bool { return rank(pv, best[0]) > 0 })
}

// Volume returns the PersistentVolume that the claim is meant for, nil when the
// list has none: the one that they name each other by or that alone fits the
// selector. A volume that only class and size would bring together is meant only
// where there is no other one, nor another claim that could take it. It is an
// error when a selector fits several.
func (b *Binder) Volume(claim *yaml.RNode) (*yaml.RNode, error) {
	all := b.Candidates(claim)
	switch {
	case len(all) == 0:
		return nil, nil
	case len(all) == 1 && (b.Meant(claim, all[0]) || Suits(claim, all[0]) && !b.sought(all[0], claim)):
		return all[0], nil
	case len(all) == 1 || !selective(claim):
		return nil, nil
	}
	var names []string
	for _, pv := range all {
		names = append(names, pv.GetName())
	}
	return nil, krm.Fault(claim, krm.Path{"spec", "selector"}, "fits each of the PersistentVolumes %s, which one is chance: set volumeName", strings.Join(names, ", "))
}

// Meant says whether claim and volume lead to each other by name or selector, and
// not only by their class.
func (b *Binder) Meant(claim, pv *yaml.RNode) bool {
	_, ours := reservedBy(pv, claim, Called)
	return ours || krm.Text(claim, "spec", "volumeName") != "" || selective(claim)
}

// selective says whether the claim's selector asks for anything.
func selective(claim *yaml.RNode) bool {
	return len(krm.Strings(claim, "spec", "selector", "matchLabels"))+len(krm.Elements(claim, "spec", "selector", "matchExpressions")) > 0
}

// sought says whether another claim could be bound to the volume.
func (b *Binder) sought(pv, claim *yaml.RNode) bool {
	return slices.ContainsFunc(b.Claims, func(other *yaml.RNode) bool {
		return other != claim && slices.Contains(b.Candidates(other), pv)
	})
}

// Suits says whether a claim would be bound to a volume if it found it.
func Suits(claim, pv *yaml.RNode) bool {
	for key := range krm.Strings(claim, "spec", "selector", "matchLabels") {
		if _, ok := pv.GetLabels()[key]; !ok {
			return false
		}
	}
	want, err := resource.ParseQuantity(krm.Text(claim, "spec", "resources", "requests", "storage"))
	have, failed := resource.ParseQuantity(krm.Text(pv, "spec", "capacity", "storage"))
	class, _ := Class(claim)
	offered, _ := Class(pv)
	return err == nil && failed == nil && want.Cmp(have) <= 0 && class == offered && VolumeMode(claim) == VolumeMode(pv) &&
		!slices.ContainsFunc(Modes(claim), func(m string) bool { return !slices.Contains(Modes(pv), m) })
}

// Modes returns the access modes of a claim or volume.
func Modes(obj *yaml.RNode) []string {
	all := []string{}
	for _, n := range krm.Elements(obj, "spec", "accessModes") {
		all = append(all, n.Value)
	}
	return all
}

// VolumeMode returns the volumeMode of a claim or volume.
func VolumeMode(obj *yaml.RNode) string {
	return cmp.Or(krm.Text(obj, "spec", "volumeMode"), "Filesystem")
}

// Leads says whether the claim can be bound to this volume and to no other one.
func (b *Binder) Leads(claim, pv *yaml.RNode) bool {
	name := krm.Text(claim, "spec", "volumeName")
	_, ours := reservedBy(pv, claim, Called)
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
	return reservedBy(pv, claim, func(obj *yaml.RNode, namespace, name string) bool {
		return obj.GetNamespace() == namespace && obj.GetName() == name
	})
}

func reservedBy(pv, claim *yaml.RNode, called func(obj *yaml.RNode, namespace, name string) bool) (reserved, forClaim bool) {
	name, namespace := krm.Text(pv, "spec", "claimRef", "name"), krm.Text(pv, "spec", "claimRef", "namespace")
	if name == "" {
		return false, false
	}
	if claim.GetNamespace() == "" {
		namespace = ""
	}
	return true, called(claim, namespace, name)
}

// named says whether another claim names the volume.
func (b *Binder) named(pv, claim *yaml.RNode) bool {
	return slices.ContainsFunc(b.naming, func(other *yaml.RNode) bool {
		return other != claim && Called(pv, "", krm.Text(other, "spec", "volumeName"))
	})
}

// ClassAnnotation is where the class stood before Kubernetes 1.6. It still goes
// before the field (kubernetes pkg/apis/core/v1/helper, GetPersistentVolumeClass).
const ClassAnnotation = "volume.beta.kubernetes.io/storage-class"

// Class returns the StorageClass of a claim or volume, and whether it is set:
// one that is set may be empty.
func Class(obj *yaml.RNode) (name string, set bool) {
	if name, set = obj.GetAnnotations()[ClassAnnotation]; set {
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
