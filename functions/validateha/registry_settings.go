package validateha

import (
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
)

var registrySecret = Rule{
	ID: "L05", Severity: framework.Error,
	What: "All replicas of the registry have the same http.secret, and nobody else knows it.",
	Why:  "Where it is empty each process makes up its own, and a push that goes to two replicas fails (distribution v2.6.2 registry/handlers/app.go, configureSecret).",
	Do:   "Set REGISTRY_HTTP_SECRET from a Secret; move-secrets does.",
	check: func(k *checker) {
		for _, c := range k.old(harbor.Registry) {
			if r := k.registry(c); r.readable {
				k.checkHTTPSecret(r)
			}
		}
	},
}

var registryCache = Rule{
	ID: "L06", Severity: framework.Error,
	What: "Replicas of the registry do not each have a cache of their own.",
	Why:  "With inmemory a replica serves what another one has deleted; with redis and no address the registry panics at its start (distribution v2.6.2 registry/handlers/app.go; harbor v1.4.0 make/common/templates/registry/config_ha.yml takes redis).",
	Do:   "Set storage.cache to redis together with redis.addr, or leave the cache out.",
	check: func(k *checker) {
		for _, c := range k.old(harbor.Registry) {
			if r := k.registry(c); r.readable {
				k.checkCache(r)
			}
		}
	},
}

func (k *checker) checkHTTPSecret(r registry) {
	v, at := r.get("http", "secret"), r.placeOf("http", "secret")
	s := k.scale(r.Workload)
	switch {
	case v.Text == "" && s.n > 1:
		k.error(at.obj, at.path, "the registry has no http.secret and %s: each makes up its own, and a push that goes to two of them fails", s.word)
	case v.Text == "placeholder" || harbor.Placeholder(v.Text):
		k.warn(at.obj, at.path, "http.secret of the registry is a placeholder that everybody knows: with it uploads of others can be taken over")
	}
}

func (k *checker) checkCache(r registry) {
	setting := []string{"storage", "cache", "blobdescriptor"}
	if r.get(setting...).Text == "" {
		setting[2] = "layerinfo" // its old name
	}
	v, at := r.get(setting...), r.placeOf(setting...)
	s := k.scale(r.Workload)
	switch {
	case v.Text == "inmemory" && s.n > 1:
		k.warn(at.obj, at.path, "%s is inmemory and there are %s: each serves for a while what another one has deleted", strings.Join(setting, "."), s.word)
	case v.Text == "redis" && r.get("redis", "addr").Text == "":
		k.error(at.obj, at.path, "%s is redis, but redis.addr is not set: the registry panics when it starts", strings.Join(setting, "."))
	}
}
