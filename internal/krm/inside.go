package krm

import "sigs.k8s.io/kustomize/kyaml/yaml"

// Lookup returns the node at the inner path, nil where there is none.
func (e Embedded) Lookup(inner ...any) *yaml.Node { return Lookup(e.resolved, inner...) }
