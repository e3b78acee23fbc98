// Package setendpoint makes one external URL known to everybody who needs it.
//
// Harbor tells its clients where to log in and to push: EXT_ENDPOINT of the
// adminserver, or of the core of 2.x, auth.token.realm of the registry of 1.x, and
// server_name of nginx. If one of them differs, or lacks the port that clients use,
// docker login fails (harbor#1994, harbor#6319). Ingresses and HTTPRoutes that lead to
// Harbor take requests for the host. Where the URL has a port, nginx passes it on in
// Host: the chart's nginx.conf loses it for all but /v2/.
//
// TLS of an https URL ends at one of three. A load balancer or proxy that is not in
// the manifests, with behind: port and scheme are its own, and nginx passes
// X-Forwarded-Proto on. An Ingress or HTTPRoute, where one leads to Harbor; it needs
// no nginx. In all other cases nginx itself: it gets a TLS server as in Harbor's own
// template for https, and redirects http to the port of the URL. Its certificate is
// the one that is mounted, or a Secret of type kubernetes.io/tls, which takes the
// place of the one that the chart mounts. Its Service gets port 443, and the node port
// of the URL leads there.
//
// The URL has to have a port that something in the manifests has: the node port or
// the port of a LoadBalancer in front of nginx, 80 and 443 of an Ingress, or those of
// the Gateway of an HTTPRoute, where it is among them; any port with behind. Since
// Harbor 2.15, docker is sent to the port that it asked for, whatever the URL says,
// and another one is a warning.
//
// It knows Harbor 1.2 to 1.5 and 2.x.
package setendpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Function is set-endpoint.
var Function = krm.Function{Name: "set-endpoint", New: func() krm.Runner { return &SetEndpoint{} }}

// SetEndpoint is the settings.
type SetEndpoint struct {
	// URL that users and docker clients reach Harbor by: scheme, host, and the
	// port unless it is the scheme's own.
	URL string `yaml:"url" required:"true"`
	// loadBalancer where the URL is that of a load balancer or proxy in front of
	// the Service or Ingress, which has another port or ends TLS. It has to send
	// X-Forwarded-Proto.
	Behind string `yaml:"behind"`
	// Certificate of an https URL, where the entry has none.
	TLS *TLS `yaml:"tls"`
}

// TLS names a certificate.
type TLS struct {
	// Name of a Secret of type kubernetes.io/tls, with the keys tls.crt and
	// tls.key, as cert-manager makes it.
	SecretName string `yaml:"secretName" required:"true"`
}

// Validate checks that the URL is scheme, host and port, nothing else, and that
// the rest goes with it.
func (s *SetEndpoint) Validate() error {
	var errs []error
	address, err := harbor.ParseEndpoint("url", s.URL)
	errs = append(errs, err)
	if s.Behind != "" && s.Behind != harbor.BehindLoadBalancer {
		errs = append(errs, krm.FieldErrorf("behind", "%q is not known, want %s or nothing", s.Behind, harbor.BehindLoadBalancer))
	}
	if s.TLS != nil {
		errs = append(errs, krm.CheckName("tls.secretName", s.TLS.SecretName))
	}
	switch {
	case s.TLS != nil && s.Behind != "":
		errs = append(errs, krm.FieldErrorf("tls",
			"is for where TLS ends in these manifests, and with behind it ends in front of them: remove one of them"))
	case s.TLS != nil && err == nil && address.Scheme != "https":
		errs = append(errs, krm.FieldErrorf("tls", "is for an https URL, and url is %s", s.URL))
	}
	return errors.Join(errs...)
}

// Run changes all the places.
func (s *SetEndpoint) Run(list *framework.ResourceList) error {
	address, err := harbor.ParseEndpoint("url", s.URL)
	if err != nil {
		return err
	}
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	if misfit := s.checkPort(list, h, address); misfit != nil && h.RealmFollows() {
		krm.Warn(list, misfit.what, nil, "url %s", misfit.text)
	} else if misfit != nil {
		return krm.FieldErrorf("url", "%s", misfit.text)
	}
	exposure := harbor.Exposure{Endpoint: address, Behind: s.Behind}
	if s.TLS != nil {
		exposure.TLSSecret = s.TLS.SecretName
	}
	err = exposure.Apply(h)
	if misfit := (*harbor.ExposureError)(nil); errors.As(err, &misfit) {
		return krm.FieldErrorf(misfit.Of, "%s", misfit.Message)
	}
	return err
}

// misfit is that the URL has a port by which nobody comes in to what.
type misfit struct {
	what *yaml.RNode
	text string
}

// checkPort compares the port of the URL with those by which clients come in.
func (s *SetEndpoint) checkPort(list *framework.ResourceList, h *harbor.Harbor, address harbor.Endpoint) *misfit {
	entry := h.Entry()
	if s.Behind != "" {
		return nil
	}
	service, err := entry.Service()
	if err != nil {
		return nil // which one clients come in by is not known
	}
	what, open, ports := service, "node port", clientPorts(service)
	reached := address
	switch {
	case len(entry.Routes) > 0:
		listeners, known := listenersOf(list, entry.Routes, address.Host)
		if !known {
			return nil // a Gateway has any port
		}
		l := listeners[max(0, slices.IndexFunc(listeners, func(l harbor.Listener) bool { return l.Scheme == address.Scheme }))]
		what, open, reached.Scheme, reached.Port = l.Object, "port", l.Scheme, l.Port
		for _, l := range slices.Backward(listeners) {
			ports = slices.Insert(ports, 0, l.Port)
		}
	case service == nil:
		return nil
	case balanced(service):
		open = "port"
		if address.Scheme == "https" && !slices.Contains(ports, "443") {
			ports = append(ports, "443") // which nginx ends TLS on
		}
	}
	if len(ports) == 0 || slices.Contains(ports, address.PortNumber()) {
		return nil // Kubernetes chooses one
	}
	if what == service {
		reached.Port = portOf(address.Scheme, h, service, ports)
	}
	if reached.OwnPort() {
		reached.Port = ""
	}
	leads := krm.Name(what)
	if open == "node port" {
		leads = "the nodes"
	}
	why := "docker login would follow a token realm that nobody answers (harbor#1994, harbor#6319)"
	if h.RealmFollows() {
		why = "the portal shows people an address that nobody answers"
	}
	return &misfit{what, fmt.Sprintf("%s has port %s, but %s is reached on %s %s: %s; write %s, or behind: loadBalancer where a load balancer "+
		"or proxy leads from %s to %s", s.URL, address.PortNumber(), krm.Name(what), open, strings.Join(ports, ", "), why, reached, s.URL, leads)}
}

// listenersOf are those of all routes. It is false where they are not all known.
func listenersOf(list *framework.ResourceList, routes []harbor.Route, host string) (all []harbor.Listener, known bool) {
	for _, r := range routes {
		listeners, known := r.Listeners(list, host)
		if !known {
			return nil, false
		}
		all = append(all, listeners...)
	}
	return all, true
}

// clientPorts are the ports of a Service outside of the cluster, as far as they
// are known.
func clientPorts(service *yaml.RNode) []string {
	var ports []string
	add := func(field string) {
		for _, n := range krm.Elements(service, "spec", "ports") {
			if port := krm.Text(yaml.NewRNode(n), field); port != "" {
				ports = append(ports, port)
			}
		}
	}
	if service == nil {
		return nil
	}
	if balanced(service) {
		add("port")
	}
	if kind := krm.Text(service, "spec", "type"); kind == "NodePort" || kind == "LoadBalancer" {
		add("nodePort")
	}
	return ports
}

// portOf is the one of the Service's ports that clients of the scheme want: with https
// that which leads to where nginx speaks TLS, or could.
func portOf(scheme string, h *harbor.Harbor, service *yaml.RNode, ports []string) string {
	tls := h.TLSPort(service)
	for i, n := range krm.Elements(service, "spec", "ports") {
		for _, field := range []string{"port", "nodePort"} {
			if port := krm.Text(yaml.NewRNode(n), field); slices.Contains(ports, port) && (i == tls) == (scheme == "https") {
				return port
			}
		}
	}
	if scheme == "https" && slices.Contains(ports, "443") {
		return "443"
	}
	return ports[0]
}

// balanced says whether clients reach the ports of a Service as it lists them.
func balanced(service *yaml.RNode) bool {
	return krm.Text(service, "spec", "type") == "LoadBalancer" || len(krm.Elements(service, "spec", "externalIPs")) > 0
}
