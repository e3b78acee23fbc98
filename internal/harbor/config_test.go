package harbor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// TestAssignment refuses to change what another setting reads from the same key,
// and writes what several read as one and the same.
func TestAssignment(t *testing.T) {
	const manifests = `apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {user: old, host: old, password: old, file: old, K: old}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: admin}
spec:
  template:
    spec:
      containers:
      - name: a
        image: vmware/harbor-adminserver:v1.2.0
        env:
        - {name: MYSQL_USR, valueFrom: {configMapKeyRef: {name: c, key: user}}}
        - {name: MYSQL_DATABASE, valueFrom: {configMapKeyRef: {name: c, key: user}}}
        - {name: MYSQL_HOST, valueFrom: {configMapKeyRef: {name: c, key: host}}}
        - {name: MYSQL_PWD, valueFrom: {configMapKeyRef: {name: c, key: password}}}
        - {name: FILE, valueFrom: {configMapKeyRef: {name: c, key: file}}}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: mysql}
spec:
  template:
    spec:
      containers:
      - name: m
        image: vmware/harbor-db:v1.2.0
        env:
        - {name: MYSQL_HOST, valueFrom: {configMapKeyRef: {name: c, key: host}}}
        - {name: MYSQL_ROOT_PASSWORD, valueFrom: {configMapKeyRef: {name: c, key: password}}}
        - {name: OTHER, valueFrom: {configMapKeyRef: {name: c, key: K}}}
      volumes:
      - {name: v, configMap: {name: c, items: [{key: file, path: f}]}}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: ui}
spec: {template: {spec: {containers: [{name: u, image: "vmware/harbor-ui:v1.2.0"}], volumes: [{name: v, configMap: {name: c}}]}}}
`
	read := func() (*framework.ResourceList, Component) {
		list := &framework.ResourceList{}
		for _, doc := range strings.Split(manifests, "---\n") {
			list.Items = append(list.Items, yaml.MustParse(doc))
		}
		h, err := In(list)
		if err != nil {
			t.Fatal(err)
		}
		return list, h.Of(AdminServer)[0]
	}
	for _, c := range []struct {
		name, value string
		together    string // variable that gets the same value
		key, want   string // what the key holds afterwards, or the error
	}{
		{"MYSQL_HOST", "new", "", "host", "new"}, // the same setting of two components
		{"MYSQL_USR", "old", "", "user", "old"},  // nothing changes
		{"MYSQL_USR", "new", "", "user", "ConfigMap c data.user: is read as MYSQL_USR of ReplicationController admin and as MYSQL_DATABASE of ReplicationController admin, which are not to be the same: give each a key of its own"},
		{"MYSQL_PWD", "new", "", "password", "new"}, // one password
		{"MYSQL_USR", "new", "MYSQL_DATABASE", "user", "new"},
		{"FILE", "new", "", "file", "ConfigMap c data.file: is read as FILE of ReplicationController admin and as file f of ReplicationController mysql, which are not to be the same: give each a key of its own"},
		{"K", "new", "", "K", "ConfigMap c data.K: is read as K of ReplicationController admin and as OTHER of ReplicationController mysql, which are not to be the same: give each a key of its own"},
	} {
		list, admin := read()
		a := Assignment{Component: admin, Name: c.name, Value: c.value}
		got := ""
		together := []Assignment{a}
		if c.together != "" {
			together = append(together, Assignment{Component: admin, Name: c.together, Value: c.value})
		}
		if err := Assign(list, together...); err != nil {
			got = err.Error()
		} else {
			got = krm.Text(list.Items[0], "data", c.key)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, d)
		}
	}
}
