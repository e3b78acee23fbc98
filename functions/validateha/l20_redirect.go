package validateha

import (
	"net/netip"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
)

var reachableStorage = Rule{
	ID: "L20", Severity: framework.Warning,
	What: "Clients reach the object storage to which the registry sends them.",
	Why: "Unless storage.redirect.disable is true, the registry answers the request for a layer with an address in the storage: a pull " +
		"fails where clients do not know its host (distribution v2.8.3 registry/storage/blobserver.go; harbor-helm, disableredirect).",
	Do:     "Let the registry pass layers on itself, or give the storage an address that clients reach.",
	Remedy: []string{"objectStorage"},
	Of:     known,
	check:  ofReadable(checkRedirect),
}

func checkRedirect(p *pass, c *part) {
	r := c.registry
	drivers, _ := r.Drivers()
	if len(drivers) != 1 || r.Get("storage", "redirect", "disable").Text == "true" {
		return
	}
	driver, _ := harbor.DriverNamed(drivers[0])
	if driver.Endpoint == "" {
		return
	}
	v := r.Get("storage", driver.Name, driver.Endpoint)
	host := harbor.HostOf(v.Text)
	if !v.Known || host == "" {
		return
	}
	if why := p.hidden(c, host); why != "" {
		at := r.LocationOf("storage", driver.Name, driver.Endpoint)
		p.warn(at.Object, at.Path, "storage.%s.%s is %s, %s: clients, which the registry sends there for each layer, do not reach it",
			driver.Name, driver.Endpoint, shown(v), why).add(noRedirect)
	}
}

// hidden says why clients outside of the cluster do not reach a host, "" where they
// may. An address of a private network is as good as Harbor's own one.
func (p *pass) hidden(c *part, host string) string {
	address, err := netip.ParseAddr(host)
	switch {
	case err != nil && p.service(c.GetNamespace(), host) != nil, strings.HasSuffix(host, ".svc"), strings.HasSuffix(host, ".cluster.local"):
		return "a Service, whose name is known in the cluster alone"
	case err != nil && !strings.Contains(host, "."):
		return "a name without a domain"
	case err == nil && address.IsLoopback():
		return "the pod itself"
	case err == nil && address.IsPrivate() && !p.isPrivate(c):
		return "an address of a private network"
	}
	return ""
}

// isPrivate says whether clients reach Harbor itself in a private network.
func (p *pass) isPrivate(c *part) bool {
	for _, use := range c.Harbor.Endpoint {
		for _, e := range c.Harbor.Get(use.Setting) {
			if address, err := netip.ParseAddr(harbor.HostOf(e.Text)); err == nil && address.IsPrivate() {
				return true
			}
		}
	}
	return false
}
