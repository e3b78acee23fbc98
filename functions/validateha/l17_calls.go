package validateha

import (
	"net/url"
	"slices"

	"krmfn.dev/harbor/internal/harbor"
)

// call is an address by which a component calls another one.
type call struct {
	address string
	targets []string // the components that may answer
	harbor.Location
}

// calls are the addresses that a component uses.
func calls(c *part) []call {
	env := c.env
	self := harbor.Location{Object: c.RNode}
	variable := func(name, otherwise string, targets ...string) call {
		v, ok := env.Get(name)
		if !ok || v.Text == "" {
			return call{otherwise, targets, self}
		}
		if v.Secret {
			return call{} // not to be shown
		}
		return call{v.Text, targets, c.WhereSet(v, name)}
	}
	switch c.Name() {
	case harbor.AdminServer: // hands them to the others; nginx passes on to both
		return []call{variable("REGISTRY_URL", "", harbor.Registry, harbor.Nginx), variable("TOKEN_SERVICE_URL", "", harbor.UI,
			harbor.Nginx),
			variable("UI_URL", "", harbor.UI, harbor.Nginx), variable("JOBSERVICE_URL", "", harbor.JobService)}
	case harbor.UI:
		return []call{adminserver(variable), until(2, c, call{"http://jobservice", []string{harbor.JobService}, self})}
	case harbor.JobService:
		return []call{adminserver(variable), until(2, c, call{"http://ui", []string{harbor.UI, harbor.Nginx}, self})}
	case harbor.Registry:
		return notifications(c.registry)
	case harbor.Nginx:
		return proxied(c.nginx)
	}
	return nil
}

// adminserver is the address that ui and jobservice call the adminserver by.
func adminserver(variable func(name, otherwise string, targets ...string) call) call {
	if a := variable("ADMINSERVER_URL", "", harbor.AdminServer); a.address != "" {
		return a
	}
	return variable("ADMIN_SERVER_URL", "http://adminserver", harbor.AdminServer)
}

// until leaves out an address that is in the program only up to that release of
// Harbor 1.x; after it the adminserver has it.
func until(minor int, c *part, a call) call {
	if c.AtLeast(minor + 1) {
		return call{}
	}
	return a
}

func notifications(r *harbor.RegistryConfig) []call {
	if !r.Readable || r.Value.Secret {
		return nil
	}
	var all []call
	node := r.Lookup("notifications", "endpoints")
	if node == nil {
		return nil
	}
	for i := range node.Content {
		if r.Text("notifications", "endpoints", i, "disabled") != "true" && r.Text("notifications", "endpoints", i, "name") == "harbor" {
			all = append(all, call{r.Text("notifications", "endpoints", i, "url"), []string{harbor.UI, harbor.Nginx}, r.Location})
		}
	}
	return all
}

// locations are those of Harbor's nginx whose requests go to the ui or the
// registry. Others may be of Notary or of somebody else.
var locations = []string{"/", "/v2/", "/service/", "/api/", "/c/"}

// proxied are the addresses that nginx passes requests on to.
func proxied(conf *harbor.NginxConfig) []call {
	if conf.Secret {
		return nil // not to be shown
	}
	upstreams := map[string][]string{}
	harbor.All(conf.Directives, "upstream", func(d harbor.Directive, _ []harbor.Directive) {
		harbor.All(d.Block, "server", func(s harbor.Directive, _ []harbor.Directive) {
			upstreams[d.Arg(0)] = append(upstreams[d.Arg(0)], s.Arg(0))
		})
	})
	var all []call
	harbor.All(conf.Directives, "proxy_pass", func(d harbor.Directive, around []harbor.Directive) {
		u, err := url.Parse(d.Arg(0))
		if err != nil || len(around) == 0 || !slices.Contains(locations, around[len(around)-1].Arg(0)) {
			return
		}
		servers, named := upstreams[u.Host]
		if !named {
			servers = []string{u.Host}
		}
		for _, s := range servers {
			all = append(all, call{u.Scheme + "://" + s, []string{harbor.UI, harbor.Registry}, conf.Location})
		}
	})
	return all
}
