package harbor

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Replacement is the databases or Redis servers inside of the manifests whose
// place another server takes.
type Replacement struct {
	// Own says that one of the hosts that Harbor is to use from now on leads to its
	// own server.
	Own bool

	h       *Harbor
	part    string
	servers []server
}

// server is a workload that is replaced.
type server struct {
	kube.Workload
	why     string      // it may go
	service *yaml.RNode // that the setting named before, if it did
}

// Replace finds the servers of a part that others take the place of: what the
// settings lead to, and Harbor's own one, which they may have led to before. One
// that a host leads to is not replaced. It looks at the settings as they are: call
// it before they are changed.
func (h *Harbor) Replace(part string, settings []Setting, hosts ...string) *Replacement {
	r := &Replacement{h: h, part: part}
	for _, s := range settings {
		for _, c := range h.Of(s.Of) {
			r.find(c, s, hosts)
		}
	}
	for _, own := range h.Of(part) {
		if !own.ByUse {
			r.add(server{own.Workload, "it is Harbor's own " + part + ", and nothing refers to it any more", nil})
		}
	}
	return r
}

func (r *Replacement) add(s server) {
	if !r.has(s.Workload) {
		r.servers = append(r.servers, s)
	}
}

// has says whether the workload is one of the servers.
func (r *Replacement) has(w kube.Workload) bool {
	return slices.ContainsFunc(r.servers, func(s server) bool { return s.RNode == w.RNode })
}

// find looks for the servers behind the Service that a setting of a component
// leads to.
func (r *Replacement) find(c Component, s Setting, hosts []string) {
	var now []*yaml.RNode
	for _, host := range hosts {
		if service := serviceOf(r.h.list, c, host); service != nil {
			now = append(now, service)
		}
	}
	for _, own := range r.h.Of(r.part) {
		r.Own = r.Own || !own.ByUse && slices.ContainsFunc(now, own.Behind)
	}
	old := serviceOf(r.h.list, c, HostOf(r.h.get(c, s).Text))
	if old == nil || slices.Contains(now, old) {
		return
	}
	for _, w := range kube.Workloads(r.h.list) {
		if w.Behind(old) && (w.Replicated() || w.GetKind() == "Pod") {
			r.add(server{w, s.Places[0].String() + " led to it", old})
		}
	}
}

// Serves says whether an address of a database or Redis that Harbor has leads to the
// component, or may do so: no Service in the list leads to it.
func (h *Harbor) Serves(c Component) bool {
	if len(kube.Services(h.list, c.Workload)) == 0 {
		return true
	}
	for _, s := range slices.Concat(h.RedisHosts(), h.DatabaseHosts()) {
		for _, e := range h.Get(s) {
			if service := serviceOf(h.list, e.Component, HostOf(e.Text)); service != nil && c.Behind(service) {
				return true
			}
		}
	}
	return false
}

// serviceOf finds the Service that a component means by a host name. Where its
// namespace is not known, name.namespace may be any other one, or a host.
func serviceOf(list *framework.ResourceList, c Component, host string) *yaml.RNode {
	if _, namespace, _, _ := kube.ServiceName(host); c.GetNamespace() == "" && namespace != "" {
		return nil
	}
	return kube.ServiceOf(list, c.GetNamespace(), host)
}

// Remove takes away those of the servers that nobody needs, with what only they
// use, and says which ones stay, and why: all of them with the setting keepInternal.
func (r *Replacement) Remove(keepInternal bool) {
	list := r.h.list
	left := &removal{list: list, workloads: kube.Workloads(list)}
	for _, d := range r.servers {
		why := r.keeps(d)
		if keepInternal {
			why = "keepInternal is set"
		}
		if why != "" {
			krm.Notice(list, d.RNode, "left %s: %s", krm.Name(d.RNode), why)
			continue
		}
		left.gone = append(left.gone, d)
	}
	left.remove()
}

// removal takes servers away with what only they use.
type removal struct {
	list      *framework.ResourceList
	workloads []kube.Workload // all that there were
	gone      []server
}

func (r *removal) remove() {
	for _, d := range r.gone {
		krm.Delete(r.list, d.RNode, "%s", d.why)
	}
	r.services()
	r.sources("ConfigMap")
	r.sources("Secret")
	r.claims()
	r.templates()
}

// keeps says why a server has to stay, "" when it need not.
func (r *Replacement) keeps(d server) string {
	for _, c := range r.h.Components {
		if c.RNode == d.RNode && c.Name() != r.part {
			return "it runs the " + c.Name() + " of Harbor too"
		}
	}
	if namespace := r.h.Components[0].GetNamespace(); d.GetNamespace() != namespace {
		return "it is in another namespace than Harbor"
	}
	for _, service := range kube.Services(r.h.list, d.Workload) {
		for _, w := range kube.Callers(r.h.list, service) {
			if !r.has(w) {
				return krm.Name(w.RNode) + " refers to " + krm.Name(service) + ", which leads to it"
			}
		}
	}
	return ""
}

// only says which of the servers that go uses something that nobody else does,
// and which other workload does.
func (r *removal) only(uses func(kube.Workload) bool) (first, other *yaml.RNode) {
	i := slices.IndexFunc(r.gone, func(d server) bool { return uses(d.Workload) })
	if i < 0 {
		return nil, nil // most objects: the other workloads are not looked at
	}
	for _, w := range r.workloads {
		if !slices.ContainsFunc(r.gone, func(d server) bool { return d.RNode == w.RNode }) && uses(w) {
			other = w.RNode
		}
	}
	return r.gone[i].RNode, other
}

// drop takes the object away when the servers that go alone use it.
func (r *removal) drop(obj *yaml.RNode, verb string, uses func(kube.Workload) bool) bool {
	user, other := r.only(uses)
	if user == nil {
		return false
	}
	if other != nil {
		krm.Notice(r.list, obj, "left %s: %s %s it too", krm.Name(obj), krm.Name(other), verb)
		return false
	}
	krm.Delete(r.list, obj, "only %s %s it", krm.Name(user), past[verb])
	return true
}

var past = map[string]string{"reads": "read", "uses": "used"}

func (r *removal) services() {
	for _, service := range kube.OfKind(r.list, "Service") {
		user, other := r.only(func(w kube.Workload) bool { return w.Behind(service) })
		switch {
		case user == nil:
		case other != nil:
			krm.Notice(r.list, service, "left %s: it leads to %s too", krm.Name(service), krm.Name(other))
		case slices.ContainsFunc(r.gone, func(d server) bool { return d.service == service }):
			krm.Delete(r.list, service, "%s", r.gone[slices.IndexFunc(r.gone, func(d server) bool { return d.service == service })].why)
		default:
			krm.Delete(r.list, service, "it led to %s alone", krm.Name(user))
		}
	}
}

// sources takes ConfigMaps or Secrets away.
func (r *removal) sources(kind string) {
	for _, obj := range kube.OfKind(r.list, kind) {
		r.drop(obj, "reads", func(w kube.Workload) bool { return w.Reads(obj, "") })
	}
}

// claims takes claims away and the volumes that lead to no other claim.
func (r *removal) claims() {
	for _, claim := range kube.Claims(r.list) {
		uses := func(w kube.Workload) bool { return w.Uses(claim) }
		if user, _ := r.only(uses); user == nil {
			continue
		}
		b := kube.NewBinder(r.list) // with the claim in it
		if r.drop(claim, "uses", uses) {
			DropVolume(r.list, b, claim, "it was for %s alone", krm.Name(claim))
		}
	}
}

// templates says which claims a StatefulSet leaves behind in a cluster: Kubernetes
// keeps them (kubernetes.io statefulset, persistentVolumeClaimRetentionPolicy).
func (r *removal) templates() {
	for _, d := range r.gone {
		at := krm.Path{"spec", "volumeClaimTemplates"}
		for i := range krm.Elements(d.RNode, at...) {
			name := krm.Text(d.RNode, at.Append(i, "metadata", "name")...)
			krm.Notice(r.list, nil, "a cluster in which %s has run keeps its claim %s-%s-0 until you delete it",
				krm.Name(d.RNode), name, d.GetName())
		}
	}
}
