package validateha

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
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

	check func(*checker)
}

// Rules are all rules in the order of their numbers. L are those of Harbor 1.x
// and the general ones; N01 and on, of Harbor 2.x alone, have their place behind
// them.
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
