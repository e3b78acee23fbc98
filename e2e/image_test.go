package e2e

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// commandLines are what runs the image, up to its name: kustomize 5.8 and kpt
// 1.0.0-beta.56 run exactly these, the last one is as strict as can be.
var commandLines = map[string]string{
	"kustomize": "docker run --rm -i -a STDIN -a STDOUT -a STDERR --network none --user nobody --security-opt=no-new-privileges" +
		" -e LOG_TO_STDERR=true -e STRUCTURED_RESULTS=true",
	"kpt": "docker run --rm -i --network none --user nobody --security-opt=no-new-privileges --pull missing",
	"strict": "docker run --rm -i --network none --user nobody --security-opt=no-new-privileges" +
		" --read-only --cap-drop ALL --memory 64m",
}

// TestImageRuns gives the image good and bad input in all ways to run it: it
// does what the program does.
func TestImageRuns(t *testing.T) {
	need(t, "docker", "krmfn")
	dir := tree(t)
	base := must(t, dir, "", "krmfn", "render", "base/harbor-1.2")
	config := read(t, dir, "base/harbor-1.2/harbor-ha.yaml")
	config = strings.Replace(config, "config.kubernetes.io/local-config: \"true\"", "example.com/kept: \"true\"", 1)

	for input, c := range map[string]struct {
		stdin string
		exit  int
		says  string
	}{
		"good":           {resourceList(t, base, config), 0, ""},
		"empty":          {"", 1, "error: "},
		"not YAML":       {"{", 1, "error: "},
		"no list":        {base, 1, "error: "},
		"no config":      {resourceList(t, base, ""), 1, "error: there is no functionConfig"},
		"unknown kind":   {resourceList(t, base, strings.Replace(config, "HarborHA", "HarbourHA", 1)), 1, "HarborHA"},
		"unknown field":  {resourceList(t, base, strings.Replace(config, "  redis:", "  radis:", 1)), 1, "spec.radis: "},
		"cannot be done": {resourceList(t, base, strings.Replace(config, "    ui: 3", "    jobservice: 3", 1)), 1, "spec.replicas.jobservice: "},
	} {
		t.Run(input, func(t *testing.T) {
			want := run(t, "", c.stdin, "krmfn")
			if want.exit != c.exit || !strings.Contains(want.stderr, c.says) {
				t.Errorf("exit status %d, want %d and %q:\n%s", want.exit, c.exit, c.says, want.stderr)
			}
			for caller, line := range commandLines {
				got := run(t, "", c.stdin, append(strings.Fields(line), image)...)
				if d := cmp.Diff(want, got, cmp.AllowUnexported(result{})); d != "" {
					t.Errorf("as %s runs it, the image differs (-program +image):\n%s", caller, d)
				}
				if lists := objects(t, got.stdout); len(lists) != 1 || lists[0]["kind"] != "ResourceList" || lists[0]["items"] == nil {
					t.Errorf("as %s runs it, stdout is no ResourceList:\n%s", caller, got.stdout)
				}
			}
		})
	}
}

// TestImageForPeople runs the image with arguments: kpt fn doc asks for --help,
// and render needs nothing but the manifests.
func TestImageForPeople(t *testing.T) {
	need(t, "docker", "krmfn")
	if help := must(t, "", "", "docker", "run", "--rm", image, "--help"); !strings.Contains(help, "set-replicas") {
		t.Errorf("--help prints\n%s", help)
	}
	dir := tree(t)
	same(t, "render in the image", must(t, dir, "", "krmfn", "render", "overlays/harbor-1.2-ha"),
		must(t, "", "", "docker", "run", "--rm", "--network", "none", "--mount", "type=bind,source="+dir+",target=/manifests,readonly",
			image, "render", "/manifests/overlays/harbor-1.2-ha"))
}

// inspected is what the tests read of docker image inspect.
type inspected struct {
	Config struct {
		User            string
		Entrypoint, Cmd []string
		Labels          map[string]string
	}
	RootFS struct{ Layers []string }
}

func inspect(t *testing.T, image string) inspected {
	t.Helper()
	var all []inspected
	if err := json.Unmarshal([]byte(must(t, "", "", "docker", "image", "inspect", image)), &all); err != nil || len(all) != 1 {
		t.Fatal(len(all), err)
	}
	return all[0]
}

// TestImageConfig looks at what the image says about itself.
func TestImageConfig(t *testing.T) {
	need(t, "docker")
	i := inspect(t, image)
	if i.Config.User != "65534:65534" || !slices.Equal(i.Config.Entrypoint, []string{"/krmfn"}) || len(i.Config.Cmd) != 0 {
		t.Errorf("user %q, entrypoint %q, command %q", i.Config.User, i.Config.Entrypoint, i.Config.Cmd)
	}
	for _, label := range []string{"title", "description", "licenses", "version"} {
		if i.Config.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("label %s is empty", label)
		}
	}
	version := i.Config.Labels["org.opencontainers.image.version"]
	if says := must(t, "", "", "docker", "run", "--rm", image, "--version"); !strings.Contains(says, version) {
		t.Errorf("--version prints %q, the label %q", says, version)
	}
}

// TestImageContent looks at the files of the image: the program, two files that
// say who nobody is, and no shell. 16.3 MB is the size that the author of the
// article reached for an HTTP server.
func TestImageContent(t *testing.T) {
	need(t, "docker")
	container := strings.TrimSpace(must(t, "", "", "docker", "create", image))
	defer must(t, "", "", "docker", "rm", container)
	var files []string
	var size int64
	archive := tar.NewReader(strings.NewReader(must(t, "", "", "docker", "export", container)))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg && header.Size > 0 {
			files = append(files, header.Name)
			size += header.Size
		}
	}
	// Docker itself adds files, all of them empty.
	if want := []string{"etc/group", "etc/passwd", "krmfn"}; !slices.Equal(files, want) {
		t.Errorf("the image holds %q, want %q", files, want)
	}
	if t.Logf("the files have %d bytes", size); size > 16_300_000 {
		t.Error("that is too much")
	}
}

// TestImageReproducible builds the image again: the layer is the same.
func TestImageReproducible(t *testing.T) {
	need(t, "docker")
	first := inspect(t, image)
	again := scratch + ":again"
	output := must(t, "..", "", "docker", "build", "--no-cache", "--build-arg", "VERSION="+first.Config.Labels["org.opencontainers.image.version"], "-t", again, ".")
	t.Cleanup(func() {
		must(t, "", "", "docker", "rmi", again)
		// The classic builder leaves the builder stage behind.
		if stage := regexp.MustCompile(`---> ([0-9a-f]+)\nStep \S+ : FROM scratch`).FindStringSubmatch(output); stage != nil {
			must(t, "", "", "docker", "rmi", stage[1])
		}
	})
	if d := cmp.Diff(first.RootFS.Layers, inspect(t, again).RootFS.Layers); d != "" {
		t.Errorf("the layers of two builds differ. Is %s up to date? make image\n%s", image, d)
	}
}
