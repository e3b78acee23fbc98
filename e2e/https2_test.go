//go:build linux

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// likeChart is a case with an nginx as the chart's.
const likeChart = "../testdata/set-endpoint/harbor-2-node-ports"

// TestAddressOfHarbor2 asks a real nginx with the nginx.conf of Harbor 2.x that
// set-endpoint has given an address with a port: base/harbor-2, where nginx gets its
// TLS, and one that looks like the chart's, which has it and loses the port.
func TestAddressOfHarbor2(t *testing.T) {
	need(t, "krmfn", "nginx")
	for name, manifests := range map[string]string{
		"base":  must(t, "", "", "krmfn", "render", "../base/harbor-2"),
		"chart": read(t, likeChart, "in.yaml"),
	} {
		t.Run(name, func(t *testing.T) {
			certificate, key := certificateFor(t, hub)
			secret := object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "hub-tls"},
				"stringData": object{"tls.crt": string(certificate), "tls.key": string(key)}}
			out := must(t, "", manifests, "krmfn", "set-endpoint", filepath.Join(likeChart, "config.yaml"), "-")
			deployment := regexp.MustCompile(`name: (\w+-nginx)\n`).FindStringSubmatch(out)[1]
			n := startNginx(t, podOf(t, append(objects(t, out), secret), "Deployment", deployment))
			n.roots.AppendCertsFromPEM(certificate)

			for _, path := range []string{"/", "/api/", "/c/", "/v2/", "/service/"} {
				if got, want := n.get(t, "https://"+hub+":30003"+path+"x"), hub+":30003 https"; got != want {
					t.Errorf("%s: what is behind nginx is told %q, want %q", path, got, want)
				}
			}
			to := "https://" + hub + ":30003/harbor/sign-in?a=b"
			if got := n.get(t, "http://"+hub+":30002/harbor/sign-in?a=b"); got != "301 to "+to {
				t.Errorf("http is answered %q, want 301 to %s", got, to)
			}
		})
	}

	// The control: what the chart's nginx.conf does.
	t.Run("as it was", func(t *testing.T) {
		certificate, key := certificateFor(t, hub)
		in := strings.Replace(read(t, likeChart, "in.yaml"), "secretName: hub-nginx", "secretName: hub-tls", 1)
		secret := object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "hub-tls"},
			"stringData": object{"tls.crt": string(certificate), "tls.key": string(key)}}
		n := startNginx(t, podOf(t, append(objects(t, in), secret), "Deployment", "hub-nginx"))
		n.roots.AppendCertsFromPEM(certificate)
		if got := n.get(t, "https://"+hub+":30003/api/x"); got != hub+" https" {
			t.Errorf("/api/: %q", got)
		}
		if got := n.get(t, "http://"+hub+":30002/x"); got != "301 to https://"+hub+"/x" {
			t.Errorf("http is answered %q", got)
		}
	})
}

// nginx is a running one, of which the ports of the node lead to those of the pod.
type nginx struct {
	client *http.Client
	roots  *x509.CertPool
}

// startNginx starts the program of this machine with the files of the pod. What it
// passes requests on to says how it was asked.
func startNginx(t *testing.T, p pod) nginx {
	t.Helper()
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Host, r.Header.Get("X-Forwarded-Proto"))
	}))
	t.Cleanup(behind.Close)
	dir := t.TempDir()
	conf := strings.ReplaceAll(p.files["/etc/nginx/nginx.conf"], "/tmp/", dir+"/")
	for file, content := range p.files {
		here := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(here, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		conf = strings.ReplaceAll(conf, file, here)
	}
	ports := map[string]string{"8080": freePort(t), "8443": freePort(t)}
	conf = regexp.MustCompile(`listen \[::\].*`).ReplaceAllString(conf, "")
	conf = regexp.MustCompile(`listen (\d+)`).ReplaceAllStringFunc(conf, func(listen string) string {
		return "listen 127.0.0.1:" + ports[strings.TrimPrefix(listen, "listen ")]
	})
	conf = regexp.MustCompile(`server "?[a-z-]+:80"?;`).ReplaceAllString(conf, "server "+behind.Listener.Addr().String()+";")
	if !strings.Contains(conf, "\npid ") {
		conf = "pid " + dir + "/nginx.pid;\n" + conf
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.Command("nginx", "-e", "stderr", "-p", dir, "-c", file, "-g", "daemon off;")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("nginx: %v\n%s", err, log.String())
		}
	})
	n := nginx{roots: x509.NewCertPool()}
	leads := map[string]string{hub + ":30002": "127.0.0.1:" + ports["8080"], hub + ":30003": "127.0.0.1:" + ports["8443"]}
	n.client = &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: n.roots, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, leads[address])
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for range 100 {
		c, err := net.Dial("tcp", "127.0.0.1:"+ports["8443"])
		if err == nil {
			_ = c.Close()
			return n
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("nginx does not answer")
	return n
}

// get returns the answer, or where it leads to.
func (n nginx) get(t *testing.T, url string) string {
	t.Helper()
	response, err := n.client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	switch to := response.Header.Get("Location"); {
	case to != "":
		return fmt.Sprintf("%d to %s", response.StatusCode, to)
	case response.StatusCode != http.StatusOK:
		return response.Status
	}
	return string(body)
}
