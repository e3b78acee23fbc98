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

var oneStore = Rule{
	ID: "L19", Severity: framework.Error,
	What: "A database or Redis of several pods is one store.",
	Why: "Plain servers know nothing of each other, and a Service spreads requests over them: what is written to one is not found on " +
		"the next, people are logged out and pushes fail at random (kubernetes.io services-networking, session affinity is none by " +
		"default).",
	Do: "Run one server, or one that replicates: Sentinel, a cluster, an operator; better one that is highly available itself, " +
		"outside.",
	Remedy: []string{"database", "redis"},
	check: func(p *pass) {
		for _, c := range p.parts {
			if c.Part().Stateful {
				checkStores(p, c)
			}
		}
		for _, h := range p.harbors() {
			for _, server := range []string{harbor.RedisServer, h.DatabaseServer} {
				all, _ := p.storesOf(h, server)
				for _, u := range all {
					if !u.sentinel {
						checkWrites(p, u, server)
					}
				}
			}
		}
	},
}

// plainServers are the images, by a part of their name, of which several pods are
// several stores unless something replicates. Proxies and pools are others.
var plainServers = []string{"redis", "valkey", "mysql", "mariadb", "percona", "postgres", "harbor-db"}

// replicates are the words that show that servers know of each other: in variables,
// arguments, configuration, sidecars and labels.
var replicates = []string{"replica", "slave", "sentinel", "cluster", "master", "primary", "galera", "wsrep",
	"patroni", "repmgr", "pgpool", "stolon",
	"orchestrator", "xtrabackup", "spilo", "operator", "raft", "haproxy", "proxysql", "twemproxy", "maxscale", "router", "bouncer"}

func checkStores(p *pass, c *part) {
	s := p.replicas(c)
	onOneDirectory := c.Name() == harbor.MySQL && !c.ByUse // L12 says so
	if !s.several() || onOneDirectory || len(c.services) == 0 || shows(c) {
		return
	}
	say := p.error
	if !isPlain(c) {
		say = p.warn // what the image does is not known
	}
	if slices.ContainsFunc(c.sources, func(s kube.Source) bool { return s.Object == nil && s.Kind != "PersistentVolumeClaim" }) {
		say = p.warn // its configuration may say more
	}
	f := say(s.obj, s.path,
		"the %s has %s, and nothing shows that they replicate: each is a store of its own, and Service %s spreads requests over them",
		c.Name(), s.word, c.services[0].GetName())
	switch {
	case c.Name() == harbor.RedisServer && len(c.Harbor.Redis) > 0:
		f.add(toRedis)
	case c.Name() == c.Harbor.DatabaseServer:
		f.add(toDatabase)
	}
}

// readers are the ends of the names of Services and hosts that lead to replicas: those of
// bitnami, the database operators and the clouds.
var readers = []string{"-replica", "-replicas", "-slave", "-slaves", "-ro", "-readonly", "-read", "-reader"}

// checkWrites looks at whether who writes to a store reaches the one of its servers that
// takes writes.
func checkWrites(p *pass, u store, server string) {
	const harm = ": what Harbor writes is refused"
	section := map[string]string{harbor.RedisServer: toRedis, u.Harbor.DatabaseServer: toDatabase}[server]
	subject := []string{"writes", server, u.host}
	s := p.service(u.GetNamespace(), u.host)
	if s == nil {
		name, _, _ := strings.Cut(u.host, ".")
		if slices.ContainsFunc(readers, func(end string) bool { return strings.HasSuffix(name, end) }) {
			p.warn(u.at.Object, u.at.Path, "leads to replicas for reading, as the name of the host says"+harm).is(u.shown).add(section).about(subject...)
		}
		return
	}
	pods, replicas, plain, n := 0, 0, true, ""
	for _, w := range p.workloads {
		if !w.Behind(s) || w.GetKind() == "DaemonSet" {
			continue
		}
		n = krm.Name(w.RNode)
		k := p.scaleOf(w).n
		pods += k
		if isReplica(w) {
			replicas += k
		}
		plain = plain && servesItself(w)
	}
	switch name := krm.Name(s); {
	case pods == 0 || !plain:
	case replicas == pods:
		p.warn(u.at.Object, u.at.Path, "leads to %s, and so to replicas for reading, %s"+harm, name, n).is(u.shown).add(section).about(subject...)
	case pods > 1 && slices.ContainsFunc(p.parts, func(c *part) bool { return c.Name() == server && c.Behind(s) && shows(c) }):
		p.warn(u.at.Object, u.at.Path, "leads to %s, which spreads requests over %d pods of a %s that replicates, of which one takes writes: the "+
			"others refuse what Harbor writes", name, pods, server).is(u.shown).add(section).about(subject...)
	}
}

// servesItself says whether all containers of a workload that may answer are servers, and
// none a proxy, or of an operator, that finds the one that takes writes.
func servesItself(w kube.Workload) bool {
	text := strings.ToLower(words(w.YNode()))
	operated := len(krm.Elements(w.RNode, "metadata", "ownerReferences")) > 0
	return !operated && !slices.ContainsFunc([]string{"haproxy", "proxysql", "twemproxy", "predixy", "envoyproxy", "pgpool", "bouncer", "maxscale", "galera", "wsrep"},
		func(word string) bool { return strings.Contains(text, word) })
}

// isReplica says whether the pods follow another server: by a variable of bitnami's images
// or an argument of Redis.
func isReplica(w kube.Workload) bool {
	for i := range krm.Elements(w.RNode, w.Pod.Append("containers")...) {
		at := w.Pod.Append("containers", i)
		for j := range krm.Elements(w.RNode, at.Append("env")...) {
			name, value := krm.Text(w.RNode, at.Append("env", j, "name")...), krm.Text(w.RNode, at.Append("env", j, "value")...)
			if strings.HasSuffix(name, "_REPLICATION_MODE") && (value == "replica" || value == "slave") {
				return true
			}
		}
		for _, field := range []string{"command", "args"} {
			for _, arg := range krm.Elements(w.RNode, at.Append(field)...) {
				if strings.HasPrefix(arg.Value, "--replicaof") || strings.HasPrefix(arg.Value, "--slaveof") {
					return true
				}
			}
		}
	}
	return false
}

// isPlain says whether the image of a part is one of a plain server.
func isPlain(c *part) bool {
	name, _, _ := c.SplitImage()
	return slices.ContainsFunc(plainServers, func(word string) bool { return strings.Contains(name, word) })
}

// shows says whether something in the workload, or in what its pods read, tells of
// replication, or a controller has made it.
func shows(c *part) bool {
	if len(krm.Elements(c.RNode, "metadata", "ownerReferences")) > 0 {
		return true
	}
	texts := []string{words(c.YNode())}
	for _, s := range c.sources {
		if s.Object != nil && s.Kind == "ConfigMap" {
			texts = append(texts, words(s.Object.YNode()))
		}
	}
	text := strings.ReplaceAll(strings.ToLower(strings.Join(texts, "\n")), "cluster.local", "")
	return slices.ContainsFunc(replicates, func(word string) bool { return strings.Contains(text, word) })
}

// words are all scalars below a node but for fields that say nothing of the program.
func words(node *yaml.Node) string {
	var all []string
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				switch n.Content[i].Value {
				case "kind", "replicas", "status", "managedFields", "kubectl.kubernetes.io/last-applied-configuration",
					"affinity", "nodeSelector", "tolerations", "topologySpreadConstraints", "selector", "storageClassName":
				default:
					all = append(all, n.Content[i].Value)
					walk(n.Content[i+1])
				}
			}
			return
		}
		if n.Kind == yaml.ScalarNode {
			all = append(all, n.Value)
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(node)
	return strings.Join(all, "\n")
}
