package krm

import (
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

func TestEditable(t *testing.T) {
	for in, want := range map[string]bool{
		"apiVersion: v1\nkind: A\n":                         true,
		"apiVersion: apps/v1\nkind: A\n":                    true,
		"apiVersion: kpt.dev/v1\nkind: Kptfile\n":           false,
		"apiVersion: fn.kpt.dev/v1alpha1\nkind: Any\n":      false,
		"apiVersion: kustomize.config.k8s.io/v1\nkind: K\n": false,
		"apiVersion: v1\nkind: A\nmetadata: {annotations: {config.kubernetes.io/local-config: 'true'}}\n":  false,
		"apiVersion: v1\nkind: A\nmetadata: {annotations: {config.kubernetes.io/local-config: ''}}\n":      false,
		"apiVersion: v1\nkind: A\nmetadata: {annotations: {config.kubernetes.io/local-config: 'false'}}\n": true,
		"apiVersion: v1\nkind: A\nmetadata: {annotations: [a]}\n":                                          true,
	} {
		if got := Editable(yaml.MustParse(in)); got != want {
			t.Errorf("%s: %t", in, got)
		}
	}
}
