package harborha_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

var (
	externalURL  = regexp.MustCompile(`EXT_ENDPOINT: "(https?)://([^":]+)(:\d+)?"`)
	nodePorts    = regexp.MustCompile(`(?m)^ +nodePort: \d+\n`)
	serviceTypes = regexp.MustCompile(`(?m)^  type: (ClusterIP|NodePort|LoadBalancer)$`)
	checksums    = regexp.MustCompile(`checksum/\S+: \S+`) // nobody but helm computes the chart's
	toAnyHost    = regexp.MustCompile(`return 301 https://\$host(:\d+)?\$request_uri`)
)

// likeTheChart is a render with what the chart's nginx.conf loses: the port in Host
// and in redirects to TLS.
func likeTheChart(text string) string {
	return toAnyHost.ReplaceAllString(strings.ReplaceAll(text, "$http_host;", "$host;"), "return 301 https://$$host$$request_uri")
}

// TestEndpointOfCharts gives the charts another address, which has to come out as if
// the chart had been rendered with it.
func TestEndpointOfCharts(t *testing.T) {
	for _, p := range pairs(t) {
		t.Run(p.name, func(t *testing.T) {
			m := externalURL.FindStringSubmatch(p.single)
			if m == nil {
				t.Fatal("the chart sets no EXT_ENDPOINT")
			}
			// Only the address and the entry name the host.
			want := strings.ReplaceAll(p.single, m[2], "other.krmfn.dev")
			settings := config("SetEndpoint", "url: "+m[1]+"://other.krmfn.dev"+m[3])
			first, _ := run(t, "set-endpoint", settings, p.single)
			if slices.Equal(checksums.FindAllString(first, -1), checksums.FindAllString(p.single, -1)) {
				t.Error("the core does not start anew with the address")
			}
			out, want := checksums.ReplaceAllString(first, "checksum"), checksums.ReplaceAllString(want, "checksum")
			if likeTheChart(out) != likeTheChart(want) {
				t.Errorf("it is not what the chart renders:\n%s", golden.Diff(t, likeTheChart(want), likeTheChart(out)))
			}
			if m[3] == "" && out != want {
				t.Errorf("an address without port changes more:\n%s", golden.Diff(t, want, out))
			}
			if m[3] != "" && (strings.Contains(out, "Host $host;") || strings.Contains(out, "https://$host$")) {
				t.Error("nginx loses the port")
			}
			if again, _ := run(t, "set-endpoint", settings, first); again != first {
				t.Errorf("it changes its own output:\n%s", golden.Diff(t, first, again))
			}
		})
	}
}

// TestNodePortOfCharts exposes the charts' nginx on a node port, which has to be the
// one of TLS where it ends that, with the address to it. L13 has nothing to say.
func TestNodePortOfCharts(t *testing.T) {
	for _, p := range pairs(t) {
		t.Run(p.name, func(t *testing.T) {
			// As if it were reached from inside of the cluster.
			inside := serviceTypes.ReplaceAllString(nodePorts.ReplaceAllString(p.single, ""), "  type: ClusterIP")
			tls := strings.Contains(p.single, "listen 8443 ssl;")
			scheme, port := "http", "http\n      port: 80\n      targetPort: 8080\n"
			if tls {
				scheme, port = "https", "https\n      port: 443\n      targetPort: 8443\n"
			}
			settings := config("HarborHA", "nodePort: {port: 30777}", "endpoint: {url: '"+scheme+"://hub.krmfn.dev:30777'}",
				"validate: {ignore: {L04: not asked here, L15: not asked here, L17: not asked here}}")
			single := krm.File{Name: "single.yaml", Content: []byte(inside)}
			o := functions.Catalog.RunFiles("harbor-ha", krm.File{Name: "harbor-ha.yaml", Content: []byte(settings)}, []krm.File{single})
			findings, out := o.Findings.Error(), string(o.Output)
			if !strings.Contains(inside, "nginx-photon") {
				if !o.Failed() || !strings.Contains(findings, "is the entry, it leads to Harbor without an nginx") || out != inside {
					t.Errorf("the node port is not refused:\n%s", findings)
				}
				return
			}
			if o.Failed() {
				t.Fatalf("it fails:\n%s", findings)
			}
			if want := "    - name: " + port + "      nodePort: 30777\n"; !strings.Contains(out, want) || strings.Count(out, "nodePort:") != 1 || !strings.Contains(out, "  type: NodePort\n") {
				t.Errorf("the node port is not that of\n%s", want)
			}
			for _, f := range o.Findings {
				if f.Tags["rule"] == "L13" {
					t.Error(f.String())
				}
			}
		})
	}
}
