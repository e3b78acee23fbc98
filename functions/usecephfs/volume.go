package usecephfs

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// size is what claim and volume are to have.
func (t *target) size() (string, error) {
	now := ""
	if t.claim != nil {
		now = krm.Text(t.claim, requested...)
	}
	size := cmp.Or(t.Size, now)
	switch {
	case size == "" && t.claim != nil:
		return "", krm.FieldErrorf("size", "is missing, and %s asks for none", krm.Name(t.claim))
	case size == "":
		return "", krm.FieldErrorf("size", "is missing, and there is no PersistentVolumeClaim yet that asks for one")
	case t.Name == "" && !t.otherSource() && less(size, now):
		return "", krm.FieldErrorf("size", "%s is less than the %s of %s, and a claim cannot shrink: want at least that, or name for a new claim",
			size, now, krm.Name(t.claim))
	}
	return size, nil
}

// otherSource says whether the claim has a volume of another source, or seeks one
// that is not contained: a cluster changes no source, so both are made anew and may
// be smaller.
func (t *target) otherSource() bool {
	if t.pv == nil {
		return t.s.StorageClass == "" && t.claim != nil && krm.Lookup(t.claim, "spec", "selector") != nil
	}
	kind, _ := t.source(t.s, t.pv)
	return krm.Lookup(t.pv, "spec", kind) == nil
}

var requested = krm.Path{"spec", "resources", "requests", "storage"}

// less compares sizes; one that cannot be read is not more than another.
func less(size, than string) bool {
	a, err := resource.ParseQuantity(size)
	b, failed := resource.ParseQuantity(than)
	return err == nil && failed == nil && a.Cmp(b) < 0
}

// addClaim makes a claim, and volumes of pods use it.
func (t *target) addClaim(size string) error {
	w := t.volumes[0]
	t.claim = yaml.NewRNode(krm.Map("apiVersion", "v1", "kind", "PersistentVolumeClaim", "metadata", w.Metadata(t.newName), "spec",
		krm.Map("accessModes", krm.List("ReadWriteMany"), "resources", krm.Map("requests", krm.Map("storage", size)))))
	krm.Add(t.list, t.claim, w.RNode)
	return t.mount(t.newName)
}

// mount makes the volumes of pods use the claim.
func (t *target) mount(claim string) error {
	for _, v := range t.volumes {
		var err error
		if v.ClaimOf(v.at) != "" {
			err = krm.Set(t.list, v.RNode, claim, v.at.Append("persistentVolumeClaim", "claimName")...)
		} else {
			name := krm.Text(v.RNode, v.at.Append("name")...)
			err = krm.Set(t.list, v.RNode, krm.Map("name", name, "persistentVolumeClaim", krm.Map("claimName", claim)), v.at...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setStatic makes claim and volume fit each other.
func (t *target) setStatic(size string) error {
	if t.pv == nil {
		t.pv = newVolume(t.claim)
		krm.Add(t.list, t.pv, t.claim)
	}
	if t.Name != "" {
		if err := t.rename(); err != nil {
			return err
		}
	}
	if err := t.setVolume(size); err != nil {
		return err
	}
	return t.setClaim(size)
}

// boundAnnotations say in a cluster that the claim has a volume, and which driver
// has made it (kubernetes pkg/controller/volume/persistentvolume/pv_controller.go).
var boundAnnotations = []string{"pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller",
	"volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node"}

// setDynamic makes the claim one for which the class makes the volume. The one that
// it had goes.
func (t *target) setDynamic(size string) error {
	harbor.DropVolume(t.list, kube.NewBinder(t.list), t.claim, "StorageClass %s makes the volume of %s", t.s.StorageClass, krm.Name(t.claim))
	if t.Name != "" {
		if err := t.rename(); err != nil {
			return err
		}
	}
	for _, name := range append([]string{kube.ClassAnnotation}, boundAnnotations...) {
		removeFrom(t.list, t.claim, "annotations", name)
	}
	for _, field := range []string{"selector", "volumeName", "volumeAttributesClassName"} {
		krm.Remove(t.list, t.claim, "spec", field)
	}
	if kube.VolumeMode(t.claim) == "Block" {
		krm.Remove(t.list, t.claim, "spec", "volumeMode")
	}
	return setAll(t.list, t.claim, []edit{
		{krm.List("ReadWriteMany"), krm.Path{"spec", "accessModes"}},
		{size, requested},
		{t.s.StorageClass, krm.Path{"spec", "storageClassName"}},
	})
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
func (t *target) rename() error {
	for _, w := range kube.Workloads(t.list) {
		for _, name := range w.Claims() {
			if w.GetNamespace() == t.claim.GetNamespace() && kube.Called(t.claim, t.claim.GetNamespace(), krm.Text(w.RNode, name...)) {
				if err := krm.Set(t.list, w.RNode, t.Name, name...); err != nil {
					return err
				}
			}
		}
	}
	for _, obj := range []*yaml.RNode{t.claim, t.pv} {
		if obj == nil {
			continue // a StorageClass makes it
		}
		if err := krm.Set(t.list, obj, t.Name, "metadata", "name"); err != nil {
			return err
		}
	}
	return nil
}

// reserve makes a volume that is reserved for the claim name it as it is called
// now: kustomize would not.
func (t *target) reserve() error {
	if reserved, ours := kube.Reserved(t.pv, t.claim); !reserved || ours {
		return nil
	}
	if err := krm.Set(t.list, t.pv, t.claim.GetName(), "spec", "claimRef", "name"); err != nil {
		return err
	}
	if namespace := t.claim.GetNamespace(); namespace != "" {
		if err := krm.Set(t.list, t.pv, namespace, "spec", "claimRef", "namespace"); err != nil {
			return err
		}
	}
	// The identity of the old claim would keep the new one from binding.
	krm.Remove(t.list, t.pv, "spec", "claimRef", "uid")
	krm.Remove(t.list, t.pv, "spec", "claimRef", "resourceVersion")
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

func (t *target) setVolume(size string) error {
	kind, source := t.source(t.s, t.pv)
	stays := krm.Lookup(t.pv, "spec", kind) != nil
	for _, field := range slices.Sorted(maps.Keys(krm.Strings(t.pv, "spec"))) {
		ours := field == kind || field == "mountOptions" && stays
		if !ours && !slices.Contains(general, field) {
			krm.Remove(t.list, t.pv, "spec", field)
		}
	}
	for _, name := range sourceAnnotations {
		if name == kube.ClassAnnotation || !stays {
			removeFrom(t.list, t.pv, "annotations", name)
		}
	}
	for _, name := range sourceLabels {
		if krm.Lookup(t.claim, "spec", "selector", "matchLabels", name) == nil {
			removeFrom(t.list, t.pv, "labels", name)
		}
	}
	if err := t.reserve(); err != nil {
		return err
	}
	return setAll(t.list, t.pv, []edit{
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
func (t *target) setClaim(size string) error {
	removeFrom(t.list, t.claim, "annotations", kube.ClassAnnotation)
	krm.Remove(t.list, t.claim, "spec", "volumeAttributesClassName")
	err := setAll(t.list, t.claim, []edit{
		{krm.List("ReadWriteMany"), krm.Path{"spec", "accessModes"}},
		{size, requested},
		{"", krm.Path{"spec", "storageClassName"}},
	})
	if b := kube.NewBinder(t.list); err != nil || t.Name == "" && b.Meant(t.claim, t.pv) && b.Leads(t.claim, t.pv) {
		return err
	}
	return krm.Set(t.list, t.claim, t.pv.GetName(), "spec", "volumeName")
}
