// Package movesecrets moves passwords and keys out of the ConfigMaps: pods read
// them from Secrets that are named here and not contained in the manifests.
//
// Environment variables become references to a Secret, files in volumes come
// from it, and keys of ConfigMaps that nobody reads any more go. krmfn secrets
// makes the Secret; its keys are named like the variables, UI_SECRET,
// JOBSERVICE_SECRET, SECRET_KEY, HARBOR_ADMIN_PASSWORD, LDAP_SEARCH_PWD,
// EMAIL_PWD and HTTP_SECRET, and like the files, private_key.pem and root.crt,
// and with https https.key and https.crt. The passwords of MySQL and Redis come
// from Secrets of their own. What comes from a Secret already stays there.
//
// The jobservice also gets the file /etc/jobservice/key, which upstream's
// manifests forgot and without which no replication to a registry with a
// password works (Harbor v1.2.0, src/jobservice).
package movesecrets

import (
	_ "embed"
	"errors"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

//go:embed README.md
var manual string

// Function is move-secrets.
var Function = krm.Function{Name: "move-secrets", Manual: manual, New: func() krm.Runner { return &MoveSecrets{} }}

// MoveSecrets is the settings.
type MoveSecrets struct {
	// Name of the Secret with Harbor's own secrets and keys.
	Name string `yaml:"name" default:"harbor-secrets"`
	// Name of the Secret with the password of MySQL, under `password`.
	Database string `yaml:"database" default:"harbor-database"`
	// Name of the Secret with the password of Redis, under `password`.
	Redis string `yaml:"redis" default:"harbor-redis"`
}

// password is the key of the password in the Secrets of MySQL and Redis.
const password = "password"

// variables are the sensitive environment variables.
var variables = []string{
	"UI_SECRET", "JOBSERVICE_SECRET", "SECRET_KEY", "HARBOR_ADMIN_PASSWORD",
	"LDAP_SEARCH_PWD", "EMAIL_PWD", "MYSQL_PWD", "MYSQL_ROOT_PASSWORD",
}

// place is the Secret and the key that a variable comes from.
func (s *MoveSecrets) place(variable string) (name, key string) {
	switch variable {
	case "MYSQL_PWD", "MYSQL_ROOT_PASSWORD":
		return s.Database, password
	}
	return s.Name, variable
}

// files are the sensitive files by component: name of the file in its volume,
// and its key in the Secret. Those of https are there with https only.
var files = map[string]map[string]string{
	harbor.AdminServer: {"key": "SECRET_KEY"},
	harbor.JobService:  {"key": "SECRET_KEY"},
	harbor.UI:          {"key": "SECRET_KEY", "private_key.pem": "private_key.pem"},
	harbor.Registry:    {"root.crt": "root.crt"},
	harbor.Nginx:       {"https.key": "https.key", "https.crt": "https.crt"},
}

const (
	// The registry takes every setting from a variable of its name too
	// (distribution v2.6.2, docs/configuration.md).
	registrySecret = "REGISTRY_HTTP_SECRET"
	httpSecret     = "HTTP_SECRET"
)

// Validate checks the names.
func (s *MoveSecrets) Validate() error {
	return errors.Join(krm.CheckName("name", s.Name), krm.CheckName("database", s.Database), krm.CheckName("redis", s.Redis))
}

// Run moves the secrets of every component.
func (s *MoveSecrets) Run(list *framework.ResourceList) error {
	components, err := harbor.Old(list)
	if err != nil {
		return err
	}
	for _, c := range components {
		for _, move := range []func(*framework.ResourceList, harbor.Component) error{
			s.moveVariables, s.moveRedis, s.moveFiles, s.moveRegistrySecret, s.dropMailPassword,
		} {
			if err := move(list, c); err != nil {
				return err
			}
		}
	}
	for _, c := range components {
		s.dropKeys(list, c)
	}
	return nil
}

func (s *MoveSecrets) moveVariables(list *framework.ResourceList, c harbor.Component) error {
	for _, name := range variables {
		source := c.EnvSource(list, name)
		path, ok := c.Env(name)
		literal := ok && krm.Text(c.RNode, path.Append("value")...) != ""
		if source.Name == "" && !literal {
			continue
		}
		secretName, secretKey := s.place(name)
		if err := c.SetSecretVariable(list, name, secretName, secretKey); err != nil {
			return err
		}
	}
	return nil
}

// moveRedis takes the password out of _REDIS_URL: address,pool,password,database.
func (s *MoveSecrets) moveRedis(list *framework.ResourceList, c harbor.Component) error {
	url := c.Value(list, harbor.RedisURL)
	parts := strings.Split(url, ",")
	if len(parts) < 3 || parts[2] == "" || strings.Contains(parts[2], "$(") {
		return nil
	}
	parts[2] = "$(" + harbor.RedisPassword + ")"
	return c.SetRedis(list, strings.Join(parts, ","), s.Redis, password)
}

// moveFiles makes the volumes that bring sensitive files bring them from the
// Secret.
func (s *MoveSecrets) moveFiles(list *framework.ResourceList, c harbor.Component) error {
	wanted := files[c.Name()]
	if c.Name() == harbor.JobService {
		if err := s.addJobServiceKey(list, c); err != nil {
			return err
		}
	}
	done := map[string]bool{}
	for _, f := range c.ConfigFiles(list) {
		volume := f.Volume.String()
		if wanted[f.Name] == "" || done[volume] {
			continue
		}
		done[volume] = true
		if err := s.moveVolume(list, c, f.Volume, wanted); err != nil {
			return err
		}
	}
	return nil
}

// moveVolume splits a ConfigMap volume into what stays and what comes from the
// Secret.
func (s *MoveSecrets) moveVolume(list *framework.ResourceList, c harbor.Component, volume krm.Path, wanted map[string]string) error {
	stay, secret := krm.List(), krm.List()
	configMap, moved := "", []string{}
	for _, f := range c.ConfigFiles(list) {
		if f.Volume.String() != volume.String() {
			continue
		}
		configMap = f.ConfigMap
		if key := wanted[f.Name]; key != "" {
			secret.Content = append(secret.Content, krm.Map("key", key, "path", f.Name))
			moved = append(moved, f.Key)
		} else {
			stay.Content = append(stay.Content, krm.Map("key", f.Key, "path", f.Name))
		}
	}
	name := krm.Text(c.RNode, volume.Append("name")...)
	from := krm.Map("name", s.Name, "items", secret)
	if c.Name() == harbor.Nginx {
		from = krm.Map("name", s.Name, "items", secret, "optional", true) // http needs no certificate
	}
	entry := krm.Map("name", name, "projected", krm.Map("sources", krm.List(
		krm.Map("configMap", krm.Map("name", configMap, "items", stay)),
		krm.Map("secret", from))))
	if len(stay.Content) == 0 {
		entry = krm.Map("name", name, "secret", krm.Map("secretName", s.Name, "items", secret))
	}
	if err := krm.Set(list, c.RNode, entry, volume...); err != nil {
		return err
	}
	for _, key := range moved {
		c.DropKey(list, kube.Reference{Name: configMap, Key: key})
	}
	return nil
}

// addJobServiceKey adds the file that upstream forgot as an item of the
// ConfigMap; moveFiles then takes it from the Secret.
func (s *MoveSecrets) addJobServiceKey(list *framework.ResourceList, c harbor.Component) error {
	config, err := c.ConfigFile(list, "app.conf")
	if err != nil {
		return nil // projected already, or delivered in another way
	}
	items := config.Volume.Append("configMap", "items")
	if len(krm.Elements(c.RNode, items...)) == 0 || slices.ContainsFunc(c.ConfigFiles(list), func(f kube.File) bool { return f.Name == "key" }) {
		return nil
	}
	return krm.Set(list, c.RNode, krm.Map("key", "SECRET_KEY", "path", "key"),
		items.Append(len(krm.Elements(c.RNode, items...)))...)
}

// moveRegistrySecret moves http.secret, which all replicas of the registry have
// to share, from config.yml to a variable.
func (s *MoveSecrets) moveRegistrySecret(list *framework.ResourceList, c harbor.Component) error {
	if c.Name() != harbor.Registry {
		return nil
	}
	config, err := c.ConfigFile(list, "config.yml")
	if err != nil {
		return err
	}
	embedded, err := krm.Embed(config.ConfigMap, "data", config.Key)
	if err != nil {
		return err
	}
	if err := embedded.RemoveSecret(list, "http", "secret"); err != nil || c.FromSecret(registrySecret) {
		return err
	}
	return c.SetEnv(list, krm.Map("name", registrySecret, "valueFrom",
		krm.Map("secretKeyRef", krm.Map("name", s.Name, "key", httpSecret))))
}

// dropMailPassword empties the password in the ui's app.conf: the ui asks the
// adminserver for its mail settings (Harbor v1.2.0, src/ui/config).
func (s *MoveSecrets) dropMailPassword(list *framework.ResourceList, c harbor.Component) error {
	if c.Name() != harbor.UI {
		return nil
	}
	_, err := c.SetAppConf(list, "mail", "password", "", true)
	return err
}

// dropKeys removes sensitive keys that nobody reads from the ConfigMaps of the
// component. Upstream's hold some that nobody ever read.
func (s *MoveSecrets) dropKeys(list *framework.ResourceList, c harbor.Component) {
	for _, name := range c.ConfigMaps(list) {
		for _, key := range variables {
			c.DropKey(list, kube.Reference{Name: name, Key: key})
		}
	}
}
