package harbor

// v2 is Harbor 2.x: the container names and pod labels of harbor-helm 1.19.
var v2 = layout{
	Generation: V2,
	Releases:   "2.x",
	Parts: []Part{
		{Name: Core, Container: "core", Images: []string{"harbor-core"}, Needed: true, DownMeans: frontDown},
		{Name: Database, Container: "database", Images: []string{"harbor-db"}, Stateful: true, Single: onePostgres},
		{Name: Exporter, Container: "exporter", Images: []string{"harbor-exporter"}},
		{Name: JobService, Container: "jobservice", Images: []string{"harbor-jobservice"},
			DownMeans: "nothing is scanned, replicated or cleaned up"},
		{Name: Nginx, Container: "nginx", Images: []string{"nginx-photon"}, DownMeans: frontDown},
		{Name: Portal, Container: "portal", Images: []string{"harbor-portal"}, DownMeans: "nobody sees the portal"},
		{Name: RedisServer, Container: "redis", Images: []string{"redis-photon", "valkey-photon"}, Stateful: true, Single: oneRedis},
		{Name: Registry, Container: "registry", Images: []string{"registry-photon", "harbor-registry"}, Needed: true,
			DownMeans: "nobody can push or pull"},
		{Name: Trivy, Container: "trivy", Images: []string{"trivy-adapter-photon", "harbor-adapter-trivy"}},
	},
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
