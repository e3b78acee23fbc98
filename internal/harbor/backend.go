package harbor

import (
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
	// Hosts are the names for which it does, none for all.
	Hosts []string
	// Namespace, Name and the Port, a number or, of an Ingress, a name, of the
	// Service.
	Namespace, Name, Port string
}

// Backends are those of an Ingress or HTTPRoute.
func Backends(obj *yaml.RNode) []Backend {
	if obj.GetKind() == "HTTPRoute" {
		return httpBackends(obj)
	}
	var all []Backend
	add := func(at krm.Path, location string, hosts ...string) {
		b := Backend{Object: obj, Path: at, Location: location, Hosts: hosts, Namespace: obj.GetNamespace()}
		for _, field := range [][2]krm.Path{{{"service", "name"}, {"service", "port", "number"}}, {{"service", "name"}, {"service", "port", "name"}},
			{{"serviceName"}, {"servicePort"}}} {
			name, port := krm.Text(obj, append(at.Append(), field[0]...)...), append(at.Append(), field[1]...)
			if b.Name == "" {
				b.Name = name
			}
			if b.Port == "" {
				b.Port = kube.Digits(obj, port...)
			}
		}
		if b.Name != "" {
			all = append(all, b)
		}
	}
	add(krm.Path{"spec", "defaultBackend"}, "/")
	add(krm.Path{"spec", "backend"}, "/")
	for i := range krm.Elements(obj, "spec", "rules") {
		host := krm.Text(obj, "spec", "rules", i, "host")
		paths := krm.Path{"spec", "rules", i, "http", "paths"}
		for j := range krm.Elements(obj, paths...) {
			location := krm.Text(obj, paths.Append(j, "path")...)
			if host == "" {
				add(paths.Append(j, "backend"), location)
				continue
			}
			add(paths.Append(j, "backend"), location, host)
		}
	}
	return all
}

// httpBackends are those of an HTTPRoute.
func httpBackends(obj *yaml.RNode) []Backend {
	var hosts []string
	for _, n := range krm.Elements(obj, "spec", "hostnames") {
		hosts = append(hosts, n.Value)
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
			b := Backend{Object: obj, Path: at, Location: location, Hosts: hosts, Namespace: krm.Text(obj, at.Append("namespace")...),
				Name: krm.Text(obj, at.Append("name")...), Port: kube.Digits(obj, at.Append("port")...)}
			if b.Namespace == "" {
				b.Namespace = obj.GetNamespace()
			}
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
