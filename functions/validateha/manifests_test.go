package validateha_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
)

// TestGoldenManifests compares what is found in whole manifests with goldens.
func TestGoldenManifests(t *testing.T) {
	manifests := map[string]func(testing.TB) []string{
		"base":                         func(t testing.TB) []string { return parse(t, golden.Base(t)).validate(today) },
		"base-2":                       func(t testing.TB) []string { return parse(t, golden.Base2(t)).validate(today) },
		"harbor-1.2-article":           func(t testing.TB) []string { return parse(t, rendered(t, "harbor-1.2-article")).validate(today) },
		"harbor-1.2-article-1.7":       func(t testing.TB) []string { return parse(t, rendered(t, "harbor-1.2-article")).validate("1.7") },
		"harbor-1.2-ha":                func(t testing.TB) []string { return parse(t, rendered(t, "harbor-1.2-ha")).validate(today) },
		"example-production":           func(t testing.TB) []string { return parse(t, rendered(t, "example-production")).validate(today) },
		"secrets-in-configmaps":        func(t testing.TB) []string { return parse(t, highlyAvailable(t)).validate(today) },
		"corpus-harbor-2.15-ha":        func(t testing.TB) []string { return parse(t, corpus(t, "harbor-2.15/ha.yaml")).validate(today) },
		"corpus-harbor-2.15-default":   func(t testing.TB) []string { return parse(t, corpus(t, "harbor-2.15/default.yaml")).validate(today) },
		"corpus-harbor-1.2.0-upstream": func(t testing.TB) []string { return parse(t, upstream(t)).validate(today) },
	}
	for name, findings := range manifests {
		t.Run(name, func(t *testing.T) {
			found := findings(t)
			errors := startingWith(found, "error ")
			wrong := slices.Contains([]string{"base", "harbor-1.2-article", "corpus-harbor-1.2.0-upstream"}, name)
			if wrong != (len(errors) > 0) {
				t.Errorf("there are %d errors:\n%s", len(errors), strings.Join(errors, "\n"))
			}
			golden.Compare(t, "../../testdata/validate-ha/"+name+".txt", strings.Join(found, "\n")+"\n")
		})
	}
}

// corpus is a file among the manifests of other projects.
func corpus(t testing.TB, name string) string { return golden.Read(t, golden.Corpus(t, name)) }

// upstream is Harbor's own manifests, with its templates filled in by a word.
func upstream(t testing.TB) string {
	paths, err := filepath.Glob(filepath.Join(golden.Corpus(t, "harbor-1.2.0"), "*/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var docs []string
	for _, p := range paths {
		docs = append(docs, strings.NewReplacer("{{hostname}}", "hub.example.com", "{{ui_url}}", "http://hub.example.com").Replace(golden.Read(t, p)))
	}
	return strings.Join(docs, "\n---\n")
}
