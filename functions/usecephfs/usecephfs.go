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
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
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

// Validate checks the settings.
func (s *UseCephFS) Validate() error {
	var errs []error
	switch {
	case s.CSI == nil && s.InTree == nil:
		errs = append(errs, krm.FieldErrorf("csi", "is missing, or inTree for Kubernetes up to 1.30"))
	case s.CSI != nil && s.InTree != nil:
		errs = append(errs, krm.FieldErrorf("inTree", "stands beside csi, want one of them"))
	case s.CSI != nil:
		errs = append(errs, s.CSI.validate())
	default:
		errs = append(errs, s.InTree.validate())
	}
	if len(s.Volumes) == 0 {
		errs = append(errs, krm.FieldErrorf("volumes", "is empty, want at least one PersistentVolumeClaim"))
	}
	paths, names := map[string]string{}, map[string]string{}
	for _, claim := range s.claims() {
		v := s.Volumes[claim]
		errs = append(errs, krm.CheckName(field(claim), claim), v.validate(field(claim)))
		if first, ok := paths[v.Path]; ok {
			errs = append(errs, krm.FieldErrorf(field(claim)+".path", "%s is the path of %s already: two volumes would write over each other",
				v.Path, first))
		}
		if first, ok := names[v.Name]; ok && v.Name != "" {
			errs = append(errs, krm.FieldErrorf(field(claim)+".name", "%s is the name of %s already", v.Name, first))
		}
		paths[v.Path], names[v.Name] = claim, claim
	}
	return errors.Join(errs...)
}

// field is the setting of a claim.
func field(claim string) string { return krm.Path{"volumes", claim}.String() }

func (s *UseCephFS) claims() []string { return slices.Sorted(maps.Keys(s.Volumes)) }

func (v Volume) validate(field string) error {
	var errs []error
	errs = append(errs, krm.CheckPath(field+".path", v.Path))
	if v.Size != "" {
		errs = append(errs, krm.CheckQuantity(field+".size", v.Size))
	}
	if v.Name != "" {
		errs = append(errs, krm.CheckName(field+".name", v.Name))
	}
	return errors.Join(errs...)
}

func (c *CSI) validate() error {
	var errs []error
	if c.Mounter != "" && c.Mounter != "kernel" && c.Mounter != "fuse" {
		errs = append(errs, krm.FieldErrorf("csi.mounter", "%q is neither kernel nor fuse", c.Mounter))
	}
	return errors.Join(append(errs,
		krm.CheckName("csi.driver", c.Driver),
		krm.CheckIdentifier("csi.clusterID", c.ClusterID),
		krm.CheckIdentifier("csi.fsName", c.FSName),
		krm.CheckName("csi.secret.name", c.Secret.Name),
		krm.CheckLabel("csi.secret.namespace", c.Secret.Namespace))...)
}

func (t *InTree) validate() error {
	var errs []error
	if len(t.Monitors) == 0 {
		errs = append(errs, krm.FieldErrorf("inTree.monitors", "is empty, want at least one host:port"))
	}
	for i, m := range t.Monitors {
		errs = append(errs, krm.CheckHostPort(fmt.Sprintf("inTree.monitors[%d]", i), m))
	}
	return errors.Join(append(errs, krm.CheckIdentifier("inTree.user", t.User), krm.CheckName("inTree.secretName", t.SecretName))...)
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

// apply changes the claim and its volume.
func (p pair) apply(list *framework.ResourceList, s *UseCephFS) error {
	size := cmp.Or(p.Size, krm.Text(p.claim, "spec", "resources", "requests", "storage"))
	if size == "" {
		return krm.FieldErrorf("size", "is missing, and %s asks for none", krm.Name(p.claim))
	}
	if p.pv == nil {
		p.pv = newVolume(p.claim)
		krm.Add(list, p.pv, p.claim)
	}
	if p.Name != "" {
		if err := p.rename(list); err != nil {
			return err
		}
	}
	if err := p.setVolume(list, s, size); err != nil {
		return err
	}
	return p.setClaim(list, size)
}

// newVolume makes the volume of a claim that has none in the list.
func newVolume(claim *yaml.RNode) *yaml.RNode {
	name := krm.Text(claim, "spec", "volumeName")
	if name == "" {
		name = claim.GetName()
	}
	metadata := krm.Map("name", name)
	if labels := krm.Lookup(claim, "spec", "selector", "matchLabels"); labels != nil && labels.Kind == yaml.MappingNode {
		metadata = krm.Map("name", name, "labels", yaml.CopyYNode(labels))
	}
	return yaml.NewRNode(krm.Map("apiVersion", "v1", "kind", "PersistentVolume", "metadata", metadata, "spec", krm.Map()))
}

// rename gives both the new name, which pod templates follow: kustomize would not
// rewrite them.
func (p pair) rename(list *framework.ResourceList) error {
	for _, w := range kube.Workloads(list) {
		for _, name := range w.Claims() {
			if w.GetNamespace() == p.claim.GetNamespace() && kube.Called(p.claim, p.claim.GetNamespace(), krm.Text(w.RNode, name...)) {
				if err := krm.Set(list, w.RNode, p.Name, name...); err != nil {
					return err
				}
			}
		}
	}
	for _, obj := range []*yaml.RNode{p.claim, p.pv} {
		if err := krm.Set(list, obj, p.Name, "metadata", "name"); err != nil {
			return err
		}
	}
	return nil
}

// reserve makes a volume that is reserved for the claim name it as it is called
// now: kustomize would not.
func (p pair) reserve(list *framework.ResourceList) error {
	if reserved, ours := kube.Reserved(p.pv, p.claim); !reserved || ours {
		return nil
	}
	if err := krm.Set(list, p.pv, p.claim.GetName(), "spec", "claimRef", "name"); err != nil {
		return err
	}
	if namespace := p.claim.GetNamespace(); namespace != "" {
		if err := krm.Set(list, p.pv, namespace, "spec", "claimRef", "namespace"); err != nil {
			return err
		}
	}
	// The identity of the old claim would keep the new one from binding.
	krm.Remove(list, p.pv, "spec", "claimRef", "uid")
	krm.Remove(list, p.pv, "spec", "claimRef", "resourceVersion")
	return nil
}

// general are the fields of a PersistentVolume's spec that do not belong to one
// kind of source.
var general = []string{"accessModes", "capacity", "claimRef", "persistentVolumeReclaimPolicy", "volumeMode"}

// Annotations and labels of a PersistentVolume that belong to its source: the
// options of its mount, and the zone that its pods have to be in (kubernetes
// pkg/scheduler/framework/plugins/volumezone).
var (
	sourceAnnotations = []string{kube.ClassAnnotation, "volume.beta.kubernetes.io/mount-options"}
	sourceLabels      = []string{"topology.kubernetes.io/zone", "topology.kubernetes.io/region",
		"failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"}
)

func (p pair) setVolume(list *framework.ResourceList, s *UseCephFS, size string) error {
	kind, source := p.source(s, p.pv)
	stays := krm.Lookup(p.pv, "spec", kind) != nil
	for _, field := range slices.Sorted(maps.Keys(krm.Strings(p.pv, "spec"))) {
		ours := field == kind || field == "mountOptions" && stays
		if !ours && !slices.Contains(general, field) {
			krm.Remove(list, p.pv, "spec", field)
		}
	}
	for _, name := range sourceAnnotations {
		if name == kube.ClassAnnotation || !stays {
			removeFrom(list, p.pv, "annotations", name)
		}
	}
	for _, name := range sourceLabels {
		if krm.Lookup(p.claim, "spec", "selector", "matchLabels", name) == nil {
			removeFrom(list, p.pv, "labels", name)
		}
	}
	if err := p.reserve(list); err != nil {
		return err
	}
	return setAll(list, p.pv, []edit{
		{size, krm.Path{"spec", "capacity", "storage"}},
		{krm.List("ReadWriteMany"), krm.Path{"spec", "accessModes"}},
		{"Retain", krm.Path{"spec", "persistentVolumeReclaimPolicy"}},
		{"Filesystem", krm.Path{"spec", "volumeMode"}},
		{source, krm.Path{"spec", kind}},
	})
}

// removeFrom takes a label or annotation away, and their mapping when it is empty
// then.
func removeFrom(list *framework.ResourceList, obj *yaml.RNode, field, name string) {
	if krm.Lookup(obj, "metadata", field, name) == nil {
		return
	}
	if len(krm.Strings(obj, "metadata", field)) == 1 {
		krm.Remove(list, obj, "metadata", field)
		return
	}
	krm.Remove(list, obj, "metadata", field, name)
}

type edit struct {
	value any
	path  krm.Path
}

func setAll(list *framework.ResourceList, obj *yaml.RNode, edits []edit) error {
	for _, e := range edits {
		if err := krm.Set(list, obj, e.value, e.path...); err != nil {
			return err
		}
	}
	return nil
}

// source is the field of the spec that holds the source, and the source.
func (v Volume) source(s *UseCephFS, pv *yaml.RNode) (string, *yaml.Node) {
	if t := s.InTree; t != nil {
		return "cephfs", krm.Map(
			"monitors", t.Monitors,
			"path", v.Path,
			"user", t.User,
			"secretRef", krm.Map("name", t.SecretName),
			"readOnly", t.ReadOnly)
	}
	c := s.CSI
	attributes := krm.Map("clusterID", c.ClusterID, "fsName", c.FSName, "staticVolume", "true", "rootPath", v.Path)
	if c.Mounter != "" {
		attributes = krm.Map("clusterID", c.ClusterID, "fsName", c.FSName, "mounter", c.Mounter, "staticVolume", "true", "rootPath", v.Path)
	}
	return "csi", krm.Map(
		"driver", c.Driver,
		"volumeHandle", v.handle(c, pv),
		"nodeStageSecretRef", krm.Map("name", c.Secret.Name, "namespace", c.Secret.Namespace),
		"volumeAttributes", attributes)
}

// handle identifies the volume to the driver, which takes two volumes of one
// handle for the same one. It is made from what it leads to: kustomize may
// rename two Harbors apart, and the handles must not stay equal then.
func (v Volume) handle(c *CSI, pv *yaml.RNode) string {
	sum := sha256.Sum256([]byte(c.ClusterID + "\n" + c.FSName + "\n" + v.Path))
	return fmt.Sprintf("%s-%x", pv.GetName(), sum[:4])
}

// setClaim makes the claim fit the volume. It names the volume unless they find
// each other; a renamed one always, since its labels may still fit the old
// volume in the cluster.
func (p pair) setClaim(list *framework.ResourceList, size string) error {
	removeFrom(list, p.claim, "annotations", kube.ClassAnnotation)
	krm.Remove(list, p.claim, "spec", "volumeAttributesClassName")
	err := setAll(list, p.claim, []edit{
		{krm.List("ReadWriteMany"), krm.Path{"spec", "accessModes"}},
		{size, krm.Path{"spec", "resources", "requests", "storage"}},
		{"", krm.Path{"spec", "storageClassName"}},
	})
	if b := kube.NewBinder(list); err != nil || p.Name == "" && b.Meant(p.claim, p.pv) && b.Leads(p.claim, p.pv) {
		return err
	}
	return krm.Set(list, p.claim, p.pv.GetName(), "spec", "volumeName")
}
