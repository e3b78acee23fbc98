package secrets

import (
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

// Keys of the Secrets that this package treats apart. All keys of Harbor's own are in
// the table of the model; those of CephFS are the contract with use-cephfs.
const (
	UISecret      = "UI_SECRET"
	SecretKey     = "SECRET_KEY"
	AdminPassword = "HARBOR_ADMIN_PASSWORD"
	TokenKey      = "private_key.pem"
	TokenCert     = "root.crt"
	HTTPSKey      = "https.key"
	HTTPSCert     = "https.crt"
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
	// tokens is true for the one with the keys for tokens and https.
	tokens bool
}

// key is a key of a Secret.
type key struct {
	name string
	// random makes a value; nil when there is no making one up.
	random func(io.Reader) (string, error)
	rules  []rule
	// hint tells how to give a value that cannot be made up.
	hint string
}

func (n Names) specs() []spec {
	return []spec{
		{name: n.Harbor, namespace: n.Namespace, tokens: true, keys: keysOf(harbor.OwnSecret)},
		{name: Database, namespace: n.Namespace, keys: keysOf(harbor.DatabaseSecret)},
		{name: Redis, namespace: n.Namespace, keys: keysOf(harbor.RedisSecret)},
		{name: n.CephFS, namespace: n.CephFSNamespace, optional: true, keys: []key{
			{name: CephFSUserID, rules: []rule{notEmpty, noClient, identifier}, hint: "--cephfs-user"},
			{name: CephFSUserKey, rules: []rule{cephKey}, hint: "--cephfs-key-from"},
		}},
		{name: CephFSInTree, namespace: n.Namespace, optional: true, keys: []key{
			{name: CephFSKey, rules: []rule{cephKey}, hint: "--cephfs-key-from"},
		}},
	}
}

// forms say how values of each form are made and what is wrong with one.
var forms = map[harbor.SecretForm]key{
	harbor.Cookie:           {random: letters(16), rules: []rule{notEmpty, oneLine, cookie, noSpace, unknown, atLeast(16)}},
	harbor.AESKey:           {random: letters(harbor.SecretKeySize), rules: []rule{exactSize, oneLine, noSpace, unknown}},
	harbor.YAMLText:         {random: letters(32), rules: []rule{notEmpty, oneLine, plainYAML, noSpace, unknown, atLeast(16)}},
	harbor.AdminPassword:    {random: password, rules: []rule{notEmpty, oneLine, noSpace, unknown, portal}},
	harbor.OptionalPassword: {random: empty, rules: []rule{oneLine, noSpace}},
	harbor.DatabasePass:     {random: password, rules: []rule{notEmpty, oneLine, noSpace, unknown, atLeast(8)}},
	harbor.RedisPass:        {random: password, rules: []rule{noPassword, noComma, oneLine, noSpace, unknown, atLeast(8)}},
}

// keysOf are the keys of one of Harbor's Secrets that can be made one by one.
func keysOf(in harbor.SecretObject) []key {
	var all []key
	for _, use := range harbor.SecretsV1() {
		if k, ok := forms[use.Form]; ok && use.In == in {
			k.name = use.Key
			all = append(all, k)
		}
	}
	return all
}

// nameOf is what the Secret is called.
func (n Names) nameOf(in harbor.SecretObject) string {
	return map[harbor.SecretObject]string{harbor.OwnSecret: n.Harbor, harbor.DatabaseSecret: Database, harbor.RedisSecret: Redis}[in]
}

// order lists the keys of s: those of the spec first, then what others put in.
func (spec spec) order(s Secret) []string {
	var names []string
	for _, k := range spec.keys {
		names = append(names, k.name)
	}
	if spec.tokens {
		names = append(names, TokenKey, TokenCert, HTTPSKey, HTTPSCert)
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
		if !s.has(k.name) {
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
		checkTokens(s, now, &found)
		checkHTTPS(s, now, &found)
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
	unknown = warningIf("is a well-known default, which everybody can look up", func(v string) bool { return slices.Contains(wellKnown, v) })

	// The key of AES that the ui, the adminserver and the jobservice encrypt
	// passwords with (Harbor v1.2.0, make/prepare: get_secret_key).
	exactSize = rule{framework.Error, func(v string) string {
		if len(v) == harbor.SecretKeySize {
			return ""
		}
		message := fmt.Sprintf("has %d characters, want %d", len(v), harbor.SecretKeySize)
		if strings.HasSuffix(v, "\n") {
			message += " (a line break at the end counts)"
		}
		return message
	}}

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

func isEmpty(v string) bool { return v == "" }

func atLeast(n int) rule {
	return warningIf(fmt.Sprintf("is shorter than %d characters", n), func(v string) bool { return v != "" && len(v) < n })
}

// wellKnown are the values of Harbor's own harbor.cfg and manifests, of our base
// and of overlays/harbor-1.2-article.
var wellKnown = []string{"Harbor12345", "root123", "placeholder", "CHANGE-ME-PLEASE", "harbork8s"}
