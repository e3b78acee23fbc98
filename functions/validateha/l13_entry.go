package validateha

import (
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// outside are the kinds that lead to Services from outside of the cluster.
var outside = []string{"Ingress", "Route", "HTTPRoute", "TLSRoute", "TCPRoute", "IngressRoute", "VirtualService", "HTTPProxy"}

// checkEntry compares the address with the Services in front of an nginx.
func checkEntry(p *pass, n *part, u *url.URL, at harbor.Location) {
	services := n.services
	ported := slices.DeleteFunc(slices.Clone(services), func(s *yaml.RNode) bool { return krm.Text(s, "spec", "type") != "NodePort" })
	routed := slices.ContainsFunc(p.list.Items, func(obj *yaml.RNode) bool {
		near := obj.GetKind() != "Ingress" || obj.GetNamespace() == n.GetNamespace() // the others reach further
		return slices.Contains(outside, obj.GetKind()) && near && krm.Editable(obj)
	})
	reachable := slices.ContainsFunc(services, func(s *yaml.RNode) bool {
		return krm.Text(s, "spec", "type") == "LoadBalancer" || len(krm.Elements(s, "spec", "externalIPs")) > 0
	}) || onNode(n)
	switch {
	case routed || reachable:
	case len(ported) > 0:
		checkPort(p, n, ported, u, at)
	case len(services) == 0:
		checkNoEntry(p, n)
	default:
		p.note(services[0], krm.Path{"spec", "type"},
			"leads to Harbor from inside the cluster only, and no Ingress or route is among the resources: check that clients reach it")
	}
}

// onNode says whether an nginx has a port of its node without a Service.
func onNode(n *part) bool {
	return krm.Text(n.RNode, n.Pod.Append("hostNetwork")...) == "true" ||
		slices.ContainsFunc(krm.Elements(n.RNode, n.Path.Append("ports")...), func(port *yaml.Node) bool {
			return krm.Text(yaml.NewRNode(port), "hostPort") != ""
		})
}

// checkNoEntry reports that nobody leads to nginx: an error where there is a
// Service that leads nowhere.
func checkNoEntry(p *pass, n *part) {
	for _, s := range p.objects["Service"] {
		lost := s.GetNamespace() == n.GetNamespace() && couldServe(s, n) && !p.behind(s)
		if lost {
			p.error(s, krm.Path{"spec", "selector"},
				"selects no pod among the resources, and no Service leads to %s: clients do not reach Harbor", krm.Name(n.RNode))
			return
		}
	}
	p.note(n.RNode, nil, "no Service among the resources leads to it: check that clients reach it")
}

// couldServe says whether a Service has a port that nginx listens on.
func couldServe(s *yaml.RNode, n *part) bool {
	for i := range krm.Elements(s, "spec", "ports") {
		if krm.Lookup(s, "spec", "selector") != nil && slices.Contains(n.ports, target(n.Workload, s, i)) {
			return true
		}
	}
	return false
}

func checkPort(p *pass, n *part, services []*yaml.RNode, u *url.URL, at harbor.Location) {
	var numbers []string
	for _, s := range services {
		for i := range krm.Elements(s, "spec", "ports") {
			number := krm.Text(s, "spec", "ports", i, "nodePort")
			if number == port(u) {
				checkScheme(p, n, s, i, u, at)
				return
			}
			if number != "" {
				numbers = append(numbers, number)
			}
		}
	}
	s := services[0]
	switch {
	case len(numbers) == 0:
		f := p.warn(s, krm.Path{"spec", "ports", 0, "nodePort"},
			"is not set: Kubernetes chooses one, and %s has port %s", endpoint, port(u))
		if isNodePort(port(u)) {
			f.want(number(port(u)))
		}
	case isNodePort(port(u)):
		p.error(at.Object, at.Path,
			"has port %s, but %s is reached on node port %s: docker login is sent to an address where nothing answers (harbor#1994)",
			port(u), krm.Name(s), strings.Join(numbers, ", ")).
			is(u.Scheme + "://" + u.Host)
	default:
		p.warn(at.Object, at.Path,
			"has port %s, but %s is reached on node port %s: nothing answers docker login (harbor#1994), unless a load balancer before "+
				"the nodes leads from one to the other", port(u), krm.Name(s), strings.Join(numbers, ", ")).
			is(u.Scheme + "://" + u.Host)
	}
}

// checkScheme compares http or https of the address with what nginx speaks on
// the port that it leads to.
func checkScheme(p *pass, n *part, service *yaml.RNode, i int, u *url.URL, at harbor.Location) {
	target := target(n.Workload, service, i)
	all := n.nginx.Directives
	listens, tls := false, false
	harbor.All(all, "listen", func(d harbor.Directive, _ []harbor.Directive) {
		if d.ListenPort() == target {
			listens, tls = true, tls || slices.Contains(d.Args, "ssl")
		}
	})
	harbor.All(all, "ssl", func(d harbor.Directive, _ []harbor.Directive) { tls = tls || d.Arg(0) == "on" })
	if listens && tls != (u.Scheme == "https") {
		speaks := map[bool]string{true: "https", false: "http"}[tls]
		p.error(at.Object, at.Path,
			"begins with %s://, but nginx speaks %s on the port that node port %s leads to",
			u.Scheme, speaks, port(u)).is(u.Scheme + "://" + u.Host)
	}
}
