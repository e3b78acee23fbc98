package harbor

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
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
const SecretPassword = "password"

// SecretForm is what a value has to look like.
type SecretForm int

// Given is the form of what only others can make, such as the keys of a store of
// objects. All other values are in each Secret that krmfn secrets makes, but for
// the pair of https, which is there when it is given.
const (
	Given SecretForm = iota
	Cookie
	AESKey
	YAMLText
	AdminPassword
	OptionalPassword
	DatabasePass
	RedisPass
	TokenKey
	TokenCert
	TLSKey
	TLSCert
)

// Public says whether the value is a certificate, which anybody may see.
func (u SecretUse) Public() bool { return u.Form == TokenCert || u.Form == TLSCert }

// HTTPSecret is the key of the secret that the replicas of the registry share.
const HTTPSecret = "HTTP_SECRET"

// Whole is the place of a value that is all of a file.
func Whole(file string) Place { return Place{File: file} }

// NamedBy is the place of a value that is all of a file, whose path stands in a
// field of another file.
func NamedBy(file string, path ...any) Place { return Place{File: file, Field: path, Names: true} }

// isWhole says whether the place is Whole.
func (p Place) isWhole() bool {
	return p.File != "" && p.Field == nil && p.Key == "" && p.Directive == ""
}

// isFile says whether the secret is all of a file.
func (p Place) isFile() bool { return p.isWhole() || p.Names }

// registrySecret is a secret of the registry, which takes every field of config.yml
// from a variable of its name too (distribution v2.6.2, configuration/parser.go).
func registrySecret(key string, field ...any) SecretUse {
	variable := registryVariable(words(field))
	if key == "" {
		key = variable
	}
	return SecretUse{Key: key, Settings: []Setting{secret(Registry, Variable(variable), Field(RegistryConfigFile, field...))}}
}

// byAll is the same place of all who share Harbor's own secrets.
func byAll(p Place) []Setting {
	return []Setting{secret(AdminServer, p), secret(UI, p), secret(JobService, p)}
}

func withForm(form SecretForm, u SecretUse) SecretUse {
	u.Form, u.Shared = form, true
	return u
}

func holding(holds func(*yaml.Node) bool, u SecretUse) SecretUse {
	u.Holds = holds
	return u
}

// registryKeyFile is a file of the registry whose path stands in config.yml.
func registryKeyFile(field ...any) SecretUse {
	return SecretUse{Key: registryVariable(words(field)), Settings: []Setting{secret(Registry, NamedBy(RegistryConfigFile, field...))}}
}

// registryParameters are the secrets among the parameters of a storage driver.
func registryParameters(driver string, parameters ...string) []SecretUse {
	var all []SecretUse
	for _, p := range parameters {
		all = append(all, registrySecret("", "storage", driver, p))
	}
	return all
}

func words(path krm.Path) []string {
	var all []string
	for _, e := range path {
		if word, ok := e.(string); ok {
			all = append(all, word)
		}
	}
	return all
}

// hasHeaders says whether one of the receivers of notifications gets headers: they
// are there to log in.
func hasHeaders(endpoints *yaml.Node) bool {
	return slices.ContainsFunc(endpoints.Content, func(e *yaml.Node) bool {
		headers := krm.Lookup(yaml.NewRNode(e), "headers")
		return headers != nil && len(headers.Content) > 0
	})
}

// hasMailPassword says whether one of the hooks of the log sends mail with a
// password.
func hasMailPassword(hooks *yaml.Node) bool {
	return slices.ContainsFunc(hooks.Content, func(e *yaml.Node) bool {
		return krm.Text(yaml.NewRNode(e), "options", "smtp", "password") != ""
	})
}

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

// SecretsV1 is the table of Harbor 1.x, for those who make Secrets before there is
// a Harbor.
func SecretsV1() []SecretUse { return v1.Secrets }

// SecretOfVariable is the secret of Harbor 1.x that can stand in the variable.
func SecretOfVariable(name string) (SecretUse, bool) { return v1.secretVariable(name) }

// CfgSecrets are the secrets that harbor.cfg gives and that have an effect on
// Kubernetes.
func CfgSecrets() []SecretUse {
	return slices.DeleteFunc(slices.Clone(v1.Secrets), func(u SecretUse) bool {
		key, known := CfgEntry{Name: u.Cfg}.Key()
		return !known || key.Needless != ""
	})
}
