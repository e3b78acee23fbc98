package render

import (
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/bounded"
)

// KustomizationIn returns the path of the kustomization in a directory, "" where
// there is none.
func KustomizationIn(dir string) string {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

// Files lists the local files that the kustomization in a directory takes
// objects from, its bases and components included, as far as they can be read.
func Files(dir string) []string { return files(dir, map[string]bool{}) }

func files(dir string, seen map[string]bool) []string {
	path := KustomizationIn(dir)
	content, err := bounded.ReadRegular(path)
	if err != nil || seen[path] {
		return nil
	}
	seen[path] = true
	var k struct{ Resources, Bases, Components []string }
	if yaml.Unmarshal(content, &k) != nil {
		return nil
	}
	var all []string
	for _, entry := range slices.Concat(k.Resources, k.Bases, k.Components) {
		entry = filepath.Join(dir, entry)
		if info, err := os.Stat(entry); err != nil {
			continue
		} else if info.IsDir() {
			all = append(all, files(entry, seen)...)
		} else {
			all = append(all, entry)
		}
	}
	return all
}

// Origin reads the annotation config.kubernetes.io/origin, which kustomize gives
// each object if the kustomization says buildMetadata: [originAnnotations]. It
// returns the local file that the object comes from, relative to the
// kustomization, "" where there is none.
func Origin(annotation string) string {
	var origin struct{ Path, Repo string }
	if yaml.Unmarshal([]byte(annotation), &origin) != nil || origin.Repo != "" {
		return ""
	}
	return origin.Path
}
