package main

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pmezard/go-difflib/difflib"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/krm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden runs every case of testdata/FUNCTION through the real command. A
// case holds
//
//	config.yaml    the function config
//	in.yaml        the manifests; the base where there is none
//	out.diff       what the function changes, as a diff; none where it fails
//	findings.txt   what is printed on stderr with --verbose
//
// Each case runs again on its own output, where it must change nothing.
func TestGolden(t *testing.T) {
	for _, f := range functions.Catalog.Functions {
		cases, err := filepath.Glob(filepath.Join("../../testdata", f.Name, "*", "config.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		hasExample := false
		for _, config := range cases {
			dir := filepath.Dir(config)
			hasExample = hasExample || filepath.Base(dir) == "example"
			t.Run(f.Name+"/"+filepath.Base(dir), func(t *testing.T) { golden(t, f.Name, dir) })
		}
		if !hasExample {
			t.Errorf("testdata/%s has no case example", f.Name)
		}
	}
}

func golden(t *testing.T, function, dir string) {
	in := input(t, dir)
	config := filepath.Join(dir, "config.yaml")
	out, findings, exit := krmfn(in, function, config, "-", "--verbose")

	failed := strings.Contains(findings, "  error: ")
	if failed != (exit != 0) {
		t.Errorf("exit status %d with these findings:\n%s", exit, findings)
	}
	if failed {
		if out != in {
			t.Errorf("the output of a failed run is not the input:\n%s", cmp.Diff(in, out))
		}
	} else {
		again := functions.Catalog.RunFiles(function, krm.File{Name: config, Content: []byte(readFile(t, config))}, []krm.File{{Name: krm.Stdin, Content: []byte(out)}})
		if string(again.Output) != out || len(edits(again.Findings)) != 0 {
			t.Errorf("the second run changes the output of the first:\n%v\n%s", again.Findings, cmp.Diff(out, string(again.Output)))
		}
	}
	compare(t, filepath.Join(dir, "findings.txt"), findings)
	compare(t, filepath.Join(dir, "out.diff"), diff(t, in, out))
}

// input returns the manifests of a case.
func input(t *testing.T, dir string) string {
	in, err := os.ReadFile(filepath.Join(dir, "in.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return base(t)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(in)
}

// base returns the manifests of Harbor 1.2 as one text.
func base(t testing.TB) string {
	files, err := filepath.Glob("../../base/harbor-1.2/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var docs []string
	for _, f := range files {
		switch filepath.Base(f) {
		case "kustomization.yaml", "harbor-ha.yaml", "validate-ha.yaml":
			continue
		}
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, string(content))
	}
	return strings.Join(docs, "---\n")
}

// krmfn runs the command in this process.
func krmfn(stdin string, args ...string) (stdout, stderr string, exit int) {
	var out, err bytes.Buffer
	exit = run(args, streams{strings.NewReader(stdin), &out, &err})
	return out.String(), err.String(), exit
}

func diff(t *testing.T, in, out string) string {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: slices.Collect(strings.Lines(in)), B: slices.Collect(strings.Lines(out)),
		FromFile: "before", ToFile: "after", Context: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// compare compares the text with a golden file, which does not exist for an
// empty text.
func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if got == "" {
			return
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got), make golden rewrites it:\n%s", path, d)
	}
}
