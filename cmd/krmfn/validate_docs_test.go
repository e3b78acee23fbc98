package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/golden"
)

const validateDoc = "../../docs/validate.md"

// TestGoldenValidateDoc runs the commands of docs/validate.md that need only krmfn, on
// the files that it shows, and compares the output that it shows.
func TestGoldenValidateDoc(t *testing.T) {
	doc := golden.Read(t, validateDoc)
	path, err := filepath.Abs(validateDoc)
	if err != nil {
		t.Fatal(err)
	}
	copyRepository(t)
	for name, content := range shownFiles(t, doc) {
		for _, dir := range []string{".", "overlays/mine"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}

	ran := 0
	for _, c := range commandsOf(doc) {
		text, want := c, 0
		if before, status, ok := strings.Cut(c, "# exit status "); ok {
			text = before
			if want, err = strconv.Atoi(status); err != nil {
				t.Fatal(err)
			}
		}
		if stdout, exit := shell(t, text); exit != want {
			t.Errorf("%s\nexit status %d, want %d:\n%s", text, exit, want, stdout)
		}
		ran++
	}
	if ran < 10 {
		t.Errorf("%d commands were run", ran)
	}

	shown := regexp.MustCompile("(?s)(<!-- (krmfn [^\n]*) -->\n```text\n)(.*?)```")
	now := shown.ReplaceAllStringFunc(doc, func(block string) string {
		m := shown.FindStringSubmatch(block)
		stdout, _ := shell(t, m[2])
		return m[1] + stdout + "```"
	})
	if now == doc && !strings.Contains(doc, "<!-- krmfn ") {
		t.Error("no output is shown")
	}
	golden.Compare(t, path, now)
}

// TestValidateItself: a kustomization that validates itself is reported on also
// where it cannot be rendered, and by its own settings, unless others are given.
func TestValidateItself(t *testing.T) {
	copyRepository(t)
	const start = "apiVersion: harbor.krmfn.dev/v1alpha1\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: '{exec: {path: krmfn}}'\n"
	for name, c := range map[string]struct {
		config, args string
		exit         int
		want         []string // in the report, or on stderr where the exit status is 2
	}{
		"ValidateHA": {"kind: ValidateHA\n", "", 1,
			[]string{"ReplicationController registry-rc (base/harbor-1.2/registry.yaml)\n", "  error    L01  ", "  warning  L15  "}},
		"HarborHA": {"kind: HarborHA\nspec:\n  replicas: {registry: 3}\n", "", 1,
			[]string{"  error    L01  ", "  warning  L15  ", "3 replicas"}},
		"what it ignores": {"kind: HarborHA\nspec:\n  replicas: {registry: 3}\n  validate:\n    ignore: {L01: it is a test}\n", "-v", 1,
			[]string{"  info     L01  ", "(ignored: it is a test)", "error  L04  "}},
		"what it ignores is not what is asked": {"kind: ValidateHA\nspec:\n  ignore: {L01: it is a test}\n", "--config none.yaml", 1,
			[]string{"  error    L01  "}},
		"a flag beside its settings": {"kind: ValidateHA\nspec:\n  ignore: {L01: it is a test, L04: a, L14: b}\n", "--warnings-as-errors", 1,
			[]string{"  error  L15  "}},
		"all is ignored": {"kind: ValidateHA\nspec:\n  ignore: {L01: it is a test, L04: a, L14: b}\n", "", 0,
			[]string{"0 errors, "}},
		"wrong settings": {"kind: ValidateHA\nspec:\n  ignore: {L99: it is a test}\n", "", 2,
			[]string{"krmfn: ValidateHA validate-ha spec.ignore.L99: is not a rule"}},
		"settings that are none": {"kind: HarborHA\nspec:\n  replicas: {registry: 3}\n  validate: none\n", "", 2,
			[]string{"krmfn: building overlays/mine: "}},
		"no settings at all": {"kind: HarborHA\n", "", 2, []string{"krmfn: building overlays/mine: "}},
	} {
		for file, content := range map[string]string{
			"overlays/mine/kustomization.yaml": "resources: [../../base/harbor-1.2]\ntransformers: [fn.yaml]\n",
			"overlays/mine/fn.yaml":            start + c.config,
			"none.yaml":                        start + "kind: ValidateHA\n",
		} {
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, exit := krmfn("", "render", "overlays/mine"); (exit == 0) != (c.exit == 0) && c.args == "" {
			t.Errorf("%s: render has exit status %d", name, exit)
		}
		stdout, stderr, exit := krmfn("", append([]string{"validate", "overlays/mine"}, strings.Fields(c.args)...)...)
		if exit != c.exit || (stderr != "") != (exit == 2) {
			t.Errorf("%s: exit status %d, want %d\n%s%s", name, exit, c.exit, stdout, stderr)
		}
		for _, want := range c.want {
			if !strings.Contains(stdout+stderr, want) {
				t.Errorf("%s: want %q in\n%s%s", name, want, stdout, stderr)
			}
		}
	}
}

// copyRepository makes a copy of what the commands work on the working
// directory.
func copyRepository(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"base", "overlays"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	if err := os.Mkdir("overlays/mine", 0o755); err != nil {
		t.Fatal(err)
	}
}

// shownFiles are the YAML blocks with a file name. Every other one is YAML at
// least.
func shownFiles(t *testing.T, doc string) map[string]string {
	files := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)(?:<!-- (\\S+) -->\n)?```yaml\n(.*?)```").FindAllStringSubmatch(doc, -1) {
		if m[1] != "" {
			files[m[1]] = m[2]
		}
		if _, err := yaml.Parse(m[2]); err != nil {
			t.Errorf("%v in\n%s", err, m[2])
		}
	}
	return files
}

// commandsOf are the lines of sh blocks in which nothing but krmfn is run.
func commandsOf(doc string) []string {
	var all []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(doc, -1) {
		for line := range strings.Lines(block[1]) {
			parts := strings.Split(strings.TrimSpace(line), " | ")
			foreign := slices.ContainsFunc(parts, func(s string) bool { return !strings.HasPrefix(s, "krmfn ") })
			if !foreign && !strings.Contains(line, " DIR") {
				all = append(all, strings.TrimSpace(line))
			}
		}
	}
	return all
}

// shell runs a command line in which krmfn is this test binary.
func shell(t *testing.T, line string) (stdout string, exit int) {
	t.Helper()
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "krmfn")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.Output()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
