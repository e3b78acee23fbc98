package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// checkServicePort looks for a port of the Service and where it leads to.
func checkServicePort(p *pass, target *part, s *yaml.RNode, number, because string) {
	ports := krm.Path{"spec", "ports"}
	for i := range krm.Elements(s, ports...) {
		if kube.Digits(s, ports.Append(i, "port")...) == number {
			checkTarget(p, target, s, i)
			return
		}
	}
	p.error(s, ports, "has no port %s, and the %s", number, because).about()
}

// checkTargets looks at all ports of the Service that clients use.
func checkTargets(p *pass, c *part, s *yaml.RNode) {
	for i := range krm.Elements(s, "spec", "ports") {
		checkTarget(p, c, s, i)
	}
}

func checkTarget(p *pass, c *part, s *yaml.RNode, i int) {
	at := krm.Path{"spec", "ports", i, "targetPort"}
	target := c.TargetPort(s, i)
	if target == "" {
		p.error(s, at, "no container of %s has a port named %s", krm.Name(c.RNode), krm.Text(s, at...)).is(krm.Text(s, at...))
		return
	}
	if len(c.ports) == 0 || slices.Contains(c.ports, target) {
		return
	}
	if krm.Lookup(s, at...) == nil {
		at[len(at)-1] = "port"
	}
	p.error(s, at, "leads to port %s of the %s, which listens on %s", target, c.Name(), strings.Join(c.ports, ", ")).is(number(target))
}
