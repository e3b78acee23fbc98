package harbor

import (
	"regexp"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

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
func byAll(p Place) []Setting { return byParts(p, AdminServer, UI, JobService) }

// byParts is the same place of several parts.
func byParts(p Place, parts ...string) []Setting {
	var all []Setting
	for _, part := range parts {
		all = append(all, secret(part, p))
	}
	return all
}

// withCtl are secrets of the registry that registryctl, which deletes from the same
// storage, reads like it.
func withCtl(all []SecretUse) []SecretUse {
	shared := slices.Clone(all)
	for i := range shared {
		shared[i].Settings = append(slices.Clone(shared[i].Settings), secret(RegistryCtl, shared[i].Settings[0].Places...))
	}
	return shared
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
	return SecretUse{Key: registryVariable(words(field)), Settings: []Setting{secret(Registry, namedBy(RegistryConfigFile, field...))}}
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

// URLWithPassword matches a URL with user:password@.
var URLWithPassword = regexp.MustCompile(`://[^\s/?#@]*:[^\s/?#@]+@`)

// hasLogin says whether one of the receivers of notifications gets headers, which are
// there to log in, or a password in its URL.
func hasLogin(endpoints *yaml.Node) bool {
	return slices.ContainsFunc(endpoints.Content, func(e *yaml.Node) bool {
		headers := krm.Lookup(yaml.NewRNode(e), "headers")
		return headers != nil && len(headers.Content) > 0 || URLWithPassword.MatchString(krm.Text(yaml.NewRNode(e), "url"))
	})
}

// hasMailPassword says whether one of the hooks of the log sends mail with a
// password.
func hasMailPassword(hooks *yaml.Node) bool {
	return slices.ContainsFunc(hooks.Content, func(e *yaml.Node) bool {
		return krm.Text(yaml.NewRNode(e), "options", "smtp", "password") != ""
	})
}
