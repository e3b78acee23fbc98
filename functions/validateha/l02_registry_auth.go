package validateha

import (
	"path"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var registryAsksForTokens = Rule{
	ID: "L02", Severity: framework.Error,
	What: "The registry accepts the tokens of Harbor's ui, in Harbor 2.x the password of the core, and what it checks them with is mounted " +
		"where config.yml says.",
	Why: "Without auth everybody can push and delete; with another issuer or service, or without the certificate, nobody can log in " +
		"or the registry does not start (distribution v2.6.2 registry/auth/token/accesscontroller.go; harbor v1.2.0 " +
		"src/ui/service/token). A registry that finds no file of passwords makes one, with a password that nobody knows " +
		"(distribution v2.8.3 registry/auth/htpasswd).",
	Do: "Set auth.token with realm, issuer, service and rootcertbundle, in Harbor 2.x auth.htpasswd with realm and path; " +
		"fix-registry-mount moves rootcertbundle along with the mount.",
	Remedy: []string{"registryMount"},
	Of:     known,
	check:  ofReadable(checkAuth),
}

// ofReadable is a check of each registry whose configuration can be looked at.
func ofReadable(check func(*pass, *part)) func(*pass) {
	return func(p *pass) {
		for _, c := range p.named(harbor.Registry) {
			if c.registry.Readable {
				check(p, c)
			}
		}
	}
}

// tokenSettings are the settings of auth.token that Harbor's ui decides.
var tokenSettings = [][2]string{{"issuer", harbor.TokenIssuer}, {"service", harbor.TokenService}}

func checkAuth(p *pass, c *part) {
	r := c.registry
	if _, byPassword := c.Harbor.SecretOfForm(harbor.Htpasswd); byPassword {
		checkPasswords(p, c)
		return
	}
	if r.Get("auth", "token", "realm").Text == "" && r.Get("auth", "token", "rootcertbundle").Text == "" {
		at, missing := r.LocationOf("auth"), "config.yml has no auth.token"
		if _, replaced := r.Variable("auth"); replaced {
			missing = "REGISTRY_AUTH takes the place of auth in config.yml, and no variable sets auth.token"
		}
		p.error(at.Object, at.Path, "%s: everybody who reaches the registry can push and delete, or Harbor's users cannot log in", missing)
		return
	}
	for _, s := range tokenSettings {
		switch v := r.Get("auth", "token", s[0]); {
		case v.Text == "":
			p.error(r.Object, r.Path,
				"config.yml has no auth.token.%s, without which the registry does not start: set it to %s", s[0], s[1])
		case v.Known && v.Text != s[1]:
			at := r.LocationOf("auth", "token", s[0])
			p.error(at.Object, at.Path,
				"auth.token.%s is %s, Harbor's tokens have %s: nobody can log in", s[0], shown(v), s[1]).is(shown(v)).want(s[1])
		}
	}
	checkCertificate(p, c)
}

// checkPasswords looks at the file of passwords with which the core of Harbor 2.x logs
// in. What is in it, registryPassword looks at.
func checkPasswords(p *pass, c *part) {
	r := c.registry
	v, at := r.Get("auth", "htpasswd", "path"), r.LocationOf("auth", "htpasswd", "path")
	realm := r.Get("auth", "htpasswd", "realm")
	found := c.At(p.list, v.Text)
	switch {
	case v.Text == "" && realm.Text == "":
		at, missing := r.LocationOf("auth"), "config.yml has no auth.htpasswd"
		if _, replaced := r.Variable("auth"); replaced {
			missing = "REGISTRY_AUTH takes the place of auth in config.yml, and no variable sets auth.htpasswd"
		}
		p.error(at.Object, at.Path, "%s: everybody who reaches the registry can push and delete, or Harbor cannot log in", missing)
	case v.Text == "":
		p.error(r.Object, r.Path, "config.yml has no auth.htpasswd.path, without which the registry does not start")
	case realm.Text == "":
		p.error(r.Object, r.Path, "config.yml has no auth.htpasswd.realm, without which the registry does not start")
	case !v.Known || found.State == kube.Present:
	case found.State == kube.Unsure:
		p.note(c.RNode, found.Mount.Path,
			"auth.htpasswd.path is %s, and the contents of this volume are not among the resources: check that it holds that file", shown(v))
	case !r.Plain():
		p.note(at.Object, at.Path, "auth.htpasswd.path is %s, which no mount provides: check that the image does", shown(v))
	default:
		p.error(at.Object, at.Path,
			"auth.htpasswd.path is %s, which no mount provides: the registry makes a file with a password of its own, and Harbor cannot log in",
			shown(v)).is(shown(v))
	}
}

func checkCertificate(p *pass, c *part) {
	r := c.registry
	v := r.Get("auth", "token", "rootcertbundle")
	at := r.LocationOf("auth", "token", "rootcertbundle")
	found := c.At(p.list, v.Text)
	switch {
	case v.Text == "":
		p.error(at.Object, at.Path,
			"config.yml has no auth.token.rootcertbundle, without which the registry does not start: set it to the certificate of the "+
				"ui's private_key.pem")
	case !v.Known || found.State == kube.Present:
	case found.State == kube.Unsure:
		p.note(c.RNode, found.Mount.Path,
			"auth.token.rootcertbundle is %s, and the contents of this volume are not among the resources: check that it holds that file",
			shown(v))
	case r.File != "" && r.File != r.Reads && path.Dir(v.Text) == path.Dir(r.Reads):
		// It moves with the mount of the config, which is reported already.
	case !r.Plain():
		p.note(at.Object, at.Path, "auth.token.rootcertbundle is %s, which no mount provides: check that the image does", shown(v))
	default:
		f := p.error(at.Object, at.Path,
			"auth.token.rootcertbundle is %s, which no mount provides: the registry does not start", shown(v)).is(shown(v))
		if beside := path.Join(path.Dir(r.File), path.Base(v.Text)); c.At(p.list, beside).State == kube.Present {
			f.want(beside).add(toMount)
		}
	}
}
