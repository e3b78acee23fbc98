// Package exposenodeport makes Harbor reachable on one port of every node.
//
// The Service in front of nginx becomes a NodePort Service with that port, which
// leads to TLS where nginx ends it: over http, nginx sends clients to https. The node
// ports of its other ports stay, or are left to Kubernetes; fields that only a
// LoadBalancer can have go. The URL that Harbor tells its clients has to carry the same
// port, or docker login follows a token realm that nobody answers (harbor#1994,
// harbor#6319): set-endpoint sets it.
//
// It works with every Harbor that has an nginx, and with a Service that is named. Where
// an Ingress or HTTPRoute leads to Harbor past nginx there is nothing to expose:
// set-endpoint gives it the address.
package exposenodeport

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Function is expose-node-port.
var Function = krm.Function{Name: "expose-node-port", New: func() krm.Runner { return &ExposeNodePort{} }}

// ExposeNodePort is the settings.
type ExposeNodePort struct {
	// Port on every node.
	Port int `yaml:"port" required:"true"`
	// Name of the Service, where it is not the one in front of nginx.
	Service string `yaml:"service"`
	// Name of the Service's port, where it is not the one that leads to where nginx
	// speaks TLS, and else the one named http or numbered 80.
	PortName string `yaml:"portName"`
	// Ports that the cluster gives to nodes (kube-apiserver
	// --service-node-port-range).
	Range string `yaml:"range" default:"30000-32767"`
}

// Validate checks the port against the range.
func (s *ExposeNodePort) Validate() error {
	from, to, _ := strings.Cut(s.Range, "-")
	low, _ := strconv.Atoi(from)
	high, _ := strconv.Atoi(to)
	if s.Range != fmt.Sprintf("%d-%d", low, high) || low < 1 || high > 65535 || low > high {
		return krm.FieldErrorf("range", "%q is not a range of ports such as 30000-32767", s.Range)
	}
	var errs []error
	if s.Port < low || s.Port > high {
		errs = append(errs, krm.FieldErrorf("port", "%d is outside %s", s.Port, s.Range))
	}
	if s.Service != "" {
		errs = append(errs, krm.CheckLabel("service", s.Service))
	}
	if s.PortName != "" {
		errs = append(errs, krm.CheckLabel("portName", s.PortName))
	}
	return errors.Join(errs...)
}

// Run changes the Service.
func (s *ExposeNodePort) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil && s.Service == "" {
		return err
	}
	service, err := s.find(list, h)
	if err != nil {
		return err
	}
	if krm.Text(service, "spec", "clusterIP") == "None" || krm.Text(service, "spec", "type") == "ExternalName" {
		return krm.Fault(service, krm.Path{"spec"}, "is a headless or ExternalName Service, which cannot have a node port")
	}
	port, err := s.port(service, tlsPort(list, service))
	if err != nil {
		return err
	}
	if err := s.free(list, service, port); err != nil {
		return err
	}
	if err := krm.Set(list, service, "NodePort", "spec", "type"); err != nil {
		return err
	}
	if ranges := (krm.Path{"spec", "loadBalancerSourceRanges"}); len(krm.Elements(service, ranges...)) > 0 {
		krm.Warn(list, service, ranges, "is for load balancers alone and goes: whoever reaches a node reaches Harbor; write a NetworkPolicy to keep others away")
	}
	for _, field := range ofLoadBalancers {
		krm.Remove(list, service, "spec", field)
	}
	return krm.Set(list, service, s.Port, port.Append("nodePort")...)
}

// ofLoadBalancers are fields that Kubernetes refuses in Services of other types, or
// does not look at (pkg/apis/core/validation, ValidateService).
var ofLoadBalancers = []string{"allocateLoadBalancerNodePorts", "healthCheckNodePort", "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges"}

func (s *ExposeNodePort) find(list *framework.ResourceList, h *harbor.Harbor) (*yaml.RNode, error) {
	if s.Service == "" {
		return clientsCome(h)
	}
	var names []string
	for _, obj := range kube.OfKind(list, "Service") {
		if obj.GetName() == s.Service {
			return obj, nil
		}
		names = append(names, obj.GetName())
	}
	return nil, krm.FieldErrorf("service", "there is no Service %s, there are %s", s.Service, krm.Joined(names))
}

// clientsCome finds the Service by which clients come in.
func clientsCome(h *harbor.Harbor) (*yaml.RNode, error) {
	entry := h.Entry()
	service, err := entry.Service()
	switch {
	case err != nil || service != nil:
		return service, err
	case len(entry.Routes) > 0:
		return nil, krm.FieldErrorf("port", "%s is the entry, it leads to Harbor without an nginx, and there is no Service to expose: "+
			"leave the node port out, and set the address of the Ingress or HTTPRoute (set-endpoint, section endpoint)",
			krm.Name(entry.Routes[0].RNode))
	}
	return nil, krm.FieldErrorf("service", "is missing: found no nginx of Harbor, %s", harbor.Present(h.Components))
}

// tlsPort is the port of the Service that leads to where an nginx of Harbor speaks
// TLS, -1 for none.
func tlsPort(list *framework.ResourceList, service *yaml.RNode) int {
	for _, h := range harbor.FindAll(list) {
		if i := h.TLSPort(service); i >= 0 {
			return i
		}
	}
	return -1
}

// port leads to the port of the Service that gets the node port. tls is the one
// where nginx speaks TLS, or -1.
func (s *ExposeNodePort) port(service *yaml.RNode, tls int) (krm.Path, error) {
	ports := krm.Path{"spec", "ports"}
	if s.PortName == "" && tls >= 0 {
		return ports.Append(tls), nil
	}
	var described []string
	for i, n := range krm.Elements(service, ports...) {
		port := yaml.NewRNode(n)
		name, number := krm.Text(port, "name"), krm.Text(port, "port")
		if s.PortName != "" && name == s.PortName || s.PortName == "" && (name == "http" || number == "80") {
			return ports.Append(i), nil
		}
		described = append(described, fmt.Sprintf("%s (%s)", name, number))
	}
	if len(described) == 1 && s.PortName == "" {
		return ports.Append(0), nil
	}
	if s.PortName == "" {
		return nil, krm.FieldErrorf("portName", "is missing: %s has no port named http or numbered 80, it has %s",
			krm.Name(service), krm.Joined(described))
	}
	return nil, krm.FieldErrorf("portName", "%s has no port %q, it has %s", krm.Name(service), s.PortName, krm.Joined(described))
}

// free checks that no other port of a Service has the node port.
func (s *ExposeNodePort) free(list *framework.ResourceList, service *yaml.RNode, port krm.Path) error {
	for _, obj := range kube.OfKind(list, "Service") {
		for i, n := range krm.Elements(obj, "spec", "ports") {
			taken := krm.Text(yaml.NewRNode(n), "nodePort") == strconv.Itoa(s.Port)
			if !taken || obj == service && i == port[len(port)-1] {
				continue
			}
			if own := krm.Text(service, port.Append("nodePort")...); obj == service && own != "" {
				return krm.FieldErrorf("port", "%d is the node port of another port of %s, and the one that clients use has %s: write %s, or name the other one in portName",
					s.Port, krm.Name(obj), own, own)
			}
			return krm.FieldErrorf("port", "%d is the node port of %s already: write another one", s.Port, krm.Name(obj))
		}
	}
	return nil
}
