package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
)

const root = "../.."

// TestReadme checks what README.md shows: the overlays, the commands that need
// nothing but this program, and errors. The other commands run in e2e, and the
// table of the functions and the files are derived.
func TestReadme(t *testing.T) {
	readme := golden.Read(t, filepath.Join(root, "README.md"))
	contains := func(what, text string) {
		t.Helper()
		if !strings.Contains(readme, text) {
			t.Errorf("README.md does not show %s:\n%s", what, text)
		}
	}

	overlays, err := filepath.Glob(filepath.Join(root, "overlays/*/functions"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range overlays {
		name := filepath.Base(filepath.Dir(dir))
		contains("overlay "+name, fmt.Sprintf("| [%s](overlays/%s) | ", name, name))
	}

	commands := regexp.MustCompile(`(?m)^(?:krmfn|go run \./cmd/krmfn) render (\S+)$`).FindAllStringSubmatch(readme, -1)
	if len(commands) != 4 {
		t.Errorf("README.md shows %d render commands, want 4", len(commands))
	}
	for _, c := range commands {
		build(t, filepath.Join(root, c[1]))
	}

	config := golden.Read(t, filepath.Join(root, "overlays/harbor-2-ha/functions/harbor-ha.yaml"))
	config = strings.Replace(config, "    core: 3\n", "    core: 3\n    database: 2\n", 1)
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stderr, _ := krmfn(golden.Base2(t), "harbor-ha", path, "-")
	contains("the error as it is printed", "```\n"+stderr+"```\n")

	findings := golden.Read(t, filepath.Join(root, "testdata/harbor-ha/no-redis/findings.txt"))
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
			for _, l := range link.FindAllStringSubmatch(golden.Read(t, file), -1) {
				target := file
				if l[1] != "" {
					target = filepath.Join(filepath.Dir(file), l[1])
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s: %v", file, err)
					continue
				}
				// GitHub makes anchors of headings like this.
				if l[2] != "" && !slices.ContainsFunc(heading.FindAllStringSubmatch(golden.Read(t, target), -1), func(h []string) bool {
					return strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-") == l[2]
				}) {
					t.Errorf("%s: %s has no heading %s", file, target, l[2])
				}
			}
		}
	}
}
