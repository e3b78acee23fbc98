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
		claim := kube.Find(t.list, "PersistentVolumeClaim", v.GetNamespace(), v.ClaimOf(v.at))
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

// setSubPath makes all containers see the folder of the claim's volume. A mount of
// another folder than the others is not for this setting to change, unless it is
// about that very mount.
func (t *target) setSubPath() error {
	if t.SubPath == "" {
		return nil
	}
	for _, v := range t.volumes {
		first := ""
		for i, m := range v.allMounts() {
			if i == 0 {
				first = m.SubPath
			}
			if !v.isAbout(m) && m.SubPath != first {
				return krm.FieldErrorf("subPath", "%s mounts %q and %q of the volume: give each folder a volume of its own first",
					krm.Name(v.RNode), first, m.SubPath)
			}
			krm.Remove(t.list, v.RNode, m.Path.Append("subPathExpr")...)
			if err := krm.Set(t.list, v.RNode, t.SubPath, m.Path.Append("subPath")...); err != nil {
				return err
			}
		}
	}
	return nil
}

// allMounts are those of the volume in the containers, first those that a purpose is
// about.
func (v podVolume) allMounts() []kube.Mount {
	var about, others []kube.Mount
	for _, m := range v.MountsOf(v.at) {
		if v.isAbout(m) {
			about = append(about, m)
		} else {
			others = append(others, m)
		}
	}
	return slices.Concat(about, others)
}

func (v podVolume) isAbout(m kube.Mount) bool {
	return slices.ContainsFunc(v.mounts, func(at krm.Path) bool { return at.String() == m.Path.String() })
}
