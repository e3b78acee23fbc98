package usecephfs

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// take makes pods use the claim that exists, and takes the ones that they used
// away.
func (t *target) take() error {
	if t.eachPod() {
		if t.volumes[0].template {
			t.leaveTemplates()
			return nil
		}
		if err := t.checkOne(); err != nil {
			return err
		}
	}
	var old []*yaml.RNode
	for _, v := range t.volumes {
		claim := kube.Find(t.list, "PersistentVolumeClaim", v.GetNamespace(), v.claimName())
		if claim != nil && !slices.Contains(old, claim) && !kube.Called(claim, v.GetNamespace(), t.Claim) {
			old = append(old, claim)
		}
	}
	if err := t.mount(t.Claim); err != nil {
		return err
	}
	if err := t.setSubPath(); err != nil {
		return err
	}
	for _, claim := range old {
		harbor.DropClaim(t.list, claim, fmt.Sprintf("%s uses claim %s now; copy what is on it before, since tools that prune delete it",
			krm.Name(t.volumes[0].RNode), t.Claim))
	}
	return nil
}

// setSubPath makes all containers see the folder of the claim's volume. Where they
// see several folders, a purpose says which one is meant.
func (t *target) setSubPath() error {
	if t.SubPath == "" {
		return nil
	}
	for _, v := range t.volumes {
		var mounts []krm.Path
		for _, c := range v.Containers() {
			for _, m := range c.Mounts() {
				if m.Volume.String() != v.at.String() {
					continue
				}
				mounts = append(mounts, m.Path)
				if first := krm.Text(v.RNode, mounts[0].Append("subPath")...); m.SubPath != first {
					return krm.FieldErrorf("subPath", "%s mounts %q and %q of the volume: give each folder a volume of its own first",
						krm.Name(v.RNode), first, m.SubPath)
				}
			}
		}
		for _, at := range mounts {
			krm.Remove(t.list, v.RNode, at.Append("subPathExpr")...)
			if err := krm.Set(t.list, v.RNode, t.SubPath, at.Append("subPath")...); err != nil {
				return err
			}
		}
	}
	return nil
}
