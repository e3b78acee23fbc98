package validateha

import (
	"slices"
	"sync"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// facts are what rules look at, found once.
type facts struct {
	rules     []Rule // that are looking
	list      *framework.ResourceList
	version   kube.Version
	all       []*part // every part
	parts     []*part // those that run
	claims    []*claimUse
	binder    *kube.Binder
	workloads []kube.Workload // also those that are not of Harbor
	objects   map[string][]*yaml.RNode
	// wanted are the objects that pods of the list refer to. They are looked for
	// when a rule asks: few do.
	wanted func() map[*yaml.RNode]bool
}

// part is a component of Harbor and what is known of it.
type part struct {
	harbor.Component
	env      kube.Environment
	sources  []kube.Source // what its pods refer to
	services []*yaml.RNode // those that lead to its pods
	scale    scale
	ports    func() []harbor.Port   // that its pods listen on, none where that cannot be known
	stored   []harbor.Stored        // what it keeps in folders
	registry *harbor.RegistryConfig // of a registry
	nginx    *harbor.NginxConfig    // of an nginx
	redis    []harbor.RedisPlace
}

// kinds are those of the objects that rules look for.
var kinds = []string{"ConfigMap", "Secret", "Service", "PersistentVolumeClaim", "StatefulSet", "PodDisruptionBudget"}

func newFacts(list *framework.ResourceList, v kube.Version, harbors []*harbor.Harbor) *facts {
	f := &facts{list: list, version: v, binder: kube.NewBinder(list), workloads: kube.Workloads(list), objects: map[string][]*yaml.RNode{}}
	for _, kind := range kinds {
		f.objects[kind] = kube.OfKind(list, kind)
	}
	for _, h := range harbors {
		for _, c := range h.Components {
			f.all = append(f.all, f.newPart(c))
		}
	}
	f.parts = slices.DeleteFunc(slices.Clone(f.all), f.replaced)
	f.claims = f.claimUses()
	f.wanted = sync.OnceValue(f.findWanted)
	return f
}

func (f *facts) newPart(c harbor.Component) *part {
	p := &part{Component: c, env: c.Environment(f.list), sources: c.Sources(f.list), scale: f.scaleOf(c.Workload)}
	p.services = kube.Services(f.list, c.Workload)
	switch c.Name() {
	case harbor.Registry:
		config := c.RegistryConfig(f.list, p.env)
		p.registry = &config
	case harbor.Nginx:
		config := c.NginxConfig(f.list)
		p.nginx = &config
	}
	for _, use := range c.Harbor.Storage {
		switch {
		case !use.Stores(c.Name()):
		case p.registry != nil && use.Purpose == harbor.ForImages:
			p.stored = append(p.stored, p.registry.Stored(use))
		default:
			p.stored = append(p.stored, c.Stored(use, p.env))
		}
	}
	p.redis = c.RedisPlaces(p.env)
	p.ports = sync.OnceValue(func() []harbor.Port { return f.listens(p) })
	return p
}

// replaced says whether a part has no pods and another one of the same name has:
// it is left over, or waits for its turn.
func (f *facts) replaced(c *part) bool {
	return c.scale.none() && slices.ContainsFunc(f.all, func(other *part) bool {
		return other.Harbor == c.Harbor && other.Name() == c.Name() && !other.scale.none()
	})
}

// of are the facts about the parts of some generations, of all without any.
func (f *facts) of(generations []harbor.Generation) *facts {
	if len(generations) == 0 {
		return f
	}
	narrow := *f
	narrow.parts = slices.DeleteFunc(slices.Clone(f.parts), func(c *part) bool { return !slices.Contains(generations, c.Generation()) })
	return &narrow
}

// named returns the parts by these names.
func (f *facts) named(names ...string) []*part {
	return slices.DeleteFunc(slices.Clone(f.parts), func(c *part) bool { return !slices.Contains(names, c.Name()) })
}

// beside returns the parts of these names that belong to the same Harbor as c.
func (f *facts) beside(c *part, names ...string) []*part {
	return slices.DeleteFunc(f.named(names...), func(other *part) bool { return other.Harbor != c.Harbor })
}

// harbors are those of the parts, in their order.
func (f *facts) harbors() []*harbor.Harbor {
	var all []*harbor.Harbor
	for _, c := range f.parts {
		if !slices.Contains(all, c.Harbor) {
			all = append(all, c.Harbor)
		}
	}
	return all
}

// services are those that lead to Harbor, each once.
func (f *facts) services() []*yaml.RNode {
	var all []*yaml.RNode
	for _, c := range f.parts {
		for _, s := range c.services {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// inPod are the parts that run in the same pod as c, c among them.
func (f *facts) inPod(c *part) []*part {
	return slices.DeleteFunc(slices.Clone(f.parts), func(other *part) bool { return other.RNode != c.RNode })
}

// uses says whether the volume of its pod is for this part: it mounts it, or none
// of the parts in the pod does.
func (f *facts) uses(c *part, volume krm.Path) bool {
	mounts := func(c *part) bool {
		return slices.ContainsFunc(c.Mounts(), func(m kube.Mount) bool { return m.Volume.String() == volume.String() })
	}
	return mounts(c) || !slices.ContainsFunc(f.inPod(c), mounts)
}

// isPart says whether the workload is one of Harbor.
func (f *facts) isPart(w kube.Workload) bool {
	return slices.ContainsFunc(f.all, func(c *part) bool { return c.RNode == w.RNode })
}

// behind says whether a Service leads to any pod of the list.
func (f *facts) behind(s *yaml.RNode) bool {
	return slices.ContainsFunc(f.workloads, func(w kube.Workload) bool { return w.Behind(s) })
}

func (f *facts) findWanted() map[*yaml.RNode]bool {
	all := map[*yaml.RNode]bool{}
	for _, w := range f.workloads {
		for _, s := range w.Sources(f.list) {
			all[s.Object] = true
		}
	}
	for _, s := range f.objects["Service"] {
		if f.behind(s) {
			all[s] = true
		}
	}
	return all
}

// elsewhere finds an object of the name in another namespace than the workload's,
// where nobody wants it.
func (f *facts) elsewhere(kind string, w kube.Workload, name string) *yaml.RNode {
	for _, obj := range f.objects[kind] {
		if obj.GetNamespace() != w.GetNamespace() && kube.Called(obj, obj.GetNamespace(), name) && !f.wanted()[obj] {
			return obj
		}
	}
	return nil
}

// names are those of the parts, sorted, each once.
func names(parts []*part) []string {
	var all []string
	for _, c := range parts {
		all = append(all, c.Name())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hasAny says whether the mapping at the path has one of the fields.
func hasAny(obj *yaml.RNode, at krm.Path, fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return krm.Lookup(obj, at.Append(f)...) != nil })
}
