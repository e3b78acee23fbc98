package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// overlays are the names of all overlays. The other folders are parts of them.
func overlays(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../overlays/*/functions")
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for i, functions := range all {
		all[i] = filepath.Base(filepath.Dir(functions))
	}
	return all
}

// TestOverlays renders every overlay in every way there is: the results are
// equal to the byte.
func TestOverlays(t *testing.T) {
	need(t, "docker", "kustomize", "kubectl", "krmfn")
	t.Log("kustomize " + must(t, "", "", "kustomize", "version") + must(t, "", "", "kubectl", "version", "--client"))
	container, executable := tree(t), tree(t)
	inExec(t, executable)

	for _, name := range overlays(t) {
		overlay := "overlays/" + name
		t.Run(name, func(t *testing.T) {
			want := must(t, container, "", "krmfn", "render", overlay)
			if !strings.Contains(want, "replicas: 3") {
				t.Fatalf("the functions did not run:\n%s", want)
			}
			same(t, "kustomize with exec", want,
				must(t, executable, "", "kustomize", "build", "--enable-alpha-plugins", "--enable-exec", overlay))
			if strings.HasSuffix(overlay, "-exec") {
				return // kustomize would skip its functions
			}
			same(t, "kustomize with the container", want,
				must(t, container, "", "kustomize", "build", "--enable-alpha-plugins", overlay))
			same(t, "kubectl kustomize with the container", want,
				must(t, container, "", "kubectl", "kustomize", "--enable-alpha-plugins", overlay))
		})
	}
}

// TestUnsafe renders overlays whose Harbor would log people out: nothing is
// printed but the reason, whatever runs the functions, with one config or with
// one for each step.
func TestUnsafe(t *testing.T) {
	need(t, "docker", "kustomize", "krmfn")
	container, executable := tree(t), tree(t)
	inExec(t, executable)
	for _, dir := range []string{container, executable} {
		// The patches take Redis away.
		for overlay, patch := range map[string]string{
			"overlays/harbor-1.2-ha":          "- patch: '{apiVersion: harbor.krmfn.dev/v1alpha1, kind: HarborHA, metadata: {name: harbor-ha}, spec: {redis: null}}'\n",
			"overlays/harbor-1.2-ha-stepwise": "- patch: '{apiVersion: harbor.krmfn.dev/v1alpha1, kind: InjectRedis, metadata: {name: inject-redis}, $patch: delete}'\n",
		} {
			functions := filepath.Join(dir, overlay, "functions/kustomization.yaml")
			if err := os.WriteFile(functions, []byte(read(t, functions)+"patches:\n"+patch), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		dir     string
		command []string
	}{
		{container, []string{"kustomize", "build", "--enable-alpha-plugins"}},
		{executable, []string{"kustomize", "build", "--enable-alpha-plugins", "--enable-exec"}},
		{container, []string{"krmfn", "render"}},
	} {
		for _, overlay := range []string{"overlays/harbor-1.2-ha", "overlays/harbor-1.2-ha-stepwise"} {
			r := run(t, c.dir, "", append(c.command, overlay)...)
			if r.exit != 1 || r.stdout != "" || !strings.Contains(r.stderr, "error: ReplicationController ui-rc spec.template.spec.containers[0].env: _REDIS_URL is not set") {
				t.Errorf("%s %s: exit status %d\n%s%s", c.command, overlay, r.exit, r.stdout, r.stderr)
			}
		}
	}
}

// TestSameResult renders what leads to the same Harbor in different ways.
func TestSameResult(t *testing.T) {
	need(t, "kustomize", "krmfn")
	dir := tree(t)
	want := must(t, dir, "", "krmfn", "render", "overlays/harbor-1.2-ha")
	for _, other := range []string{"overlays/harbor-1.2-ha-stepwise", "overlays/harbor-1.2-ha-exec", "bench/patches-only"} {
		same(t, other, want, must(t, dir, "", "krmfn", "render", other))
	}
	same(t, "kustomize on patches", want, must(t, dir, "", "kustomize", "build", "bench/patches-only"))
}

// TestForeignFunctions renders a function that is not ours, in a container and
// as an executable: krmfn render does what kustomize does with the same flags,
// and refuses it without them.
func TestForeignFunctions(t *testing.T) {
	need(t, "docker", "kustomize", "krmfn")
	// Both variants replace text, so that it shows whether they ran.
	const script = "s/replicas: 1/replicas: 7/"
	foreign := scratch + ":foreign"
	must(t, "", `FROM golang:1.26-bookworm
RUN grep -q ^nobody: /etc/passwd || echo nobody:x:65534:65534:nobody:/:/bin/false >> /etc/passwd
ENTRYPOINT ["sed", "`+script+`"]
`, "docker", "build", "-t", foreign, "-")
	t.Cleanup(func() { must(t, "", "", "docker", "rmi", foreign) })

	for variant, flags := range map[string][]string{
		"container: {image: " + foreign + "}":         {"--enable-alpha-plugins"},
		"exec: {path: sed, args: ['" + script + "']}": {"--enable-alpha-plugins", "--enable-exec"},
	} {
		dir := tree(t)
		overlay := filepath.Join(dir, "overlays/harbor-1.2-ha")
		config := `apiVersion: example.com/v1
kind: Foreign
metadata:
  name: foreign
  annotations:
    config.kubernetes.io/function: "` + variant + `"
`
		if err := os.WriteFile(filepath.Join(overlay, "foreign.yaml"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := edit(filepath.Join(overlay, "kustomization.yaml"), "- functions\n", "- functions\n- foreign.yaml\n"); err != nil {
			t.Fatal(err)
		}

		refused := run(t, "", "", "krmfn", "render", overlay)
		wants := "needs " + strings.Join(flags, " and ")
		if refused.exit != 1 || refused.stdout != "" || !strings.Contains(refused.stderr, wants) || !strings.Contains(refused.stderr, "Foreign") {
			t.Errorf("exit status %d, want 1 and %q:\n%s", refused.exit, wants, refused.stderr)
		}

		want := must(t, "", "", append(append([]string{"kustomize", "build"}, flags...), overlay)...)
		if !strings.Contains(want, "replicas: 7") {
			t.Errorf("the function did not run:\n%s", want)
		}
		same(t, "krmfn render", want, must(t, "", "", append(append([]string{"krmfn", "render"}, flags...), overlay)...))
	}
}

// TestWrongGroup runs our image with the config of somebody else's function: it
// must not pass as done.
func TestWrongGroup(t *testing.T) {
	need(t, "docker", "kustomize")
	dir := tree(t)
	overlay := filepath.Join(dir, "overlays/harbor-1.2-ha")
	config := `apiVersion: example.com/v1
kind: SetReplicas
metadata:
  name: foreign
  annotations:
    config.kubernetes.io/function: "container: {image: ` + image + `}"
`
	if err := os.WriteFile(filepath.Join(overlay, "foreign.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := edit(filepath.Join(overlay, "kustomization.yaml"), "- functions\n", "- foreign.yaml\n"); err != nil {
		t.Fatal(err)
	}
	r := run(t, "", "", "kustomize", "build", "--enable-alpha-plugins", overlay)
	if r.exit == 0 || r.stdout != "" || !strings.Contains(r.stderr, "example.com/v1") || !strings.Contains(r.stderr, "harbor.krmfn.dev/v1alpha1") {
		t.Errorf("exit status %d:\n%s%s", r.exit, r.stdout, r.stderr)
	}
}
