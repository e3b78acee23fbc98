// Package setendpoint makes one external URL known to everybody who needs it.
//
// Harbor tells its clients where to log in and to push: the adminserver with
// EXT_ENDPOINT, the registry with auth.token.realm, nginx with server_name. If
// one of them differs, or lacks the port that clients use, docker login fails
// (harbor#1994, harbor#6319).
//
// Where the Service in front of nginx has a node port, the URL has to carry it.
package setendpoint

import (
	"net/url"
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
}

// Validate checks that the URL is scheme, host and port, nothing else.
func (s *SetEndpoint) Validate() error {
	u, err := krm.CheckURL("url", s.URL, "http", "https")
	if err == nil && u.Path != "" {
		err = krm.FieldErrorf("url", "%s holds more than scheme, host and port, want %s://%s", krm.Quoted(s.URL), u.Scheme, u.Host)
	}
	return err
}

// Run changes the three places.
func (s *SetEndpoint) Run(list *framework.ResourceList) error {
	if err := s.checkNodePort(list); err != nil {
		return err
	}
	return harbor.SetEndpoint(list, s.URL)
}

// checkNodePort compares the port of the URL with the node port.
func (s *SetEndpoint) checkNodePort(list *framework.ResourceList) error {
	service, err := harbor.Entry(list)
	if err != nil || krm.Text(service, "spec", "type") != "NodePort" {
		return nil // reached in another way, e.g. an Ingress
	}
	var ports []string
	for _, n := range krm.Elements(service, "spec", "ports") {
		if port := krm.Text(yaml.NewRNode(n), "nodePort"); port == s.port() {
			return nil
		} else if port != "" {
			ports = append(ports, port)
		}
	}
	if len(ports) == 0 {
		return nil // Kubernetes chooses one
	}
	return krm.FieldErrorf("url", "%s has port %s, but %s is reached on node port %s: docker login would follow a token realm that nobody answers (harbor#1994, harbor#6319)",
		s.URL, s.port(), krm.Name(service), strings.Join(ports, ", "))
}

func (s *SetEndpoint) port() string {
	u, _ := url.Parse(s.URL) // checked by Validate
	if u.Port() != "" {
		return u.Port()
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
