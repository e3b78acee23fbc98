package harbor

import (
	"cmp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Route is an Ingress or an HTTPRoute of the Gateway API that leads to Harbor.
type Route struct {
	*yaml.RNode
	// Hosts leads to the names of hosts for which it does; one without a name
	// stands for all. None: for all.
	Hosts []krm.Path
}

// routesTo finds the routes that lead to one of the Services.
func routesTo(list *framework.ResourceList, services map[*yaml.RNode]bool) []Route {
	var all []Route
	for _, obj := range kube.OfKind(list, "Ingress") {
		if r, ok := ingressTo(obj, services); ok {
			all = append(all, r)
		}
	}
	for _, obj := range kube.OfKind(list, "HTTPRoute") {
		if r, ok := httpRouteTo(obj, services); ok {
			all = append(all, r)
		}
	}
	return all
}

// called says whether a name from the namespace means one of the Services.
func called(services map[*yaml.RNode]bool, namespace, name string) bool {
	for s := range services {
		if name != "" && kube.Called(s, namespace, name) {
			return true
		}
	}
	return false
}

// ingressTo reads networking.k8s.io/v1, and the older versions with serviceName.
func ingressTo(obj *yaml.RNode, services map[*yaml.RNode]bool) (Route, bool) {
	leads := func(backend krm.Path) bool {
		return called(services, obj.GetNamespace(), krm.Text(obj, backend.Append("service", "name")...)) ||
			called(services, obj.GetNamespace(), krm.Text(obj, backend.Append("serviceName")...))
	}
	r := Route{RNode: obj}
	found := leads(krm.Path{"spec", "defaultBackend"}) || leads(krm.Path{"spec", "backend"})
	rules := krm.Path{"spec", "rules"}
	for i := range krm.Elements(obj, rules...) {
		paths := rules.Append(i, "http", "paths")
		for j := range krm.Elements(obj, paths...) {
			if leads(paths.Append(j, "backend")) {
				found = true
				r.Hosts = append(r.Hosts, rules.Append(i, "host"))
				break
			}
		}
	}
	return r, found
}

func httpRouteTo(obj *yaml.RNode, services map[*yaml.RNode]bool) (Route, bool) {
	found := false
	rules := krm.Path{"spec", "rules"}
	for i := range krm.Elements(obj, rules...) {
		refs := rules.Append(i, "backendRefs")
		for j := range krm.Elements(obj, refs...) {
			namespace := krm.Text(obj, refs.Append(j, "namespace")...)
			if namespace == "" {
				namespace = obj.GetNamespace()
			}
			found = found || called(services, namespace, krm.Text(obj, refs.Append(j, "name")...))
		}
	}
	r := Route{RNode: obj}
	for i := range krm.Elements(obj, "spec", "hostnames") {
		r.Hosts = append(r.Hosts, krm.Path{"spec", "hostnames", i})
	}
	return r, found
}

// Answers says whether the route takes requests for the host.
func (r Route) Answers(host string) bool {
	return len(r.Hosts) == 0 || slices.ContainsFunc(r.Hosts, func(p krm.Path) bool { return covers(krm.Text(r.RNode, p...), host) })
}

// HostNames are the names that lead to Harbor, each once.
func (r Route) HostNames() []string {
	var names []string
	for _, p := range r.Hosts {
		if name := krm.Text(r.RNode, p...); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// tlsHosts leads to the names of hosts for which an Ingress ends TLS.
func (r Route) tlsHosts() []krm.Path {
	var all []krm.Path
	tls := krm.Path{"spec", "tls"}
	for i := range krm.Elements(r.RNode, tls...) {
		for j := range krm.Elements(r.RNode, tls.Append(i, "hosts")...) {
			all = append(all, tls.Append(i, "hosts", j))
		}
	}
	return all
}

// covers compares a host with that of a rule: *.example.com stands for one label
// in an Ingress and for several in an HTTPRoute; here for any number.
func covers(name, host string) bool {
	name, host = strings.ToLower(name), strings.ToLower(host)
	return name == "" || name == host || strings.HasPrefix(name, "*.") && strings.HasSuffix(host, name[1:])
}

// Listener is a port by which requests come to a route.
type Listener struct {
	Object *yaml.RNode // that has it
	Port   string
	Scheme string // http or https
}

// Listeners are those by which requests for the host come to the route: of an
// Ingress the ports of both schemes, of an HTTPRoute those of the Gateways that it
// names. known is false where one of these is not among the resources.
func (r Route) Listeners(list *framework.ResourceList, host string) (all []Listener, known bool) {
	if r.GetKind() == "Ingress" {
		return []Listener{{r.RNode, "80", "http"}, {r.RNode, "443", "https"}}, true
	}
	parents := krm.Path{"spec", "parentRefs"}
	for i := range krm.Elements(r.RNode, parents...) {
		text := func(field string) string { return krm.Text(r.RNode, parents.Append(i, field)...) }
		gateway := kube.Find(list, "Gateway", cmp.Or(text("namespace"), r.GetNamespace()), text("name"))
		if gateway == nil {
			return nil, false
		}
		at := krm.Path{"spec", "listeners"}
		for j := range krm.Elements(gateway, at...) {
			of := func(field string) string { return krm.Text(gateway, at.Append(j, field)...) }
			scheme := map[string]string{"HTTP": "http", "HTTPS": "https"}[of("protocol")]
			section, port := text("sectionName"), text("port")
			if scheme != "" && covers(of("hostname"), host) && (section == "" || section == of("name")) && (port == "" || port == of("port")) {
				all = append(all, Listener{gateway, of("port"), scheme})
			}
		}
	}
	return all, len(all) > 0
}

// TLS says whether an Ingress ends TLS for the host. known is false for an
// HTTPRoute, where the Gateway's listener says it.
func (r Route) TLS(host string) (ends, known bool) {
	if r.GetKind() != "Ingress" {
		return false, false
	}
	for i := range krm.Elements(r.RNode, "spec", "tls") {
		hosts := krm.Elements(r.RNode, "spec", "tls", i, "hosts")
		if len(hosts) == 0 || slices.ContainsFunc(hosts, func(n *yaml.Node) bool { return covers(n.Value, host) }) {
			return true, true
		}
	}
	return false, true
}
