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
	// releaseTable is the table of what works with which Harbor, without its heading.
	releaseTable = regexp.MustCompile(`(?:\| [12]\.[0-9x][^|]*\|[^|]*of validate-ha \|[^|\n]*\|\n)+`)
	// shownFile is a file that README.md shows.
	shownFile = regexp.MustCompile("(?s)<!-- (\\S+) -->\n```yaml\n(.*?)```")
)

// TestGoldenReadme derives what README.md repeats: the tables of the functions and
// of the releases, and files of this repository.
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

	if n := len(releaseTable.FindAllString(text, -1)); n != 1 {
		t.Fatalf("README.md has %d tables of releases, want 1", n)
	}
	text = releaseTable.ReplaceAllLiteralString(text, releases(t))

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

// releases are the rows of README.md that say what works with which Harbor: the
// functions that do not refuse manifests of it for that. harbor-ha says what its
// sections say.
func releases(t *testing.T) string {
	var rows strings.Builder
	for _, r := range []struct{ releases, begin, manifests string }{
		{"2.x", "[You run the chart](#you-run-the-chart), or without Helm [harbor-2-ha](overlays/harbor-2-ha)", golden.Base2(t)},
		{"1.2 to 1.5", "[harbor-1.2-ha](overlays/harbor-1.2-ha)", golden.Base(t)},
		{"1.6 to 1.10", "your manifests, and harbor-ha with these sections", golden.Read(t, "../testdata/inject-redis/harbor-1.7/in.yaml")},
	} {
		var names, refused []string
		rules := "and the rules of validate-ha"
		validated := functions.Catalog.RunFiles("validate-ha", krm.File{Name: "config.yaml", Content: []byte(
			golden.Read(t, "../testdata/validate-ha/example/config.yaml"))}, []krm.File{{Name: krm.Stdin, Content: []byte(r.manifests)}})
		for _, f := range validated.Findings {
			if strings.Contains(f.Message, "do not look") {
				rules = "and the general rules of validate-ha"
			}
		}
		for _, f := range functions.Catalog.Functions {
			switch {
			case f.Name == "harbor-ha" || f.Name == "validate-ha":
			case refuses(t, f, r.manifests):
				refused = append(refused, f.Name)
			default:
				names = append(names, f.Name)
			}
		}
		if len(refused) <= 2 {
			names = []string{"all functions but " + strings.Join(refused, " and ")}
		}
		fmt.Fprintf(&rows, "| %s | %s, %s | %s |\n", r.releases, strings.Join(names, ", "), rules, r.begin)
	}
	return rows.String()
}

// refuses says whether the function does not know the Harbor of the manifests.
func refuses(t *testing.T, f krm.Function, manifests string) bool {
	config := golden.Read(t, filepath.Join("../testdata", f.Name, "example/config.yaml"))
	out := functions.Catalog.RunFiles(f.Name, krm.File{Name: "config.yaml", Content: []byte(config)},
		[]krm.File{{Name: krm.Stdin, Content: []byte(manifests)}})
	return strings.Contains(out.Findings.Error(), "is known for Harbor")
}
