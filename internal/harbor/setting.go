package harbor

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Place is where a program reads one value: an environment variable, a field of a
// YAML file, a key of an INI file, a directive of an nginx configuration, or all of
// a file.
type Place struct {
	Variable  string
	File      string // name of the file, as in File.Name
	Field     krm.Path
	Names     bool   // the field holds the path of the file that is meant
	Tag       string // of the field's YAML: a string without one
	Section   string
	Key       string
	Directive string
}

// String names the place: MYSQL_HOST, redis.addr of config.yml.
func (p Place) String() string {
	switch {
	case p.Variable != "":
		return p.Variable
	case p.Field != nil:
		return p.Field.String() + " of " + p.File
	}
	return p.Key + p.Directive + " of " + p.File
}

// Setting is one value that a part reads.
type Setting struct {
	// Of is the part.
	Of string
	// Places in which it can stand, in the order of precedence.
	Places []Place
	// Secret says that nobody may see it.
	Secret bool
}

// of makes a setting.
func of(part string, places ...Place) Setting { return Setting{Of: part, Places: places} }

// secret makes a setting that nobody may see.
func secret(part string, places ...Place) Setting { return Setting{part, places, true} }

// SecretKey is a key of a Secret.
type SecretKey struct{ Name, Key string }

// Value is what a setting is given: a text, or a key of a Secret, or a text that
// refers to such a key as $(Variable), a variable that is read from it.
type Value struct {
	Text     string
	From     *SecretKey
	Variable string
}

// Effective is what a workload reads of a setting.
type Effective struct {
	Component
	kube.Value
	// Set says whether any place has it; else the program takes its default.
	Set bool
	// Place is the one that has it, else the strongest.
	Place Place
	// At is where it can be changed.
	At Location
}

// Get returns what each workload of the part reads of the setting, in variables and
// fields of YAML files.
func (h *Harbor) Get(s Setting) []Effective {
	var all []Effective
	for _, c := range h.Of(s.Of) {
		all = append(all, h.get(c, s))
	}
	return all
}

func (h *Harbor) get(c Component, s Setting) Effective { return c.Read(c.Environment(h.list), s) }

// Read returns what the component, which has that environment, reads of the setting.
func (c Component) Read(env kube.Environment, s Setting) Effective {
	e := Effective{Component: c, Value: kube.Value{Known: true}}
	if len(s.Places) > 0 {
		e.Place = s.Places[0]
	}
	for _, p := range s.Places {
		if p.Field != nil {
			if v, at, ok := c.Harbor.field(c, p); ok {
				return Effective{Component: c, Value: v, Set: !v.Maybe, At: at, Place: p}
			}
			continue
		}
		v, ok := env.Get(p.Variable)
		switch {
		case !ok:
		case v.Known && v.Text == "": // no program of Harbor tells it from none
			if e.At.Object == nil {
				e.At = c.WhereSet(v, p.Variable)
			}
		case v.Maybe: // what stands elsewhere is likelier
			e.Value, e.At, e.Place = v, c.WhereSet(v, p.Variable), p
		default:
			return Effective{Component: c, Value: v, Set: true, At: c.WhereSet(v, p.Variable), Place: p}
		}
	}
	if e.At.Object == nil {
		e.At = c.WhereSet(kube.Value{}, "")
	}
	return e
}

// field reads a field of a YAML file. Where the list does not show the file, it may be
// set.
func (h *Harbor) field(c Component, p Place) (kube.Value, Location, bool) {
	config, embedded, err := h.yaml(c, p)
	if err == nil {
		return kube.Value{Text: embedded.Text(p.Field...), Known: true}, Location{config.ConfigMap, krm.Path{"data", config.Key}},
			embedded.Lookup(p.Field...) != nil
	}
	v, embedded, mounted, err := h.mounted(c, p)
	if !mounted {
		return kube.Value{}, Location{}, false
	}
	if err != nil || !v.Known {
		return kube.Value{Text: kube.Hidden, Maybe: true, Unseen: v.Unseen, Secret: v.Secret, Source: v.Source}, c.WhereSet(v, ""), true
	}
	v.Text = embedded.Text(p.Field...)
	return v, c.WhereSet(v, ""), embedded.Lookup(p.Field...) != nil
}

// mounted reads the YAML file that a place is in where the program looks for it, from
// wherever it is mounted, such as a Secret among the resources.
func (h *Harbor) mounted(c Component, p Place) (kube.Value, krm.Embedded, bool, error) {
	i := slices.IndexFunc(h.Files, func(f File) bool { return f.Of == c.Name() && f.Name == p.File })
	if i < 0 {
		return kube.Value{}, krm.Embedded{}, false, nil
	}
	v := c.At(h.list, h.Files[i].Path)
	embedded, err := krm.Embed(yaml.NewRNode(krm.Map("text", v.Value.Text)), "text")
	return v.Value, embedded, v.State != kube.Absent, err
}

// textOf is a text in a ConfigMap.
type textOf struct {
	configMap *yaml.RNode
	key       string
}

// yaml reads the YAML file that a place is in, once for all that ask for it.
func (h *Harbor) yaml(c Component, p Place) (ConfigFile, krm.Embedded, error) {
	config, err := c.ConfigFile(h.list, p.File)
	if err != nil {
		return config, krm.Embedded{}, err
	}
	of := textOf{config.ConfigMap, config.Key}
	if known, ok := h.texts[of]; ok && known.Current() {
		return config, known, nil
	}
	embedded, err := krm.Embed(config.ConfigMap, "data", config.Key)
	if err == nil {
		if h.texts == nil {
			h.texts = map[textOf]krm.Embedded{}
		}
		h.texts[of] = embedded
	}
	return config, embedded, err
}

// Set gives the setting a value in every workload of its part, in the strongest
// place that is there and can hold it. It is an error when nobody runs the part.
func (h *Harbor) Set(s Setting, v Value) error {
	components, err := h.Need(s.Of)
	if err != nil {
		return err
	}
	for _, c := range components {
		if err := h.set(c, s, v); err != nil {
			return err
		}
	}
	return nil
}

// set writes the strongest place that is there and can hold the value, and takes
// it out of the weaker ones.
func (h *Harbor) set(c Component, s Setting, v Value) error {
	for i, p := range s.Places {
		last := i == len(s.Places)-1
		switch {
		case p.Variable != "" && (last || v.From != nil || c.has(h, p.Variable)):
			if err := h.setVariable(c, s, p.Variable, v); err != nil {
				return err
			}
		case p.Field != nil && v.From == nil:
			if err := h.setField(c, s, p, v.Text); err != nil {
				return err
			}
		case p.Key != "" && v.From == nil:
			return c.SetAppConf(h.list, p.Section, p.Key, v.Text, s.Secret)
		default:
			continue
		}
		return h.removeWeaker(c, s, i)
	}
	return fmt.Errorf("%s: no place that the %s reads can hold this value", krm.Name(c.RNode), s.Of)
}

// removeWeaker takes a setting out of the places that are weaker than the one of that
// index, but for a file in which another component of the part reads it.
func (h *Harbor) removeWeaker(c Component, s Setting, i int) error {
	for _, p := range s.Places[i+1:] {
		config, _, err := h.yaml(c, p)
		shared := p.Field != nil && err == nil && slices.ContainsFunc(h.Of(s.Of), func(other Component) bool {
			theirs, _, err := h.yaml(other, p)
			return !other.same(c.Container) && err == nil && theirs.ConfigMap == config.ConfigMap && h.get(other, s).Place.String() == p.String()
		})
		if shared {
			continue
		}
		if err := h.remove(c, Setting{s.Of, []Place{p}, s.Secret}); err != nil {
			return err
		}
	}
	return nil
}

// remove takes a setting out of every place.
func (h *Harbor) remove(c Component, s Setting) error {
	for _, p := range s.Places {
		if p.Variable != "" {
			if err := h.removeVariable(c, p.Variable); err != nil {
				return err
			}
		}
		if p.Field == nil {
			continue
		}
		if _, embedded, err := h.yaml(c, p); err == nil {
			if err := embedded.Remove(h.list, p.Field...); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeVariable takes a variable out. One that a Secret or a ConfigMap goes on
// bringing, together with what else is in it, is made empty, which no program of
// Harbor tells from none.
func (h *Harbor) removeVariable(c Component, name string) error {
	before := c.variable(h.list, name)
	if before.Known && before.Text == "" {
		return nil
	}
	c.RemoveEnv(h.list, name)
	c.DropKey(h.list, before.Source)
	if c.variable(h.list, name).Text == "" {
		return nil
	}
	return c.SetEnv(h.list, krm.Map("name", name, "value", ""))
}

// has says whether the component has the variable at all.
func (c Component) has(h *Harbor, variable string) bool {
	return slices.Contains(c.Environment(h.list).Names(), variable)
}

// setVariable writes a variable. One that refers to another needs that before it.
func (h *Harbor) setVariable(c Component, s Setting, name string, v Value) error {
	if v.From == nil {
		if err := c.SetVariable(h.list, name, v.Text, s.Secret); err != nil || v.Variable == "" {
			return err
		}
		c.RemoveEnv(h.list, v.Variable)
		return nil
	}
	if v.Variable == "" {
		return c.SetSecretVariable(h.list, name, v.From.Name, v.From.Key)
	}
	source := c.variable(h.list, name).Source
	if err := c.SetSecretVariable(h.list, v.Variable, v.From.Name, v.From.Key); err != nil {
		return err
	}
	if at, ok := c.Env(name); ok {
		if other, _ := c.Env(v.Variable); at[len(at)-1].(int) < other[len(other)-1].(int) {
			c.RemoveEnv(h.list, name)
		}
	}
	if err := c.SetEnv(h.list, krm.Map("name", name, "value", v.Text)); err != nil {
		return err
	}
	c.DropKey(h.list, source)
	return nil
}

// setField changes a field of a YAML file that a ConfigMap provides.
func (h *Harbor) setField(c Component, s Setting, p Place, text string) error {
	_, embedded, err := h.yaml(c, p)
	if err != nil {
		return err
	}
	var value any = text
	if p.Tag != "" {
		value = &yaml.Node{Kind: yaml.ScalarNode, Tag: p.Tag, Value: text}
	}
	if s.Secret {
		return embedded.AddSecret(h.list, value, p.Field...)
	}
	return embedded.Add(h.list, value, p.Field...)
}
