package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

var databaseLoad = Rule{
	ID: "N03", Severity: framework.Warning,
	What: "The database can take what all pods of Harbor together ask of it.",
	Why: "Once its connections are used up requests fail, and no further core starts (seen with Harbor 2.15.1); and several cores that " +
		"count in the database what one project holds block each other (harbor#21075, harbor#23789).",
	Do: "Set POSTGRESQL_MAX_OPEN_CONNS so that all pods stay below max_connections of the server; use-external-database does; where " +
		"many push to one project at once, set QUOTA_UPDATE_PROVIDER to redis.",
	Remedy: []string{"database"},
	Of:     now,
	check: func(p *pass) {
		for _, h := range p.harbors() {
			checkConnections(p, h)
		}
		for _, c := range p.named(harbor.Core) {
			checkQuota(p, c)
		}
	},
}

// checkConnections holds the connections that all pods may open against what the server
// allows.
func checkConnections(p *pass, h *harbor.Harbor) {
	b := h.Budget(func(c harbor.Component) int {
		for _, other := range p.parts {
			if other.RNode == c.RNode && other.Name() == c.Name() {
				return other.scale.n
			}
		}
		return 0
	})
	all, known := p.storesOf(h, h.DatabaseServer)
	pods := strings.Join(b.Parts, ", ")
	for _, s := range p.named(h.DatabaseServer) {
		allowed, own := h.Connections(s.Component)
		if s.Harbor == h && own && known && slices.ContainsFunc(all, func(u store) bool { return p.leads(u, s) }) {
			if b.Exceeds(allowed) {
				p.warn(b.Object, b.Path, "lets the pods open %d connections (%s), and %s allows %d, %d of them reserved: requests fail once they are "+
					"used up, and no further core starts", b.Total, pods, krm.Name(s.RNode), allowed, harbor.ReservedConnections).add("database.maxOpenConnections")
			}
			return
		}
	}
	if b.Exceeds(harbor.DefaultConnections) {
		p.note(b.Object, b.Path, "lets the pods open %d connections (%s): check that max_connections of the server is more than that; PostgreSQL "+
			"comes with %d", b.Total, pods, harbor.DefaultConnections)
	}
}

func checkQuota(p *pass, c *part) {
	s := p.replicas(c)
	v := c.Setting(c.env, harbor.QuotaProvider)
	tooOld := c.Release().Known() && !c.Release().AtLeast(harbor.QuotaProviderSince)
	if !s.several() || tooOld || !v.Known || !strings.EqualFold(v.Text, "db") {
		return
	}
	found, _ := c.env.Get(harbor.QuotaProvider)
	at := c.WhereSet(found, harbor.QuotaProvider)
	p.note(at.Object, at.Path, "%s is db and there are %s of the core: where many push to one project at once they block each other in the "+
		"database (harbor#21075, harbor#23789); check whether that happens, and set it to redis then", harbor.QuotaProvider, s.word).about()
}
