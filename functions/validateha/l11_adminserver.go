package validateha

import (
	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
)

var sameSettings = Rule{
	ID: "L11", Severity: framework.Error,
	What: "All replicas of the adminserver have the same settings.",
	Why: "Up to Harbor 1.3 each keeps them in a file of its own (harbor v1.2.0 src/adminserver/systemcfg; a database from 9b03c93afd, " +
		"v1.4.0, on): what is changed in the portal reaches one of them, and is lost with the pod or on RESET.",
	Do:     "Run one adminserver with a volume at its store, or several with RESET \"true\" and all settings in the manifests.",
	Remedy: []string{"database"},
	Of:     old,
	check: func(p *pass) {
		for _, c := range p.named(harbor.AdminServer) {
			checkStore(p, c)
		}
	},
}

func checkStore(p *pass, c *part) {
	env := c.env
	if c.AtLeast(4) && c.Setting(env, harbor.StoreDriver).Text != "json" {
		return // the database
	}
	s := p.replicas(c)
	store := c.Setting(env, harbor.StorePath)
	reset := c.Setting(env, harbor.Reset)
	if !store.Known || !reset.Known {
		p.note(c.RNode, c.Path.Append("env"),
			"%s or %s cannot be seen: check that all adminservers have the same settings", harbor.StorePath, harbor.Reset)
		return
	}
	at := c.WhereSet(reset, harbor.Reset)
	kept := outlives(c, store.Text)
	m, _ := c.MountOf(store.Text)
	together := kept && !m.Template && len(p.peers(c)) == 0 && !hasAny(c.RNode, m.Volume, "hostPath")
	switch resets := reset.Text == "true"; {
	case s.several() && !resets && together:
		p.error(at.Object, at.Path,
			"is not \"true\" and %s of the adminserver write the settings to one file, each without knowing of the others: what one "+
				"has written is lost", s.word).add("database.reset: true").is(shown(reset)).want("true")
	case s.several() && !resets:
		p.error(at.Object, at.Path,
			"is not \"true\" and there are %s of the adminserver: each has settings of its own, and which one answers is chance",
			s.word).add("database.reset: true").is(shown(reset)).want("true")
	case s.several() && !together:
		p.warn(at.Object, at.Path,
			"settings that are changed in the portal reach one of %s of the adminserver and are gone with it: change them in the "+
				"manifests", s.word).is(shown(reset))
	case resets && kept:
		p.warn(at.Object, at.Path,
			"settings that are changed in the portal are kept on a volume, but discarded when the adminserver starts").
			is(shown(reset)).want("false")
	case !kept:
		p.warn(c.RNode, c.Path.Append("volumeMounts"),
			"the adminserver keeps its settings in %s, which is on no volume: those that are changed in the portal are gone with the pod",
			shown(store))
	}
}
