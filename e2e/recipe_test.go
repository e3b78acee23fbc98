package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecipe follows CONTRIBUTING.md with a new function: its code, its cases and
// its line in the list are written by hand, and one make golden derives the rest.
func TestRecipe(t *testing.T) {
	need(t, "go", "make")
	tmp := t.TempDir()
	dir := filepath.Join(tmp, "krmfn")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// Manifests of other projects lie beside the repository, where they are at hand.
	if shared, err := filepath.Abs("../../shared"); err != nil {
		t.Fatal(err)
	} else if err := os.Symlink(shared, filepath.Join(tmp, "shared")); err != nil {
		t.Fatal(err)
	}
	write := func(file, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"base", "bench", "cmd", "docs", "functions", "internal", "overlays", "testdata"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join("..", part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum", "Makefile", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE"} {
		write(file, read(t, "..", file))
	}
	if err := os.CopyFS(dir, os.DirFS("testdata/recipe")); err != nil {
		t.Fatal(err)
	}
	const list = "functions/functions.go"
	write(list, strings.NewReplacer(
		"\t\"krmfn.dev/harbor/functions/setreplicas\"\n", "\t\"krmfn.dev/harbor/functions/setloglevel\"\n\t\"krmfn.dev/harbor/functions/setreplicas\"\n",
		"\t\tvalidateha.Function,\n", "\t\tsetloglevel.Function,\n\t\tvalidateha.Function,\n",
	).Replace(read(t, dir, list)))

	must(t, dir, "", "make", "golden")
	for file, want := range map[string]string{
		"functions/setloglevel/README.md":             "+  LOG_LEVEL: warning\n",
		"functions/setloglevel/definition.yaml":       "kind: SetLogLevel\n",
		"README.md":                                   "| [set-log-level](functions/setloglevel/README.md) | SetLogLevel | Sets the level of Harbor's logs. |\n",
		"testdata/set-log-level/unknown/findings.txt": `error: spec.level: "loud" is not debug, info, warning or error`,
	} {
		if !strings.Contains(read(t, dir, file), want) {
			t.Errorf("%s does not hold %q", file, want)
		}
	}
	must(t, dir, "", "go", "test", "./cmd/krmfn", "./functions/...")
}
