package validateha

import (
	"net"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/kube"
)

// service finds the Service that a host name in the namespace means: name,
// name.namespace, name.namespace.svc and so on.
func (f *facts) service(namespace, host string) *yaml.RNode {
	name, ns, _, ok := kube.ServiceName(host)
	if !ok {
		return nil
	}
	if ns == "" || namespace == "" {
		ns = namespace
	}
	for _, obj := range f.objects["Service"] {
		// The name in a text does not follow a prefix: only the present one counts.
		if obj.GetName() == name && obj.GetNamespace() == ns {
			return obj
		}
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n < 65536
}

// number is a port as YAML has it.
func number(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return text
}
