package validateha

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var oneAddress = Rule{
	ID: "L13", Severity: framework.Error,
	What: "Everybody who tells clients the address of Harbor tells the same, with the port that leads to it.",
	Why:  "A docker login follows the realm that the registry names; where it lacks the node port, nobody answers (harbor#1994, harbor#6319).",
	Do:   "Set EXT_ENDPOINT, auth.token.realm and server_name to the address that clients use; set-endpoint does.",
	check: func(k *checker) {
		for _, c := range k.all {
			if c.Name() == harbor.AdminServer || c.Name() == "core" {
				k.checkEndpoint(c)
			}
		}
		k.checkNodePorts()
	},
}

const endpoint = "EXT_ENDPOINT"

// checkEndpoint looks at the address that one component holds, and what the
// others beside it make of it.
func (k *checker) checkEndpoint(c harbor.Component) {
	v, ok := k.env(c.Container).Get(endpoint)
	at := k.of(v, c.Container, endpoint)
	u, reason := parseEndpoint(v.Text)
	switch {
	case v.Broken:
		return
	case !ok || v.Text == "":
		k.error(at.obj, at.path, "%s is not set: Harbor does not know the address that clients use", endpoint)
		return
	case !v.Known || v.Secret:
		k.note(at.obj, at.path, "%s is in a Secret or not among the resources, and is not compared with anything: check that it is the address that clients use", endpoint)
		return
	case reason != "":
		k.error(at.obj, at.path, "is %q, %s", v.Text, reason).is(v.Text)
		return
	case u.Hostname() == harbor.ExampleHost:
		k.warn(at.obj, at.path, "is still the example of Harbor's harbor.cfg, which clients do not find").is(v.Text)
	}
	for _, r := range k.beside(c, harbor.Registry) {
		k.checkRealm(k.registry(r), u)
	}
	for _, n := range k.entries(c) {
		k.checkServerName(n, u)
		k.checkEntry(n, u, at)
	}
}

// parseEndpoint reads scheme, host and port, and says what is wrong with them.
func parseEndpoint(text string) (*url.URL, string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, "want an address such as http://hub.example.com:31777"
	case u.Hostname() == "localhost" || isLoopback(u.Hostname()):
		return nil, "which leads each client to itself"
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
		return nil, "want scheme, host and port only"
	}
	return u, ""
}

// port is the port of an address, that of its scheme where it names none.
func port(u *url.URL) string {
	if u.Port() != "" {
		return u.Port()
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

func (k *checker) checkRealm(r registry, u *url.URL) {
	v := r.get("auth", "token", "realm")
	if !v.Known || v.Text == "" && r.get("auth", "token", "rootcertbundle").Text == "" {
		return // not to be seen, or L02 says that there is no auth.token
	}
	realm, err := url.Parse(v.Text)
	want := u.Scheme + "://" + u.Host + harbor.TokenPath
	if err == nil && realm.Scheme == u.Scheme && strings.EqualFold(realm.Hostname(), u.Hostname()) && port(realm) == port(u) && realm.Path == harbor.TokenPath {
		return
	}
	at := r.placeOf("auth", "token", "realm")
	k.error(at.obj, at.path, "auth.token.realm is %q and %s %s://%s: docker login goes astray", shown(v), endpoint, u.Scheme, u.Host).is(shown(v)).want(want)
}

// entries are the nginx components beside c.
func (k *checker) entries(c harbor.Component) []harbor.Component {
	return slices.DeleteFunc(slices.Clone(k.all), func(n harbor.Component) bool {
		return n.Name() != harbor.Nginx || n.GetNamespace() != c.GetNamespace()
	})
}

// nginx is the configuration of an nginx.
type nginx struct {
	directives []harbor.Directive // none when not all of it can be seen
	place
	secret  bool   // it is not to be shown
	unclear string // why it cannot be looked at
}

// nginx reads the configuration of an nginx.
func (k *checker) nginx(n harbor.Component) nginx {
	if conf, ok := k.nginxes[n.RNode]; ok {
		return conf
	}
	found := n.At(k.list, harbor.NginxConf)
	conf := nginx{place: k.of(found.Value, n.Container, ""), secret: found.Value.Secret}
	if found.State == kube.Present && found.Value.Known {
		all, err := harbor.ParseNginx(found.Value.Text)
		if err != nil {
			conf.unclear = err.Error()
		}
		harbor.All(all, "include", func(d harbor.Directive, _ []harbor.Directive) {
			if path.Base(d.Arg(0)) != "mime.types" {
				conf.unclear = fmt.Sprintf("line %d: includes another file", d.Line)
			}
		})
		if conf.unclear == "" {
			conf.directives = all
		}
	}
	k.nginxes[n.RNode] = conf
	return conf
}

func (k *checker) servesTLS(n harbor.Component) bool {
	return harbor.ServesTLS(k.nginx(n).directives)
}

// checkServerName compares names without ports, as nginx does.
func (k *checker) checkServerName(n harbor.Component, u *url.URL) {
	conf := k.nginx(n)
	if n.Generation() != 1 {
		return
	}
	if conf.unclear != "" {
		k.note(conf.obj, conf.path, "nginx.conf is not looked at (%s): check that it answers for %s", conf.unclear, u.Host)
	}
	var names []string
	harbor.All(conf.directives, "server_name", func(d harbor.Directive, _ []harbor.Directive) { names = append(names, d.Args...) })
	fits := slices.ContainsFunc(names, func(name string) bool {
		host, _, _ := strings.Cut(name, ":")
		return strings.EqualFold(host, u.Hostname()) || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "~") || strings.Contains(name, "*") || name == ""
	})
	if len(names) > 0 && !fits {
		is := shown(kube.Value{Text: strings.Join(names, " "), Secret: conf.secret})
		k.warn(conf.obj, conf.path, "server_name is %s and %s %s://%s: it answers as the only server, but not beside another one", is, endpoint, u.Scheme, u.Host).
			is(is).want(u.Host)
	}
}

// outside are the kinds that lead to Services from outside of the cluster.
var outside = []string{"Ingress", "Route", "HTTPRoute", "TLSRoute", "TCPRoute", "IngressRoute", "VirtualService", "HTTPProxy"}

// checkEntry compares the address with the Services in front of an nginx.
func (k *checker) checkEntry(n harbor.Component, u *url.URL, at place) {
	services := k.services(n.Workload)
	ported := slices.DeleteFunc(slices.Clone(services), func(s *yaml.RNode) bool { return krm.Text(s, "spec", "type") != "NodePort" })
	routed := slices.ContainsFunc(k.list.Items, func(obj *yaml.RNode) bool {
		near := obj.GetKind() != "Ingress" || obj.GetNamespace() == n.GetNamespace() // the others reach further
		return slices.Contains(outside, obj.GetKind()) && near && krm.Editable(obj)
	})
	reachable := slices.ContainsFunc(services, func(s *yaml.RNode) bool {
		return krm.Text(s, "spec", "type") == "LoadBalancer" || len(krm.Elements(s, "spec", "externalIPs")) > 0
	}) || onNode(n)
	switch {
	case routed || reachable:
	case len(ported) > 0:
		k.checkPort(n, ported, u, at)
	case len(services) == 0:
		k.checkNoEntry(n)
	default:
		k.note(services[0], krm.Path{"spec", "type"}, "leads to Harbor from inside the cluster only, and no Ingress or route is among the resources: check that clients reach it")
	}
}

// onNode says whether an nginx has a port of its node without a Service.
func onNode(n harbor.Component) bool {
	return krm.Text(n.RNode, n.Pod.Append("hostNetwork")...) == "true" || slices.ContainsFunc(krm.Elements(n.RNode, n.Path.Append("ports")...), func(port *yaml.Node) bool {
		return krm.Text(yaml.NewRNode(port), "hostPort") != ""
	})
}

// checkNoEntry reports that nobody leads to nginx: an error where there is a
// Service that leads nowhere.
func (k *checker) checkNoEntry(n harbor.Component) {
	for _, s := range k.ofKind("Service") {
		lost := s.GetNamespace() == n.GetNamespace() && k.couldServe(s, n) && !slices.ContainsFunc(k.workloads, func(w kube.Workload) bool { return w.Behind(s) })
		if lost {
			k.error(s, krm.Path{"spec", "selector"}, "selects no pod among the resources, and no Service leads to %s: clients do not reach Harbor", krm.Name(n.RNode))
			return
		}
	}
	k.note(n.RNode, nil, "no Service among the resources leads to it: check that clients reach it")
}

// couldServe says whether a Service has a port that nginx listens on.
func (k *checker) couldServe(s *yaml.RNode, n harbor.Component) bool {
	for i := range krm.Elements(s, "spec", "ports") {
		if krm.Lookup(s, "spec", "selector") != nil && slices.Contains(k.listens(n), k.target(n.Workload, s, i)) {
			return true
		}
	}
	return false
}

func (k *checker) checkPort(n harbor.Component, services []*yaml.RNode, u *url.URL, at place) {
	var numbers []string
	for _, s := range services {
		for i := range krm.Elements(s, "spec", "ports") {
			number := krm.Text(s, "spec", "ports", i, "nodePort")
			if number == port(u) {
				k.checkScheme(n, s, i, u, at)
				return
			}
			if number != "" {
				numbers = append(numbers, number)
			}
		}
	}
	s := services[0]
	switch {
	case len(numbers) == 0:
		f := k.warn(s, krm.Path{"spec", "ports", 0, "nodePort"}, "is not set: Kubernetes chooses one, and %s has port %s", endpoint, port(u))
		if isNodePort(port(u)) {
			f.want(number(port(u)))
		}
	case isNodePort(port(u)):
		k.error(at.obj, at.path, "has port %s, but %s is reached on node port %s: docker login follows an address that nobody answers (harbor#1994)", port(u), krm.Name(s), strings.Join(numbers, ", ")).
			is(u.Scheme + "://" + u.Host)
	default:
		k.warn(at.obj, at.path, "has port %s, but %s is reached on node port %s: nobody answers docker login (harbor#1994), unless a load balancer before the nodes leads from one to the other", port(u), krm.Name(s), strings.Join(numbers, ", ")).
			is(u.Scheme + "://" + u.Host)
	}
}

// isNodePort says whether Kubernetes gives the port to Services, unless it is
// told otherwise (--service-node-port-range of kube-apiserver).
func isNodePort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= 30000 && n <= 32767
}

// number is a port as YAML has it.
func number(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return text
}

// checkScheme compares http or https of the address with what nginx speaks on
// the port that it leads to.
func (k *checker) checkScheme(n harbor.Component, service *yaml.RNode, i int, u *url.URL, at place) {
	target := k.target(n.Workload, service, i)
	all := k.nginx(n).directives
	listens, tls := false, false
	harbor.All(all, "listen", func(d harbor.Directive, _ []harbor.Directive) {
		if listenPort(d) == target {
			listens, tls = true, tls || slices.Contains(d.Args, "ssl")
		}
	})
	harbor.All(all, "ssl", func(d harbor.Directive, _ []harbor.Directive) { tls = tls || d.Arg(0) == "on" })
	if listens && tls != (u.Scheme == "https") {
		speaks := map[bool]string{true: "https", false: "http"}[tls]
		k.error(at.obj, at.path, "begins with %s://, but nginx speaks %s on the port that node port %s leads to", u.Scheme, speaks, port(u)).is(u.Scheme + "://" + u.Host)
	}
}

// listenPort is the port of listen 80, listen 0.0.0.0:80, listen [::]:80.
func listenPort(d harbor.Directive) string {
	address := d.Arg(0)
	if i := strings.LastIndexByte(address, ':'); i >= 0 && !strings.HasSuffix(address, "]") {
		address = address[i+1:]
	}
	if !isPort(address) {
		return "80"
	}
	return address
}

// checkNodePorts looks at the node ports of all Services of Harbor.
func (k *checker) checkNodePorts() {
	taken := map[string]*yaml.RNode{}
	var seen []*yaml.RNode
	for _, c := range k.all {
		for _, s := range k.services(c.Workload) {
			if slices.Contains(seen, s) {
				continue
			}
			seen = append(seen, s)
			for i := range krm.Elements(s, "spec", "ports") {
				k.checkNodePort(s, krm.Path{"spec", "ports", i}, taken)
			}
		}
	}
}

func (k *checker) checkNodePort(s *yaml.RNode, at krm.Path, taken map[string]*yaml.RNode) {
	text, path := krm.Text(s, at.Append("nodePort")...), at.Append("nodePort")
	if text == "" || text == "0" {
		return
	}
	protocol := krm.Text(s, at.Append("protocol")...)
	if protocol == "" {
		protocol = "TCP"
	}
	if !isNodePort(text) {
		k.error(s, path, "%s is outside 30000-32767, which Kubernetes refuses unless it is told otherwise", text).is(number(text))
	}
	if first, ok := taken[text+protocol]; ok {
		k.error(s, path, "%s is taken by %s already", text, krm.Name(first)).is(number(text))
	}
	taken[text+protocol] = s
}
