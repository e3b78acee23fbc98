package secrets

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Write writes manifests of the Secrets.
//
// The values stand under data, as kubectl get prints them. stringData would
// read better, but kubectl apply never sees such a Secret as unchanged
// (kubernetes#87736), and the API server empties a key that leaves stringData
// (kubernetes#89938), also when it moves to data.
func Write(n Names, all []Secret) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	for _, s := range all {
		if err := encoder.Encode(n.manifest(s)); err != nil {
			return nil, fmt.Errorf("writing Secret %s: %w", s.Name, err)
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("writing Secrets: %w", err)
	}
	return out.Bytes(), nil
}

func (n Names) manifest(s Secret) *yaml.Node {
	metadata := []any{"name", s.Name}
	if s.Namespace != "" {
		metadata = append(metadata, "namespace", s.Namespace)
	}
	kind := s.Type
	if kind == "" {
		kind = "Opaque"
	}
	var data []any
	for _, spec := range n.specs() {
		if spec.name != s.Name {
			continue
		}
		for _, k := range spec.order(s) {
			if value, ok := s.Data[k]; ok {
				data = append(data, k, base64.StdEncoding.EncodeToString([]byte(value)))
			}
		}
	}
	return krm.Map("apiVersion", "v1", "kind", "Secret",
		"metadata", krm.Map(metadata...), "type", kind, "data", krm.Map(data...))
}

// configMaps is where Harbor's own manifests of 1.2 and k8s-prepare keep what
// belongs into Secrets: ConfigMap, key of it, Secret ("" is the one of Harbor's
// own values), key of that.
var configMaps = map[string]map[string][2]string{
	"harbor-adminserver-config": {
		UISecret:         {"", UISecret},
		JobserviceSecret: {"", JobserviceSecret},
		SecretKey:        {"", SecretKey},
		AdminPassword:    {"", AdminPassword},
		LDAPPassword:     {"", LDAPPassword},
		EmailPassword:    {"", EmailPassword},
		"MYSQL_PWD":      {Database, Password},
	},
	"harbor-ui-config":       {"pkey": {"", TokenKey}, harbor.RedisURL: {Redis, Password}},
	"harbor-registry-config": {"cert": {"", TokenCert}},
	"harbor-nginx-config":    {"pkey": {"", HTTPSKey}, "cert": {"", HTTPSCert}},
}

// Read reads Secrets, and ConfigMaps of a Harbor 1.2 that has none yet, from
// YAML or JSON, Lists included; other objects are skipped. A value of a Secret
// that cannot be read is left to Check. The error is for text that is no
// manifest; it quotes nothing.
func Read(n Names, content []byte) (Existing, error) {
	var existing Existing
	objects, err := krm.Objects(content)
	if err != nil {
		return Existing{}, err
	}
	for _, obj := range objects {
		if err := existing.add(n, obj.YNode()); err != nil {
			return Existing{}, err
		}
	}
	return existing, nil
}

func (e *Existing) add(n Names, node *yaml.Node) error {
	obj := yaml.NewRNode(node)
	if krm.Lookup(obj, "sops") != nil {
		return fmt.Errorf("line %d: is encrypted with SOPS: decrypt it first", node.Line)
	}
	switch kind := krm.Text(obj, "kind"); kind {
	case "SecretList", "ConfigMapList":
		for _, item := range krm.Elements(obj, "items") {
			if err := e.add(n, item); err != nil {
				return err
			}
		}
	case "Secret":
		s, err := readSecret(obj)
		if err != nil {
			return err
		}
		e.Secrets = append(e.Secrets, s)
	case "ConfigMap":
		return e.addConfigMap(n, obj)
	}
	return nil
}

func (e *Existing) addConfigMap(n Names, obj *yaml.RNode) error {
	name := krm.Text(obj, "metadata", "name")
	return eachValue(obj, "data", func(k string, value *yaml.Node) {
		to, ok := configMaps[name][k]
		text := value.Value
		if k == harbor.RedisURL { // address,pool size,password,database
			parts := strings.Split(text, ",")
			if len(parts) < 3 {
				return
			}
			text = strings.Join(parts[2:max(3, len(parts)-1)], ",") // with the comma, which the check refuses
		}
		isHTTPS := strings.HasPrefix(to[1], "https.")
		if !ok || text == "" || isHTTPS && !strings.HasPrefix(text, "-----BEGIN") {
			return
		}
		if to[0] == "" {
			to[0] = n.Harbor
		}
		e.Values = append(e.Values, Value{Secret: to[0], Key: to[1], Text: text, Source: "ConfigMap " + name})
	})
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
