package harbor

import (
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/kube"
)

// Port is a port that a part listens on.
type Port struct {
	Number string
	// TLS says whether it speaks TLS there, where that is Known.
	TLS, Known bool
}

// Ports are those that the component listens on. It is false when not all of them
// can be known.
func (c Component) Ports(env kube.Environment) ([]Port, bool) {
	switch c.Name() {
	case Registry:
		return registryPorts(c.RegistryConfig(c.Harbor.list, env))
	case Nginx, Portal:
		return c.NginxConfig(c.Harbor.list).ports()
	}
	var all []Port
	for _, l := range c.Harbor.Listens {
		if l.Of != c.Name() {
			continue
		}
		on, known := c.holds(env, l.If)
		off, knownOff := c.holds(env, l.Unless)
		if l.If.Of != "" && known && !on || l.Unless.Of != "" && knownOff && off {
			continue
		}
		number := portOf(c.listening(env, l.Setting), l.Default)
		if !isPort(number) || !known || !knownOff {
			return nil, false
		}
		p := Port{Number: number, Known: true}
		if l.TLS.Of != "" {
			p.TLS, p.Known = c.holds(env, l.TLS)
		}
		all = append(all, p)
	}
	return all, len(all) > 0
}

// listening is what the setting of a port says: a variable, a field of a YAML file
// or, in the end, of app.conf.
func (c Component) listening(env kube.Environment, s Setting) kube.Value {
	if i := slices.IndexFunc(s.Places, func(p Place) bool { return p.Key != "" }); i >= 0 {
		file := c.At(c.Harbor.list, c.Setting(env, ConfigPath).Text)
		return kube.Value{Text: c.AppSetting(c.Harbor.list, env, s.Places[i].Key), Known: file.State != kube.Unsure && (file.Value.Known || file.State == kube.Absent)}
	}
	return c.Harbor.get(c, s).Value
}

// portOf is the port at the end of an address, or alone.
func portOf(v kube.Value, otherwise string) string {
	switch {
	case !v.Known:
		return ""
	case v.Text == "":
		return otherwise
	}
	return v.Text[strings.LastIndexByte(v.Text, ':')+1:]
}

// holds says whether the condition holds for the component, and whether that can
// be known.
func (c Component) holds(env kube.Environment, when Condition) (holds, known bool) {
	for _, p := range when.Places {
		if v, ok := env.Get(p.Variable); ok && p.Variable != "" && !v.Known {
			return false, false
		}
	}
	v := c.Harbor.get(c, when.Setting).Value
	if when.Is == "" {
		return v.Text != "", v.Known
	}
	return strings.EqualFold(v.Text, when.Is), v.Known
}

// registryPorts are the registry's own port and the one for metrics (distribution
// v2.8 configuration: http.addr, http.debug.addr).
func registryPorts(r RegistryConfig) ([]Port, bool) {
	var all []Port
	for _, setting := range [][]string{{"http", "addr"}, {"http", "debug", "addr"}} {
		v := r.Get(setting...)
		if !v.Known {
			return nil, false
		}
		if v.Text == "" || strings.HasPrefix(v.Text, "localhost:") {
			continue
		}
		p := Port{Number: portOf(v, ""), Known: true}
		if certificate := r.Get("http", "tls", "certificate"); setting[1] == "addr" {
			p.TLS, p.Known = certificate.Text != "", certificate.Known
		}
		all = append(all, p)
	}
	return all, len(all) > 0 && !slices.ContainsFunc(all, func(p Port) bool { return !isPort(p.Number) })
}

// ports are those of all servers.
func (n NginxConfig) ports() ([]Port, bool) {
	var all []Port
	add := func(d Directive, around []Directive) {
		number := d.ListenPort()
		if number == "" {
			return
		}
		tls := slices.Contains(d.Args, "ssl")
		if len(around) > 0 {
			All(around[len(around)-1].Block, "ssl", func(on Directive, _ []Directive) { tls = tls || on.Arg(0) == "on" })
		}
		all = append(all, Port{Number: number, TLS: tls, Known: true})
	}
	All(n.Directives, "listen", add)
	return all, len(all) > 0
}
