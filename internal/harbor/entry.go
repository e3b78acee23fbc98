package harbor

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

const (
	// BehindAnnotation of the entry says what stands in front of it, for
	// validate-ha, which does not see the settings of set-endpoint.
	BehindAnnotation = "harbor.krmfn.dev/behind"
	// BehindLoadBalancer is a load balancer or proxy outside of the manifests that
	// decides on the port, and on TLS.
	BehindLoadBalancer = "loadBalancer"
)

// Entry is where clients come in: the Services in front of nginx, and the
// Ingresses and HTTPRoutes that lead to these, or past nginx to the parts of
// Harbor behind it.
type Entry struct {
	Proxies  []Component // nginx
	Services []*yaml.RNode
	Routes   []Route
}

// backends are the parts that nginx, or an Ingress in its place, passes requests
// on to.
var backends = []string{UI, Registry, Core, Portal}

// Entry finds where clients come in. It may be empty: then they come in a way that
// the list does not show.
func (h *Harbor) Entry() Entry {
	e := Entry{Proxies: h.Of(Nginx)}
	targets := map[*yaml.RNode]bool{}
	for _, c := range h.Of(append(backends, Nginx)...) {
		for _, s := range kube.Services(h.list, c.Workload) {
			targets[s] = true
			if c.Name() == Nginx && !slices.Contains(e.Services, s) {
				e.Services = append(e.Services, s)
			}
		}
	}
	e.Routes = routesTo(h.list, targets)
	return e
}

// Service is the one Service in front of nginx.
func (e Entry) Service() (*yaml.RNode, error) {
	switch {
	case len(e.Services) == 1:
		return e.Services[0], nil
	case len(e.Services) > 1:
		return nil, fmt.Errorf("%d Services select the pods of %s, the first ones are %s and %s: name the one that is meant",
			len(e.Services), krm.Name(e.Proxies[0].RNode), e.Services[0].GetName(), e.Services[1].GetName())
	case len(e.Proxies) > 0:
		return nil, fmt.Errorf("no Service selects the pods of %s", krm.Name(e.Proxies[0].RNode))
	}
	return nil, nil
}

// Objects are the Services and routes of the entry.
func (e Entry) Objects() []*yaml.RNode {
	all := slices.Clone(e.Services)
	for _, r := range e.Routes {
		all = append(all, r.RNode)
	}
	return all
}

// Fronted says whether the entry is marked as one behind a load balancer or
// proxy, whose address is that of Harbor.
func (e Entry) Fronted() bool {
	return slices.ContainsFunc(e.Objects(), func(obj *yaml.RNode) bool {
		return obj.GetAnnotations()[BehindAnnotation] == BehindLoadBalancer
	})
}

// Servers are the servers of an nginx.conf that pass requests on to Harbor.
func (h *Harbor) Servers(conf []Directive) []NginxServer {
	return nginxServers(conf, func(host string) bool {
		return slices.ContainsFunc(h.Of(backends...), func(c Component) bool {
			s := kube.ServiceOf(h.list, c.GetNamespace(), host)
			return s != nil && c.Behind(s)
		})
	})
}

// TLSPort is the index of the Service's port that leads to where nginx speaks TLS
// to clients, -1 where there is none.
func (h *Harbor) TLSPort(service *yaml.RNode) int {
	for _, c := range h.Of(Nginx) {
		conf, err := ParseNginx(c.At(h.list, NginxConf).Value.Text)
		if err != nil || !c.Behind(service) {
			continue
		}
		for _, s := range h.Servers(conf) {
			for _, listen := range s.listens(true) {
				if i := portTo(c, service, listen); i >= 0 {
					return i
				}
			}
		}
	}
	return -1
}

// portTo is the index of the Service's port that leads to a port of the
// component, -1 for none.
func portTo(c Component, service *yaml.RNode, number string) int {
	for i := range krm.Elements(service, "spec", "ports") {
		if c.TargetPort(service, i) == number {
			return i
		}
	}
	return -1
}
