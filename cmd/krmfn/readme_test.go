package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"krmfn.dev/harbor/functions"
)

const root = "../.."

// TestReadme checks what README.md shows: the functions, the overlays, files of
// this repository, the commands that need nothing but this program, an error
// and the links. The other commands run in e2e.
func TestReadme(t *testing.T) {
	readme := readFile(t, filepath.Join(root, "README.md"))
	contains := func(what, text string) {
		t.Helper()
		if !strings.Contains(readme, text) {
			t.Errorf("README.md does not show %s:\n%s", what, text)
		}
	}

	for _, f := range functions.Catalog.Functions {
		contains("function "+f.Name, fmt.Sprintf("| [%s](functions/%s/README.md) | %s | %s |\n",
			f.Name, strings.ReplaceAll(f.Name, "-", ""), f.Kind(), f.Summary()))
	}

	overlays, err := filepath.Glob(filepath.Join(root, "overlays/*/functions"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range overlays {
		name := filepath.Base(filepath.Dir(dir))
		contains("overlay "+name, fmt.Sprintf("| [%s](overlays/%s) | ", name, name))
	}

	shown := regexp.MustCompile("(?s)<!-- (\\S+) -->\n```yaml\n(.*?)```").FindAllStringSubmatch(readme, -1)
	if len(shown) != 4 {
		t.Errorf("README.md shows %d files, want 4", len(shown))
	}
	for _, s := range shown {
		file, err := os.ReadFile(filepath.Join(root, s[1]))
		if err != nil || string(file) != s[2] {
			t.Errorf("README.md does not show %s as it is (%v)", s[1], err)
		}
	}

	commands := regexp.MustCompile(`(?m)^(?:krmfn|go run \./cmd/krmfn) render (\S+)$`).FindAllStringSubmatch(readme, -1)
	if len(commands) != 3 {
		t.Errorf("README.md shows %d render commands, want 3", len(commands))
	}
	for _, c := range commands {
		build(t, filepath.Join(root, c[1]))
	}

	config := strings.Replace(shown[0][2], "    adminserver: 3\n", "    adminserver: 3\n    jobservice: 3\n", 1)
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := `---
apiVersion: v1
kind: ConfigMap
metadata:
  name: harbor-cfg
  annotations:
    config.kubernetes.io/local-config: "true"
data:
  harbor.cfg: ""
`
	_, stderr, _ := krmfn(base(t)+cfg, "harbor-ha", path, "-")
	contains("the error as it is printed", "```\n"+stderr+"```\n")

	findings := readFile(t, filepath.Join(root, "testdata/harbor-ha/no-redis/findings.txt"))
	failure := regexp.MustCompile(`(?m)^  (error: .*\n)`).FindStringSubmatch(findings)
	contains("what is said of an unsafe Harbor", "```\n"+failure[1]+"```\n")
}

// TestLinks checks that relative links in the documents lead to something: to a
// file, and to a heading of it where they name one.
func TestLinks(t *testing.T) {
	t.Chdir(root)
	link, heading, dropped := regexp.MustCompile(`\]\(([^):#]*)(?:#([^):]+))?\)`), regexp.MustCompile(`(?m)^#+ (.*)$`), regexp.MustCompile(`[^\w -]`)
	for _, pattern := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/*.md", "functions/*/README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			for _, l := range link.FindAllStringSubmatch(readFile(t, file), -1) {
				target := file
				if l[1] != "" {
					target = filepath.Join(filepath.Dir(file), l[1])
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s: %v", file, err)
					continue
				}
				// GitHub makes anchors of headings like this.
				if l[2] != "" && !slices.ContainsFunc(heading.FindAllStringSubmatch(readFile(t, target), -1), func(h []string) bool {
					return strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-") == l[2]
				}) {
					t.Errorf("%s: %s has no heading %s", file, target, l[2])
				}
			}
		}
	}
}
