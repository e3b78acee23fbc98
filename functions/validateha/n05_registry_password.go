package validateha

import (
	"path"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var registryPassword = Rule{
	ID: "N05", Severity: framework.Error,
	What: "The registry lets in who the core logs in as: its htpasswd file has the bcrypt hash of REGISTRY_CREDENTIAL_PASSWORD.",
	Why: "Otherwise pushes and pulls end with the registry's 401, with one replica of several just as often as requests reach it, while health stays " +
		"green (seen with Harbor 2.15.1: 0 of 24 pushes; distribution v2.8 registry/auth/htpasswd).",
	Do: "Make the two together; krmfn secrets does.",
	Of: now,
	check: ofReadable(func(p *pass, c *part) {
		for _, core := range p.beside(c, harbor.Core) {
			if !checkHtpasswd(p, c, core) {
				continue
			}
			for _, other := range p.beside(c, harbor.JobService) {
				checkUser(p, core, other)
			}
		}
	}),
}

// checkHtpasswd compares the registry's file with what a core has. It is false where it
// reports that they do not fit.
func checkHtpasswd(p *pass, c, core *part) bool {
	file := c.registry.Get("auth", "htpasswd", "path")
	if !file.Known || file.Text == "" {
		return true
	}
	found := c.At(p.list, file.Text)
	use, _ := c.Harbor.SecretOfForm(harbor.RegistryPass)
	password := use.Settings[0].Places[0].Variable
	v, _ := core.env.Get(password)
	user, _ := core.env.Get(harbor.RegistryUserSetting.Places[0].Variable)
	at := c.WhereSet(found.Value, "")
	switch {
	case found.State != kube.Present, found.Value.Broken, v.Broken, v.Text == "":
		// L02, L16 and L09 tell
	case !found.Value.Known || !v.Known:
		p.note(at.Object, at.Path, "%s cannot be seen: check that this %s has the bcrypt hash of %s of the core",
			sources(append(found.Value.Unseen, v.Unseen...)), path.Base(shown(file)), password)
	case harbor.Placeholder(strings.TrimSpace(found.Value.Text)) || harbor.Placeholder(v.Text):
	default:
		name := ""
		if user.Known {
			name = user.Text
		}
		if why := harbor.CheckHtpasswd(found.Value.Text, name, v.Text); why != "" {
			p.error(at.Object, at.Path, "this %s %s: the core logs in with %s and gets a 401, and nobody can push or pull: make the two together (krmfn secrets)",
				path.Base(shown(file)), why, password)
			return false
		}
	}
	return true
}

// checkUser holds the user that the jobservice logs in to the registry as against that
// of the core; L09 does so with the password.
func checkUser(p *pass, core, c *part) {
	name := harbor.RegistryUserSetting.Places[0].Variable
	want, _ := core.env.Get(name)
	v, _ := c.env.Get(name)
	if want.Known && v.Known && want.Text != "" && v.Text != "" && v.Text != want.Text {
		at := c.WhereSet(v, name)
		p.error(at.Object, at.Path, "%s of the %s is another one than that of the core: the registry does not let it in, and jobs such as "+
			"garbage collection fail", name, c.Name()).about("user", name, krm.Name(c.RNode)).is(shown(v)).want(shown(want))
	}
}
