package harborha_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/meaning"
)

// TestStorageOfCharts moves images and job logs of each chart's single node, whatever
// its objects are called and in whichever namespace they are: nothing else changes.
func TestStorageOfCharts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(golden.Corpus(t, "harbor-helm"), "h*", "single.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	ours := regexp.MustCompile(`^(registry > (registry|registryctl) mount /storage|jobservice > jobservice mount /var/log/jobs) > `)
	for _, file := range append(files, golden.Corpus(t, "harbor-2.15/default.yaml")) {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			before := golden.Read(t, file)
			for way, want := range map[string][]string{
				"{storageClass: cephfs, volumes: {images: {size: 50Gi}, jobLogs: {size: 5Gi}}}": {
					"claim > class: got cephfs, want -", "claim > modes > 0: got ReadWriteMany, want ReadWriteOnce", "claim > size: got 50Gi, want 5Gi"},
				"{volumes: {images: {claim: a, subPath: images}, jobLogs: {claim: a, subPath: logs}}}": {
					"claim: got a, want -", "subPath: got images, want -", "subPath: got logs, want -"},
			} {
				after := useCephFS(t, way, before)
				seen := map[string]int{}
				for _, d := range differences(t, after, before) {
					where := ours.FindString(d)
					if where == "" {
						t.Errorf("%s: %s", way, d)
					}
					seen[strings.TrimPrefix(d, where)]++
				}
				for _, d := range want {
					if seen[d] == 0 {
						t.Errorf("%s: nothing has %q: %v", way, d, seen)
					}
				}
				if again := useCephFS(t, way, after); again != after {
					t.Errorf("%s changes its own output:\n%s", way, golden.Diff(t, after, again))
				}
			}
		})
	}
}

func useCephFS(t *testing.T, spec, manifests string) string {
	t.Helper()
	config := fmt.Sprintf("apiVersion: harbor.krmfn.dev/v1alpha1\nkind: UseCephFS\nmetadata: {name: use-cephfs}\nspec: %s\n", spec)
	o := functions.Catalog.RunFiles("use-cephfs", krm.File{Name: "config.yaml", Content: []byte(config)},
		[]krm.File{{Name: "in.yaml", Content: []byte(manifests)}})
	if o.Failed() {
		t.Fatalf("%s fails:\n%s", spec, o.Findings.Error())
	}
	return string(o.Output)
}

func differences(t *testing.T, got, want string) []string {
	t.Helper()
	a, err := meaning.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := meaning.Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range meaning.Compare(a, b) {
		all = append(all, d.String())
	}
	return all
}
