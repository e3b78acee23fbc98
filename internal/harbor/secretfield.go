package harbor

import (
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/kube"
)

// replaced looks into the variables that replace a whole part of config.yml: one
// that holds the secret among other settings is a secret as a whole.
func (f *secretFinder) replaced(use SecretUse, variable string) bool {
	steps := strings.Split(variable, "_")
	replaced := false
	for i := 2; f.config != nil && i < len(steps); i++ {
		name := strings.Join(steps[:i], "_")
		v, ok := f.variable(SecretUse{}, name)
		if !ok {
			continue
		}
		replaced = true
		inner := parsed(v.Text)
		for _, step := range steps[i:] {
			inner = fieldOf(inner, step)
		}
		if v.Known && use.holds(inner) {
			f.add(SecretValue{SecretUse: SecretUse{Key: name}, Place: Place{Variable: name}, Value: v, Read: true})
		}
	}
	return replaced
}

// fieldOf returns a field of a mapping by its name in capitals.
func fieldOf(node *yaml.Node, name string) *yaml.Node {
	for i := 0; node != nil && node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if strings.EqualFold(node.Content[i].Value, name) {
			return node.Content[i+1]
		}
	}
	return nil
}

// parsed reads YAML, nil when it is none.
func parsed(text string) *yaml.Node {
	root := &yaml.Node{}
	if yaml.Unmarshal([]byte(text), root) != nil || len(root.Content) != 1 {
		return nil
	}
	return root.Content[0]
}

// field looks into the registry's config.yml.
func (f *secretFinder) field(v SecretValue) {
	node := f.config.Lookup(v.Place.Field...)
	if !v.holds(node) {
		return
	}
	v.Value = f.config.Value
	v.Value.Text = node.Value
	if node.Kind != yaml.ScalarNode {
		text, err := yaml.NewRNode(node).String()
		if err != nil {
			return
		}
		v.Value.Text = text
	}
	f.add(v)
}

// appConf looks into an INI file that nobody reads the secret from.
func (f *secretFinder) appConf(use SecretUse, p Place) {
	config, err := f.ConfigFile(f.list, p.File)
	if err != nil {
		return
	}
	text, ok := iniValue(config.Text(), p.Section, p.Key)
	if !ok || text == "" {
		return
	}
	source := kube.Source{Kind: "ConfigMap", Name: config.ConfigMap.GetName(), Key: config.Key, Object: config.ConfigMap}
	f.add(SecretValue{SecretUse: use, Place: p, Value: kube.Value{Text: text, Known: true, Source: source},
		Name: config.Key + " " + p.Section + "." + p.Key})
}
