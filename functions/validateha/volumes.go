package validateha

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var staticVolumes = Rule{
	ID: "L14", Severity: framework.Error,
	What: "Each claim is bound to the one volume that is meant for it, and the volume can be mounted and is kept.",
	Why:  "A claim without storageClassName gets the default class and never meets a volume without class; too small, other modes or another class, and pods wait forever (kubernetes.io persistent-volumes, static-pvc.md of ceph-csi).",
	Do:   "Set storageClassName \"\" on both, the same size and modes, volumeName and Retain; use-cephfs does.",
	check: func(k *checker) {
		for _, u := range k.storage {
			if u.claim != nil {
				k.checkBinding(u)
			}
		}
		k.checkCephSecrets()
	},
}

var (
	volumeName   = krm.Path{"spec", "volumeName"}
	selector     = krm.Path{"spec", "selector"}
	className    = krm.Path{"spec", "storageClassName"}
	requested    = krm.Path{"spec", "resources", "requests", "storage"}
	capacity     = krm.Path{"spec", "capacity", "storage"}
	volumeMode   = krm.Path{"spec", "volumeMode"}
	claimRef     = krm.Path{"spec", "claimRef"}
	reclaim      = krm.Path{"spec", "persistentVolumeReclaimPolicy"}
	attributes   = krm.Path{"spec", "csi", "volumeAttributes"}
	stageSecret  = krm.Path{"spec", "csi", "nodeStageSecretRef"}
	volumeHandle = krm.Path{"spec", "csi", "volumeHandle"}
)

func (k *checker) checkBinding(u claimUse) {
	switch len(u.volumes) {
	case 0:
		k.checkNoVolume(u)
	case 1:
		pv := u.volumes[0]
		if k.checkReserved(u, pv) {
			k.checkFit(u, pv)
			k.checkVolume(pv)
		}
	default:
		var names []string
		for _, pv := range u.volumes {
			names = append(names, pv.GetName())
		}
		say := k.error
		if krm.Lookup(u.claim, selector...) == nil {
			say = k.warn // a pool of volumes that are alike, until one holds images
		}
		say(u.claim, bindsBy(u.claim), "can be bound to each of %s, which one is chance: set volumeName", strings.Join(names, ", "))
	}
}

// fitting are the volumes that the claim can be bound to: of several that would
// do those with the fewest modes, and of these the smallest ones (kubernetes
// pkg/controller/volume/persistentvolume/index.go).
func (k *checker) fitting(claim *yaml.RNode) []*yaml.RNode {
	all := k.binder.Candidates(claim)
	best := slices.DeleteFunc(slices.Clone(all), func(pv *yaml.RNode) bool { return !k.suits(claim, pv) })
	switch {
	case len(all) < 2:
		return all
	case len(best) == 0:
		return all[:1] // any of them: what does not fit is reported
	}
	rank := func(a, b *yaml.RNode) int {
		x, _ := resource.ParseQuantity(krm.Text(a, capacity...)) // suits has read them
		y, _ := resource.ParseQuantity(krm.Text(b, capacity...))
		return cmp.Or(cmp.Compare(len(modes(a)), len(modes(b))), x.Cmp(y))
	}
	slices.SortStableFunc(best, rank)
	return slices.DeleteFunc(best, func(pv *yaml.RNode) bool { return rank(pv, best[0]) > 0 })
}

// bindsBy is the field through which a claim finds its volume.
func bindsBy(claim *yaml.RNode) krm.Path {
	for _, path := range []krm.Path{volumeName, selector} {
		if krm.Lookup(claim, path...) != nil {
			return path
		}
	}
	return className
}

// checkNoVolume looks at a claim whose volume is not in the list. Where a volume
// in the list has no claim and would do, the two are meant for each other.
func (k *checker) checkNoVolume(u claimUse) {
	byName := krm.Text(u.claim, volumeName...) != ""
	class, set := kube.Class(u.claim)
	if !byName && krm.Lookup(u.claim, selector...) == nil && (!set || class != "") {
		return // dynamic
	}
	i := slices.IndexFunc(k.binder.Volumes, func(pv *yaml.RNode) bool { return k.suits(u.claim, pv) && k.lonely(u.claim, pv) })
	if i >= 0 {
		k.error(u.claim, bindsBy(u.claim), "fits no PersistentVolume among the resources, and no claim fits %s: pods wait forever", krm.Name(k.binder.Volumes[i]))
	} else {
		k.note(u.claim, bindsBy(u.claim), "its PersistentVolume is not among the resources: check that there is one of %s, %s or more and Retain",
			strings.Join(modes(u.claim), ", "), krm.Text(u.claim, requested...))
	}
}

// suits says whether a claim would be bound to a volume if it found it.
func (k *checker) suits(claim, pv *yaml.RNode) bool {
	for key := range krm.Strings(claim, "spec", "selector", "matchLabels") {
		if _, ok := pv.GetLabels()[key]; !ok {
			return false
		}
	}
	want, err := resource.ParseQuantity(krm.Text(claim, requested...))
	have, failed := resource.ParseQuantity(krm.Text(pv, capacity...))
	class, _ := kube.Class(claim)
	offered, _ := kube.Class(pv)
	return err == nil && failed == nil && want.Cmp(have) <= 0 && class == offered && modeOf(claim) == modeOf(pv) &&
		!slices.ContainsFunc(modes(claim), func(m string) bool { return !slices.Contains(modes(pv), m) })
}

// lonely says whether no claim of the list can be bound to the volume, and it is
// not for one elsewhere. The claims that a StatefulSet makes are not in the list.
func (k *checker) lonely(claim, pv *yaml.RNode) bool {
	elsewhere := krm.Text(pv, claimRef.Append("namespace")...) != "" && !kube.Called(claim, claim.GetNamespace(), krm.Text(pv, claimRef.Append("name")...))
	return !elsewhere && !slices.ContainsFunc(k.ofKind("StatefulSet"), func(obj *yaml.RNode) bool { return krm.Lookup(obj, "spec", "volumeClaimTemplates") != nil }) &&
		!slices.ContainsFunc(k.binder.Claims, func(claim *yaml.RNode) bool { return slices.Contains(k.binder.Candidates(claim), pv) })
}

// checkReserved says whether the claim gets the volume at all.
func (k *checker) checkReserved(u claimUse, pv *yaml.RNode) bool {
	reserved, ours := kube.Reserved(pv, u.claim)
	namespace := krm.Text(pv, claimRef.Append("namespace")...)
	switch {
	case reserved && namespace == "":
		k.error(pv, claimRef, "has no namespace: the volume waits for a claim in none")
		return false
	case reserved && !ours:
		k.error(pv, claimRef, "reserves the volume for claim %s/%s, and %s wants it: pods wait forever", namespace, krm.Text(pv, claimRef.Append("name")...), krm.Name(u.claim))
		return false
	}
	for _, other := range k.binder.Claims {
		if other != u.claim && !reserved && k.binder.Leads(other, pv) {
			k.error(u.claim, bindsBy(u.claim), "leads to %s, and so does %s: only one of them gets it", krm.Name(pv), krm.Name(other))
			return false
		}
	}
	return true
}

// checkFit compares claim and volume as the binding does (kubernetes
// pkg/controller/volume/persistentvolume, checkVolumeSatisfyClaim).
func (k *checker) checkFit(u claimUse, pv *yaml.RNode) {
	k.checkClasses(u.claim, pv)
	want, have := k.quantity(u.claim, requested), k.quantity(pv, capacity)
	if want != nil && have != nil && want.Cmp(*have) > 0 {
		k.error(u.claim, requested, "asks for %s, %s has %s: pods wait forever", want, krm.Name(pv), have).is(want.String()).want(have.String())
	}
	for _, mode := range modes(u.claim) {
		// L04 wants a claim that pods share to be ReadWriteMany.
		if !slices.Contains(modes(pv), mode) && (k.shared(u) == "" || mode != rwx && slices.Contains(modes(u.claim), rwx)) {
			k.error(u.claim, krm.Path{"spec", "accessModes"}, "asks for %s, which %s does not offer: pods wait forever", mode, krm.Name(pv)).
				is(modes(u.claim)).want(modes(pv))
			break
		}
	}
	if a, b := modeOf(u.claim), modeOf(pv); a != b {
		k.error(u.claim, volumeMode, "is %s, %s has %s: pods wait forever", a, krm.Name(pv), b).is(a).want(b)
	}
}

func modeOf(obj *yaml.RNode) string {
	if mode := krm.Text(obj, volumeMode...); mode != "" {
		return mode
	}
	return "Filesystem"
}

func (k *checker) checkClasses(claim, pv *yaml.RNode) {
	has, set := kube.Class(claim)
	want, _ := kube.Class(pv)
	switch {
	case !set && want != "":
		k.warn(claim, className, "is not set: the claim is bound to %s only where %s is the default StorageClass", krm.Name(pv), want).want(want)
	case !set:
		k.error(claim, className, "is not set: where there is a default StorageClass the claim gets it and is never bound to %s, and pods wait forever", krm.Name(pv)).want(want)
	case has != want:
		k.error(claim, className, "is %q, that of %s is %q: pods wait forever", has, krm.Name(pv), want).is(has).want(want)
	}
}

// quantity reads a size, nil where there is none.
func (k *checker) quantity(obj *yaml.RNode, path krm.Path) *resource.Quantity {
	text := krm.Text(obj, path...)
	q, err := resource.ParseQuantity(text)
	if err != nil || q.Sign() <= 0 {
		k.error(obj, path, "is %q, want a size such as 100Gi", text).is(text)
		return nil
	}
	return &q
}

// checkVolume looks at the volume alone.
func (k *checker) checkVolume(pv *yaml.RNode) {
	if policy := krm.Text(pv, reclaim...); policy == "Delete" || policy == "Recycle" {
		say := k.error
		if provisioned(pv) {
			say = k.warn // as its class wants it
		}
		say(pv, reclaim, "is %s: what is on the volume goes with the claim", policy).is(policy).want("Retain")
	}
	if krm.Lookup(pv, "spec", "csi") == nil {
		return
	}
	handle := krm.Text(pv, volumeHandle...)
	if handle == "" {
		k.error(pv, volumeHandle, "is missing: the volume cannot be mounted").want(pv.GetName())
	}
	for _, other := range k.binder.Volumes {
		if other == pv {
			break // one of the two is enough
		}
		if handle != "" && krm.Text(other, volumeHandle...) == handle && krm.Text(other, "spec", "csi", "driver") == krm.Text(pv, "spec", "csi", "driver") {
			k.error(pv, volumeHandle, "is also that of %s: the driver takes the two for one volume", krm.Name(other)).is(handle)
		}
	}
	if isCephFS(pv) && !provisioned(pv) {
		k.checkCephFS(pv)
	}
}

// provisioned says whether a driver has made the volume for a StorageClass
// (kubernetes-csi external-provisioner), and nobody by hand.
func provisioned(pv *yaml.RNode) bool {
	return krm.Text(pv, attributes.Append("storage.kubernetes.io/csiProvisionerIdentity")...) != ""
}

// checkCephFS looks at what the CephFS driver wants of a static volume (ceph-csi
// docs/static-pvc.md).
func (k *checker) checkCephFS(pv *yaml.RNode) {
	const fails = "without it the driver cannot mount a static volume"
	static := krm.Lookup(pv, attributes.Append("staticVolume")...)
	switch {
	case static == nil || static.Value != "true":
		k.error(pv, attributes.Append("staticVolume"), "is not \"true\": %s", fails).want("true")
	case static.ShortTag() != yaml.NodeTagString:
		k.error(pv, attributes.Append("staticVolume"), "is no string, which Kubernetes refuses: put it in quotes").want("true")
	}
	for _, name := range []string{"clusterID", "rootPath"} {
		if krm.Text(pv, attributes.Append(name)...) == "" {
			k.error(pv, attributes.Append(name), "is missing: %s", fails)
		}
	}
	if krm.Text(pv, attributes.Append("fsName")...) == "" {
		k.warn(pv, attributes.Append("fsName"), "is missing, which the documentation of the driver asks for")
	}
	for _, name := range []string{"name", "namespace"} {
		if krm.Text(pv, stageSecret.Append(name)...) == "" {
			k.error(pv, stageSecret.Append(name), "is missing: %s", fails)
			return
		}
	}
}

// checkCephSecrets looks at the Secrets that the driver mounts volumes with, each
// once.
func (k *checker) checkCephSecrets() {
	var seen []string
	for _, u := range k.storage {
		pv := u.volume()
		if pv == nil || !isCephFS(pv) || provisioned(pv) {
			continue
		}
		name, namespace := krm.Text(pv, stageSecret.Append("name")...), krm.Text(pv, stageSecret.Append("namespace")...)
		if id := namespace + "/" + name; name != "" && namespace != "" && !slices.Contains(seen, id) {
			seen = append(seen, id)
			k.checkCephSecret(pv, name, namespace)
		}
	}
}

func isCephFS(pv *yaml.RNode) bool {
	return strings.HasSuffix(krm.Text(pv, "spec", "csi", "driver"), "cephfs.csi.ceph.com")
}

func (k *checker) checkCephSecret(pv *yaml.RNode, name, namespace string) {
	secret := kube.FindSource(k.list, "Secret", namespace, name)
	if secret == nil {
		k.note(pv, stageSecret, "Secret %s in namespace %s is not among the resources: check that it is there and holds userID and userKey", name, namespace)
		return
	}
	if secret.GetName() != name || secret.GetNamespace() != namespace {
		k.warn(pv, stageSecret, "refers to Secret %s in namespace %s, which is now %s: kustomize does not change references in a PersistentVolume", name, namespace, krm.Name(secret))
	}
	for _, key := range []string{"userID", "userKey"} {
		if !slices.Contains(kube.Keys(secret), key) {
			k.error(secret, kube.KeyPath(secret, key), "is missing: the driver cannot mount a static volume without, adminID and adminKey do not do (ceph-csi#4467)")
		}
	}
}
