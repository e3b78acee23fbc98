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
	for _, obj := range slices.Concat(kube.OfKind(list, "Ingress"), kube.OfKind(list, "HTTPRoute")) {
		r, leads := Route{RNode: obj}, false
		for _, b := range Backends(obj) {
			if !called(services, b.Namespace, b.Name) {
				continue
			}
			leads = true
			for _, at := range b.Hosts {
				if !slices.ContainsFunc(r.Hosts, func(p krm.Path) bool { return p.String() == at.String() }) {
					r.Hosts = append(r.Hosts, at)
				}
			}
		}
		if leads {
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
