package usecephfs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// target is one volume of the settings, and what the manifests have of it.
type target struct {
	Volume
	s         *UseCephFS
	list      *framework.ResourceList
	setting   string             // its name in the settings
	use       *harbor.StorageUse // of a purpose, nil for the name of a claim
	volumes   []podVolume        // that are to be it
	claim, pv *yaml.RNode        // nil when there is none yet
	newName   string             // of a claim that is to be made
}

// podVolume is a volume of a pod.
type podVolume struct {
	kube.Workload
	at       krm.Path   // leads to it
	template bool       // it is a volumeClaimTemplate
	mounts   []krm.Path // that a purpose is about
}

// finder finds the volumes that settings mean.
type finder struct {
	*UseCephFS
	list   *framework.ResourceList
	binder *kube.Binder
	harbor *harbor.Harbor // nil while only names of claims are asked for
}

// targets finds all volumes, and checks that no two are the same and each has a
// name of its own afterwards.
func (s *UseCephFS) targets(list *framework.ResourceList) ([]*target, error) {
	f := &finder{UseCephFS: s, list: list, binder: kube.NewBinder(list)}
	var all []*target
	var errs []error
	for _, key := range s.keys() {
		t := &target{Volume: s.Volumes[key], s: s, list: list, setting: key}
		find := f.byClaim
		if slices.Contains(harbor.Purposes(), key) {
			find = f.byPurpose
		}
		err := find(t)
		if err == nil && t.claim != nil && t.Claim == "" && s.StorageClass == "" {
			t.pv, err = f.binder.Volume(t.claim)
		}
		if err == nil {
			err = t.apart(all)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, t)
	}
	for i, t := range all {
		errs = append(errs, f.name(t, all[:i]))
	}
	return all, errors.Join(errs...)
}

// apart refuses a volume that another setting means too.
func (t *target) apart(before []*target) error {
	for _, other := range before {
		same := slices.ContainsFunc(t.volumes, func(v podVolume) bool { return slices.ContainsFunc(other.volumes, v.is) })
		switch {
		case t.Claim == "" && other.Claim == "" && t.claim != nil && t.claim == other.claim:
			return krm.FieldErrorf(field(t.setting), "is on %s, and so is %s: name it once", krm.Name(t.claim), other.setting)
		case same:
			return krm.FieldErrorf(field(t.setting), "is the same volume as %s: name it once", other.setting)
		case t.pv != nil && t.pv == other.pv:
			return krm.FieldErrorf(field(t.setting), "%s is bound to %s, which %s is bound to already",
				krm.Name(t.claim), krm.Name(t.pv), krm.Name(other.claim))
		}
	}
	return nil
}

func (v podVolume) is(other podVolume) bool {
	return v.RNode == other.RNode && v.at.String() == other.at.String()
}

// byClaim finds the claim of that name, or the one that an earlier run gave its new
// name to, and the volumes that use it.
func (f *finder) byClaim(t *target) error {
	var found, renamed []*yaml.RNode
	var names []string
	for _, obj := range f.binder.Claims {
		names = append(names, obj.GetName())
		switch {
		case kube.Called(obj, obj.GetNamespace(), t.setting):
			found = append(found, obj)
		case obj.GetName() == t.Name:
			renamed = append(renamed, obj)
		}
	}
	if len(found) == 0 {
		found = renamed
	}
	if len(found) > 1 {
		return krm.FieldErrorf(field(t.setting), "means %d claims, of several namespaces: render each from a kustomization of its own", len(found))
	}
	if len(found) == 1 {
		t.claim = found[0]
	}
	taken := false
	for _, w := range kube.Workloads(f.list) {
		for _, at := range w.Claims() {
			name := krm.Text(w.RNode, at...)
			if t.claim != nil && w.GetNamespace() == t.claim.GetNamespace() && kube.Called(t.claim, w.GetNamespace(), name) || t.claim == nil && name == t.setting {
				t.volumes = append(t.volumes, podVolume{Workload: w, at: at[:len(at)-2]})
			}
			taken = taken || t.Claim != "" && name == t.Claim
			names = append(names, name)
		}
	}
	switch {
	case t.claim != nil && t.Claim != "" && len(t.volumes) == 0:
		return krm.FieldErrorf(field(t.setting)+".claim", "no pod uses %s, whose place it is to take", krm.Name(t.claim))
	case t.claim != nil, t.Claim != "" && (len(t.volumes) > 0 || taken):
		return nil
	}
	slices.Sort(names)
	return krm.FieldErrorf(field(t.setting), "there is no PersistentVolumeClaim %s, %s", t.setting,
		krm.Nearest(t.setting, slices.Concat(slices.Compact(names), harbor.Purposes())))
}

// byPurpose finds the volumes on which parts keep what the purpose says, and their
// claim.
func (f *finder) byPurpose(t *target) error {
	if f.harbor == nil {
		h, err := harbor.In(f.list)
		if err != nil {
			return krm.FieldErrorf(field(t.setting), "%v", err)
		}
		f.harbor = h
	}
	use, ok := f.harbor.StorageOf(t.setting)
	if !ok {
		return krm.FieldErrorf(field(t.setting), "is not known of Harbor %s: name the claim, or leave it out", f.harbor.Generation)
	}
	t.use = &use
	components, err := f.harbor.Active(use.Of)
	if err != nil {
		return krm.FieldErrorf(field(t.setting), "%v", err)
	}
	var all []harbor.Stored
	for _, c := range components {
		all = append(all, c.Stored(use, c.Environment(f.list)))
	}
	for _, c := range f.harbor.Of(use.With...) {
		if stored := c.Stored(use, c.Environment(f.list)); stored.Mounted { // else L04 says so
			all = append(all, stored)
		}
	}
	for _, stored := range all {
		if err := t.check(stored); err != nil {
			return err
		}
		v := podVolume{stored.Workload, stored.Mount.Volume, stored.Mount.Template, nil}
		i := slices.IndexFunc(t.volumes, v.is)
		if i < 0 {
			i, t.volumes = len(t.volumes), append(t.volumes, v)
		}
		t.volumes[i].mounts = append(t.volumes[i].mounts, stored.Mount.Path)
	}
	return t.findClaim()
}

// check refuses what is on no volume that could be another one.
func (t *target) check(s harbor.Stored) error {
	fail := func(format string, args ...any) error {
		return krm.FieldErrorf(field(t.setting), "%s %s", krm.Name(s.RNode), fmt.Sprintf(format, args...))
	}
	switch {
	case !s.Folder.Known:
		return fail("reads the folder from a file or variable that cannot be looked at: name the claim instead of %s", t.setting)
	case s.Folder.Text == "":
		return fail("keeps none in a folder (%s): leave %s out", s.Use.Places[0], t.setting)
	case !s.Mounted:
		return fail("keeps them in %s, where no volume is mounted: mount one there, an emptyDir will do", s.Folder.Text)
	case s.Mount.Template && s.Use.Each == "":
		return fail("has a volumeClaimTemplate for %s, which gives each pod a volume of its own: "+
			"make it a volume of the pod template, an emptyDir will do", s.Folder.Text)
	case slices.Contains(readOnly, s.SourceOf(s.Mount.Volume)):
		return fail("mounts a %s at %s, to which nothing can be written: mount another volume there, an emptyDir will do",
			s.SourceOf(s.Mount.Volume), s.Folder.Text)
	}
	return nil
}

// readOnly are volumes to which pods cannot write.
var readOnly = []string{"configMap", "secret", "projected", "downwardAPI"}

// findClaim finds the one claim of the volumes.
func (t *target) findClaim() error {
	var names []string
	for _, v := range t.volumes {
		if name := v.ClaimOf(v.at); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return nil
	case t.Claim != "":
	case len(names) > 1:
		return krm.FieldErrorf(field(t.setting), "is on the PersistentVolumeClaims %s: name each of them, or one that exists as claim",
			strings.Join(names, " and "))
	}
	t.claim = kube.Find(t.list, "PersistentVolumeClaim", t.volumes[0].GetNamespace(), names[0])
	if t.claim == nil && t.Claim == "" {
		return krm.FieldErrorf(field(t.setting), "is on PersistentVolumeClaim %[1]s, which is not among the resources: "+
			"write claim: %[1]s to leave it as it is, or claim with another one", names[0])
	}
	return nil
}

// name finds a name for a claim that is to be made, and checks that nobody else has
// one of the names, nor will have it: that of a claim in its namespace, that of a
// volume in the cluster.
func (f *finder) name(t *target, before []*target) error {
	if t.Claim != "" || t.eachPod() {
		return nil
	}
	if t.claim == nil {
		t.newName = cmp.Or(t.Name, f.freeName(t, before))
	}
	claim, pv := t.names()
	for _, obj := range slices.Concat(f.binder.Claims, f.binder.Volumes) {
		isClaim := obj.GetKind() == "PersistentVolumeClaim"
		switch {
		case obj == t.claim || obj == t.pv:
		case isClaim && obj.GetName() == claim && obj.GetNamespace() == t.namespace(), !isClaim && obj.GetName() == pv && f.StorageClass == "":
			return krm.FieldErrorf(field(t.setting)+".name", "%s is the name of another %s already: give the two a name that is free",
				obj.GetName(), obj.GetKind())
		}
	}
	for _, other := range before {
		if _, taken := other.names(); taken == pv && f.StorageClass == "" && other.Claim == "" && !other.eachPod() {
			return krm.FieldErrorf(field(t.setting)+".name", "%s will be the name of the PersistentVolume of %s: give the two a name that is free",
				pv, other.setting)
		}
	}
	return nil
}

// freeName is a name like the chart's, that of the workload, unless it is taken.
func (f *finder) freeName(t *target, before []*target) string {
	workload := t.volumes[0].GetName()
	suffix := map[string]string{harbor.ForImages: "images", harbor.ForJobLogs: "job-logs", harbor.ForScanCache: "scan-cache"}[t.setting]
	name := workload
	for i := 1; f.taken(name, before); i++ {
		name = workload + "-" + suffix
		if i > 1 {
			name = fmt.Sprintf("%s-%d", name, i)
		}
	}
	return name
}

func (f *finder) taken(name string, before []*target) bool {
	return slices.ContainsFunc(slices.Concat(f.binder.Claims, f.binder.Volumes), func(obj *yaml.RNode) bool { return obj.GetName() == name }) ||
		slices.ContainsFunc(before, func(t *target) bool { claim, pv := t.names(); return claim == name || pv == name })
}

// names are those that claim and volume have afterwards.
func (t *target) names() (claim, pv string) {
	switch {
	case t.Name != "":
		return t.Name, t.Name
	case t.claim == nil:
		return t.newName, t.newName
	case t.pv != nil:
		return t.claim.GetName(), t.pv.GetName()
	}
	return t.claim.GetName(), cmp.Or(krm.Text(t.claim, "spec", "volumeName"), t.claim.GetName())
}

func (t *target) namespace() string {
	if t.claim != nil {
		return t.claim.GetNamespace()
	}
	return t.volumes[0].GetNamespace()
}
