package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var externalDatabase = Rule{
	ID: "L12", Severity: framework.Error,
	What: "Harbor's database is one that outlives a node, and nothing is left of another one.",
	Why: "The mysql of the manifests is one server on one data directory: it goes down with its node, and a second replica destroys " +
		"it (harbor#724; harbor v1.4.0 make/prepare --ha refuses it too).",
	Do:     "Take a database that is highly available itself; use-external-database does, and takes the one inside away.",
	Remedy: []string{"database"},
	Of:     old,
	check: func(p *pass) {
		for _, c := range p.named(harbor.MySQL) {
			checkServer(p, c)
		}
		for _, c := range p.named(harbor.AdminServer) {
			checkDatabase(p, c)
		}
	},
}

// checkServer looks at a database inside.
func checkServer(p *pass, c *part) {
	if c.ByUse {
		return // L19 says what is wrong with somebody else's
	}
	if s := c.scale; s.several() {
		p.error(s.obj, s.path, "the database has %s on one data directory, which destroy it", s.word).add(toDatabase).want(1)
	}
	if !outlives(c, harbor.DatabaseDir) {
		p.error(c.RNode, c.Path.Append("volumeMounts"),
			"no volume is mounted at %s: the database is lost with the pod", harbor.DatabaseDir).add(toDatabase)
	}
}

func checkDatabase(p *pass, c *part) {
	env := c.env
	if kind, ok := env.Get("DATABASE_TYPE"); ok && kind.Known && kind.Text != "" && kind.Text != "mysql" {
		return
	}
	if slices.Contains(env.Names(), "POSTGRESQL_HOST") {
		return // Harbor 1.6
	}
	for _, use := range c.Harbor.Database {
		if use.Of == c.Name() {
			checkConnection(p, c, use.Field, use.Places[0].Variable)
		}
	}
}

// checkConnection looks at one setting of the connection.
func checkConnection(p *pass, c *part, field harbor.DatabaseField, name string) {
	v, ok := c.env.Get(name)
	at := c.WhereSet(v, name)
	switch {
	case field == harbor.DatabasePassword:
		if lineBreak(v) {
			p.error(at.Object, at.Path, "%s holds a line break: the database refuses it", name)
		}
	case v.Broken, field == harbor.DatabaseReset:
	case !ok || v.Text == "":
		p.error(at.Object, at.Path, "%s is not set: the adminserver does not find its database", name).add(toDatabase)
	case field == harbor.DatabasePort && v.Known && !isPort(v.Text):
		p.error(at.Object, at.Path, "%s is not a port: the adminserver does not start", name).add(toDatabase).is(shown(v))
	case field == harbor.DatabaseHost && v.Known:
		checkHost(p, c, v, at)
	}
}

func checkHost(p *pass, c *part, v kube.Value, at harbor.Location) {
	if v.Text == "localhost" || isLoopback(v.Text) {
		p.error(at.Object, at.Path, "points each pod at itself, where there is no database").add(toDatabase).is(shown(v))
		return
	}
	servers := p.beside(c, harbor.MySQL)
	service := p.service(c.GetNamespace(), v.Text)
	i := slices.IndexFunc(servers, func(s *part) bool {
		return service != nil && s.Behind(service)
	})
	switch {
	case i >= 0 && servers[i].ByUse && (!p.replicas(servers[i]).single() || !isPlain(servers[i])):
		// It is not one server, or may not be: L19 looks at it.
	case i >= 0:
		reportInside(p, c, servers[i], v, at)
	case len(servers) > 0 && (service != nil || !isHere(v.Text)):
		reportLeftover(p, servers, shown(v))
	}
}

// reportInside reports that the database is the one of the manifests: an error where
// the rest is highly available.
func reportInside(p *pass, c *part, server *part, v kube.Value, at harbor.Location) {
	say, because := p.warn, ""
	for _, other := range p.parts {
		if other.Harbor == c.Harbor && other.scale.several() {
			say, because = p.error, ", however many replicas the "+other.Name()+" has"
			break
		}
	}
	say(at.Object, at.Path,
		"leads to %s, one server on one node: Harbor goes down with it%s", krm.Name(server.RNode), because).add(toDatabase).is(shown(v))
}

// reportLeftover reports what remains of a database that is no longer used.
func reportLeftover(p *pass, servers []*part, host string) {
	for _, s := range servers {
		var names []string
		for _, obj := range append(s.services, claimsOf(p, s)...) {
			names = append(names, krm.Name(obj))
		}
		with := ""
		if len(names) > 0 {
			with = " with " + strings.Join(names, " and ")
		}
		p.warn(s.RNode, nil, "is a database that nobody uses any more%s: the adminserver has %s", with, host).add(toDatabase)
	}
}

func claimsOf(p *pass, c *part) []*yaml.RNode {
	var all []*yaml.RNode
	for _, u := range p.claims {
		if u.claim != nil && len(u.users) == 1 && u.users[0] == c {
			all = append(all, u.claim)
		}
	}
	return all
}

// isHere says whether a host can be nothing but a Service in the namespace of the
// pod.
func isHere(host string) bool {
	_, namespace, _, ok := kube.ServiceName(host)
	return ok && namespace == ""
}
