package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var oneAddress = Rule{
	ID: "L13", Severity: framework.Error,
	What: "Everybody who tells clients the address of Harbor tells the same, with the port that leads to it.",
	Why: "A docker login follows the realm that Harbor names; where it lacks the node port, nobody answers (harbor#1994, " +
		"harbor#6319). In Harbor 2.x its scheme is that of EXT_ENDPOINT, which also makes cookies Secure: with https in place of " +
		"http nobody logs in (seen with Harbor 2.15.1).",
	Do: "Set EXT_ENDPOINT, auth.token.realm, server_name and the host of an Ingress or HTTPRoute to the address that clients use, and let " +
		"nginx pass on the port in Host, and X-Forwarded-Proto where TLS ends in front of it; set-endpoint does.",
	Remedy: []string{"endpoint", "nodePort"},
	check: func(p *pass) {
		for _, c := range p.named(harbor.AdminServer, harbor.Core) {
			if c.Name() == harbor.AdminServer || len(p.beside(c, harbor.AdminServer)) == 0 { // up to 1.7 the core asks it
				checkEndpoint(p, c)
			}
		}
		checkNodePorts(p)
	},
}

// checkEndpoint looks at the address that one component holds, and what the
// others beside it make of it.
func checkEndpoint(p *pass, c *part) {
	v, ok := c.env.Get(harbor.ExternalEndpoint)
	a := address{Location: c.WhereSet(v, harbor.ExternalEndpoint)}
	var reason string
	a.Endpoint, reason = parseEndpoint(v.Text)
	switch {
	case v.Broken:
		return
	case !ok || v.Text == "":
		p.error(a.Object, a.Path,
			"%s is not set: Harbor does not know the address that clients use", harbor.ExternalEndpoint).add(toEndpoint(c))
		return
	case !v.Known || v.Secret:
		p.note(a.Object, a.Path,
			"%s is in a Secret or not among the resources, and is not compared with anything: check that it is the address that "+
				"clients use", harbor.ExternalEndpoint)
		return
	case reason != "":
		p.error(a.Object, a.Path, "is %q, %s", v.Text, reason).add(toEndpoint(c)).is(v.Text)
		return
	case a.Host == harbor.ExampleHost:
		p.warn(a.Object, a.Path, "is still the example of Harbor's harbor.cfg, which clients do not find").add(toEndpoint(c)).is(v.Text)
	}
	for _, r := range p.beside(c, harbor.Registry) {
		checkRealm(p, r, a)
	}
	for _, n := range p.beside(c, harbor.Nginx) {
		checkServerName(p, n, a)
		checkPassedHost(p, n, a)
	}
	checkEntry(p, c, a)
}

// parseEndpoint reads scheme, host and port, and says what is wrong with them. Case
// and a slash at the end do not matter to clients.
func parseEndpoint(text string) (harbor.Endpoint, string) {
	e, err := harbor.ParseEndpoint("", strings.TrimRight(strings.ToLower(text), "/"))
	switch {
	case err != nil:
		return e, "want an address such as http://hub.example.com:31777: scheme, host and port only"
	case e.Host == "localhost" || isLoopback(e.Host):
		return e, "which points each client at itself"
	}
	return e, ""
}

func checkRealm(p *pass, c *part, a address) {
	r := c.registry
	v := r.Get("auth", "token", "realm")
	if !v.Known || v.Text == "" && r.Get("auth", "token", "rootcertbundle").Text == "" {
		return // not to be seen, or L02 says that there is no auth.token
	}
	base, isToken := strings.CutSuffix(v.Text, harbor.TokenPath)
	if realm, err := harbor.ParseEndpoint("", strings.ToLower(base)); isToken && err == nil && realm.Same(a.Endpoint) {
		return
	}
	at := r.LocationOf("auth", "token", "realm")
	p.error(at.Object, at.Path,
		"auth.token.realm is %q and %s %s: docker login asks for its token at an address where Harbor does not answer",
		shown(v), harbor.ExternalEndpoint, a).add(toEndpoint(c)).is(shown(v)).want(a.Realm())
}

// checkServerName compares the names of the servers that pass requests on to
// Harbor, without ports, as nginx does.
func checkServerName(p *pass, n *part, a address) {
	conf := n.nginx
	if conf.Unclear != "" {
		p.note(conf.Object, conf.Path, "nginx.conf is not looked at (%s): check that it answers for %s", conf.Unclear, a.Address())
	}
	for _, s := range n.Harbor.Servers(conf.Directives) {
		names := s.Names()
		if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return harbor.Answers(name, a.Host) }) {
			continue
		}
		is := shown(kube.Value{Text: strings.Join(names, " "), Secret: conf.Secret})
		p.warn(conf.Object, conf.Path, "server_name is %s and %s %s: it answers as the only server, but not beside another one",
			is, harbor.ExternalEndpoint, a).add(toEndpoint(n)).is(is).want(a.Address())
	}
}

// checkPassedHost looks at the port that nginx passes on to where clients log in and push.
func checkPassedHost(p *pass, n *part, a address) {
	if a.OwnPort() {
		return
	}
	for _, s := range n.Harbor.Servers(n.nginx.Directives) {
		for _, d := range s.LosesPort("/v2/") {
			p.error(n.nginx.Object, n.nginx.Path, "passes Host on as %s, without the port of %s: docker is sent to port %s of it, where nobody answers",
				d.Arg(1), a, harbor.Endpoint{Scheme: a.Scheme}.PortNumber()).add(toEndpoint(n)).is(d.Arg(1)).want("$http_host")
			return
		}
	}
}

// toEndpoint is the section of HarborHA that sets the address, where it knows
// Harbor's generation.
func toEndpoint(c *part) string {
	if len(c.Harbor.Endpoint) == 0 {
		return ""
	}
	return "endpoint.url"
}
