package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
)

// patched renders an overlay on ours, with a patch of its function config and the
// files that stand beside it: harbor.cfg in place of ours, and resources.
func patched(t *testing.T, overlay, patch string, files map[string]string) (stdout, stderr string, exit int) {
	t.Helper()
	copyRepository(t)
	base := "harbor-1.2"
	if strings.HasPrefix(overlay, "harbor-2-") {
		base = "harbor-2"
	}
	resources := "resources:\n- ../../base/" + base + "\n"
	for name, content := range files {
		if err := os.WriteFile(filepath.Join("overlays/mine", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".yaml") {
			resources += "- " + name + "\n"
		}
	}
	switch {
	case base == "harbor-2": // it has no harbor.cfg
	case files["harbor.cfg"] != "":
		resources += "configMapGenerator:\n- name: harbor-cfg\n  files: [harbor.cfg]\n" +
			"  options: {annotations: {config.kubernetes.io/local-config: 'true'}}\n"
	default:
		resources += "- ../harbor-cfg\n"
	}
	if err := os.Mkdir("overlays/mine/functions", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"kustomization.yaml":           resources + "transformers: [functions]\n",
		"functions/kustomization.yaml": "resources: [../../" + overlay + "/functions]\npatches: [{path: harbor-ha.yaml}]\n",
		"functions/harbor-ha.yaml":     patch,
	} {
		if err := os.WriteFile(filepath.Join("overlays/mine", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return krmfn("", "render", "overlays/mine")
}

// block is what a page shows: its language and text.
var block = regexp.MustCompile("(?s)```(yaml|ini)\n(.*?)```")

// TestHTTPSDocument renders an overlay with each patch that docs/https.md shows,
// and with the harbor.cfg or the object that the page shows before it.
func TestHTTPSDocument(t *testing.T) {
	patches := 0
	for section := range strings.SplitSeq(golden.Read(t, filepath.Join(root, "docs/https.md")), "\n## ") {
		files := map[string]string{}
		for _, b := range block.FindAllStringSubmatch(section, -1) {
			switch {
			case b[1] == "ini":
				files["harbor.cfg"] = b[2]
				continue
			case !strings.Contains(b[2], "kind: HarborHA"):
				files["more.yaml"] = b[2]
				continue
			}
			patches++
			for _, overlay := range []string{"harbor-1.2-ha", "example-production"} {
				t.Run(overlay, func(t *testing.T) {
					out := checkHTTPS(t, overlay, b[2], files)
					if !strings.Contains(out, "realm: https://hub.example.com") {
						t.Errorf("%s: the registry names another address", b[2])
					}
					if strings.Contains(out, "listen 443 ssl") != strings.Contains(b[2], "endpoint: null") && !strings.Contains(b[2], "hub-tls") {
						t.Errorf("%s: TLS at nginx", b[2])
					}
				})
			}
			if files["harbor.cfg"] != "" {
				continue // of 1.x
			}
			t.Run("harbor-2-ha", func(t *testing.T) {
				out := checkHTTPS(t, "harbor-2-ha", b[2], map[string]string{"more.yaml": ofHarbor2.Replace(files["more.yaml"])})
				onNginx := strings.Contains(b[2], "31777") && strings.Contains(b[2], "hub-tls")
				if !strings.Contains(out, "EXT_ENDPOINT: https://hub.example.com") || strings.Contains(out, "listen 8443 ssl") != onNginx {
					t.Errorf("%s: address, or TLS at nginx\n%s", b[2], out)
				}
			})
		}
	}
	if patches != 4 {
		t.Errorf("docs/https.md shows %d patches, want 4", patches)
	}
}

// ofHarbor2 turns the page's Ingress of Harbor 1.2 into one of 2.x.
var ofHarbor2 = strings.NewReplacer("name: ui", "name: harbor-portal", "name: registry", "name: harbor-core", "number: 5000", "number: 80")

// checkHTTPS wants nothing said against the address of docs/https.md, and a node port
// where the patch has one. It returns what is rendered.
func checkHTTPS(t *testing.T, overlay, patch string, files map[string]string) string {
	t.Helper()
	out, said, exit := patched(t, overlay, patch, files)
	if exit != 0 || strings.Contains(said, "[L13]") {
		t.Errorf("%s\nexit status %d: %s", patch, exit, said)
	}
	if strings.Contains(out, "nodePort:") == strings.Contains(patch, "nodePort: null") {
		t.Errorf("%s: node port\n%s", patch, out)
	}
	return out
}

// ingress2 leads to the nginx of base/harbor-2.
const ingress2 = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: harbor}
spec:
  rules:
  - host: reg.mydomain.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: harbor, port: {number: 80}}}}
`

// TestReadmePatch renders an overlay with the patch of README.md that takes a section
// away, and one without Redis, of which it says what happens, and Harbor 2.x with the
// patch and the lines that are for it.
func TestReadmePatch(t *testing.T) {
	patch, patch2, chart := "", "", ""
	for _, b := range block.FindAllStringSubmatch(golden.Read(t, filepath.Join(root, "README.md")), -1) {
		switch {
		case strings.Contains(b[2], "sentinels: null\n"):
			patch2 += b[2]
		case strings.Contains(b[2], ": null\n"):
			patch += b[2]
		case strings.HasPrefix(b[2], "  objectStorage:\n"):
			chart += b[2]
		}
	}
	head, _, _ := strings.Cut(patch2, "spec:\n")
	for name, of2 := range map[string]struct{ patch, ingress string }{
		"the overlay": {patch2, ""},
		"the chart": {head +
			"spec:\n  cephFS: null\n  nodePort: null\n  jobLogs: {store: database}\n" + strings.Replace(chart, "  redis:\n", "  redis:\n    sentinels: null\n", 1), ingress2},
	} {
		t.Run("Harbor 2.x like "+name, func(t *testing.T) {
			files := map[string]string{}
			if of2.ingress != "" {
				files["ingress.yaml"] = of2.ingress
			}
			out, said, exit := patched(t, "harbor-2-ha", of2.patch, files)
			if exit != 0 || strings.Contains(said, "warning") || !strings.Contains(out, "EXT_ENDPOINT: https://hub.example.com\n") ||
				!strings.Contains(out, "redis.example.com:6379") || strings.Contains(out, "sentinel") || strings.Contains(out, "claimName:") {
				t.Errorf("exit status %d: %s\n%s", exit, said, out)
			}
		})
	}
	before, _, _ := strings.Cut(patch, "spec:\n")
	for _, overlay := range []string{"harbor-1.2-ha", "example-production"} {
		t.Run(overlay, func(t *testing.T) {
			out, said, exit := patched(t, overlay, patch, nil)
			if exit != 0 || strings.Contains(out, "nodePort") || !strings.Contains(out, "EXT_ENDPOINT: https://hub.example.com\n") || strings.Contains(said, "[L13]") {
				t.Errorf("exit status %d: %s", exit, said)
			}
		})
		t.Run(overlay+" without Redis", func(t *testing.T) {
			out, said, exit := patched(t, overlay, before+"spec:\n  redis: null\n", nil)
			if exit != 1 || out != "" || !strings.Contains(said, "people are logged out at random; add redis.address to HarborHA [L07]\n") {
				t.Errorf("exit status %d: %s", exit, said)
			}
		})
	}
}
