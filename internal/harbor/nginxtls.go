package harbor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// addTLS makes each server speak TLS, and adds one that sends clients from where
// it listened until now to the address: what upstream's template for https says
// (Harbor v1.2.0, make/common/templates/nginx/nginx.https.conf), without what is
// not safe any more. That has TLSv1.1 and ciphers without forward secrecy; nginx
// 1.11, which Harbor 1.2 has, does not know the status 308.
func (p *proxy) addTLS(servers []NginxServer, certificate, key string) error {
	text := p.config.Text()
	var ports []string
	var changes []change
	old, value := "80", "443 ssl"
	told := map[int]bool{}
	for _, s := range servers {
		settings := []string{
			"ssl_certificate " + certificate + ";",
			"ssl_certificate_key " + key + ";",
			"ssl_protocols " + p.h.Protocols + ";",
			"ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;",
			"ssl_prefer_server_ciphers on;",
			"ssl_session_cache shared:SSL:10m;",
			`proxy_cookie_path / "/; secure";`,
		}
		listens := s.children("listen")
		var plain []string
		for _, l := range listens {
			if port := l.ListenPort(); port != "" && len(l.Args) > 0 {
				plain = append(plain, text[l.start:l.end])
				old, value = l.Arg(0), withPort(l.Arg(0), tlsPort(port))+" ssl"
				changes = append(changes, change{l.words[1], value})
			}
		}
		sep := separator(text, s.Block[0])
		if len(plain) == 0 { // nginx takes 80 for it
			plain = []string{"listen 80;"}
			settings = append([]string{"listen 443 ssl;"}, settings...)
			changes = append(changes, change{span{s.Block[0].start, s.Block[0].start}, strings.Join(settings, sep) + sep})
		} else {
			end := listens[len(listens)-1].end
			changes = append(changes, change{span{end, end}, sep + strings.Join(settings, sep)})
		}
		for _, d := range s.children("server_name") {
			plain = append(plain, text[d.start:d.end])
		}
		plain = append(plain, "return 301 "+p.String()+"$request_uri;")
		ports = append(ports, s.listens(false)...)
		outer := separator(text, s.Directive)
		closing := sep
		if sep != " " {
			closing = outer
		}
		redirect := outer + "server {" + sep + strings.Join(plain, sep) + closing + "}"
		if sep != " " {
			redirect = "\n" + redirect
		}
		changes = append(append(changes, change{span{s.end, s.end}, redirect}), tellScheme(text, s, told)...)
	}
	p.write(changes, "listen", old, value)
	return p.moveProbes(ports)
}

// tellScheme makes a server that speaks TLS say so, also where it passed on what
// something in front of it said, and where it said nothing as upstream's comment
// advises for that.
// told are the blocks that have been looked at.
func tellScheme(text string, s NginxServer, told map[int]bool) []change {
	var changes []change
	for _, pass := range s.passes() {
		block := pass.headers()
		if told[block.start] {
			continue
		}
		told[block.start] = true
		set, last := block.children("proxy_set_header"), pass.Directive
		if len(set) > 0 {
			last = set[len(set)-1]
		}
		d, ok := header(block, forwardedProto)
		switch {
		case !ok:
			changes = append(changes, change{span{last.end, last.end}, separator(text, last) + "proxy_set_header " + forwardedProto + " $scheme;"})
		case d.Arg(1) == passedOn || d.Arg(1) == "http":
			changes = append(changes, change{d.words[2], "$scheme"})
		}
	}
	return changes
}

// separator is what stands before a directive: the end of a line and blanks, or
// one blank where it shares its line with others.
func separator(text string, d Directive) string {
	begin := strings.LastIndexByte(text[:d.start], '\n') + 1
	if indent := text[begin:d.start]; strings.Trim(indent, " \t") == "" {
		return "\n" + indent
	}
	return " "
}

// tlsPort is where TLS is spoken instead of at a port of plain HTTP. Ports from
// 1024 on are those of an nginx that may not use others.
func tlsPort(port string) string {
	if n, err := strconv.Atoi(port); err == nil && n >= 1024 {
		return "8443"
	}
	return "443"
}

// withPort gives the address of a listen another port.
func withPort(address, port string) string {
	i := strings.LastIndexByte(address, ':')
	switch {
	case isPort(address):
		return port
	case i >= 0 && !strings.HasSuffix(address, "]"):
		return address[:i+1] + port
	}
	return address + ":" + port
}

// setCertificate names another certificate where one is named.
func (p *proxy) setCertificate(servers []NginxServer, certificate, key string) {
	for _, named := range [][2]string{{"ssl_certificate", certificate}, {"ssl_certificate_key", key}} {
		name, file := named[0], named[1]
		var changes []change
		old := ""
		for _, s := range servers {
			for _, d := range s.children(name) {
				if old = d.Arg(0); old != "" {
					changes = append(changes, change{d.words[1], file})
				}
			}
		}
		p.write(changes, name, old, file)
	}
}

// openTLS opens the port of TLS in the pods and the Services, and moves the node
// port of the address there.
func (p *proxy) openTLS() error {
	servers, err := p.servers()
	if err != nil {
		return err
	}
	var ports []string
	for _, s := range servers {
		ports = append(ports, s.listens(true)...)
	}
	if len(ports) == 0 {
		return nil
	}
	if err := p.openContainer(ports[0]); err != nil {
		return err
	}
	for _, s := range p.Services {
		if !p.nginx.Behind(s) {
			continue
		}
		if err := p.openService(s, ports); err != nil {
			return err
		}
	}
	return nil
}

// openContainer adds the port to those that the container lists, which is for
// people to read, and for names.
func (p *proxy) openContainer(port string) error {
	at := p.nginx.Path.Append("ports")
	all := krm.Elements(p.nginx.RNode, at...)
	for _, n := range all {
		if krm.Text(yaml.NewRNode(n), "containerPort") == port {
			return nil
		}
	}
	if len(all) == 0 {
		return nil
	}
	number, _ := strconv.Atoi(port)
	return krm.Set(p.h.list, p.nginx.RNode, krm.Map("containerPort", number), at.Append(len(all))...)
}

// moveProbes makes the probes of nginx go on to ask Harbor, by TLS: on the ports
// that they asked until now they are sent to the address, which the kubelet takes
// for an answer.
func (p *proxy) moveProbes(plain []string) error {
	for _, name := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		get := p.nginx.Path.Append(name, "httpGet")
		port := p.nginx.Port(krm.Text(p.nginx.RNode, get.Append("port")...))
		if krm.Text(p.nginx.RNode, get.Append("scheme")...) == "HTTPS" || !slices.Contains(plain, port) {
			continue
		}
		number, _ := strconv.Atoi(tlsPort(port))
		if err := krm.Set(p.h.list, p.nginx.RNode, number, get.Append("port")...); err != nil {
			return err
		}
		if err := krm.Set(p.h.list, p.nginx.RNode, "HTTPS", get.Append("scheme")...); err != nil {
			return err
		}
	}
	return nil
}

func (p *proxy) openService(s *yaml.RNode, targets []string) error {
	if err := p.turnPort(s, targets); err != nil {
		return err
	}
	i := -1
	for _, target := range targets {
		if i < 0 {
			i = portTo(p.nginx, s, target)
		}
	}
	if i < 0 {
		var err error
		if i, err = p.addPort(s, targets[0]); err != nil {
			return err
		}
	}
	return p.moveNodePort(s, i)
}

// turnPort makes the Service's port of the address lead to TLS, where it led to
// plain HTTP, which would send clients to the address again and again.
func (p *proxy) turnPort(s *yaml.RNode, targets []string) error {
	ports := krm.Path{"spec", "ports"}
	for i := range krm.Elements(s, ports...) {
		if krm.Text(s, ports.Append(i, "port")...) != p.PortNumber() || slices.Contains(targets, p.nginx.TargetPort(s, i)) {
			continue
		}
		target, _ := strconv.Atoi(targets[0])
		return krm.Set(p.h.list, s, target, ports.Append(i, "targetPort")...)
	}
	return nil
}

// addPort makes port 443 of a Service lead to TLS, and says which one it is. One
// port needs no name, several do.
func (p *proxy) addPort(s *yaml.RNode, target string) (int, error) {
	ports := krm.Path{"spec", "ports"}
	n := len(krm.Elements(s, ports...))
	targetPort, _ := strconv.Atoi(target)
	for i := range n {
		if krm.Text(s, ports.Append(i, "port")...) == "443" {
			return i, krm.Set(p.h.list, s, targetPort, ports.Append(i, "targetPort")...)
		}
	}
	if n == 1 && krm.Text(s, ports.Append(0, "name")...) == "" {
		if err := krm.Set(p.h.list, s, "http", ports.Append(0, "name")...); err != nil {
			return n, err
		}
	}
	name := "https"
	for i := range n {
		if krm.Text(s, ports.Append(i, "name")...) == name {
			name = "https-443" // two of a name are no Service
		}
	}
	port := krm.Map("name", name, "port", 443)
	if targetPort != 443 {
		port = krm.Map("name", name, "port", 443, "targetPort", targetPort)
	}
	return n, krm.Set(p.h.list, s, port, ports.Append(n)...)
}

// moveNodePort gives the node port of the address to the port of TLS, so that it
// does not matter whether expose-node-port runs before or afterwards.
func (p *proxy) moveNodePort(s *yaml.RNode, to int) error {
	ports := krm.Path{"spec", "ports"}
	for i := range krm.Elements(s, ports...) {
		if i == to || krm.Text(s, ports.Append(i, "nodePort")...) != p.PortNumber() {
			continue
		}
		if other := krm.Text(s, ports.Append(to, "nodePort")...); other != "" {
			right := p.Endpoint
			right.Port = other
			return &ExposureError{"url", fmt.Sprintf("%s has port %s, but nginx speaks TLS where node port %s of %s leads: write %s",
				p.Endpoint, p.PortNumber(), other, krm.Name(s), right)}
		}
		krm.Remove(p.h.list, s, ports.Append(i, "nodePort")...)
		number, _ := strconv.Atoi(p.PortNumber())
		return krm.Set(p.h.list, s, number, ports.Append(to, "nodePort")...)
	}
	return nil
}
