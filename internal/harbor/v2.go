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
	// Harbor v2.15 src/lib/config: metadata/metadatalist.go and systemconfig.go have
	// the defaults, src/pkg/exporter/harbor_cli.go what the exporter calls.
	Calls: []Call{
		{Setting: of(Core, Variable("REGISTRY_URL")), Default: "http://registry:5000", To: []string{Registry}},
		{Setting: of(Core, Variable("REGISTRY_CONTROLLER_URL")), Default: "http://registryctl:8080", To: []string{RegistryCtl}},
		{Setting: of(Core, Variable("CORE_URL")), Default: "http://core:8080", To: []string{Core}},
		{Setting: of(Core, Variable("CORE_LOCAL_URL")), Default: "http://127.0.0.1:8080", To: []string{Core}},
		{Setting: of(Core, Variable("JOBSERVICE_URL")), Default: "http://jobservice:8080", To: []string{JobService}},
		{Setting: of(Core, Variable("PORTAL_URL")), Default: "http://portal:8080", To: []string{Portal}, Asked: true},
		{Setting: of(Core, Variable("TOKEN_SERVICE_URL")), To: []string{Core, Nginx}},
		{Setting: of(Core, Variable("TRIVY_ADAPTER_URL")), Default: "http://trivy-adapter:8080", To: []string{Trivy},
			If: Condition{of(Core, Variable("WITH_TRIVY")), "true"}},
		{Setting: of(Core, Variable("NOTARY_URL")), To: []string{NotaryServer}},
		{Setting: of(Core, Variable("CHART_REPOSITORY_URL")), To: []string{ChartMuseum}},
		{Setting: of(JobService, Variable("CORE_URL")), To: []string{Core}},
		{Setting: of(JobService, Variable("REGISTRY_URL")), Default: "http://registry:5000", To: []string{Registry}},
		{Setting: of(JobService, Variable("REGISTRY_CONTROLLER_URL")), Default: "http://registryctl:8080", To: []string{RegistryCtl}},
		{Setting: of(JobService, Variable("TOKEN_SERVICE_URL")), To: []string{Core, Nginx}},
		{Setting: of(Exporter, Variable("HARBOR_SERVICE_HOST")), Port: "HARBOR_SERVICE_PORT", To: []string{Core, Nginx}},
	},
	Proxied: map[string][]string{"/": {Portal, Core}, "/v2/": {Core}, "/service/": {Core}, "/api/": {Core}, "/c/": {Core}},
	// Harbor v2.15 src/pkg/config/rest/manager.go, src/jobservice/config and
	// src/registryctl/config (validate and setStorageDriver), src/pkg/exporter/exporter.go.
	Necessary: []Need{
		{of(JobService, Variable("CORE_URL")), panics},
		{of(JobService, Variable("JOB_SERVICE_PROTOCOL"), Field("config.yml", "protocol")), panics},
		{of(JobService, Variable("JOB_SERVICE_PORT"), Field("config.yml", "port")), panics},
		{of(JobService, Variable("JOB_SERVICE_POOL_BACKEND"), Field("config.yml", "worker_pool", "backend")), panics},
		{of(JobService, Variable("JOB_SERVICE_POOL_REDIS_NAMESPACE"), Field("config.yml", "worker_pool", "redis_pool", "namespace")), panics},
		{of(JobService, Field("config.yml", "loggers", 0, "name")), panics},
		{of(JobService, Field("config.yml", "job_loggers", 0, "name")), panics},
		{of(RegistryCtl, Variable("REGISTRY_CONFIG"), Field("config.yml", "registry_config")), panics},
		{of(RegistryCtl, Variable("PORT"), Field("config.yml", "port")), byChance},
		{of(Exporter, Variable("HARBOR_EXPORTER_METRICS_PATH")), panics},
		{of(Exporter, Variable("HARBOR_EXPORTER_PORT")), byChance},
	},
	// Harbor v2.15 src/core/main.go, src/jobservice/config, src/registryctl/config;
	// harbor-scanner-trivy pkg/etc/config.go.
	Listens: []Listen{
		{Setting: of(Core, Key(AppConfFile, "", "httpport")), Default: "8080", Unless: internalTLS(Core)},
		{Setting: of(Core), Default: "8443", If: internalTLS(Core), TLS: internalTLS(Core)},
		{Setting: of(Core, Variable("METRIC_PORT")), Default: "9090", If: Condition{of(Core, Variable("METRIC_ENABLE")), "true"}},
		{Setting: of(JobService, Variable("JOB_SERVICE_PORT"), Field("config.yml", "port")),
			TLS: Condition{of(JobService, Variable("JOB_SERVICE_PROTOCOL"), Field("config.yml", "protocol")), "https"}},
		{Setting: of(JobService, Field("config.yml", "metric", "port")), If: Condition{of(JobService, Field("config.yml", "metric", "enabled")), "true"}},
		{Setting: of(RegistryCtl, Variable("PORT"), Field("config.yml", "port")),
			TLS: Condition{of(RegistryCtl, Variable("REGISTRYCTL_PROTOCOL"), Field("config.yml", "protocol")), "https"}},
		{Setting: of(Exporter, Variable("HARBOR_EXPORTER_PORT"))},
		{Setting: of(Trivy, Variable("SCANNER_API_SERVER_ADDR")), Default: "8080",
			TLS: Condition{Setting: of(Trivy, Variable("SCANNER_API_SERVER_TLS_CERTIFICATE"))}},
	},
	// The scheme of EXT_ENDPOINT decides where docker gets its token, and on Secure of
	// the cookies; its host and port are what people are shown (seen with Harbor
	// 2.15.1). Before, docker got all of it (src/server/middleware/v2auth/auth.go).
	Endpoint:       []EndpointUse{{of(Core, Variable(ExternalEndpoint)), Endpoint.String}},
	RealmHost:      Release{2, 15},
	Protocols:      "TLSv1.2 TLSv1.3",
	DatabaseServer: Database,
	DatabasePort:   5432,
	// src/lib/config/metadata/metadatalist.go
	Defaults: map[string]map[string]string{
		Core: {"POSTGRESQL_HOST": "postgresql", "POSTGRESQL_PORT": "5432", "POSTGRESQL_USERNAME": "postgres", "POSTGRESQL_DATABASE": "registry",
			"POSTGRESQL_SSLMODE": "disable", QuotaProvider: "db"},
	},
	// make/photon/db/docker-entrypoint.sh
	DatabaseLimit:  of(Database, Variable("POSTGRES_MAX_CONNECTIONS")),
	DatabaseAllows: 1024,
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
	Storage: []StorageUse{
		// registryctl deletes in it what garbage collection finds (src/registryctl).
		{Setting: images.Setting, Purpose: ForImages, Default: images.Default, Holds: images.Holds, With: []string{RegistryCtl}},
		{Setting: of(JobService, Field("config.yml", "job_loggers")), Purpose: ForJobLogs},
		// README.md of harbor-scanner-trivy; docs/configuration/cache.md of trivy.
		{Setting: of(Trivy, Variable("SCANNER_TRIVY_CACHE_DIR")), Purpose: ForScanCache, Default: "/home/scanner/.cache/trivy",
			Each: "one process at a time can open the cache of trivy (BoltDB)"},
	},
	Files: []File{
		{Of: Core, Name: AppConfFile, Path: "/etc/core/app.conf", Variable: ConfigPath},
		{Of: Core, Name: "key", Path: "/etc/core/key", Variable: KeyPath},
		{Of: Core, Name: "private_key.pem", Path: "/etc/core/private_key.pem", Variable: TokenKeyPath},
		{Of: JobService, Name: "config.yml", Path: "/etc/jobservice/config.yml", Needed: true},
		{Of: Registry, Name: RegistryConfigFile, Path: RegistryDir + "/" + RegistryConfigFile},
		{Of: RegistryCtl, Name: "config.yml", Path: "/etc/registryctl/config.yml", Needed: true},
		{Of: Nginx, Name: "nginx.conf", Path: NginxConf},
		{Of: Portal, Name: "nginx.conf", Path: NginxConf},
	},
	// registryctl reads the storage of the registry's config.yml and the variables for
	// it (src/registryctl/config; v2.15).
	ObjectStorage: &ObjectStorageUse{Of: []string{Registry, RegistryCtl}, Provider: of(Core, Variable(storageProvider))},
	JobLogs:       &JobLogUse{Of: JobService, Jobs: Field("config.yml", "job_loggers"), Own: Field("config.yml", "loggers"), Folder: "/var/log/jobs"},
	Redis: slices.Concat(
		// src/core/main.go, src/server/v2.0/handler/gc.go
		without("the core does not start, or keeps sessions in the memory of each pod", urls("core", 0, false, secret(Core, Variable("_REDIS_URL_CORE")))),
		without("no garbage collection clears the registry's cache", urls("registry", 2, false, secret(Core, Variable("_REDIS_URL_REG")))),
		urls("harbor", 6, true, secret(Core, Variable("_REDIS_URL_HARBOR"))),
		urls("cache", 7, true, secret(Core, Variable("_REDIS_URL_CACHE_LAYER")), secret(JobService, Variable("_REDIS_URL_CACHE_LAYER"))),
		urls("core", 0, true, secret(JobService, Variable("_REDIS_URL_CORE"))),
		without("the jobservice does not start", urls("jobservice", 1, false, secret(JobService,
			Variable("JOB_SERVICE_POOL_REDIS_URL"), Field("config.yml", "worker_pool", "redis_pool", "redis_url")))),
		urls("jobservice", 1, true, secret(Exporter, Variable("HARBOR_REDIS_URL"))),
		urls("trivy", 5, true, secret(Trivy, Variable("SCANNER_REDIS_URL")), secret(Trivy, Variable("SCANNER_STORE_REDIS_URL")),
			secret(Trivy, Variable("SCANNER_JOB_QUEUE_REDIS_URL"))),
		[]RedisUse{
			{Setting: redisOfRegistry("ADDR", "addr", ""), Purpose: "registry", Encode: Redis.addresses, Decode: readAddresses, Host: true},
			{Setting: redisOfRegistry("SENTINELMASTERSET", "sentinelMasterSet", ""), Purpose: "registry", Encode: Redis.masterSet, Decode: readMasterSet},
			{Setting: redisOfRegistry("DB", "db", yaml.NodeTagInt), Purpose: "registry", Database: 2, Numbered: true,
				Encode: Redis.number, Decode: readNumber},
			// make/photon/prepare/templates/registry/config.yml.jinja of the releases
			{Setting: redisOfRegistry("USERNAME", "username", ""), Purpose: "registry", Encode: Redis.user, Decode: readUsername,
				Since: Release{2, 15}, Before: "logs in to Redis as the default user and takes no user name", Option: "username"},
			{Setting: redisOfRegistry("ENABLETLS", "enableTLS", yaml.NodeTagBool), Purpose: "registry", Encode: Redis.enableTLS, Decode: readTLS,
				Since: Release{2, 13}, Before: "speaks no TLS to Redis", Option: "tls"},
			{Setting: secret(Registry, redisOfRegistry("PASSWORD", "password", "").Places...), Purpose: "registry",
				Encode: Redis.password, Decode: readPassword},
		},
	),
	// The keys of the Secrets are the variables, of files those of harbor-helm's Secret
	// for the core (templates of harbor-helm 1.10 to 1.19; Harbor v2.15 src/lib/config).
	Secrets: slices.Concat([]SecretUse{
		// BASIC_AUTH_PASS is the core's password for chartmuseum.
		{Key: "CORE_SECRET", Form: HeaderSecret, Shared: true,
			Settings: append(byParts(Variable("CORE_SECRET"), Core, JobService, RegistryCtl), secret(ChartMuseum, Variable("BASIC_AUTH_PASS")))},
		{Key: "JOBSERVICE_SECRET", Form: HeaderSecret, Shared: true, Settings: byParts(Variable("JOBSERVICE_SECRET"), Core, JobService, RegistryCtl)},
		{Key: "secretKey", Form: AESKey, Shared: true, Settings: byParts(whole("key"), Core)},
		{Key: "CSRF_KEY", Form: CSRFKey, Shared: true, Settings: byParts(Variable("CSRF_KEY"), Core)},
		{Key: "tls.key", Form: TokenKey, Shared: true, Settings: byParts(whole("private_key.pem"), Core)},
		// The registry of 2.x asks for a password: notary alone reads the certificate.
		{Key: "tls.crt", Form: TokenCert, Settings: []Setting{of(NotaryServer, whole("root.crt"))}},
		withForm(YAMLText, registrySecret("", "http", "secret")),
		{Key: "REGISTRY_CREDENTIAL_PASSWORD", Form: RegistryPass, Shared: true,
			Settings: byParts(Variable("REGISTRY_CREDENTIAL_PASSWORD"), Core, JobService), Unread: byParts(Variable("REGISTRY_CREDENTIAL_PASSWORD"), RegistryCtl)},
		{Key: "REGISTRY_HTPASSWD", Form: Htpasswd, Shared: true, Settings: []Setting{
			secret(Registry, whole("passwd")), secret(Registry, namedBy(RegistryConfigFile, "auth", "htpasswd", "path"))}},
		{Key: "HARBOR_ADMIN_PASSWORD", Form: AdminPassword, Settings: byParts(Variable("HARBOR_ADMIN_PASSWORD"), Core, Exporter)},
		{Key: "SCANNER_TRIVY_GITHUB_TOKEN", Form: OptionalPassword, Settings: byParts(Variable("SCANNER_TRIVY_GITHUB_TOKEN"), Trivy)},
		{Key: SecretPassword, In: DatabaseSecret, Form: DatabasePass, Settings: []Setting{secret(Core, Variable("POSTGRESQL_PASSWORD")),
			secret(Exporter, Variable("HARBOR_DATABASE_PASSWORD")), secret(Database, Variable("POSTGRES_PASSWORD"))}},
		// Redis holds the places in which it stands together with the address.
		{Key: SecretPassword, In: RedisSecret, Form: RedisURLPass, Settings: append(
			byParts(Variable(RedisPassword), Core, JobService, Exporter, Trivy, RedisServer),
			secret(Registry, redisOfRegistry("PASSWORD", "password", "").Places...))},
		{Key: "NOTARY_SERVER_DB_URL", Settings: byParts(Variable("DB_URL"), NotaryServer)},
		{Key: "NOTARY_SIGNER_DB_URL", Settings: byParts(Variable("DB_URL"), NotarySigner)},
		{Key: "server.json", Settings: byParts(whole("server.json"), NotaryServer)},
		{Key: "signer.json", Settings: byParts(whole("signer.json"), NotarySigner)},
	}, withCtl(registrySecrets)),
}

// CSRFKeySize are the bytes of CSRF_KEY: with others every login is a 500 (seen with
// Harbor 2.15.1).
const CSRFKeySize = 32

// What becomes of a part without a setting that it needs.
const (
	panics   = "ends as soon as it starts"
	byChance = "listens on a port that chance chooses, where nobody reaches it"
)

// internalTLS says whether a part speaks TLS to the others.
func internalTLS(part string) Condition {
	return Condition{of(part, Variable("INTERNAL_TLS_ENABLED")), "true"}
}

// urls are settings that hold the URL of a Redis (harbor-helm 1.19, templates).
func urls(purpose string, database int, optional bool, settings ...Setting) []RedisUse {
	var all []RedisUse
	for _, s := range settings {
		all = append(all, RedisUse{Setting: s, Purpose: purpose, Database: database, Encode: Redis.URL, Decode: readURL,
			Password: RedisPassword, Host: true, Numbered: true, Optional: optional})
	}
	return all
}

// without says what happens where they are missing.
func without(what string, uses []RedisUse) []RedisUse {
	for i := range uses {
		uses[i].Without = what
	}
	return uses
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
	Storage:    []StorageUse{images},
	Parts: append(v2.Parts[:len(v2.Parts):len(v2.Parts)],
		Part{Name: AdminServer, Container: "adminserver", Images: []string{"harbor-adminserver"}},
		Part{Name: UI, Container: "ui", Images: []string{"harbor-ui"}, DownMeans: frontDown}),
}

// layouts are all generations.
var layouts = []layout{v1, v2, between}
