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
	Why: "A pod without them is never started; kustomize does not rename references in ReplicationControllers (kustomize " +
		"api/internal/konfig/builtinpluginconsts/namereference.go), nor any that leads into another namespace.",
	Do: "Correct the name, or add what is missing.",
	check: func(p *pass) {
		var unseen []use
		for _, c := range p.parts {
			for _, s := range c.sources {
				switch {
				case s.Object != nil:
					checkRenamed(p, c.Workload, s)
					checkKey(p, c.Workload, s)
				case !s.Optional && s.Name != "": // a volume without a source is an emptyDir
					unseen = append(unseen, use{c.Workload, s})
				}
			}
		}
		for i, u := range unseen {
			known := func(other use) bool { return other.Workload.RNode == u.Workload.RNode && other.object() == u.object() }
			if !slices.ContainsFunc(unseen[:i], known) {
				checkUnseen(p, u, keysOf(unseen, u))
			}
		}
	},
}

// use is a reference, and the workload that it stands in.
type use struct {
	kube.Workload
	kube.Source
}

// object is what the reference calls its object.
func (u use) object() string { return u.Kind + " " + u.Source.Name }

// checkRenamed looks at references by a name from before a namePrefix or the hash
// of a generator. kustomize changes those to ConfigMaps and Secrets later, but
// not in ReplicationControllers.
func checkRenamed(p *pass, w kube.Workload, s kube.Source) {
	switch {
	case w.GetKind() != "ReplicationController" || s.Kind == "PersistentVolumeClaim":
	case s.Object.GetName() != s.Name:
		p.warn(w.RNode, nil,
			"refers to %s %s, which is now called %s: kustomize does not change references in a ReplicationController",
			s.Kind, s.Name, s.Object.GetName())
	case kube.GetsHash(s.Object):
		p.warn(w.RNode, nil,
			"refers to %s %s, to whose name kustomize will add a hash: it does not change references in a ReplicationController, set "+
				"disableNameSuffixHash in the generator", s.Kind, s.Name)
	}
}

func checkKey(p *pass, w kube.Workload, s kube.Source) {
	if s.Key == "" || s.Optional || krm.Lookup(s.Object, kube.KeyPath(s.Object, s.Key)...) != nil {
		return
	}
	keys := kube.Keys(s.Object)
	hint := ""
	if near := krm.Nearest(s.Key, keys); len(keys) <= 12 {
		hint = ": it has " + krm.Joined(keys)
	} else if strings.HasPrefix(near, "did you mean") {
		hint = ": " + near
	}
	p.error(w.RNode, s.Path.Append("key"),
		"%s has no key %s, and the pod does not start without%s", krm.Name(s.Object), s.Key, hint).is(s.Key)
}

// checkUnseen looks at a reference to what is not in the list: each object once in
// each workload, one that may be elsewhere once in all.
func checkUnseen(p *pass, u use, keys string) {
	w, name := u.Workload, u.object()
	elsewhere, renamed := p.elsewhere(u.Kind, w, u.Source.Name), renamed(p, u)
	switch {
	case elsewhere != nil && elsewhere.GetNamespace() != "" && u.GetNamespace() != "":
		p.error(w.RNode, u.Path,
			"%s is in namespace %s, and pods cannot reach it from %s", name, elsewhere.GetNamespace(), u.GetNamespace()).is(u.Source.Name)
	case elsewhere != nil:
		p.warn(w.RNode, u.Path, "%s has namespace %q and the pod %q: they meet only if both are applied to the same one",
			name, elsewhere.GetNamespace(), u.GetNamespace()).is(u.Source.Name)
	case renamed != nil:
		say := p.error
		if u.Kind == "Secret" {
			say = p.warn // which is often made in another way
		}
		say(w.RNode, u.Path, "%s is not among the resources, but %s is, which nobody refers to", name, krm.Name(renamed)).
			is(u.Source.Name).want(renamed.GetName())
	case u.Kind == "PersistentVolumeClaim", name == "ConfigMap kube-root-ca.crt":
	case u.Kind == "ConfigMap":
		p.warn(w.RNode, u.Path,
			"%s is not among the resources: the pod does not start until it is there", name).is(u.Source.Name).about(u.GetNamespace(), name)
	default:
		p.note(w.RNode, u.Path, "%s is not among the resources: check that it is there%s", name, keys).about(u.GetNamespace(), name)
	}
}

// keysOf lists the keys that are needed of a Secret.
func keysOf(all []use, of use) string {
	var keys []string
	for _, u := range all {
		if u.Kind == of.Kind && u.Source.Name == of.Source.Name && u.GetNamespace() == of.GetNamespace() && u.Key != "" {
			keys = append(keys, u.Key)
		}
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); len(keys) == 0 {
		return ""
	}
	return fmt.Sprintf(" and holds %s", strings.Join(keys, ", "))
}

// isSlip says whether one name may be the other with a slip of the pen: a letter that is
// wrong, two that have changed places, or two wrong ones where the last word is long:
// harbor-tls is not harbor-gcs.
func isSlip(a, b string) bool {
	letters := func(s string) string { return string(slices.Sorted(slices.Values([]byte(s)))) }
	long := len(a)-strings.LastIndexByte(a, '-') > 6
	n := levenshtein.ComputeDistance(a, b)
	return n <= 1 || n == 2 && (long || letters(a) == letters(b))
}

// renamed finds the object that a reference means by an old name or with a slip
// of the pen: the names are alike, nobody refers to the object, and it has the
// key.
func renamed(p *pass, u use) *yaml.RNode {
	for _, obj := range p.objects[u.Kind] {
		name := obj.GetName()
		alike := strings.HasSuffix(name, "-"+u.Source.Name) || strings.HasPrefix(name, u.Source.Name+"-") ||
			isSlip(u.Source.Name, name)
		if obj.GetNamespace() != u.GetNamespace() || !alike ||
			u.Key != "" && !slices.Contains(kube.Keys(obj), u.Key) {
			continue
		}
		if !p.wanted()[obj] {
			return obj
		}
	}
	return nil
}
