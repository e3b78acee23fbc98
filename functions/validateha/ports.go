package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// target is the port of the container that a port of a Service leads to, "" for
// a name that no container has.
func target(w kube.Workload, s *yaml.RNode, i int) string {
	text := digits(s, "spec", "ports", i, "targetPort")
	switch {
	case text == "":
		return digits(s, "spec", "ports", i, "port")
	case isPort(text):
		return text
	}
	for _, c := range w.Containers() {
		ports := c.Path.Append("ports")
		for j := range krm.Elements(c.RNode, ports...) {
			if krm.Text(c.RNode, ports.Append(j, "name")...) == text {
				return digits(c.RNode, ports.Append(j, "containerPort")...)
			}
		}
	}
	return ""
}

// listens are the ports that a part listens on, none where that cannot be
// known, as with other containers in its pod.
func (f *facts) listens(c *part) []string {
	if len(krm.Elements(c.RNode, c.Pod.Append("containers")...)) > 1 {
		return nil
	}
	var all []string
	switch c.Name() {
	case harbor.UI, harbor.JobService:
		all = append(all, c.AppSetting(f.list, c.env, "httpport"))
	case harbor.Registry:
		if v := c.registry.Get("http", "addr"); v.Known {
			all = append(all, v.Text[strings.LastIndexByte(v.Text, ':')+1:])
		}
	case harbor.Nginx:
		harbor.All(c.nginx.Directives, "listen", func(d harbor.Directive, _ []harbor.Directive) { all = append(all, d.ListenPort()) })
	}
	return slices.DeleteFunc(all, func(p string) bool { return !isPort(p) })
}
