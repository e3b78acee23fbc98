package harbor

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// v2 is Harbor 2.x: the container names and pod labels of harbor-helm 1.19.
var v2 = layout{
	Generation: V2,
	Releases:   "2.x",
	Parts: []Part{
		// Harbor 2.8.0 dropped ChartMuseum, 2.9.0 Notary (release notes).
		{Name: ChartMuseum, Container: "chartmuseum", Images: []string{"chartmuseum-photon"}, Gone: Release{2, 8}, Own: []string{OwnRedis, OwnStorage}},
		{Name: Core, Container: "core", Images: []string{"harbor-core"}, Needed: true, DownMeans: frontDown},
		{Name: Database, Container: "database", Images: []string{"harbor-db"}, Stateful: true, Single: onePostgres},
		{Name: Exporter, Container: "exporter", Images: []string{"harbor-exporter"}},
		{Name: JobService, Container: "jobservice", Images: []string{"harbor-jobservice"},
			DownMeans: "nothing is scanned, replicated or cleaned up"},
		{Name: Nginx, Container: "nginx", Images: []string{"nginx-photon"}, DownMeans: frontDown},
		{Name: NotaryServer, Container: "notary-server", Images: []string{"notary-server-photon"}, Gone: Release{2, 9}, Own: []string{OwnDatabase}},
		{Name: NotarySigner, Container: "notary-signer", Images: []string{"notary-signer-photon"}, Gone: Release{2, 9}, Own: []string{OwnDatabase}},
		{Name: Portal, Container: "portal", Images: []string{"harbor-portal"}, DownMeans: "nobody sees the portal"},
		{Name: RedisServer, Container: "redis", Images: []string{"redis-photon", "valkey-photon"}, Stateful: true, Single: oneRedis},
		{Name: Registry, Container: "registry", Images: []string{"registry-photon", "harbor-registry"}, Needed: true,
			DownMeans: "nobody can push or pull"},
		{Name: RegistryCtl, Container: "registryctl", With: Registry, Images: []string{"harbor-registryctl"}},
		{Name: Trivy, Container: "trivy", Images: []string{"trivy-adapter-photon", "harbor-adapter-trivy"}},
	},
	DatabaseServer: Database,
	DatabasePort:   5432,
	Database: []DatabaseUse{
		{of(Core, Variable("POSTGRESQL_HOST")), DatabaseHost},
		{of(Core, Variable("POSTGRESQL_PORT")), DatabasePort},
		{of(Core, Variable("POSTGRESQL_USERNAME")), DatabaseUser},
		{of(Core, Variable("POSTGRESQL_DATABASE")), DatabaseName},
		{of(Core, Variable("POSTGRESQL_SSLMODE")), DatabaseSSLMode},
		{of(Core, Variable("POSTGRESQL_MAX_OPEN_CONNS")), DatabaseMaxOpen},
		{secret(Core, Variable("POSTGRESQL_PASSWORD")), DatabasePassword},
		{of(Exporter, Variable("HARBOR_DATABASE_HOST")), DatabaseHost},
		{of(Exporter, Variable("HARBOR_DATABASE_PORT")), DatabasePort},
		{of(Exporter, Variable("HARBOR_DATABASE_USERNAME")), DatabaseUser},
		{of(Exporter, Variable("HARBOR_DATABASE_DBNAME")), DatabaseName},
		{of(Exporter, Variable("HARBOR_DATABASE_SSLMODE")), DatabaseSSLMode},
		{of(Exporter, Variable("HARBOR_DATABASE_MAX_OPEN_CONNS")), DatabaseMaxOpen},
		{secret(Exporter, Variable("HARBOR_DATABASE_PASSWORD")), DatabasePassword},
	},
	Files: []File{
		{Of: JobService, Name: "config.yml", Path: "/etc/jobservice/config.yml"},
		{Of: Registry, Name: RegistryConfigFile, Path: RegistryDir + "/" + RegistryConfigFile},
		{Of: Nginx, Name: "nginx.conf", Path: NginxConf},
	},
	JobLogs: &JobLogUse{Of: JobService, Jobs: Field("config.yml", "job_loggers"), Own: Field("config.yml", "loggers"), Folder: "/var/log/jobs"},
	Redis: slices.Concat(
		urls("core", 0, false, secret(Core, Variable("_REDIS_URL_CORE"))),
		urls("registry", 2, false, secret(Core, Variable("_REDIS_URL_REG"))),
		urls("harbor", 6, true, secret(Core, Variable("_REDIS_URL_HARBOR"))),
		urls("cache", 7, true, secret(Core, Variable("_REDIS_URL_CACHE_LAYER")), secret(JobService, Variable("_REDIS_URL_CACHE_LAYER"))),
		urls("core", 0, true, secret(JobService, Variable("_REDIS_URL_CORE"))),
		urls("jobservice", 1, false, secret(JobService,
			Variable("JOB_SERVICE_POOL_REDIS_URL"), Field("config.yml", "worker_pool", "redis_pool", "redis_url"))),
		urls("jobservice", 1, true, secret(Exporter, Variable("HARBOR_REDIS_URL"))),
		urls("trivy", 5, true, secret(Trivy, Variable("SCANNER_REDIS_URL")), secret(Trivy, Variable("SCANNER_STORE_REDIS_URL")),
			secret(Trivy, Variable("SCANNER_JOB_QUEUE_REDIS_URL"))),
		[]RedisUse{
			{Setting: redisOfRegistry("ADDR", "addr", ""), Purpose: "registry", Encode: Redis.addresses, Host: true},
			{Setting: redisOfRegistry("SENTINELMASTERSET", "sentinelMasterSet", ""), Purpose: "registry", Encode: Redis.masterSet},
			{Setting: redisOfRegistry("DB", "db", yaml.NodeTagInt), Purpose: "registry", Database: 2, Numbered: true, Encode: Redis.number},
			{Setting: redisOfRegistry("USERNAME", "username", ""), Purpose: "registry", Encode: Redis.user},
			{Setting: redisOfRegistry("ENABLETLS", "enableTLS", yaml.NodeTagBool), Purpose: "registry", Encode: Redis.enableTLS},
			{Setting: secret(Registry, redisOfRegistry("PASSWORD", "password", "").Places...), Purpose: "registry", Encode: Redis.password},
		},
	),
}

// urls are settings that hold the URL of a Redis (harbor-helm 1.19, templates).
func urls(purpose string, database int, optional bool, settings ...Setting) []RedisUse {
	var all []RedisUse
	for _, s := range settings {
		all = append(all, RedisUse{Setting: s, Purpose: purpose, Database: database, Encode: Redis.URL,
			Password: RedisPassword, Host: true, Numbered: true, Optional: optional})
	}
	return all
}

// redisOfRegistry is a field of redis in config.yml; the registry takes each from a
// variable of its name too.
func redisOfRegistry(variable, field, tag string) Setting {
	at := Field(RegistryConfigFile, "redis", field)
	at.Tag = tag
	return of(Registry, Variable("REGISTRY_REDIS_"+variable), at)
}

const onePostgres = "two database servers on one data directory destroy it; take an external PostgreSQL that is highly available itself"

// between is Harbor 1.6 to 1.10: PostgreSQL, and since 1.7 a core in place of the
// ui. Its parts are known so that they can be scaled, stored and validated;
// nobody has looked into the rest.
var between = layout{
	Generation: Between,
	Releases:   "1.6 to 1.10",
	Parts: append(v2.Parts[:len(v2.Parts):len(v2.Parts)],
		Part{Name: AdminServer, Container: "adminserver", Images: []string{"harbor-adminserver"}},
		Part{Name: UI, Container: "ui", Images: []string{"harbor-ui"}, DownMeans: frontDown}),
}

// layouts are all generations.
var layouts = []layout{v1, v2, between}
