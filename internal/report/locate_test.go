package report

import (
	"io/fs"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TestLocate: a finding is about a file only if no other one could be meant.
func TestLocate(t *testing.T) {
	const one = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: "
	files := map[string]string{
		"a.yaml":     one + "a\n",
		"other.yaml": one + "b\n---\n" + one + "both\n",
		"more.yaml":  "# below a comment\n" + one + "both\n",
		"ns.yaml":    one + "both\n  namespace: q\n",
	}
	read := func(path string) ([]byte, error) {
		if content, ok := files[path]; ok {
			return []byte(content), nil
		}
		return nil, fs.ErrNotExist
	}
	built := one + "a\n  namespace: p\n---\n" + one + "both\n  namespace: p\n---\n" + one + "both\n  namespace: q\n---\n" + one + "made\n  namespace: p\n"
	l := NewLocator([]Input{
		{Name: "f.yaml", Objects: Read("f.yaml", []byte(one+"a\n"))},
		{Name: "dir", Objects: Read("dir", []byte(built)), Origins: func(Place) []string {
			return []string{"none.yaml", "a.yaml", "other.yaml", "more.yaml", "ns.yaml", "dir/kustomization.yaml"}
		}},
	}, read)
	for _, c := range []struct {
		input, namespace, name, want string
		line                         int
	}{
		{"f.yaml", "", "a", "f.yaml", 7}, // the line is known
		{"a.yaml", "", "a", "a.yaml", 4}, // no input: an annotation says so
		{"none.yaml", "", "a", "none.yaml", 0},
		{"dir", "p", "a", "a.yaml", 4},
		{"dir", "p", "both", "dir/kustomization.yaml", 0}, // in two files without a namespace
		{"dir", "q", "both", "ns.yaml", 4},
		{"dir", "p", "made", "dir/kustomization.yaml", 0},
	} {
		ref := &yaml.ResourceIdentifier{TypeMeta: yaml.TypeMeta{APIVersion: "v1", Kind: "Pod"}, NameMeta: yaml.NameMeta{Name: c.name, Namespace: c.namespace}}
		f := l.Locate(framework.Result{ResourceRef: ref, File: &framework.File{Path: c.input}, Field: &framework.Field{Path: "metadata.name"}}, 7)
		if f.File.Path != c.want || f.Line != c.line {
			t.Errorf("%s %s/%s is in %s, line %d, want %s, line %d", c.input, c.namespace, c.name, f.File.Path, f.Line, c.want, c.line)
		}
	}
	if f := l.Locate(framework.Result{Message: "m"}, 0); f.File != nil || f.Line != 0 {
		t.Errorf("%+v", f)
	}
}
