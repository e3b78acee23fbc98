package main

import (
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// TestGoldenOverlays compares what each overlay makes of its base, as a diff, with a
// golden.
func TestGoldenOverlays(t *testing.T) {
	first, second := build(t, "../../base/harbor-1.2"), build(t, "../../base/harbor-2")
	overlays, err := filepath.Glob("../../overlays/*/functions")
	if err != nil || len(overlays) == 0 {
		t.Fatal(overlays, err)
	}
	for _, dir := range overlays {
		name := filepath.Base(filepath.Dir(dir))
		if strings.HasPrefix(name, "harbor-1.2-ha-") {
			continue // TestStepwise: the same as harbor-1.2-ha
		}
		before := first
		if strings.HasPrefix(name, "harbor-2-") {
			before = second
		}
		golden.Compare(t, filepath.Join("../../testdata/overlays", name+".diff"), golden.Diff(t, before, build(t, filepath.Dir(dir))))
	}
}

// TestStepwise shows that harbor-ha does what its sections do one after
// another, and that exec changes nothing.
func TestStepwise(t *testing.T) {
	want := build(t, "../../overlays/harbor-1.2-ha")
	for _, overlay := range []string{"harbor-1.2-ha-stepwise", "harbor-1.2-ha-exec"} {
		if got := build(t, "../../overlays/"+overlay); got != want {
			t.Errorf("%s differs from harbor-1.2-ha:\n%s", overlay, golden.Diff(t, want, got))
		}
	}
}

// TestArticle compares overlays/harbor-1.2-article with the values that the
// article ends with. Addresses and the password of Redis are the overlay's.
func TestArticle(t *testing.T) {
	objects, err := kio.FromBytes([]byte(build(t, "../../overlays/harbor-1.2-article")))
	if err != nil {
		t.Fatal(err)
	}
	article := map[string]*yaml.RNode{}
	for _, obj := range objects {
		article[krm.Name(obj)] = obj
	}

	for _, want := range []struct {
		object, value string
		path          krm.Path
	}{
		{"ReplicationController adminserver-rc", "3", krm.Path{"spec", "replicas"}},
		{"ReplicationController jobservice-rc", "1", krm.Path{"spec", "replicas"}},
		{"ReplicationController nginx-rc", "3", krm.Path{"spec", "replicas"}},
		{"ReplicationController registry-rc", "3", krm.Path{"spec", "replicas"}},
		{"ReplicationController ui-rc", "3", krm.Path{"spec", "replicas"}},

		{"PersistentVolume log-pv", "1Gi", krm.Path{"spec", "capacity", "storage"}},
		{"PersistentVolume log-pv", "ReadWriteMany", krm.Path{"spec", "accessModes", 0}},
		{"PersistentVolume log-pv", "Retain", krm.Path{"spec", "persistentVolumeReclaimPolicy"}},
		{"PersistentVolume log-pv", "192.0.2.10:6789", krm.Path{"spec", "cephfs", "monitors", 0}},
		{"PersistentVolume log-pv", "/apps/harbor-k8s/log", krm.Path{"spec", "cephfs", "path"}},
		{"PersistentVolume log-pv", "admin", krm.Path{"spec", "cephfs", "user"}},
		{"PersistentVolume log-pv", "ceph-secret", krm.Path{"spec", "cephfs", "secretRef", "name"}},
		{"PersistentVolume log-pv", "false", krm.Path{"spec", "cephfs", "readOnly"}},
		{"PersistentVolumeClaim log-pvc", "1Gi", krm.Path{"spec", "resources", "requests", "storage"}},
		{"PersistentVolumeClaim log-pvc", "ReadWriteMany", krm.Path{"spec", "accessModes", 0}},
		{"PersistentVolumeClaim log-pvc", "log", krm.Path{"spec", "selector", "matchLabels", "type"}},
		{"PersistentVolume registry-pv", "5Gi", krm.Path{"spec", "capacity", "storage"}},
		{"PersistentVolume registry-pv", "/apps/harbor-k8s/registry", krm.Path{"spec", "cephfs", "path"}},
		{"PersistentVolumeClaim registry-pvc", "5Gi", krm.Path{"spec", "resources", "requests", "storage"}},
		{"PersistentVolumeClaim registry-pvc", "registry", krm.Path{"spec", "selector", "matchLabels", "type"}},

		{"ConfigMap harbor-adminserver-config", "192.0.2.30", krm.Path{"data", "MYSQL_HOST"}},
		{"ConfigMap harbor-adminserver-config", "harbork8s", krm.Path{"data", "MYSQL_USR"}},
		{"ConfigMap harbor-adminserver-config", "harbork8s", krm.Path{"data", "MYSQL_PWD"}},
		{"ConfigMap harbor-adminserver-config", "registry_k8s", krm.Path{"data", "MYSQL_DATABASE"}},
		{"ConfigMap harbor-adminserver-config", "true", krm.Path{"data", "RESET"}},
		{"ConfigMap harbor-adminserver-config", "http://hub.example.com:31777", krm.Path{"data", "EXT_ENDPOINT"}},

		{"ConfigMap harbor-ui-config", "192.0.2.20:6379,100,CHANGE-ME-PLEASE,11", krm.Path{"data", "_REDIS_URL"}},
		{"ReplicationController ui-rc", "_REDIS_URL", krm.Path{"spec", "template", "spec", "containers", 0, "env", 5, "name"}},
		{"ReplicationController ui-rc", "harbor-ui-config", krm.Path{"spec", "template", "spec", "containers", 0, "env", 5, "valueFrom", "configMapKeyRef", "name"}},
		{"ReplicationController ui-rc", "_REDIS_URL", krm.Path{"spec", "template", "spec", "containers", 0, "env", 5, "valueFrom", "configMapKeyRef", "key"}},

		{"ReplicationController registry-rc", "/etc/registry", krm.Path{"spec", "template", "spec", "containers", 0, "volumeMounts", 0, "mountPath"}},
		{"Service nginx", "NodePort", krm.Path{"spec", "type"}},
		{"Service nginx", "80", krm.Path{"spec", "ports", 0, "port"}},
		{"Service nginx", "31777", krm.Path{"spec", "ports", 0, "nodePort"}},
	} {
		obj := article[want.object]
		if obj == nil {
			t.Errorf("%s is missing", want.object)
		} else if got := krm.Text(obj, want.path...); got != want.value {
			t.Errorf("%s %s is %q, want %q", want.object, want.path, got, want.value)
		}
	}

	for name, keys := range map[string]int{
		"harbor-adminserver-config": 42, "harbor-jobservice-config": 8, "harbor-nginx-config": 3,
		"harbor-registry-config": 2, "harbor-ui-config": 9,
	} {
		if got := len(krm.Strings(article["ConfigMap "+name], "data")); got != keys {
			t.Errorf("ConfigMap %s has %d keys, want %d", name, got, keys)
		}
	}
	config := krm.Text(article["ConfigMap harbor-registry-config"], "data", "config")
	for _, line := range []string{"realm: http://hub.example.com:31777/service/token\n", "rootcertbundle: /etc/registry/root.crt\n"} {
		if !strings.Contains(config, line) {
			t.Errorf("config.yml of the registry lacks %q", line)
		}
	}
	for _, name := range []string{"ReplicationController mysql-rc", "Service mysql", "ConfigMap harbor-mysql-config",
		"PersistentVolume storage-pv", "PersistentVolumeClaim storage-pvc"} {
		if article[name] != nil {
			t.Errorf("%s is still there", name)
		}
	}
}

// build runs the command render.
func build(t *testing.T, dir string) string {
	t.Helper()
	out, stderr, exit := krmfn("", "render", dir)
	if exit != 0 {
		t.Fatalf("render %s: exit status %d\n%s", dir, exit, stderr)
	}
	return out
}
