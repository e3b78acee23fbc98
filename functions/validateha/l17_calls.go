package validateha

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

// call is an address by which a part calls another one.
type call struct {
	address    string // as a message shows it
	host, port string
	targets    []string // the parts that may answer, the one that is meant first
	harbor.Location
}

// ofURL is a call by a URL.
func ofURL(address string, targets []string, at harbor.Location) []call {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	return []call{{address, u.Hostname(), port(u), targets, at}}
}

// calls are the addresses that a part uses.
func calls(c *part) []call {
	var all []call
	for _, known := range c.Harbor.Calls {
		if known.Of == c.Name() {
			all = append(all, variableCall(c, known)...)
		}
	}
	switch c.Name() {
	case harbor.Registry:
		return append(all, notifications(c.registry)...)
	case harbor.Nginx:
		return append(all, proxied(c.nginx)...)
	}
	return all
}

// variableCall is the address that a variable says, else the one in the program.
// One that comes from a Secret is not to be shown.
func variableCall(c *part, known harbor.Call) []call {
	for _, place := range known.Places {
		v, ok := c.env.Get(place.Variable)
		switch at := c.WhereSet(v, place.Variable); {
		case !ok || v.Text == "":
			continue
		case v.Source.Kind == "Secret":
			return nil
		case strings.Contains(v.Text, "://"):
			if v.Secret {
				return nil
			}
			return ofURL(v.Text, known.To, at)
		default:
			return ofHost(v.Text, known.To, at)
		}
	}
	if until := known.DefaultUntil; until.Known() && c.Release().Known() && c.Release().Compare(until) > 0 {
		return nil // the adminserver has it
	}
	return ofURL(known.Default, known.To, harbor.Location{Object: c.RNode})
}

// ofHost is a call by host or host:port, which settings may follow after a comma.
func ofHost(text string, targets []string, at harbor.Location) []call {
	address, _, _ := strings.Cut(text, ",")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, ""
	}
	if host == "" || strings.Contains(address, kube.Hidden) {
		return nil
	}
	return []call{{address, host, port, targets, at}}
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
			all = append(all, ofURL(r.Text("notifications", "endpoints", i, "url"), []string{harbor.UI, harbor.Nginx}, r.Location)...)
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
			all = append(all, ofURL(u.Scheme+"://"+s, []string{harbor.UI, harbor.Registry}, conf.Location)...)
		}
	})
	return all
}
