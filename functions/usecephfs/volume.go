package usecephfs

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

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
