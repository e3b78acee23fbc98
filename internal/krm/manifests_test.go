package krm

import (
	"cmp"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

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

// TestEditsOfTexts changes a line of a text behind |: the others stay as they are,
// also where the encoder would write the text in another way.
func TestEditsOfTexts(t *testing.T) {
	for name, text := range map[string]string{
		"plain":                   "|\n    one\n    old\n    two\n",
		"blank at the end":        "|\n    one  \n    old\n    two\t\n",
		"indicators":              "|2-   # why\n    one\n    old\n",
		"blank lines":             "|+\n    one\n   \n    old\n\n\n",
		"first line":              "|\n    old \n",
		"no line break at end":    "|\n    one \n    old",
		"CR LF":                   "|\r\n    one \r\n    old\r\n",
		"another line after":      "|\n    one \n    old\n    ---\n  other: x\n",
		"tabs":                    "|\n    one\n    \told\n",
		"deeper than the key":     "|\n        one \n          old\n",
		"comments and CR LF":      "|\r\n    old\r\n  # Why.\r\n  other: x\r\n",
		"a comment, not indented": "|\n    old \n# Why.\n  other: x\n",
	} {
		t.Run(name, func(t *testing.T) {
			in := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  text: " + text
			if strings.Contains(text, "\r") {
				in = strings.ReplaceAll(strings.ReplaceAll(in, "\r", ""), "\n", "\r\n")
			}
			from, to := textOf(t, in), textOf(t, in)
			value := valueOf(valueOf(to, "data"), "text")
			value.Value = strings.Replace(value.Value, "old", "new", 1)
			want := strings.Replace(in, "old", "new", 1)
			if out, ok := patch(in, from, to); !ok || out != want {
				t.Errorf("understood: %v\n%s", ok, golden.Diff(t, want, out))
			}
			end := "\n"
			if strings.Contains(text, "\r") {
				end = "\r\n"
			}
			value.Value = strings.Replace(value.Value, "new", "new\nmore ", 1)
			want = strings.Replace(want, "new", "new"+end+strings.Repeat(" ", cmp.Or(map[string]int{"deeper than the key": 8}[name], 4))+"more ", 1)
			if out, ok := patch(in, from, to); !ok || out != want {
				t.Errorf("understood: %v\n%s", ok, golden.Diff(t, want, out))
			}
		})
	}
}

func textOf(t *testing.T, in string) *yaml.Node {
	docs, err := ReadYAML([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	return docs[0].Content[0]
}
