package validateha

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var sharedSecrets = Rule{
	ID: "L09", Severity: framework.Error,
	What: "The parts that share a secret have the same one, of the right length, which only they know: the ui, the jobservice and the adminserver " +
		"UI_SECRET, JOBSERVICE_SECRET and SECRET_KEY; the core, the jobservice and registryctl of 2.x CORE_SECRET and JOBSERVICE_SECRET, all cores " +
		"CSRF_KEY, secretKey and tls.key.",
	Why: "They log in to each other with them, and what one encrypts the others decrypt with SECRET_KEY or secretKey, an AES key of 16 bytes; " +
		"without the jobservice's file of it no replication to a registry with a password works (harbor v1.2.0 src/common/config, " +
		"src/jobservice/config). Seen with Harbor 2.15.1: another CORE_SECRET fails half of all jobs, another JOBSERVICE_SECRET stops a jobservice for " +
		"good, CSRF_KEY of another length than 32 makes every login a 500, another one refuses every change with 403, another tls.key most pushes; " +
		"health stays green. harbor-helm#2136, #2235: passwords of Redis in ConfigMaps.",
	Do:     "Take them from one Secret; krmfn secrets makes it, move-secrets makes the pods read it.",
	Remedy: []string{"secrets"},
	Of:     known,
	check: func(p *pass) {
		for _, c := range p.named(harbor.AdminServer, harbor.Core) {
			for _, use := range c.Harbor.Secrets {
				if use.Shared && !slices.Contains(c.Harbor.Readers(use), harbor.Registry) {
					checkSame(p, c, use)
				}
			}
		}
		checkOpen(p)
		checkLookalikes(p)
	},
}

// secret is a value that several components have to share.
type secret struct {
	kube.Value
	component *part
	harbor.Location
}

// whenDifferent says what becomes of parts that have different values.
var whenDifferent = map[harbor.SecretForm]string{
	harbor.CSRFKey:      "changes in the portal are refused with 403",
	harbor.TokenKey:     "tokens are refused, and pushes and pulls fail",
	harbor.RegistryPass: "the registry refuses one of them",
}

// checkSame compares what the components beside one have.
func checkSame(p *pass, beside *part, use harbor.SecretUse) {
	var all []secret
	for _, setting := range use.Settings {
		for _, c := range p.beside(beside, setting.Of) {
			if s, ok := read(p, c, use, setting.Places[0]); ok {
				all = append(all, s)
			}
		}
	}
	for i, s := range all {
		first := all[0]
		if use.Size() > 0 && !slices.ContainsFunc(all[:i], func(t secret) bool { return t.Source.Same(s.Source) }) {
			checkSize(p, use, s)
		}
		switch {
		case i == 0 || s.Source.Same(first.Source):
		case s.Known && first.Known && s.Text != first.Text:
			one, other := "the "+s.component.Name(), "the "+first.component.Name()
			if one == other {
				one, other = krm.Name(s.component.RNode), krm.Name(first.component.RNode)
			}
			p.error(s.Object, s.Path, "%s of %s differs from that of %s: %s", use.Key, one, other,
				cmp.Or(whenDifferent[use.Form], "they refuse each other, or cannot decrypt what the other one stored")).add(toSecrets)
		case !s.Known || !first.Known:
			p.note(s.Object, s.Path,
				"%s cannot be seen: check that %s of the %s and of the %s are equal",
				sources(slices.Concat(s.Unseen, first.Unseen)), use.Key, s.component.Name(), first.component.Name())
		}
	}
}

// read reads a secret from a variable or a file; it is false when it is reported.
func read(p *pass, c *part, use harbor.SecretUse, place harbor.Place) (secret, bool) {
	if place.Variable != "" {
		return secretVariable(p, c, use, place.Variable)
	}
	return secretFile(p, c, use, place.File)
}

// secretVariable reads a secret from the environment; it is false when it is
// reported, here or by L16, or the part needs none.
func secretVariable(p *pass, c *part, use harbor.SecretUse, name string) (secret, bool) {
	v, ok := c.env.Get(name)
	s := secret{v, c, c.WhereSet(v, name)}
	switch {
	case v.Broken:
		return s, false
	case !ok || v.Text == "":
		missing(p, s, use, name)
		return s, false
	case lineBreak(v):
		p.error(s.Object, s.Path, "%s holds a line break, which the cookie or header that carries it loses: they refuse each other", name)
		return s, false
	}
	return s, true
}

// missing reports a variable that is not set.
func missing(p *pass, s secret, use harbor.SecretUse, name string) {
	switch c := s.component; {
	case c.Part().Gone.Known():
	case use.Form == harbor.CSRFKey && p.replicas(c).several():
		p.error(s.Object, s.Path, "%s is not set and there are %s: each makes up its own, and changes in the portal are refused with 403",
			name, p.replicas(c).word).add(toSecrets)
	case use.Form == harbor.CSRFKey:
		p.warn(s.Object, s.Path, "%s is not set: the core makes up another one each time it starts, and open pages of the portal fail then", name).add(toSecrets)
	case use.Form == harbor.RegistryPass:
		p.error(s.Object, s.Path, "%s is not set, with which the %s logs in to the registry", name, c.Name())
	default:
		readers := c.Harbor.Readers(use)
		p.error(s.Object, s.Path, "%s is not set, which %s and %s log in to each other with",
			name, strings.Join(readers[:len(readers)-1], ", "), readers[len(readers)-1])
	}
}

// secretFile reads the file that holds a key.
func secretFile(p *pass, c *part, use harbor.SecretUse, name string) (secret, bool) {
	variable, _ := c.PathVariable(name)
	file := c.Setting(c.env, variable)
	found := c.At(p.list, file.Text)
	s := secret{found.Value, c, c.WhereSet(found.Value, "")}
	switch {
	case !file.Known || found.Value.Broken:
		return s, false
	case use.Form == harbor.TokenKey:
		return s, found.State == kube.Present // L08 tells
	case found.State == kube.Absent && c.Name() == harbor.JobService && c.AtLeast(5):
		return s, false // it gets passwords decrypted
	case found.State == kube.Absent && c.Name() == harbor.JobService:
		p.warn(c.RNode, c.Path.Append("volumeMounts"),
			"no mount provides %s: replication to a registry with a password fails", shown(file)).add(toSecrets)
		return s, false
	case found.State == kube.Absent:
		p.error(c.RNode, c.Path.Append("volumeMounts"),
			"no mount provides %s, the key that passwords are encrypted with: the %s does not work without it", shown(file), c.Name())
		return s, false
	case found.State == kube.Unsure:
		p.note(c.RNode, found.Mount.Path,
			"the contents of this volume are not among the resources: check that it holds %s", path.Base(shown(file)))
		return s, false
	}
	return s, true
}

// checkSize looks at the length of a key.
func checkSize(p *pass, use harbor.SecretUse, s secret) {
	fails := "nothing can be encrypted with it"
	if use.Form == harbor.CSRFKey {
		fails = "every login is answered with 500"
	}
	switch {
	case !s.Known:
		p.note(s.Object, s.Path, "%s cannot be seen: check that it has %d characters", sources(s.Unseen), use.Size())
	case len(s.Text) != use.Size() && !harbor.Placeholder(strings.TrimSpace(s.Text)):
		hint := ""
		if strings.HasSuffix(s.Text, "\n") {
			hint = ", the last of them a line break"
		}
		p.error(s.Object, s.Path, "%s has %d characters%s, want %d: %s", use.Key, len(s.Text), hint, use.Size(), fails)
	}
}
