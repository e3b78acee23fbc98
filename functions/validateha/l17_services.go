package validateha

import (
	"net/url"
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
	What: "The addresses by which the parts of Harbor call each other lead to them.",
	Why: "They stand in texts, or in the programs (http://ui, http://adminserver, http://jobservice: harbor v1.2.0 src/ui/config, " +
		"src/jobservice/config), and follow neither a prefix nor a namespace that kustomize adds.",
	Do: "Leave the names of Harbor's Services as they are, or set the address too.",
	Of: old,
	check: func(p *pass) {
		for _, c := range p.parts {
			for _, a := range calls(c) {
				checkCall(p, c, a)
			}
		}
		for _, c := range p.named(harbor.Nginx) {
			for _, s := range c.services {
				checkTargets(p, c, s)
			}
		}
	},
}

func checkCall(p *pass, c *part, a call) {
	u, err := url.Parse(a.address)
	if a.address == "" || err != nil {
		return
	}
	var targets []*part
	for _, t := range a.targets {
		targets = append(targets, p.beside(c, t)...)
	}
	name, namespace, qualified, isService := kube.ServiceName(u.Hostname())
	if !isService || len(targets) == 0 || namespace != "" && !qualified {
		return // somewhere outside
	}
	s := p.service(c.GetNamespace(), u.Hostname())
	checkDNS(p, c, name)
	switch {
	case s == nil:
		checkMissing(p, c, a, targets, name)
	case krm.Lookup(s, "spec", "selector") != nil: // no ExternalName, no endpoints by hand
		checkSelected(p, c, a, targets, s, port(u))
	}
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
// in another namespace, or the component is reached by another one.
func checkMissing(p *pass, c *part, a call, targets []*part, name string) {
	elsewhere := p.elsewhere("Service", c.Workload, name)
	if elsewhere != nil && elsewhere.GetNamespace() != "" && c.GetNamespace() != "" {
		p.error(elsewhere, krm.Path{"metadata", "namespace"},
			"is not the namespace of the %s, which calls the %s at %s", c.Name(), a.targets[0], a.address).
			about().is(elsewhere.GetNamespace()).want(c.GetNamespace())
		return
	}
	var others []string
	for _, t := range targets {
		for _, s := range t.services {
			if t.Name() != harbor.Nginx {
				others = append(others, s.GetName())
			}
		}
	}
	if len(others) == 0 || elsewhere != nil {
		p.warn(a.Object, a.Path, "calls %s, but there is no Service %s among the resources", a.address, name)
		return
	}
	p.error(a.Object, a.Path,
		"calls %s, but there is no Service %s: the %s is reached by %s",
		a.address, name, strings.Join(present(targets), " or "), strings.Join(others, ", "))
}

// present names the parts that a call is meant for, without the nginx in front of
// them where there are others.
func present(targets []*part) []string {
	all := names(targets)
	if len(all) == 1 {
		return all
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == harbor.Nginx })
}

// checkSelected looks at where a Service leads to. Pods that are not Harbor's may
// pass requests on.
func checkSelected(p *pass, c *part, a call, targets []*part, s *yaml.RNode, number string) {
	i := slices.IndexFunc(targets, func(t *part) bool { return t.Behind(s) })
	if i >= 0 {
		checkServicePort(p, targets[i], s, number, c.Name()+" calls "+a.address)
		return
	}
	stranger := slices.ContainsFunc(p.workloads, func(w kube.Workload) bool {
		return w.Behind(s) && !p.isPart(w)
	})
	if !stranger {
		p.error(s, krm.Path{"spec", "selector"},
			"selects no pod of the %s, which the %s calls at %s", strings.Join(present(targets), " or "), c.Name(), a.address).about()
	}
}
