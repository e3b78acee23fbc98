package validateha_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// TestReplicatedStores checks that servers that know of each other are nobody's
// mistake, however that shows.
func TestReplicatedStores(t *testing.T) {
	inServer := func(path ...any) []any { return append([]any{"spec", "template", "spec"}, path...) }
	env := func(name, value string) change {
		return put("Deployment", "redis", list(krm.Map("name", name, "value", value)), inServer("containers", 0, "env")...)
	}
	for name, apply := range map[string]change{
		"variable":    env("REDIS_REPLICATION_MODE", "slave"),
		"arguments":   put("Deployment", "redis", list("--replicaof", "redis-0", "6379"), inServer("containers", 0, "args")...),
		"a cluster":   put("Deployment", "redis", list("redis-server", "--cluster-enabled", "yes"), inServer("containers", 0, "command")...),
		"a sidecar":   put("Deployment", "redis", func() *yaml.Node { return krm.Map("name", "watch", "image", "redis-sentinel:7") }, inServer("containers", 1)...),
		"an owner":    put("Deployment", "redis", list(krm.Map("apiVersion", "databases.spotahome.com/v1", "kind", "RedisFailover", "name", "r")), "metadata", "ownerReferences"),
		"an operator": put("Deployment", "redis", mapping("app.kubernetes.io/managed-by", "redis-operator"), "metadata", "labels"),
		"a proxy":     set("Deployment", "redis", "haproxy:2.9", inServer("containers", 0, "image")...),
		"a program":   set("Deployment", "redis", "docker.io/dragonflydb/dragonfly", inServer("containers", 0, "image")...),
		"one pod":     set("Deployment", "redis", 1, "spec", "replicas"),
		"no pod":      set("Deployment", "redis", 0, "spec", "replicas"),
		"a ConfigMap": both(add("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: redis}\ndata: {start.sh: redis-cli replicaof redis-0 6379}\n"),
			put("Deployment", "redis", list(krm.Map("name", "config", "configMap", krm.Map("name", "redis"))), inServer("volumes")...)),
		"one of the pods": put("Service", "redis", "redis-0", "spec", "selector", "statefulset.kubernetes.io/pod-name"),
	} {
		m := starts(t)["clean"].copy()
		if !add(server("redis", "redis:7", 6379))(m) || !give("ui", "_REDIS_URL", "redis:6379,100,,11")(m) || !apply(m) {
			t.Fatalf("%s does not apply", name)
		}
		if found := startingWith(m.validate(today), "error "); len(found) > 0 {
			t.Errorf("%s: there are errors:\n%s", name, strings.Join(found, "\n"))
		}
	}
}

// TestPlainStores checks that words about other things do not pass for replication.
func TestPlainStores(t *testing.T) {
	for name, apply := range map[string]change{
		"the domain of the cluster": put("Deployment", "redis", list(krm.Map("name", "HOST", "value", "redis.harbor.svc.cluster.local")), "spec", "template", "spec", "containers", 0, "env"),
		"a toleration":              put("Deployment", "redis", list(krm.Map("key", "node-role.kubernetes.io/master", "operator", "Exists")), "spec", "template", "spec", "tolerations"),
		"what kubectl remembers":    put("Deployment", "redis", mapping("kubectl.kubernetes.io/last-applied-configuration", `{"spec":{"replicas":3}}`), "metadata", "annotations"),
		"on each node":              both(set("Deployment", "redis", "DaemonSet", "kind"), cut("DaemonSet", "redis", "spec", "replicas")),
		"two workloads": func(m *manifests) bool {
			second := m.object("Deployment", "redis").Copy()
			m.items = append(m.items, second)
			return set("Deployment", "redis", 1, "spec", "replicas")(m) && second.SetName("redis-b") == nil && set("Deployment", "redis-b", 1, "spec", "replicas")(m)
		},
	} {
		m := starts(t)["clean"].copy()
		if !add(server("redis", "redis:7", 6379))(m) || !give("ui", "_REDIS_URL", "redis.harbor.svc.cluster.local.:6379,100,,11")(m) || !apply(m) {
			t.Fatalf("%s does not apply", name)
		}
		if found := startingWith(m.validate(today), "error "); len(found) == 0 || len(startingWith(found, "error L19 ")) != len(found) {
			t.Errorf("%s: want errors of L19, found:\n%s", name, strings.Join(found, "\n"))
		}
	}
}

// TestHosts checks which hosts of a store can be expected among the resources.
func TestHosts(t *testing.T) {
	for host, want := range map[string]int{
		"redis": 1, "redis.harbor": 1, "redis.harbor.svc": 1, "redis.harbor.svc.cluster.local.": 1,
		"redis.other.svc": 0, "redis.example.com": 0, "192.0.2.1": 0, "redis-0.redis.harbor.svc.cluster.local": 0,
		"external": 0, "by-hand": 0,
	} {
		m := starts(t)["clean-namespace"].copy()
		add("apiVersion: v1\nkind: Service\nmetadata: {name: external}\nspec: {type: ExternalName, externalName: redis.example.com}\n")(m)
		add("apiVersion: v1\nkind: Service\nmetadata: {name: by-hand}\nspec: {ports: [{port: 6379}]}\n---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: by-hand}\n")(m)
		if !give("ui", "_REDIS_URL", host+":6379,100,,11")(m) {
			t.Fatal("there is no ui")
		}
		if found := m.validate(today); len(found) != want {
			t.Errorf("%s: want %d findings, found:\n%s", host, want, strings.Join(found, "\n"))
		}
	}
}

// TestSomeParts checks that somebody who validates a part of the manifests is not
// told that the rest is missing as if it were a mistake.
func TestSomeParts(t *testing.T) {
	for _, some := range [][]string{{"registry"}, {"adminserver"}, {"ui", "registry"}, {"nginx"}} {
		m := starts(t)["clean"].copy()
		for _, part := range []string{"adminserver", "jobservice", "nginx", "registry", "ui"} {
			keep := false
			for _, s := range some {
				keep = keep || s == part
			}
			if !keep {
				m.drop("Workload", part+"-rc")
				m.drop("Service", part)
			}
		}
		found := m.validate(today)
		if errors := startingWith(found, "error "); len(errors) > 0 || len(startingWith(found, "warning L18 ")) != 1 {
			t.Errorf("%s alone: want a warning of L18 and no error, found:\n%s", some, strings.Join(found, "\n"))
		}
	}
}

// TestNoSecondCopy checks that workloads without pods, and those that a controller
// has made from another one of the list, are not counted.
func TestNoSecondCopy(t *testing.T) {
	for name, apply := range map[string]change{
		"without pods": set("Workload", "jobservice-2", 0, "spec", "replicas"),
		"of a Deployment": both(set("Workload", "jobservice-2", "ReplicaSet", "kind"), func(m *manifests) bool {
			owner := krm.List(krm.Map("apiVersion", "apps/v1", "kind", "Deployment", "name", "jobservice-rc", "controller", true))
			return krm.Set(&framework.ResourceList{}, m.items[len(m.items)-1], owner, "metadata", "ownerReferences") == nil
		}),
	} {
		m := starts(t)["clean"].copy()
		if !beside("jobservice")(m) || !apply(m) {
			t.Fatalf("%s does not apply", name)
		}
		if found := m.validate(today); len(found) > 0 {
			t.Errorf("%s: there are findings:\n%s", name, strings.Join(found, "\n"))
		}
	}
}
