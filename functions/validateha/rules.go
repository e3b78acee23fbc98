package validateha

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
)

// Rule is something that must be so for a Harbor to be highly available.
type Rule struct {
	// ID is the rule's number, which findings carry as the tag rule.
	ID string
	// Severity is that of its gravest finding.
	Severity framework.Severity
	// What must be so, why, with the source of that knowledge, and what to do
	// where it is not: a sentence each.
	What, Why, Do string
	// Remedy are the sections of HarborHA that set right what the rule finds.
	Remedy []string
	// Of are the generations of Harbor that it is for, none for all.
	Of []harbor.Generation

	check func(*pass)
}

// old is Harbor 1.2 to 1.5, and now 2.x.
var (
	old = []harbor.Generation{harbor.V1}
	now = []harbor.Generation{harbor.V2}
)

// known are the generations of which the model says what parts call and read.
var known = []harbor.Generation{harbor.V1, harbor.V2}

// look returns what the rule finds, each once.
func (r Rule) look(f *facts) []*finding {
	p := &pass{facts: f.of(r.Of)}
	r.check(p)
	return unique(p.found)
}

// Rules are all rules in the order of their numbers: L are those of Harbor 1.x and
// the general ones, after them N those of Harbor 2.x alone.
var Rules = []Rule{
	registryReadsConfig, registryAsksForTokens, registryStarts,
	sharedStorage,
	registrySecret, registryCache,
	sharedSessions,
	tokenKeys, sharedSecrets,
	oneJobService,
	sameSettings,
	externalDatabase,
	oneAddress,
	staticVolumes,
	scheduling,
	references,
	services,
	allParts,
	oneStore, reachableStorage,
	oneRedis, lastingRedis, databaseLoad,
	needs,
	registryPassword,
	readableJobLogs,
}

func ruleByID(id string) (Rule, bool) {
	i := slices.IndexFunc(Rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{}, false
	}
	return Rules[i], true
}

func ruleIDs() []string {
	var ids []string
	for _, r := range Rules {
		ids = append(ids, r.ID)
	}
	return ids
}
