package validateha

import (
	"net"
	"slices"
	"strconv"
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
	Why:  "The mysql of the manifests is one server on one data directory: it goes down with its node, and a second replica destroys it (harbor#724; harbor v1.4.0 make/prepare --ha refuses it too).",
	Do:   "Take a database that is highly available itself; use-external-database does, and takes the one inside away.",
	check: func(k *checker) {
		for _, c := range k.old(harbor.MySQL) {
			k.checkServer(c)
		}
		for _, c := range k.old(harbor.AdminServer) {
			k.checkDatabase(c)
		}
	},
}

// checkServer looks at a database inside.
func (k *checker) checkServer(c harbor.Component) {
	if s := k.scale(c.Workload); s.n > 1 {
		k.error(s.obj, s.path, "the database has %s on one data directory, which destroy it", s.word).want(1)
	}
	if !k.outlives(c, harbor.DatabaseDir) {
		k.error(c.RNode, c.Path.Append("volumeMounts"), "no volume is mounted at %s: the database is lost with the pod", harbor.DatabaseDir)
	}
}

func (k *checker) checkDatabase(c harbor.Component) {
	env := k.env(c.Container)
	if kind, ok := env.Get("DATABASE_TYPE"); ok && kind.Known && kind.Text != "" && kind.Text != "mysql" {
		return
	}
	if slices.Contains(env.Names(), "POSTGRESQL_HOST") {
		return // Harbor 1.6
	}
	if v, _ := env.Get("MYSQL_PWD"); lineBreak(v) {
		at := k.of(v, c.Container, "MYSQL_PWD")
		k.error(at.obj, at.path, "MYSQL_PWD holds a line break: the database refuses it")
	}
	for _, name := range []string{"MYSQL_HOST", "MYSQL_PORT", "MYSQL_USR", "MYSQL_DATABASE"} {
		v, ok := env.Get(name)
		at := k.of(v, c.Container, name)
		switch {
		case v.Broken:
		case !ok || v.Text == "":
			k.error(at.obj, at.path, "%s is not set: the adminserver does not find its database", name)
		case name == "MYSQL_PORT" && v.Known && !isPort(v.Text):
			k.error(at.obj, at.path, "%s is no port: the adminserver does not start", name).is(shown(v))
		case name == "MYSQL_HOST" && v.Known:
			k.checkHost(c, v, at)
		}
	}
}

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n < 65536
}

func (k *checker) checkHost(c harbor.Component, v kube.Value, at place) {
	if v.Text == "localhost" || isLoopback(v.Text) {
		k.error(at.obj, at.path, "leads each pod to itself, where there is no database").is(shown(v))
		return
	}
	servers := k.beside(c, harbor.MySQL)
	service := k.service(c.GetNamespace(), v.Text)
	i := slices.IndexFunc(servers, func(s harbor.Component) bool {
		return service != nil && s.Behind(service)
	})
	switch {
	case i >= 0:
		k.inside(c, servers[i], v, at)
	case len(servers) > 0:
		k.left(servers, shown(v))
	}
}

// inside reports that the database is the one of the manifests: an error where
// the rest is highly available.
func (k *checker) inside(c harbor.Component, server harbor.Component, v kube.Value, at place) {
	say, because := k.warn, ""
	i := slices.IndexFunc(k.old(), func(other harbor.Component) bool {
		return other.GetNamespace() == c.GetNamespace() && k.scale(other.Workload).n > 1
	})
	if i >= 0 {
		say, because = k.error, ", however many replicas the "+k.old()[i].Name()+" has"
	}
	say(at.obj, at.path, "leads to %s, one server on one node: Harbor goes down with it%s", krm.Name(server.RNode), because).is(shown(v))
}

// left reports what remains of a database that is no longer used.
func (k *checker) left(servers []harbor.Component, host string) {
	for _, s := range servers {
		var names []string
		for _, obj := range append(k.services(s.Workload), k.claimsOf(s)...) {
			names = append(names, krm.Name(obj))
		}
		with := ""
		if len(names) > 0 {
			with = " with " + strings.Join(names, " and ")
		}
		k.warn(s.RNode, nil, "is a database that nobody uses any more%s: the adminserver has %s", with, host)
	}
}

func (k *checker) claimsOf(c harbor.Component) []*yaml.RNode {
	var all []*yaml.RNode
	for _, u := range k.storage {
		if u.claim != nil && len(u.users) == 1 && u.users[0].RNode == c.RNode {
			all = append(all, u.claim)
		}
	}
	return all
}

// service finds the Service that a host name in the namespace means: name,
// name.namespace, name.namespace.svc and so on.
func (k *checker) service(namespace, host string) *yaml.RNode {
	name, ns, ok := serviceName(host)
	if !ok {
		return nil
	}
	if ns == "" || namespace == "" {
		ns = namespace
	}
	for _, obj := range k.ofKind("Service") {
		// The name in a text does not follow a prefix: only the present one counts.
		if obj.GetName() == name && obj.GetNamespace() == ns {
			return obj
		}
	}
	return nil
}

// serviceName takes a host name apart; it is false for one that cannot mean a
// Service.
func serviceName(host string) (name, namespace string, ok bool) {
	parts := strings.Split(host, ".")
	switch {
	case host == "" || net.ParseIP(host) != nil || strings.ContainsAny(host, kube.Hidden+"/$ "):
		return "", "", false
	case len(parts) == 1:
		return parts[0], "", true
	case len(parts) == 2 || parts[2] == "svc":
		return parts[0], parts[1], true
	}
	return "", "", false
}
