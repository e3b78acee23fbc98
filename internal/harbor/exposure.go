package harbor

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Exposure is how clients reach Harbor.
type Exposure struct {
	Endpoint
	// Behind is BehindLoadBalancer where the address is that of a load balancer or
	// proxy in front of the entry, else "".
	Behind string
	// TLSSecret is the name of a Secret of type kubernetes.io/tls for where TLS
	// ends, "" for the certificate that the entry has.
	TLSSecret string
}

// ExposureError is that an exposure does not fit the manifests.
type ExposureError struct {
	Of      string // what is at fault: url or tls.secretName
	Message string
}

func (e *ExposureError) Error() string { return e.Message }

// Apply makes the address known to those that tell it to clients or answer at it:
// the adminserver or core (EXT_ENDPOINT), the registry of 1.x (auth.token.realm),
// nginx (server_name, redirects, the port in Host) and the hosts of Ingresses and
// HTTPRoutes. Where TLS ends in front of nginx, nginx passes on what it is told about
// it; where nothing is in front, nginx ends the TLS of an https address itself.
func (x Exposure) Apply(h *Harbor) error {
	if err := h.Needs("who tells clients its address", func(h *Harbor) bool { return len(h.Endpoint) > 0 }); err != nil {
		return err
	}
	e := exposing{Exposure: x, Entry: h.Entry(), h: h}
	e.wasBehind = e.Fronted()
	for _, step := range []func() error{e.tell, e.setHosts, e.setProxies, e.setBehind} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// exposing is one application of an Exposure.
type exposing struct {
	Exposure
	Entry
	h         *Harbor
	was       string // EXT_ENDPOINT until now
	wasBehind bool
}

// tell sets what Harbor tells its clients.
func (e *exposing) tell() error {
	for _, was := range e.h.Get(e.h.Endpoint[0].Setting) {
		e.was = was.Text
	}
	for _, use := range e.h.Endpoint {
		if err := e.h.Set(use.Setting, Value{Text: use.Encode(e.Endpoint)}); err != nil {
			return err
		}
	}
	return nil
}

// setHosts makes Ingresses and HTTPRoutes take requests for the host.
func (e *exposing) setHosts() error {
	if len(e.Proxies)+len(e.Routes) == 0 {
		return fmt.Errorf("found no %s of Harbor, nor an Ingress or HTTPRoute that leads to it: add the one that clients come in by; %s", Nginx, Present(e.h.Components))
	}
	for _, r := range e.Routes {
		if err := e.setHost(r); err != nil {
			return err
		}
		if err := e.setRouteTLS(r); err != nil {
			return err
		}
	}
	return nil
}

func (e *exposing) setHost(r Route) error {
	if r.Answers(e.Host) {
		return nil
	}
	names := r.HostNames()
	old := names[0]
	if was, err := ParseEndpoint("", e.was); err == nil && slices.Contains(names, was.Host) {
		old = was.Host
	} else if len(names) > 1 {
		return &ExposureError{"url", fmt.Sprintf("%s leads to Harbor for %s: remove the names that are not Harbor's",
			krm.Name(r.RNode), strings.Join(names, ", "))}
	}
	for _, at := range slices.Concat(r.Hosts, r.tlsHosts()) {
		if krm.Text(r.RNode, at...) != old {
			continue
		}
		if err := krm.Set(e.h.list, r.RNode, e.Host, at...); err != nil {
			return err
		}
	}
	return nil
}

// setRouteTLS gives an Ingress the Secret with the certificate.
func (e *exposing) setRouteTLS(r Route) error {
	if e.TLSSecret == "" {
		return nil
	}
	if r.GetKind() != "Ingress" {
		return &ExposureError{"tls.secretName", fmt.Sprintf("%s has no certificate, the listener of its Gateway names it: leave tls out",
			krm.Name(r.RNode))}
	}
	tls := krm.Path{"spec", "tls"}
	for i := range krm.Elements(r.RNode, tls...) {
		if slices.ContainsFunc(krm.Elements(r.RNode, tls.Append(i, "hosts")...), func(n *yaml.Node) bool { return covers(n.Value, e.Host) }) {
			return krm.Set(e.h.list, r.RNode, e.TLSSecret, tls.Append(i, "secretName")...)
		}
	}
	n := len(krm.Elements(r.RNode, tls...))
	return krm.Set(e.h.list, r.RNode, krm.Map("hosts", []string{e.Host}, "secretName", e.TLSSecret), tls.Append(n)...)
}

// setBehind writes what stands in front to the entry, or takes it away.
func (e *exposing) setBehind() error {
	if e.Behind != "" && len(e.Objects()) == 0 {
		_, err := e.Service()
		return err
	}
	for _, obj := range e.Objects() {
		at := krm.Path{"metadata", "annotations", BehindAnnotation}
		if e.Behind == "" {
			krm.Remove(e.h.list, obj, at...)
			continue
		}
		if err := krm.Set(e.h.list, obj, e.Behind, at...); err != nil {
			return err
		}
	}
	return nil
}
