package kube

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// checksumPrefix begins the annotations of pod templates that charts compute from
// ConfigMaps and Secrets, so that pods are replaced when one of them changes
// (harbor-helm: checksum/configmap, checksum/configmap-env, checksum/secret,
// checksum/secret-core, checksum/secret-jobservice).
const checksumPrefix = "checksum/"

// checksumKinds are the kinds that such an annotation stands for: both where its
// name does not tell.
func checksumKinds(annotation string) []string {
	switch name := strings.TrimPrefix(annotation, checksumPrefix); {
	case strings.HasPrefix(name, "configmap"), strings.HasPrefix(name, "cm"):
		return []string{"ConfigMap"}
	case strings.HasPrefix(name, "secret"), strings.HasPrefix(name, "tls"):
		return []string{"Secret"}
	}
	return []string{"ConfigMap", "Secret"}
}

// FollowChecksums looks at what pods read from the ConfigMaps and Secrets of the
// list. What it returns is to be called when a function has edited them: it gives
// each checksum/ annotation of a pod template another value where that has changed,
// since a changed ConfigMap or Secret restarts no pod by itself. Where some pods have
// such annotations, those without are named in a notice (the exporter of harbor-helm
// up to 1.14).
//
// The value is a hash of all that the pods read then, so that it is the same for
// one function that edits much and for several that do so one after another.
func FollowChecksums(list *framework.ResourceList) func() error {
	relied := func() bool {
		return slices.ContainsFunc(Workloads(list), func(w Workload) bool { return len(w.checksums()) > 0 })
	}
	if !relied() {
		return func() error { return nil }
	}
	before := readings(list)
	return func() error {
		after := readings(list)
		var silent []string
		for _, w := range Workloads(list) {
			was, known := before[w.RNode]
			if !known {
				continue
			}
			shown, err := w.follow(list, w.checksums(), was, after[w.RNode])
			if err != nil {
				return err
			}
			if !shown && slices.Contains(rolling, w.GetKind()) {
				silent = append(silent, krm.Name(w.RNode))
			}
		}
		if len(silent) > 0 && relied() {
			krm.Notice(list, nil, "pods of %s read what has changed in ConfigMaps or Secrets, and no checksum annotation shows it: where they run already, "+
				"restart them (kubectl rollout restart)", strings.Join(silent, ", "))
		}
		return nil
	}
}

// rolling are the kinds that replace their pods when the template changes.
var rolling = []string{"Deployment", "StatefulSet", "DaemonSet"}

// reading is, by kind, a hash of what the pods of a workload read.
type reading map[string]string

func readings(list *framework.ResourceList) map[*yaml.RNode]reading {
	digests, all := map[*yaml.RNode]string{}, map[*yaml.RNode]reading{}
	for _, w := range Workloads(list) {
		read := map[string][]string{}
		for _, s := range w.Sources(list) {
			if s.Object == nil || !krm.Editable(s.Object) || s.Kind == "PersistentVolumeClaim" {
				continue
			}
			if digests[s.Object] == "" {
				digests[s.Object] = digest(s.Object)
			}
			read[s.Kind] = append(read[s.Kind], digests[s.Object])
		}
		all[w.RNode] = reading{}
		for kind, digests := range read { // in whatever order and however often
			slices.Sort(digests)
			all[w.RNode][kind] = hash(strings.Join(slices.Compact(digests), ""))
		}
	}
	return all
}

// digest is a hash of what a ConfigMap or Secret holds.
func digest(obj *yaml.RNode) string {
	h := sha256.New()
	for _, key := range Keys(obj) {
		text := krm.Text(obj, KeyPath(obj, key)...)
		_, _ = io.WriteString(h, hash(key)+hash(text)) // never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// annotationPath leads to the annotations of the pods.
func (w Workload) annotationPath() krm.Path {
	return w.Pod[:len(w.Pod)-1].Append("metadata", "annotations")
}

// checksums are the names of the checksum annotations of the pods, sorted.
func (w Workload) checksums() []string {
	names := slices.Sorted(maps.Keys(krm.Strings(w.RNode, w.annotationPath()...)))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, checksumPrefix) })
}

// follow sets the annotations that stand for what has changed. It is false where
// something has changed that none stands for.
func (w Workload) follow(list *framework.ResourceList, checksums []string, was, is reading) (shown bool, err error) {
	hidden := map[string]bool{}
	for _, kind := range []string{"ConfigMap", "Secret"} {
		hidden[kind] = was[kind] != is[kind]
	}
	for _, name := range checksums {
		changed, value := false, ""
		for _, kind := range checksumKinds(name) {
			changed = changed || was[kind] != is[kind]
			value += cmp.Or(is[kind], hash(""))
			delete(hidden, kind)
		}
		if !changed {
			continue
		}
		if err := krm.Set(list, w.RNode, hash(value), w.annotationPath().Append(name)...); err != nil {
			return false, err
		}
	}
	return !hidden["ConfigMap"] && !hidden["Secret"], nil
}
