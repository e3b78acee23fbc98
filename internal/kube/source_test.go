package kube

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

// sources is a pod that reads from everywhere, and what it reads.
const sources = `apiVersion: v1
kind: Pod
metadata: {name: p, namespace: n}
spec:
  containers:
  - name: main
    envFrom:
    - configMapRef: {name: all}
    - {prefix: P_, configMapRef: {name: all}}
    - configMapRef: {name: later}
    - secretRef: {name: nowhere, optional: true}
    env:
    - {name: LITERAL, value: text}
    - {name: TWICE, value: first}
    - {name: TWICE, value: second}
    - {name: REFERS, value: "$(LITERAL)-$(A)-$(TWICE)"}
    - {name: TOO_EARLY, value: "$(LATE)"}
    - {name: LATE, value: late}
    - {name: ESCAPED, value: "$$(LITERAL) $$$(LITERAL) $ $x $("}
    - {name: SERVICE, value: "http://$(REDIS_SERVICE_HOST)"}
    - {name: KEY, valueFrom: {configMapKeyRef: {name: all, key: A}}}
    - {name: SECRET, valueFrom: {secretKeyRef: {name: local, key: s}}}
    - {name: WITH_SECRET, value: "a$(SECRET)"}
    - {name: MISSING, valueFrom: {configMapKeyRef: {name: all, key: nothing}}}
    - {name: OPTIONAL, valueFrom: {configMapKeyRef: {name: all, key: nothing, optional: true}}}
    - {name: UNSEEN, valueFrom: {secretKeyRef: {name: far, key: k}}}
    - {name: WITH_UNSEEN, value: "a,$(UNSEEN),b"}
    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: EMPTY}
    volumeMounts:
    - {name: items, mountPath: /items}
    - {name: whole, mountPath: /whole/}
    - {name: whole, mountPath: /file, subPath: A}
    - {name: whole, mountPath: /whole/expr, subPathExpr: $(POD)}
    - {name: projected, mountPath: /projected}
    - {name: far, mountPath: /far}
    - {name: far-items, mountPath: /far-items}
    - {name: claim, mountPath: /claim}
    - {name: claim, mountPath: /items/deeper}
    - {name: without, mountPath: /without}
  volumes:
  - {name: items, configMap: {name: all, items: [{key: A, path: dir/a.txt}, {key: nothing, path: n}]}}
  - {name: whole, configMap: {name: all}}
  - name: projected
    projected:
      sources:
      - configMap: {name: all, items: [{key: A, path: a}]}
      - secret: {name: local, items: [{key: s, path: s}, {key: binary, path: b}]}
      - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
      - serviceAccountToken: {path: token}
  - {name: far, secret: {secretName: far}}
  - {name: far-items, secret: {secretName: far, items: [{key: k, path: k}]}}
  - {name: claim, persistentVolumeClaim: {claimName: c}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: all, namespace: n}
data: {A: from-all, B: from-all}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: later, namespace: n}
data: {B: from-later}
binaryData: {bin: YmluYXJ5}
---
apiVersion: v1
kind: Secret
metadata: {name: local, namespace: n, annotations: {config.kubernetes.io/local-config: "true"}}
data: {s: c2VjcmV0, binary: "not base64"}
stringData: {t: text}
`

func show(v Value, ok bool) string {
	switch {
	case !ok:
		return "not set"
	case v.Broken:
		return "broken"
	case !v.Known:
		return "hidden " + v.Text
	case v.Secret:
		return "secret: " + v.Text
	}
	return v.Text
}

// TestEnvironment makes the environment as the kubelet does.
func TestEnvironment(t *testing.T) {
	list := items(t, strings.Split(sources, "---\n")...)
	c := Workloads(list)[0].Containers()[0]
	env := c.Environment(list)
	got := map[string]string{}
	for _, name := range env.Names() {
		got[name] = show(env.Get(name))
	}
	want := map[string]string{
		"A": "from-all", "B": "from-later", "P_A": "from-all", "P_B": "from-all",
		"LITERAL": "text", "TWICE": "second", "REFERS": "text-from-all-second", "LATE": "late", "EMPTY": "",
		"TOO_EARLY": "hidden " + Hidden, // the Secret that is not in the list may set it
		"ESCAPED":   "$(LITERAL) $text $ $x $(",
		"SERVICE":   "hidden http://" + Hidden,
		"KEY":       "from-all", "SECRET": "secret: secret", "WITH_SECRET": "secret: asecret", "MISSING": "broken",
		"UNSEEN": "hidden " + Hidden, "WITH_UNSEEN": "hidden a," + Hidden + ",b", "POD": "hidden " + Hidden,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if v, ok := env.Get("ANYTHING"); !ok || v.Known || !v.Maybe || v.Unseen[0].Name != "nowhere" || v.Unseen[0].Key != "ANYTHING" {
		t.Errorf("a variable that may be set elsewhere: %v %t", v, ok)
	}
	if v, _ := env.Get("WITH_UNSEEN"); len(v.Unseen) != 1 || v.Unseen[0].Name != "far" || v.Unseen[0].Key != "k" {
		t.Errorf("unseen are %v", v.Unseen)
	}
	if got := show((Environment{}).Expand("$(NOBODY)"), true); got != "$(NOBODY)" {
		t.Errorf("a variable that nobody sets becomes %s", got)
	}
}

// TestAt finds what a container finds at a path.
func TestAt(t *testing.T) {
	list := items(t, strings.Split(sources, "---\n")...)
	c := Workloads(list)[0].Containers()[0]
	for file, want := range map[string]string{
		"/items/dir/a.txt": "present from-all", "/items/dir/../dir/a.txt": "present from-all", "/items/a.txt": "absent", "/items/n": "present broken",
		"/items/deeper/x": "unsure", "/items/deep": "absent",
		"/whole/A": "present from-all", "/whole/C": "absent", "/whole": "absent", "/whole/expr": "unsure",
		"/file": "present from-all", "/file/A": "absent",
		"/projected/a": "present from-all", "/projected/s": "present secret: secret", "/projected/b": "present hidden " + Hidden,
		"/projected/labels": "present hidden " + Hidden, "/projected/token": "present hidden " + Hidden, "/projected/x": "absent",
		"/far/x": "unsure", "/far-items/k": "present hidden " + Hidden, "/far-items/x": "absent",
		"/claim/x": "unsure", "/without/x": "absent", "/image": "absent",
	} {
		p := c.At(list, file)
		got := map[State]string{Absent: "absent", Present: "present", Unsure: "unsure"}[p.State]
		if p.State == Present {
			got += " " + show(p.Value, true)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
	var delivered []string
	for _, d := range c.Delivered(list) {
		delivered = append(delivered, d.Path)
	}
	want := []string{"/items/dir/a.txt", "/items/n", "/whole/A", "/whole/B", "/file", "/whole/expr/A", "/whole/expr/B",
		"/projected/a", "/projected/s", "/projected/b", "/projected/labels", "/projected/token", "/far-items/k"}
	if d := cmp.Diff(want, delivered); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestSources finds every reference of a pod.
func TestSources(t *testing.T) {
	list := items(t, strings.Split(sources, "---\n")...)
	var got []string
	for _, s := range Workloads(list)[0].Sources(list) {
		line := fmt.Sprint(s.Kind, " ", s.Name, "/", s.Key, " at ", s.Path[len(s.Path)-1])
		if s.Object == nil {
			line += " unseen"
		}
		if s.Optional {
			line += " optional"
		}
		got = append(got, line)
	}
	want := []string{
		"ConfigMap all/ at configMapRef", "ConfigMap all/ at configMapRef", "ConfigMap later/ at configMapRef", "Secret nowhere/ at secretRef unseen optional",
		"ConfigMap all/A at configMapKeyRef", "Secret local/s at secretKeyRef", "ConfigMap all/nothing at configMapKeyRef",
		"ConfigMap all/nothing at configMapKeyRef optional", "Secret far/k at secretKeyRef unseen",
		"ConfigMap all/A at 0", "ConfigMap all/nothing at 1", "ConfigMap all/ at configMap",
		"ConfigMap all/A at 0", "Secret local/s at 0", "Secret local/binary at 1",
		"Secret far/ at secret unseen", "Secret far/k at 0 unseen", "PersistentVolumeClaim c/ at claimName unseen",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestTemplateMount finds the volumes that a StatefulSet makes.
func TestTemplateMount(t *testing.T) {
	list := items(t, `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: s}
spec:
  template:
    spec:
      containers:
      - name: main
        volumeMounts: [{name: data, mountPath: /data}, {name: other, mountPath: /other}]
  volumeClaimTemplates: [{metadata: {name: data}}]
`)
	c := Workloads(list)[0].Containers()[0]
	for file, want := range map[string]bool{"/data": true, "/data/x": true, "/database": false, "/other": false} {
		if m, got := c.MountOf(file); got != want || got != m.Template {
			t.Errorf("%s: %t", file, got)
		}
	}
	if at := c.At(list, "/data/x"); at.State != Unsure {
		t.Errorf("%+v", at)
	}
}

// TestCandidates finds the volumes that a claim can be bound to.
func TestCandidates(t *testing.T) {
	const volumes = `apiVersion: v1
kind: PersistentVolume
metadata: {name: labelled, labels: {type: a, tier: "1"}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: plain}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: fast}
spec: {storageClassName: fast}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: reserved, labels: {type: a}}
spec: {claimRef: {name: mine, namespace: n}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: named, labels: {type: a}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: names, namespace: n}
spec: {volumeName: named}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME, namespace: n}
spec: SPEC
`
	for _, c := range []struct {
		name, spec string
		want       []string
	}{
		{"x", "{volumeName: fast, selector: {matchLabels: {type: a}}}", []string{"fast"}},
		{"x", "{volumeName: nowhere}", nil},
		{"x", "{selector: {matchLabels: {type: a}}}", []string{"labelled"}},
		{"x", "{selector: {matchLabels: {type: b}}}", nil},
		{"x", "{selector: {matchExpressions: [{key: type, operator: In, values: [a, b]}, {key: tier, operator: Exists}]}}", []string{"labelled"}},
		{"x", "{selector: {matchExpressions: [{key: type, operator: NotIn, values: [a]}]}}", []string{"plain", "fast"}},
		{"x", "{selector: {matchExpressions: [{key: type, operator: DoesNotExist}]}}", []string{"plain", "fast"}},
		{"x", "{selector: {matchExpressions: [{key: type, operator: Like}]}}", nil},
		{"x", `{storageClassName: ""}`, []string{"labelled", "plain"}},
		{"x", "{storageClassName: fast}", []string{"fast"}},
		{"x", "{}", nil}, // a default class makes one
		{"x, annotations: {volume.beta.kubernetes.io/storage-class: fast}", "{}", []string{"fast"}},
		{"x, annotations: {volume.beta.kubernetes.io/storage-class: fast}", `{storageClassName: ""}`, []string{"fast"}},
		{"mine", "{selector: {matchLabels: {type: a}}}", []string{"reserved"}},
	} {
		text := replaceAll(volumes, "NAME", c.name, "SPEC", c.spec)
		list := items(t, strings.Split(text, "---\n")...)
		b := NewBinder(list)
		claim := b.Claims[len(b.Claims)-1]
		var got []string
		for _, pv := range b.Candidates(claim) {
			got = append(got, pv.GetName())
		}
		for _, pv := range b.Volumes {
			if alone := len(got) == 1 && got[0] == pv.GetName(); b.Leads(claim, pv) != alone {
				t.Errorf("%s: leads to %s: %t", c.spec, pv.GetName(), !alone)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", c.spec, d)
		}
	}
}

// TestKeys finds what ConfigMaps and Secrets hold, and where.
func TestKeys(t *testing.T) {
	list := items(t, strings.Split(sources, "---\n")...)
	local := FindSource(list, "Secret", "n", "local")
	if local == nil || FindSource(list, "Secret", "other", "local") != nil {
		t.Fatal("the Secret is not found in its namespace")
	}
	if d := cmp.Diff([]string{"binary", "s", "t"}, Keys(local)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for key, want := range map[string]string{"t": "stringData.t", "s": "data.s", "nothing": "data.nothing"} {
		if got := KeyPath(local, key).String(); got != want {
			t.Errorf("%s is at %s", key, got)
		}
	}
	if FindSource(&framework.ResourceList{}, "ConfigMap", "n", "all") != nil || krm.Lookup(local, "data", "s") == nil {
		t.Error("something is found in nothing")
	}
}

func replaceAll(text string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}

// TestExpandLimit stops values that double with each variable.
func TestExpandLimit(t *testing.T) {
	env := "- {name: V0, value: '0123456789abcdef'}\n"
	for i := range 60 {
		env += fmt.Sprintf("    - {name: V%d, value: $(V%d)$(V%[2]d)}\n", i+1, i)
	}
	list := items(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    env:\n    "+env)
	v, ok := Workloads(list)[0].Containers()[0].Environment(list).Get("V60")
	if !ok || v.Known || len(v.Text) > 1<<23 {
		t.Errorf("%t, %d bytes", v.Known, len(v.Text))
	}
}
