package validateha

import (
	"cmp"
	"net"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// address is a server by what answers there, so that several names of one are the
// same: the pods behind a Service and their port, else the name in full.
func (f *facts) address(c *part, text string) string {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host = text
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	name, namespace, qualified, ok := kube.ServiceName(host)
	s := f.service(c.GetNamespace(), host)
	switch {
	case s != nil && krm.Text(s, "spec", "type") == "ExternalName":
		return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(krm.Text(s, "spec", "externalName"), ".")), port)
	case s != nil:
		return f.answering(s, port)
	case ok && (namespace == "" || qualified || namespace == c.GetNamespace()):
		return "Service " + net.JoinHostPort(name+"."+cmp.Or(namespace, c.GetNamespace()), port)
	}
	return net.JoinHostPort(host, port)
}

// answering names the pods behind a port of a Service.
func (f *facts) answering(s *yaml.RNode, port string) string {
	for _, w := range f.workloads {
		if !w.Behind(s) {
			continue
		}
		for i := range krm.Elements(s, "spec", "ports") {
			if krm.Text(s, "spec", "ports", i, "port") == port {
				port = w.TargetPort(s, i)
				break
			}
		}
		return w.GetKind() + " " + net.JoinHostPort(w.GetName()+"."+w.GetNamespace(), port)
	}
	return "Service " + net.JoinHostPort(s.GetName()+"."+s.GetNamespace(), port)
}

// nowhere says whether the host can be nothing but a Service, which is not among the
// resources or has no pods there: L17 says so.
func (f *facts) nowhere(c *part, host string) bool {
	name, namespace, _, ok := kube.ServiceName(host)
	s := f.service(c.GetNamespace(), host)
	return ok && name != "" && (namespace == "" || namespace == c.GetNamespace()) && (s == nil || krm.Lookup(s, "spec", "selector") != nil && !f.behind(s))
}

// store is a place that names a database or Redis.
type store struct {
	*part
	host, shown string
	at          harbor.Location
	sentinel    bool // it answers where the server is
}

// storesOf are the places of a Harbor's parts that name a database or Redis, whichever
// the part is; known says whether the list shows all of them.
func (f *facts) storesOf(h *harbor.Harbor, server string) (all []store, known bool) {
	known = true
	for _, c := range f.parts {
		if c.Harbor != h {
			continue
		}
		for _, r := range c.redis {
			if server == harbor.RedisServer {
				known = known && !r.Unseen
				for _, host := range r.Redis.Hosts() {
					all = append(all, store{c, host, r.String(), r.Read.At, r.Redis.Master != ""})
				}
			}
		}
		for _, use := range h.Database {
			if server != h.DatabaseServer || use.Of != c.Name() || use.Field != harbor.DatabaseHost {
				continue
			}
			v := c.Read(c.env, use.Setting)
			known = known && v.Known
			if v.Known && v.Text != "" {
				all = append(all, store{c, v.Text, shown(v.Value), v.At, false})
			}
		}
	}
	return all, known
}

// checkOwn looks at the servers of a Harbor that are among the resources: those that
// its parts use are one server on one node, and the others are left over.
func checkOwn(p *pass, h *harbor.Harbor, server, section string) {
	own := slices.DeleteFunc(p.named(server), func(s *part) bool { return s.Harbor != h })
	if len(own) == 0 {
		return
	}
	all, known := p.storesOf(h, server)
	for _, s := range own {
		i := slices.IndexFunc(all, func(u store) bool { return p.leads(u, s) })
		switch {
		case i >= 0 && s.scale.single() && !shows(s) && (!s.ByUse || isPlain(s)):
			reportInside(p, s, all[i], section)
		case i < 0 && known && !s.ByUse && len(all) > 0 && !p.called(s) && !p.keptFor(s) && !p.anyNowhere(all):
			reportLeftover(p, s, all[0], section)
		}
	}
}

// leads says whether the place leads to the server.
func (f *facts) leads(u store, s *part) bool {
	service := f.service(u.GetNamespace(), u.host)
	return service != nil && s.Behind(service)
}

// anyNowhere says whether one of the places may be meant for a Service that is missing.
func (f *facts) anyNowhere(all []store) bool {
	return slices.ContainsFunc(all, func(u store) bool { return f.nowhere(u.part, u.host) })
}

// keptFor says whether the Harbor has a part that has such a server of its own, of which a
// Secret outside of the resources may say where it is.
func (f *facts) keptFor(s *part) bool {
	own := harbor.OwnDatabase
	if s.Name() == harbor.RedisServer {
		own = harbor.OwnRedis
	}
	return slices.ContainsFunc(f.parts, func(c *part) bool { return c.Harbor == s.Harbor && slices.Contains(c.Part().Own, own) })
}

// called says whether a workload refers to a Service of the part: Notary and
// chartmuseum may use the same servers.
func (f *facts) called(c *part) bool {
	return slices.ContainsFunc(c.services, func(s *yaml.RNode) bool {
		return slices.ContainsFunc(kube.Callers(f.list, s), func(w kube.Workload) bool { return w.RNode != c.RNode })
	})
}

// reportInside reports that a database or Redis is one of the manifests.
func reportInside(p *pass, s *part, u store, section string) {
	say, because := p.warn, ""
	i := slices.IndexFunc(p.parts, func(other *part) bool { return other.Harbor == s.Harbor && other.scale.several() })
	if i >= 0 {
		because = ", however many replicas the " + p.parts[i].Name() + " has"
	}
	// That of Harbor 1.x keeps its data on the node: they are gone with it.
	if i >= 0 && s.Name() == harbor.MySQL {
		say = p.error
	}
	down := "Harbor goes down with it"
	if s.Name() == harbor.RedisServer {
		down = "while it is away no core answers, and people are logged out"
	}
	say(u.at.Object, u.at.Path, "leads to %s, one server on one node: %s%s", krm.Name(s.RNode), down, because).
		add(section).is(u.shown).about(krm.Name(s.RNode), "inside")
}

// reportLeftover reports what remains of a server that is no longer used.
func reportLeftover(p *pass, s *part, u store, section string) {
	var names []string
	for _, obj := range append(slices.Clone(s.services), claimsOf(p, s)...) {
		names = append(names, krm.Name(obj))
	}
	with := ""
	if len(names) > 0 {
		with = " with " + strings.Join(names, " and ")
	}
	p.warn(s.RNode, nil, "is a %s that nobody uses any more%s: the %s has %s", title(s), with, u.Name(), u.shown).add(section)
}

// title is what the server is called in a message.
func title(c *part) string {
	if c.Name() == harbor.RedisServer {
		return "Redis"
	}
	return "database"
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
