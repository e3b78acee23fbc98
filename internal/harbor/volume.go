package harbor

import (
	"path"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// ofPod are the volumes that go with their pod, ofNode those that stay on a node.
var (
	ofPod  = []string{"emptyDir", "configMap", "secret", "projected", "downwardAPI", "ephemeral"}
	ofNode = []string{"hostPath"}
)

func (c Component) isOneOf(volume krm.Path, sources ...string) bool {
	return slices.ContainsFunc(sources, func(s string) bool { return krm.Lookup(c.RNode, volume.Append(s)...) != nil })
}

// Shares says whether all pods of the component see the same in a mount, wherever
// they run, as far as the list shows it: a claim that is not contained may be for
// all.
func (c Component) Shares(list *framework.ResourceList, m kube.Mount) bool {
	if m.Template || c.isOneOf(m.Volume, ofPod...) || c.isOneOf(m.Volume, ofNode...) || krm.Lookup(c.RNode, m.Path.Append("subPathExpr")...) != nil {
		return false
	}
	name := krm.Text(c.RNode, m.Volume.Append("persistentVolumeClaim", "claimName")...)
	claim := kube.FindSource(list, "PersistentVolumeClaim", c.GetNamespace(), name)
	return name == "" || claim == nil || slices.Contains(kube.Modes(claim), "ReadWriteMany")
}

// freeVolume puts an emptyDir in the place of a volume in which nobody keeps
// anything any more: as charts do, what mounts it stays. Its claim goes, unless
// somebody else uses it. why goes on after a colon.
func (h *Harbor) freeVolume(c Component, m kube.Mount, why string) error {
	if m.Template {
		krm.Notice(h.list, c.RNode, "left the volume claim template at %s of %s, which cannot be changed in a cluster: %s",
			m.MountPath, krm.Name(c.RNode), why)
		return nil
	}
	if c.isOneOf(m.Volume, ofPod...) {
		return nil
	}
	for _, other := range c.Containers() {
		for _, o := range other.Mounts() {
			if o.Volume.String() == m.Volume.String() && (path.Clean(o.MountPath) != path.Clean(m.MountPath) || o.SubPath != m.SubPath) {
				krm.Notice(h.list, c.RNode, "left the volume at %s of %s: it is mounted at %s too", m.MountPath, krm.Name(c.RNode), o.MountPath)
				return nil
			}
		}
	}
	var claimed []kube.Source
	for _, s := range c.Sources(h.list) {
		if s.Kind == "PersistentVolumeClaim" && s.Path[:len(m.Volume)].String() == m.Volume.String() {
			claimed = append(claimed, s)
		}
	}
	volume := krm.Map("name", krm.Text(c.RNode, m.Volume.Append("name")...), "emptyDir", krm.Map())
	if err := krm.Set(h.list, c.RNode, volume, m.Volume...); err != nil {
		return err
	}
	for _, s := range claimed {
		h.dropClaim(s, why)
	}
	return nil
}

// dropClaim takes a claim away that a pod does not use any more, and its
// PersistentVolume.
func (h *Harbor) dropClaim(s kube.Source, why string) {
	claim := s.Object
	if claim == nil {
		krm.Notice(h.list, nil, "PersistentVolumeClaim %s, which is not among the resources, is used no more: %s", s.Name, why)
		return
	}
	for _, w := range kube.Workloads(h.list) {
		if w.Uses(claim) {
			krm.Notice(h.list, claim, "left %s: %s uses it too", krm.Name(claim), krm.Name(w.RNode))
			return
		}
	}
	b := kube.NewBinder(h.list) // with the claim in it
	krm.Delete(h.list, claim, "%s", why)
	dropVolume(h.list, b, claim)
}

// dropVolume takes the PersistentVolume away that leads to no other claim than this
// one, which is gone.
func dropVolume(list *framework.ResourceList, b *kube.Binder, claim *yaml.RNode) {
	pv, err := b.Volume(claim)
	switch {
	case err != nil || pv == nil:
	case b.Meant(claim, pv) && b.Leads(claim, pv):
		krm.Delete(list, pv, "it was for %s alone", krm.Name(claim))
	default:
		krm.Notice(list, pv, "left %s: nothing but its class and size says that it was for %s", krm.Name(pv), krm.Name(claim))
	}
}
