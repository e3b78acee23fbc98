package validateha

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var tokenKeys = Rule{
	ID: "L08", Severity: framework.Error,
	What: "The key that the ui, or the core of 2.x, signs tokens with is in a format that it reads; with 1.x the registry's certificate belongs to it.",
	Why: "Otherwise docker cannot log in, push or pull: the ui and the core read PKCS#1 only, which openssl genrsa no longer writes since OpenSSL 3, and " +
		"the registry of 1.x knows a key by its public part (distribution v2.6.2 registry/auth/token; docker/libtrust; seen with Harbor " +
		"2.15.1: /service/token answers 500, while health stays green).",
	Do: "Make the two together; krmfn secrets does.",
	Of: known,
	check: func(p *pass) {
		for _, ui := range p.named(harbor.UI) {
			checkTokenKey(p, ui)
		}
		for _, core := range p.named(harbor.Core) {
			if key, usable := privateKey(p, core); usable && len(key.unseen) > 0 {
				p.note(key.Object, key.Path, "%s cannot be seen: check that it is a BEGIN RSA PRIVATE KEY", sources(key.unseen))
			}
		}
	},
}

// half is one half of the pair of keys: the public parts of what is there.
type half struct {
	keys   []*rsa.PublicKey
	unseen []kube.Source // where it comes from, when the list does not show it
	harbor.Location
}

// checkTokenKey compares the ui's key with the registry's certificate. A half
// that is not usable is reported by itself.
func checkTokenKey(p *pass, ui *part) {
	key, usable := privateKey(p, ui)
	for _, c := range p.beside(ui, harbor.Registry) {
		certificate, ok := certificate(p, c)
		unseen := slices.Concat(key.unseen, certificate.unseen)
		switch {
		case !ok || !usable:
		case len(unseen) > 0:
			at := key.Location
			if len(key.unseen) == 0 {
				at = certificate.Location
			}
			p.note(at.Object, at.Path,
				"%s cannot be seen: check that the ui's %s is a BEGIN RSA PRIVATE KEY and that the registry's certificate is made "+
					"from it", sources(unseen), path.Base(harbor.TokenKeyFile))
		case !slices.ContainsFunc(certificate.keys, func(c *rsa.PublicKey) bool { return c.Equal(key.keys[0]) }):
			p.error(certificate.Object, certificate.Path,
				"this certificate does not belong to the ui's %s: the registry refuses every token, and docker cannot push or pull",
				path.Base(harbor.TokenKeyFile))
		}
	}
}

// privateKey reads the key of the ui or the core; false when it says no more.
func privateKey(p *pass, c *part) (half, bool) {
	file := c.Setting(c.env, harbor.TokenKeyPath)
	if !file.Known {
		return half{}, false
	}
	found := c.At(p.list, file.Text)
	h := half{unseen: found.Value.Unseen, Location: c.WhereSet(found.Value, "")}
	switch {
	case found.State == kube.Absent:
		p.error(c.RNode, c.Path.Append("volumeMounts"),
			"no mount provides %s, with which the %s signs tokens: docker cannot log in, push or pull", shown(file), c.Name())
		return h, false
	case found.State == kube.Unsure:
		p.note(c.RNode, found.Mount.Path,
			"the contents of this volume are not among the resources: check that it holds %s", path.Base(harbor.TokenKeyFile))
		return h, false
	case len(h.unseen) > 0:
		return h, true
	case found.Value.Broken || harbor.Placeholder(strings.TrimSpace(found.Value.Text)):
		return h, false // L16 and L09 say so
	}
	key, err := harbor.ParseTokenKey(found.Value.Text)
	if err != nil {
		p.error(h.Object, h.Path, "the %s cannot sign tokens, and docker cannot log in, push or pull: its %s %v", c.Name(), path.Base(harbor.TokenKeyFile), err)
		return h, false
	}
	h.keys = []*rsa.PublicKey{&key.PublicKey}
	return h, true
}

// certificate reads what the registry checks tokens with; false when it says no
// more. Its dates do not matter: Harbor's tokens name the key, and the registry
// looks at the dates of certificates in tokens only (distribution v2.6.2
// registry/auth/token/token.go, VerifySigningKey).
func certificate(p *pass, c *part) (half, bool) {
	r := c.registry
	v := r.Get("auth", "token", "rootcertbundle")
	found := c.At(p.list, v.Text)
	if found.State != kube.Present && r.File != "" {
		found = c.At(p.list, path.Join(path.Dir(r.File), path.Base(v.Text))) // L02 says that it is elsewhere
	}
	h := half{unseen: found.Value.Unseen, Location: c.WhereSet(found.Value, "")}
	switch {
	case v.Text == "" || !v.Known || found.State != kube.Present || found.Value.Broken:
		return h, false
	case len(h.unseen) > 0:
		return h, true
	case harbor.Placeholder(strings.TrimSpace(found.Value.Text)):
		return h, false
	}
	for rest := []byte(found.Value.Text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			p.error(h.Object, h.Path, "is not a readable certificate: the registry does not start")
			return h, false
		}
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok {
			h.keys = append(h.keys, key)
		}
	}
	if len(h.keys) == 0 {
		p.error(h.Object, h.Path, "holds no certificate with an RSA key: the registry does not start, or refuses every token")
	}
	return h, len(h.keys) > 0
}
