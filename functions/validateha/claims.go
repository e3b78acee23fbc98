package validateha

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// claimUse is a claim, and the parts of Harbor whose pods mount it.
type claimUse struct {
	name      string
	claim     *yaml.RNode   // nil: not in the list
	volumes   []*yaml.RNode // those of the list that it can be bound to
	users     []*part
	reference harbor.Location // of the first user
}

// claimUses finds the claims that Harbor mounts.
func (f *facts) claimUses() []*claimUse {
	var all []*claimUse
	for _, c := range f.parts {
		for _, s := range c.sources {
			if s.Kind != "PersistentVolumeClaim" || !f.uses(c, s.Path[:len(s.Path)-2]) {
				continue
			}
			i := slices.IndexFunc(all, func(u *claimUse) bool { return u.is(c, s.Name) })
			if i < 0 {
				u := &claimUse{name: s.Name, claim: s.Object, reference: harbor.Location{Object: c.RNode, Path: s.Path}}
				if s.Object != nil {
					u.volumes = f.binder.Fitting(s.Object)
				}
				i, all = len(all), append(all, u)
			}
			if !slices.Contains(all[i].users, c) {
				all[i].users = append(all[i].users, c)
			}
		}
	}
	return all
}

// is says whether c means this claim by the name.
func (u *claimUse) is(c *part, name string) bool {
	return u.name == name && u.reference.Object.GetNamespace() == c.GetNamespace()
}

// claimOf is the claim of c by that name, nil when it mounts none.
func (f *facts) claimOf(c *part, name string) *claimUse {
	i := slices.IndexFunc(f.claims, func(u *claimUse) bool { return u.is(c, name) })
	if i < 0 {
		return nil
	}
	return f.claims[i]
}

// volume is the volume that the claim is bound to, nil when that cannot be seen.
func (u *claimUse) volume() *yaml.RNode {
	if u != nil && len(u.volumes) == 1 {
		return u.volumes[0]
	}
	return nil
}

// shared says in words which pods use the claim together, "" when only one does.
func (u *claimUse) shared() string {
	var using []*part // one of each workload
	for _, c := range u.users {
		if !c.scale.none() && !slices.ContainsFunc(using, func(other *part) bool { return other.RNode == c.RNode }) {
			using = append(using, c)
		}
	}
	switch {
	case len(using) == 0 || len(using) == 1 && using[0].scale.single():
		return ""
	case len(using) == 1:
		return fmt.Sprintf("%s has %s", using[0].Name(), using[0].scale.word)
	}
	var all []string
	for _, c := range using {
		all = append(all, krm.Name(c.RNode))
	}
	return strings.Join(all, " and ") + " use it together"
}

// remedy is the section that gives the claim a volume that all nodes reach; ""
// where it has one that is not for use-cephfs to change.
func (u *claimUse) remedy() string {
	pv := u.volume()
	if len(u.users) > 0 && !slices.ContainsFunc(u.users, func(c *part) bool { return c.Name() != harbor.MySQL }) {
		return toDatabase
	}
	if len(u.users) > 0 && !slices.ContainsFunc(u.users, func(c *part) bool { return c.Name() != harbor.JobService || c.Harbor.JobLogs == nil }) {
		return toJobLogs // needs no volume
	}
	if u.claim == nil || pv != nil && (hasAny(pv, krm.Path{"spec"}, "nfs") || isForeign(pv)) {
		return ""
	}
	return krm.Path{"cephFS", "volumes", u.name}.String()
}

// isForeign says whether a driver serves the volume that is neither that of CephFS
// nor one of disks.
func isForeign(pv *yaml.RNode) bool {
	driver := krm.Text(pv, "spec", "csi", "driver")
	return driver != "" && !isCephFS(pv) && !slices.Contains(diskDrivers, driver)
}
