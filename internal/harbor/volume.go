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

// OfPod says whether what is mounted goes with its pod.
func (c Component) OfPod(m kube.Mount) bool {
	return !m.Template && slices.Contains(ofPod, c.SourceOf(m.Volume))
}

// Shares says whether all pods of the component see the same in a mount, wherever
// they run, as far as the list shows it: a claim that is not contained may be for
// all.
func (c Component) Shares(list *framework.ResourceList, m kube.Mount) bool {
	if m.Template || c.OfPod(m) || slices.Contains(ofNode, c.SourceOf(m.Volume)) || krm.Lookup(c.RNode, m.Path.Append("subPathExpr")...) != nil {
		return false
	}
	name := c.ClaimOf(m.Volume)
	claim := kube.FindSource(list, "PersistentVolumeClaim", c.GetNamespace(), name)
	return name == "" || claim == nil || slices.Contains(kube.Modes(claim), "ReadWriteMany")
}

// mountSecret makes the container see a Secret in a folder, as a volume of that name.
func (c Component) mountSecret(list *framework.ResourceList, name, dir string, secret *yaml.Node) error {
	volumes, mounts := c.Pod.Append("volumes"), c.Path.Append("volumeMounts")
	if err := krm.Set(list, c.RNode, krm.Map("name", name, "secret", secret), named(c.RNode, volumes, name)...); err != nil {
		return err
	}
	return krm.Set(list, c.RNode, krm.Map("name", name, "mountPath", dir), named(c.RNode, mounts, name)...)
}

// named leads to the element of a list with that name, or to a new one.
func named(obj *yaml.RNode, list krm.Path, name string) krm.Path {
	all := krm.Elements(obj, list...)
	i := slices.IndexFunc(all, func(n *yaml.Node) bool { return krm.Text(yaml.NewRNode(n), "name") == name })
	if i < 0 {
		i = len(all)
	}
	return list.Append(i)
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
	if c.OfPod(m) {
		return nil
	}
	for _, o := range c.MountsOf(m.Volume) {
		if path.Clean(o.MountPath) != path.Clean(m.MountPath) || o.SubPath != m.SubPath {
			krm.Notice(h.list, c.RNode, "left the volume at %s of %s: it is mounted at %s too", m.MountPath, krm.Name(c.RNode), o.MountPath)
			return nil
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
		if s.Object == nil {
			krm.Notice(h.list, nil, "PersistentVolumeClaim %s, which is not among the resources, is used no more: %s", s.Name, why)
			continue
		}
		DropClaim(h.list, s.Object, why)
	}
	return nil
}

// DropClaim takes a claim away that a pod does not use any more, and its
// PersistentVolume, unless somebody else uses it.
func DropClaim(list *framework.ResourceList, claim *yaml.RNode, why string) {
	for _, w := range kube.Workloads(list) {
		if w.Uses(claim) {
			krm.Notice(list, claim, "left %s: %s uses it too", krm.Name(claim), krm.Name(w.RNode))
			return
		}
	}
	b := kube.NewBinder(list) // with the claim in it
	krm.Delete(list, claim, "%s", why)
	DropVolume(list, b, claim, "it was for %s alone", krm.Name(claim))
}

// DropVolume takes the PersistentVolume of a claim away that leads to no other one.
// The binder knows the claim still, when that is gone.
func DropVolume(list *framework.ResourceList, b *kube.Binder, claim *yaml.RNode, why string, args ...any) {
	pv, err := b.Volume(claim)
	switch {
	case err != nil || pv == nil:
	case b.Meant(claim, pv) && b.Leads(claim, pv):
		krm.Delete(list, pv, why, args...)
	default:
		krm.Notice(list, pv, "left %s: nothing but its class and size says that it was for %s", krm.Name(pv), krm.Name(claim))
	}
}
