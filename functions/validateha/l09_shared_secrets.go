package validateha

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var sharedSecrets = Rule{
	ID: "L09", Severity: framework.Error,
	What: "The ui, the jobservice and the adminserver have the same UI_SECRET, JOBSERVICE_SECRET and SECRET_KEY, which only they know.",
	Why: "They log in to each other with them, and what one encrypts the others decrypt with SECRET_KEY, an AES key of 16 bytes; " +
		"without the jobservice's file of it no replication to a registry with a password works (harbor v1.2.0 src/common/config, " +
		"src/jobservice/config).",
	Do:     "Take them from one Secret; krmfn secrets makes it, move-secrets makes the pods read it.",
	Remedy: []string{"secrets"},
	Of:     old,
	check: func(p *pass) {
		for _, c := range p.named(harbor.AdminServer) {
			for _, use := range c.Harbor.Secrets {
				if use.Shared && len(use.Settings) > 1 {
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

// checkSame compares what the components beside an adminserver have.
func checkSame(p *pass, adminserver *part, use harbor.SecretUse) {
	var all []secret
	for _, setting := range use.Settings {
		for _, c := range p.beside(adminserver, setting.Of) {
			if s, ok := read(p, c, setting.Places[0]); ok {
				all = append(all, s)
			}
		}
	}
	for i, s := range all {
		first := all[0]
		if use.Form == harbor.AESKey && !slices.ContainsFunc(all[:i], func(t secret) bool { return t.Source.Same(s.Source) }) {
			checkSize(p, use.Key, s)
		}
		switch {
		case i == 0 || s.Source.Same(first.Source):
		case s.Known && first.Known && s.Text != first.Text:
			p.error(s.Object, s.Path,
				"%s of the %s differs from that of the %s: they refuse each other, or cannot decrypt what the other one stored",
				use.Key, s.component.Name(), first.component.Name()).add(toSecrets)
		case !s.Known || !first.Known:
			p.note(s.Object, s.Path,
				"%s cannot be seen: check that %s of the %s and of the %s are equal",
				sources(slices.Concat(s.Unseen, first.Unseen)), use.Key, s.component.Name(), first.component.Name())
		}
	}
}

// read reads a secret from a variable or a file; it is false when it is reported.
func read(p *pass, c *part, place harbor.Place) (secret, bool) {
	if place.Variable != "" {
		return secretVariable(p, c, place.Variable)
	}
	return secretKey(p, c)
}

// secretVariable reads a secret from the environment; it is false when it is
// reported, here or by L16.
func secretVariable(p *pass, c *part, name string) (secret, bool) {
	v, ok := c.env.Get(name)
	s := secret{v, c, c.WhereSet(v, name)}
	switch {
	case v.Broken:
		return s, false
	case !ok || v.Text == "":
		p.error(s.Object, s.Path,
			"%s is not set, which %s, %s and %s log in to each other with", name, harbor.AdminServer, harbor.UI, harbor.JobService)
		return s, false
	case lineBreak(v):
		p.error(s.Object, s.Path, "%s holds a line break, which the cookie that carries it loses: they refuse each other", name)
		return s, false
	}
	return s, true
}

// secretKey reads the file that holds SECRET_KEY.
func secretKey(p *pass, c *part) (secret, bool) {
	file := c.Setting(c.env, harbor.KeyPath)
	found := c.At(p.list, file.Text)
	s := secret{found.Value, c, c.WhereSet(found.Value, "")}
	switch {
	case !file.Known || found.Value.Broken:
		return s, false
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

// checkSize looks at the length of a key of AES.
func checkSize(p *pass, name string, s secret) {
	switch {
	case !s.Known:
		p.note(s.Object, s.Path, "%s cannot be seen: check that it has %d characters", sources(s.Unseen), harbor.SecretKeySize)
	case len(s.Text) != harbor.SecretKeySize && !harbor.Placeholder(strings.TrimSpace(s.Text)):
		hint := ""
		if strings.HasSuffix(s.Text, "\n") {
			hint = ", the last of them a line break"
		}
		p.error(s.Object, s.Path,
			"%s has %d characters%s, want %d: nothing can be encrypted with it", name, len(s.Text), hint, harbor.SecretKeySize)
	}
}
