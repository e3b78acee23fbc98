package validateha

import (
	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
)

var lastingRedis = Rule{
	ID: "N02", Severity: framework.Warning,
	What: "Harbor's Redis is one that outlives a node, and nothing is left of another one.",
	Why: "While the only Redis is away all cores are unready at once, however many there are, and people are logged out where it comes " +
		"back empty; with Sentinels no request fails (both seen with Harbor 2.15.1).",
	Do:     "Take a Redis that is highly available itself; inject-redis does, and takes the one inside away.",
	Remedy: []string{"redis"},
	Of:     now,
	check: func(p *pass) {
		for _, h := range p.harbors() {
			checkOwn(p, h, harbor.RedisServer, toRedis)
		}
	},
}
