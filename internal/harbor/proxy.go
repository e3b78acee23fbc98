package harbor

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// setProxies changes nginx and the Services in front of it.
func (e *exposing) setProxies() error {
	for _, c := range e.Proxies {
		config, err := c.ConfigFile(e.h.list, "nginx.conf")
		if err != nil {
			return err
		}
		p := &proxy{exposing: e, nginx: c, config: config}
		if err := p.set(); err != nil {
			return err
		}
	}
	return nil
}

// proxy is one nginx that is changed.
type proxy struct {
	*exposing
	nginx  Component
	config ConfigFile
}

// inFront says whether something in front of nginx decides on port and TLS.
func (e *exposing) inFront() bool { return e.Behind != "" || len(e.Routes) > 0 }

func (p *proxy) set() error {
	for _, step := range []func() error{p.setNames, p.setHosts, p.setRedirects} {
		if err := step(); err != nil {
			return err
		}
	}
	servers, err := p.servers()
	if err != nil {
		return err
	}
	every, some := true, false
	for _, s := range servers {
		all, tls := s.TLS()
		every, some = every && all, some || tls
	}
	switch {
	case p.inFront():
		return p.passScheme(servers)
	case p.Scheme == "https":
		return p.endTLS(servers, some)
	case every:
		return &ExposureError{"url",
			fmt.Sprintf("begins with http://, but nginx speaks TLS only (%s %s): write https://, or take the TLS server out of nginx.conf",
				krm.Name(p.config.ConfigMap), krm.Path{"data", p.config.Key})}
	case p.wasBehind:
		return p.setScheme(servers, "$scheme", passedOn)
	}
	return nil
}

// servers are the servers of nginx.conf that pass requests on to Harbor.
func (p *proxy) servers() ([]NginxServer, error) {
	_, servers, err := p.read()
	return servers, err
}

// read returns all of nginx.conf as it is now, and those of its servers that pass
// requests on to Harbor.
func (p *proxy) read() ([]Directive, []NginxServer, error) {
	all, err := ParseNginx(p.config.Text())
	if err != nil {
		return nil, nil, krm.Fault(p.config.ConfigMap, krm.Path{"data", p.config.Key}, "is not understood, %v", err)
	}
	servers := p.h.Servers(all)
	if len(servers) == 0 {
		return nil, nil, krm.Fault(p.config.ConfigMap, krm.Path{"data", p.config.Key}, "has no server that passes requests on to Harbor")
	}
	return all, servers, nil
}

// write replaces spans of nginx.conf.
func (p *proxy) write(changes []change, what, old, value string) {
	krm.SetWithin(p.h.list, p.config.ConfigMap, splice(p.config.Text(), changes), what, old, value, "data", p.config.Key)
}

// change is a span of a text and what it becomes.
type change struct {
	span
	text string
}

func splice(text string, changes []change) string {
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(b.start, a.start) })
	for _, c := range changes {
		text = text[:c.start] + c.text + text[c.end:]
	}
	return text
}

// setNames gives the servers of Harbor its address as server_name, with the port,
// as the templates of Harbor do: nginx compares without it. A server without
// names, or with one for all, answers already. Servers of the same name, which
// redirect to Harbor, follow.
func (p *proxy) setNames() error {
	all, servers, err := p.read()
	if err != nil {
		return err
	}
	renamed := map[string]bool{}
	for _, s := range servers {
		if old, ok := p.oldName(s.Names()); ok {
			renamed[old] = true
		}
	}
	var changes []change
	old, value := "", ""
	All(all, "server", func(d Directive, around []Directive) {
		if len(around) == 0 || around[len(around)-1].Name != "http" {
			return
		}
		for _, c := range p.rename(d, renamed) {
			if old == "" {
				old, value = p.config.Text()[c.start:c.end], c.text
			}
			changes = append(changes, c)
		}
	})
	p.write(changes, "server_name", old, value)
	return nil
}

// oldName is the name that the address takes the place of, false where the names
// cover it.
func (p *proxy) oldName(names []string) (string, bool) {
	same := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(nameHost(name), p.Host) })
	switch {
	case same >= 0:
		return names[same], names[same] != p.Address()
	case len(names) == 0, slices.ContainsFunc(names, func(name string) bool { return Answers(name, p.Host) }):
		return "", false
	}
	return names[0], true
}

// rename changes the names of a server that were renamed, and where it redirects
// to.
func (p *proxy) rename(server Directive, renamed map[string]bool) []change {
	var changes []change
	value := p.Address()
	for _, name := range []string{"return", "rewrite"} {
		All(server.Block, name, func(d Directive, _ []Directive) {
			for i, arg := range d.Args {
				if strings.Contains(arg, "$server_name") {
					value = Endpoint{Host: p.Host}.Address() // a port follows it
				}
				scheme, rest, _ := strings.Cut(arg, "://")
				end := strings.IndexAny(rest+"$", "$/")
				if renamed[rest[:min(end, len(rest))]] {
					changes = append(changes, change{d.words[i+1], scheme + "://" + p.Address() + rest[end:]})
				}
			}
		})
	}
	var names []change
	for _, d := range server.children("server_name") {
		for i, name := range d.Args {
			if renamed[name] && name != value {
				names = append(names, change{d.words[i+1], value})
			}
		}
	}
	if len(server.children("server_name")) == 0 {
		return nil
	}
	return append(names, changes...)
}

// asked is the host that the client asked for, with the port.
const asked = "$http_host"

// setHosts makes nginx pass on the port of the address.
func (p *proxy) setHosts() error {
	if p.OwnPort() {
		return nil // clients do not say it
	}
	servers, err := p.servers()
	if err != nil {
		return err
	}
	var changes []change
	old := ""
	for _, s := range servers {
		for _, d := range s.LosesPort("") {
			old = d.Arg(1)
			changes = append(changes, change{d.words[2], asked})
		}
	}
	p.write(changes, "proxy_set_header Host", old, asked)
	return nil
}

// anyHost is where a server sends clients of plain HTTP to, whatever the host is that
// they asked for.
var anyHost = regexp.MustCompile(`^https://(?:\$host|\$http_host)(?::\d+)?([/$].*)?$`)

// setRedirects makes servers that send clients from HTTP to TLS send them to the
// address, or to its port: the chart's nginx.conf knows none.
func (p *proxy) setRedirects() error {
	if p.Scheme != "https" {
		return nil
	}
	all, _, err := p.read()
	if err != nil {
		return err
	}
	var changes []change
	old, value := "", ""
	All(all, "server", func(server Directive, _ []Directive) {
		if names := (NginxServer{Directive: server}).Names(); len(names) > 0 &&
			!slices.ContainsFunc(names, func(name string) bool { return Answers(name, p.Host) }) {
			return
		}
		for _, name := range []string{"return", "rewrite"} {
			All(server.Block, name, func(d Directive, _ []Directive) {
				for i, arg := range d.Args {
					if to, ok := p.redirected(arg); ok && to != arg {
						old, value = arg, to
						changes = append(changes, change{d.words[i+1], to})
					}
				}
			})
		}
	})
	p.write(changes, "return", old, value)
	return nil
}

// redirected is where a redirect to TLS is to lead instead of to the address as it
// was, or to any host.
func (p *proxy) redirected(to string) (string, bool) {
	if m := anyHost.FindStringSubmatch(to); m != nil {
		port := ""
		if !p.OwnPort() {
			port = ":" + p.Port
		}
		return "https://$host" + port + m[1], true
	}
	path, ok := strings.CutPrefix(to, p.was)
	return p.String() + path, ok && strings.HasPrefix(p.was, "https://") && (path == "" || path[0] == '/' || path[0] == '$')
}

// passedOn is X-Forwarded-Proto as it came in. Where it did not come, nginx sends
// none.
const passedOn = "$http_x_forwarded_proto"

// passScheme makes nginx pass on which scheme clients use, instead of the one by
// which it is reached itself.
func (p *proxy) passScheme(servers []NginxServer) error {
	return p.setScheme(servers, passedOn, "$scheme", "http")
}

func (p *proxy) setScheme(servers []NginxServer, value string, from ...string) error {
	var changes []change
	old := ""
	for _, s := range servers {
		if _, tls := s.TLS(); tls {
			continue
		}
		for _, d := range s.Forwards() {
			if slices.Contains(from, d.Arg(1)) && !slices.ContainsFunc(changes, func(c change) bool { return c.span == d.words[2] }) {
				old = d.Arg(1)
				changes = append(changes, change{d.words[2], value})
			}
		}
	}
	p.write(changes, "proxy_set_header "+forwardedProto, old, value)
	return nil
}

// endTLS makes nginx end TLS, unless it does already, and opens its port.
func (p *proxy) endTLS(servers []NginxServer, already bool) error {
	volume := p.certificateVolume(servers)
	switch {
	case already && p.TLSSecret == "":
	case already && volume != nil:
		if err := p.checkTLSSecret(); err != nil {
			return err
		}
		if err := krm.Set(p.h.list, p.nginx.RNode, p.TLSSecret, volume...); err != nil {
			return err
		}
	default:
		certificate, key, err := p.certificate()
		if err != nil {
			return err
		}
		if already {
			p.setCertificate(servers, certificate, key)
		} else if err := p.addTLS(servers, certificate, key); err != nil {
			return err
		}
	}
	return p.openTLS()
}

// Certificates in the files of nginx: of Harbor's manifests for Kubernetes, of
// its installer, and of Secrets of type kubernetes.io/tls.
var certificates = [][2]string{{"https.crt", "https.key"}, {"server.crt", "server.key"}, {"tls.crt", "tls.key"}}

// tlsDir is where nginx has the Secret with its certificate. It is no folder of
// /etc/nginx, which is a ConfigMap that nothing can be mounted into.
const (
	tlsDir    = "/etc/harbor-tls"
	tlsVolume = "harbor-tls"
)

// certificate finds the files of the certificate and its key, or mounts them.
func (p *proxy) certificate() (certificate, key string, err error) {
	if p.TLSSecret != "" {
		return tlsDir + "/tls.crt", tlsDir + "/tls.key", p.mountTLS()
	}
	for _, m := range p.nginx.Mounts() {
		for _, names := range certificates {
			certificate, key = path.Join(m.MountPath, names[0]), path.Join(m.MountPath, names[1])
			if p.nginx.At(p.h.list, certificate).State == kube.Present && p.nginx.At(p.h.list, key).State == kube.Present {
				return certificate, key, nil
			}
		}
	}
	return "", "", &ExposureError{"url", fmt.Sprintf("begins with https://, and %s has no certificate: "+
		"name a Secret of type kubernetes.io/tls (tls.secretName), or write behind: loadBalancer where TLS ends in front of nginx", krm.Name(p.nginx.RNode))}
}

// certificateVolume leads to the name of the Secret that nginx has its certificates
// from, nil where they are not the two keys of one Secret of type kubernetes.io/tls
// (the chart mounts one at /etc/nginx/cert).
func (p *proxy) certificateVolume(servers []NginxServer) krm.Path {
	var at krm.Path
	for _, s := range servers {
		for directive, key := range map[string]string{"ssl_certificate": "tls.crt", "ssl_certificate_key": "tls.key"} {
			for _, d := range s.children(directive) {
				m, ok := p.nginx.MountOf(d.Arg(0))
				if !ok || path.Join(m.SubPath, strings.TrimPrefix(path.Clean(d.Arg(0)), path.Clean(m.MountPath)+"/")) != key {
					return nil
				}
				name := m.Volume.Append("secret", "secretName")
				renamed := krm.Lookup(p.nginx.RNode, m.Volume.Append("secret", "items")...) != nil
				if renamed || krm.Text(p.nginx.RNode, name...) == "" || at != nil && at.String() != name.String() {
					return nil
				}
				at = name
			}
		}
	}
	return at
}

// checkTLSSecret looks into the Secret that is named, where it is among the resources.
func (p *proxy) checkTLSSecret() error {
	if secret := kube.FindSource(p.h.list, "Secret", p.nginx.GetNamespace(), p.TLSSecret); secret != nil {
		for _, key := range []string{"tls.crt", "tls.key"} {
			if !slices.Contains(kube.Keys(secret), key) {
				return &ExposureError{"tls.secretName", fmt.Sprintf("%s has no key %s, want a Secret of type kubernetes.io/tls", krm.Name(secret), key)}
			}
		}
	}
	return nil
}

// mountTLS mounts the Secret.
func (p *proxy) mountTLS() error {
	if err := p.checkTLSSecret(); err != nil {
		return err
	}
	return p.nginx.mountSecret(p.h.list, tlsVolume, tlsDir, krm.Map("secretName", p.TLSSecret))
}
