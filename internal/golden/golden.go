// Package golden is what tests share that compare with files of the repository:
// goldens, the base, and manifests of other projects. Tests alone import it.
package golden

import (
	"cmp"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pmezard/go-difflib/difflib"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Compare compares a text with a golden file, which does not exist for an empty
// text. With -update it writes the file.
func Compare(t *testing.T, path, got string) {
	t.Helper()
	if !strings.HasPrefix(t.Name(), "TestGolden") {
		t.Fatalf("%s compares with a golden: its name has to begin with TestGolden, because make golden runs no other test", t.Name())
	}
	want := ReadOptional(t, path)
	if want == got {
		return
	}
	if !*update {
		t.Errorf("%s differs, make golden rewrites it:\n%s", path, diff(t, "want", "got", want, got))
		return
	}
	var err error
	if got == "" {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, []byte(got), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Read returns the content of a file.
func Read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// ReadOptional returns the content of a file, and nothing if there is no file.
func ReadOptional(t testing.TB, path string) string {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return Read(t, path)
}

// Base returns the manifests of base/harbor-1.2 as one text.
func Base(t testing.TB) string {
	t.Helper()
	return base(t, "harbor-1.2")
}

// Base2 returns the manifests of base/harbor-2 as one text.
func Base2(t testing.TB) string {
	t.Helper()
	return base(t, "harbor-2")
}

// BaseOf returns the manifests of the base that a golden case names in its file base:
// base/harbor-1.2 where it has none.
func BaseOf(t testing.TB, dir string) string {
	t.Helper()
	return base(t, BaseName(t, dir))
}

// BaseName is the name of that base.
func BaseName(t testing.TB, dir string) string {
	t.Helper()
	return cmp.Or(strings.TrimSpace(ReadOptional(t, filepath.Join(dir, "base"))), "harbor-1.2")
}

func base(t testing.TB, name string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "base", name, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var docs []string
	for _, f := range files {
		switch filepath.Base(f) {
		case "kustomization.yaml", "harbor-ha.yaml", "validate-ha.yaml": // for kustomize and kpt
		default:
			docs = append(docs, Read(t, f))
		}
	}
	return strings.Join(docs, "---\n")
}

// Corpus returns the path of a file or folder among the manifests of other
// projects. They are no part of the repository: where they are not at hand, the
// test is skipped, and fails in CI.
func Corpus(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(root, "../shared/corpus", name)
	if _, err := os.Stat(path); err != nil {
		stop := t.Skipf
		if os.Getenv("CI") != "" {
			stop = t.Fatalf
		}
		stop("nothing to compare with, manifests of other projects are not at hand: %v", err)
	}
	return path
}

// Diff returns what changes from one text to the other, as a unified diff.
func Diff(t testing.TB, before, after string) string {
	t.Helper()
	return diff(t, "before", "after", before, after)
}

func diff(t testing.TB, from, to, a, b string) string {
	t.Helper()
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: slices.Collect(strings.Lines(a)), B: slices.Collect(strings.Lines(b)), FromFile: from, ToFile: to, Context: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// root is the repository: go test starts each test in the folder of its package.
var root = func() string {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return "."
}()
