package validateha

import (
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
)

var registryCache = Rule{
	ID: "L06", Severity: framework.Error,
	What: "Replicas of the registry do not each have a cache of their own.",
	Why: "With inmemory a replica serves what another one has deleted; with redis and no address the registry panics at its start " +
		"(distribution v2.6.2 registry/handlers/app.go; harbor v1.4.0 make/common/templates/registry/config_ha.yml takes redis; both " +
		"seen with Harbor 2.15.1).",
	Do:     "Set storage.cache to redis together with redis.addr, or leave the cache out; in Harbor 2.x, inject-redis sets the address.",
	Remedy: []string{"redis"},
	Of:     known,
	check:  ofReadable(checkCache),
}

func checkCache(p *pass, c *part) {
	r := c.registry
	setting := []string{"storage", "cache", "blobdescriptor"}
	if r.Get(setting...).Text == "" {
		setting[2] = "layerinfo" // its old name
	}
	v, at := r.Get(setting...), r.LocationOf(setting...)
	s := p.replicas(c)
	// Garbage collection deletes through registryctl while Harbor runs.
	deletes := r.Get("storage", "delete", "enabled").Text == "true" && len(p.beside(c, harbor.RegistryCtl)) > 0
	switch {
	case v.Text == "inmemory" && s.several() && deletes:
		p.error(at.Object, at.Path,
			"%s is inmemory and there are %s: what Harbor deletes, as each garbage collection does, is gone in one, and the others go on "+
				"saying that they have it", strings.Join(setting, "."), s.word)
	case v.Text == "inmemory" && s.several():
		p.warn(at.Object, at.Path,
			"%s is inmemory and there are %s: each serves for a while what another one has deleted", strings.Join(setting, "."), s.word)
	case v.Text == "redis" && r.Get("redis", "addr").Text == "":
		f := p.error(at.Object, at.Path,
			"%s is redis, but redis.addr is not set: the registry panics when it starts", strings.Join(setting, "."))
		if len(c.redis) > 0 {
			f.add(toRedis)
		}
	}
}
