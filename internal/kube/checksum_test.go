package kube

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

const checksummed = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: core}
spec:
  template:
    metadata:
      annotations: {checksum/configmap: a, checksum/configmap-env: b, checksum/secret: c, checksum/secret-jobservice: d, checksum/config: e, checksum: f}
    spec:
      containers:
      - name: core
        envFrom:
        - configMapRef: {name: core}
        env:
        - {name: SECRET, valueFrom: {secretKeyRef: {name: core, key: secret}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: trivy}
spec:
  template:
    metadata:
      annotations: {checksum/secret: c}
    spec:
      containers: [{name: trivy}]
      volumes:
      - {name: a, projected: {sources: [{secret: {name: trivy}}, {configMap: {name: trivy}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: exporter}
spec:
  template:
    spec:
      containers:
      - {name: exporter, envFrom: [{configMapRef: {name: core}}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: core}
data: {EXT_ENDPOINT: a, LOG_LEVEL: b}
---
apiVersion: v1
kind: Secret
metadata: {name: core}
stringData: {secret: a}
---
apiVersion: v1
kind: Secret
metadata: {name: trivy}
data: {url: YQ==}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: trivy}
data: {a: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: of-nobody}
data: {a: b}
`

// TestFollowChecksums edits what pods read, and looks at which annotations change.
func TestFollowChecksums(t *testing.T) {
	set := func(kind, name string, path ...any) func(*testing.T, *framework.ResourceList) {
		return func(t *testing.T, list *framework.ResourceList) {
			if err := krm.Set(list, Find(list, kind, "", name), "another", path...); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name    string
		edit    func(*testing.T, *framework.ResourceList)
		changed string
		notice  string
	}{
		{"nothing", func(*testing.T, *framework.ResourceList) {}, "", ""},
		{"of nobody", set("ConfigMap", "of-nobody", "data", "a"), "", ""},
		{"a label", set("ConfigMap", "core", "metadata", "labels", "a"), "", ""},
		{"the image", set("Deployment", "core", "spec", "template", "spec", "containers", 0, "image"), "", ""},
		{"ConfigMap", set("ConfigMap", "core", "data", "EXT_ENDPOINT"), "core checksum/config, core checksum/configmap, core checksum/configmap-env", "Deployment exporter read"},
		{"a key of its own", set("ConfigMap", "core", "data", "ANOTHER"), "core checksum/config, core checksum/configmap, core checksum/configmap-env", "Deployment exporter read"},
		{"Secret", set("Secret", "core", "stringData", "secret"), "core checksum/config, core checksum/secret, core checksum/secret-jobservice", ""},
		{"Secret in a volume", set("Secret", "trivy", "data", "url"), "trivy checksum/secret", ""},
		{"ConfigMap that no annotation stands for", set("ConfigMap", "trivy", "data", "a"), "", "pods of StatefulSet trivy read"},
		{"Secret that goes", func(_ *testing.T, list *framework.ResourceList) {
			krm.Delete(list, Find(list, "Secret", "", "trivy"), "it is not needed")
		}, "trivy checksum/secret", ""},
		{"another Secret", set("StatefulSet", "trivy", "spec", "template", "spec", "volumes", 0, "projected", "sources", 0, "secret", "name"), "trivy checksum/secret", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := items(t, strings.Split(checksummed, "---\n")...)
			before := annotationsOf(list)
			after := FollowChecksums(list)
			c.edit(t, list)
			if err := after(); err != nil {
				t.Fatal(err)
			}
			var changed []string
			for name, value := range annotationsOf(list) {
				if before[name] != value {
					changed = append(changed, name)
				}
			}
			if got := strings.Join(slices.Sorted(slices.Values(changed)), ", "); got != c.changed {
				t.Errorf("changed are %q, want %q", got, c.changed)
			}
			if got := list.Results.Error(); c.notice != "" != strings.Contains(got, "rollout restart") || !strings.Contains(got, c.notice) {
				t.Errorf("it says\n%s\nwant %q", got, c.notice)
			}
			done := annotationsOf(list)
			if err := FollowChecksums(list)(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(done, annotationsOf(list)); d != "" {
				t.Errorf("where nothing changes:\n%s", d)
			}
		})
	}
}

// TestFollowChecksumsInSteps checks that two edits at once and one after another
// come to the same.
func TestFollowChecksumsInSteps(t *testing.T) {
	edit := func(list *framework.ResourceList, keys ...string) {
		after := FollowChecksums(list)
		for _, key := range keys {
			if err := krm.Set(list, Find(list, "ConfigMap", "", "core"), "another", "data", key); err != nil {
				t.Fatal(err)
			}
		}
		if err := after(); err != nil {
			t.Fatal(err)
		}
	}
	once, steps := items(t, strings.Split(checksummed, "---\n")...), items(t, strings.Split(checksummed, "---\n")...)
	edit(once, "EXT_ENDPOINT", "LOG_LEVEL")
	edit(steps, "EXT_ENDPOINT")
	half := maps.Clone(annotationsOf(steps))
	edit(steps, "LOG_LEVEL")
	if d := cmp.Diff(annotationsOf(once), annotationsOf(steps)); d != "" {
		t.Errorf("(-once +in steps):\n%s", d)
	}
	if half["core checksum/configmap"] == annotationsOf(steps)["core checksum/configmap"] {
		t.Error("the second step changes nothing")
	}
}

// annotationsOf are those of all pod templates: NAME ANNOTATION.
func annotationsOf(list *framework.ResourceList) map[string]string {
	all := map[string]string{}
	for _, w := range Workloads(list) {
		for key, value := range krm.Strings(w.RNode, "spec", "template", "metadata", "annotations") {
			all[w.GetName()+" "+key] = value
		}
	}
	return all
}
