package validateha

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// checker is what rules look at, and where they put their findings.
type checker struct {
	list    *framework.ResourceList
	version version
	all     []harbor.Component
	rule    Rule

	environments map[string]kube.Environment // by the place of the container
	references   map[*yaml.RNode][]kube.Source
	registries   map[*yaml.RNode]registry
	nginxes      map[*yaml.RNode]nginx
	binder       *kube.Binder
	storage      []claimUse
	kinds        map[string][]*yaml.RNode
	workloads    []kube.Workload
}

func newChecker(list *framework.ResourceList, v version, all []harbor.Component) *checker {
	k := &checker{list: list, version: v, all: all, binder: kube.NewBinder(list), kinds: map[string][]*yaml.RNode{}, workloads: kube.Workloads(list),
		environments: map[string]kube.Environment{}, registries: map[*yaml.RNode]registry{}, nginxes: map[*yaml.RNode]nginx{}, references: map[*yaml.RNode][]kube.Source{}}
	k.storage = k.claimUses()
	return k
}

// ofKind returns the objects of a kind of Kubernetes.
func (k *checker) ofKind(kind string) []*yaml.RNode {
	if _, ok := k.kinds[kind]; !ok {
		k.kinds[kind] = kube.OfKind(k.list, kind)
	}
	return k.kinds[kind]
}

// services are those that lead to the workload.
func (k *checker) services(w kube.Workload) []*yaml.RNode {
	return slices.DeleteFunc(slices.Clone(k.ofKind("Service")), func(s *yaml.RNode) bool { return !w.Behind(s) })
}

// old returns the components of Harbor 1.x by these names; all without names.
func (k *checker) old(names ...string) []harbor.Component {
	var found []harbor.Component
	for _, c := range k.all {
		if c.Generation() == 1 && (len(names) == 0 || slices.Contains(names, c.Name())) {
			found = append(found, c)
		}
	}
	return found
}

// beside returns the components of that name in the namespace of c: the ones
// that belong to the same Harbor.
func (k *checker) beside(c harbor.Component, name string) []harbor.Component {
	var found []harbor.Component
	for _, other := range k.all {
		if other.Name() == name && other.GetNamespace() == c.GetNamespace() {
			found = append(found, other)
		}
	}
	return found
}

// sources are what the pods of a workload refer to.
func (k *checker) sources(w kube.Workload) []kube.Source {
	if _, ok := k.references[w.RNode]; !ok {
		k.references[w.RNode] = w.Sources(k.list)
	}
	return k.references[w.RNode]
}

// env is the environment of a container.
func (k *checker) env(c kube.Container) kube.Environment {
	place := c.GetKind() + "/" + c.GetNamespace() + "/" + c.GetName() + "/" + c.Path.String()
	if _, ok := k.environments[place]; !ok {
		k.environments[place] = c.Environment(k.list)
	}
	return k.environments[place]
}

// finding is a finding that a rule can add to.
type finding struct{ *framework.Result }

// error reports what does not work or loses data.
func (k *checker) error(obj *yaml.RNode, path krm.Path, format string, args ...any) finding {
	return k.report(framework.Error, obj, path, format, args...)
}

// warn reports what works until a node fails or somebody looks.
func (k *checker) warn(obj *yaml.RNode, path krm.Path, format string, args ...any) finding {
	return k.report(framework.Warning, obj, path, format, args...)
}

// note reports what the list does not show and has to be checked by hand.
func (k *checker) note(obj *yaml.RNode, path krm.Path, format string, args ...any) finding {
	return k.report(framework.Info, obj, path, format, args...)
}

// report adds a finding of the rule. The same one is added once: two components
// may share what is at fault.
func (k *checker) report(severity framework.Severity, obj *yaml.RNode, path krm.Path, format string, args ...any) finding {
	f := krm.Report(k.list, severity, obj, path, fmt.Sprintf(format, args...))
	f.Tags = map[string]string{"rule": k.rule.ID}
	last := len(k.list.Results) - 1
	if slices.ContainsFunc(k.list.Results[:last], func(r *framework.Result) bool { return sameFinding(r, f) }) {
		k.list.Results = k.list.Results[:last]
	}
	return finding{f}
}

func sameFinding(a, b *framework.Result) bool {
	return a.Tags["rule"] == b.Tags["rule"] && a.Message == b.Message && sameField(a, b)
}

// sameField says whether two findings are about the same field of the same
// object.
func sameField(a, b *framework.Result) bool {
	fields := (a.Field == nil) == (b.Field == nil) && (a.Field == nil || a.Field.Path == b.Field.Path)
	return fields && (a.ResourceRef == nil) == (b.ResourceRef == nil) && (a.ResourceRef == nil || *a.ResourceRef == *b.ResourceRef)
}

// is adds the value that the field holds, which must not be a secret.
func (f finding) is(value any) finding {
	if f.Field != nil {
		f.Field.CurrentValue = value
	}
	return f
}

// want adds the value that the field should hold.
func (f finding) want(value any) finding {
	if f.Field != nil {
		f.Field.ProposedValue = value
	}
	return f
}

// scale is how many pods a workload can have.
type scale struct {
	n    int
	word string   // 3 replicas
	path krm.Path // where the number stands, in obj
	obj  *yaml.RNode
}

// everywhere is the number of pods of a DaemonSet: one on each node.
const everywhere = 1000

// scale counts the replicas, and those that a HorizontalPodAutoscaler allows.
func (k *checker) scale(w kube.Workload) scale {
	if w.GetKind() == "DaemonSet" {
		return scale{everywhere, "a pod on each node", krm.Path{"kind"}, w.RNode}
	}
	s := scale{n: 1, path: krm.Path{"spec", "replicas"}, obj: w.RNode}
	if n, err := strconv.Atoi(krm.Text(w.RNode, s.path...)); err == nil {
		s.n = n
	}
	s.word = plural(s.n, "replica")
	for _, obj := range k.ofKind("HorizontalPodAutoscaler") {
		if obj.GetNamespace() != w.GetNamespace() ||
			krm.Text(obj, "spec", "scaleTargetRef", "kind") != w.GetKind() || !kube.Called(w.RNode, w.GetNamespace(), krm.Text(obj, "spec", "scaleTargetRef", "name")) {
			continue
		}
		if n, err := strconv.Atoi(krm.Text(obj, "spec", "maxReplicas")); err == nil && n > s.n {
			s = scale{n, fmt.Sprintf("up to %d replicas", n), krm.Path{"spec", "maxReplicas"}, obj}
		}
	}
	return s
}

// peers are the other workloads of the component that have pods behind the same
// Service: together they are replicas too.
func (k *checker) peers(c harbor.Component) []harbor.Component {
	services := k.services(c.Workload)
	return slices.DeleteFunc(k.beside(c, c.Name()), func(other harbor.Component) bool {
		together := slices.ContainsFunc(services, other.Behind)
		return other.RNode == c.RNode || !together || k.scale(other.Workload).n == 0 || k.scale(c.Workload).n == 0
	})
}

// replicas counts the replicas of the component, those of its peers included.
func (k *checker) replicas(c harbor.Component) scale {
	s := k.scale(c.Workload)
	for _, other := range k.peers(c) {
		s.n += k.scale(other.Workload).n
		s.word += " beside " + krm.Name(other.RNode)
	}
	return s
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// hasAny says whether the mapping at the path has one of the fields.
func hasAny(obj *yaml.RNode, at krm.Path, fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return krm.Lookup(obj, at.Append(f)...) != nil })
}

// place is a field of an object.
type place struct {
	obj  *yaml.RNode
	path krm.Path
}

// of says where a value can be changed: in its ConfigMap or Secret, else where
// the pod refers to it, else in the variable itself.
func (k *checker) of(v kube.Value, c kube.Container, variable string) place {
	switch {
	case v.Source.Object != nil:
		return place{v.Source.Object, kube.KeyPath(v.Source.Object, v.Source.Key)}
	case v.Source.Path != nil:
		return place{c.RNode, v.Source.Path}
	}
	if path, ok := c.Env(variable); ok {
		return place{c.RNode, path}
	}
	return place{c.RNode, c.Path.Append("env")}
}

// shown is a value for a message: one from a Secret is not for everybody.
func shown(v kube.Value) string {
	if v.Secret {
		return "(in a Secret)"
	}
	return v.Text
}

// lineBreak says whether a value holds a line break, which most often has come
// with the file that a Secret was made from.
func lineBreak(v kube.Value) bool { return strings.ContainsAny(v.Text, "\r\n") }

// sources names ConfigMaps and Secrets for a message: key password of Secret
// harbor-redis.
func sources(all []kube.Source) string {
	var names []string
	for _, s := range all {
		names = append(names, sourceName(s))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

func sourceName(s kube.Source) string {
	if s.Kind == "" {
		return "the pod"
	}
	return fmt.Sprintf("%s of %s %s", s.Key, s.Kind, s.Name)
}
