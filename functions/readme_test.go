package functions_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

var (
	// functionTable is the table of the functions in README.md, without its heading.
	functionTable = regexp.MustCompile(`(?:\| \[[a-z0-9-]+\]\(functions/.*\|\n)+`)
	// shownFile is a file that README.md shows.
	shownFile = regexp.MustCompile("(?s)<!-- (\\S+) -->\n```yaml\n(.*?)```")
)

// TestGoldenReadme derives what README.md repeats: the table of the functions,
// and files of this repository.
func TestGoldenReadme(t *testing.T) {
	const path = "../README.md"
	text := golden.Read(t, path)

	var rows strings.Builder
	for _, f := range documented(t) {
		fmt.Fprintf(&rows, "| [%s](functions/%s/README.md) | %s | %s |\n", f.Name, folder(f), f.Kind(), f.Summary())
	}
	if n := len(functionTable.FindAllString(text, -1)); n != 1 {
		t.Fatalf("README.md has %d tables of functions, want 1", n)
	}
	text = functionTable.ReplaceAllLiteralString(text, rows.String())

	shown := 0
	text = shownFile.ReplaceAllStringFunc(text, func(block string) string {
		shown++
		file := shownFile.FindStringSubmatch(block)[1]
		return fmt.Sprintf("<!-- %s -->\n```yaml\n%s```", file, golden.Read(t, filepath.Join("..", file)))
	})
	if shown != 4 {
		t.Errorf("README.md shows %d files, want 4", shown)
	}
	golden.Compare(t, path, text)
}

// TestReadmeReleases holds the table of releases in README.md against what the
// functions say when they meet such a Harbor. harbor-ha says what its sections say.
func TestReadmeReleases(t *testing.T) {
	readme := golden.Read(t, "../README.md")
	for release, manifests := range map[string]string{
		"1.2 to 1.5":  golden.Base(t),
		"1.6 to 1.10": golden.Read(t, "../testdata/inject-redis/harbor-1.7/in.yaml"),
		"2.x":         golden.Base2(t),
	} {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(release) + ` \| .*$`).FindString(readme)
		if row == "" {
			t.Errorf("README.md does not say what works with Harbor %s", release)
		}
		for _, f := range functions.Catalog.Functions {
			if f.Name == "harbor-ha" {
				continue
			}
			config := golden.Read(t, filepath.Join("../testdata", f.Name, "example/config.yaml"))
			out := functions.Catalog.RunFiles(f.Name, krm.File{Name: "config.yaml", Content: []byte(config)},
				[]krm.File{{Name: krm.Stdin, Content: []byte(manifests)}})
			refused := strings.Contains(out.Findings.Error(), "is known for Harbor")
			if works := strings.Contains(row, "all functions") || strings.Contains(row, f.Name); works == refused {
				t.Errorf("Harbor %s: README.md says of %s that it works: %v, which says\n%s", release, f.Name, works, out.Findings.Error())
			}
		}
	}
}
