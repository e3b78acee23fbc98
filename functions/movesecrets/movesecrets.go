// Package movesecrets moves passwords and keys out of the ConfigMaps: pods read
// them from Secrets that are named here and not contained in the manifests.
//
// Environment variables become references to a Secret, files in volumes come
// from it, and keys of ConfigMaps that nobody reads any more go. krmfn secrets
// makes the Secret; its keys are named like the variables, UI_SECRET,
// JOBSERVICE_SECRET, SECRET_KEY, HARBOR_ADMIN_PASSWORD, LDAP_SEARCH_PWD,
// EMAIL_PWD and HTTP_SECRET, and like the files, private_key.pem and root.crt,
// and https.key and https.crt, which an nginx.conf that names a certificate needs.
// The passwords of MySQL and Redis come from Secrets of their own. What comes from
// a Secret already stays there.
//
// The jobservice also gets the file /etc/jobservice/key, which upstream's
// manifests forgot and without which no replication to a registry with a
// password works (Harbor v1.2.0, src/jobservice).
package movesecrets

import (
	"errors"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Function is move-secrets.
var Function = krm.Function{Name: "move-secrets", New: func() krm.Runner { return &MoveSecrets{} }}

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
		v, _ := c.Environment(list).Get(name)
		literal := krm.Text(c.RNode, v.Entry.Append("value")...) != ""
		if (v.Source.Kind != "ConfigMap" || v.Maybe) && !literal {
			continue
		}
		secretName, secretKey := s.place(name)
		if err := c.SetSecretVariable(list, name, secretName, secretKey); err != nil {
			return err
		}
	}
	return nil
}

// moveRedis takes the password out of the addresses of Redis.
func (s *MoveSecrets) moveRedis(list *framework.ResourceList, c harbor.Component) error {
	for _, use := range c.Harbor.Redis {
		if use.Of != c.Name() {
			continue
		}
		if err := c.Harbor.HideRedisPassword(c, use, harbor.SecretKey{Name: s.Redis, Key: password}); err != nil {
			return err
		}
	}
	return nil
}

// moveFiles makes the volumes that bring sensitive files bring them from the
// Secret.
func (s *MoveSecrets) moveFiles(list *framework.ResourceList, c harbor.Component) error {
	secret := &secretFiles{name: s.Name, wanted: files[c.Name()]}
	var err error
	switch c.Name() {
	case harbor.JobService:
		secret.lacks, err = placeOfKey(list, c)
	case harbor.Nginx:
		secret.optional = !readsHTTPSKey(list, c)
	}
	for _, m := range c.Mounts() {
		if err == nil {
			err = secret.move(list, c, m.Volume)
		}
	}
	return err
}

// placeOfKey returns the volume that the jobservice's key belongs into, which
// upstream's manifests forgot: that of app.conf, nil when the file is there. Where
// app.conf alone is mounted, the key gets a mount too.
func placeOfKey(list *framework.ResourceList, c harbor.Component) (krm.Path, error) {
	config, err := c.ConfigFile(list, "app.conf")
	if err != nil || c.At(list, harbor.JobServiceKey).State != kube.Absent {
		return nil, nil //nolint:nilerr // app.conf is delivered in another way: validate-ha tells
	}
	if config.SubPath == "" {
		return config.Volume, nil
	}
	mounts := c.Path.Append("volumeMounts")
	return config.Volume, krm.Set(list, c.RNode,
		krm.Map("name", krm.Text(c.RNode, config.Volume.Append("name")...), "mountPath", harbor.JobServiceKey, "subPath", path.Base(harbor.JobServiceKey)),
		mounts.Append(len(krm.Elements(c.RNode, mounts...)))...)
}

// readsHTTPSKey says whether nginx reads the key, and then the certificate.
func readsHTTPSKey(list *framework.ResourceList, c harbor.Component) bool {
	conf, err := harbor.ParseNginx(c.At(list, harbor.NginxConf).Value.Text)
	return err == nil && harbor.ReadsHTTPSKey(conf)
}

// secretFiles are the files that come from the Secret.
type secretFiles struct {
	name     string            // of the Secret
	wanted   map[string]string // file in the volume: key of the Secret
	optional bool              // whether the keys may be missing
	lacks    krm.Path          // a volume that brings none of them yet, and should
}

// move splits the ConfigMaps of a volume into what stays and what comes from
// the Secret. A volume without either is left alone.
func (f *secretFiles) move(list *framework.ResourceList, c harbor.Component, volume krm.Path) error {
	node := yaml.NewRNode(krm.Lookup(c.RNode, volume...))
	sources, mode := krm.Elements(node, "projected", "sources"), krm.Lookup(node, "projected", "defaultMode")
	if configMap := krm.Lookup(node, "configMap"); configMap != nil && configMap.Kind == yaml.MappingNode {
		mode = krm.Lookup(node, "configMap", "defaultMode")
		configMap = yaml.CopyYNode(configMap)
		if err := yaml.NewRNode(configMap).PipeE(yaml.Clear("defaultMode")); err != nil {
			return err
		}
		sources = krm.List(krm.Map("configMap", configMap)).Content
	}
	var moved []kube.Source
	stay, items := krm.List(), krm.List()
	for _, source := range sources {
		left, taken, err := f.split(list, c, source, items)
		if err != nil {
			return err
		}
		moved = append(moved, taken...)
		if left != nil {
			stay.Content = append(stay.Content, left)
		}
	}
	if volume.String() == f.lacks.String() {
		f.lacks = nil
		items.Content = append(items.Content, krm.Map("key", f.wanted["key"], "path", "key"))
	}
	if len(items.Content) == 0 {
		return nil
	}

	secret := []any{"items", items}
	if f.optional {
		secret = append(secret, "optional", true)
	}
	var volumeMode []any
	if mode != nil {
		volumeMode = []any{"defaultMode", mode}
	}
	kind, content := "secret", slices.Concat([]any{"secretName", f.name}, secret, volumeMode)
	if len(stay.Content) > 0 {
		stay.Content = append(stay.Content, krm.Map("secret", krm.Map(append([]any{"name", f.name}, secret...)...)))
		kind, content = "projected", append([]any{"sources", stay}, volumeMode...)
	}
	if err := krm.Set(list, c.RNode, krm.Map("name", krm.Text(node, "name"), kind, krm.Map(content...)), volume...); err != nil {
		return err
	}
	for _, source := range moved {
		c.DropKey(list, source)
	}
	return nil
}

// split adds to items what comes from the Secret from now on. It returns what is
// left of the source, nil for nothing, and the keys of ConfigMaps that were
// taken.
func (f *secretFiles) split(list *framework.ResourceList, c harbor.Component, source, items *yaml.Node) (left *yaml.Node, taken []kube.Source, err error) {
	configMap := krm.Lookup(yaml.NewRNode(source), "configMap")
	if configMap == nil || configMap.Kind != yaml.MappingNode {
		return source, nil, nil
	}
	ref := yaml.NewRNode(yaml.CopyYNode(configMap))
	name, all := krm.Text(ref, "name"), krm.Elements(ref, "items")
	obj := kube.Find(list, "ConfigMap", c.GetNamespace(), name)
	if obj != nil && len(all) == 0 {
		for _, key := range kube.Keys(obj) {
			all = append(all, krm.Map("key", key, "path", key))
		}
	}
	stay := krm.List()
	for _, item := range all {
		item := yaml.NewRNode(item)
		key, from := f.wanted[krm.Text(item, "path")], krm.Text(item, "key")
		if key == "" || from == "" {
			stay.Content = append(stay.Content, item.YNode())
			continue
		}
		taken = append(taken, kube.Source{Kind: "ConfigMap", Name: name, Key: from, Object: obj})
		krm.Lookup(item, "key").Value = key
		items.Content = append(items.Content, item.YNode())
	}
	switch {
	case len(taken) == 0:
		return source, nil, nil
	case len(stay.Content) == 0:
		return nil, taken, nil
	}
	err = ref.PipeE(yaml.SetField("items", yaml.NewRNode(stay)))
	return krm.Map("configMap", ref.YNode()), taken, err
}

// moveRegistrySecret moves http.secret, which all replicas of the registry have
// to share, from config.yml to a variable.
func (s *MoveSecrets) moveRegistrySecret(list *framework.ResourceList, c harbor.Component) error {
	if c.Name() != harbor.Registry {
		return nil
	}
	config, err := c.ConfigFile(list, "config.yml")
	if config.Name == "" {
		return nil // from a Secret
	}
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
	return c.SetSecretVariable(list, registrySecret, s.Name, httpSecret)
}

// dropMailPassword empties the password in the ui's app.conf: the ui asks the
// adminserver for its mail settings (Harbor v1.2.0, src/ui/config).
func (s *MoveSecrets) dropMailPassword(list *framework.ResourceList, c harbor.Component) error {
	if c.Name() != harbor.UI {
		return nil
	}
	return c.SetAppConf(list, "mail", "password", "", true)
}

// dropKeys removes sensitive keys that nobody reads from the ConfigMaps of the
// component. Upstream's hold some that nobody ever read.
func (s *MoveSecrets) dropKeys(list *framework.ResourceList, c harbor.Component) {
	for _, name := range c.ConfigMaps(list) {
		configMap := kube.Find(list, "ConfigMap", c.GetNamespace(), name)
		for _, key := range variables {
			c.DropKey(list, kube.Source{Kind: "ConfigMap", Name: name, Key: key, Object: configMap})
		}
	}
}
