package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// checkRoutes looks at the Ingresses and HTTPRoutes that lead to Harbor: at what they
// pass to it, and not at what else they serve.
func checkRoutes(p *pass) {
	for _, h := range p.harbors() {
		for _, r := range h.Entry().Routes {
			for _, b := range harbor.Backends(r.RNode) {
				if to := h.Answered(b.Location); len(to) > 0 {
					checkBackend(p, h, b, append(slices.Clone(to), harbor.Nginx))
				}
			}
		}
	}
}

func checkBackend(p *pass, h *harbor.Harbor, b harbor.Backend, to []string) {
	s := kube.Find(p.list, "Service", b.Namespace, b.Name)
	targets := slices.DeleteFunc(p.named(to...), func(t *part) bool { return t.Harbor != h })
	if s == nil {
		p.error(b.Object, b.Path, "passes requests for %s to Service %s, which is not among the resources: clients get 503", b.Location, b.Name).
			is(b.Name)
		return
	}
	i := slices.IndexFunc(targets, func(t *part) bool { return t.Behind(s) })
	if i < 0 {
		checkStray(p, h, b, s, to)
		return
	}
	ports := krm.Path{"spec", "ports"}
	for j := range krm.Elements(s, ports...) {
		if kube.Digits(s, ports.Append(j, "port")...) == b.Port || krm.Text(s, ports.Append(j, "name")...) == b.Port {
			checkTarget(p, targets[i], s, j)
			return
		}
	}
	if b.Port != "" {
		p.error(b.Object, b.Path, "passes requests for %s to port %s of %s, which has no such port: clients get 503", b.Location, b.Port, krm.Name(s))
	}
}

// checkStray looks at a backend whose Service leads to none of the parts that answer.
// Pods that are not Harbor's may pass requests on.
func checkStray(p *pass, h *harbor.Harbor, b harbor.Backend, s *yaml.RNode, to []string) {
	for _, other := range p.parts {
		if other.Harbor == h && other.Behind(s) {
			p.error(b.Object, b.Path, "passes requests for %s to %s, which leads to the %s: want the %s",
				b.Location, krm.Name(s), other.Name(), strings.Join(to[:len(to)-1], " or "))
			return
		}
	}
	if krm.Lookup(s, "spec", "selector") != nil && !p.behind(s) {
		p.error(s, krm.Path{"spec", "selector"}, "selects no pod among the resources, and %s passes requests for %s to it", krm.Name(b.Object), b.Location).
			about()
	}
}
