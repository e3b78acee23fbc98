package functions_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
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
