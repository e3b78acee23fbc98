package meaning

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small is a Harbor of one part, with the chart's way of telling each thing.
const small = `
kind: Deployment
metadata: {name: harbor-registry}
spec:
  replicas: 2
  template:
    metadata:
      labels: {component: registry, app: harbor}
    spec:
      containers:
      - name: registry
        image: goharbor/registry-photon:v2.15.1
        env:
        - {name: URL, value: "redis://:pw@redis:6379/0"}
        envFrom:
        - configMapRef: {name: env}
        volumeMounts:
        - {name: config, mountPath: /etc/registry/config.yml, subPath: config.yml}
        - {name: key, mountPath: /etc/registry/key.json, subPath: key}
        - {name: data, mountPath: /storage}
      - name: jobservice
        volumeMounts:
        - {name: config, mountPath: /etc/jobservice/config.yml, subPath: jobs.yml}
      volumes:
      - {name: config, configMap: {name: config}}
      - {name: key, secret: {secretName: keys}}
      - {name: data, persistentVolumeClaim: {claimName: data}}
---
kind: ConfigMap
metadata: {name: env}
data: {LOG_LEVEL: info}
---
kind: ConfigMap
metadata: {name: config}
data:
  config.yml: |
    storage: {gcs: {keyfile: /etc/registry/key.json}}
    redis: {addr: "redis:6379", db: 2, password: pw}
  jobs.yml: |
    worker_pool: {redis_pool: {redis_url: "redis://:pw@redis:6379/1"}}
---
kind: Secret
metadata: {name: keys}
data: {key: e30=}
stringData: {password: pw, empty: ""}
---
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteMany], storageClassName: cephfs, resources: {requests: {storage: 5Gi}}}
---
kind: PodDisruptionBudget
metadata: {name: registry}
spec: {maxUnavailable: 1, selector: {matchLabels: {component: registry}}}
---
kind: Service
metadata: {name: harbor-registry}
spec:
  selector: {component: registry}
  ports:
  - {name: http, port: 5000}
---
kind: Ingress
metadata: {name: harbor}
spec:
  rules:
  - host: hub.example.com
`

// edit replaces text in small.
type edit []string

// passwordFromSecret brings the password with a variable of its own.
const passwordFromSecret = `
        - {name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: keys, key: password}}}
        - {name: URL, value: "redis://:$(REDIS_PASSWORD)@redis:6379/0"}`

func TestEqualWays(t *testing.T) {
	for name, e := range map[string]edit{
		"nothing":                     {},
		"password from a Secret":      {"\n        - {name: URL, value: \"redis://:pw@redis:6379/0\"}", passwordFromSecret},
		"ConfigMap in place of env":   {"\n        env:\n        - {name: URL, value: \"redis://:pw@redis:6379/0\"}", "", "{LOG_LEVEL: info}", `{LOG_LEVEL: info, URL: "redis://:pw@redis:6379/0"}`},
		"env beats envFrom":           {"{LOG_LEVEL: info}", "{LOG_LEVEL: info, URL: other}"},
		"an empty variable":           {"{LOG_LEVEL: info}", `{LOG_LEVEL: info, HTTP_PROXY: ""}`},
		"variable over a field":       {"password: pw}\n", "password: old}\n", "        - {name: URL", "        - {name: REGISTRY_REDIS_PASSWORD, value: pw}\n        - {name: URL"},
		"variable in place of a file": {"redis_url: \"redis://:pw@redis:6379/1\"", "", "- name: jobservice\n", "- name: jobservice\n        env:\n        - {name: JOB_SERVICE_POOL_REDIS_URL, value: \"redis://:pw@redis:6379/1\"}\n"},
		"fields that say nothing":     {"password: pw}\n", "password: pw, username: \"\", enableTLS: false}\n"},
		"a key file elsewhere":        {"/etc/registry/key.json", "/etc/gcs/key"},
		"layout of a config":          {"redis: {addr: \"redis:6379\", db: 2, password: pw}", "# all in all\n    redis:\n      db: 2\n      addr: redis:6379\n      password: \"pw\""},
		"another budget":              {"maxUnavailable: 1,", "minAvailable: 50%,"},
		"selector of other labels":    {"selector: {component: registry}", "selector: {app: harbor}"},
		"name of a claim":             {"claimName: data", "claimName: images", "kind: PersistentVolumeClaim\nmetadata: {name: data}", "kind: PersistentVolumeClaim\nmetadata: {name: images}"},
		"name of a ConfigMap":         {"{name: env}", "{name: environment}"},
		"a default":                   {"{name: http, port: 5000}", "{name: http, port: 5000, protocol: TCP}"},
		"labels and name":             {"{name: harbor-registry}\nspec:\n  replicas", "{name: prod-registry}\nspec:\n  replicas"},
	} {
		t.Run(name, func(t *testing.T) {
			if d := lines(t, e); d != nil {
				t.Errorf("this should mean the same:\n%s", strings.Join(d, "\n"))
			}
		})
	}
}

func TestDifferences(t *testing.T) {
	const config, mount = "registry > registry files > /etc/registry/config.yml > ", "registry > registry mount /storage > "
	for _, test := range []struct {
		edit
		want []string
	}{
		{edit{"replicas: 2", "replicas: 3"}, []string{"registry > replicas: got 3, want 2"}},
		{edit{"info", "debug"}, []string{"registry > registry env > LOG_LEVEL: got debug, want info"}},
		{edit{"value: \"redis://:pw@", "value: \"redis://"}, []string{"registry > registry env > URL: got redis://redis:6379/0, want redis://:pw@redis:6379/0"}},
		{edit{"value: \"redis://:pw@", "value: \"redis://:$(NO)@"}, []string{"registry > registry env > URL: got redis://:$(NO)@redis:6379/0, want redis://:pw@redis:6379/0"}},
		{edit{"value: \"redis://:pw@", "value: \"redis://:$$(PW)@"}, []string{"registry > registry env > URL: got redis://:$(PW)@redis:6379/0, want redis://:pw@redis:6379/0"}},
		{edit{"\n        - {name: URL, value: \"redis://:pw@redis:6379/0\"}", passwordFromSecret, "key: password", "key: empty"},
			[]string{"registry > registry env > URL: got redis://:@redis:6379/0, want redis://:pw@redis:6379/0"}},
		{edit{"\n        - {name: URL, value: \"redis://:pw@redis:6379/0\"}", passwordFromSecret, "name: keys, key", "name: gone, key"},
			[]string{"registry > registry env > URL: got redis://:(password of Secret gone)@redis:6379/0, want redis://:pw@redis:6379/0"}},
		{edit{"\n        - {name: URL, value: \"redis://:pw@redis:6379/0\"}", passwordFromSecret, "key: password", "key: missing"},
			[]string{"registry > registry env > URL: got redis://:(no key missing)@redis:6379/0, want redis://:pw@redis:6379/0"}},
		{edit{"configMapRef: {name: env}", "configMapRef: {name: gone}"}, []string{
			"registry > registry env > (all of ConfigMap gone): got not contained, want -", "registry > registry env > LOG_LEVEL: got -, want info"}},
		{edit{"        - {name: URL", "        - {name: REGISTRY_REDIS_DB, value: '3'}\n        - {name: URL"}, []string{config + "redis > db: got 3, want 2"}},
		{edit{"        - {name: URL", "        - {name: REGISTRY_STORAGE_S3_BUCKET, value: b}\n        - {name: URL"}, []string{config + "storage > s3 > bucket: got b, want -"}},
		{edit{"password: pw}\n", "password: pw, enableTLS: true}\n"}, []string{config + "redis > enableTLS: got true, want -"}},
		{edit{"e30=", "e30K"}, []string{config + "storage > gcs > keyfile: got file: {}\n, want file: {}"}},
		{edit{"6379/1", "6379/3"}, []string{
			"registry > jobservice files > /etc/jobservice/config.yml > worker_pool > redis_pool > redis_url: got redis://:pw@redis:6379/3, want redis://:pw@redis:6379/1"}},
		{edit{"subPath: config.yml", "subPath: config.yaml"}, []string{
			config + "redis > addr: got -, want redis:6379", config + "redis > db: got -, want 2", config + "redis > password: got -, want pw",
			config + "storage > gcs > keyfile: got -, want file: {}", "registry > registry files > /etc/registry/key.json: got {}, want -"}},
		{edit{"[ReadWriteMany]", "[ReadWriteOnce]"}, []string{mount + "claim > modes > 0: got ReadWriteOnce, want ReadWriteMany"}},
		{edit{"cephfs", "rbd"}, []string{mount + "claim > class: got rbd, want cephfs"}},
		{edit{"5Gi", "1Gi"}, []string{mount + "claim > size: got 1Gi, want 5Gi"}},
		{edit{"mountPath: /storage", "mountPath: /storage, subPath: images"}, []string{mount + "subPath: got images, want -"}},
		{edit{"persistentVolumeClaim: {claimName: data}", "emptyDir: {}"}, []string{
			mount + "claim > class: got -, want cephfs", mount + "claim > modes > 0: got -, want ReadWriteMany", mount + "claim > size: got -, want 5Gi",
			mount + "claim > whose: got -, want own", mount + "emptyDir: got map[], want -"}},
		{edit{"v2.15.1", "v2.15.2"}, []string{"registry > registry > image: got goharbor/registry-photon:v2.15.2, want goharbor/registry-photon:v2.15.1"}},
		{edit{"    spec:\n", "    spec:\n      topologySpreadConstraints: [{maxSkew: 1}]\n"}, []string{"registry > spread: got true, want false"}},
		{edit{"maxUnavailable: 1", "maxUnavailable: 0"}, []string{"registry > budget: got blocks, want yes"}},
		{edit{"maxUnavailable: 1", "minAvailable: 2"}, []string{"registry > budget: got blocks, want yes"}},
		{edit{"matchLabels: {component", "matchLabels: {part"}, []string{"registry > budget: got none, want yes"}},
		{edit{"selector: {component: registry}", "selector: {component: core}"}, []string{"Service harbor-registry > selector: got , want registry"}},
		{edit{"port: 5000", "port: 5001"}, []string{"Service harbor-registry > ports > 0 > port: got 5001, want 5000"}},
		{edit{"component: registry, app", "component: core, app"}, []string{
			"Service harbor-registry > selector: got , want registry", "core: got contained, want -", "registry: got -, want contained"}},
		{edit{"kind: Service", "kind: Secret"}, []string{"Service harbor-registry: got -, want contained"}},
		{edit{"hub.example.com", "hub"}, []string{"Ingress harbor > rules > 0 > host: got hub, want hub.example.com"}},
	} {
		t.Run(fmt.Sprint(test.edit), func(t *testing.T) {
			if d := cmp.Diff(test.want, lines(t, test.edit)); d != "" {
				t.Errorf("differences (-want +got):\n%s", d)
			}
		})
	}
}

// lines are the differences that an edit of small makes.
func lines(t *testing.T, e edit) []string {
	t.Helper()
	text := small
	for i := 0; i < len(e); i += 2 {
		if !strings.Contains(text, e[i]) {
			t.Fatalf("there is no %q", e[i])
		}
		text = strings.ReplaceAll(text, e[i], e[i+1])
	}
	got, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Parse(small)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range Compare(got, want) {
		all = append(all, d.String())
	}
	return all
}
