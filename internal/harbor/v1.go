package harbor

import "slices"

// v1 is Harbor 1.2 to 1.5: make/kubernetes, src/ui/config, src/adminserver,
// src/jobservice/config of Harbor v1.2.0.
var v1 = layout{
	Generation: V1,
	Releases:   "1.2 to 1.5",
	Parts: []Part{
		{Name: AdminServer, Container: "adminserver-app", Images: []string{"harbor-adminserver"}, Needed: true},
		{Name: JobService, Container: "jobservice-app", Images: []string{"harbor-jobservice"},
			Single:      "each jobservice runs every unfinished job again when it starts (harbor#3747, harbor#4001)",
			SharedSince: Release{1, 5}}, // the queue is in Redis: harbor#3946
		{Name: MySQL, Container: "mysql-app", Images: []string{"harbor-db"}, Stateful: true,
			Single: "two database servers on one data directory destroy it; use-external-database takes a database that is highly available itself"},
		{Name: Nginx, Container: "nginx-app", Images: []string{"nginx-photon"}, DownMeans: frontDown},
		{Name: RedisServer, Stateful: true, Images: []string{"redis-photon"}, Single: oneRedis},
		{Name: Registry, Container: "registry-app", Images: []string{"registry:*-photon", "registry-photon", "harbor-registry"},
			Needed: true, DownMeans: "nobody can push or pull"},
		{Name: UI, Container: "ui-app", Images: []string{"harbor-ui"}, Needed: true, DownMeans: frontDown},
	},
	Calls: []Call{
		{Setting: of(AdminServer, Variable("REGISTRY_URL")), To: []string{Registry, Nginx}},
		{Setting: of(AdminServer, Variable("TOKEN_SERVICE_URL")), To: []string{UI, Nginx}},
		{Setting: of(AdminServer, Variable("UI_URL")), To: []string{UI, Nginx}},
		{Setting: of(AdminServer, Variable("JOBSERVICE_URL")), To: []string{JobService}},
		{Setting: of(UI, adminServerURL...), Default: "http://adminserver", To: []string{AdminServer}},
		{Setting: of(JobService, adminServerURL...), Default: "http://adminserver", To: []string{AdminServer}},
		{Setting: of(UI), Default: "http://jobservice", DefaultUntil: Release{1, 2}, To: []string{JobService}},
		{Setting: of(JobService), Default: "http://ui", DefaultUntil: Release{1, 2}, To: []string{UI, Nginx}},
	},
	Proxied: map[string][]string{"/": {UI, Registry}, "/v2/": {UI, Registry}, "/service/": {UI, Registry}, "/api/": {UI, Registry}, "/c/": {UI, Registry}},
	Listens: []Listen{
		{Setting: of(UI, Key(AppConfFile, "", "httpport"))},
		{Setting: of(JobService, Key(AppConfFile, "", "httpport"))},
	},
	Files: []File{
		{Of: AdminServer, Name: "key", Path: "/etc/adminserver/key", Variable: KeyPath},
		{Of: JobService, Name: "key", Path: "/etc/jobservice/key", Variable: KeyPath},
		{Of: UI, Name: "key", Path: "/etc/ui/key", Variable: KeyPath},
		{Of: UI, Name: "private_key.pem", Path: TokenKeyFile, Variable: TokenKeyPath},
		{Of: UI, Name: AppConfFile, Path: "/etc/ui/app.conf", Variable: ConfigPath},
		{Of: JobService, Name: AppConfFile, Path: "/etc/jobservice/app.conf", Variable: ConfigPath},
		{Of: Registry, Name: RegistryConfigFile, Path: RegistryDir + "/" + RegistryConfigFile},
		{Of: Nginx, Name: "nginx.conf", Path: NginxConf},
	},
	Endpoint: []EndpointUse{
		{of(AdminServer, Variable(ExternalEndpoint)), Endpoint.String},
		{of(Registry, Variable("REGISTRY_AUTH_TOKEN_REALM"), Field(RegistryConfigFile, "auth", "token", "realm")), Endpoint.Realm},
	},
	Defaults: map[string]map[string]string{
		AdminServer: {StorePath: "/etc/adminserver/config/config.json"},
	},
	Redis: []RedisUse{
		{Setting: secret(UI, Variable(RedisURL)), Purpose: "core", Encode: Redis.commas, Decode: readCommas, Password: RedisPassword, Host: true},
	},
	Storage: []StorageUse{
		images,
		{Setting: of(JobService, Variable(LogDir)), Purpose: ForJobLogs, Default: "/var/log/jobs"},
	},
	Protocols:      "TLSv1.2", // nginx 1.11 knows no TLSv1.3
	DatabaseServer: MySQL,
	DatabasePort:   3306,
	Database: []DatabaseUse{
		{of(AdminServer, Variable("DATABASE_TYPE")), DatabaseKind},
		{of(AdminServer, Variable("MYSQL_HOST")), DatabaseHost},
		{of(AdminServer, Variable("MYSQL_PORT")), DatabasePort},
		{of(AdminServer, Variable("MYSQL_USR")), DatabaseUser},
		{of(AdminServer, Variable("MYSQL_DATABASE")), DatabaseName},
		{of(AdminServer, Variable(Reset)), DatabaseReset},
		{secret(AdminServer, Variable("MYSQL_PWD")), DatabasePassword},
	},
	// Harbor 1.5 shows the name of the driver (src/adminserver/systemcfg).
	ObjectStorage: &ObjectStorageUse{Of: []string{Registry}, Provider: of(AdminServer, Variable(storageProvider)), Since: Release{1, 5}},
	Secrets: slices.Concat([]SecretUse{
		{Key: "UI_SECRET", Form: Cookie, Shared: true, Settings: byAll(Variable("UI_SECRET"))},
		{Key: "JOBSERVICE_SECRET", Form: Cookie, Shared: true, Settings: byAll(Variable("JOBSERVICE_SECRET"))},
		{Key: "SECRET_KEY", Form: AESKey, Shared: true, Settings: byAll(whole("key")), Unread: byAll(Variable("SECRET_KEY"))},
		withForm(YAMLText, registrySecret(HTTPSecret, "http", "secret")),
		{Key: "HARBOR_ADMIN_PASSWORD", Form: AdminPassword, Cfg: "harbor_admin_password",
			Settings: []Setting{secret(AdminServer, Variable("HARBOR_ADMIN_PASSWORD"))}},
		{Key: "LDAP_SEARCH_PWD", Form: OptionalPassword, Cfg: "ldap_search_pwd",
			Settings: []Setting{secret(AdminServer, Variable("LDAP_SEARCH_PWD"))}},
		// The ui asks the adminserver for its mail settings (src/ui/config).
		{Key: "EMAIL_PWD", Form: OptionalPassword, Cfg: "email_password",
			Settings: []Setting{secret(AdminServer, Variable("EMAIL_PWD"))}, Unread: []Setting{secret(UI, Key(AppConfFile, "mail", "password"))}},
		{Key: "CLAIR_DB_PASSWORD", Cfg: "clair_db_password", Settings: []Setting{secret(AdminServer, Variable("CLAIR_DB_PASSWORD"))}},
		{Key: "UAA_CLIENTSECRET", Cfg: "uaa_clientsecret", Settings: []Setting{secret(AdminServer, Variable("UAA_CLIENTSECRET"))}},
		{Key: SecretPassword, In: DatabaseSecret, Form: DatabasePass, Cfg: "db_password",
			Settings: []Setting{secret(AdminServer, Variable("MYSQL_PWD")), secret(MySQL, Variable("MYSQL_ROOT_PASSWORD"))}},
		// Redis holds the place in which it stands together with the address.
		{Key: SecretPassword, In: RedisSecret, Form: RedisPass, Settings: []Setting{
			secret(UI, Variable(RedisPassword)), secret(RedisServer, Variable("REDIS_PASSWORD")),
			secret(Registry, Variable("REGISTRY_REDIS_PASSWORD"), Field(RegistryConfigFile, "redis", "password"))}},
		{Key: "private_key.pem", Form: TokenKey, Settings: []Setting{secret(UI, whole("private_key.pem"))}},
		{Key: "root.crt", Form: TokenCert, Settings: []Setting{
			of(Registry, whole("root.crt")), of(Registry, namedBy(RegistryConfigFile, "auth", "token", "rootcertbundle"))}},
		{Key: "https.key", Form: TLSKey, Settings: []Setting{secret(Nginx, whole("https.key"))}},
		{Key: "https.crt", Form: TLSCert, Settings: []Setting{of(Nginx, whole("https.crt"))}},
	}, registrySecrets),
}

const (
	frontDown = "nobody can log in, push or pull"
	oneRedis  = "each replica would be a store of its own, sessions and jobs get lost; take an external Redis that is highly available itself"
)

// registrySecrets are those of config.yml that both generations of the registry
// have (distribution v2.6.2: docs/configuration.md).
var registrySecrets = slices.Concat(
	storageSecrets(),
	[]SecretUse{
		registryKeyFile("http", "tls", "key"),
		registrySecret("", "proxy", "password"),
		registrySecret("", "reporting", "bugsnag", "apikey"),
		registrySecret("", "reporting", "newrelic", "licensekey"),
		// A variable replaces a list as a whole.
		holding(hasLogin, registrySecret("", "notifications", "endpoints")),
		holding(hasMailPassword, registrySecret("", "log", "hooks")),
	})

// adminServerURL are the variables with the address of the adminserver: the
// second in late releases.
var adminServerURL = []Place{Variable("ADMINSERVER_URL"), Variable("ADMIN_SERVER_URL")}

// Files and variables of Harbor 1.x (Harbor v1.2.0: src/adminserver/systemcfg,
// src/ui/config, src/ui/service/token, src/jobservice/config).
const (
	TokenKeyFile  = "/etc/ui/private_key.pem" // signs the tokens that the registry accepts
	TokenIssuer   = "harbor-token-issuer"
	TokenService  = "harbor-registry"
	TokenPath     = "/service/token" // of the ui, where docker clients get them
	KeyPath       = "KEY_PATH"       // variable: file that holds SECRET_KEY
	SecretKeySize = 16               // bytes of SECRET_KEY, a key of AES

	StorePath   = "JSON_CFG_STORE_PATH" // variable: where the adminserver keeps settings
	StoreDriver = "CFG_DRIVER"          // variable: json or db, since 1.4
	Reset       = "RESET"               // variable: true reads all settings from variables at each start
	LogDir      = "LOG_DIR"             // variable: where the jobservice keeps its logs
	ConfigPath  = "CONFIG_PATH"         // variable: app.conf of ui and jobservice

	ExternalEndpoint = "EXT_ENDPOINT" // variable: the address that clients use

	TokenKeyPath = "TOKEN_PRIVATE_KEY_PATH" // variable: TokenKeyFile, in late releases

	// ExampleHost is the host name in upstream's harbor.cfg.
	ExampleHost = "reg.mydomain.com"
	// NginxConf is where nginx looks for its configuration.
	NginxConf = "/etc/nginx/nginx.conf"
	// AppConfFile is the file of the ui and the jobservice that ConfigPath names.
	AppConfFile = "app.conf"
	// DatabaseDir is where the mysql server keeps its data.
	DatabaseDir = "/var/lib/mysql"
)
