package validateha

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var references = Rule{
	ID: "L16", Severity: framework.Error,
	What: "Every ConfigMap, Secret, key and claim that a pod of Harbor needs is there.",
	Why:  "A pod without them is never started; kustomize does not rename references in ReplicationControllers (kustomize api/internal/konfig/builtinpluginconsts/namereference.go), nor any that leads into another namespace.",
	Do:   "Correct the name, or add what is missing.",
	check: func(k *checker) {
		var unseen []use
		for _, c := range k.all {
			for _, s := range k.sources(c.Workload) {
				if s.Object == nil {
					unseen = append(unseen, use{c.Workload, s})
					continue
				}
				k.checkRenamed(c.Workload, s)
				k.checkKey(c.Workload, s)
			}
		}
		k.checkUnseen(unseen)
	},
}

// use is a reference, and the workload that it stands in.
type use struct {
	kube.Workload
	kube.Source
}

// checkRenamed looks at references by a name from before a namePrefix or the hash
// of a generator. kustomize changes those to ConfigMaps and Secrets later, but
// not in ReplicationControllers.
func (k *checker) checkRenamed(w kube.Workload, s kube.Source) {
	switch {
	case w.GetKind() != "ReplicationController" || s.Kind == "PersistentVolumeClaim":
	case s.Object.GetName() != s.Name:
		k.warn(w.RNode, nil, "refers to %s %s, which is now called %s: kustomize does not change references in a ReplicationController", s.Kind, s.Name, s.Object.GetName())
	case kube.GetsHash(s.Object):
		k.warn(w.RNode, nil, "refers to %s %s, to whose name kustomize will add a hash: it does not change references in a ReplicationController, set disableNameSuffixHash in the generator", s.Kind, s.Name)
	}
}

func (k *checker) checkKey(w kube.Workload, s kube.Source) {
	if s.Key == "" || s.Optional || krm.Lookup(s.Object, kube.KeyPath(s.Object, s.Key)...) != nil {
		return
	}
	keys := kube.Keys(s.Object)
	hint := ""
	if near := krm.Nearest(s.Key, keys); len(keys) <= 12 {
		hint = ": it has " + strings.Join(keys, ", ")
	} else if strings.HasPrefix(near, "did you mean") {
		hint = ": " + near
	}
	k.error(w.RNode, s.Path.Append("key"), "%s has no key %s, and the pod does not start without%s", krm.Name(s.Object), s.Key, hint).is(s.Key)
}

// checkUnseen looks at references to what is not in the list: each object once
// in each workload, one that may be elsewhere once in all.
func (k *checker) checkUnseen(all []use) {
	var told []string
	for _, u := range all {
		name := u.Kind + " " + u.Source.Name
		elsewhere, renamed := k.hasElsewhere(u.Kind, u.Workload, u.Source.Name), k.renamed(u)
		id, here := u.GetNamespace()+"/"+name, krm.Name(u.Workload.RNode)+" "+name
		switch {
		case u.Optional || slices.Contains(told, here):
			continue
		case elsewhere != nil && elsewhere.GetNamespace() != "" && u.GetNamespace() != "":
			k.error(u.Workload.RNode, u.Path, "%s is in namespace %s, and pods cannot reach it from %s", name, elsewhere.GetNamespace(), u.GetNamespace()).is(u.Source.Name)
		case elsewhere != nil:
			k.warn(u.Workload.RNode, u.Path, "%s has namespace %q and the pod %q: they meet only if both are applied to the same one", name, elsewhere.GetNamespace(), u.GetNamespace()).is(u.Source.Name)
		case renamed != nil:
			say := k.error
			if u.Kind == "Secret" {
				say = k.warn // which is often made in another way
			}
			say(u.Workload.RNode, u.Path, "%s is not among the resources, but %s is, which nobody refers to", name, krm.Name(renamed)).
				is(u.Source.Name).want(renamed.GetName())
		case u.Kind == "PersistentVolumeClaim", slices.Contains(told, id), name == "ConfigMap kube-root-ca.crt":
		case u.Kind == "ConfigMap":
			k.warn(u.Workload.RNode, u.Path, "%s is not among the resources: the pod does not start until it is there", name).is(u.Source.Name)
			told = append(told, id)
		default:
			k.note(u.Workload.RNode, u.Path, "%s is not among the resources: check that it is there%s", name, keysOf(all, u))
			told = append(told, id)
		}
		told = append(told, here)
	}
}

// keysOf lists the keys that are needed of a Secret.
func keysOf(all []use, of use) string {
	var keys []string
	for _, u := range all {
		if u.Kind == of.Kind && u.Source.Name == of.Source.Name && u.GetNamespace() == of.GetNamespace() && u.Key != "" && !u.Optional {
			keys = append(keys, u.Key)
		}
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); len(keys) == 0 {
		return ""
	}
	return fmt.Sprintf(" and holds %s", strings.Join(keys, ", "))
}

// wanted says whether a pod of the list refers to the object, or is what the
// Service leads to.
func (k *checker) wanted(obj *yaml.RNode) bool {
	return slices.ContainsFunc(k.workloads, func(w kube.Workload) bool {
		return w.Behind(obj) || slices.ContainsFunc(k.sources(w), func(s kube.Source) bool { return s.Object == obj })
	})
}

// hasElsewhere finds an object of the name in another namespace than the
// workload's, where nobody wants it.
func (k *checker) hasElsewhere(kind string, w kube.Workload, name string) *yaml.RNode {
	for _, obj := range k.ofKind(kind) {
		if obj.GetNamespace() != w.GetNamespace() && kube.Called(obj, obj.GetNamespace(), name) && !k.wanted(obj) {
			return obj
		}
	}
	return nil
}

// renamed finds the object that a reference means by an old name or with a slip
// of the pen: the names are alike, nobody refers to the object, and it has the
// key.
func (k *checker) renamed(u use) *yaml.RNode {
	for _, obj := range k.ofKind(u.Kind) {
		name := obj.GetName()
		alike := strings.HasSuffix(name, "-"+u.Source.Name) || strings.HasPrefix(name, u.Source.Name+"-") || levenshtein.ComputeDistance(name, u.Source.Name) <= 2
		if obj.GetNamespace() != u.GetNamespace() || !alike ||
			u.Key != "" && !slices.Contains(kube.Keys(obj), u.Key) {
			continue
		}
		if !k.wanted(obj) {
			return obj
		}
	}
	return nil
}
