package harborha_test

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// config is a function config with settings in one line each.
func config(kind string, spec ...string) string {
	return "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: " + kind + "\nmetadata: {name: test}\nspec:\n  " + strings.Join(spec, "\n  ") + "\n"
}

// ignored are rules about what these tests leave as it is.
const ignored = "validate: {ignore: {L01: not asked here, L04: not asked here, L14: not asked here}}"

// cfg is a harbor.cfg with its certificate beside it.
const cfg = `---
apiVersion: v1
kind: ConfigMap
metadata:
  name: harbor-cfg
  annotations: {config.kubernetes.io/local-config: "true"}
data:
  harbor.cfg: |
    hostname = hub.example.com:31777
    ui_url_protocol = https
    ssl_cert = /data/cert/server.crt
    ssl_cert_key = /data/cert/server.key
  server.crt: the certificate
  server.key: the key
`

func run(t *testing.T, function, config, in string) (string, framework.Results) {
	t.Helper()
	out := functions.Catalog.RunFiles(function, krm.File{Name: "config.yaml", Content: []byte(config)}, []krm.File{{Name: krm.Stdin, Content: []byte(in)}})
	for _, f := range out.Findings {
		if f.Severity == framework.Error {
			t.Fatalf("%s: %s", function, f.Message)
		}
	}
	return string(out.Output), out.Findings
}

// TestHTTPS goes each way to https, with a node port. L13, which knows the same
// ways in as set-endpoint, has nothing to say about the result.
func TestHTTPS(t *testing.T) {
	const (
		nodePort = "nodePort: {port: 31777}"
		tls      = "  - name: https\n    port: 443\n    nodePort: 31777\n"
		onNginx  = "listen 443 ssl;"
		realm    = "realm: https://hub.example.com:31777/service/token"
	)
	for name, c := range map[string]struct {
		in   string
		spec []string
		want []string // parts of the result
		not  []string
	}{
		"harbor.cfg and Secrets": {cfg, []string{nodePort, "harborCfg: {configMap: harbor-cfg}", "secrets: {}"},
			[]string{tls, onNginx, realm, "key: https.key"}, []string{"pkey: the key", "optional: true"}},
		"harbor.cfg and its certificate": {cfg, []string{nodePort, "harborCfg: {configMap: harbor-cfg}"},
			[]string{tls, onNginx, realm, "pkey: the key", "cert: the certificate"}, nil},
		"endpoint, and the certificate of harbor.cfg": {cfg, []string{nodePort, "harborCfg: {configMap: harbor-cfg}", "endpoint: {url: https://hub.example.com:31777}"},
			[]string{tls, onNginx, realm, "pkey: the key", "cert: the certificate"}, nil},
		"endpoint and Secrets": {"", []string{nodePort, "endpoint: {url: https://hub.example.com:31777}", "secrets: {}"},
			[]string{tls, onNginx, realm, "key: https.key", "ssl_certificate /etc/nginx/https.crt;", "return 301 https://hub.example.com:31777$request_uri;"}, []string{"optional: true"}},
		"endpoint and a Secret of its own": {"", []string{nodePort, "endpoint: {url: https://hub.example.com:31777, tls: {secretName: hub-tls}}", "secrets: {}"},
			[]string{tls, onNginx, realm, "secretName: hub-tls", "ssl_certificate_key /etc/harbor-tls/tls.key;", "optional: true"}, nil},
		"behind a load balancer": {"", []string{nodePort, "endpoint: {url: https://hub.example.com, behind: loadBalancer}", "secrets: {}"},
			[]string{"  - name: http\n    port: 80\n    nodePort: 31777\n", "realm: https://hub.example.com/service/token", "$http_x_forwarded_proto", "behind: loadBalancer", "optional: true"},
			[]string{"listen 443", "-Proto $scheme"}},
		"a load balancer of TCP": {"", []string{"endpoint: {url: https://hub.example.com}", "secrets: {}"},
			[]string{"  - name: https\n    port: 443\n", onNginx}, []string{"nodePort:"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := golden.Base(t) + c.in
			if !slices.Contains(c.spec, nodePort) {
				in = strings.Replace(in, "spec:\n  ports:\n  - name: http\n    port: 80\n  selector:\n    name: nginx-apps", "spec:\n  type: LoadBalancer\n  ports:\n  - name: http\n    port: 80\n  selector:\n    name: nginx-apps", 1)
			}
			out, findings := run(t, "harbor-ha", config("HarborHA", append(c.spec, ignored)...), in)
			for _, f := range findings {
				if f.Tags["rule"] == "L13" {
					t.Error(f.Message)
				}
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("the result has no %q", want)
				}
			}
			for _, not := range c.not {
				if strings.Contains(out, not) {
					t.Errorf("the result has %q", not)
				}
			}
		})
	}
}

// TestOrder runs expose-node-port and set-endpoint in both orders.
func TestOrder(t *testing.T) {
	port := config("ExposeNodePort", "port: 31777")
	for _, base := range []string{golden.Base(t), golden.Base2(t)} {
		for _, endpoint := range []string{"url: http://hub.example.com:31777", "{url: https://hub.example.com:31777, tls: {secretName: hub-tls}}",
			"{url: https://hub.example.com, behind: loadBalancer}"} {
			endpoint := config("SetEndpoint", endpoint)
			first, _ := run(t, "expose-node-port", port, base)
			first, _ = run(t, "set-endpoint", endpoint, first)
			second, _ := run(t, "set-endpoint", endpoint, base)
			second, _ = run(t, "expose-node-port", port, second)
			if first != second {
				t.Errorf("%s: the order matters:\n%s", endpoint, golden.Diff(t, first, second))
			}
		}
	}
}

// TestAnotherAddress changes an address, which leaves nothing of the one before.
func TestAnotherAddress(t *testing.T) {
	const first, second = "https://hub.example.com:31777", "https://reg.example.org:31778"
	settings := func(url string) string { return config("SetEndpoint", "{url: '"+url+"', tls: {secretName: hub-tls}}") }
	for _, base := range []string{golden.Base(t), golden.Base2(t)} {
		out, _ := run(t, "set-endpoint", settings(first), base)
		out, _ = run(t, "set-endpoint", settings(second), out)
		want, _ := run(t, "set-endpoint", settings(second), base)
		if out != want {
			t.Errorf("something is left:\n%s", golden.Diff(t, want, out))
		}
	}
}

// TestBehindNoMore takes the load balancer away again.
func TestBehindNoMore(t *testing.T) {
	behind, _ := run(t, "set-endpoint", config("SetEndpoint", "url: http://hub.example.com", "behind: loadBalancer"), golden.Base(t))
	again, _ := run(t, "set-endpoint", config("SetEndpoint", "url: http://hub.example.com"), behind)
	want, _ := run(t, "set-endpoint", config("SetEndpoint", "url: http://hub.example.com"), golden.Base(t))
	if behind == want || strings.Replace(again, "  annotations: {}\n", "", 1) != want {
		t.Errorf("something is left:\n%s", golden.Diff(t, want, again))
	}
}
