package kube

import (
	"net"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// ServiceName takes a host name apart that may mean a Service: name,
// name.namespace, name.namespace.svc and what the cluster's domain makes of that,
// with or without a dot at the end. The namespace is "" where the host does not
// say it; qualified says that it can mean nothing but a Service.
func ServiceName(host string) (name, namespace string, qualified, ok bool) {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	switch {
	case host == "" || net.ParseIP(host) != nil || strings.ContainsAny(host, Hidden+"/$ :"):
		return "", "", false, false
	case len(parts) == 1:
		return parts[0], "", false, true
	case len(parts) == 2:
		return parts[0], parts[1], false, true
	case parts[2] == "svc":
		return parts[0], parts[1], true, true
	}
	return "", "", false, false
}

// ServiceOf finds the Service that a host name means for pods of the namespace,
// nil when it is none of the list. A Service is found by its earlier names too.
func ServiceOf(list *framework.ResourceList, namespace, host string) *yaml.RNode {
	name, other, _, ok := ServiceName(host)
	if !ok {
		return nil
	}
	if other != "" && namespace != "" {
		namespace = other
	}
	return Find(list, "Service", namespace, name)
}

// TargetPort is the port of the workload's pods that a port of a Service leads to,
// by its number in the list, "" for a name that no container has.
func (w Workload) TargetPort(service *yaml.RNode, i int) string {
	text := Digits(service, "spec", "ports", i, "targetPort")
	if text == "" {
		return Digits(service, "spec", "ports", i, "port")
	}
	return w.Port(text)
}

// Port is the number of a port that is given by its number or the name that a
// container has for it, "" for a name that none has.
func (w Workload) Port(text string) string {
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 65536 {
		return text
	}
	if text == "" {
		return ""
	}
	for _, c := range w.Containers() {
		ports := c.Path.Append("ports")
		for j := range krm.Elements(c.RNode, ports...) {
			if krm.Text(c.RNode, ports.Append(j, "name")...) == text {
				return Digits(c.RNode, ports.Append(j, "containerPort")...)
			}
		}
	}
	return ""
}
