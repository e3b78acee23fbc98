//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// hub is the host of the address in the overlays.
const hub = "hub.example.com"

// TestHTTPS pushes and pulls over TLS: where nginx ends it, on the node port, and
// where a proxy in front of nginx does.
func TestHTTPS(t *testing.T) {
	need(t, "docker", "krmfn", "docker-registry", "nginx", "ldd")
	removeLeftovers(t)
	images := buildStands(t, stands)
	certificate, key := certificateFor(t, hub)

	render := func(t *testing.T, endpoint, cfg string) registries {
		t.Helper()
		dir := tree(t)
		if err := edit(filepath.Join(dir, "overlays/harbor-1.2-ha/functions/harbor-ha.yaml"), "url: http://hub.example.com:31777", endpoint); err != nil {
			t.Fatal(err)
		}
		err := errors.Join(os.WriteFile(filepath.Join(dir, "server.crt"), certificate, 0o600), os.WriteFile(filepath.Join(dir, "server.key"), key, 0o600),
			os.WriteFile(filepath.Join(dir, "harbor.cfg"), []byte(cfg), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		rendered := objects(t, must(t, dir, "", "krmfn", "render", "overlays/harbor-1.2-ha"))
		secrets := objects(t, must(t, dir, "", "krmfn", "secrets", "--harbor-cfg", "harbor.cfg"))
		return registries{images: images, objects: append(rendered, secrets...)}
	}
	const https = "hostname = hub.example.com:31777\nui_url_protocol = https\nssl_cert = server.crt\nssl_cert_key = server.key\n"

	t.Run("nginx", func(t *testing.T) {
		render(t, "url: https://hub.example.com:31777", https).overTLS(t, certificate)
	})
	t.Run("load balancer", func(t *testing.T) {
		render(t, "url: https://hub.example.com\n    behind: loadBalancer", "hostname = hub.example.com\n").behindTLS(t, certificate, key)
	})
}

// TestNginxConfigs lets nginx read what set-endpoint makes of each nginx.conf among
// the golden cases.
func TestNginxConfigs(t *testing.T) {
	need(t, "krmfn", "nginx")
	dir := t.TempDir()
	certificate, key := certificateFor(t, hub)
	err := errors.Join(os.WriteFile(filepath.Join(dir, "x.crt"), certificate, 0o600), os.WriteFile(filepath.Join(dir, "x.key"), key, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := filepath.Glob("../testdata/set-endpoint/*/in.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// Certificates and hosts of this machine.
	here := regexp.MustCompile(`\S+\.(crt|key);`)
	hosts := strings.NewReplacer("ui:80;", "127.0.0.1;", "http://ui", "http://127.0.0.1", "registry:5000", "127.0.0.1", "hub-core:80", "127.0.0.1", "hub-portal:80", "127.0.0.1", "mirror:5000", "127.0.0.1")
	read := 0
	for _, in := range cases {
		rendered := run(t, "", "", "krmfn", "set-endpoint", filepath.Join(filepath.Dir(in), "config.yaml"), in)
		if rendered.exit != 0 {
			continue // a case of bad input
		}
		for _, obj := range objects(t, rendered.stdout) {
			conf := text(at(obj, "data"), "nginx.conf")
			if conf == "" {
				continue
			}
			file := filepath.Join(dir, "nginx.conf")
			if err := os.WriteFile(file, []byte(hosts.Replace(here.ReplaceAllString(conf, dir+"/x.$1;"))), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := run(t, dir, "", "nginx", "-t", "-e", "stderr", "-g", "pid "+dir+"/pid;", "-c", file); r.exit != 0 {
				t.Errorf("%s: %s", in, r.stderr)
			}
			read++
		}
	}
	if read < 8 {
		t.Errorf("nginx read %d configurations", read)
	}
}

// certificateFor makes a certificate that is its own authority.
func certificateFor(t *testing.T, host string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// trust makes the client speak TLS, and trust nobody but this certificate.
func (c *registryClient) trust(certificate []byte) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	c.transport.TLSClientConfig = &tls.Config{RootCAs: roots}
}

// overTLS goes to where nginx ends TLS.
func (r registries) overTLS(t *testing.T, certificate []byte) {
	s := r.start(t, 1)
	c := s.client
	c.trust(certificate)
	c.addresses = map[string]string{
		c.external:  s.start("nginx-rc", 443).address,
		hub + ":80": s.start("nginx-rc", 80).address,
	}
	r.pushAndPull(t, c)

	response := c.do("GET", "https://"+c.external+"/", "", nil)
	if cookie := response.Header.Get("Set-Cookie"); response.StatusCode != http.StatusOK || !strings.HasSuffix(strings.ToLower(cookie), "; secure; httponly") {
		t.Errorf("the portal answers %s with the cookie %q", response.Status, cookie)
	}
	response = c.do("GET", "http://"+hub+":80/harbor/sign-in?a=b", "", nil)
	if to := response.Header.Get("Location"); response.StatusCode != http.StatusMovedPermanently || to != "https://"+c.external+"/harbor/sign-in?a=b" {
		t.Errorf("http is answered %s and sent to %q", response.Status, to)
	}
	old := c.transport.Clone()
	old.TLSClientConfig.MaxVersion = tls.VersionTLS11
	if _, err := old.RoundTrip(httptest.NewRequest("GET", "https://"+c.external+"/", nil)); err == nil {
		t.Error("nginx speaks TLS 1.1")
	}
}

// behindTLS goes to a proxy that ends TLS in front of nginx, as load balancers do.
func (r registries) behindTLS(t *testing.T, certificate, key []byte) {
	s := r.start(t, 1)
	c := s.client
	c.trust(certificate)
	address := s.start("nginx-rc", 80).address
	c.addresses = map[string]string{hub + ":443": proxyTo(t, address, certificate, key)}
	r.pushAndPull(t, c)

	// The control is nginx as it was: it tells the registry http, which sends
	// docker there. (The client of this test would go on with https.)
	const conf = "/etc/nginx/nginx.conf"
	before := s.start("nginx-rc", 80, func(p *pod) {
		p.files[conf] = strings.ReplaceAll(p.files[conf], "$http_x_forwarded_proto", "$scheme")
	}).address
	for address, scheme := range map[string]string{address: "https", before: "http"} {
		c.addresses[hub+":443"] = proxyTo(t, address, certificate, key)
		c.transport.CloseIdleConnections()
		token, err := sign(r.key(t), claimsFor("admin", "harbor-registry", "repository:library/upload:push,pull"))
		if err != nil {
			t.Fatal(err)
		}
		response := c.do("POST", "https://"+hub+":443/v2/library/upload/blobs/uploads/", "Bearer "+token, nil)
		to, err := response.Location()
		if err != nil || response.StatusCode != http.StatusAccepted || to.Scheme != scheme {
			t.Errorf("a push begins with %s and goes on at %v (%v), want %s", response.Status, to, err, scheme)
		}
	}
}

// proxyTo starts a proxy that ends TLS and says so.
func proxyTo(t *testing.T, address string, certificate, key []byte) string {
	t.Helper()
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: address})
		p.Out.Host = p.In.Host
		p.Out.Header.Set("X-Forwarded-Proto", "https")
	}})
	proxy.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	proxy.StartTLS()
	t.Cleanup(proxy.Close)
	return proxy.Listener.Addr().String()
}

// pushAndPull pushes an image and pulls it. No request goes anywhere else: there
// is nobody.
func (r registries) pushAndPull(t *testing.T, c *registryClient) {
	t.Helper()
	img := c.image()
	if err := c.push(c.external+"/library/tls:1", img); err != nil {
		t.Fatal(err)
	}
	if err := c.pull(c.external+"/library/tls:1", img); err != nil {
		t.Fatal(err)
	}
	c.log("an image pushed to https://%s and pulled", c.external)
}
