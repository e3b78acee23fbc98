package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// checkServicePort looks for a port of the Service and where it leads to. It returns
// its index, -1 where there is none or it leads nowhere.
func checkServicePort(p *pass, target *part, s *yaml.RNode, number, because string) int {
	ports := krm.Path{"spec", "ports"}
	for i := range krm.Elements(s, ports...) {
		if kube.Digits(s, ports.Append(i, "port")...) == number {
			if checkTarget(p, target, s, i) {
				return i
			}
			return -1
		}
	}
	p.error(s, ports, "has no port %s, and the %s", number, because).about()
	return -1
}

// checkTargets looks at all ports of the Service that clients use.
func checkTargets(p *pass, c *part, s *yaml.RNode) {
	for i := range krm.Elements(s, "spec", "ports") {
		checkTarget(p, c, s, i)
	}
}

// checkTarget says whether a port of the Service leads to one that the pods listen on,
// as far as that can be known.
func checkTarget(p *pass, c *part, s *yaml.RNode, i int) bool {
	at := krm.Path{"spec", "ports", i, "targetPort"}
	target := c.TargetPort(s, i)
	if target == "" {
		p.error(s, at, "no container of %s has a port named %s", krm.Name(c.RNode), krm.Text(s, at...)).is(krm.Text(s, at...))
		return false
	}
	if _, listens, known := c.port(target); listens || !known {
		return true
	}
	if krm.Lookup(s, at...) == nil {
		at[len(at)-1] = "port"
	}
	p.error(s, at, "leads to port %s of the %s, which listens on %s", target, c.Name(), c.numbers()).is(number(target))
	return false
}

// checkScheme compares http or https of an address with what is spoken where it leads
// to.
func checkScheme(p *pass, a harbor.Address, target *part, s *yaml.RNode, i int) {
	port, _, _ := target.port(target.TargetPort(s, i))
	scheme, _, isURL := strings.Cut(a.Text, "://")
	speaks := map[bool]string{false: "http", true: "https"}[port.TLS]
	if isURL && port.Known && scheme != speaks && (scheme == "http" || scheme == "https") {
		p.error(a.Object, a.Path, "calls %s, and the %s speaks %s there", a.Text, target.Name(), speaks).about()
	}
}

// checkLoopback looks at an address by which a part calls itself.
func checkLoopback(p *pass, c *part, a harbor.Address) {
	if _, listens, known := c.port(a.Port); slices.Contains(a.To, c.Name()) && known && !listens {
		p.error(a.Object, a.Path, "calls %s, and the %s itself listens on %s", a.Text, c.Name(), c.numbers()).about()
	}
}
