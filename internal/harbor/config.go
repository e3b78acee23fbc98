package harbor

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// ConfigFile is a configuration file of a component and the ConfigMap that
// holds it.
type ConfigFile struct {
	kube.File
	ConfigMap *yaml.RNode
}

// Text is what the file holds.
func (f ConfigFile) Text() string { return krm.Text(f.ConfigMap, "data", f.Key) }

// ConfigFile finds the file of that name, e.g. config.yml of the registry. It is
// an error when no ConfigMap brings it, then without a Name, and when the one
// that does is not in the list or lacks it.
func (c Component) ConfigFile(list *framework.ResourceList, name string) (ConfigFile, error) {
	for _, file := range c.ConfigFiles(list) {
		if file.Name != name {
			continue
		}
		configMap, err := c.configMap(list, file.ConfigMap)
		if err == nil && krm.Lookup(configMap, "data", file.Key) == nil {
			err = fmt.Errorf("%s has no key %s, which %s mounts as %s", krm.Name(configMap), file.Key, krm.Name(c.RNode), file.FilePath())
		}
		return ConfigFile{File: file, ConfigMap: configMap}, err
	}
	return ConfigFile{}, fmt.Errorf("%s mounts no ConfigMap that holds its %s", krm.Name(c.RNode), name)
}

// configMap finds a ConfigMap by the name that the component calls it by.
func (c Component) configMap(list *framework.ResourceList, name string) (*yaml.RNode, error) {
	if obj := kube.Find(list, "ConfigMap", c.GetNamespace(), name); obj != nil {
		return obj, nil
	}
	return nil, fmt.Errorf("%s reads ConfigMap %s, which is not among the resources", krm.Name(c.RNode), name)
}

// SetVariable gives the component an environment variable with this value. It
// is written to the ConfigMap that the variable is read from. A variable that
// is read from elsewhere, or is new, is read from the component's ConfigMap
// from then on. The value of a secret one is kept out of the findings.
func (c Component) SetVariable(list *framework.ResourceList, name, value string, secret bool) error {
	set := krm.Set
	if secret {
		set = krm.SetSecret
	}
	source := c.EnvSource(list, name)
	isNew := source.Name == ""
	if isNew {
		source = kube.Reference{Name: c.ownConfigMap(list), Key: name}
	}
	if source.Name == "" {
		return fmt.Errorf("%s reads no environment variable from a ConfigMap, so that there is none to put %s into", krm.Name(c.RNode), name)
	}
	configMap, err := c.configMap(list, source.Name)
	if err != nil {
		return err
	}
	if err := set(list, configMap, value, "data", source.Key); err != nil || !isNew {
		return err
	}
	return c.SetEnv(list, krm.Map("name", name, "valueFrom",
		krm.Map("configMapKeyRef", krm.Map("name", source.Name, "key", source.Key))))
}

// ConfigMaps returns the names of the ConfigMaps that the component reads.
func (c Component) ConfigMaps(list *framework.ResourceList) []string {
	var names []string
	for _, obj := range kube.OfKind(list, "ConfigMap") {
		if c.Reads(obj, "") {
			names = append(names, obj.GetName())
		}
	}
	return names
}

// Value is what a variable holds, "" when it is read from elsewhere than the
// list.
func (c Component) Value(list *framework.ResourceList, name string) string {
	if source := c.EnvSource(list, name); source.Name != "" {
		if configMap, err := c.configMap(list, source.Name); err == nil {
			return krm.Text(configMap, "data", source.Key)
		}
	}
	if path, ok := c.Env(name); ok {
		return krm.Text(c.RNode, path.Append("value")...)
	}
	return ""
}

// FromSecret says whether the variable is read from a Secret.
func (c Component) FromSecret(name string) bool {
	path, ok := c.Env(name)
	return ok && krm.Lookup(c.RNode, path.Append("valueFrom", "secretKeyRef")...) != nil
}

// SetKey sets a key of the component's ConfigMap that is there already.
func (c Component) SetKey(list *framework.ResourceList, key, value string) error {
	configMap := kube.Find(list, "ConfigMap", c.GetNamespace(), c.ownConfigMap(list))
	if configMap == nil || krm.Lookup(configMap, "data", key) == nil {
		return nil
	}
	return krm.Set(list, configMap, value, "data", key)
}

// ownConfigMap is the name of the ConfigMap that the component reads variables
// from, "" when there is none.
func (c Component) ownConfigMap(list *framework.ResourceList) string {
	for i := range krm.Elements(c.RNode, c.Path.Append("env")...) {
		variable := krm.Text(c.RNode, c.Path.Append("env", i, "name")...)
		if source := c.EnvSource(list, variable); source.Name != "" {
			return source.Name
		}
	}
	if names := c.EnvFrom(); len(names) > 0 {
		return names[0]
	}
	return ""
}

// SetSecretVariable gives the component an environment variable that is read
// from a Secret. The value that a ConfigMap held for it goes, unless somebody
// else reads it.
func (c Component) SetSecretVariable(list *framework.ResourceList, name, secretName, secretKey string) error {
	source := c.EnvSource(list, name)
	if err := c.SetEnv(list, krm.Map("name", name, "valueFrom",
		krm.Map("secretKeyRef", krm.Map("name", secretName, "key", secretKey)))); err != nil {
		return err
	}
	c.DropKey(list, source)
	return nil
}

// DropKey removes a key from a ConfigMap when nobody reads it any more.
func (c Component) DropKey(list *framework.ResourceList, source kube.Reference) {
	configMap := kube.Find(list, "ConfigMap", c.GetNamespace(), source.Name)
	if source.Name == "" || configMap == nil || krm.Lookup(configMap, "data", source.Key) == nil {
		return
	}
	if !slices.ContainsFunc(kube.Workloads(list), func(w kube.Workload) bool { return w.Reads(configMap, source.Key) }) {
		krm.Remove(list, configMap, "data", source.Key)
	}
}

// Password is given as it is or by the Secret that holds it.
type Password struct {
	// The password itself. It stands in the manifests for everybody to read:
	// secretName and secretKey are the better way.
	Value string `yaml:"value"`
	// Name of the Secret that holds the password.
	SecretName string `yaml:"secretName"`
	// Key of the password in that Secret.
	SecretKey string `yaml:"secretKey"`
}

// FromSecret says whether the password is in a Secret.
func (p Password) FromSecret() bool { return p.SecretName != "" }

// Validate checks that the password is given in one way. The password itself
// never stands in the error.
func (p Password) Validate() error {
	switch {
	case p.Value != "" && (p.SecretName != "" || p.SecretKey != ""):
		return krm.FieldErrorf("password", "gives both value and a Secret, want one of them")
	case p.SecretName == "" && p.SecretKey != "":
		return krm.FieldErrorf("password.secretName", "is missing beside secretKey")
	case p.SecretName != "" && p.SecretKey == "":
		return krm.FieldErrorf("password.secretKey", "is missing beside secretName")
	case p.SecretName == "":
		return krm.CheckPassword("password.value", p.Value)
	case krm.CheckName("", p.SecretName) != nil:
		// Not shown: it may be the password itself.
		return krm.FieldErrorf("password.secretName", "is not the name of a Secret: want lower case letters, digits, - and .")
	}
	return krm.CheckKey("password.secretKey", p.SecretKey)
}

// WarnLiteral reports that the password in a variable stands in a ConfigMap.
func (c Component) WarnLiteral(list *framework.ResourceList, variable string) error {
	source := c.EnvSource(list, variable)
	configMap, err := c.configMap(list, source.Name)
	if err != nil {
		return err
	}
	krm.Warn(list, configMap, krm.Path{"data", source.Key}, "holds a password that everybody who reads the manifests can see: "+
		"put it into a Secret and set password.secretName and password.secretKey instead of password.value")
	return nil
}
