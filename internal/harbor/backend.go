package harbor

import (
	"cmp"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Backend is a Service that an Ingress or an HTTPRoute passes requests on to.
type Backend struct {
	Object *yaml.RNode
	// Path leads to the backend in the object.
	Path krm.Path
	// Location is the path of the requests, e.g. /v2/.
	Location string
	// Hosts leads to the names of hosts for which it does, as those of a Route.
	Hosts []krm.Path
	// Namespace, Name and the Port, a number or, of an Ingress, a name, of the
	// Service.
	Namespace, Name, Port string
}

// Backends are those of an Ingress or HTTPRoute.
func Backends(obj *yaml.RNode) []Backend {
	if obj.GetKind() == "HTTPRoute" {
		return httpBackends(obj)
	}
	return ingressBackends(obj)
}

// ingressBackends reads networking.k8s.io/v1, and the older versions with serviceName.
func ingressBackends(obj *yaml.RNode) []Backend {
	var all []Backend
	add := func(at krm.Path, location string, hosts ...krm.Path) {
		name := cmp.Or(krm.Text(obj, at.Append("service", "name")...), krm.Text(obj, at.Append("serviceName")...))
		port := cmp.Or(kube.Digits(obj, at.Append("service", "port", "number")...), kube.Digits(obj, at.Append("service", "port", "name")...),
			kube.Digits(obj, at.Append("servicePort")...))
		if name != "" {
			all = append(all, Backend{obj, at, location, hosts, obj.GetNamespace(), name, port})
		}
	}
	add(krm.Path{"spec", "defaultBackend"}, "/")
	add(krm.Path{"spec", "backend"}, "/")
	for i := range krm.Elements(obj, "spec", "rules") {
		rule := krm.Path{"spec", "rules", i}
		paths := rule.Append("http", "paths")
		for j := range krm.Elements(obj, paths...) {
			add(paths.Append(j, "backend"), krm.Text(obj, paths.Append(j, "path")...), rule.Append("host"))
		}
	}
	return all
}

// httpBackends are those of an HTTPRoute.
func httpBackends(obj *yaml.RNode) []Backend {
	var hosts []krm.Path
	for i := range krm.Elements(obj, "spec", "hostnames") {
		hosts = append(hosts, krm.Path{"spec", "hostnames", i})
	}
	var all []Backend
	for i := range krm.Elements(obj, "spec", "rules") {
		rule := krm.Path{"spec", "rules", i}
		location := "/"
		if matches := krm.Elements(obj, rule.Append("matches")...); len(matches) > 0 {
			location = krm.Text(obj, rule.Append("matches", 0, "path", "value")...)
		}
		for j := range krm.Elements(obj, rule.Append("backendRefs")...) {
			at := rule.Append("backendRefs", j)
			b := Backend{obj, at, location, hosts, cmp.Or(krm.Text(obj, at.Append("namespace")...), obj.GetNamespace()),
				krm.Text(obj, at.Append("name")...), kube.Digits(obj, at.Append("port")...)}
			if kind := krm.Text(obj, at.Append("kind")...); kind == "" || kind == "Service" {
				all = append(all, b)
			}
		}
	}
	return all
}

// Answered are the parts that answer requests for a location of Harbor, none where it
// is not known to be one.
func (h *Harbor) Answered(location string) []string {
	if to, known := h.Proxied[location]; known {
		return to
	}
	return h.Proxied[location+"/"]
}
