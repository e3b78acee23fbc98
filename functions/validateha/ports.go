package validateha

import (
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// listens are the ports that a pod of the part listens on, none where that cannot
// be known, as with containers in it that are not Harbor's.
func (f *facts) listens(c *part) []harbor.Port {
	var all []harbor.Port
	parts := c.Harbor.InPod(c.Component)
	if len(krm.Elements(c.RNode, c.Pod.Append("containers")...)) > len(parts) {
		return nil
	}
	for _, other := range parts {
		ports, known := other.Ports(other.Environment(f.list))
		if !known {
			return nil
		}
		all = append(all, ports...)
	}
	return all
}

// port is the port of that number, and whether the pods listen on it; known is
// false where that cannot be said.
func (c *part) port(number string) (port harbor.Port, listens, known bool) {
	all := c.ports()
	i := slices.IndexFunc(all, func(p harbor.Port) bool { return p.Number == number })
	if i < 0 {
		return harbor.Port{}, false, len(all) > 0
	}
	return all[i], true, true
}

// listensOn says whether the pods are known to listen on the port.
func (c *part) listensOn(number string) bool {
	_, listens, _ := c.port(number)
	return listens
}

// numbers are the ports of the part itself for a message.
func (c *part) numbers() string {
	ports, _ := c.Ports(c.env)
	var texts []string
	for _, p := range ports {
		if !slices.Contains(texts, p.Number) {
			texts = append(texts, p.Number)
		}
	}
	return strings.Join(texts, ", ")
}
