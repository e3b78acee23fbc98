package validateha

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

var oneJobService = Rule{
	ID: "L10", Severity: framework.Error,
	What: "There is one jobservice at any time.",
	Why: "Up to Harbor 1.4 its queue is in memory, and each one that starts runs every unfinished job again (harbor#3747, " +
		"harbor#4001, harbor#4012).",
	Do:     "Set replicas to 1, and strategy Recreate where it is a Deployment.",
	Remedy: []string{"replicas"},
	Of:     old,
	check: func(p *pass) {
		for _, c := range p.named(harbor.JobService) {
			checkJobService(p, c)
		}
	},
}

func checkJobService(p *pass, c *part) {
	if c.Single() == "" {
		return // its queue is in Redis (harbor#4632)
	}
	s := c.scale
	if s.none() {
		return // as the old one beside the new one
	}
	all := slices.DeleteFunc(p.beside(c, harbor.JobService), func(other *part) bool { return other.scale.none() })
	strategy := krm.Path{"spec", "strategy", "type"}
	switch {
	case s.eachNode:
		p.error(s.obj, s.path,
			"there is a jobservice on each node, and each runs every unfinished job when it starts (harbor#3747): make it a "+
				"Deployment of 1 replica").is("DaemonSet")
	case s.several():
		p.error(s.obj, s.path,
			"the jobservice has %s, and each runs every unfinished job when it starts (harbor#3747)", s.word).is(s.n).want(1)
	case len(all) > 1 && all[0] != c:
		p.error(c.RNode, nil,
			"is a second jobservice beside %s, and each runs every unfinished job when it starts (harbor#3747)", krm.Name(all[0].RNode))
	}
	if current := krm.Text(c.RNode, strategy...); c.GetKind() == "Deployment" && current != "Recreate" {
		f := p.error(c.RNode, strategy,
			"is not Recreate: on every change a second jobservice runs for a while beside the first (harbor#3747)").want("Recreate")
		if current != "" {
			f.is(current)
		}
	}
}
