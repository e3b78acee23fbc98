package harbor

import (
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// FuzzExposure puts a text in the place of nginx.conf. What comes out is again
// one that the parser reads, and a second time nothing changes.
func FuzzExposure(f *testing.F) {
	base, err := kio.FromBytes([]byte(golden.Base(f)))
	if err != nil {
		f.Fatal(err)
	}
	for _, conf := range []string{
		krm.Text(nginxConf(base), "data", "config"),
		"http { server { listen 80; server_name a b; location / { proxy_pass http://ui; } } }",
		"http{server{location /v2/{proxy_pass http://registry;proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;}}}",
		"http { server { listen; server_name; ssl_certificate; location /v2/ { proxy_set_header X-Forwarded-Proto; proxy_pass http://$x; } } }",
		"http { server { listen [::]:80 default_server; listen unix:/a; listen 8080; server_name \"a\"; return 301 https://a$b; location / { proxy_pass 'http://ui'; } } }",
		"http { server { listen 443 ssl; server_name a; location / { proxy_pass http://ui; } } server { server_name a; rewrite ^ https://$server_name:443/; } }",
	} {
		for _, url := range []string{"http://hub", "https://hub.example.com:31777", "https://[::1]"} {
			f.Add(conf, url, false)
			f.Add(conf, url, true)
		}
	}
	f.Fuzz(func(t *testing.T, conf, url string, behind bool) {
		endpoint, err := ParseEndpoint("url", url)
		if err != nil || strings.ContainsAny(conf, "\r\x00") {
			return
		}
		x := Exposure{Endpoint: endpoint}
		if behind {
			x.Behind = BehindLoadBalancer
		}
		list := &framework.ResourceList{}
		for _, obj := range base {
			list.Items = append(list.Items, obj.Copy())
		}
		krm.Lookup(nginxConf(list.Items), "data", "config").Value = conf
		apply := func() error {
			h, err := In(list)
			if err != nil {
				t.Fatal(err)
			}
			return x.Apply(h)
		}
		if apply() != nil {
			return
		}
		once := krm.Text(nginxConf(list.Items), "data", "config")
		if _, err := ParseNginx(once); err != nil {
			t.Errorf("%q becomes %q: %v", conf, once, err)
		}
		if err := apply(); err != nil {
			t.Errorf("%q becomes %q, and then: %v", conf, once, err)
		}
		if twice := krm.Text(nginxConf(list.Items), "data", "config"); twice != once {
			t.Errorf("%q becomes %q, and then %q", conf, once, twice)
		}
	})
}

func nginxConf(items []*yaml.RNode) *yaml.RNode {
	for _, obj := range items {
		if obj.GetName() == "harbor-nginx-config" {
			return obj
		}
	}
	return nil
}
