package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// outside are the kinds, apart from Ingress and HTTPRoute, that lead to Services
// from outside of the cluster. Where one leads to is not looked at.
var outside = []string{"Route", "TLSRoute", "TCPRoute", "IngressRoute", "VirtualService", "HTTPProxy"}

// way is a port by which clients come in.
type way struct {
	obj    *yaml.RNode
	what   string // what has the port
	port   string
	scheme string // that is spoken there, "" where that cannot be known
	onNode bool   // the port is one of every node
	cloud  bool   // what has the port may end TLS itself
}

// address is an address of Harbor and where it is set.
type address struct {
	harbor.Endpoint
	harbor.Location
}

func (a address) error(p *pass, format string, args ...any) {
	p.error(a.Object, a.Path, format, args...).is(a.String())
}

func (a address) warn(p *pass, format string, args ...any) {
	p.warn(a.Object, a.Path, format, args...).is(a.String())
}

// checkEntry compares the address with the ways in: node ports, load balancers
// and Ingresses alike.
func checkEntry(p *pass, c *part, a address) {
	entry, proxies := c.Harbor.Entry(), p.beside(c, harbor.Nginx)
	for _, n := range proxies {
		checkForwarded(p, n, entry, a)
	}
	answering := slices.DeleteFunc(slices.Clone(entry.Routes), func(r harbor.Route) bool { return !r.Answers(a.Host) })
	ways, known := waysIn(p, proxies, answering, a)
	open := slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return w.port != a.PortNumber() })
	opaque := slices.ContainsFunc(p.list.Items, func(obj *yaml.RNode) bool {
		return slices.Contains(outside, obj.GetKind()) &&
			krm.Editable(obj)
	}) ||
		slices.ContainsFunc(proxies, onNode) || !known
	switch {
	case len(entry.Routes) > 0 && len(answering) == 0 && (len(open) == 0 || entry.Fronted()):
		checkHosts(p, entry.Routes[0], a)
	case entry.Fronted():
	case len(open) > 0:
		checkSchemes(p, open, a)
		checkRouteTLS(p, answering, a)
	case opaque:
	case len(ways) > 0:
		checkPort(p, c, ways, a)
	case len(proxies) > 0:
		checkInside(p, c, proxies[0], a)
	default:
		p.note(a.Object, a.Path, "no nginx, Ingress or HTTPRoute among the resources leads to Harbor: check that clients reach it")
	}
}

// waysIn are the ports of node ports, load balancers, external IPs, Ingresses and
// Gateways. It is false where these are not all.
func waysIn(p *pass, proxies []*part, routes []harbor.Route, a address) (all []way, complete bool) {
	complete = true
	for _, r := range routes {
		listeners, known := r.Listeners(p.list, a.Host)
		complete = complete && known
		for _, l := range listeners {
			all = append(all, way{obj: l.Object, what: krm.Name(l.Object), port: l.Port, scheme: l.Scheme})
		}
	}
	for _, n := range proxies {
		for _, s := range n.services {
			kind := krm.Text(s, "spec", "type")
			balanced := kind == "LoadBalancer" || len(krm.Elements(s, "spec", "externalIPs")) > 0
			for i := range krm.Elements(s, "spec", "ports") {
				w := way{obj: s, what: krm.Name(s), scheme: speaks(n, s, i), cloud: kind == "LoadBalancer"}
				if w.port = kube.Digits(s, "spec", "ports", i, "port"); balanced {
					all = append(all, w)
				}
				w.port, w.onNode, w.cloud = kube.Digits(s, "spec", "ports", i, "nodePort"), true, false
				if w.port != "" && (kind == "NodePort" || kind == "LoadBalancer") {
					all = append(all, w)
				}
			}
		}
	}
	return all, complete
}

// speaks is what nginx speaks where a port of a Service leads to.
func speaks(n *part, service *yaml.RNode, i int) string {
	port := n.TargetPort(service, i)
	listens, tls := false, false
	harbor.All(n.nginx.Directives, "listen", func(d harbor.Directive, _ []harbor.Directive) {
		if d.ListenPort() == port {
			listens, tls = true, tls || slices.Contains(d.Args, "ssl")
		}
	})
	harbor.All(n.nginx.Directives, "ssl", func(d harbor.Directive, _ []harbor.Directive) { tls = tls || d.Arg(0) == "on" })
	switch {
	case !listens:
		return ""
	case tls:
		return "https"
	}
	return "http"
}

// onNode says whether an nginx has a port of its node without a Service.
func onNode(n *part) bool {
	return krm.Text(n.RNode, n.Pod.Append("hostNetwork")...) == "true" ||
		slices.ContainsFunc(krm.Elements(n.RNode, n.Path.Append("ports")...), func(port *yaml.Node) bool {
			return krm.Text(yaml.NewRNode(port), "hostPort") != ""
		})
}

// checkSchemes compares http or https of the address with what is spoken on the
// port that it leads to.
func checkSchemes(p *pass, open []way, a address) {
	for _, w := range open {
		if w.scheme == "" || w.scheme == a.Scheme {
			return
		}
	}
	w := open[0]
	switch {
	case w.cloud && a.Scheme == "https":
		a.warn(p,
			"begins with https://, but nginx speaks http where port %s of %s leads: write endpoint.behind: loadBalancer if the load "+
				"balancer "+
				"ends TLS; without it, set-endpoint makes nginx end it", w.port, w.what)
	case w.onNode || w.cloud:
		a.error(p, "begins with %s://, but nginx speaks %s on the port that %s leads to: write %s in endpoint.url, "+
			"or endpoint.behind: loadBalancer if something in front of %s speaks %s",
			a.Scheme, w.scheme, w.name(), w.address(a), w.what, a.Scheme)
	default:
		a.error(p,
			"begins with %s://, but %s speaks %s on port %s: write %s in endpoint.url", a.Scheme, w.what, w.scheme, w.port, w.address(a))
	}
}

// name names the port for people.
func (w way) name() string {
	if w.onNode {
		return "node port " + w.port
	}
	return "port " + w.port
}

// checkPort reports that nobody answers on the port of the address. It is a
// warning only where a load balancer that is not in the manifests would explain
// it.
func checkPort(p *pass, c *part, ways []way, a address) {
	nodesOnly := !slices.ContainsFunc(ways, func(w way) bool { return !w.onNode })
	w := ways[max(0, slices.IndexFunc(ways, func(w way) bool { return w.scheme == "" || w.scheme == a.Scheme }))]
	var ports []string
	for _, other := range ways {
		if other.obj == w.obj && !slices.Contains(ports, other.port) {
			ports = append(ports, other.port)
		}
	}
	kind := "port"
	if nodesOnly {
		kind = "node port"
	}
	reached := w.what + " is reached on " + kind + " " + strings.Join(ports, ", ")
	sameScheme := slices.ContainsFunc(ways, func(w way) bool { return w.scheme == "" || w.scheme == a.Scheme })
	switch {
	case c.Harbor.RealmFollows() && !sameScheme:
		a.error(p, "begins with %s://, but %s, where %s is spoken: docker is sent to %s for its token, and logs in nowhere: "+
			"write %s in endpoint.url, or endpoint.behind: loadBalancer if something in front speaks %s",
			a.Scheme, reached, w.scheme, a.Scheme, w.address(a), a.Scheme)
	case c.Harbor.RealmFollows(): // docker and logins work all the same (seen with Harbor 2.15.1)
		a.warn(p, "has port %s, but %s: the portal shows people an address where nothing answers: "+
			"write %s in endpoint.url, or endpoint.behind: loadBalancer if something in front has port %s",
			a.PortNumber(), reached, w.address(a), a.PortNumber())
	case nodesOnly && a.OwnPort():
		a.warn(p,
			"has port %s, but %s: nothing answers docker login (harbor#1994), unless a load balancer in front of the nodes leads from "+
				"one to the other: "+
				"write %s in endpoint.url, or endpoint.behind: loadBalancer", a.PortNumber(), reached, w.address(a))
	default:
		a.error(p, "has port %s, but %s: docker login is sent to an address where nothing answers (harbor#1994): "+
			"write %s in endpoint.url, or endpoint.behind: loadBalancer if something in front has port %s",
			a.PortNumber(), reached, w.address(a), a.PortNumber())
	}
}

// address is that of Harbor by this way.
func (w way) address(a address) harbor.Endpoint {
	e := harbor.Endpoint{Scheme: w.scheme, Host: a.Host, Port: w.port}
	if e.Scheme == "" {
		e.Scheme = a.Scheme
	}
	if e.OwnPort() {
		e.Port = ""
	}
	return e
}

// checkInside reports a nginx that clients do not reach, or not for certain.
func checkInside(p *pass, c, n *part, a address) {
	if len(n.services) == 0 {
		checkNoEntry(p, n)
		return
	}
	s := n.services[0]
	kind := krm.Text(s, "spec", "type")
	switch {
	case kind != "NodePort" && !a.OwnPort():
		sent := "docker login is sent to an address where nothing answers (harbor#1994)"
		if c.Harbor.RealmFollows() {
			sent = "the portal shows people an address where nothing answers"
		}
		f := p.warn(a.Object, a.Path, "has port %s, but %s is reached from inside the cluster only: %s, unless something in front has that port: "+
			"then write endpoint.behind: loadBalancer", a.PortNumber(), krm.Name(s), sent).is(a.String())
		if isNodePort(a.PortNumber()) {
			f.add("nodePort.port")
		}
		return
	case kind != "NodePort":
		if checkLostRoute(p, s) {
			return
		}
		p.note(s, krm.Path{"spec", "type"},
			"leads to Harbor from inside the cluster only, and no Ingress or route among the resources leads to it: check that clients reach it")
		return
	}
	f := p.warn(s, krm.Path{"spec", "ports", 0, "nodePort"},
		"is not set: Kubernetes chooses one, and %s has port %s", harbor.ExternalEndpoint, a.PortNumber()).add("nodePort.port")
	if isNodePort(a.PortNumber()) {
		f.want(number(a.PortNumber()))
	}
}

// checkLostRoute reports an Ingress or HTTPRoute beside a Service that nothing else
// leads to, which passes requests to one that is not there: a misspelt name makes
// set-endpoint take it for that of another program.
func checkLostRoute(p *pass, s *yaml.RNode) bool {
	for _, obj := range slices.Concat(kube.OfKind(p.list, "Ingress"), kube.OfKind(p.list, "HTTPRoute")) {
		for _, b := range harbor.Backends(obj) {
			if b.Namespace == s.GetNamespace() && kube.Find(p.list, "Service", b.Namespace, b.Name) == nil {
				p.warn(obj, b.Path, "passes requests for %s to Service %s, which is not among the resources, and none of them leads to Harbor: "+
					"if these are for Harbor, want %s", b.Location, b.Name, krm.Name(s)).is(b.Name)
				return true
			}
		}
	}
	return false
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
		if krm.Lookup(s, "spec", "selector") != nil && n.listensOn(n.TargetPort(s, i)) {
			return true
		}
	}
	return false
}
