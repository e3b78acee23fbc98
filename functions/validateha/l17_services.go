package validateha

import (
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var services = Rule{
	ID: "L17", Severity: framework.Error,
	What: "The addresses by which the parts of Harbor call each other lead to them, and so do its Ingresses and routes.",
	Why: "They stand in texts, or in the programs (http://ui, http://adminserver, http://jobservice: harbor v1.2.0 src/ui/config, " +
		"src/jobservice/config), and follow neither a prefix nor a namespace that kustomize adds (harbor#12573, where a jobservice " +
		"that does not find the core starts over and over).",
	Do: "Leave the names of Harbor's Services as they are, or set the address too.",
	Of: known,
	check: func(p *pass) {
		for _, c := range p.parts {
			for _, a := range c.calls() {
				checkCall(p, c, a)
			}
		}
		for _, c := range p.named(harbor.Nginx) {
			for _, s := range c.services {
				checkTargets(p, c, s)
			}
		}
		checkRoutes(p)
	},
}

// calls are the addresses that the part calls others by. The text of one that is not to
// be shown says so.
func (c *part) calls() []harbor.Address {
	all := c.Addresses(c.env)
	if c.registry != nil {
		all = append(all, c.registry.Notified()...)
	}
	if c.nginx != nil {
		all = append(all, c.nginx.Proxied()...)
	}
	for i := range all {
		if all[i].Secret {
			all[i].Text = "an address in a Secret"
		}
	}
	return all
}

func checkCall(p *pass, c *part, a harbor.Address) {
	targets := p.beside(c, a.To...)
	store := isStore(c, a.To[0])
	name, namespace, qualified, isService := kube.ServiceName(a.Host)
	missing := slices.ContainsFunc(a.To, func(name string) bool { return isNeeded(c, name) && len(p.beside(c, name)) == 0 })
	if isLoopback(a.Host) {
		checkLoopback(p, c, a)
	}
	inCluster := namespace == "" || qualified || namespace == c.GetNamespace()
	if !isService || a.Host == "localhost" || missing {
		return // somewhere outside, or L18 says that the part is missing
	}
	s := p.service(c.GetNamespace(), a.Host)
	switch {
	case s == nil && p.astray(c, targets, name, namespace):
		p.error(a.Object, a.Path, "calls %s, which leads to another namespace than that of the %s, %s", a.Text, a.To[0], targets[0].GetNamespace())
		return
	case len(targets) == 0 && !store:
		checkDeserted(p, a, s)
		return
	case !inCluster:
		return
	}
	checkDNS(p, c, called(a, name))
	switch {
	case s == nil && (namespace == "" || namespace == c.GetNamespace() || len(targets) > 0 && !store):
		checkMissing(p, c, a, targets, name)
	case s != nil && !store && krm.Lookup(s, "spec", "selector") != nil: // no ExternalName, no endpoints by hand
		checkSelected(p, c, a, targets, s)
	case s != nil && store && krm.Lookup(s, "spec", "selector") != nil && !p.behind(s):
		checkEmpty(p, c, a, targets, s)
	}
}

// called is what a message calls the Service of an address.
func called(a harbor.Address, name string) string {
	if a.Secret {
		return "of that name"
	}
	return name
}

// astray says whether a Service that is not there has the name of one that leads to the
// targets, and the namespace of another Harbor or of none.
func (f *facts) astray(c *part, targets []*part, name, namespace string) bool {
	return namespace != "" && c.GetNamespace() != "" && slices.ContainsFunc(targets, func(t *part) bool {
		return t.GetNamespace() != namespace && slices.ContainsFunc(t.services, func(s *yaml.RNode) bool { return s.GetName() == name })
	})
}

// checkDeserted looks at the Service of a part that is not among the resources.
func checkDeserted(p *pass, a harbor.Address, s *yaml.RNode) {
	if s != nil && krm.Lookup(s, "spec", "selector") != nil && !p.behind(s) {
		p.warn(a.Object, a.Path, "calls %s, and Service %s leads to no pod: no %s is among the resources", a.Text, s.GetName(), a.To[0]).
			about("deserted", krm.Name(s))
	}
}

// checkEmpty reports the Service of a store that no pods are behind: an error where
// others of Harbor use another store, else a warning, since an operator may make them.
func checkEmpty(p *pass, c *part, a harbor.Address, targets []*part, s *yaml.RNode) {
	if others := p.otherAddresses(c, a, targets); len(others) > 0 {
		p.error(a.Object, a.Path, "calls %s, but Service %s leads to no pod among the resources: the %s is reached by %s",
			a.Text, s.GetName(), a.To[0], strings.Join(others, ", "))
		return
	}
	p.warn(a.Object, a.Path, "calls %s, but Service %s leads to no pod among the resources", a.Text, s.GetName())
}

// isNeeded says whether there is no Harbor like c's without the part.
func isNeeded(c *part, name string) bool {
	return slices.ContainsFunc(c.Harbor.Parts, func(p harbor.Part) bool { return p.Name == name && p.Needed })
}

// isStore says whether the part of c's Harbor is a database or Redis, in whose
// place may be one that is not among the resources.
func isStore(c *part, name string) bool {
	return slices.ContainsFunc(c.Harbor.Parts, func(p harbor.Part) bool { return p.Name == name && p.Stateful })
}

// checkDNS reports pods that ask the resolver of their node, which as a rule knows
// no Services (kubernetes.io dns-pod-service, dnsPolicy).
func checkDNS(p *pass, c *part, name string) {
	at := c.Pod.Append("dnsPolicy")
	policy := krm.Text(c.RNode, at...)
	hostNetwork := krm.Text(c.RNode, c.Pod.Append("hostNetwork")...) == "true"
	if policy == "Default" || hostNetwork && (policy == "" || policy == "ClusterFirst") {
		want := "ClusterFirst"
		if hostNetwork {
			want = "ClusterFirstWithHostNet"
		}
		p.warn(c.RNode, at, "asks the resolver of the node, which as a rule does not know Service %s", name).about().want(want)
	}
}

// checkMissing reports an address without Service: an error where the Service is
// in another namespace, the part is among the resources or is called by another
// address too. Where there are no Services at all, or it is a store that an
// operator may make, it is a warning.
func checkMissing(p *pass, c *part, a harbor.Address, targets []*part, name string) {
	elsewhere := p.elsewhere("Service", c.Workload, name)
	if elsewhere != nil && elsewhere.GetNamespace() != "" && c.GetNamespace() != "" {
		p.error(elsewhere, krm.Path{"metadata", "namespace"},
			"is not the namespace of the %s, which calls the %s at %s", c.Name(), a.To[0], a.Text).
			about().is(elsewhere.GetNamespace()).want(c.GetNamespace())
		return
	}
	others, store := p.otherAddresses(c, a, targets), isStore(c, a.To[0])
	service := c.GetNamespace() + " " + name
	reached := slices.ContainsFunc(targets, func(t *part) bool { return len(t.services) > 0 })
	name = called(a, name)
	switch {
	case store && elsewhere == nil && p.ofOperator(service):
	case a.Asked:
		p.warn(a.Object, a.Path, "calls %s, but there is no Service %s: Harbor says of itself that it is unhealthy", a.Text, name)
	case elsewhere != nil, len(others) == 0 && (len(targets) == 0 || !p.hasServices(c.Harbor) || store && reached):
		f := p.warn(a.Object, a.Path, "calls %s, but there is no Service %s among the resources", a.Text, name)
		if store {
			f.about("missing", service) // all parts use it
		}
	case len(others) == 0:
		p.error(a.Object, a.Path,
			"calls %s, but there is no Service %s: no Service leads to %s", a.Text, name, krm.Name(targets[0].RNode))
	default:
		p.error(a.Object, a.Path, "calls %s, but there is no Service %s: the %s is reached by %s",
			a.Text, name, strings.Join(present(a, targets), " or "), strings.Join(others, ", "))
	}
}

// operated are the kinds of objects of which operators make a database or Redis.
var operated = regexp.MustCompile(`(?i)postgres|^pg|redis|valkey|dragonfly|keydb|mysql|mariadb|cluster$|pooler`)

// ofOperator says whether an operator makes the Service, by its namespace and name, of
// an object among the resources: CloudNativePG pg-rw of Cluster pg, spotahome rfs-cache of
// RedisFailover cache.
func (f *facts) ofOperator(service string) bool {
	namespace, name, _ := strings.Cut(service, " ")
	return slices.ContainsFunc(f.list.Items, func(obj *yaml.RNode) bool {
		group, _, _ := strings.Cut(obj.GetApiVersion(), "/")
		of := obj.GetName()
		return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") && operated.MatchString(obj.GetKind()) && obj.GetNamespace() == namespace &&
			(name == of || strings.HasPrefix(name, of+"-") || strings.HasSuffix(name, "-"+of))
	})
}

// hasServices says whether Services of the Harbor are among the resources.
func (f *facts) hasServices(h *harbor.Harbor) bool {
	return slices.ContainsFunc(f.parts, func(c *part) bool { return c.Harbor == h && len(c.services) > 0 })
}

// otherAddresses are those by which the part is reached: the names of its Services,
// and what other parts call it by.
func (f *facts) otherAddresses(c *part, a harbor.Address, targets []*part) []string {
	var all []string
	for _, t := range targets {
		for _, s := range t.services {
			// A store that somebody else uses, such as Notary, may be kept for him alone.
			if t.Name() != harbor.Nginx && !(isStore(c, a.To[0]) && f.called(t)) {
				all = append(all, s.GetName())
			}
		}
	}
	for _, other := range f.parts {
		for _, b := range other.calls() {
			if other.Harbor == c.Harbor && isStore(c, a.To[0]) && b.To[0] == a.To[0] && b.Host != a.Host && !b.Secret {
				all = append(all, b.Host)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// present names the parts that an address is meant for, without the nginx in front of
// them.
func present(a harbor.Address, targets []*part) []string {
	all := slices.DeleteFunc(names(targets), func(name string) bool { return name == harbor.Nginx })
	if len(all) == 0 {
		return a.To[:1]
	}
	return all
}

// checkSelected looks at where a Service leads to. Pods that are not Harbor's may
// pass requests on.
func checkSelected(p *pass, c *part, a harbor.Address, targets []*part, s *yaml.RNode) {
	i := slices.IndexFunc(targets, func(t *part) bool { return t.Behind(s) })
	if i >= 0 {
		if at := checkServicePort(p, targets[i], s, a.Port, c.Name()+" calls "+a.Text); at >= 0 {
			checkScheme(p, a, targets[i], s, at)
		}
		return
	}
	stranger := slices.ContainsFunc(p.workloads, func(w kube.Workload) bool {
		return w.Behind(s) && !p.isPart(w)
	})
	if !stranger {
		p.error(s, krm.Path{"spec", "selector"},
			"selects no pod of the %s, which the %s calls at %s", strings.Join(present(a, targets), " or "), c.Name(), a.Text).about()
	}
}
