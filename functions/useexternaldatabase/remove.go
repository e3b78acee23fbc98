package useexternaldatabase

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// server is a workload that runs a database inside of the manifests.
type server struct {
	kube.Workload
	why     string      // it may go
	service *yaml.RNode // that the host named before, if it did
}

// inside finds the databases that the new one takes the place of: what MYSQL_HOST
// leads to, and Harbor's own one, which it may have led to before. One that the
// host leads to is not replaced, but must not be Harbor's own.
func (s *UseExternalDatabase) inside(list *framework.ResourceList, h *harbor.Harbor) ([]server, error) {
	var all []server
	add := func(d server) {
		if !slices.ContainsFunc(all, func(other server) bool { return other.RNode == d.RNode }) {
			all = append(all, d)
		}
	}
	for _, c := range h.Of(harbor.AdminServer) {
		v, _ := c.Environment(list).Get(hostVariable)
		old, now := serviceOf(list, c, v.Text), serviceOf(list, c, s.Host)
		for _, own := range h.Of(harbor.MySQL) {
			if now != nil && own.Behind(now) && !own.ByUse && !s.KeepInternal {
				return nil, krm.FieldErrorf("host",
					"%q is the Service of the database inside the cluster, which this function removes: name another server or set keepInternal: true", s.Host)
			}
		}
		if old == nil || old == now {
			continue
		}
		for _, w := range kube.Workloads(list) {
			if w.Behind(old) && (w.Replicated() || w.GetKind() == "Pod") {
				add(server{w, hostVariable + " led to it", old})
			}
		}
	}
	for _, own := range h.Of(harbor.MySQL) {
		if !own.ByUse {
			add(server{own.Workload, "it is Harbor's own database, and nothing refers to it any more", nil})
		}
	}
	return all, nil
}

// serviceOf finds the Service that a component means by a host name. Where the
// namespace is not known, name.domain may be any host.
func serviceOf(list *framework.ResourceList, c harbor.Component, host string) *yaml.RNode {
	_, namespace, qualified, _ := kube.ServiceName(host)
	if c.GetNamespace() == "" && namespace != "" && !qualified {
		return nil
	}
	return kube.ServiceOf(list, c.GetNamespace(), host)
}

// removal takes databases away with what only they use.
type removal struct {
	list      *framework.ResourceList
	workloads []kube.Workload // all that there were
	gone      []server
}

// remove takes away those of the databases that nobody needs, and says which ones
// stay, and why.
func (s *UseExternalDatabase) remove(list *framework.ResourceList, h *harbor.Harbor, all []server) {
	r := &removal{list: list, workloads: kube.Workloads(list)}
	for _, d := range all {
		if why := s.keeps(list, h, d, all); why != "" {
			krm.Notice(list, d.RNode, "left %s: %s", krm.Name(d.RNode), why)
			continue
		}
		r.gone = append(r.gone, d)
	}
	for _, d := range r.gone {
		krm.Delete(list, d.RNode, "%s", d.why)
	}
	r.services()
	r.configMaps()
	r.claims()
}

// keeps says why a database has to stay, "" when it need not.
func (s *UseExternalDatabase) keeps(list *framework.ResourceList, h *harbor.Harbor, d server, all []server) string {
	if s.KeepInternal {
		return "keepInternal is set"
	}
	for _, c := range h.Components {
		if c.RNode == d.RNode && c.Name() != harbor.MySQL {
			return "it runs the " + c.Name() + " of Harbor too"
		}
	}
	if namespace := h.Components[0].GetNamespace(); d.GetNamespace() != namespace {
		return "it is in another namespace than Harbor"
	}
	for _, service := range kube.Services(list, d.Workload) {
		for _, w := range kube.Callers(list, service) {
			if !slices.ContainsFunc(all, func(other server) bool { return other.RNode == w.RNode }) {
				return krm.Name(w.RNode) + " refers to " + krm.Name(service) + ", which leads to it"
			}
		}
	}
	return ""
}

// only says which of the databases that go uses something that nobody else does,
// and which other workload does.
func (r *removal) only(uses func(kube.Workload) bool) (first, other *yaml.RNode) {
	for _, w := range r.workloads {
		switch gone := slices.ContainsFunc(r.gone, func(d server) bool { return d.RNode == w.RNode }); {
		case !uses(w):
		case !gone:
			other = w.RNode
		case first == nil:
			first = w.RNode
		}
	}
	return first, other
}

// drop takes the object away when the databases that go alone use it.
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
			krm.Delete(r.list, service, "%s led to it", hostVariable)
		default:
			krm.Delete(r.list, service, "it led to %s alone", krm.Name(user))
		}
	}
}

func (r *removal) configMaps() {
	for _, configMap := range kube.OfKind(r.list, "ConfigMap") {
		r.drop(configMap, "reads", func(w kube.Workload) bool { return w.Reads(configMap, "") })
	}
}

// claims takes claims away and the volumes that lead to no other claim.
func (r *removal) claims() {
	for _, claim := range kube.Claims(r.list) {
		b := kube.NewBinder(r.list)
		pv, err := b.Volume(claim)
		if !r.drop(claim, "uses", func(w kube.Workload) bool { return w.Uses(claim) }) {
			continue
		}
		switch {
		case err != nil || pv == nil:
		case b.Meant(claim, pv) && b.Leads(claim, pv):
			krm.Delete(r.list, pv, "it was for %s alone", krm.Name(claim))
		default:
			krm.Notice(r.list, pv, "left %s: nothing but its class and size says that it was for %s", krm.Name(pv), krm.Name(claim))
		}
	}
}
