package secrets

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"sigs.k8s.io/kustomize/kyaml/yaml"

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
	order := spec{}.order(s)
	for _, spec := range n.specs() {
		if spec.name == s.Name {
			order = spec.order(s)
		}
	}
	var data []any
	for _, k := range order {
		if value, ok := s.Data[k]; ok {
			data = append(data, k, base64.StdEncoding.EncodeToString([]byte(value)))
		}
	}
	return krm.Map("apiVersion", "v1", "kind", "Secret",
		"metadata", krm.Map(metadata...), "type", kind, "data", krm.Map(data...))
}
