package validateha

import (
	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

var registrySecret = Rule{
	ID: "L05", Severity: framework.Error,
	What: "All replicas of the registry have the same http.secret, and nobody else knows it.",
	Why: "Where it is empty each process generates its own, and a push that goes to two replicas fails (distribution v2.6.2 " +
		"registry/handlers/app.go, configureSecret; seen with Harbor 2.15.1: 0 to 1 of 10 pushes succeed).",
	Do:     "Set REGISTRY_HTTP_SECRET from a Secret; move-secrets does.",
	Remedy: []string{"secrets"},
	Of:     known,
	check:  ofReadable(checkHTTPSecret),
}

func checkHTTPSecret(p *pass, c *part) {
	r := c.registry
	v, at := r.Get("http", "secret"), r.LocationOf("http", "secret")
	s := p.replicas(c)
	switch {
	case v.Text == "" && s.several():
		p.error(at.Object, at.Path,
			"the registry has no http.secret and %s: each generates its own, and a push that goes to two of them fails",
			s.word).add(toSecrets)
	case v.Text == "placeholder" || harbor.Placeholder(v.Text):
		p.warn(at.Object, at.Path,
			"http.secret of the registry is a placeholder that everybody knows: with it uploads of others can be taken over").add(toSecrets)
	}
	for _, other := range p.beside(c, harbor.Registry) {
		first := other.registry.Get("http", "secret")
		if other == c {
			return
		}
		if other.registry.Readable && v.Known && first.Known && v.Text != first.Text {
			p.error(at.Object, at.Path, "http.secret differs from that of %s: a push that goes to both fails", krm.Name(other.RNode)).add(toSecrets)
		}
	}
}
