package harbor

import (
	"regexp"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/kube"
)

// Files and variables of Harbor 1.x (Harbor v1.2.0: src/adminserver/systemcfg,
// src/ui/config, src/ui/service/token, src/jobservice/config).
const (
	TokenKeyFile  = "/etc/ui/private_key.pem" // signs the tokens that the registry accepts
	TokenIssuer   = "harbor-token-issuer"
	TokenService  = "harbor-registry"
	TokenPath     = "/service/token" // of the ui, where docker clients get them
	KeyPath       = "KEY_PATH"       // variable: file that holds SECRET_KEY
	SecretKeySize = 16               // bytes of SECRET_KEY, a key of AES

	StorePath   = "JSON_CFG_STORE_PATH" // variable: where the adminserver keeps settings
	StoreDriver = "CFG_DRIVER"          // variable: json or db, since 1.4
	Reset       = "RESET"               // variable: true reads all settings from variables at each start
	LogDir      = "LOG_DIR"             // variable: where the jobservice keeps its logs
	ConfigPath  = "CONFIG_PATH"         // variable: app.conf of ui and jobservice

	ExternalEndpoint = "EXT_ENDPOINT" // variable: the address that clients use

	TokenKeyPath = "TOKEN_PRIVATE_KEY_PATH" // variable: TokenKeyFile, in late releases

	// ExampleHost is the host name in upstream's harbor.cfg.
	ExampleHost = "reg.mydomain.com"
	// NginxConf is where nginx looks for its configuration.
	NginxConf = "/etc/nginx/nginx.conf"
	// JobServiceKey is where the jobservice looks for SECRET_KEY.
	JobServiceKey = "/etc/jobservice/key"
	// DatabaseDir is where the mysql server keeps its data.
	DatabaseDir = "/var/lib/mysql"
)

// defaults of variables by component.
var defaults = map[string]map[string]string{
	AdminServer: {KeyPath: "/etc/adminserver/key", StorePath: "/etc/adminserver/config/config.json"},
	JobService:  {KeyPath: JobServiceKey, LogDir: "/var/log/jobs", ConfigPath: "/etc/jobservice/app.conf"},
	UI:          {KeyPath: "/etc/ui/key", ConfigPath: "/etc/ui/app.conf", TokenKeyPath: TokenKeyFile},
}

// Setting returns a variable of the component, or what it takes when that is
// not set or empty. A Secret outside of the list may hold any variable, but is
// not the place for these.
func (c Component) Setting(env kube.Environment, name string) kube.Value {
	v, ok := env.Get(name)
	elsewhere := !slices.Contains(env.Names(), name) && v.Source.Kind == "Secret"
	if ok && v.Text != "" && !elsewhere {
		return v
	}
	return kube.Value{Text: defaults[c.Name()][name], Known: true}
}

// placeholders stand for values that have to be filled in.
var placeholder = regexp.MustCompile(`CHANGE-ME-PLEASE|\{\{.*\}\}`)

// Placeholder says whether a value holds something that has to be filled in:
// our base's CHANGE-ME-PLEASE, or {{name}} of upstream's templates.
func Placeholder(value string) bool {
	return !strings.Contains(value, "\n") && placeholder.MatchString(value)
}
