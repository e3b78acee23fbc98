package harbor

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"krmfn.dev/harbor/internal/krm"
)

// Cfg is harbor.cfg, the file that the installer of Harbor 1.x reads: its
// entries in the order of the file.
type Cfg []CfgEntry

// CfgEntry is one line of harbor.cfg.
type CfgEntry struct {
	Name, Value string
	Line        int // 0 when it is not there
}

// Get returns the entry of that name.
func (c Cfg) Get(name string) (CfgEntry, bool) {
	i := slices.IndexFunc(c, func(e CfgEntry) bool { return e.Name == name })
	if i < 0 {
		return CfgEntry{Name: name}, false
	}
	return c[i], true
}

// Key says what becomes of the entry; false for one that Harbor 1.2 does not
// have.
func (e CfgEntry) Key() (CfgKey, bool) {
	k, ok := cfgKeys[e.Name]
	_, k.Secret = v1.SecretOf(e.Name)
	return k, ok
}

// Settings are those that get the value in a variable.
func (e CfgEntry) Settings() []Setting {
	key, _ := e.Key()
	use, isSecret := v1.SecretOf(e.Name)
	switch {
	case key.Variable == "":
		return nil
	case isSecret:
		return use.Settings
	}
	return []Setting{of(AdminServer, Variable(key.Variable))}
}

// Errorf makes an error that names line and key.
func (e CfgEntry) Errorf(format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if e.Line == 0 {
		return fmt.Errorf("%s %s", e.Name, message)
	}
	return fmt.Errorf("line %d: %s %s", e.Line, e.Name, message)
}

// CfgKey is what becomes of a key of harbor.cfg.
type CfgKey struct {
	Variable string // environment variable of the adminserver
	Mail     string // setting in section [mail] of the ui's app.conf
	Secret   bool   // the value is never shown
	Needless string // why it has no effect on Kubernetes

	check func(field, value string) error // nil: any line of text
}

// cfgKeys are those of Harbor 1.2's make/harbor.cfg. Variables: src/adminserver,
// package systemcfg. What k8s-prepare did with them: make/kubernetes.
var cfgKeys = map[string]CfgKey{
	"hostname":        {check: isHostname},
	"ui_url_protocol": {check: oneOf("http", "https")},
	"ssl_cert":        {},
	"ssl_cert_key":    {},

	"db_password": {Variable: "MYSQL_PWD", check: isSet},
	"db_host":     {Variable: "MYSQL_HOST", check: CheckDatabaseHost},
	"db_port":     {Variable: "MYSQL_PORT", check: isNumber(1, 65535)},
	"db_user":     {Variable: "MYSQL_USR", check: krm.CheckDatabaseUser},

	"max_job_workers":              {Variable: "MAX_JOB_WORKERS", check: isNumber(1, 1000)},
	"harbor_admin_password":        {Variable: "HARBOR_ADMIN_PASSWORD", check: isSet},
	"auth_mode":                    {Variable: "AUTH_MODE", check: oneOf("db_auth", "ldap_auth", "uaa_auth")},
	"self_registration":            {Variable: "SELF_REGISTRATION", check: oneOf("on", "off")},
	"token_expiration":             {Variable: "TOKEN_EXPIRATION", check: isNumber(1, 525600)},
	"project_creation_restriction": {Variable: "PROJECT_CREATION_RESTRICTION", check: oneOf("everyone", "adminonly")},
	"verify_remote_cert":           {Variable: "VERIFY_REMOTE_CERT", check: oneOf("on", "off")},
	"admiral_url":                  {Variable: "ADMIRAL_URL", check: isAdmiral},

	"email_identity":    {Variable: "EMAIL_IDENTITY"},
	"email_server":      {Variable: "EMAIL_HOST", Mail: "host", check: isOptional(krm.CheckHost)},
	"email_server_port": {Variable: "EMAIL_PORT", Mail: "port", check: isNumber(1, 65535)},
	"email_username":    {Variable: "EMAIL_USR", Mail: "username"},
	"email_password":    {Variable: "EMAIL_PWD", Mail: "password"},
	"email_from":        {Variable: "EMAIL_FROM", Mail: "from"},
	"email_ssl":         {Variable: "EMAIL_SSL", Mail: "ssl", check: oneOf("true", "false")},
	"email_insecure":    {Variable: "EMAIL_INSECURE", check: oneOf("true", "false")},

	"ldap_url":        {Variable: "LDAP_URL", check: isLDAP},
	"ldap_searchdn":   {Variable: "LDAP_SEARCH_DN"},
	"ldap_search_pwd": {Variable: "LDAP_SEARCH_PWD"},
	"ldap_basedn":     {Variable: "LDAP_BASE_DN"},
	"ldap_filter":     {Variable: "LDAP_FILTER"},
	"ldap_uid":        {Variable: "LDAP_UID"},
	"ldap_scope":      {Variable: "LDAP_SCOPE", check: oneOf("1", "2", "3")},
	"ldap_timeout":    {Variable: "LDAP_TIMEOUT", check: isNumber(1, 3600)},

	"customize_crt":     {Needless: "krmfn secrets makes the key for tokens, or takes one over with --token-key"},
	"secretkey_path":    {Needless: "krmfn secrets --harbor-cfg harbor.cfg takes the key over"},
	"log_rotate_count":  {Needless: "the nodes rotate logs"},
	"log_rotate_size":   {Needless: "the nodes rotate logs"},
	"clair_db_password": {Needless: "there is no Clair"},
	"uaa_endpoint":      {Needless: "the manifests have no UAA"},
	"uaa_clientid":      {Needless: "the manifests have no UAA"},
	"uaa_clientsecret":  {Needless: "the manifests have no UAA"},
	"uaa_ca_root":       {Needless: "the manifests have no UAA"},
}

// laterCfgKeys are keys that came after Harbor 1.2, by the release that brought them
// (make/harbor.cfg of the releases).
var laterCfgKeys = map[string]string{
	"_version": "1.5", "clair_db": "1.4", "clair_db_host": "1.4", "clair_db_port": "1.4", "clair_db_username": "1.4",
	"clair_updaters_interval": "1.5", "http_proxy": "1.5", "https_proxy": "1.5", "no_proxy": "1.5",
	"ldap_group_admin_dn": "1.6", "ldap_group_basedn": "1.5", "ldap_group_filter": "1.5", "ldap_group_gid": "1.5", "ldap_group_scope": "1.5",
	"ldap_verify_cert": "1.3", "redis_db_index": "1.6", "redis_host": "1.6", "redis_password": "1.6", "redis_port": "1.6", "redis_url": "1.4",
	"registry_custom_ca_bundle": "1.6", "registry_storage_provider_config": "1.5", "registry_storage_provider_name": "1.5",
	"reload_config": "1.5", "skip_reload_env_pattern": "1.5", "uaa_verify_cert": "1.3",
}

// Unknown says what is the matter with an entry that has no Key.
func (e CfgEntry) Unknown() string {
	if release := laterCfgKeys[e.Name]; release != "" {
		return fmt.Sprintf("%s is a key of Harbor %s and later, it has no effect on Harbor 1.2", e.Name, release)
	}
	return fmt.Sprintf("%s is not a key of harbor.cfg, %s", e.Name, krm.Nearest(e.Name, slices.Sorted(maps.Keys(cfgKeys))))
}

// cfgLine is a line that sets a key. The ConfigParser of Python 3, with which
// the installer reads the file, takes all that follows = or : for the value,
// quotes, # and % included. (The INI libraries of Go give some of these a
// meaning, and a password would come out as another one.)
var cfgLine = regexp.MustCompile(`^([A-Za-z0-9_]+)[ \t]*[=:](.*)$`)

// ParseCfg reads harbor.cfg and checks the values of the keys it knows. All that
// is wrong is returned, with line numbers; secrets do not stand in the errors,
// nor what stands in a line that sets no key: it may be a secret.
func ParseCfg(text string) (Cfg, []error) {
	var parsed Cfg
	var errs []error
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
			continue
		}
		m := cfgLine.FindStringSubmatch(line)
		switch {
		case m == nil && unicode.IsSpace(rune(line[0])):
			errs = append(errs, fmt.Errorf("line %d begins with a space, which makes it part of the value above", i+1))
			continue
		case m == nil:
			errs = append(errs, fmt.Errorf("line %d is not key = value", i+1))
			continue
		}
		e := CfgEntry{Name: strings.ToLower(m[1]), Value: strings.TrimSpace(m[2]), Line: i + 1}
		if e.isBase64() {
			errs = append(errs, fmt.Errorf("line %d is not key = value", i+1))
			continue
		}
		if first, twice := parsed.Get(e.Name); twice {
			errs = append(errs, e.Errorf("stands in line %d already", first.Line))
			continue
		}
		if err := e.check(); err != nil {
			errs = append(errs, err)
		}
		parsed = append(parsed, e)
	}
	return parsed, errs
}

// isBase64 says whether the line may be a password in base64, whose padding
// reads like the end of a key.
func (e CfgEntry) isBase64() bool {
	_, known := e.Key()
	return !known && laterCfgKeys[e.Name] == "" && strings.Trim(e.Value, "=") == ""
}

func (e CfgEntry) check() error {
	k := cfgKeys[e.Name]
	if err := krm.CheckText(e.Value); err != nil {
		return e.Errorf("%v", err)
	}
	if k.check == nil {
		return nil
	}
	var wrong *krm.FieldError
	if errors.As(k.check(e.Name, e.Value), &wrong) {
		return e.Errorf("%s", wrong.Message)
	}
	return nil
}

func isSet(field, value string) error {
	if value == "" {
		return krm.FieldErrorf(field, "is empty")
	}
	return nil
}

func oneOf(allowed ...string) func(field, value string) error {
	return func(field, value string) error {
		if !slices.Contains(allowed, value) {
			return krm.FieldErrorf(field, "%s is none of %s", krm.Quoted(value), strings.Join(allowed, ", "))
		}
		return nil
	}
}

func isNumber(low, high int) func(field, value string) error {
	return func(field, value string) error {
		if n, err := strconv.Atoi(value); err != nil || strconv.Itoa(n) != value || n < low || n > high {
			return krm.FieldErrorf(field, "%s is not a whole number from %d to %d", krm.Quoted(value), low, high)
		}
		return nil
	}
}

// isHostname allows host and host:port: the address of clients has to carry a
// node port.
func isHostname(field, value string) error {
	u, err := krm.CheckURL(field, "http://"+value, "http")
	if err != nil || u.Path != "" {
		return krm.FieldErrorf(field, "%s is neither a host (a DNS name in lower case or an IP address) nor host:port", krm.Quoted(value))
	}
	return notLoopback(field, u.Hostname())
}

func notLoopback(field, host string) error {
	address, err := netip.ParseAddr(host)
	if host == "localhost" || err == nil && (address.IsLoopback() || address.IsUnspecified()) {
		return krm.FieldErrorf(field, "%q means something else for each client and pod", host)
	}
	return nil
}

// CheckDatabaseHost checks the host of an external database server: harbor.cfg's
// db_host, MYSQL_HOST and POSTGRESQL_HOST. Harbor joins it with the port without
// the brackets that an IPv6 address needs (v1.2.0, src/common/dao/mysql.go; v2.0,
// src/common/dao/pgsql.go).
func CheckDatabaseHost(field, host string) error {
	if err := krm.CheckHost(field, host); err != nil {
		return err
	}
	if strings.Contains(host, ":") {
		return krm.FieldErrorf(field, "%q is an IPv6 address, which Harbor cannot join with the port: give a DNS name that leads to it", host)
	}
	return notLoopback(field, host)
}

// isOptional lets a value be empty.
func isOptional(check func(field, value string) error) func(field, value string) error {
	return func(field, value string) error {
		if value == "" {
			return nil
		}
		return check(field, value)
	}
}

func isLDAP(field, value string) error {
	_, err := krm.CheckURL(field, value, "ldap", "ldaps")
	return err
}

func isAdmiral(field, value string) error {
	if value == "" || value == "NA" {
		return nil
	}
	_, err := krm.CheckURL(field, value, "http", "https")
	return err
}
