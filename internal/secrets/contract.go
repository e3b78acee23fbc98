package secrets

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Keys of Harbor's own Secrets are in the table of the model; those of CephFS are the
// contract with use-cephfs.
const (
	Password      = harbor.SecretPassword // of Database and Redis
	CephFSUserID  = "userID"              // both of the CSI driver
	CephFSUserKey = "userKey"
	CephFSKey     = "key" // in-tree
)

// spec says what a Secret holds.
type spec struct {
	name, namespace string
	keys            []key
	// An optional one is only there when a value of it is known.
	optional bool
	// tokens is true for the one with the keys for tokens and https, and the password
	// of the registry. forms are the keys of a form in it; unreadCert says that no
	// part reads the certificate of the key for tokens.
	tokens bool
	forms  func(harbor.SecretForm) string

	unreadCert bool
}

// key is a key of a Secret.
type key struct {
	name string
	// random makes a value; nil when there is no making one up.
	random func(io.Reader) (string, error)
	rules  []rule
	// hint tells how to give a value that cannot be made up.
	hint string
	// A value that is another form of the one under the key of: derive makes it, and
	// differs says what is wrong between the two. An optional one may be missing.
	of       string
	derive   func(value string) (string, error)
	differs  func(value, of string) string
	optional bool
}

func (n Names) specs() []spec {
	all := []spec{
		{name: n.Harbor, namespace: n.Namespace, tokens: true, keys: n.keysOf(harbor.OwnSecret), forms: n.Key,
			unreadCert: len(harbor.ReadersOf(n.Generation, n.own(harbor.TokenCert))) == 0},
		{name: n.nameOf(harbor.DatabaseSecret), namespace: n.Namespace, keys: n.keysOf(harbor.DatabaseSecret)},
		{name: n.nameOf(harbor.RedisSecret), namespace: n.Namespace, keys: n.keysOf(harbor.RedisSecret), optional: n.NoRedis},
	}
	return append(all,
		spec{name: n.CephFS, namespace: n.CephFSNamespace, optional: true, keys: []key{
			{name: CephFSUserID, rules: []rule{notEmpty, noClient, identifier}, hint: "--cephfs-user"},
			{name: CephFSUserKey, rules: []rule{cephKey}, hint: "--cephfs-key-from"},
		}},
		spec{name: CephFSInTree, namespace: n.Namespace, optional: true, keys: []key{
			{name: CephFSKey, rules: []rule{cephKey}, hint: "--cephfs-key-from"},
		}})
}

// forms say how values of each form are made and what is wrong with one.
var forms = map[harbor.SecretForm]key{
	harbor.Cookie:           {random: letters(16), rules: []rule{notEmpty, oneLine, cookie, noSpace, unknown, atLeast(16)}},
	harbor.AESKey:           {random: letters(harbor.SecretKeySize), rules: []rule{size(harbor.SecretKeySize), oneLine, noSpace, unknown}},
	harbor.YAMLText:         {random: letters(32), rules: []rule{notEmpty, oneLine, plainYAML, noSpace, unknown, atLeast(16)}},
	harbor.AdminPassword:    {random: password, rules: []rule{notEmpty, oneLine, noSpace, unknown, portal}},
	harbor.OptionalPassword: {random: empty, rules: []rule{oneLine, noSpace}},
	harbor.DatabasePass:     {random: password, rules: []rule{notEmpty, oneLine, noSpace, unknown, atLeast(8)}},
	harbor.RedisPass:        {random: password, rules: []rule{noPassword, noComma, oneLine, noSpace, unknown, atLeast(8)}},
	harbor.HeaderSecret:     {random: letters(16), rules: []rule{notEmpty, oneLine, noSpace, unknown, atLeast(16)}},
	harbor.CSRFKey:          {random: letters(harbor.CSRFKeySize), rules: []rule{size(harbor.CSRFKeySize), oneLine, noSpace, unknown}},
	harbor.RedisURLPass:     {random: password, rules: []rule{noPassword, oneLine, noSpace, unknown, atLeast(8)}},
	harbor.RegistryPass:     {random: password, rules: []rule{notEmpty, oneLine, noSpace, unknown, atLeast(8)}},
	// Made of the password of the registry.
	harbor.Htpasswd: {rules: []rule{notEmpty}},
}

// keysOf are the keys of one of Harbor's Secrets that can be made one by one.
func (n Names) keysOf(in harbor.SecretObject) []key {
	var all []key
	for _, use := range harbor.SecretsOf(n.Generation) {
		if k, ok := forms[use.Form]; ok && use.In == in {
			k.name = n.keyOf(use)
			if use.Form == harbor.Htpasswd {
				k.of, k.derive, k.differs = n.Key(harbor.RegistryPass), n.htpasswd, n.htpasswdDiffers
			}
			all = append(all, k)
			if use.Form == harbor.RedisURLPass {
				all = append(all, key{name: n.redisURLKey(), optional: n.RedisURLKey == "", of: k.name, derive: passwordOfURL, differs: urlDiffers})
			}
		}
	}
	return all
}

// Key is the key of Harbor's own Secret for a form, "" where this generation has
// none.
func (n Names) Key(form harbor.SecretForm) string { return n.own(form).Key }

// own is the first of Harbor's own values of a form.
func (n Names) own(form harbor.SecretForm) harbor.SecretUse {
	for _, use := range harbor.SecretsOf(n.Generation) {
		if use.Form == form && use.In == harbor.OwnSecret {
			return use
		}
	}
	return harbor.SecretUse{}
}

// Own is where the value of a form is, among Harbor's own.
func (n Names) Own(form harbor.SecretForm) harbor.SecretKey {
	return harbor.SecretKey{Name: n.Harbor, Key: n.Key(form)}
}

// DatabasePassword is where that is.
func (n Names) DatabasePassword() harbor.SecretKey { return n.password(harbor.DatabaseSecret) }

// RedisPassword is where that is.
func (n Names) RedisPassword() harbor.SecretKey { return n.password(harbor.RedisSecret) }

func (n Names) password(in harbor.SecretObject) harbor.SecretKey {
	return harbor.SecretKey{Name: n.nameOf(in), Key: n.keyOf(harbor.SecretUse{In: in, Key: Password})}
}

// nameOf is what the Secret is called.
func (n Names) nameOf(in harbor.SecretObject) string {
	return map[harbor.SecretObject]string{
		harbor.OwnSecret: n.Harbor, harbor.DatabaseSecret: cmp.Or(n.Database.Name, Database), harbor.RedisSecret: cmp.Or(n.Redis.Name, Redis),
	}[in]
}

// keyOf is the key of a value in its Secret.
func (n Names) keyOf(use harbor.SecretUse) string {
	switch {
	case use.In == harbor.DatabaseSecret:
		return cmp.Or(n.Database.Key, use.Key)
	case use.In == harbor.RedisSecret && use.Key == harbor.SecretPasswordURL:
		return n.redisURLKey()
	case use.In == harbor.RedisSecret:
		return cmp.Or(n.Redis.Key, use.Key)
	}
	return use.Key
}

func (n Names) redisURLKey() string { return cmp.Or(n.RedisURLKey, harbor.SecretPasswordURL) }

// order lists the keys of s: those of the spec first, then what others put in.
func (spec spec) order(s Secret) []string {
	var names []string
	for _, k := range spec.keys {
		names = append(names, k.name)
	}
	if spec.tokens {
		for _, form := range []harbor.SecretForm{harbor.TokenKey, harbor.TokenCert, harbor.TLSKey, harbor.TLSCert} {
			if k := spec.forms(form); k != "" {
				names = append(names, k)
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s.Data)) {
		if !slices.Contains(names, k) {
			names = append(names, k)
		}
	}
	return names
}

// check says what is wrong with the Secret.
func (spec spec) check(s Secret, now time.Time) Findings {
	var found Findings
	for _, k := range slices.Sorted(maps.Keys(s.faults)) {
		found.add(framework.Error, s.Name, k, "%s", s.faults[k])
	}
	for _, k := range spec.keys {
		value, ok := s.Data[k.name]
		if of := s.Data[k.of]; k.differs != nil && (ok || k.optional) && of != "" {
			if message := k.differs(value, of); message != "" {
				found.add(framework.Error, s.Name, k.name, "%s", message)
			}
		}
		if !s.has(k.name) && !k.optional {
			message := "is missing"
			if k.hint != "" {
				message += ": give it with " + k.hint
			}
			found.add(framework.Error, s.Name, k.name, "%s", message)
		}
		if !ok {
			continue
		}
		for _, r := range k.rules {
			if message := r.broken(value); message != "" {
				found.add(r.severity, s.Name, k.name, "%s", message)
				if r.severity == framework.Error {
					break
				}
			}
		}
	}
	if spec.tokens {
		spec.checkTokens(s, now, &found)
		spec.checkHTTPS(s, now, &found)
	}
	return found
}

// rule returns what is wrong with a value, "" when nothing is. Of the rules of
// a key, those behind a broken one of severity error are not looked at.
type rule struct {
	severity framework.Severity
	broken   func(value string) string
}

func errorIf(message string, broken func(string) bool) rule {
	return when(framework.Error, message, broken)
}

func warningIf(message string, broken func(string) bool) rule {
	return when(framework.Warning, message, broken)
}

func when(severity framework.Severity, message string, broken func(string) bool) rule {
	return rule{severity, func(value string) string {
		if broken(value) {
			return message
		}
		return ""
	}}
}

var (
	notEmpty = errorIf("is empty", isEmpty)
	oneLine  = errorIf("holds a line break or another control character, as from echo without -n", func(v string) bool {
		return strings.ContainsFunc(v, unicode.IsControl)
	})
	noSpace = warningIf("has a space at the beginning or the end", func(v string) bool { return strings.TrimSpace(v) != v })
	unknown = warningIf("is a well-known default, which everybody can look up", harbor.WellKnown)

	// The adminserver takes any first password, the portal and the API none
	// that breaks this rule (Harbor v1.2.0, src/ui/api/user.go: 8, 20).
	portal = warningIf("would be refused by Harbor's portal, which wants 8 to 20 characters with upper case, lower case and a digit",
		func(v string) bool {
			return len(v) < 8 || len(v) > 20 || !strings.ContainsFunc(v, unicode.IsUpper) ||
				!strings.ContainsFunc(v, unicode.IsLower) || !strings.ContainsFunc(v, unicode.IsDigit)
		})

	noPassword = warningIf("is empty: that is for a Redis without password", isEmpty)
	noComma    = errorIf("holds a comma, which separates the parts of _REDIS_URL", func(v string) bool { return strings.Contains(v, ",") })

	// ui and jobservice show each other these secrets in a cookie (Harbor v1.2.0,
	// models.UISecretCookie), from which Go drops such characters.
	cookie = errorIf("holds a character that a cookie cannot carry: use letters and digits", func(v string) bool {
		return strings.ContainsFunc(v, func(r rune) bool { return r > '~' || strings.ContainsRune(`";\`, r) })
	})

	// The registry reads the variable as YAML (distribution v2.6.2,
	// configuration/parser.go).
	plainYAML = errorIf("cannot be read by the registry: YAML takes it for something other than text", func(v string) bool {
		var text string
		return yaml.Unmarshal([]byte(v), &text) != nil || text != v
	})

	identifier = errorIf("is not the name of a CephFS user, want letters, digits, _, - and .", func(v string) bool {
		return krm.CheckIdentifier("", v) != nil
	})
	noClient = errorIf("begins with client., which the driver adds itself", func(v string) bool { return strings.HasPrefix(v, "client.") })
	cephKey  = errorIf("is not a key of Ceph, want what ceph auth get-key client.USER prints", func(v string) bool { return !isCephKey(v) })
)

// size is for keys of a fixed length: that of AES, which passwords are encrypted with
// (Harbor v1.2.0, make/prepare: get_secret_key), and CSRF_KEY.
func size(n int) rule {
	return rule{framework.Error, func(v string) string {
		if len(v) == n {
			return ""
		}
		message := fmt.Sprintf("has %d characters, want %d", len(v), n)
		if strings.HasSuffix(v, "\n") {
			message += " (a line break at the end counts)"
		}
		return message
	}}
}

func isEmpty(v string) bool { return v == "" }

func atLeast(n int) rule {
	return warningIf(fmt.Sprintf("is shorter than %d characters", n), func(v string) bool { return v != "" && len(v) < n })
}
