package validateha_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// sentinels is the URL by which the overlay reaches Redis, with another login,
// master and number.
func sentinels(login, path string) string {
	return "redis+sentinel://" + login + "sentinel-0.example.com:26379,sentinel-1.example.com:26379,sentinel-2.example.com:26379/" + path
}

// all tells every part of one Redis, by a URL for each number; the registry by its
// address.
func all(scheme, login, server string) change {
	url := func(n string) string { return scheme + "://" + login + server + "/" + n }
	return both(tell("core", "_REDIS_URL_CORE", url("0")), tell("core", "_REDIS_URL_REG", url("2")), tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", url("1")),
		tell("trivy", "SCANNER_REDIS_URL", url("5")), tell("trivy", "SCANNER_STORE_REDIS_URL", url("5")), tell("trivy", "SCANNER_JOB_QUEUE_REDIS_URL", url("5")),
		registry2("sentinelMasterSet: mymaster", "# no Sentinel"),
		registry2("addr: sentinel-0.example.com:26379,sentinel-1.example.com:26379,sentinel-2.example.com:26379", fmt.Sprintf("addr: %q", server)))
}

// second adds a second workload of a part that is told something else.
func second(part, name, value string) change {
	return func(m *manifests) bool {
		obj := m.object("Workload", "harbor-"+part)
		if obj == nil {
			return false
		}
		other := obj.Copy()
		if err := other.SetName("harbor-" + part + "-2"); err != nil {
			m.t.Fatal(err)
		}
		m.items = append(m.items, other)
		return tell(part+"-2", name, value)(m)
	}
}

// exporter is one that is told of the database and of the queue.
const exporter = `apiVersion: apps/v1
kind: Deployment
metadata: {name: harbor-exporter}
spec:
  selector: {matchLabels: {app.kubernetes.io/component: exporter}}
  template:
    metadata: {labels: {app.kubernetes.io/name: harbor, app.kubernetes.io/component: exporter}}
    spec:
      containers:
      - name: exporter
        image: goharbor/harbor-exporter:v2.15.1
        readinessProbe: {httpGet: {path: /, port: 8001}}
        env:
        - {name: HARBOR_EXPORTER_PORT, value: "8001"}
        - {name: HARBOR_EXPORTER_METRICS_PATH, value: /metrics}
        - {name: HARBOR_DATABASE_HOST, value: postgres.example.com}
        - {name: HARBOR_DATABASE_PORT, value: "5432"}
        - {name: HARBOR_DATABASE_USERNAME, value: harbor}
        - {name: HARBOR_DATABASE_DBNAME, value: registry}
        - {name: HARBOR_DATABASE_SSLMODE, value: require}
        - {name: HARBOR_DATABASE_MAX_OPEN_CONNS, value: "5"}
        - {name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: harbor-redis, key: password}}}
        - {name: HARBOR_REDIS_URL, value: "redis+sentinel://:$(REDIS_PASSWORD)@sentinel-0.example.com:26379,sentinel-1.example.com:26379,sentinel-2.example.com:26379/mymaster/1"}
`

// chartmuseum is one that uses Harbor's own Redis, as a Secret says.
const chartmuseum = `apiVersion: apps/v1
kind: Deployment
metadata: {name: harbor-chartmuseum}
spec:
  selector: {matchLabels: {app.kubernetes.io/component: chartmuseum}}
  template:
    metadata: {labels: {app.kubernetes.io/name: harbor, app.kubernetes.io/component: chartmuseum}}
    spec:
      containers:
      - name: chartmuseum
        image: goharbor/chartmuseum-photon:v2.7.0
        readinessProbe: {httpGet: {path: /, port: 9999}}
        envFrom: [{secretRef: {name: harbor-chartmuseum}}]
`

// ownStore is a database or Redis of Harbor's own with its Service.
func ownStore(part, image, port string) string {
	return `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: harbor-` + part + `}
spec:
  replicas: 1
  selector: {matchLabels: {app.kubernetes.io/component: ` + part + `}}
  template:
    metadata: {labels: {app.kubernetes.io/name: harbor, app.kubernetes.io/component: ` + part + `}}
    spec:
      containers: [{name: ` + part + `, image: "goharbor/` + image + `:v2.15.1", readinessProbe: {tcpSocket: {port: ` + port + `}}}]
---
apiVersion: v1
kind: Service
metadata: {name: harbor-` + part + `}
spec: {selector: {app.kubernetes.io/component: ` + part + `}, ports: [{port: ` + port + `}]}
`
}

var (
	ownRedis    = add(ownStore("redis", "redis-photon", "6379"))
	ownDatabase = add(ownStore("database", "harbor-db", "5432"))
	secretRedis = ":$(REDIS_PASSWORD)@"
	toOwn       = set("ConfigMap", "harbor-core", "harbor-database", "data", "POSTGRESQL_HOST")
)

// serversMutations2 are those of Redis and the database.
var serversMutations2 = []mutation{
	{"no Redis for sessions", "L07", e, untell("core", "_REDIS_URL_CORE")},
	{"no Redis of the registry for the core", "L07", e, untell("core", "_REDIS_URL_REG")},
	{"no Redis for the queue", "L07", e, both(untell("jobservice", "JOB_SERVICE_POOL_REDIS_URL"))},
	{"Redis of 1.x for sessions", "L07", e, tell("core", "_REDIS_URL_CORE", "redis.example.com:6379,100,,0")},
	{"Redis without scheme", "L07", e, tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", "10.0.0.7:6379")},
	{"URL of something else", "L07", e, tell("core", "_REDIS_URL_CORE", "http://redis.example.com:6379/0")},
	{"slash in the password", "L07", e, tell("core", "_REDIS_URL_CORE", sentinels(":pass/word@", "mymaster/0"))},
	{"number and slash in the password", "L07", e, tell("core", "_REDIS_URL_CORE", sentinels(":12/word@", "mymaster/0"))},
	{"percent in the password", "L07", e, tell("core", "_REDIS_URL_CORE", sentinels(":pass%word@", "mymaster/0"))},
	{"hash in the password", "L07", e, tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", sentinels(":pass#word@", "mymaster/1"))},
	{"space in the password of a Secret", "L07", e, set("Secret", "harbor-redis", "redis 1", "stringData", "password")},
	{"password of a Secret with a line break", "L07", e, set("Secret", "harbor-redis", "redis-1\n", "stringData", "password")},
	{"password that is not expanded", "L07", e, untell("core", "REDIS_PASSWORD")},
	{"Sentinels without master", "L07", e, tell("core", "_REDIS_URL_CORE", sentinels(secretRedis, "0"))},
	{"Sentinel without port", "L07", e, tell("core", "_REDIS_URL_CORE", "redis+sentinel://"+secretRedis+"sentinel-0.example.com/mymaster/0")},
	{"Sentinels by IPv6 addresses", "L07", e, tell("core", "_REDIS_URL_CORE", "redis+sentinel://"+secretRedis+"[fd00::1]:26379,[fd00::2]:26379/mymaster/0")},
	{"several hosts without Sentinel", "L07", e, tell("core", "_REDIS_URL_CORE", "redis://"+secretRedis+"a.example.com:6379,b.example.com:6379/0")},
	{"a word for the number of a database", "L07", e, tell("core", "_REDIS_URL_CORE", sentinels(secretRedis, "mymaster/zero"))},
	{"sessions in each pod", "L07", e, all("redis", secretRedis, "127.0.0.1:6379")},
	{"empty password of the chart", "L07", w, both(all("redis", ":@", "redis.example.com:6379"), untell("registry", "REGISTRY_REDIS_PASSWORD"))},
	{"registry's Redis without port", "L07", w, both(all("redis", secretRedis, "redis.example.com:6379"), registry2(`addr: "redis.example.com:6379"`, "addr: redis.example.com"))},

	{"sessions in another database", "N01", e, second("core", "_REDIS_URL_CORE", sentinels(secretRedis, "mymaster/3"))},
	{"sessions in another Redis", "N01", e, second("core", "_REDIS_URL_CORE", "redis+sentinel://"+secretRedis+"other.example.com:26379/mymaster/0")},
	{"sessions at another master", "N01", e, second("core", "_REDIS_URL_CORE", sentinels(secretRedis, "other/0"))},
	{"the queue in another database", "N01", e, second("jobservice", "JOB_SERVICE_POOL_REDIS_URL", sentinels(secretRedis, "mymaster/4"))},
	{"the cache of another database is cleared", "N01", e, tell("core", "_REDIS_URL_REG", sentinels(secretRedis, "mymaster/3"))},
	{"the cache of database 0 is cleared", "N01", e, tell("core", "_REDIS_URL_REG", sentinels(secretRedis, "mymaster"))},
	{"the cache of another Redis is cleared", "N01", e, tell("core", "_REDIS_URL_REG", "redis+sentinel://"+secretRedis+"other.example.com:26379/mymaster/2")},
	{"the registry has another database", "N01", e, registry2("db: 2", "db: 4")},
	{"the registry has database 0", "N01", e, registry2("db: 2", "#")},
	{"the registry has another database by variable", "N01", e, tell("registry", "REGISTRY_REDIS_DB", "4")},
	{"registries with a cache each", "N01", e, second("registry", "REGISTRY_REDIS_DB", "4")},
	{"another port", "N01", e, both(all("redis", secretRedis, "redis.example.com:6379"), tell("core", "_REDIS_URL_REG", "redis://"+secretRedis+"redis.example.com:6380/2"))},
	{"cache layers apart", "N01", e, both(tell("core", "_REDIS_URL_CACHE_LAYER", sentinels(secretRedis, "mymaster/7")), tell("jobservice", "_REDIS_URL_CACHE_LAYER", sentinels(secretRedis, "mymaster/8")))},
	{"scans apart", "N01", e, second("trivy", "SCANNER_REDIS_URL", sentinels(secretRedis, "mymaster/8"))},
	{"Trivy's store apart", "N01", w, tell("trivy", "SCANNER_STORE_REDIS_URL", sentinels(secretRedis, "mymaster/8"))},
	{"figures of another queue", "N01", w, both(add(exporter), tell("exporter", "HARBOR_REDIS_URL", sentinels(secretRedis, "mymaster/0")))},
	{"the registry knows no Sentinels", "N01", w, registry2("sentinelMasterSet: mymaster", "#")},
	{"one part without Sentinels", "N01", w, second("core", "_REDIS_URL_CORE", "redis://"+secretRedis+"sentinel-1.example.com:6379/0")},
	{"one part without Sentinels, in the cluster", "N01", w, second("core", "_REDIS_URL_CORE", "redis://"+secretRedis+"redis-master.redis:6379/0")},
	{"one part in another Redis than that of the Sentinels", "N01", e, second("core", "_REDIS_URL_CORE", "redis://"+secretRedis+"redis.example.com:6379/0")},
	{"the cache of a Redis without Sentinels is cleared", "N01", e, tell("core", "_REDIS_URL_REG", "redis://"+secretRedis+"redis.example.com:6379/2")},
	{"the registry has a Redis without Sentinels", "N01", e, both(registry2("sentinelMasterSet: mymaster", "#"),
		registry2("addr: sentinel-0.example.com:26379,sentinel-1.example.com:26379,sentinel-2.example.com:26379", "addr: redis.example.com:6379"))},
	{"TLS in one part", "N01", e, tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", strings.Replace(sentinels(secretRedis, "mymaster/1"), "redis+", "rediss+", 1))},
	{"TLS in the registry alone", "N01", w, tell("registry", "REGISTRY_REDIS_ENABLETLS", "true")},
	{"another user in one part", "N01", e, tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", sentinels("harbor"+secretRedis, "mymaster/1"))},
	{"another user in the registry", "N01", w, tell("registry", "REGISTRY_REDIS_USERNAME", "harbor")},
	{"no password in one part", "N01", e, tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", sentinels("", "mymaster/1"))},
	{"no password but in the registry", "N01", e, all("redis", "", "redis.example.com:6379")},
	{"no password in the registry", "N01", w, untell("registry", "REGISTRY_REDIS_PASSWORD")},
	{"another password in one part", "N01", e, of(has("Secret", "harbor-redis"), tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", sentinels(":other@", "mymaster/1")))},
	{"password that a URL reads otherwise", "N01", w, set("Secret", "harbor-redis", "redis%41", "stringData", "password")},

	{"Redis inside", "N02", w, both(ownRedis, all("redis", secretRedis, "harbor-redis:6379"))},
	{"Redis inside by another name", "N02", w, both(add(server("cache", "redis:7", 6379)), set("Deployment", "cache", 1, "spec", "replicas"), all("redis", secretRedis, "cache:6379"))},
	{"Redis left over", "N02", w, ownRedis},

	{"database inside of 2.x", "L12", w, both(ownDatabase, toOwn)},
	{"database of 2.x left over", "L12", w, ownDatabase},
	{"database of 2.x on the pod", "L12", e, set("ConfigMap", "harbor-core", "localhost", "data", "POSTGRESQL_HOST")},
	{"port of the database that is none", "L12", e, set("ConfigMap", "harbor-core", "postgres", "data", "POSTGRESQL_PORT")},
	{"password of the database with a line break", "L12", e, set("Secret", "harbor-database", "database-1\n", "stringData", "password")},
	{"no host of the database", "L12", e, cut("ConfigMap", "harbor-core", "data", "POSTGRESQL_HOST")},
	{"empty host of the database", "L12", e, set("ConfigMap", "harbor-core", "", "data", "POSTGRESQL_HOST")},
	{"cores with a database each", "L12", e, second("core", "POSTGRESQL_HOST", "other.example.com")},
	{"cores with a port each", "L12", e, second("core", "POSTGRESQL_PORT", "5433")},
	{"cores that encrypt otherwise", "L12", w, second("core", "POSTGRESQL_SSLMODE", "disable")},
	{"figures of another database", "L12", w, both(add(exporter), tell("exporter", "HARBOR_DATABASE_HOST", "other.example.com"))},
	{"exporter without database", "L12", e, both(add(exporter), untell("exporter", "HARBOR_DATABASE_HOST"))},
	{"exporter in the clear", "L12", w, both(add(exporter), tell("exporter", "HARBOR_DATABASE_SSLMODE", "disable"))},

	{"more connections than the database has", "N03", w, both(ownDatabase, toOwn, set("ConfigMap", "harbor-core", "900", "data", "POSTGRESQL_MAX_OPEN_CONNS"))},
	{"more connections than the database is told", "N03", w, both(ownDatabase, toOwn, tell("database", "POSTGRES_MAX_CONNECTIONS", "50"))},

	{"the queue in a Redis that is gone", "L17", e, tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", "redis://"+secretRedis+"harbor-redis:6379/1")},
	{"the queue in a Redis that is gone, by a Secret", "L17", e, inSecret("jobservice", "JOB_SERVICE_POOL_REDIS_URL", "redis://:some-1@harbor-redis:6379/1")},
	{"sessions in a Redis that is gone", "L17", e, second("core", "_REDIS_URL_CORE", "redis://harbor-redis:6379/0")},
	{"the cache in a Redis that is gone", "L17", e, both(registry2("addr: sentinel-0.example.com:26379,sentinel-1.example.com:26379,sentinel-2.example.com:26379", "addr: harbor-redis:6379"), registry2("sentinelMasterSet: mymaster", "#"))},
	{"all in a Redis that is gone", "L17", w, all("redis", secretRedis, "harbor-redis:6379")},
	{"the queue in a Redis without pods", "L17", e, both(ownRedis, drop("StatefulSet", "harbor-redis"), tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", "redis://"+secretRedis+"harbor-redis:6379/1"))},
	{"a database without pods", "L17", w, both(ownDatabase, drop("StatefulSet", "harbor-database"), toOwn)},
	{"a database that is gone", "L17", w, toOwn},
	{"an exporter with a database that is gone", "L17", e, both(add(exporter), tell("exporter", "HARBOR_DATABASE_HOST", "harbor-database"))},

	{"several Redis of Harbor's own", "L19", e, both(ownRedis, all("redis", secretRedis, "harbor-redis:6379"), set("StatefulSet", "harbor-redis", 2, "spec", "replicas"))},
	{"several databases of Harbor's own", "L19", e, both(ownDatabase, toOwn, set("StatefulSet", "harbor-database", 3, "spec", "replicas"))},
	{"Redis that replicates behind one Service", "L19", w, both(add(server("cache", "redis:7", 6379)), put("Deployment", "cache", list("--appendonly", "yes", "# sentinel"), inPod("args")...), all("redis", secretRedis, "cache:6379"))},
	{"replicas of Redis", "L19", w, both(add(server("cache", "redis:7", 6379)), put("Deployment", "cache", list("--replicaof", "redis.example.com", "6379"), inPod("args")...), all("redis", secretRedis, "cache:6379"))},
	{"replicas of bitnami", "L19", w, both(add(server("cache", "bitnami/redis:7", 6379)), put("Deployment", "cache", list(krm.Map("name", "REDIS_REPLICATION_MODE", "value", "replica")), inPod("env")...), all("redis", secretRedis, "cache:6379"))},
	{"replicas by their name", "L19", w, all("redis", secretRedis, "redis-replicas.redis.svc:6379")},
	{"replicas of a cloud", "L19", w, all("redis", secretRedis, "harbor-ro.abc.use1.cache.amazonaws.com:6379")},
	{"replicas of the database", "L19", w, set("ConfigMap", "harbor-core", "harbor-pg-ro.db.svc", "data", "POSTGRESQL_HOST")},
	{"a database that replicates behind one Service", "L19", w, both(add(server("pg", "postgres:15", 5432)), put("Deployment", "pg", list(krm.Map("name", "PRIMARY_HOST", "value", "pg-0")), inPod("env")...),
		set("ConfigMap", "harbor-core", "pg", "data", "POSTGRESQL_HOST"))},
	{"several Redis of somebody else", "L19", e, both(add(server("cache", "redis:7", 6379)), all("redis", secretRedis, "cache:6379"))},
}

// TestServers2 checks that what looks like a mistake in where Redis and the database
// are, and is none, is taken for none.
func TestServers2(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule  string // of an info that there may be
		apply change
	}{
		"one server":                      {"", all("redis", secretRedis, "redis.example.com:6379")},
		"one server over TLS":             {"", both(all("rediss", secretRedis, "redis.example.com:6379"), tell("registry", "REGISTRY_REDIS_ENABLETLS", "true"))},
		"the port of Redis left out":      {"", both(all("redis", secretRedis, "redis.example.com:6379"), tell("core", "_REDIS_URL_CORE", "redis://"+secretRedis+"redis.example.com/0"))},
		"the number 0 left out":           {"", both(all("redis", secretRedis, "redis.example.com:6379"), tell("core", "_REDIS_URL_CORE", "redis://"+secretRedis+"redis.example.com:6379"))},
		"a name in capitals":              {"", both(all("redis", secretRedis, "redis.example.com:6379"), tell("core", "_REDIS_URL_CORE", "redis://"+secretRedis+"Redis.Example.com.:6379/0"))},
		"some of the Sentinels":           {"", tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", "redis+sentinel://"+secretRedis+"sentinel-2.example.com:26379/mymaster/1")},
		"Sentinels in another order":      {"", tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", "redis+sentinel://"+secretRedis+"sentinel-1.example.com:26379,sentinel-0.example.com:26379/mymaster/1")},
		"the default user by name":        {"", tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", sentinels("default"+secretRedis, "mymaster/1"))},
		"a user everywhere":               {"", both(all("redis", "harbor"+secretRedis, "redis.example.com:6379"), tell("registry", "REGISTRY_REDIS_USERNAME", "harbor"))},
		"an encoded password":             {"", of(has("Secret", "harbor-redis"), both(all("redis", ":p%2Fw%25%20%23%3F@", "redis.example.com:6379"), set("Secret", "harbor-redis", "p/w% #?", "stringData", "password")))},
		"characters that a URL takes":     {"", of(has("Secret", "harbor-redis"), set("Secret", "harbor-redis", "p@w:x,+", "stringData", "password"))},
		"no password at all":              {"", both(all("redis", "", "redis.example.com:6379"), untell("registry", "REGISTRY_REDIS_PASSWORD"))},
		"an IPv6 address":                 {"", all("redis", secretRedis, "[fd00::1]:6379")},
		"the cache layer":                 {"", both(tell("core", "_REDIS_URL_CACHE_LAYER", sentinels(secretRedis, "mymaster/7")), tell("jobservice", "_REDIS_URL_CACHE_LAYER", sentinels(secretRedis, "mymaster/7")))},
		"an empty optional place":         {"", tell("core", "_REDIS_URL_HARBOR", "")},
		"a Redis for each purpose":        {"", tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", "redis://"+secretRedis+"queue.example.com:6379/0")},
		"a registry without cache":        {"", both(registry2("layerinfo: redis", "#"), registry2("db: 2", "db: 4"))},
		"a part that is stopped":          {"", both(second("core", "_REDIS_URL_CORE", "redis://other.example.com:6379/9"), set("Deployment", "harbor-core-2", 0, "spec", "replicas"))},
		"two purposes in one database":    {"N01", both(tell("trivy", "SCANNER_REDIS_URL", sentinels(secretRedis, "mymaster/0")), tell("trivy", "SCANNER_STORE_REDIS_URL", sentinels(secretRedis, "mymaster/0")), tell("trivy", "SCANNER_JOB_QUEUE_REDIS_URL", sentinels(secretRedis, "mymaster/0")))},
		"Redis of a Secret":               {"L07", fromSecret("core", "_REDIS_URL_CORE")},
		"the database of a Secret":        {"", fromSecret("core", "POSTGRESQL_HOST")},
		"an exporter":                     {"", both(add(exporter))},
		"the default port":                {"", cut("ConfigMap", "harbor-core", "data", "POSTGRESQL_PORT")},
		"900 connections outside":         {"N03", set("ConfigMap", "harbor-core", "900", "data", "POSTGRESQL_MAX_OPEN_CONNS")},
		"900 connections of one core":     {"", both(ownDatabase, toOwn, set("ConfigMap", "harbor-core", "300", "data", "POSTGRESQL_MAX_OPEN_CONNS"))},
		"quotas in the database":          {"N03", set("ConfigMap", "harbor-core", "db", "data", "QUOTA_UPDATE_PROVIDER")},
		"a Redis of an operator":          {"", both(ownRedis, all("redis", secretRedis, "harbor-redis:6379"), put("StatefulSet", "harbor-redis", list(krm.Map("apiVersion", "databases.spotahome.com/v1", "kind", "RedisFailover", "name", "r")), "metadata", "ownerReferences"))},
		"a database that somebody uses":   {"", both(ownDatabase, add("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: notary}\nspec:\n  selector: {matchLabels: {app: notary}}\n  template:\n    metadata: {labels: {app: notary}}\n    spec: {containers: [{name: n, image: 'example.com/n:1', env: [{name: DB, value: 'postgres://harbor-database:5432/notary'}]}]}\n"))},
		"another name of a Service":       {"", both(ownRedis, all("redis", secretRedis, "harbor-redis:6379"), add("apiVersion: v1\nkind: Service\nmetadata: {name: sessions}\nspec: {selector: {app.kubernetes.io/component: redis}, ports: [{port: 6380, targetPort: 6379}]}\n"), tell("core", "_REDIS_URL_CORE", "redis://"+secretRedis+"sessions:6380/0"))},
		"a Service of the master":         {"", both(add(server("cache", "redis:7", 6379)), put("Deployment", "cache", list("sentinel"), inPod("args")...), put("Service", "cache", "master", "spec", "selector", "role"), all("redis", secretRedis, "cache:6379"))},
		"a proxy in front of Redis":       {"", both(add(server("cache", "haproxy:3", 6379)), all("redis", secretRedis, "cache:6379"))},
		"a pool in front of PostgreSQL":   {"", both(add(server("pooler", "edoburu/pgbouncer:1", 5432)), set("ConfigMap", "harbor-core", "pooler", "data", "POSTGRESQL_HOST"))},
		"a Cluster of CloudNativePG":      {"", both(add("apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: pg}\nspec: {instances: 3}\n"), set("ConfigMap", "harbor-core", "pg-rw", "data", "POSTGRESQL_HOST"))},
		"a RedisFailover":                 {"", both(add("apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata: {name: cache}\nspec: {}\n"), all("redis", secretRedis, "rfr-cache:6379"))},
		"Redis in another namespace":      {"", both(ownRedis, add(chartmuseum), all("redis", secretRedis, "redis.redis.svc:6379"))},
		"the primary of CloudNativePG":    {"", set("ConfigMap", "harbor-core", "harbor-pg-rw.db.svc", "data", "POSTGRESQL_HOST")},
		"one Sentinel of several":         {"", tell("jobservice", "JOB_SERVICE_POOL_REDIS_URL", "redis+sentinel://"+secretRedis+"sentinel-0.example.com:26379/mymaster/1")},
		"an external name":                {"", both(all("redis", secretRedis, "redis.example.com:6379"), add("apiVersion: v1\nkind: Service\nmetadata: {name: sessions}\nspec: {type: ExternalName, externalName: redis.example.com}\n"), tell("core", "_REDIS_URL_CORE", "redis://"+secretRedis+"sessions:6379/0"))},
		"variables of a Secret elsewhere": {"", put("Deployment", "harbor-jobservice", func() *yaml.Node { return krm.Map("secretRef", krm.Map("name", "elsewhere", "optional", true)) }, inPod("envFrom", 1)...)},
	} {
		for start, s := range starts2(t) {
			m := s.copy()
			before := m.copy().validate(today)
			if !c.apply(m) {
				if start == "clean" {
					t.Errorf("%s does not apply", name)
				}
				continue
			}
			told := c.rule == ""
			for _, l := range without(m.validate(today), before) {
				of := func(rules ...string) bool {
					return slices.ContainsFunc(rules, func(r string) bool { return strings.Contains(l, " "+r+" ") })
				}
				info := strings.HasPrefix(l, "info ")
				expected := strings.Contains(l, "one server on one node") || strings.Contains(l, "is a database that nobody uses")
				if of("L07", "L12", "L19", "N01", "N02", "N03") && !info && !(expected && strings.Contains(l, "warning")) || strings.HasPrefix(l, "error ") {
					t.Errorf("%s: %s: %s", start, name, l)
				}
				told = told || info && of(c.rule)
			}
			if !told && start == "clean" {
				t.Errorf("%s: %s: no info of %s", start, name, c.rule)
			}
		}
	}
}

// inSecret reads a variable from a Secret that is among the resources.
func inSecret(part, name, value string) change {
	return both(fromSecret(part, name), add("apiVersion: v1\nkind: Secret\nmetadata: {name: elsewhere}\nstringData: {url: '"+value+"'}\n"))
}

// fromSecret reads a variable from a Secret that is not among the resources.
func fromSecret(part, name string) change {
	return variable2(part, name, "valueFrom", krm.Map("secretKeyRef", krm.Map("name", "elsewhere", "key", "url")))
}
