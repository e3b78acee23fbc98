package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// document is what JSON and YAML hold.
type document struct {
	Counts   counts    `json:"counts" yaml:"counts"`
	Findings []Finding `json:"findings" yaml:"findings"`
	// Unseen is what the objects need and is not among them: nobody has looked at it.
	Unseen []yaml.ResourceIdentifier `json:"unseen,omitempty" yaml:"unseen,omitempty"`
}

func (r Report) document() document {
	d := document{Counts: r.counts(), Findings: []Finding{}, Unseen: r.Unseen}
	for _, f := range r.Findings {
		if f.Field != nil {
			field := *f.Field
			field.CurrentValue, field.ProposedValue = forJSON(field.CurrentValue), forJSON(field.ProposedValue)
			f.Field = &field
		}
		d.Findings = append(d.Findings, f)
	}
	return d
}

func toYAML(r Report, _ Style) ([]byte, error) { return yaml.Marshal(r.document()) }

func toJSON(r Report, _ Style) ([]byte, error) { return indented(r.document()) }

func indented(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return out.Bytes(), err
}

// forJSON replaces what YAML can hold and JSON cannot: keys that are no strings,
// infinity and not-a-number.
func forJSON(value any) any {
	switch v := value.(type) {
	case map[any]any:
		m := map[string]any{}
		for key, element := range v {
			m[fmt.Sprint(key)] = forJSON(element)
		}
		return m
	case map[string]any:
		m := map[string]any{}
		for key, element := range v {
			m[key] = forJSON(element)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, element := range v {
			l[i] = forJSON(element)
		}
		return l
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return fmt.Sprint(v)
		}
	}
	return value
}
