package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kptPackage makes a git repository of a copy of a base.
func kptPackage(t *testing.T, base string) string {
	t.Helper()
	dir := filepath.Join(tree(t), "base", base)
	must(t, dir, "", "git", "init", "-q")
	commit(t, dir)
	return dir
}

func commit(t *testing.T, dir string) {
	t.Helper()
	must(t, dir, "", "git", "add", "-A")
	must(t, dir, "", "git", "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "commit", "-q", "-m", "x")
}

// changes returns what has changed since the last commit.
func changes(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	must(t, dir, "", "git", "add", "-A")
	diff := must(t, dir, "", append([]string{"git", "diff", "--cached", "--patience"}, flags...)...)
	return regexp.MustCompile(`(?m)^index .*\n`).ReplaceAllString(diff, "")
}

// manifests returns the objects for the cluster in a package.
func manifests(t *testing.T, dir string) []object {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, file := range files {
		texts = append(texts, read(t, file))
	}
	return objects(t, texts...)
}

// TestKptRender renders the bases as kpt packages, in the container and with
// the program. The diff shows what that does to the files.
func TestKptRender(t *testing.T) {
	need(t, "docker", "kpt", "krmfn", "git")
	container, exec := []string{"kpt", "fn", "render"}, []string{"kpt", "fn", "render", "--allow-exec"}
	for _, c := range []struct {
		name, base, golden string
		command            []string
	}{
		{"container", "harbor-1.2", "kpt-render.diff", container},
		{"exec", "harbor-1.2", "kpt-render.diff", exec},
		{"Harbor 2.x", "harbor-2", "kpt-render-2.diff", container},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := kptPackage(t, c.base)
			if c.name == "exec" {
				if err := edit(filepath.Join(dir, "Kptfile"), "image: "+image, "exec: krmfn"); err != nil {
					t.Fatal(err)
				}
				commit(t, dir)
			}
			files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			command := []string{"krmfn", "harbor-ha", filepath.Join(dir, "harbor-ha.yaml")}
			want := objects(t, must(t, dir, "", append(command, files...)...))

			must(t, dir, "", c.command...)
			if d := cmp.Diff(want, manifests(t, dir)); d != "" {
				t.Errorf("krmfn and kpt differ (-krmfn +kpt):\n%s", d)
			}
			golden(t, c.golden, changes(t, dir))

			commit(t, dir)
			must(t, dir, "", c.command...)
			same(t, "the second render", "", changes(t, dir))
		})
	}
}

// TestKptRenderFails renders packages that cannot become a safe Harbor: kpt says
// why and changes nothing.
func TestKptRenderFails(t *testing.T) {
	need(t, "docker", "kpt", "git")
	for name, c := range map[string]struct {
		file, old, by string
		says          []string
	}{
		"the config asks for what cannot work": {"harbor-ha.yaml", "    ui: 3\n", "    ui: 3\n    jobservice: 3\n",
			[]string{"[error] harbor.krmfn.dev/v1alpha1/HarborHA/harbor-ha spec.replicas.jobservice: ", "harbor#3747"}},
		"the validator without the mutator": {"Kptfile", "  mutators:\n  - image: " + image + "\n    configPath: harbor-ha.yaml\n", "",
			[]string{"[error] v1/ReplicationController/registry-rc spec.template.spec.containers[0].volumeMounts[0].mountPath: ", "harbor#3637"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := kptPackage(t, "harbor-1.2")
			if err := edit(filepath.Join(dir, c.file), c.old, c.by); err != nil {
				t.Fatal(err)
			}
			commit(t, dir)
			r := run(t, dir, "", "kpt", "fn", "render")
			for _, says := range append(c.says, "Exit code: 1") {
				if r.exit == 0 || !strings.Contains(r.stderr, says) {
					t.Errorf("exit status %d, want 1 and %q:\n%s", r.exit, says, r.stderr)
				}
			}
			same(t, "the package", "", changes(t, dir))
		})
	}
}

// TestKptEval runs one function on a package. Each way changes the lines that
// it has to change and no other.
func TestKptEval(t *testing.T) {
	need(t, "docker", "kpt", "krmfn", "git")
	config := filepath.Join(tree(t), "overlays/harbor-1.2-ha-stepwise/functions/set-replicas.yaml")
	const ui = `diff --git a/ui.yaml b/ui.yaml
--- a/ui.yaml
+++ b/ui.yaml
@@ -39 +39 @@ spec:
-  replicas: 1
+  replicas: 3
`
	for _, c := range []struct {
		name    string
		command []string
		only    string // the whole diff where it is about the ui alone
	}{
		{"exec with settings", []string{"--exec", "krmfn set-replicas", "--", "replicas.ui=3"}, ui},
		{"exec with config", []string{"--exec", "krmfn", "--fn-config", config}, ""},
		{"container with config", []string{"--image", image, "--fn-config", config}, ""},
		{"container never pulled", []string{"--image", image, "--image-pull-policy", "never", "--fn-config", config}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := kptPackage(t, "harbor-1.2")
			must(t, dir, "", append([]string{"kpt", "fn", "eval"}, c.command...)...)
			diff := changes(t, dir, "-U0")
			if c.only != "" {
				same(t, "the diff", c.only, diff)
				return
			}
			lines := regexp.MustCompile(`(?m)^[-+] .*`).FindAllString(diff, -1)
			same(t, "the diff", strings.Repeat("-  replicas: 1\n+  replicas: 3\n", 4), strings.Join(lines, "\n")+"\n")
		})
	}

	t.Run("container with settings", func(t *testing.T) {
		dir := kptPackage(t, "harbor-1.2")
		// An image is given no arguments, so it cannot know which function is meant.
		r := run(t, dir, "", "kpt", "fn", "eval", "--image", image, "--", "replicas.ui=3")
		if r.exit == 0 || !strings.Contains(r.stderr, "SetReplicas") {
			t.Errorf("exit status %d:\n%s", r.exit, r.stderr)
		}
		same(t, "the package", "", changes(t, dir))
	})
}

// TestReadme runs the commands that README.md shows, but for those that need
// the network or a cluster, or build what is tested here.
func TestReadme(t *testing.T) {
	need(t, "docker", "helm", "kustomize", "kubectl", "kpt", "krmfn")
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(read(t, "../README.md"), -1)
	dir, scratch := tree(t), t.TempDir()
	withChart(t, dir)
	ran := 0
	for _, block := range blocks {
		if regexp.MustCompile(`(?m)^(make|go|helm) `).MatchString(block[1]) {
			continue
		}
		script := strings.NewReplacer("/tmp/", scratch+"/", imageInManifests, image,
			"kubectl create -f -", "krmfn secrets check -", // there is no cluster
		).Replace(block[1])
		must(t, dir, script, "sh", "-eux")
		ran++
	}
	if ran < 6 {
		t.Errorf("README.md shows %d blocks of commands that can be run, want 6 or more", ran)
	}
	if _, err := os.Stat(filepath.Join(scratch, "harbor-ha.yaml")); err != nil {
		t.Error(err)
	}
}
