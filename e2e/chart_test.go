package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// chartOverlay is the overlay of those who have Harbor's chart and nothing else.
const chartOverlay = "overlays/harbor-helm"

// withChart puts a chart of our own, base/harbor-2 in templates, where helm would put
// the one that the overlay names: no repository of charts can be reached here. It
// returns the folder of the chart.
func withChart(t *testing.T, dir string) string {
	t.Helper()
	chart := filepath.Join(dir, chartOverlay, "charts/harbor-1.19.1/harbor")
	if err := os.CopyFS(chart, os.DirFS("testdata/chart")); err != nil {
		t.Fatal(err)
	}
	templates := filepath.Join(chart, "templates")
	if err := os.Mkdir(templates, 0o755); err != nil {
		t.Fatal(err)
	}
	base := objects(t, read(t, dir, "base/harbor-2/kustomization.yaml")) // of local-config, so none
	if len(base) != 0 {
		t.Fatal(base)
	}
	files, err := filepath.Glob(filepath.Join(dir, "base/harbor-2/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content := read(t, file)
		if len(objects(t, content)) == 0 {
			continue // for the orchestrator
		}
		content = strings.ReplaceAll(content, "http://hub.example.com", "{{ .Values.externalURL }}")
		if err := os.WriteFile(filepath.Join(templates, filepath.Base(file)), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return chart
}

// TestChart renders the overlay on a chart with real helm, in every way there is:
// the results are the same Harbor.
func TestChart(t *testing.T) {
	need(t, "docker", "kustomize", "krmfn", "helm")
	dir := tree(t)
	chart := withChart(t, dir)
	overlay := filepath.Join(dir, chartOverlay)
	config := filepath.Join(overlay, "harbor-ha.yaml")

	want := must(t, dir, "", "krmfn", "render", "--enable-helm", chartOverlay)
	for _, part := range []string{"replicas: 3", "EXT_ENDPOINT: https://hub.example.com", "sentinel-0.example.com"} {
		if !strings.Contains(want, part) {
			t.Errorf("the result does not hold %q:\n%s", part, want)
		}
	}
	same(t, "a second time", want, must(t, dir, "", "krmfn", "render", "--enable-helm", chartOverlay))
	same(t, "kustomize with the container", want,
		must(t, dir, "", "kustomize", "build", "--enable-helm", "--enable-alpha-plugins", chartOverlay))

	refused := run(t, dir, "", "krmfn", "render", chartOverlay)
	if refused.exit != 1 || refused.stdout != "" || !strings.Contains(refused.stderr, "--enable-helm") {
		t.Errorf("without --enable-helm: exit status %d\n%s%s", refused.exit, refused.stdout, refused.stderr)
	}

	// Without kustomize, which gives every object the namespace.
	inNamespace := objects(t, want)
	for _, obj := range inNamespace {
		delete(metadata(obj), "namespace")
	}
	template := []string{"helm", "template", "harbor", chart, "--namespace", "harbor", "--values", filepath.Join(overlay, "values.yaml")}
	single := must(t, dir, "", template...)
	for what, command := range map[string][]string{
		"a pipe":          {"krmfn", "harbor-ha", config, "-"},
		"a post-renderer": slices.Concat(template, []string{"--post-renderer", "krmfn"}, postRenderer("harbor-ha", config, "-")),
	} {
		if diff := cmp.Diff(inNamespace, objects(t, must(t, dir, single, command...))); diff != "" {
			t.Errorf("through %s Harbor differs (-kustomize +helm):\n%s", what, diff)
		}
	}
	// What cannot be is printed as it came, and helm prints nothing.
	if err := edit(config, "jobservice: 3", "database: 3"); err != nil {
		t.Fatal(err)
	}
	const why = "spec.replicas.database"
	if r := run(t, dir, single, "krmfn", "harbor-ha", config, "-"); r.exit != 1 || r.stdout != single || !strings.Contains(r.stderr, why) {
		t.Errorf("exit status %d:\n%s", r.exit, r.stderr)
	}
	r := run(t, dir, "", slices.Concat(template, []string{"--post-renderer", "krmfn"}, postRenderer("harbor-ha", config, "-"))...)
	if r.exit == 0 || r.stdout != "" || !strings.Contains(r.stderr, why) {
		t.Errorf("exit status %d:\n%s%s", r.exit, r.stdout, r.stderr)
	}

	// With the program in place of the container.
	if err := edit(config, "database: 3", "jobservice: 3"); err != nil {
		t.Fatal(err)
	}
	if err := edit(config, "container:\n        image: "+image, "exec:\n        path: krmfn"); err != nil {
		t.Fatal(err)
	}
	same(t, "kustomize with exec", want,
		must(t, dir, "", "kustomize", "build", "--enable-helm", "--enable-alpha-plugins", "--enable-exec", chartOverlay))
}

// postRenderer are the flags that give a post-renderer its arguments.
func postRenderer(arguments ...string) []string {
	var flags []string
	for _, argument := range arguments {
		flags = append(flags, "--post-renderer-args="+argument)
	}
	return flags
}
