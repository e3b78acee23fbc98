package validateha

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/kube"
)

// service finds the Service that a host name in the namespace means: name,
// name.namespace, name.namespace.svc and so on.
func (f *facts) service(namespace, host string) *yaml.RNode {
	name, ns, ok := serviceName(host)
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

// serviceName takes a host name apart; it is false for one that cannot mean a
// Service.
func serviceName(host string) (name, namespace string, ok bool) {
	parts := strings.Split(host, ".")
	switch {
	case host == "" || net.ParseIP(host) != nil || strings.ContainsAny(host, kube.Hidden+"/$ "):
		return "", "", false
	case len(parts) == 1:
		return parts[0], "", true
	case len(parts) == 2 || parts[2] == "svc":
		return parts[0], parts[1], true
	}
	return "", "", false
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n < 65536
}

// port is the port of an address, that of its scheme where it names none.
func port(u *url.URL) string {
	if u.Port() != "" {
		return u.Port()
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// number is a port as YAML has it.
func number(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return text
}
