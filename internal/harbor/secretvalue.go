package harbor

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// SecretValue is a secret where a part has it.
type SecretValue struct {
	SecretUse
	Component Component
	Place     Place
	// Value is the secret alone, and where the text that it stands in comes from.
	Value kube.Value
	// Object holds that text: a ConfigMap or a Secret, nil when that is not in the
	// list, or the workload itself.
	Object *yaml.RNode
	// Name is what the text is called in the object: a key or a variable, and
	// behind it the field of a file.
	Name string
	// Read says whether a program reads it.
	Read bool
	// Variable goes before the place, where that is a field: the program takes the
	// secret from it too.
	Variable string
	// Address says that it stands in an address of Redis.
	Address bool
	// Leftover says that it is a key of a ConfigMap that the component reads
	// otherwise: the key is called like a secret variable, and is none.
	Leftover bool
}

// Open says whether everybody who can read the manifests can read the value.
func (v SecretValue) Open() bool {
	switch {
	case v.Value.Source.Kind != "":
		return v.Value.Source.Kind == "ConfigMap"
	case v.Value.Secret:
		return false
	}
	return v.Value.Text != "" && !strings.Contains(v.Value.Text, kube.Hidden)
}

// Contained returns the Secret among the resources that the value stands in, nil
// where it comes from elsewhere.
func (v SecretValue) Contained() *yaml.RNode { return contained(v.Value.Source) }

func contained(s kube.Source) *yaml.RNode {
	if s.Kind != "Secret" || s.Object == nil || !krm.Editable(s.Object) {
		return nil
	}
	return s.Object
}

// SecretValues returns the secrets of all parts, wherever they stand, in the order
// of the components and of the table.
func (h *Harbor) SecretValues() []SecretValue {
	var all []SecretValue
	for _, c := range h.Components {
		all = append(all, h.SecretsOf(c)...)
	}
	return all
}

// SecretsOf returns the secrets of one component.
func (h *Harbor) SecretsOf(c Component) []SecretValue {
	f := h.finder(c)
	for _, use := range h.Secrets {
		f.settings(use, use.Settings, true)
		f.settings(use, use.Unread, false)
	}
	f.redis(h)
	f.files(h)
	f.unread(h)
	return f.found
}

func (h *Harbor) finder(c Component) *secretFinder {
	f := &secretFinder{Component: c, list: h.list, env: c.Environment(h.list), delivered: c.Delivered(h.list)}
	if c.Name() == Registry || c.Name() == RegistryCtl {
		config := c.RegistryConfig(h.list, f.env)
		f.config = &config
	}
	return f
}

// secretFinder finds the secrets of a component.
type secretFinder struct {
	Component
	list      *framework.ResourceList
	env       kube.Environment
	delivered []kube.Delivered
	config    *RegistryConfig // of a registry
	found     []SecretValue
}

func (f *secretFinder) add(v SecretValue) {
	v.Component, v.Object = f.Component, v.Value.Source.Object
	if v.Value.Source.Kind == "" {
		v.Object = f.RNode
	}
	if v.Name == "" {
		v.Name = cmp.Or(v.Value.Source.Key, v.Place.Variable)
		if v.Place.Field != nil && !v.Place.Names {
			v.Name += " " + v.Place.Field.String()
		}
	}
	f.found = append(f.found, v)
}

func (f *secretFinder) settings(use SecretUse, all []Setting, read bool) {
	for _, s := range all {
		if s.Of == f.Name() {
			f.setting(use, s, read)
		}
	}
}

// setting looks into the variables and fields that a secret can stand in. The
// first one that is set is the one that the program reads.
func (f *secretFinder) setting(use SecretUse, s Setting, read bool) {
	for _, p := range s.Places {
		switch {
		case p.Variable != "":
			if v, ok := f.variable(use, p.Variable); ok {
				f.add(SecretValue{SecretUse: use, Place: p, Value: v, Read: read})
				read = false
			}
			read = !f.replaced(use, p.Variable) && read
		case f.config != nil && p.Field != nil && !p.Names:
			f.field(SecretValue{SecretUse: use, Place: p, Read: read, Variable: s.Places[0].Variable})
		case p.Key != "":
			f.appConf(use, p)
		}
	}
}

// variable returns a variable that is set for certain.
func (f *secretFinder) variable(use SecretUse, name string) (kube.Value, bool) {
	v, ok := f.env.Get(name)
	if !ok || v.Maybe {
		return v, false
	}
	return v, use.Holds == nil || v.Secret || !v.Known || use.holds(parsed(v.Text))
}

// redis looks into the addresses of Redis that hold a password.
func (f *secretFinder) redis(h *Harbor) {
	for _, use := range h.Redis {
		for i, a := range h.redisAddresses(f.Component, f.env, use) {
			_, password, _ := SplitRedis(a.Text)
			if a.Text = reference.ReplaceAllString(password, ""); a.Text != "" {
				f.add(SecretValue{SecretUse: h.redisSecret(password), Place: a.Place, Value: a.Value, Read: i == 0, Address: true})
			}
		}
	}
}

// reference is what refers to a variable, in a text where nobody replaces it.
var reference = regexp.MustCompile(`\$\([^)]*\)`)

// unread looks at the keys of the component's ConfigMaps that are called like
// secret variables: upstream's ConfigMaps hold some that nobody reads.
func (f *secretFinder) unread(h *Harbor) {
	for _, name := range f.ConfigMaps(f.list) {
		obj := kube.Find(f.list, "ConfigMap", f.GetNamespace(), name)
		for _, key := range kube.Keys(obj) {
			use, ok := h.SecretVariable(key)
			known := slices.ContainsFunc(f.found, func(v SecretValue) bool { return v.Value.Source.Object == obj && v.Value.Source.Key == key })
			if ok && !known {
				source := kube.Source{Kind: "ConfigMap", Name: name, Key: key, Object: obj}
				value := kube.Value{Text: krm.Text(obj, kube.KeyPath(obj, key)...), Known: true, Source: source}
				f.add(SecretValue{SecretUse: use, Leftover: true, Value: value})
			}
		}
	}
}
