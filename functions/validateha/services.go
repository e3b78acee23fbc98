package validateha

import (
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var services = Rule{
	ID: "L17", Severity: framework.Error,
	What: "The addresses by which the parts of Harbor call each other lead to them.",
	Why:  "They stand in texts, or in the programs (http://ui, http://adminserver, http://jobservice: harbor v1.2.0 src/ui/config, src/jobservice/config), and follow neither a prefix nor a namespace that kustomize adds.",
	Do:   "Leave the names of Harbor's Services as they are, or set the address too.",
	check: func(k *checker) {
		for _, c := range k.old() {
			for _, a := range k.calls(c) {
				k.checkCall(c, a)
			}
		}
		for _, c := range k.old(harbor.Nginx) {
			for _, s := range k.services(c.Workload) {
				k.checkTargets(c, s)
			}
		}
	},
}

// once reports an error of a Service, unless one of the field is reported: many
// call it.
func (k *checker) once(s *yaml.RNode, path krm.Path, format string, args ...any) finding {
	return k.first(k.error(s, path, format, args...))
}

// first takes the finding back when there is one of the field already.
func (k *checker) first(f finding) finding {
	last := len(k.list.Results) - 1
	known := slices.ContainsFunc(k.list.Results[:last], func(r *framework.Result) bool {
		return r.Tags["rule"] == k.rule.ID && sameField(r, f.Result)
	})
	if known && k.list.Results[last] == f.Result { // report has not taken it back
		k.list.Results = k.list.Results[:last]
	}
	return f
}

// call is an address by which a component calls another one.
type call struct {
	address string
	targets []string // the components that may answer
	place
}

// calls are the addresses that a component uses.
func (k *checker) calls(c harbor.Component) []call {
	env := k.env(c.Container)
	self := place{c.RNode, nil}
	variable := func(name, otherwise string, targets ...string) call {
		v, ok := env.Get(name)
		if !ok || v.Text == "" {
			return call{otherwise, targets, self}
		}
		if v.Secret {
			return call{} // not to be shown
		}
		return call{v.Text, targets, k.of(v, c.Container, name)}
	}
	switch c.Name() {
	case harbor.AdminServer: // hands them to the others; nginx passes on to both
		return []call{variable("REGISTRY_URL", "", harbor.Registry, harbor.Nginx), variable("TOKEN_SERVICE_URL", "", harbor.UI, harbor.Nginx),
			variable("UI_URL", "", harbor.UI, harbor.Nginx), variable("JOBSERVICE_URL", "", harbor.JobService)}
	case harbor.UI:
		return []call{adminserver(variable), later(c, call{"http://jobservice", []string{harbor.JobService}, self})}
	case harbor.JobService:
		return []call{adminserver(variable), later(c, call{"http://ui", []string{harbor.UI, harbor.Nginx}, self})}
	case harbor.Registry:
		return k.notifications(k.registry(c))
	case harbor.Nginx:
		return k.proxied(c)
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

// later leaves out an address that stands in the program only up to Harbor 1.2;
// then the adminserver has it.
func later(c harbor.Component, a call) call {
	if c.AtLeast(3) {
		return call{}
	}
	return a
}

func (k *checker) notifications(r registry) []call {
	if !r.readable || r.value.Secret {
		return nil
	}
	var all []call
	node := r.config.Lookup("notifications", "endpoints")
	if node == nil {
		return nil
	}
	for i := range node.Content {
		if r.config.Text("notifications", "endpoints", i, "disabled") != "true" && r.config.Text("notifications", "endpoints", i, "name") == "harbor" {
			all = append(all, call{r.config.Text("notifications", "endpoints", i, "url"), []string{harbor.UI, harbor.Nginx}, r.place})
		}
	}
	return all
}

// locations are those of Harbor's nginx whose requests go to the ui or the
// registry. Others may be of Notary or of somebody else.
var locations = []string{"/", "/v2/", "/service/", "/api/", "/c/"}

// proxied are the addresses that nginx passes requests on to.
func (k *checker) proxied(n harbor.Component) []call {
	conf := k.nginx(n)
	if conf.secret {
		return nil // not to be shown
	}
	upstreams := map[string][]string{}
	harbor.All(conf.directives, "upstream", func(d harbor.Directive, _ []harbor.Directive) {
		harbor.All(d.Block, "server", func(s harbor.Directive, _ []harbor.Directive) {
			upstreams[d.Arg(0)] = append(upstreams[d.Arg(0)], s.Arg(0))
		})
	})
	var all []call
	harbor.All(conf.directives, "proxy_pass", func(d harbor.Directive, around []harbor.Directive) {
		u, err := url.Parse(d.Arg(0))
		if err != nil || len(around) == 0 || !slices.Contains(locations, around[len(around)-1].Arg(0)) {
			return
		}
		servers, named := upstreams[u.Host]
		if !named {
			servers = []string{u.Host}
		}
		for _, s := range servers {
			all = append(all, call{u.Scheme + "://" + s, []string{harbor.UI, harbor.Registry}, conf.place})
		}
	})
	return all
}

func (k *checker) checkCall(c harbor.Component, a call) {
	u, err := url.Parse(a.address)
	if a.address == "" || err != nil {
		return
	}
	var targets []harbor.Component
	for _, t := range a.targets {
		targets = append(targets, k.beside(c, t)...)
	}
	name, namespace, isService := serviceName(u.Hostname())
	if !isService || len(targets) == 0 || namespace != "" && !strings.Contains(u.Hostname(), ".svc") {
		return // somewhere outside
	}
	s := k.service(c.GetNamespace(), u.Hostname())
	k.checkDNS(c, name)
	switch {
	case s == nil:
		k.checkMissing(c, a, targets, name)
	case krm.Lookup(s, "spec", "selector") != nil: // no ExternalName, no endpoints by hand
		k.checkSelected(c, a, targets, s, port(u))
	}
}

// checkDNS reports pods that ask the resolver of their node, which as a rule knows
// no Services (kubernetes.io dns-pod-service, dnsPolicy).
func (k *checker) checkDNS(c harbor.Component, name string) {
	at := c.Pod.Append("dnsPolicy")
	policy := krm.Text(c.RNode, at...)
	hostNetwork := krm.Text(c.RNode, c.Pod.Append("hostNetwork")...) == "true"
	if policy == "Default" || hostNetwork && (policy == "" || policy == "ClusterFirst") {
		want := map[bool]string{true: "ClusterFirstWithHostNet", false: "ClusterFirst"}[hostNetwork]
		k.first(k.warn(c.RNode, at, "asks the resolver of the node, which as a rule does not know Service %s", name)).want(want)
	}
}

// checkMissing reports an address without Service: an error where the Service is
// in another namespace, or the component is reached by another one.
func (k *checker) checkMissing(c harbor.Component, a call, targets []harbor.Component, name string) {
	elsewhere := k.hasElsewhere("Service", c.Workload, name)
	if elsewhere != nil && elsewhere.GetNamespace() != "" && c.GetNamespace() != "" {
		k.once(elsewhere, krm.Path{"metadata", "namespace"}, "is not that of the %s, which calls the %s at %s", c.Name(), a.targets[0], a.address).
			is(elsewhere.GetNamespace()).want(c.GetNamespace())
		return
	}
	var others []string
	for _, t := range targets {
		for _, s := range k.services(t.Workload) {
			if t.Name() != harbor.Nginx {
				others = append(others, s.GetName())
			}
		}
	}
	if len(others) == 0 || elsewhere != nil {
		k.warn(a.obj, a.path, "calls %s, but there is no Service %s among the resources", a.address, name)
		return
	}
	k.error(a.obj, a.path, "calls %s, but there is no Service %s: the %s is reached by %s", a.address, name, strings.Join(present(targets), " or "), strings.Join(others, ", "))
}

// present names components, nginx in front of them left out.
func present(targets []harbor.Component) []string {
	return slices.DeleteFunc(harbor.Names(targets), func(name string) bool { return name == harbor.Nginx })
}

// checkSelected looks at where a Service leads to. Pods that are not Harbor's may
// pass requests on.
func (k *checker) checkSelected(c harbor.Component, a call, targets []harbor.Component, s *yaml.RNode, number string) {
	i := slices.IndexFunc(targets, func(t harbor.Component) bool { return t.Behind(s) })
	if i >= 0 {
		k.checkServicePort(targets[i], s, number, c.Name()+" calls "+a.address)
		return
	}
	stranger := slices.ContainsFunc(k.workloads, func(w kube.Workload) bool {
		return w.Behind(s) && !slices.ContainsFunc(k.all, func(c harbor.Component) bool { return c.RNode == w.RNode })
	})
	if !stranger {
		k.once(s, krm.Path{"spec", "selector"}, "selects no pod of the %s, which the %s calls at %s", strings.Join(present(targets), " or "), c.Name(), a.address)
	}
}

// checkServicePort looks for a port of the Service and where it leads to.
func (k *checker) checkServicePort(target harbor.Component, s *yaml.RNode, number, because string) {
	ports := krm.Path{"spec", "ports"}
	for i := range krm.Elements(s, ports...) {
		if krm.Text(s, ports.Append(i, "port")...) == number {
			k.checkTarget(target, s, i)
			return
		}
	}
	k.once(s, ports, "has no port %s, and the %s", number, because)
}

// checkTargets looks at all ports of the Service that clients use.
func (k *checker) checkTargets(c harbor.Component, s *yaml.RNode) {
	for i := range krm.Elements(s, "spec", "ports") {
		k.checkTarget(c, s, i)
	}
}

func (k *checker) checkTarget(c harbor.Component, s *yaml.RNode, i int) {
	at := krm.Path{"spec", "ports", i, "targetPort"}
	target := k.target(c.Workload, s, i)
	if target == "" {
		k.error(s, at, "no container of %s has a port named %s", krm.Name(c.RNode), krm.Text(s, at...)).is(krm.Text(s, at...))
		return
	}
	listens := k.listens(c)
	if len(listens) == 0 || slices.Contains(listens, target) {
		return
	}
	if krm.Lookup(s, at...) == nil {
		at[len(at)-1] = "port"
	}
	k.error(s, at, "leads to port %s of the %s, which listens on %s", target, c.Name(), strings.Join(listens, ", ")).is(number(target))
}

// target is the port of the container that a port of a Service leads to, "" for
// a name that no container has.
func (k *checker) target(w kube.Workload, s *yaml.RNode, i int) string {
	text := krm.Text(s, "spec", "ports", i, "targetPort")
	switch {
	case text == "":
		return krm.Text(s, "spec", "ports", i, "port")
	case isPort(text):
		return text
	}
	for _, c := range w.Containers() {
		ports := c.Path.Append("ports")
		for j := range krm.Elements(c.RNode, ports...) {
			if krm.Text(c.RNode, ports.Append(j, "name")...) == text {
				return krm.Text(c.RNode, ports.Append(j, "containerPort")...)
			}
		}
	}
	return ""
}

// listens are the ports that a component listens on, none where that cannot be
// known, as with other containers in its pod.
func (k *checker) listens(c harbor.Component) []string {
	if len(krm.Elements(c.RNode, c.Pod.Append("containers")...)) > 1 {
		return nil
	}
	var all []string
	switch c.Name() {
	case harbor.UI, harbor.JobService:
		file := c.Setting(k.env(c.Container), harbor.ConfigPath)
		if found := c.At(k.list, file.Text); found.Value.Known {
			all = append(all, harbor.AppConf(found.Value.Text, "httpport"))
		}
	case harbor.Registry:
		if v := k.registry(c).get("http", "addr"); v.Known {
			all = append(all, v.Text[strings.LastIndexByte(v.Text, ':')+1:])
		}
	case harbor.Nginx:
		harbor.All(k.nginx(c).directives, "listen", func(d harbor.Directive, _ []harbor.Directive) { all = append(all, listenPort(d)) })
	}
	return slices.DeleteFunc(all, func(p string) bool { return !isPort(p) })
}
