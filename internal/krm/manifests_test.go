package krm

import (
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
)

// TestEditsOfManifests edits each object of real manifests, ours and those that
// Helm makes: the diff is that edit, in two lines at most, and nothing else.
func TestEditsOfManifests(t *testing.T) {
	t.Run("base", func(t *testing.T) { editEach(t, golden.Base(t)) })
	for _, name := range []string{"harbor-2.15/default.yaml", "harbor-helm/h08-ingress-v1.12/single.yaml"} {
		t.Run(name, func(t *testing.T) { editEach(t, golden.Read(t, golden.Corpus(t, name))) })
	}
}

func editEach(t *testing.T, in string) {
	if out := string(runFile(in, "{}").Output); out != in {
		t.Errorf("changed without an edit:\n%s", golden.Diff(t, in, out))
	}
	objects, err := Objects([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	for _, obj := range objects {
		o := runFile(in, "{set: {"+obj.GetName()+": new}}")
		if o.Failed() {
			t.Fatal(o.Findings)
		}
		added, removed := 0, 0
		for line := range strings.Lines(golden.Diff(t, in, string(o.Output))) {
			switch {
			case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
			case line[0] == '+':
				added++
			case line[0] == '-':
				removed++
			}
		}
		if removed > 0 || added > 2*len(o.Findings) { // data:, and the key in it
			t.Errorf("%s: %d findings, %d lines are added and %d removed", Name(obj.RNode), len(o.Findings), added, removed)
		}
	}
}
