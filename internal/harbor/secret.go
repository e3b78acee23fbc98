package harbor

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// SecretUse is one value that nobody else may know: the key of a Secret that
// holds it, and who reads it where.
type SecretUse struct {
	// Key of the Secret, and what people call the value.
	Key string
	In  SecretObject
	// Settings are all that read the value. Those that the part does not use stand
	// in Unread: the value leaves them too.
	Settings, Unread []Setting
	// Cfg is the key of harbor.cfg that gives it, "" for none.
	Cfg string
	// Form says what a value has to look like, and who makes it.
	Form SecretForm
	// Shared says that all who read it have to have the same value.
	Shared bool
	// Holds says whether a part of a file, which is moved as a whole, holds
	// anything secret; nil: it does when it is not empty.
	Holds func(*yaml.Node) bool
}

// SecretObject is one of the Secrets that pods read.
type SecretObject int

// OwnSecret holds Harbor's own values. The others have one key, SecretPassword.
const (
	OwnSecret SecretObject = iota
	DatabaseSecret
	RedisSecret
)

// SecretPassword is the key of the password in the Secrets of the database and of
// Redis.
const (
	SecretPassword = "password"
	// SecretPasswordURL is the key of the password of Redis as a URL wants it, where
	// that is not the same.
	SecretPasswordURL = "password-url"
)

// SecretForm is what a value has to look like.
type SecretForm int

// Given is the form of what only others can make, such as the keys of a store of
// objects. All other values are in each Secret that krmfn secrets makes, but for
// the pair of https, which is there when it is given.
const (
	Given SecretForm = iota
	Cookie
	HeaderSecret
	AESKey
	CSRFKey
	YAMLText
	AdminPassword
	OptionalPassword
	DatabasePass
	RedisPass
	RedisURLPass
	RegistryPass
	Htpasswd
	TokenKey
	TokenCert
	TLSKey
	TLSCert
)

// Public says whether the value is a certificate, which anybody may see.
func (u SecretUse) Public() bool { return u.Form == TokenCert || u.Form == TLSCert }

// Size is how long a value has to be, 0 where that does not matter.
func (u SecretUse) Size() int {
	switch u.Form {
	case AESKey:
		return SecretKeySize
	case CSRFKey:
		return CSRFKeySize
	}
	return 0
}

// Readers are the parts that read the value, without those that Harbor has no more.
func (l *layout) Readers(u SecretUse) []string {
	var all []string
	for _, s := range u.Settings {
		if !l.partNamed(s.Of).Gone.Known() && !slices.Contains(all, s.Of) {
			all = append(all, s.Of)
		}
	}
	return all
}

// HoldsRedis says whether the variable holds an address of Redis in which a password
// can stand.
func (l *layout) HoldsRedis(variable string) bool {
	return slices.ContainsFunc(l.Redis, func(u RedisUse) bool { return u.Password != "" && hasVariable([]Setting{u.Setting}, variable) })
}

// HTTPSecret is the key of the secret that the replicas of the registry share.
const HTTPSecret = "HTTP_SECRET"

// whole is the place of a value that is all of a file.
func whole(file string) Place { return Place{File: file} }

// namedBy is the place of a value that is all of a file, whose path stands in a
// field of another file.
func namedBy(file string, path ...any) Place { return Place{File: file, Field: path, Names: true} }

// isWhole says whether the place is all of a file.
func (p Place) isWhole() bool {
	return p.File != "" && p.Field == nil && p.Key == "" && p.Directive == ""
}

// isFile says whether the secret is all of a file.
func (p Place) isFile() bool { return p.isWhole() || p.Names }

// holds says whether there is anything secret in the node.
func (u SecretUse) holds(node *yaml.Node) bool {
	switch {
	case node == nil:
		return false
	case u.Holds != nil:
		return u.Holds(node)
	}
	return node.Kind == yaml.ScalarNode && node.ShortTag() != yaml.NodeTagNull && strings.TrimSpace(node.Value) != ""
}

// SecretOf returns the secret that a key of harbor.cfg gives.
func (l layout) SecretOf(cfg string) (SecretUse, bool) {
	for _, u := range l.Secrets {
		if u.Cfg == cfg && cfg != "" {
			return u, true
		}
	}
	return SecretUse{}, false
}

// SecretOfForm returns the first secret of a form, false where this generation has none.
func (l *layout) SecretOfForm(form SecretForm) (SecretUse, bool) {
	i := slices.IndexFunc(l.Secrets, func(u SecretUse) bool { return u.Form == form })
	if i < 0 {
		return SecretUse{}, false
	}
	return l.Secrets[i], true
}

// hasVariable says whether the secret can stand in the variable.
func (u SecretUse) hasVariable(name string) bool {
	return hasVariable(u.Settings, name) || hasVariable(u.Unread, name)
}

func hasVariable(settings []Setting, name string) bool {
	for _, s := range settings {
		for _, p := range s.Places {
			if p.Variable == name && name != "" {
				return true
			}
		}
	}
	return false
}

// SecretVariable is the secret that can stand in the variable.
func (l *layout) SecretVariable(name string) (SecretUse, bool) {
	for i := range l.Secrets {
		if l.Secrets[i].hasVariable(name) {
			return l.Secrets[i], true
		}
	}
	return SecretUse{}, false
}

// SecretsOf is the table of a generation, for those who make Secrets before there is
// a Harbor.
func SecretsOf(g Generation) []SecretUse { return tableOf(g).Secrets }

// ReadersOf are the Readers of a value in a generation.
func ReadersOf(g Generation, u SecretUse) []string { return tableOf(g).Readers(u) }

func tableOf(g Generation) *layout {
	if g == V2 {
		return &v2
	}
	return &v1
}

// RegistryUser is the name that goes with the password of Harbor 2.x's registry
// where nobody says another one (harbor-helm, registry.credentials).
const RegistryUser = "harbor_registry_user"

// RegistryUserSetting says another one.
var RegistryUserSetting = of(Core, Variable("REGISTRY_CREDENTIAL_USERNAME"))

// tlsType is the type of a Secret with a certificate and its key. An Ingress names
// such a Secret and no key of it.
const tlsType = "kubernetes.io/tls"

// SecretsRead are the Secrets of the list that the parts read, each once.
func (h *Harbor) SecretsRead() []*yaml.RNode {
	var all []*yaml.RNode
	for _, c := range h.Components {
		for _, s := range c.Sources(h.list) {
			if obj := contained(s); obj != nil && !slices.Contains(all, obj) {
				all = append(all, obj)
			}
		}
	}
	return all
}

// TLSSecrets are the Secrets of the list with certificates that the parts and the
// Ingresses of Harbor name.
func (h *Harbor) TLSSecrets() []*yaml.RNode {
	var all []*yaml.RNode
	add := func(obj *yaml.RNode) {
		if obj != nil && krm.Editable(obj) && krm.Text(obj, "type") == tlsType && !slices.Contains(all, obj) {
			all = append(all, obj)
		}
	}
	for _, obj := range h.SecretsRead() {
		add(obj)
	}
	for _, route := range h.Entry().Routes {
		at := krm.Path{"spec", "tls"}
		for i := range krm.Elements(route.RNode, at...) {
			add(kube.Find(h.list, "Secret", route.GetNamespace(), krm.Text(route.RNode, at.Append(i, "secretName")...)))
		}
	}
	return all
}

// SecretOfClient is the secret of Harbor 1.x that can stand in the variable of a part
// that uses it: what the server of a database was once told does not count.
func SecretOfClient(name string) (SecretUse, bool) {
	use, ok := v1.SecretVariable(name)
	clients := slices.DeleteFunc(slices.Concat(use.Settings, use.Unread), func(s Setting) bool { return v1.partNamed(s.Of).Stateful })
	return use, ok && hasVariable(clients, name)
}

// CfgSecrets are the secrets that harbor.cfg gives and that have an effect on
// Kubernetes.
func CfgSecrets() []SecretUse {
	return slices.DeleteFunc(slices.Clone(v1.Secrets), func(u SecretUse) bool {
		key, known := CfgEntry{Name: u.Cfg}.Key()
		return !known || key.Needless != ""
	})
}

// SecretField says whether a field of the registry's config.yml is a secret, or in
// one.
func (l *layout) SecretField(at krm.Path) bool {
	for _, use := range l.Secrets {
		for _, s := range use.Settings {
			for _, p := range s.Places {
				n := len(p.Field)
				if n > 0 && n <= len(at) && p.Field.String() == at[:n].String() {
					return true
				}
			}
		}
	}
	return false
}
