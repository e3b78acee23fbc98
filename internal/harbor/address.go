package harbor

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/kube"
)

// Address is where a part calls another one.
type Address struct {
	// Text is the address as a message shows it, unless it is Secret.
	Text string
	// Port is that of the scheme where a URL names none, "" where there is neither.
	Host, Port string
	// To are the parts that may answer, as in Call.
	To []string
	// Secret says that the address comes from a Secret or may show one.
	Secret bool
	// Asked is as in Call.
	Asked bool
	// Sentinel says that somebody else is asked there where the server is.
	Sentinel bool
	// Location is where it can be changed.
	Location
}

// newAddress reads a URL, or host or host:port, which settings may follow after a
// comma. It is false where that names no host.
func newAddress(text string, to []string, at Location) (Address, bool) {
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" {
			return Address{}, false
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		return Address{Text: text, Host: u.Hostname(), Port: port, To: to, Location: at}, true
	}
	text, _, _ = strings.Cut(text, ",")
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = text, ""
	}
	return Address{Text: text, Host: host, Port: port, To: to, Location: at}, host != "" && !strings.Contains(text, kube.Hidden)
}

// Addresses are those by which the component calls other parts: what its variables
// say, else what is in the program, and where its databases are.
func (c Component) Addresses(env kube.Environment) []Address {
	var all []Address
	for _, call := range c.Harbor.Calls {
		if call.Of != c.Name() {
			continue
		}
		if a, ok := call.address(c, env); ok {
			all = append(all, a)
		}
	}
	return append(all, c.stores(env)...)
}

// stores says whether the part uses a database or Redis.
func (l layout) stores(part string) bool {
	return slices.ContainsFunc(l.Redis, func(use RedisUse) bool { return use.Of == part }) ||
		slices.ContainsFunc(l.Database, func(use DatabaseUse) bool { return use.Of == part })
}

// stores are the addresses of the databases and Redis servers that the component uses,
// without user and password.
func (c Component) stores(env kube.Environment) []Address {
	var all []Address
	for _, p := range c.RedisPlaces(env) {
		for _, text := range p.Redis.Addresses {
			if a, ok := newAddress(text, []string{RedisServer}, p.Read.At); ok && !p.Unseen {
				a.Secret, a.Sentinel = p.Hidden(), p.Redis.Master != ""
				all = append(all, a)
			}
		}
	}
	for _, use := range c.Harbor.Database {
		if use.Of != c.Name() || use.Field != DatabaseHost {
			continue
		}
		v := c.Read(env, use.Setting)
		if a, ok := newAddress(v.Text, []string{c.Harbor.DatabaseServer}, v.At); ok {
			a.Secret = v.Source.Kind == "Secret"
			all = append(all, a)
		}
	}
	return all
}

func (call Call) address(c Component, env kube.Environment) (Address, bool) {
	if holds, known := c.holds(env, call.If); call.If.Of != "" && known && !holds {
		return Address{}, false
	}
	for _, place := range call.Places {
		v, ok := env.Get(place.Variable)
		if !ok || v.Text == "" {
			continue
		}
		a, ok := newAddress(v.Text, call.To, c.WhereSet(v, place.Variable))
		a.Secret = v.Source.Kind == "Secret" || v.Secret && strings.Contains(v.Text, "://")
		a.Asked = call.Asked
		if port, set := env.Get(call.Port); set && port.Known && a.Port == "" {
			a.Port = port.Text
			a.Text = net.JoinHostPort(a.Host, a.Port)
		}
		return a, ok
	}
	if until := call.DefaultUntil; until.Known() && c.Release().Known() && c.Release().Compare(until) > 0 {
		return Address{}, false // the adminserver has it
	}
	a, ok := newAddress(call.Default, call.To, Location{Object: c.RNode})
	a.Asked = call.Asked
	return a, ok
}

// Notified are the addresses at which the registry tells Harbor what was pushed.
func (r RegistryConfig) Notified() []Address {
	endpoints := r.Lookup("notifications", "endpoints")
	if endpoints == nil {
		return nil
	}
	var all []Address
	for i := range endpoints.Content {
		text := func(field string) string { return r.Text("notifications", "endpoints", i, field) }
		if text("disabled") == "true" || text("name") != "harbor" {
			continue
		}
		if a, ok := newAddress(text("url"), []string{UI, Nginx}, r.Location); ok {
			a.Secret = r.Value.Secret
			all = append(all, a)
		}
	}
	return all
}

// Proxied are the addresses to which nginx passes on the requests for Harbor.
func (n NginxConfig) Proxied() []Address {
	upstreams := upstreamsOf(n.Directives)
	var all []Address
	All(n.Directives, "proxy_pass", func(d Directive, around []Directive) {
		if len(around) == 0 {
			return
		}
		to, known := n.harbor.Proxied[around[len(around)-1].Arg(0)]
		if !known {
			return
		}
		for _, target := range d.targets(upstreams) {
			if a, ok := newAddress(target, to, n.Location); ok {
				a.Secret = n.Secret
				all = append(all, a)
			}
		}
	})
	return all
}

// HostOf is the host of a URL, of host:port or of what begins with that and goes on
// after a comma: "" where there is none. It takes what programs may refuse.
func HostOf(text string) string {
	_, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		rest = text
	}
	if i := strings.IndexAny(rest, "/,?"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if host, _, err := net.SplitHostPort(rest); err == nil {
		return host
	}
	return rest
}
