package validateha

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

var allParts = Rule{
	ID: "L18", Severity: framework.Error,
	What: "All parts that a Harbor cannot do without are there and of one release, and what the rules do not know of a Harbor is said.",
	Why: "What is missing, or is not recognised, is not validated either: a registry under another image may well keep each pod's " +
		"images for itself, and no other rule would say so. Parts of different releases ask each other for what is not there " +
		"(harbor#12573), and a core does not start on the database of a later one (harbor#20164).",
	Do: "Validate all manifests of a Harbor together; give a part of another image its container's name and a pod label (name: " +
		"registry-apps, or app.kubernetes.io/component: registry).",
	check: func(p *pass) {
		for _, h := range p.harbors() {
			c := p.parts[slices.IndexFunc(p.parts, func(c *part) bool { return c.Harbor == h })]
			checkParts(p, c)
			checkReleases(p, c)
			checkKnown(p, c)
		}
	},
}

// whole is the number of different parts from which on the manifests are meant to
// be all of a Harbor. With fewer somebody may be looking at a folder of them: that
// is no mistake, but it is said, because rules that compare parts find nothing.
const whole = 3

// checkParts looks for the parts of a Harbor, of which c is the first.
func checkParts(p *pass, c *part) {
	var missing []string
	here := harbor.Names(c.Harbor.Components)
	for _, needed := range c.Harbor.Parts {
		if needed.Needed && !slices.Contains(here, needed.Name) {
			missing = append(missing, needed.Name)
		}
	}
	switch {
	case len(missing) == 0:
	case len(here) >= whole:
		p.error(c.RNode, nil,
			"Harbor does not work without %s, which is not among the resources beside %s: it is missing, or not recognised and "+
				"therefore not validated",
			strings.Join(missing, " and "), strings.Join(here, ", "))
	default:
		p.warn(c.RNode, nil,
			"these manifests hold %s of a Harbor and not %s: what concerns both is not validated; validate all manifests together",
			strings.Join(here, " and "), strings.Join(missing, " and "))
	}
}

// checkReleases compares the releases that the images of a Harbor name, of which c is
// the first part. Its database and Redis are servers that any release uses, and nginx
// has no code of Harbor.
func checkReleases(p *pass, c *part) {
	var first *part // which the others ask
	for _, center := range p.beside(c, harbor.Core, harbor.UI) {
		if !center.Named().Known() {
			continue
		}
		if first == nil {
			first = center
		} else if center.Named() != first.Named() {
			p.error(center.RNode, center.Path.Append("image"), "is of Harbor %s, and %s of %s: on a database that a later release has used "+
				"the earlier one does not start again (harbor#20164)", center.Named(), krm.Name(first.RNode), first.Named()).is(center.Image())
			return
		}
	}
	if first == nil {
		return
	}
	var releases, said []string
	of := map[string][]*part{}
	for _, other := range p.parts {
		release := other.Named()
		strange := other.Harbor == c.Harbor && release.Known() && release != first.Named()
		if !strange || other.Part().Stateful || other.Name() == harbor.Nginx {
			continue
		}
		if of[release.String()] == nil {
			releases = append(releases, release.String())
		}
		of[release.String()] = append(of[release.String()], other)
	}
	if len(releases) == 0 {
		return
	}
	for _, release := range releases {
		said = append(said, fmt.Sprintf("of Harbor %s: %s", release, strings.Join(names(of[release]), ", ")))
	}
	odd := of[releases[0]][0]
	p.warn(odd.RNode, odd.Path.Append("image"), "%s; the %s is of %s: one may ask for what the other does not have (harbor#12573)",
		strings.Join(said, "; "), first.Name(), first.Named()).is(odd.Image())
}

// checkKnown says which rules have not looked at a Harbor of which the model knows
// the parts alone, c the first of them: that they find nothing is no promise then.
func checkKnown(p *pass, c *part) {
	if slices.Contains(known, c.Generation()) {
		return // the others are about what this one does not have
	}
	var missing []string
	for _, r := range p.rules {
		if len(r.Of) > 0 && !slices.Contains(r.Of, c.Generation()) {
			missing = append(missing, r.ID)
		}
	}
	release := c.Generation().String()
	if c.Harbor.Release.Known() {
		release = c.Harbor.Release.String()
	}
	p.warn(c.RNode, nil,
		"is part of Harbor %s, at which %s do not look: its sessions, secrets, database and registry configuration are not validated",
		release, strings.Join(missing, ", "))
}
