package validateha

import (
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var oneAddress = Rule{
	ID: "L13", Severity: framework.Error,
	What: "Everybody who tells clients the address of Harbor tells the same, with the port that leads to it.",
	Why: "A docker login follows the realm that the registry names; where it lacks the node port, nobody answers (harbor#1994, " +
		"harbor#6319).",
	Do:     "Set EXT_ENDPOINT, auth.token.realm and server_name to the address that clients use; set-endpoint does.",
	Remedy: []string{"endpoint"},
	check: func(p *pass) {
		for _, c := range p.named(harbor.AdminServer, harbor.Core) {
			if c.Name() == harbor.AdminServer || len(p.beside(c, harbor.AdminServer)) == 0 { // up to 1.7 the core asks it
				checkEndpoint(p, c)
			}
		}
		checkNodePorts(p)
	},
}

const endpoint = "EXT_ENDPOINT"

// checkEndpoint looks at the address that one component holds, and what the
// others beside it make of it.
func checkEndpoint(p *pass, c *part) {
	v, ok := c.env.Get(endpoint)
	at := c.WhereSet(v, endpoint)
	u, reason := parseEndpoint(v.Text)
	switch {
	case v.Broken:
		return
	case !ok || v.Text == "":
		p.error(at.Object, at.Path, "%s is not set: Harbor does not know the address that clients use", endpoint)
		return
	case !v.Known || v.Secret:
		p.note(at.Object, at.Path,
			"%s is in a Secret or not among the resources, and is not compared with anything: check that it is the address that "+
				"clients use", endpoint)
		return
	case reason != "":
		p.error(at.Object, at.Path, "is %q, %s", v.Text, reason).is(v.Text)
		return
	case u.Hostname() == harbor.ExampleHost:
		p.warn(at.Object, at.Path, "is still the example of Harbor's harbor.cfg, which clients do not find").is(v.Text)
	}
	for _, r := range p.beside(c, harbor.Registry) {
		checkRealm(p, r, u)
	}
	for _, n := range p.beside(c, harbor.Nginx) {
		checkServerName(p, n, u)
		checkEntry(p, n, u, at)
	}
}

// parseEndpoint reads scheme, host and port, and says what is wrong with them.
func parseEndpoint(text string) (*url.URL, string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, "want an address such as http://hub.example.com:31777"
	case u.Hostname() == "localhost" || isLoopback(u.Hostname()):
		return nil, "which points each client at itself"
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
		return nil, "want scheme, host and port only"
	}
	return u, ""
}

func checkRealm(p *pass, c *part, u *url.URL) {
	r := c.registry
	v := r.Get("auth", "token", "realm")
	if !v.Known || v.Text == "" && r.Get("auth", "token", "rootcertbundle").Text == "" {
		return // not to be seen, or L02 says that there is no auth.token
	}
	realm, err := url.Parse(v.Text)
	want := u.Scheme + "://" + u.Host + harbor.TokenPath
	if err == nil && realm.Scheme == u.Scheme && strings.EqualFold(realm.Hostname(), u.Hostname()) && port(realm) == port(u) &&
		realm.Path == harbor.TokenPath {
		return
	}
	at := r.LocationOf("auth", "token", "realm")
	p.error(at.Object, at.Path,
		"auth.token.realm is %q and %s %s://%s: docker login asks for its token at an address where Harbor does not answer",
		shown(v), endpoint, u.Scheme, u.Host).is(shown(v)).want(want)
}

// checkServerName compares names without ports, as nginx does.
func checkServerName(p *pass, n *part, u *url.URL) {
	conf := n.nginx
	if n.Generation() != harbor.V1 {
		return
	}
	if conf.Unclear != "" {
		p.note(conf.Object, conf.Path, "nginx.conf is not looked at (%s): check that it answers for %s", conf.Unclear, u.Host)
	}
	var names []string
	harbor.All(conf.Directives, "server_name", func(d harbor.Directive, _ []harbor.Directive) { names = append(names, d.Args...) })
	fits := slices.ContainsFunc(names, func(name string) bool {
		host, _, _ := strings.Cut(name, ":")
		return strings.EqualFold(host, u.Hostname()) || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "~") ||
			strings.Contains(name, "*") || name == ""
	})
	if len(names) > 0 && !fits {
		is := shown(kube.Value{Text: strings.Join(names, " "), Secret: conf.Secret})
		p.warn(conf.Object, conf.Path,
			"server_name is %s and %s %s://%s: it answers as the only server, but not beside another one", is, endpoint, u.Scheme, u.Host).
			is(is).want(u.Host)
	}
}
