package validateha

import (
	"slices"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// checkNodePorts looks at the node ports of all Services of Harbor.
func checkNodePorts(p *pass) {
	taken := map[string]*yaml.RNode{}
	for _, s := range p.services() {
		for i := range krm.Elements(s, "spec", "ports") {
			checkNodePort(p, s, krm.Path{"spec", "ports", i}, taken)
		}
	}
}

func checkNodePort(p *pass, s *yaml.RNode, at krm.Path, taken map[string]*yaml.RNode) {
	text, path := kube.Digits(s, at.Append("nodePort")...), at.Append("nodePort")
	if text == "" || text == "0" {
		return
	}
	protocol := krm.Text(s, at.Append("protocol")...)
	if protocol == "" {
		protocol = "TCP"
	}
	if !isNodePort(text) {
		p.error(s, path,
			"%s is outside 30000-32767, which Kubernetes refuses unless it is told otherwise", text).add(p.toNodePort(s)).is(number(text))
	}
	if first, ok := taken[text+protocol]; ok {
		p.error(s, path, "%s is taken by %s already", text, krm.Name(first)).is(number(text))
	}
	taken[text+protocol] = s
}

// isNodePort says whether Kubernetes gives the port to Services, unless it is
// told otherwise (--service-node-port-range of kube-apiserver).
func isNodePort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= 30000 && n <= 32767
}

// toNodePort is the section of HarborHA that sets the node port of the Service that
// clients use.
func (f *facts) toNodePort(s *yaml.RNode) string {
	if slices.ContainsFunc(f.named(harbor.Nginx), func(c *part) bool { return slices.Contains(c.services, s) }) {
		return "nodePort.port"
	}
	return ""
}
