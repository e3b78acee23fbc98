package validateha_test

import (
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/functions/validateha"
)

// BenchmarkParse is what BenchmarkValidate is compared with: the overlay
// harbor-1.2-ha as text becomes objects.
func BenchmarkParse(b *testing.B) {
	text := withSecret(b)
	for b.Loop() {
		parse(b, text)
	}
}

func BenchmarkValidate(b *testing.B) {
	m := parse(b, withSecret(b))
	for b.Loop() {
		list := &framework.ResourceList{Items: m.items}
		v := validateha.ValidateHA{KubernetesVersion: today}
		if err := v.Run(list); err != nil {
			b.Fatal(err)
		}
	}
}
