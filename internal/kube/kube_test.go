package kube

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// pod is the template of a pod with a container and an init container.
const pod = `metadata:
  labels: {app: x}
spec:
  containers:
  - name: main
    image: example.com/main:1
  initContainers:
  - name: prepare
    image: example.com/prepare:1
`

// TestWorkloads finds the pods of every kind.
func TestWorkloads(t *testing.T) {
	template := func(under string) string {
		indented := strings.ReplaceAll("\n"+strings.TrimSpace(pod), "\n", "\n"+strings.Repeat(" ", 2*strings.Count(under, ":")))
		return under + indented
	}
	for _, c := range []struct {
		apiVersion, kind, more string
		replicated             bool
	}{
		{"v1", "ReplicationController", template("spec:\n  template:"), true},
		{"apps/v1", "Deployment", template("spec:\n  template:"), true},
		{"extensions/v1beta1", "Deployment", template("spec:\n  template:"), true},
		{"apps/v1", "ReplicaSet", template("spec:\n  template:"), true},
		{"apps/v1", "StatefulSet", template("spec:\n  template:"), true},
		{"apps/v1", "DaemonSet", template("spec:\n  template:"), false},
		{"batch/v1", "Job", template("spec:\n  template:"), false},
		{"batch/v1", "CronJob", template("spec:\n  jobTemplate:\n    spec:\n      template:"), false},
		{"v1", "PodTemplate", template("template:"), false},
	} {
		t.Run(c.apiVersion+" "+c.kind, func(t *testing.T) {
			list := items(t, fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n  name: w\n  labels: {app: other}\n%s", c.apiVersion, c.kind, c.more))
			workloads := Workloads(list)
			if len(workloads) != 1 || workloads[0].Replicated() != c.replicated {
				t.Fatalf("%d workloads", len(workloads))
			}
			if d := cmp.Diff(map[string]string{"app": "x"}, workloads[0].PodLabels()); d != "" {
				t.Errorf("labels -want +got:\n%s", d)
			}
			var got []string
			for _, c := range workloads[0].Containers() {
				got = append(got, fmt.Sprint(c.Name, " ", c.Image(), " ", c.Init))
			}
			if d := cmp.Diff([]string{"main example.com/main:1 false", "prepare example.com/prepare:1 true"}, got); d != "" {
				t.Errorf("containers -want +got:\n%s", d)
			}
			// The path of a container leads to it.
			container := workloads[0].Containers()[1]
			if err := krm.Set(list, container.RNode, "new", container.Path.Append("image")...); err != nil || container.Image() != "new" {
				t.Errorf("image %q, %v", container.Image(), err)
			}
		})
	}

	bare := items(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: x}}\nspec: {containers: [{name: main}]}\n")
	if w := Workloads(bare); len(w) != 1 || w[0].PodLabels()["app"] != "x" || len(w[0].Containers()) != 1 {
		t.Error("a bare pod")
	}
	for name, other := range map[string]string{
		"another group": "apiVersion: example.com/v1\nkind: Deployment\nmetadata: {name: w}\n",
		"another kind":  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: w}\n",
		"for tools":     "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w, annotations: {config.kubernetes.io/local-config: 'true'}}\n",
	} {
		if n := len(Workloads(items(t, other))); n != 0 {
			t.Errorf("%s: %d workloads", name, n)
		}
	}
	// What is missing or of a strange type is not there.
	for _, spec := range []string{"{}", "text", "{template: }", "{template: {spec: [a]}}", "{template: {spec: {containers: {a: b}}}}", "{template: {metadata: {labels: [a]}, spec: {containers: [], volumes: [a, {name: [b]}]}}}"} {
		list := items(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: "+spec+"\n")
		w := Workloads(list)[0]
		if len(w.Containers())+len(w.PodLabels())+len(w.Claims())+len(Services(list, w)) != 0 {
			t.Errorf("%s: something is found", spec)
		}
	}
	list := items(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: w}\nspec: {containers: [text, {name: b, env: [text, {value: x}], volumeMounts: text}]}\n")
	for _, c := range Workloads(list)[0].Containers() {
		if _, ok := c.Env("A"); ok || len(c.Mounts())+len(c.Delivered(list)) != 0 {
			t.Errorf("%s: something is found", c.Name)
		}
	}
}

func TestEnv(t *testing.T) {
	list := items(t, `apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: main
    env:
    - {name: TWICE, value: first}
    - {name: LITERAL, value: x}
    - name: MAP # comment
      valueFrom: {configMapKeyRef: {name: config, key: key}}
    - name: SECRET
      valueFrom: {secretKeyRef: {name: secret, key: key}}
    - {name: TWICE, value: last}
  - name: none
`)
	main, none := Workloads(list)[0].Containers()[0], Workloads(list)[0].Containers()[1]

	// The last of several wins, as for the kubelet.
	if path, ok := main.Env("TWICE"); !ok || krm.Text(main.RNode, path.Append("value")...) != "last" {
		t.Error("TWICE is", path)
	}
	if _, ok := none.Env("TWICE"); ok {
		t.Error("none has a variable")
	}
	for name, want := range map[string]string{"MAP": "ConfigMap config/key at 2", "SECRET": "Secret secret/key at 3", "LITERAL": " / at 1", "TWICE": " / at 4"} {
		v, _ := main.Environment(list).Get(name)
		if got := fmt.Sprint(v.Source.Kind, " ", v.Source.Name, "/", v.Source.Key, " at ", v.Entry[len(v.Entry)-1]); got != want {
			t.Errorf("%s comes from %s, want %s", name, got, want)
		}
	}
	if v, ok := main.Environment(list).Get("MISSING"); ok || v.Entry != nil || v.Source.Kind != "" {
		t.Errorf("MISSING is %v", v)
	}

	// value and valueFrom never stand together.
	for _, entry := range []*yaml.Node{
		krm.Map("name", "MAP", "value", "y"),
		krm.Map("name", "LITERAL", "valueFrom", krm.Map("secretKeyRef", krm.Map("name", "a", "key", "b"))),
		krm.Map("name", "NEW", "value", "z"),
		krm.Map("name", "TWICE", "value", "once"),
	} {
		if err := main.SetEnv(list, entry); err != nil {
			t.Fatal(err)
		}
	}
	if err := none.SetEnv(list, krm.Map("name", "FIRST", "value", "1")); err != nil {
		t.Fatal(err)
	}
	main.RemoveEnv(list, "SECRET")
	main.RemoveEnv(list, "MISSING")
	want := `- name: LITERAL
  valueFrom:
    secretKeyRef:
      name: a
      key: b
- name: MAP
  value: "y"
- name: TWICE
  value: once
- name: NEW
  value: z
`
	var got []map[string]any
	if err := krm.Lookup(main.RNode, main.Path.Append("env")...).Decode(&got); err != nil {
		t.Fatal(err)
	}
	var wanted []map[string]any
	if err := yaml.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(wanted, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if path, ok := none.Env("FIRST"); !ok || path[len(path)-1] != 0 {
		t.Error("FIRST is not the first")
	}
}

// TestCalled finds objects by the names that references hold, while kustomize
// has renamed the objects already.
func TestCalled(t *testing.T) {
	const renamed = "internal.config.kubernetes.io/previousNames: 'config,b-config', internal.config.kubernetes.io/previousNamespaces: 'default,other'"
	for _, c := range []struct {
		metadata, namespace, name string
		want                      bool
	}{
		{"name: config", "", "config", true},
		{"name: config", "", "other", false},
		{"name: config", "a", "config", false},
		{"name: config, namespace: a", "a", "config", true},
		{"name: config, namespace: a", "", "config", false},
		{"name: a-b-config, annotations: {" + renamed + "}", "", "config", true},
		{"name: a-b-config, annotations: {" + renamed + "}", "", "b-config", true},
		{"name: a-b-config, annotations: {" + renamed + "}", "", "a-b-config", true},
		{"name: a-b-config, annotations: {" + renamed + "}", "", "c-config", false},
		{"name: a-b-config, namespace: n, annotations: {" + renamed + "}", "n", "config", true},
		{"name: a-b-config, namespace: n, annotations: {" + renamed + "}", "", "config", true}, // was in default
		{"name: a-b-config, namespace: n, annotations: {" + renamed + "}", "other", "b-config", true},
		{"name: a-b-config, namespace: n, annotations: {" + renamed + "}", "other", "config", false},
		{"name: x, annotations: {internal.config.kubernetes.io/previousNames: ''}", "", "", false},
	} {
		obj := yaml.MustParse("apiVersion: v1\nkind: ConfigMap\nmetadata: {" + c.metadata + "}\n")
		if got := Called(obj, c.namespace, c.name); got != c.want {
			t.Errorf("%s called %s/%s: %t", c.metadata, c.namespace, c.name, got)
		}
	}

	list := items(t,
		"apiVersion: v1\nkind: Secret\nmetadata: {name: config}\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, annotations: {config.kubernetes.io/local-config: 'true'}}\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p-config, annotations: {internal.config.kubernetes.io/previousNames: config}}\n")
	if obj := Find(list, "ConfigMap", "", "config"); obj == nil || obj.GetName() != "p-config" {
		t.Errorf("found %v", obj)
	}
	if Find(list, "ConfigMap", "n", "config") != nil {
		t.Error("found in another namespace")
	}
}

// TestReaders asks which ConfigMap, and which key of it, pods read, and as what.
func TestReaders(t *testing.T) {
	config := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p-config, annotations: {internal.config.kubernetes.io/previousNames: config}}\n"
	for _, c := range []struct {
		spec     string
		any      bool
		key, not []string // what reads key, and another key
	}{
		{"containers: [{env: [{name: A, valueFrom: {configMapKeyRef: {name: config, key: key}}}]}]", true, []string{"A"}, nil},
		{"initContainers: [{env: [{name: A, valueFrom: {configMapKeyRef: {name: p-config, key: key}}}]}]", true, []string{"A"}, nil},
		{"containers: [{env: [{name: A, valueFrom: {configMapKeyRef: {name: other, key: key}}}]}]", false, nil, nil},
		{"containers: [{env: [{name: A, valueFrom: {secretKeyRef: {name: config, key: key}}}]}]", false, nil, nil},
		{"containers: [{envFrom: [{configMapRef: {name: config}}]}]", true, []string{"key"}, []string{"not"}},
		{"containers: [{envFrom: [{prefix: P_, configMapRef: {name: config}}]}]", true, []string{"P_key"}, []string{"P_not"}},
		{"containers: [{envFrom: [{configMapRef: {name: config}}], env: [{name: key, value: x}]}]", true, nil, []string{"not"}},
		{"containers: [{envFrom: [{prefix: P_, configMapRef: {name: config}}], env: [{name: key, value: x}]}]", true, []string{"P_key"}, []string{"P_not"}},
		{"volumes: [{name: v, configMap: {name: config}}]", true, []string{"file "}, []string{"file "}},
		{"volumes: [{name: v, configMap: {name: config, items: [{key: key, path: p}]}}]", true, []string{"file p"}, nil},
		{"volumes: [{name: v, configMap: {name: other}}]", false, nil, nil},
		{"volumes: [{name: v, projected: {sources: [{secret: {name: config}}, {configMap: {name: config}}]}}]", true, []string{"file "}, []string{"file "}},
		{"containers: [{name: config}]", false, nil, nil},
		{"%s, containers: [{volumeMounts: [{name: v, mountPath: /a, subPath: key}]}]", true, []string{"file "}, nil},
		{"%s, containers: [{volumeMounts: [{name: v, mountPath: /a, subPath: ./key/}]}]", true, []string{"file "}, nil},
		{"%s, containers: [{volumeMounts: [{name: v, mountPath: /a, subPath: ke}]}]", true, nil, nil},
		{"%s, containers: [{volumeMounts: [{name: v, mountPath: /a}]}]", true, []string{"file "}, []string{"file "}},
		{"%s, containers: [{volumeMounts: [{name: v, mountPath: /a, subPathExpr: $(A)}]}]", true, []string{"file "}, []string{"file "}},
		{"%s, initContainers: [{volumeMounts: [{name: v, mountPath: /a, subPath: key}, {name: v, mountPath: /b}]}]", true, []string{"file "}, []string{"file "}},
		{"%s, containers: [{volumeMounts: [{name: w, mountPath: /a, subPath: other}]}]", true, []string{"file "}, []string{"file "}},
		{"volumes: [{name: v, configMap: {name: config, items: [{key: key, path: d/p}]}}], containers: [{volumeMounts: [{name: v, mountPath: /a, subPath: d}]}]", true, []string{"file d/p"}, nil},
	} {
		c.spec = strings.Replace(c.spec, "%s", "volumes: [{name: v, configMap: {name: config}}]", 1)
		list := items(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {"+c.spec+"}\n", config)
		if got := Workloads(list)[0].Reads(list.Items[1], ""); got != c.any {
			t.Errorf("%s reads it: %t", c.spec, got)
		}
		for key, want := range map[string][]string{"key": c.key, "not": c.not} {
			var got []string
			for _, r := range Readers(list, list.Items[1], key) {
				got = append(got, strings.TrimSuffix(r.String(), " of Pod p"))
			}
			if d := cmp.Diff(want, got); d != "" || IsRead(list, list.Items[1], key) != (len(want) > 0) {
				t.Errorf("%s: readers of %s -want +got:\n%s", c.spec, key, d)
			}
		}
	}
	list := items(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n}\nspec: {volumes: [{name: v, configMap: {name: config}}]}\n", config)
	if IsRead(list, list.Items[1], "") {
		t.Error("a ConfigMap of another namespace is read")
	}
}

func TestClaims(t *testing.T) {
	list := items(t, "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: w}\nspec: {jobTemplate: {spec: {template: {spec: {volumes: [{name: a, emptyDir: {}}, {name: b, persistentVolumeClaim: {claimName: data}}, {name: c, persistentVolumeClaim: {claimName: log}}]}}}}}\n",
		"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: p-data, annotations: {internal.config.kubernetes.io/previousNames: data}}\n",
		"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: another}\n",
		"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: log, namespace: n}\n")
	w := Workloads(list)[0]
	var claims []string
	for _, p := range w.Claims() {
		claims = append(claims, p.String()+" "+krm.Text(w.RNode, p...))
	}
	want := []string{
		"spec.jobTemplate.spec.template.spec.volumes[1].persistentVolumeClaim.claimName data",
		"spec.jobTemplate.spec.template.spec.volumes[2].persistentVolumeClaim.claimName log",
	}
	if d := cmp.Diff(want, claims); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if !w.Uses(list.Items[1]) || w.Uses(list.Items[2]) || w.Uses(list.Items[3]) {
		t.Error("the wrong claims are used")
	}
}

func TestServices(t *testing.T) {
	service := func(name, more string) string {
		return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {selector: " + more + "}\n"
	}
	list := items(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w, labels: {app: y}}\nspec: {template: {metadata: {labels: {app: x, tier: web}}}}\n",
		service("one", "{app: x}"), service("both", "{app: x, tier: web}"),
		service("too-much", "{app: x, tier: db}"), service("wrong", "{app: y}"), service("all", "{}"), service("none", ""),
		strings.Replace(service("namespace", "{app: x}"), "{name: ", "{namespace: n, name: ", 1),
		strings.Replace(service("kind", "{app: x}"), "Service", "Endpoints", 1),
		strings.Replace(service("tools", "{app: x}"), "name: tools", "name: tools, annotations: {config.kubernetes.io/local-config: 'true'}", 1))
	var got []string
	for _, obj := range Services(list, Workloads(list)[0]) {
		got = append(got, obj.GetName())
	}
	if d := cmp.Diff([]string{"one", "both"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestVolume finds the volume that is meant for a claim.
func TestVolume(t *testing.T) {
	volume := func(name, labels, spec string) string {
		return "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: " + name + ", labels: {" + labels + "}}\nspec: {" + spec + "}\n"
	}
	for name, c := range map[string]struct {
		claim   string // metadata and spec
		volumes []string
		want    string
	}{
		"volumeName":                {"metadata: {name: c}\nspec: {volumeName: b}", []string{volume("a", "", ""), volume("b", "", "")}, "b"},
		"volumeName wins":           {"metadata: {name: c}\nspec: {volumeName: b, selector: {matchLabels: {x: y}}}", []string{volume("a", "x: y", ""), volume("b", "", "")}, "b"},
		"volumeName elsewhere":      {"metadata: {name: c}\nspec: {volumeName: z, selector: {matchLabels: {x: y}}}", []string{volume("a", "x: y", "")}, ""},
		"volumeName before renamed": {"metadata: {name: c}\nspec: {volumeName: b}", []string{strings.Replace(volume("p-b", "", ""), "labels: {}", "annotations: {internal.config.kubernetes.io/previousNames: b}", 1)}, "p-b"},
		"selector":                  {"metadata: {name: c}\nspec: {selector: {matchLabels: {x: y}}}", []string{volume("a", "x: z", ""), volume("b", "x: y, more: z", "")}, "b"},
		"selector of several":       {"metadata: {name: c}\nspec: {selector: {matchLabels: {x: y}}}", []string{volume("b", "x: y", ""), volume("c", "x: y", "")}, "PersistentVolumeClaim c spec.selector: fits each of the PersistentVolumes b, c, which one is chance: set volumeName"},
		"selector with expressions": {"metadata: {name: c}\nspec: {selector: {matchLabels: {x: y}, matchExpressions: [{key: z, operator: Exists}]}}", []string{volume("a", "x: y", ""), volume("b", "x: y, z: z", "")}, "b"},
		"expressions alone":         {"metadata: {name: c}\nspec: {selector: {matchExpressions: [{key: x, operator: In, values: [y, z]}]}}", []string{volume("a", "x: a", ""), volume("b", "x: y", "")}, "b"},
		"empty selector":            {"metadata: {name: c}\nspec: {selector: {}}", []string{volume("a", "x: y", "")}, ""},
		"class of a volume":         {"metadata: {name: c}\nspec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}", []string{volume("a", "", "capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]"), volume("b", "", "storageClassName: fast, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]")}, "b"},
		"old class of a volume":     {"metadata: {name: c, annotations: {volume.beta.kubernetes.io/storage-class: fast}}\nspec: {storageClassName: '', accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}", []string{volume("a", "", "capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]"), volume("b", "", "storageClassName: fast, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]")}, "b"},
		"too small":                 {"metadata: {name: c}\nspec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}", []string{volume("b", "", "storageClassName: fast, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]")}, ""},
		"class of several":          {"metadata: {name: c}\nspec: {storageClassName: '', accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}", []string{volume("a", "", "capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]"), volume("b", "", "capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]")}, ""},
		"class, for another claim":  {"metadata: {name: c}\nspec: {storageClassName: '', accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}", []string{volume("a", "", "capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]"), "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: d}\nspec: {storageClassName: '', accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"}, ""},
		"claimRef":                  {"metadata: {name: c, namespace: n}\nspec: {}", []string{volume("a", "", "claimRef: {name: c, namespace: m}"), volume("b", "", "claimRef: {name: c, namespace: n}")}, "b"},
		"claimRef wins":             {"metadata: {name: c}\nspec: {selector: {matchLabels: {x: y}}}", []string{volume("a", "x: y", ""), volume("b", "", "claimRef: {name: c}")}, "b"},
		"claimRef of another claim": {"metadata: {name: c}\nspec: {selector: {matchLabels: {x: y}}}", []string{volume("a", "x: y", "claimRef: {name: d}"), volume("b", "x: y", "")}, "b"},
		"claimRef before renamed":   {"metadata: {name: p-c, annotations: {internal.config.kubernetes.io/previousNames: c}}\nspec: {}", []string{volume("a", "", "claimRef: {name: c}")}, "a"},
		"for tools":                 {"metadata: {name: c}\nspec: {selector: {matchLabels: {x: y}}}", []string{strings.Replace(volume("a", "x: y", ""), "name: a", "name: a, annotations: {config.kubernetes.io/local-config: 'true'}", 1)}, ""},
		"nothing":                   {"metadata: {name: c}", []string{volume("a", "x: y", "")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			list := items(t, append(c.volumes, "apiVersion: v1\nkind: PersistentVolumeClaim\n"+c.claim+"\n")...)
			got := ""
			pv, err := NewBinder(list).Volume(list.Items[len(list.Items)-1])
			switch {
			case err != nil:
				got = err.Error()
			case pv != nil:
				got = pv.GetName()
			}
			if got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func items(t testing.TB, docs ...string) *framework.ResourceList {
	t.Helper()
	list := &framework.ResourceList{}
	for _, doc := range docs {
		obj, err := yaml.Parse(doc)
		if err != nil {
			t.Fatal(err)
		}
		list.Items = append(list.Items, obj)
	}
	return list
}

// TestCallers finds who refers to a Service by its host name.
func TestCallers(t *testing.T) {
	for _, c := range []struct {
		namespace, spec string
		want            bool
	}{
		{"n", "containers: [{env: [{name: MYSQL_HOST, value: mysql}]}]", true},
		{"n", "containers: [{env: [{name: MYSQL_HOST, value: mysql.n}]}]", true},
		{"n", "containers: [{env: [{name: DATABASE_ADDR, value: 'mysql.n.svc.cluster.local:3306'}]}]", true},
		{"n", "containers: [{env: [{name: X, value: 'mysql:3306'}]}]", true},
		{"n", "containers: [{env: [{name: X, value: 'mysql://user:a@mysql/db'}]}]", true},
		{"n", "containers: [{env: [{name: X, value: 'user@tcp(mysql)/db'}]}]", true},
		{"n", "containers: [{env: [{name: X, value: earlier.n.svc}]}]", true},
		{"n", "containers: [{args: [--host, mysql]}]", true},
		{"n", "initContainers: [{command: [sh, -c, 'mysqladmin -h mysql ping']}]", true},
		{"n", "containers: [{env: [{name: DB_HOST, valueFrom: {configMapKeyRef: {name: c, key: db}}}]}]", true},
		{"n", "containers: [{env: [{name: X, valueFrom: {secretKeyRef: {name: s, key: dsn}}}]}]", true},
		{"n", "containers: [{envFrom: [{secretRef: {name: s}}]}]", true},
		{"n", "volumes: [{name: v, secret: {secretName: s}}]", true},
		{"n", "volumes: [{name: v, configMap: {name: c, items: [{key: file, path: p}]}}]", true},
		{"m", "containers: [{env: [{name: MYSQL_HOST, value: mysql.n}]}]", true},

		{"m", "containers: [{env: [{name: MYSQL_HOST, value: mysql}]}]", false},
		{"m", "containers: [{env: [{name: MYSQL_HOST, value: 'mysql:3306'}]}]", false},
		{"n", "containers: [{env: [{name: MYSQL_HOST, value: mysql.example.com}]}]", false},
		{"n", "containers: [{env: [{name: MYSQL_HOST, value: mysql-2}]}]", false},
		{"n", "containers: [{env: [{name: MYSQL_HOST, value: my.mysql}]}]", false},
		{"n", "containers: [{env: [{name: DATABASE_TYPE, value: mysql}]}]", false},
		{"n", "containers: [{env: [{name: DB_URL, value: 'mysql://other:3306/db'}]}]", false},
		{"", "containers: [{env: [{name: X, value: 'mysql://user:a@mysql.default/db'}]}]", true},
		{"", "containers: [{env: [{name: X, value: mysql.n.svc}]}]", true},
		{"", "containers: [{env: [{name: MYSQL_HOST, value: mysql.lan}]}]", false},
		{"n", "containers: [{args: [--datadir=/var/lib/mysql, mysql]}]", false},
		{"n", "containers: [{args: [--db, mysql]}]", true},
		{"n", "containers: [{args: [--db=mysql]}]", true},
		{"n", "containers: [{command: [mysqld, --user=mysql]}]", false},
		{"n", "containers: [{args: [--type, mysql]}]", false},
		{"n", "containers: [{name: mysql, image: mysql, volumeMounts: [{name: v, mountPath: /var/lib/mysql}]}]", false},
		{"n", "volumes: [{name: v, configMap: {name: c, items: [{key: other, path: p}]}}]", false},
		{"n", "containers: [{env: [{name: X, valueFrom: {configMapKeyRef: {name: c, key: db}}}]}]", false},
	} {
		in := "n"
		if c.namespace == "" {
			in = "" // as in manifests that kubectl --namespace applies
		}
		list := items(t,
			"apiVersion: v1\nkind: Service\nmetadata: {name: mysql, namespace: "+in+", annotations: {internal.config.kubernetes.io/previousNames: earlier}}\n",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: n}\ndata: {db: mysql, file: \"a: b\\n  host: mysql\\n\", other: \"driver: mysql\"}\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\ndata: {dsn: cm9vdEBteXNxbDozMzA2}\n", // root@mysql:3306
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: "+c.namespace+"}\nspec: {"+c.spec+"}\n")
		if got := len(Callers(list, list.Items[0])) == 1; got != c.want {
			t.Errorf("%s refers to it: %t", c.spec, got)
		}
	}
}
