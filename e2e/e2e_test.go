// Package e2e runs everything for real: the container image, kustomize,
// kubectl, kpt and Kubernetes, and the servers that Harbor uses. make e2e builds
// what it needs, .ci/run installs it.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// imageInManifests is what the overlays and the Kptfile name.
const imageInManifests = "localhost/krmfn:dev"

// image is the image under test.
var image = imageInManifests

// scratch is the name of the images that tests build for themselves.
var scratch = fmt.Sprintf("localhost/krmfn-e2e-%d", os.Getpid())

func TestMain(m *testing.M) {
	beUI()
	flag.Parse()
	if name := os.Getenv("IMAGE"); name != "" {
		image = name
	}
	bin, err := filepath.Abs("../bin")
	if err != nil {
		panic(err)
	}
	// Debian keeps the programs of each release of PostgreSQL apart.
	postgres, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		// What make installs comes before what the machine has. Debian keeps
		// servers where only root looks for programs.
		"PATH": strings.Join(append([]string{bin, os.Getenv("PATH"), "/usr/sbin"}, postgres...), string(os.PathListSeparator)),
		// kpt up to 1.0.0-beta.58 reads the first, later ones the second.
		"KPT_FN_RUNTIME": "docker",
		"KRM_FN_RUNTIME": "docker",
		// Nobody's own settings change what git prints.
		"GIT_CONFIG_GLOBAL":   os.DevNull,
		"GIT_CONFIG_NOSYSTEM": "1",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// need skips the test when a program is missing, or with docker the image. In CI
// that is a failure.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		_, err := exec.LookPath(program)
		if err == nil && program == "docker" {
			err = exec.Command("docker", "image", "inspect", image).Run()
			program = "docker or image " + image
		}
		if err == nil {
			continue
		}
		stop := t.Skipf
		if os.Getenv("CI") != "" {
			stop = t.Fatalf
		}
		stop("%s is missing (%v): make e2e builds what it can, .ci/run installs the rest", program, err)
	}
}

// result is how a program ended.
type result struct {
	stdout, stderr string
	exit           int
}

// run runs a program in a directory and logs what it runs.
func run(t *testing.T, dir, stdin string, command ...string) result {
	t.Helper()
	t.Log("$ " + strings.Join(command, " "))
	// Not the context of the test: that one is over when its cleanup begins.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must is run for a program that has to succeed. It returns stdout.
func must(t *testing.T, dir, stdin string, command ...string) string {
	t.Helper()
	r := run(t, dir, stdin, command...)
	if r.exit != 0 {
		t.Fatalf("%s: exit status %d\n%s%s", command[0], r.exit, r.stdout, r.stderr)
	}
	return r.stdout
}

// tree copies the manifests into a new directory. Functions run in the image
// under test.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{"base", "overlays", "bench/patches-only"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join("..", part))); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return edit(path, imageInManifests, image)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// edit replaces a text in a file.
func edit(path, old, by string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(content, []byte(old), []byte(by)), 0o644)
}

// inExec makes all functions of a tree run krmfn from PATH instead of the
// container.
func inExec(t *testing.T, tree string) {
	t.Helper()
	overlays := filepath.Join(tree, "overlays")
	component, err := os.ReadFile(filepath.Join(overlays, "run-as-exec/kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(overlays, "run-in-container/kustomization.yaml"), component, 0o644); err != nil {
		t.Fatal(err)
	}
}

// same compares two texts.
func same(t *testing.T, what, want, got string) {
	t.Helper()
	if want != got {
		t.Errorf("%s differs (-want +got):\n%s", what, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
	}
}

// golden compares a text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same(t, path+" (make e2e ARGS=-update rewrites it)", string(want), got)
}

// object is a decoded YAML document.
type object = map[string]any

// objects decodes YAML documents, without those that are not for the cluster.
func objects(t *testing.T, texts ...string) []object {
	t.Helper()
	var all []object
	for _, text := range texts {
		decoder := yaml.NewDecoder(strings.NewReader(text))
		for {
			var obj object
			err := decoder.Decode(&obj)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			annotations, _ := metadata(obj)["annotations"].(object)
			if annotations["config.kubernetes.io/local-config"] != "true" {
				all = append(all, obj)
			}
		}
	}
	slices.SortFunc(all, func(a, b object) int { return strings.Compare(name(a), name(b)) })
	return all
}

func name(obj object) string {
	kind, _ := obj["kind"].(string)
	name, _ := metadata(obj)["name"].(string)
	return kind + " " + name
}

func metadata(obj object) object {
	m, _ := obj["metadata"].(object)
	return m
}

// resourceList makes the input of a function from manifests and a config.
func resourceList(t *testing.T, manifests, config string) string {
	t.Helper()
	list := object{
		"apiVersion": "config.kubernetes.io/v1",
		"kind":       "ResourceList",
		"items":      objects(t, manifests),
	}
	if config != "" {
		list["functionConfig"] = objects(t, config)[0]
	}
	out, err := yaml.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// read returns the content of a file.
func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
