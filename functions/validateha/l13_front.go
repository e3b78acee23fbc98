package validateha

import (
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// checkHosts reports an Ingress or HTTPRoute that leads to Harbor for other hosts
// than that of the address.
func checkHosts(p *pass, r harbor.Route, a address) {
	names := r.HostNames()
	p.error(r.RNode, r.Hosts[0],
		"leads to Harbor for %s, and %s is %s: clients are turned away at that address; set endpoint.url to the one that they use",
		strings.Join(names, ", "), harbor.ExternalEndpoint, a).is(names[0]).want(a.Host)
}

// checkRouteTLS compares http or https of the address with the tls of Ingresses.
func checkRouteTLS(p *pass, routes []harbor.Route, a address) {
	for _, r := range routes {
		ends, known := r.TLS(a.Host)
		switch {
		case !known || ends == (a.Scheme == "https"):
		case ends:
			p.warn(r.RNode, krm.Path{"spec", "tls"},
				"ends TLS for %s, and %s begins with http://: most controllers redirect to https, which docker login does not follow; "+
					"write https://%s in endpoint.url", a.Host, harbor.ExternalEndpoint, a.Address())
		default:
			p.warn(r.RNode, krm.Path{"spec", "tls"},
				"has no certificate for %s, and %s begins with https://: clients refuse the one that the controller has instead; "+
					"name one in endpoint.tls.secretName, or write endpoint.behind: loadBalancer if TLS ends in front of the Ingress",
				a.Host, harbor.ExternalEndpoint)
		}
	}
}

// checkForwarded looks at what nginx tells about the scheme of clients, where TLS
// ends in front of it.
func checkForwarded(p *pass, n *part, entry harbor.Entry, a address) {
	certain := entry.Fronted() || len(entry.Routes) > 0
	if a.Scheme != "https" || !certain && !a.OwnPort() || relativeURLs(p, n) {
		return
	}
	report := p.error
	if !certain {
		report = p.warn // nobody may answer at all
	}
	for _, s := range n.Harbor.Servers(n.nginx.Directives) {
		_, tls := s.TLS()
		wrong := slices.IndexFunc(s.Forwards(), func(d harbor.Directive) bool { return d.Arg(1) == "$scheme" || d.Arg(1) == "http" })
		if wrong < 0 || tls {
			continue
		}
		settings := "url: " + a.String()
		if len(entry.Routes) == 0 {
			settings += ", behind: loadBalancer"
		}
		report(n.nginx.Object, n.nginx.Path,
			"sets X-Forwarded-Proto to the scheme by which nginx itself is reached, http, and %s begins with https://: "+
				"the registry sends pushes to http://%s; write endpoint: {%s}, which makes nginx pass on the scheme that it is told",
			harbor.ExternalEndpoint, a.Address(), settings)
		return
	}
}

// relativeURLs says whether the registry sends pushes on without naming a host.
func relativeURLs(p *pass, n *part) bool {
	return slices.ContainsFunc(p.beside(n, harbor.Registry), func(r *part) bool {
		return r.registry.Get("http",
			"relativeurls").Text == "true"
	})
}
