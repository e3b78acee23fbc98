package validateha

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var tokenKeys = Rule{
	ID: "L08", Severity: framework.Error,
	What: "The registry's certificate belongs to the key that the ui signs tokens with, and the key is in a format that the ui reads.",
	Why:  "Otherwise nobody can log in: the registry knows a key by its public part, and the ui reads PKCS#1 only, which openssl genrsa no longer writes since OpenSSL 3 (distribution v2.6.2 registry/auth/token; docker/libtrust).",
	Do:   "Make the two together; krmfn secrets does.",
	check: func(k *checker) {
		for _, ui := range k.old(harbor.UI) {
			k.checkTokenKey(ui)
		}
	},
}

var sharedSecrets = Rule{
	ID: "L09", Severity: framework.Error,
	What: "The ui, the jobservice and the adminserver have the same UI_SECRET, JOBSERVICE_SECRET and SECRET_KEY, which only they know.",
	Why:  "They log in to each other with them, and what one encrypts the others decrypt with SECRET_KEY, an AES key of 16 bytes; without the jobservice's file of it no replication to a registry with a password works (harbor v1.2.0 src/common/config, src/jobservice/config).",
	Do:   "Take them from one Secret; krmfn secrets makes it, move-secrets makes the pods read it.",
	check: func(k *checker) {
		for _, c := range k.old(harbor.AdminServer) {
			for _, name := range []string{"UI_SECRET", "JOBSERVICE_SECRET"} {
				k.checkSame(c, name, func(c harbor.Component) (secret, bool) { return k.secretVariable(c, name) })
			}
			k.checkSame(c, secretKeyName, k.secretKey)
		}
		k.checkOpen()
	},
}

// half is one half of the pair of keys: the public parts of what is there.
type half struct {
	keys   []*rsa.PublicKey
	unseen []kube.Source // where it comes from, when the list does not show it
	place
}

// checkTokenKey compares the ui's key with the registry's certificate. A half
// that is not usable is reported by itself.
func (k *checker) checkTokenKey(ui harbor.Component) {
	key, usable := k.privateKey(ui)
	for _, c := range k.beside(ui, harbor.Registry) {
		certificate, ok := k.certificate(k.registry(c))
		unseen := slices.Concat(key.unseen, certificate.unseen)
		switch {
		case !ok || !usable:
		case len(unseen) > 0:
			at := key.place
			if len(key.unseen) == 0 {
				at = certificate.place
			}
			k.note(at.obj, at.path, "%s cannot be seen: check that the ui's %s is a BEGIN RSA PRIVATE KEY and that the registry's certificate is made from it", sources(unseen), path.Base(harbor.TokenKeyFile))
		case !slices.ContainsFunc(certificate.keys, func(c *rsa.PublicKey) bool { return c.Equal(key.keys[0]) }):
			k.error(certificate.obj, certificate.path, "this certificate does not belong to the ui's %s: the registry refuses every token, and nobody can log in", path.Base(harbor.TokenKeyFile))
		}
	}
}

// privateKey reads the key of the ui; false when it says no more.
func (k *checker) privateKey(ui harbor.Component) (half, bool) {
	file := ui.Setting(k.env(ui.Container), harbor.TokenKeyPath)
	if !file.Known {
		return half{}, false
	}
	found := ui.At(k.list, file.Text)
	h := half{unseen: found.Value.Unseen, place: k.of(found.Value, ui.Container, "")}
	switch {
	case found.State == kube.Absent:
		k.error(ui.RNode, ui.Path.Append("volumeMounts"), "no mount brings %s, with which the ui signs tokens: nobody can log in", shown(file))
		return h, false
	case found.State == kube.Unsure:
		k.note(ui.RNode, found.Mount.Path, "what is in this volume cannot be seen: check that it holds %s", path.Base(harbor.TokenKeyFile))
		return h, false
	case len(h.unseen) > 0:
		return h, true
	case found.Value.Broken || harbor.Placeholder(strings.TrimSpace(found.Value.Text)):
		return h, false // L16 and L09 say so
	}
	key, err := harbor.ParseTokenKey(found.Value.Text)
	if err != nil {
		k.error(h.obj, h.path, "the ui cannot sign tokens, and nobody can log in: its %s %v", path.Base(harbor.TokenKeyFile), err)
		return h, false
	}
	h.keys = []*rsa.PublicKey{&key.PublicKey}
	return h, true
}

// certificate reads what the registry checks tokens with; false when it says no
// more. Its dates do not matter: Harbor's tokens name the key, and the registry
// looks at the dates of certificates in tokens only (distribution v2.6.2
// registry/auth/token/token.go, VerifySigningKey).
func (k *checker) certificate(r registry) (half, bool) {
	v := r.get("auth", "token", "rootcertbundle")
	found := r.At(k.list, v.Text)
	if found.State != kube.Present && r.file != "" {
		found = r.At(k.list, path.Join(path.Dir(r.file), path.Base(v.Text))) // L02 says that it is elsewhere
	}
	h := half{unseen: found.Value.Unseen, place: k.of(found.Value, r.Container, "")}
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
			k.error(h.obj, h.path, "is no certificate that can be read: the registry does not start")
			return h, false
		}
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok {
			h.keys = append(h.keys, key)
		}
	}
	if len(h.keys) == 0 {
		k.error(h.obj, h.path, "holds no certificate with an RSA key: the registry does not start, or refuses every token")
	}
	return h, len(h.keys) > 0
}

const secretKeyName = "SECRET_KEY"

// secret is a value that several components have to share.
type secret struct {
	kube.Value
	component harbor.Component
	place
}

// checkSame compares what the components beside an adminserver have.
func (k *checker) checkSame(adminserver harbor.Component, name string, read func(harbor.Component) (secret, bool)) {
	var all []secret
	for _, component := range []string{harbor.AdminServer, harbor.UI, harbor.JobService} {
		for _, c := range k.beside(adminserver, component) {
			if s, ok := read(c); ok {
				all = append(all, s)
			}
		}
	}
	for i, s := range all {
		first := all[0]
		if name == secretKeyName && !slices.ContainsFunc(all[:i], func(t secret) bool { return t.Source.Same(s.Source) }) {
			k.checkSize(s)
		}
		switch {
		case i == 0 || s.Source.Same(first.Source):
		case s.Known && first.Known && s.Text != first.Text:
			k.error(s.obj, s.path, "%s of the %s differs from that of the %s: they refuse each other, or cannot decrypt what the other one stored", name, s.component.Name(), first.component.Name())
		case !s.Known || !first.Known:
			k.note(s.obj, s.path, "%s cannot be seen: check that %s of the %s and of the %s are equal", sources(slices.Concat(s.Unseen, first.Unseen)), name, s.component.Name(), first.component.Name())
		}
	}
}

// secretVariable reads a secret from the environment; it is false when it is
// reported, here or by L16.
func (k *checker) secretVariable(c harbor.Component, name string) (secret, bool) {
	v, ok := k.env(c.Container).Get(name)
	s := secret{v, c, k.of(v, c.Container, name)}
	switch {
	case v.Broken:
		return s, false
	case !ok || v.Text == "":
		k.error(s.obj, s.path, "%s is not set, with which %s, %s and %s log in to each other", name, harbor.AdminServer, harbor.UI, harbor.JobService)
		return s, false
	case lineBreak(v):
		k.error(s.obj, s.path, "%s holds a line break, which the cookie that carries it loses: they refuse each other", name)
		return s, false
	}
	return s, true
}

// secretKey reads the file that holds SECRET_KEY.
func (k *checker) secretKey(c harbor.Component) (secret, bool) {
	file := c.Setting(k.env(c.Container), harbor.KeyPath)
	found := c.At(k.list, file.Text)
	s := secret{found.Value, c, k.of(found.Value, c.Container, "")}
	switch {
	case !file.Known || found.Value.Broken:
		return s, false
	case found.State == kube.Absent && c.Name() == harbor.JobService && c.AtLeast(5):
		return s, false // it gets passwords decrypted
	case found.State == kube.Absent && c.Name() == harbor.JobService:
		k.warn(c.RNode, c.Path.Append("volumeMounts"), "no mount brings %s: replication to a registry with a password fails", shown(file))
		return s, false
	case found.State == kube.Absent:
		k.error(c.RNode, c.Path.Append("volumeMounts"), "no mount brings %s, the key that passwords are encrypted with: the %s does not work without", shown(file), c.Name())
		return s, false
	case found.State == kube.Unsure:
		k.note(c.RNode, found.Mount.Path, "what is in this volume cannot be seen: check that it holds %s", path.Base(shown(file)))
		return s, false
	}
	return s, true
}

// checkSize looks at the length of SECRET_KEY, a key of AES.
func (k *checker) checkSize(s secret) {
	switch {
	case !s.Known:
		k.note(s.obj, s.path, "%s cannot be seen: check that it has %d characters", sources(s.Unseen), harbor.SecretKeySize)
	case len(s.Text) != harbor.SecretKeySize && !harbor.Placeholder(strings.TrimSpace(s.Text)):
		hint := ""
		if strings.HasSuffix(s.Text, "\n") {
			hint = ", the last of them a line break"
		}
		k.error(s.obj, s.path, "%s has %d characters%s, want %d: nothing can be encrypted with it", secretKeyName, len(s.Text), hint, harbor.SecretKeySize)
	}
}

// sensitive are the variables and files that nobody else may see. The keys of
// ConfigMaps are often called the same.
var (
	sensitive = []string{"UI_SECRET", "JOBSERVICE_SECRET", "SECRET_KEY", "HARBOR_ADMIN_PASSWORD", "LDAP_SEARCH_PWD",
		"EMAIL_PWD", "MYSQL_PWD", "MYSQL_ROOT_PASSWORD", "CLAIR_DB_PASSWORD", "UAA_CLIENTSECRET", "REGISTRY_HTTP_SECRET", harbor.RedisPassword}
	// The certificates are no secrets, but have to be filled in too.
	sensitiveFiles = map[string]bool{"key": true, path.Base(harbor.TokenKeyFile): true, "https.key": true, "root.crt": false, "https.crt": false}
)

// exposed are the values of an object that are secret, or to be filled in, by
// key.
type exposed struct{ secrets, placeholders map[string]bool }

// checkOpen reports secrets that stand in ConfigMaps and pods, and placeholders.
func (k *checker) checkOpen() {
	found, order := map[*yaml.RNode]exposed{}, []*yaml.RNode{}
	add := func(obj *yaml.RNode, key, value string, isSecret bool) {
		value = strings.TrimSpace(value)
		if obj == nil || value == "" || !isSecret && !harbor.Placeholder(value) {
			return
		}
		if _, known := found[obj]; !known {
			found[obj], order = exposed{map[string]bool{}, map[string]bool{}}, append(order, obj)
		}
		if harbor.Placeholder(value) {
			found[obj].placeholders[key] = true
		}
		if isSecret && obj.GetKind() != "Secret" {
			found[obj].secrets[key] = true
		}
	}
	for _, c := range k.old() {
		k.openVariables(c, add)
		k.openFiles(c, add)
	}
	for _, obj := range order {
		k.reportOpen(obj, found[obj])
	}
}

// addSecret takes note of a value of an object.
type addSecret func(obj *yaml.RNode, key, value string, isSecret bool)

func (k *checker) openVariables(c harbor.Component, add addSecret) {
	env := k.env(c.Container)
	for _, name := range slices.Concat(sensitive, []string{harbor.RedisURL}) {
		v, ok := env.Get(name)
		if name == harbor.RedisURL {
			s, _ := harbor.ParseSession(v.Text, kube.Hidden)
			v.Text = unresolved.ReplaceAllString(s.Password, "")
		}
		switch {
		case !ok || strings.Contains(v.Text, kube.Hidden):
		case v.Source.Object != nil:
			add(v.Source.Object, v.Source.Key, v.Text, true)
		case v.Source.Name == "" && !v.Secret:
			add(c.RNode, name, v.Text, true)
		}
	}
	for _, name := range c.ConfigMaps(k.list) {
		// Upstream's ConfigMaps hold some that nobody reads.
		configMap := kube.Find(k.list, "ConfigMap", c.GetNamespace(), name)
		for _, key := range sensitive {
			if configMap != nil {
				add(configMap, key, krm.Text(configMap, "data", key), true)
			}
		}
	}
}

func (k *checker) openFiles(c harbor.Component, add addSecret) {
	if c.Name() == harbor.Nginx && !k.servesTLS(c) {
		return // the files are not read
	}
	for _, d := range c.Delivered(k.list) {
		if isSecret, known := sensitiveFiles[path.Base(d.Path)]; known {
			add(d.Value.Source.Object, d.Value.Source.Key, d.Value.Text, isSecret)
		}
	}
}

// reportOpen says what is wrong with the values of an object, in one finding.
func (k *checker) reportOpen(obj *yaml.RNode, e exposed) {
	var says []string
	if len(e.secrets) > 0 {
		says = append(says, fmt.Sprintf("shows %s to everybody who can read it: put them into a Secret (move-secrets)", keysIn(e.secrets)))
	}
	if len(e.placeholders) > 0 {
		says = append(says, fmt.Sprintf("placeholders have to be replaced in %s (krmfn secrets makes values)", keysIn(e.placeholders)))
	}
	if len(says) > 0 {
		k.warn(obj, nil, "%s", strings.Join(says, "; "))
	}
}

func keysIn(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}
