package validateha

import (
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
	Why: "A claim without storageClassName gets the default class and never meets a volume without class; too small, other modes or " +
		"another class, and pods wait forever (kubernetes.io persistent-volumes, static-pvc.md of ceph-csi).",
	Do: "Set storageClassName \"\" on the claim and none on the volume, the same size and modes, volumeName and Retain; " +
		"use-cephfs does.",
	Remedy: []string{"cephFS", "database"},
	check: func(p *pass) {
		for _, u := range p.claims {
			if u.claim != nil {
				checkBinding(p, u)
			}
		}
		checkCephSecrets(p)
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

func checkBinding(p *pass, u *claimUse) {
	switch len(u.volumes) {
	case 0:
		checkNoVolume(p, u)
	case 1:
		pv := u.volumes[0]
		if checkReserved(p, u, pv) {
			checkFit(p, u, pv)
			checkVolume(p, u, pv)
		}
	default:
		var names []string
		for _, pv := range u.volumes {
			names = append(names, pv.GetName())
		}
		say := p.error
		if krm.Lookup(u.claim, selector...) == nil {
			say = p.warn // a pool of volumes that are alike, until one holds images
		}
		say(u.claim, bindsBy(u.claim),
			"can be bound to any of %s, and which one it gets is chance: set volumeName", strings.Join(names, ", "))
	}
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
func checkNoVolume(p *pass, u *claimUse) {
	byName := krm.Text(u.claim, volumeName...) != ""
	class, set := kube.Class(u.claim)
	if !byName && krm.Lookup(u.claim, selector...) == nil && (!set || class != "") {
		return // dynamic
	}
	i := slices.IndexFunc(p.binder.Volumes, func(pv *yaml.RNode) bool { return kube.Suits(u.claim, pv) && p.lonely(u.claim, pv) })
	if i >= 0 {
		p.error(u.claim, bindsBy(u.claim),
			"fits no PersistentVolume among the resources, and no claim fits %s: pods wait forever",
			krm.Name(p.binder.Volumes[i])).add(u.remedy())
	} else {
		p.note(u.claim, bindsBy(u.claim),
			"its PersistentVolume is not among the resources: check that there is one of %s, %s or more and Retain",
			strings.Join(kube.Modes(u.claim), ", "), krm.Text(u.claim, requested...))
	}
}

// lonely says whether no claim of the list can be bound to the volume, and it is
// not for one elsewhere. The claims that a StatefulSet makes are not in the list.
func (f *facts) lonely(claim, pv *yaml.RNode) bool {
	elsewhere := krm.Text(pv, claimRef.Append("namespace")...) != "" &&
		!kube.Called(claim, claim.GetNamespace(), krm.Text(pv, claimRef.Append("name")...))
	return !elsewhere &&
		!slices.ContainsFunc(f.objects["StatefulSet"], func(obj *yaml.RNode) bool {
			return krm.Lookup(obj, "spec",
				"volumeClaimTemplates") != nil
		}) &&
		!slices.ContainsFunc(f.binder.Claims, func(claim *yaml.RNode) bool { return slices.Contains(f.binder.Candidates(claim), pv) })
}

// checkReserved says whether the claim gets the volume at all.
func checkReserved(p *pass, u *claimUse, pv *yaml.RNode) bool {
	reserved, ours := kube.Reserved(pv, u.claim)
	namespace := krm.Text(pv, claimRef.Append("namespace")...)
	switch {
	case reserved && namespace == "":
		p.error(pv, claimRef, "has no namespace: the volume waits for a claim in none")
		return false
	case reserved && !ours:
		p.error(pv, claimRef,
			"reserves the volume for claim %s/%s, and %s wants it: pods wait forever",
			namespace, krm.Text(pv, claimRef.Append("name")...), krm.Name(u.claim)).add(u.remedy())
		return false
	}
	for _, other := range p.binder.Claims {
		if other != u.claim && !reserved && p.binder.Leads(other, pv) {
			p.error(u.claim, bindsBy(u.claim),
				"leads to %s, and so does %s: only one of them gets it", krm.Name(pv), krm.Name(other)).add(u.remedy())
			return false
		}
	}
	return true
}

// checkFit compares claim and volume as the binding does (kubernetes
// pkg/controller/volume/persistentvolume, checkVolumeSatisfyClaim).
func checkFit(p *pass, u *claimUse, pv *yaml.RNode) {
	checkClasses(p, u, pv)
	want, have := quantity(p, u, u.claim, requested), quantity(p, u, pv, capacity)
	if want != nil && have != nil && want.Cmp(*have) > 0 {
		p.error(u.claim, requested,
			"asks for %s, %s has %s: pods wait forever", want, krm.Name(pv), have).add(u.remedy()).is(want.String()).want(have.String())
	}
	for _, mode := range kube.Modes(u.claim) {
		// L04 wants a claim that pods share to be ReadWriteMany.
		if !slices.Contains(kube.Modes(pv), mode) && (u.shared() == "" || mode != rwx && slices.Contains(kube.Modes(u.claim), rwx)) {
			p.error(u.claim, krm.Path{"spec", "accessModes"},
				"asks for %s, which %s does not offer: pods wait forever", mode, krm.Name(pv)).add(u.remedy()).
				is(kube.Modes(u.claim)).want(kube.Modes(pv))
			break
		}
	}
	if a, b := kube.VolumeMode(u.claim), kube.VolumeMode(pv); a != b {
		p.error(u.claim, volumeMode, "is %s, %s has %s: pods wait forever", a, krm.Name(pv), b).is(a).want(b)
	}
}

func checkClasses(p *pass, u *claimUse, pv *yaml.RNode) {
	claim := u.claim
	has, set := kube.Class(claim)
	want, _ := kube.Class(pv)
	switch {
	case !set && want != "":
		p.warn(claim, className,
			"is not set: the claim is bound to %s only where %s is the default StorageClass", krm.Name(pv), want).add(u.remedy()).want(want)
	case !set:
		p.error(claim, className,
			"is not set: where there is a default StorageClass the claim gets it and is never bound to %s, and pods wait forever",
			krm.Name(pv)).add(u.remedy()).want(want)
	case has != want:
		p.error(claim, className, "is %q, that of %s is %q: pods wait forever", has, krm.Name(pv), want).add(u.remedy()).is(has).want(want)
	}
}

// quantity reads a size, nil where there is none.
func quantity(p *pass, u *claimUse, obj *yaml.RNode, path krm.Path) *resource.Quantity {
	text := krm.Text(obj, path...)
	q, err := resource.ParseQuantity(text)
	if err != nil || q.Sign() <= 0 {
		p.error(obj, path, "is %q, want a size such as 100Gi", text).add(u.remedy()).is(text)
		return nil
	}
	return &q
}

// checkVolume looks at the volume alone.
func checkVolume(p *pass, u *claimUse, pv *yaml.RNode) {
	if policy := krm.Text(pv, reclaim...); policy == "Delete" || policy == "Recycle" {
		say := p.error
		if provisioned(pv) {
			say = p.warn // as its class wants it
		}
		say(pv, reclaim, "is %s: what is on the volume goes with the claim", policy).add(u.remedy()).is(policy).want("Retain")
	}
	if krm.Lookup(pv, "spec", "csi") == nil {
		return
	}
	handle := krm.Text(pv, volumeHandle...)
	if handle == "" {
		p.error(pv, volumeHandle, "is missing: the volume cannot be mounted").add(u.remedy()).want(pv.GetName())
	}
	for _, other := range p.binder.Volumes {
		if other == pv {
			break // one of the two is enough
		}
		if handle != "" && krm.Text(other, volumeHandle...) == handle &&
			krm.Text(other, "spec", "csi", "driver") == krm.Text(pv, "spec", "csi", "driver") {
			p.error(pv, volumeHandle,
				"is also that of %s: the driver takes the two for one volume", krm.Name(other)).add(u.remedy()).is(handle)
		}
	}
	if isCephFS(pv) && !provisioned(pv) {
		checkCephFS(p, u, pv)
	}
}

// provisioned says whether a driver has made the volume for a StorageClass
// (kubernetes-csi external-provisioner), and nobody by hand.
func provisioned(pv *yaml.RNode) bool {
	return krm.Text(pv, attributes.Append("storage.kubernetes.io/csiProvisionerIdentity")...) != ""
}
