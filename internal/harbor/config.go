package harbor

import (
	"fmt"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// ConfigFile is a configuration file of a component and the ConfigMap that
// holds it.
type ConfigFile struct {
	kube.Mount
	File      string // path in the container
	Name      string // of the file in the volume, "" where there is no such file
	ConfigMap *yaml.RNode
	Key       string
}

// Text is what the file holds.
func (f ConfigFile) Text() string { return krm.Text(f.ConfigMap, "data", f.Key) }

// ConfigFile finds the file of that name where the component looks for it, e.g.
// config.yml of the registry, else one that it sees under that name, else one that
// the volume calls so. It is an
// error when no ConfigMap provides it, then without a Name, and when the one that
// does is not in the list or lacks it.
func (c Component) ConfigFile(list *framework.ResourceList, name string) (ConfigFile, error) {
	all := slices.DeleteFunc(c.Delivered(list), func(d kube.Delivered) bool { return d.Value.Source.Kind != "ConfigMap" })
	i := slices.IndexFunc(all, func(d kube.Delivered) bool { return c.looksFor(name, d.Path) })
	if i < 0 {
		i = slices.IndexFunc(all, func(d kube.Delivered) bool { return path.Base(d.Path) == name })
	}
	if i < 0 {
		i = slices.IndexFunc(all, func(d kube.Delivered) bool { return d.Name == name })
	}
	if i < 0 {
		return ConfigFile{}, fmt.Errorf("%s mounts no ConfigMap that holds its %s", krm.Name(c.RNode), name)
	}
	d, source := all[i], all[i].Value.Source
	err := c.missing(source)
	if err == nil && krm.Lookup(source.Object, "data", source.Key) == nil {
		err = fmt.Errorf("%s has no key %s, which %s mounts as %s", krm.Name(source.Object), source.Key, krm.Name(c.RNode), d.Path)
	}
	return ConfigFile{Mount: d.Mount, File: d.Path, Name: d.Name, ConfigMap: source.Object, Key: source.Key}, err
}

// looksFor says whether the component looks for the file at the path. The registry and
// registryctl each have a config.yml, and registryctl reads both.
func (c Component) looksFor(name, at string) bool {
	return slices.ContainsFunc(c.Harbor.Files, func(f File) bool { return f.Of == c.Name() && f.Name == name && f.Path == at })
}

// missing is an error when the ConfigMap is not in the list.
func (c Component) missing(source kube.Source) error {
	if source.Object != nil {
		return nil
	}
	return fmt.Errorf("%s reads ConfigMap %s, which is not among the resources", krm.Name(c.RNode), source.Name)
}

// variable is what the pod gets as this variable, as far as it is set for
// certain.
func (c Component) variable(list *framework.ResourceList, name string) kube.Value {
	v, _ := c.Environment(list).Get(name)
	if v.Maybe {
		return kube.Value{}
	}
	return v
}

// Assignment is a value that a variable of a component is to have.
type Assignment struct {
	Component   Component
	Name, Value string
	// Secret keeps the value out of the findings.
	Secret bool
}

// Assign gives components environment variables. Each value is written to the
// ConfigMap that its variable is read from. A variable that is read from
// elsewhere, or is new, is read from the component's ConfigMap from then on, or
// stands in the pod where the component reads no ConfigMap. It is an error when
// another variable or file would change too, unless it is the same setting
// (sameSetting) or gets the same value together with it.
func Assign(list *framework.ResourceList, all ...Assignment) error {
	for _, a := range all {
		if err := a.write(list, all); err != nil {
			return err
		}
	}
	return nil
}

// SetVariable is Assign for one variable.
func (c Component) SetVariable(list *framework.ResourceList, name, value string, secret bool) error {
	return Assign(list, Assignment{c, name, value, secret})
}

func (a Assignment) write(list *framework.ResourceList, together []Assignment) error {
	source := a.Component.variable(list, a.Name).Source
	isNew := source.Kind != "ConfigMap" || source.Name == ""
	if isNew {
		source = a.Component.ownConfigMap(list)
		source.Key = a.Name
	}
	set := krm.Set
	if a.Secret {
		set = krm.SetSecret
	}
	c := a.Component
	if at, ok := c.Env(a.Name); ok && source.Name == "" && krm.Lookup(c.RNode, at.Append("valueFrom")...) == nil {
		return set(list, c.RNode, a.Value, at.Append("value")...)
	}
	if source.Name == "" {
		return c.SetEnv(list, krm.Map("name", a.Name, "value", a.Value))
	}
	if err := c.missing(source); err != nil {
		return err
	}
	if err := a.alone(list, source, together); err != nil {
		return err
	}
	if err := set(list, source.Object, a.Value, "data", source.Key); err != nil || !isNew {
		return err
	}
	return c.SetEnv(list, krm.Map("name", a.Name, "valueFrom",
		krm.Map("configMapKeyRef", krm.Map("name", source.Name, "key", source.Key))))
}

// alone refuses to change a key that somebody else reads as another setting.
func (a Assignment) alone(list *framework.ResourceList, source kube.Source, together []Assignment) error {
	if current := krm.Lookup(source.Object, "data", source.Key); current != nil && current.Value == a.Value {
		return nil
	}
	for _, r := range kube.Readers(list, source.Object, source.Key) {
		if a.sameSetting(r) || slices.ContainsFunc(together, func(b Assignment) bool { return b.is(r) && b.Value == a.Value }) {
			continue
		}
		return krm.Fault(source.Object, krm.Path{"data", source.Key},
			"is read as %s of %s and as %s, which are not to be the same: give each a key of its own",
			a.Name, krm.Name(a.Component.RNode), r)
	}
	return nil
}

// sameSetting says whether the reader reads the setting that is assigned: by a
// variable of the same name, or as another place of the same secret, as the
// database has one of its own for the password of the adminserver. A file that is
// there with all other keys of its ConfigMap is read by nobody in particular.
func (a Assignment) sameSetting(r kube.Reader) bool {
	if r.Variable == a.Name || r.Variable == "" && r.File == "" {
		return true
	}
	return slices.ContainsFunc(a.Component.Harbor.Secrets, func(use SecretUse) bool {
		return hasVariable(use.Settings, a.Name) && hasVariable(use.Settings, r.Variable)
	})
}

// is says whether the assignment is of what the reader reads.
func (a Assignment) is(r kube.Reader) bool {
	return a.Component.RNode == r.RNode && a.Name == r.Variable && r.File == ""
}

// ConfigMaps returns the names of the ConfigMaps that the component reads.
func (c Component) ConfigMaps(list *framework.ResourceList) []string {
	read := map[*yaml.RNode]bool{}
	for _, s := range c.Sources(list) {
		read[s.Object] = s.Kind == "ConfigMap"
	}
	var names []string
	for _, obj := range list.Items {
		if read[obj] {
			names = append(names, obj.GetName())
		}
	}
	return names
}

// Value is what stands where a variable gets its value, references to other
// variables included: "" when that is elsewhere than in the list.
func (c Component) Value(list *framework.ResourceList, name string) string {
	v := c.variable(list, name)
	switch {
	case v.Source.Kind == "ConfigMap" && v.Source.Object != nil:
		return krm.Text(v.Source.Object, "data", v.Source.Key)
	case v.Entry != nil:
		return krm.Text(c.RNode, v.Entry.Append("value")...)
	}
	return ""
}

// FromSecret says whether the variable is read from a Secret, alone or with all
// others of it.
func (c Component) FromSecret(list *framework.ResourceList, name string) bool {
	return c.variable(list, name).Source.Kind == "Secret"
}

// SetKey sets a key of the component's ConfigMap that is there already.
func (c Component) SetKey(list *framework.ResourceList, key, value string) error {
	own := c.ownConfigMap(list)
	if own.Object == nil || krm.Lookup(own.Object, "data", key) == nil {
		return nil
	}
	return krm.Set(list, own.Object, value, "data", key)
}

// ownConfigMap is the ConfigMap that the component reads single variables from,
// else the last one whose keys all become variables; the zero Source when there
// is none.
func (c Component) ownConfigMap(list *framework.ResourceList) kube.Source {
	var own kube.Source
	for _, s := range c.VariableSources(list) {
		switch {
		case s.Kind != "ConfigMap":
		case s.Key != "":
			return s
		case krm.Text(c.RNode, append(s.Path[:len(s.Path)-1].Append(), "prefix")...) == "":
			own = s
		}
	}
	return own
}

// SetSecretVariable gives the component an environment variable that is read
// from a Secret. The value that a ConfigMap held for it goes, unless somebody
// else reads it.
func (c Component) SetSecretVariable(list *framework.ResourceList, name, secretName, secretKey string) error {
	source := c.variable(list, name).Source
	if err := c.SetEnv(list, krm.Map("name", name, "valueFrom",
		krm.Map("secretKeyRef", krm.Map("name", secretName, "key", secretKey)))); err != nil {
		return err
	}
	c.DropKey(list, source)
	return nil
}

// DropKey removes a key from a ConfigMap when nobody reads it any more.
func (c Component) DropKey(list *framework.ResourceList, source kube.Source) {
	if source.Kind != "ConfigMap" || source.Object == nil || kube.IsRead(list, source.Object, source.Key) {
		return
	}
	krm.Remove(list, source.Object, kube.KeyPath(source.Object, source.Key)...)
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

// Literal is the option of a password that is given as it is.
func (p Password) Literal() Option {
	return Option{Field: "password.value", Given: p.Value != "", Of: V1,
		Instead: ", where a ConfigMap would show it: write password.secretName and password.secretKey"}
}

// CheckSecretKey refuses the key that a field names of a Secret that the manifests
// hold without it.
func (h *Harbor) CheckSecretKey(field string, at SecretKey) error {
	for _, c := range h.Components {
		secret := kube.FindSource(h.list, "Secret", c.GetNamespace(), at.Name)
		if at.Name != "" && at.Key != "" && secret != nil && krm.Lookup(secret, kube.KeyPath(secret, at.Key)...) == nil {
			return krm.FieldErrorf(field, "%s, which is among the resources, has no key %s: name another key, or a Secret that is not among them",
				krm.Name(secret), at.Key)
		}
	}
	return nil
}

// warnLiteral reports that the password in a variable stands in a ConfigMap.
func (c Component) warnLiteral(list *framework.ResourceList, variable string) error {
	at := c.WhereSet(c.variable(list, variable), variable)
	krm.Warn(list, at.Object, at.Path, "holds a password that everybody who reads the manifests can see: "+
		"put it into a Secret and set password.secretName and password.secretKey instead of password.value")
	return nil
}
