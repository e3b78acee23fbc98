// Package usecephfs moves PersistentVolumes to CephFS, so that pods on all nodes
// share them.
//
// The PersistentVolume of each claim is found through the claim's volumeName or
// selector or the volume's claimRef; a claim without one gets one. What is left
// of the old source goes. Both get ReadWriteMany and the size. The volume has no
// class, and the claim storageClassName "", without which a default StorageClass
// takes the claim and it never binds; the volume is retained when the claim is
// deleted.
//
// csi is for clusters of today: a static volume of the ceph-csi driver, which
// wants a Secret with userID and userKey. inTree is the volume plugin inside
// Kubernetes, gone since 1.31 (kubernetes#124544).
//
// The source of a volume and the spec of a claim cannot be changed on a live
// cluster: there, name gives both a new name, which every pod template follows,
// and the data has to be copied.
//
// Claims are told by name: it works with every Harbor.
package usecephfs

import (
	"cmp"
	"errors"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Function is use-cephfs.
var Function = krm.Function{Name: "use-cephfs", New: func() krm.Runner { return &UseCephFS{} }}

// UseCephFS is the settings: volumes, and exactly one of csi and inTree.
type UseCephFS struct {
	// What becomes of the volume of each PersistentVolumeClaim, by its name.
	Volumes map[string]Volume `yaml:"volumes" required:"true"`
	// The ceph-csi driver.
	CSI *CSI `yaml:"csi"`
	// The volume plugin inside Kubernetes up to 1.30.
	InTree *InTree `yaml:"inTree"`
}

// Volume is what becomes of one claim and its volume.
type Volume struct {
	// Folder in the file system, an absolute path. It has to exist.
	Path string `yaml:"path" required:"true"`
	// Size of the volume and the claim, e.g. `100Gi`; as it is when left out.
	Size string `yaml:"size"`
	// New name of both the PersistentVolume and the claim.
	Name string `yaml:"name"`
}

// CSI is a static volume of the ceph-csi driver (ceph-csi docs/static-pvc.md).
type CSI struct {
	// Name of the driver; with Rook it begins with the operator's namespace.
	Driver string `yaml:"driver" default:"cephfs.csi.ceph.com"`
	// Cluster as the driver's configuration calls it.
	ClusterID string `yaml:"clusterID" required:"true"`
	// Name of the file system.
	FSName string `yaml:"fsName" required:"true"`
	// Secret with userID and userKey.
	Secret Secret `yaml:"secret" required:"true"`
	// Way to mount: kernel or fuse; the driver's own choice when left out.
	Mounter string `yaml:"mounter"`
}

// Secret is the name of a Secret.
type Secret struct {
	// Name of the Secret.
	Name string `yaml:"name" required:"true"`
	// Namespace of the Secret.
	Namespace string `yaml:"namespace" required:"true"`
}

// InTree is a volume of the plugin inside Kubernetes.
type InTree struct {
	// Ceph monitors, each host:port.
	Monitors []string `yaml:"monitors" required:"true"`
	// Ceph user.
	User string `yaml:"user" default:"admin"`
	// Secret with the user's key under `key`, in the namespace of the claim.
	SecretName string `yaml:"secretName" required:"true"`
	// Whether the volume is mounted read-only.
	ReadOnly bool `yaml:"readOnly" default:"false"`
}

// Run changes each claim and its volume.
func (s *UseCephFS) Run(list *framework.ResourceList) error {
	if s.InTree != nil {
		krm.Warn(list, list.FunctionConfig, nil,
			"inTree works up to Kubernetes 1.30: deprecated in 1.28 (kubernetes#118143), gone from 1.31 (kubernetes#124544); csi is its successor")
	}
	pairs, err := s.pairs(list)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range pairs {
		errs = append(errs, krm.Under(field(p.setting), p.apply(list, s)))
	}
	return errors.Join(errs...)
}

// pair is a claim and its volume, nil when it has none yet.
type pair struct {
	Volume
	setting   string // name of the claim in the settings
	claim, pv *yaml.RNode
}

// pairs finds the claims and volumes, and checks that each has a name of its own
// afterwards.
func (s *UseCephFS) pairs(list *framework.ResourceList) ([]pair, error) {
	b := kube.NewBinder(list)
	var all []pair
	var errs []error
	for _, name := range s.claims() {
		p := pair{Volume: s.Volumes[name], setting: name}
		var err error
		if p.claim, err = s.find(b, name); err == nil {
			p.pv, err = b.Volume(p.claim)
		}
		first := slices.IndexFunc(all, func(other pair) bool { return p.pv != nil && other.pv == p.pv })
		if err == nil && first >= 0 {
			err = krm.FieldErrorf(field(name), "%s is bound to %s, which %s is bound to already",
				krm.Name(p.claim), krm.Name(p.pv), krm.Name(all[first].claim))
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, p)
	}
	for i, p := range all {
		errs = append(errs, p.free(b, all[:i]))
	}
	return all, errors.Join(errs...)
}

// find returns the claim of that name, or the one that an earlier run gave its
// new name to.
func (s *UseCephFS) find(b *kube.Binder, name string) (*yaml.RNode, error) {
	var found, renamed []*yaml.RNode
	var names []string
	for _, obj := range b.Claims {
		names = append(names, obj.GetName())
		switch {
		case kube.Called(obj, obj.GetNamespace(), name):
			found = append(found, obj)
		case obj.GetName() == s.Volumes[name].Name:
			renamed = append(renamed, obj)
		}
	}
	if len(found) == 0 {
		found = renamed
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, krm.FieldErrorf(field(name), "there is no PersistentVolumeClaim %s, there are %s", name, krm.Joined(names))
	}
	return nil, krm.FieldErrorf(field(name), "means %d claims, of several namespaces: render each from a kustomization of its own", len(found))
}

// names are those that the two have afterwards.
func (p pair) names() (claim, pv string) {
	switch {
	case p.Name != "":
		return p.Name, p.Name
	case p.pv != nil:
		return p.claim.GetName(), p.pv.GetName()
	}
	return p.claim.GetName(), cmp.Or(krm.Text(p.claim, "spec", "volumeName"), p.claim.GetName())
}

// free checks that nobody else has one of the names, nor will have it: that of a
// claim in its namespace, that of a volume in the cluster.
func (p pair) free(b *kube.Binder, before []pair) error {
	claim, pv := p.names()
	for _, obj := range slices.Concat(b.Claims, b.Volumes) {
		isClaim := obj.GetKind() == "PersistentVolumeClaim"
		switch {
		case obj == p.claim || obj == p.pv:
		case isClaim && obj.GetName() == claim && obj.GetNamespace() == p.claim.GetNamespace(), !isClaim && obj.GetName() == pv:
			return krm.FieldErrorf(field(p.setting)+".name", "%s is the name of another %s already: give the two a name that is free",
				obj.GetName(), obj.GetKind())
		}
	}
	for _, other := range before {
		if _, taken := other.names(); taken == pv {
			return krm.FieldErrorf(field(p.setting)+".name", "%s will be the name of the PersistentVolume of %s: give the two a name that is free",
				pv, other.setting)
		}
	}
	return nil
}
