package harbor

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
		{Setting: of(AdminServer, Variable("MYSQL_HOST")), To: []string{MySQL}},
		{Setting: of(UI, adminServerURL...), Default: "http://adminserver", To: []string{AdminServer}},
		{Setting: of(JobService, adminServerURL...), Default: "http://adminserver", To: []string{AdminServer}},
		{Setting: of(UI), Default: "http://jobservice", DefaultUntil: Release{1, 2}, To: []string{JobService}},
		{Setting: of(JobService), Default: "http://ui", DefaultUntil: Release{1, 2}, To: []string{UI, Nginx}},
		{Setting: secret(UI, Variable(RedisURL)), To: []string{RedisServer}},
	},
	Files: []File{
		{Of: AdminServer, Name: "key", Path: "/etc/adminserver/key", Variable: KeyPath},
		{Of: JobService, Name: "key", Path: JobServiceKey, Variable: KeyPath},
		{Of: UI, Name: "key", Path: "/etc/ui/key", Variable: KeyPath},
		{Of: UI, Name: "private_key.pem", Path: TokenKeyFile, Variable: TokenKeyPath},
		{Of: UI, Name: "app.conf", Path: "/etc/ui/app.conf", Variable: ConfigPath},
		{Of: JobService, Name: "app.conf", Path: "/etc/jobservice/app.conf", Variable: ConfigPath},
		{Of: Registry, Name: "config.yml", Path: "/etc/registry/config.yml"},
		{Of: Nginx, Name: "nginx.conf", Path: NginxConf},
	},
	Endpoint: []EndpointUse{
		{of(AdminServer, Variable(ExternalEndpoint)), Endpoint.String},
		{of(Registry, Variable("REGISTRY_AUTH_TOKEN_REALM"), Field("config.yml", "auth", "token", "realm")), Endpoint.Realm},
	},
	Redis: []RedisUse{
		{Setting: secret(UI, Variable(RedisURL)), Purpose: "sessions", Encode: Redis.Commas, Password: RedisPassword},
	},
	Database: []DatabaseUse{
		{of(AdminServer, Variable("MYSQL_HOST")), DatabaseHost},
		{of(AdminServer, Variable("MYSQL_PORT")), DatabasePort},
		{of(AdminServer, Variable("MYSQL_USR")), DatabaseUser},
		{of(AdminServer, Variable("MYSQL_DATABASE")), DatabaseName},
		{secret(AdminServer, Variable("MYSQL_PWD")), DatabasePassword},
	},
}

const (
	frontDown = "nobody can log in, push or pull"
	oneRedis  = "each replica would be a store of its own, sessions and jobs get lost; take an external Redis that is highly available itself"
)

// adminServerURL are the variables with the address of the adminserver: the
// second in late releases.
var adminServerURL = []Place{Variable("ADMINSERVER_URL"), Variable("ADMIN_SERVER_URL")}
