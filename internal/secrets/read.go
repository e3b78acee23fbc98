package secrets

import (
	"encoding/base64"
	"fmt"
	"regexp"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Read reads Secrets, and what a Harbor that runs reads its secrets from, from YAML
// or JSON, Lists included; other objects are skipped. A value of a Secret that
// cannot be read is left to Check. The error is for text that is no manifest, or
// that is not clear; it quotes nothing.
func Read(n Names, content []byte) (Existing, error) {
	all, err := krm.Objects(content)
	if err != nil {
		return Existing{}, err
	}
	var existing Existing
	var objects []*yaml.RNode
	for _, obj := range all {
		if err := existing.add(obj.RNode, &objects); err != nil {
			return Existing{}, err
		}
	}
	err = existing.addRunning(n, objects)
	for _, s := range existing.Secrets {
		if existing.Generation == 0 && s.Name == n.Harbor && (s.has(coreSecret) || s.has(csrfKey)) {
			existing.Generation = harbor.V2
		}
	}
	return existing, err
}

// add reads the Secrets in an object, and collects all objects.
func (e *Existing) add(obj *yaml.RNode, objects *[]*yaml.RNode) error {
	if krm.Lookup(obj, "sops") != nil {
		return fmt.Errorf("line %d: is encrypted with SOPS: decrypt it first", obj.YNode().Line)
	}
	switch krm.Text(obj, "kind") {
	case "SecretList", "ConfigMapList":
		for _, item := range krm.Elements(obj, "items") {
			if err := e.add(yaml.NewRNode(item), objects); err != nil {
				return err
			}
		}
		return nil
	case "Secret":
		s, err := readSecret(obj)
		if err != nil {
			return err
		}
		e.Secrets = append(e.Secrets, s)
	case "ConfigMap":
		if err := eachValue(obj, "data", func(string, *yaml.Node) {}); err != nil {
			return err
		}
	}
	if obj.YNode().Kind == yaml.MappingNode {
		*objects = append(*objects, obj)
	}
	return nil
}

func readSecret(obj *yaml.RNode) (Secret, error) {
	s := Secret{
		Name:      krm.Text(obj, "metadata", "name"),
		Namespace: krm.Text(obj, "metadata", "namespace"),
		Type:      krm.Text(obj, "type"),
		Data:      map[string]string{},
		faults:    map[string]string{},
	}
	if s.Name == "" {
		return s, fmt.Errorf("line %d: a Secret has no metadata.name", obj.YNode().Line)
	}
	// A key under stringData stands over the same one under data.
	for _, field := range []string{"data", "stringData"} {
		err := eachValue(obj, field, func(k string, value *yaml.Node) {
			delete(s.faults, k)
			delete(s.Data, k)
			text, why := value.Value, ""
			switch {
			case !krm.IsString(value):
				why = "is not a string: write it in quotes"
			case field == "data":
				text, why = decode(text)
			}
			if why != "" {
				s.faults[k] = why
				return
			}
			s.Data[k] = text
		})
		if err != nil {
			return s, fmt.Errorf("Secret %s: %w", s.Name, err)
		}
	}
	return s, nil
}

func decode(text string) (decoded, why string) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "is not base64: put plain text under stringData"
	}
	return string(b), ""
}

// keyName is what Kubernetes takes for a key.
var keyName = regexp.MustCompile(`^[-._a-zA-Z0-9]{1,253}$`)

// eachValue calls f for each key and value of a mapping, null being "".
func eachValue(obj *yaml.RNode, field string, f func(k string, value *yaml.Node)) error {
	node := krm.Lookup(obj, field)
	if node == nil || node.ShortTag() == yaml.NodeTagNull {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: %s is not a mapping", node.Line, field)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		k, value := node.Content[i], node.Content[i+1]
		if !keyName.MatchString(k.Value) {
			return fmt.Errorf("line %d: %s holds something that is not a key", k.Line, field)
		}
		if value.ShortTag() == yaml.NodeTagNull {
			value = &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString}
		}
		f(k.Value, value)
	}
	return nil
}
