//go:build linux

package e2e

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// label marks all that tests leave in Docker while they run. Its value is the
// run that they belong to.
const label = "dev.krmfn.harbor.e2e"

// owner tells runs of the tests apart: PIDs come again, but not with the same
// start.
func owner(pid string) string {
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	stat, _ := os.ReadFile("/proc/" + pid + "/stat")
	_, fields, _ := strings.Cut(string(stat), ") ") // the name in parentheses can hold anything
	start := append(strings.Fields(fields), make([]string, 20)...)[19]
	return strings.Join([]string{namespace, pid, start}, " ")
}

var thisRun = owner(strconv.Itoa(os.Getpid()))

// removeLeftovers removes what runs have left that were killed. Those that
// are alive, or cannot be seen from here, are left alone.
func removeLeftovers(t *testing.T) {
	t.Helper()
	for _, kind := range []struct{ name, list, labels, remove string }{
		{"container", "ls -aq", ".Config.Labels", "rm --force --volumes"},
		{"network", "ls -q", ".Labels", "rm"},
		{"volume", "ls -q", ".Labels", "rm"},
		{"image", "ls -q", ".Config.Labels", "rm --force"},
	} {
		of := func(command string, arguments ...string) []string {
			return slices.Concat([]string{"docker", kind.name}, strings.Fields(command), arguments)
		}
		ids := strings.Fields(must(t, "", "", of(kind.list, "--filter", "label="+label)...))
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			inspected := run(t, "", "", of("inspect", "--format", fmt.Sprintf("{{index %s %q}}", kind.labels, label), id)...)
			who := strings.Split(strings.TrimSpace(inspected.stdout), " ")
			here, _, _ := strings.Cut(thisRun, " ")
			if inspected.exit == 0 && len(who) == 3 && who[0] == here && owner(who[1]) != strings.Join(who, " ") {
				// Another run may be faster.
				if r := run(t, "", "", of(kind.remove, id)...); r.exit != 0 {
					t.Log(r.stderr)
				}
			}
		}
	}
}

// stand is what stands for an image of the manifests, since none can be
// pulled: programs of this machine where Harbor's image has them.
type stand struct {
	dockerfile string
	programs   map[string]string // by path in the image
	files      map[string]string
	links      map[string]string
	folders    []string // empty ones beside the Dockerfile, to be copied
}

// build builds the image with the libraries that the programs need.
func (s stand) build(t *testing.T, tag string) {
	t.Helper()
	dir := t.TempDir()
	write := func(path string, content []byte, mode os.FileMode) {
		path = filepath.Join(dir, "root", path)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, mode))
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, program := range s.programs {
		found, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		write(path, []byte(read(t, found)), 0o755)
		// ldd fails where a program needs no libraries.
		for _, library := range libraries.FindAllStringSubmatch(run(t, "", "", "ldd", found).stdout, -1) {
			write(library[1], []byte(read(t, library[1])), 0o755)
		}
	}
	for path, content := range s.files {
		write(path, []byte(content), 0o644)
	}
	for path, target := range s.links {
		write(path, nil, 0o644)
		path = filepath.Join(dir, "root", path)
		if err := errors.Join(os.Remove(path), os.Symlink(target, path)); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range s.folders {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The label comes first: then all steps of the classic builder have it.
	dockerfile := fmt.Sprintf("FROM scratch\nLABEL %s=%q\nCOPY root /\n%s", label, thisRun, s.dockerfile)
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "", "", "docker", "build", "--quiet", "--tag", tag, dir)
	t.Cleanup(func() { must(t, "", "", "docker", "image", "rm", tag) })
}

var libraries = regexp.MustCompile(`(/\S+) \(0x`)

// dockerNode runs pods of manifests in containers on a network of their own. What
// differs from Kubernetes: there is one node, a claim is a volume of Docker on
// its disk, and the name of a Service leads to the addresses of all its pods
// instead of to a virtual one.
type dockerNode struct {
	t       *testing.T
	objects []object
	images  map[string]string // by the name in the manifests
	name    string
}

func newDockerNode(t *testing.T, images map[string]string, all []object) *dockerNode {
	t.Helper()
	n := &dockerNode{t: t, objects: all, images: images}
	n.name = unusual.ReplaceAllString(fmt.Sprintf("%s-%s", scratch, t.Name()), "-")
	must(t, "", "", "docker", "network", "create", "--label", label+"="+thisRun, n.name)
	t.Cleanup(func() { must(t, "", "", "docker", "network", "rm", n.name) })
	for _, obj := range all {
		if obj["kind"] != "PersistentVolumeClaim" {
			continue
		}
		volume := n.volume(text(metadata(obj), "name"))
		must(t, "", "", "docker", "volume", "create", "--label", label+"="+thisRun, volume)
		t.Cleanup(func() { must(t, "", "", "docker", "volume", "rm", volume) })
	}
	return n
}

// pause is what stands for the image that holds the network of a pod.
const pause = "pause"

// unusual is what the names of networks and volumes cannot have.
var unusual = regexp.MustCompile(`[^A-Za-z0-9]+`)

func (n *dockerNode) volume(claim string) string { return n.name + "-" + claim }

// container is the main container of a running pod.
type container struct {
	t       *testing.T
	id      string
	sandbox string // the container that has the network of the pod
	address string // of its port, on the loopback interface
}

// start starts one pod of a workload as the manifests have it, but for the
// edits of the test, and waits until it answers on the port.
func (n *dockerNode) start(workload string, port int, edits ...func(*pod)) *container {
	n.t.Helper()
	ct := n.create(workload, port, edits...)
	ct.wait()
	return ct
}

// refuses wants a pod not to start, and to say why.
func (n *dockerNode) refuses(workload, why string, edits ...func(*pod)) {
	n.t.Helper()
	ct := n.create(workload, 5000, edits...)
	must(n.t, "", "", "docker", "wait", ct.id)
	if log := ct.log(); !strings.Contains(log, why) {
		n.t.Errorf("%s ends and does not say %q:\n%s", workload, why, log)
	}
}

// create is start that does not wait.
func (n *dockerNode) create(workload string, port int, edits ...func(*pod)) *container {
	t := n.t
	t.Helper()
	p := podOf(t, n.objects, kindOf(t, n.objects, workload), workload)
	for _, edit := range edits {
		edit(&p)
	}
	image, ok := n.images[p.image]
	if !ok {
		t.Fatalf("nothing stands for image %s", p.image)
	}
	dir := t.TempDir()
	for path, content := range p.files {
		path = filepath.Join(dir, "files", path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	// A file, so that no password is on a command line that is logged.
	var environment strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		if strings.Contains(p.env[name], "\n") {
			t.Fatalf("docker takes no variable of several lines: %s", name)
		}
		fmt.Fprintf(&environment, "%s=%s\n", name, p.env[name])
	}
	envFile := filepath.Join(dir, "env")
	if err := os.WriteFile(envFile, []byte(environment.String()), 0o600); err != nil {
		t.Fatal(err)
	}

	// As in Kubernetes another container holds the network of the pod. When the
	// main container dies, its address is still there, and refuses connections.
	sandbox := []string{"--network", n.name, "--publish", fmt.Sprintf("127.0.0.1::%d", port)}
	for _, service := range p.services {
		sandbox = append(sandbox, "--network-alias", service)
	}
	ct := &container{t: t}
	t.Cleanup(ct.remove)
	n.run(&ct.sandbox, append(sandbox, n.images[pause])...)
	ct.address = strings.TrimSpace(must(t, "", "", "docker", "port", ct.sandbox, strconv.Itoa(port)))

	command := []string{"--network", "container:" + ct.sandbox, "--env-file", envFile}
	// Since Kubernetes 1.9.4 ConfigMaps and Secrets are read-only.
	for _, mount := range p.mounts {
		command = append(command, "--mount", "type=bind,readonly,source="+filepath.Join(dir, "files", mount)+",target="+mount)
	}
	if p.user != "" {
		command = append(command, "--user", p.user, "--group-add", p.group, "--tmpfs", "/tmp")
	}
	for path, claim := range p.claims {
		command = append(command, "--mount", "type=volume,source="+n.volume(claim)+",target="+path)
	}
	arguments := p.args
	if len(p.command) > 0 {
		// As in Kubernetes: a command takes the place of CMD too.
		command = append(command, "--entrypoint", p.command[0])
		arguments = append(p.command[1:], arguments...)
	}
	command = append(append(command, image), arguments...)
	t.Cleanup(func() {
		if t.Failed() && ct.id != "" {
			t.Logf("the last words of %s:\n%s", workload, run(t, "", "", "docker", "logs", "--tail", "6", ct.id).stderr)
		}
	})
	n.run(&ct.id, command...)
	return ct
}

// kindOf returns the kind of the workload of a name.
func kindOf(t *testing.T, all []object, workload string) string {
	t.Helper()
	for _, obj := range all {
		if kind := text(obj, "kind"); text(metadata(obj), "name") == workload && len(at(obj, "spec", "template")) > 0 {
			return kind
		}
	}
	t.Fatalf("there is no workload %s", workload)
	return ""
}

// run creates a container and starts it. Its ID is known to the caller also if
// it does not start.
func (n *dockerNode) run(id *string, flags ...string) {
	n.t.Helper()
	command := append([]string{"docker", "create", "--label", label + "=" + thisRun}, flags...)
	*id = strings.TrimSpace(must(n.t, "", "", command...))[:12]
	must(n.t, "", "", "docker", "start", *id)
}

// wait waits until the container answers HTTP.
func (ct *container) wait() {
	ct.t.Helper()
	client := http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := client.Get("http://" + ct.address + "/")
		if err == nil {
			response.Body.Close()
			return
		}
		if time.Now().After(deadline) || strings.TrimSpace(must(ct.t, "", "", "docker", "inspect", "--format", "{{.State.Running}}", ct.id)) != "true" {
			ct.t.Fatalf("container %s does not answer: %v", ct.id, err)
		}
	}
}

// remove removes the pod and all that is in it. Claims stay.
func (ct *container) remove() {
	ct.t.Helper()
	for _, id := range []*string{&ct.id, &ct.sandbox} {
		if *id != "" {
			must(ct.t, "", "", "docker", "rm", "--force", "--volumes", *id)
			*id = ""
		}
	}
}

// log returns what the container has printed.
func (ct *container) log() string {
	ct.t.Helper()
	r := run(ct.t, "", "", "docker", "logs", ct.id)
	return r.stdout + r.stderr
}

// files counts the files below a folder of the container.
func (ct *container) files(folder string) int {
	ct.t.Helper()
	count := 0
	archive := tar.NewReader(strings.NewReader(must(ct.t, "", "", "docker", "cp", ct.id+":"+folder, "-")))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			ct.t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			count++
		}
	}
}
