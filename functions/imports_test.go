package functions_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestImports keeps the layers apart: cmd/krmfn -> functions ->
// functions/PACKAGE -> internal/{harbor,kube,krm}. A function knows nothing of
// commands, files and the environment, and only harborha knows other functions.
// What tests share is for tests.
func TestImports(t *testing.T) {
	const module = "krmfn.dev/harbor/"
	for _, rule := range []struct {
		files, except string
		forbidden     []string
	}{
		{"*/*.go", "harborha", []string{module + "functions"}},
		{"*/*.go", "", []string{"os", "io", "net/http", "time", "math/rand", "github.com/spf13", module + "cmd", module + "internal/render", module + "internal/bounded", module + "internal/golden", module + "internal/meaning"}},
		{"../cmd/krmfn/*.go", "", []string{module + "internal/golden", module + "internal/meaning", "testing"}},
		{"../internal/harbor/*.go", "", []string{module + "functions", "os", "github.com/spf13"}},
		{"../internal/kube/*.go", "", []string{module + "functions", module + "internal/harbor", "os", "github.com/spf13"}},
		{"../internal/krm/*.go", "", []string{module, "os", "net/http", "time", "math/rand", "github.com/spf13"}},
		{"../internal/render/*.go", "", []string{module + "cmd", module + "functions", module + "internal/harbor", module + "internal/kube", module + "internal/krm", "github.com/spf13"}},
		{"../internal/bounded/*.go", "", []string{module}},
		{"../internal/meaning/*.go", "", []string{module}},
		{"../internal/show/*.go", "", []string{module, "os"}},
		{"../internal/database/*.go", "", []string{module + "functions", module + "internal/harbor", "os", "github.com/spf13"}},
	} {
		paths, err := filepath.Glob(rule.files)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", rule.files, len(paths), err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") || filepath.Dir(path) == rule.except {
				continue
			}
			for _, imported := range importsOf(t, path) {
				for _, forbidden := range rule.forbidden {
					if imported == forbidden || strings.HasPrefix(imported, strings.TrimSuffix(forbidden, "/")+"/") {
						t.Errorf("%s imports %s", path, imported)
					}
				}
			}
		}
	}
}

func importsOf(t *testing.T, path string) []string {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, imported)
	}
	return all
}
