package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
)

// TestGolden runs every case of testdata/FUNCTION through the real command. A
// case holds
//
//	config.yaml    the function config
//	in.yaml        the manifests; base/harbor-1.2 where there is none
//	base           the name of another base, in place of in.yaml
//	out.diff       what the function changes, as a diff; none where it fails
//	findings.txt   what is printed on stderr with --verbose
//
// Each case runs again on its own output, where it must change nothing.
func TestGolden(t *testing.T) {
	for _, f := range functions.Catalog.Functions {
		cases := filepath.Join("../../testdata", f.Name)
		golden.Read(t, filepath.Join(cases, "example/config.yaml")) // which the manual shows
		entries, err := os.ReadDir(cases)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() {
				t.Run(f.Name+"/"+e.Name(), func(t *testing.T) { runCase(t, f.Name, filepath.Join(cases, e.Name())) })
			}
		}
	}
}

// edited is a line about an edit: other infos carry the number of a rule.
var edited = regexp.MustCompile(`(?m)^  info: .*[^\]\n]$`)

func runCase(t *testing.T, function, dir string) {
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
		again, findings, exit := krmfn(out, function, config, "-", "--verbose")
		if again != out || exit != 0 || edited.MatchString(findings) {
			t.Errorf("the second run changes the output of the first, exit status %d:\n%s%s", exit, findings, cmp.Diff(out, again))
		}
	}
	golden.Compare(t, filepath.Join(dir, "findings.txt"), findings)
	golden.Compare(t, filepath.Join(dir, "out.diff"), golden.Diff(t, in, out))
}

// input returns the manifests of a case.
func input(t *testing.T, dir string) string {
	if in := golden.ReadOptional(t, filepath.Join(dir, "in.yaml")); in != "" {
		return in
	}
	return golden.BaseOf(t, dir)
}

// krmfn runs the command in this process.
func krmfn(stdin string, args ...string) (stdout, stderr string, exit int) {
	var out, err bytes.Buffer
	exit = run(args, streams{strings.NewReader(stdin), &out, &err})
	return out.String(), err.String(), exit
}
