package harbor

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// NginxServer is a server block of an nginx.conf and the blocks around it.
type NginxServer struct {
	Directive
	Around []Directive
}

// nginxServers returns the server blocks of http that pass requests on to
// Harbor: to a host that is Harbor's, directly or by an upstream, or where none
// does that anybody can tell, those with the paths of the registry's and the
// token service's APIs.
func nginxServers(all []Directive, isHarbor func(host string) bool) []NginxServer {
	upstreams := upstreamsOf(all)
	var byHost, byPath []NginxServer
	All(all, "server", func(d Directive, around []Directive) {
		if len(around) == 0 || around[len(around)-1].Name != "http" {
			return // of an upstream, of stream
		}
		server := NginxServer{d, slices.Clone(around)}
		for _, p := range server.passes() {
			byHost = appendServer(byHost, server, slices.ContainsFunc(p.targets(upstreams), func(target string) bool { return isHarbor(HostOf(target)) }))
			byPath = appendServer(byPath, server, p.path() == "/v2/" || p.path() == "/service/")
		}
	})
	if len(byHost) > 0 {
		return byHost
	}
	return byPath
}

func appendServer(all []NginxServer, s NginxServer, wanted bool) []NginxServer {
	if !wanted || len(all) > 0 && all[len(all)-1].start == s.start {
		return all
	}
	return append(all, s)
}

// upstreamsOf are the servers of each upstream.
func upstreamsOf(all []Directive) map[string][]string {
	upstreams := map[string][]string{}
	All(all, "upstream", func(d Directive, _ []Directive) {
		for _, s := range d.children("server") {
			upstreams[d.Arg(0)] = append(upstreams[d.Arg(0)], s.Arg(0))
		}
	})
	return upstreams
}

// targets are the URLs to which a proxy_pass passes requests on: its own, or those
// of the servers of the upstream that it names.
func (d Directive) targets(upstreams map[string][]string) []string {
	u, err := url.Parse(d.Arg(0))
	if err != nil {
		return nil
	}
	servers, named := upstreams[u.Host]
	if !named {
		servers = []string{u.Host}
	}
	var all []string
	for _, s := range servers {
		all = append(all, u.Scheme+"://"+s)
	}
	return all
}

// proxyPass is a proxy_pass and the blocks around it.
type proxyPass struct {
	Directive
	around []Directive
}

// passes are the proxy_pass directives of the server.
func (s NginxServer) passes() []proxyPass {
	var all []proxyPass
	All(s.Block, "proxy_pass", func(d Directive, around []Directive) {
		all = append(all, proxyPass{d, slices.Concat(s.Around, []Directive{s.Directive}, around)})
	})
	return all
}

// path is that of the location around.
func (p proxyPass) path() string {
	for _, d := range slices.Backward(p.around) {
		if d.Name == "location" && len(d.Args) > 0 {
			return d.Args[len(d.Args)-1]
		}
	}
	return ""
}

// children returns the directives of that name directly in the block.
func (d Directive) children(name string) []Directive {
	return slices.DeleteFunc(slices.Clone(d.Block), func(c Directive) bool { return c.Name != name })
}

// TLS says whether the server speaks TLS on all that it listens on, or on some.
func (s NginxServer) TLS() (all, some bool) {
	for _, ssl := range s.children("ssl") {
		if ssl.Arg(0) == "on" {
			return true, true
		}
	}
	listens := s.children("listen")
	n := 0
	for _, l := range listens {
		if slices.Contains(l.Args, "ssl") {
			n++
		}
	}
	return n > 0 && n == len(listens), n > 0
}

// listens returns the ports on which the server speaks TLS, or plain HTTP.
func (s NginxServer) listens(tls bool) []string {
	every, _ := s.TLS()
	listens := s.children("listen")
	if len(listens) == 0 {
		listens = []Directive{{Name: "listen", Args: []string{"80"}}} // nginx's default, as root
	}
	var ports []string
	for _, l := range listens {
		if port := l.ListenPort(); port != "" && tls == (every || slices.Contains(l.Args, "ssl")) {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// Names are those of server_name.
func (s NginxServer) Names() []string {
	var names []string
	for _, d := range s.children("server_name") {
		names = append(names, d.Args...)
	}
	return names
}

// Answers says whether nginx takes a name of server_name for one that covers the
// host. It compares without ports; _ is never asked for and stands for all. A
// pattern may cover anything.
func Answers(name, host string) bool {
	name, host = strings.ToLower(name), strings.ToLower(host)
	switch {
	case name == "" || name == "_" || strings.HasPrefix(name, "~"):
		return true
	case strings.HasPrefix(name, "."):
		return host == name[1:] || strings.HasSuffix(host, name)
	case strings.HasPrefix(name, "*."):
		return strings.HasSuffix(host, name[1:])
	case strings.HasSuffix(name, ".*"):
		return strings.HasPrefix(host, name[:len(name)-1])
	}
	return nameHost(name) == host
}

// nameHost is a server_name without the port that Harbor's templates give it.
func nameHost(name string) string {
	if host, _, err := net.SplitHostPort(name); err == nil {
		return host
	}
	return strings.Trim(name, "[]")
}

// forwardedProto is the header by which the registry learns which scheme clients
// use, and so where it sends them to upload (distribution v2.6.2,
// registry/api/v2/urls.go).
const forwardedProto = "X-Forwarded-Proto"

// headers is the block whose proxy_set_header count for a proxy_pass: they are
// inherited only by blocks that have none of their own. It is the innermost one
// around where there are none.
func (p proxyPass) headers() Directive {
	for _, d := range slices.Backward(p.around) {
		if len(d.children("proxy_set_header")) > 0 {
			return d
		}
	}
	return p.around[len(p.around)-1]
}

// Forwards returns the directives by which the server sets X-Forwarded-Proto.
// Where there is none, what comes from the client is passed on.
func (s NginxServer) Forwards() []Directive { return s.headers(forwardedProto, "") }

// LosesPort returns the directives by which the server passes on the host that
// clients ask for without its port, where the path begins so. Who makes an address
// of it, as the registry does for pushes and the core for docker login, sends
// clients to the port of the scheme.
func (s NginxServer) LosesPort(path string) []Directive {
	return slices.DeleteFunc(s.headers("Host", path), func(d Directive) bool { return !slices.Contains(withoutPort, d.Arg(1)) })
}

// withoutPort are values that have no port, or that on which nginx itself listens.
var withoutPort = []string{"$host", "$server_name", "$host:$server_port", "$server_name:$server_port"}

// headers returns the directives by which the server sets a header of what it
// passes on from locations whose path begins so, each once.
func (s NginxServer) headers(name, path string) []Directive {
	var all []Directive
	for _, p := range s.passes() {
		if d, ok := header(p.headers(), name); ok && strings.HasPrefix(p.path(), path) &&
			!slices.ContainsFunc(all, func(other Directive) bool { return other.start == d.start }) {
			all = append(all, d)
		}
	}
	return all
}

func header(block Directive, name string) (Directive, bool) {
	for _, d := range block.children("proxy_set_header") {
		if strings.EqualFold(d.Arg(0), name) {
			return d, true
		}
	}
	return Directive{}, false
}
