package validateha_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/krm"
)

// spoil are what is done to a node; other is any other one.
var spoil = []func(node, other *yaml.Node){
	func(n, _ *yaml.Node) { *n = *krm.Map() },
	func(n, _ *yaml.Node) { *n = *krm.List() },
	func(n, _ *yaml.Node) { *n = yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull, Value: "null"} },
	func(n, _ *yaml.Node) { n.Value = "" },
	func(n, _ *yaml.Node) { n.Value += "x" },
	func(n, _ *yaml.Node) { n.Value = "-1" },
	func(n, _ *yaml.Node) { n.Value = "$(A),:/%\x00[\n" },
	func(n, _ *yaml.Node) { n.Value = strings.Repeat("{ ", 200) },
	func(n, other *yaml.Node) { *n = *yaml.CopyYNode(other) },
	func(n, other *yaml.Node) { n.Value = other.Value },
}

// FuzzValidate validates manifests in which single nodes are replaced: it never
// panics, and every finding has a rule and a message.
func FuzzValidate(f *testing.F) {
	start := parse(f, clean(f))
	for i := range spoil {
		f.Add([]byte{byte(i), 1, byte(i), byte(i), 2, 0})
	}
	f.Fuzz(func(t *testing.T, changes []byte) {
		m := start.copy()
		var nodes []*yaml.Node
		for _, obj := range m.items {
			for i := 0; i+1 < len(obj.YNode().Content); i += 2 {
				if obj.YNode().Content[i].Value == "metadata" {
					continue // krm reads none that is of another shape
				}
				walk(obj.YNode().Content[i+1], func(n *yaml.Node) { nodes = append(nodes, n) })
			}
		}
		for ; len(changes) >= 3; changes = changes[3:] {
			at := int(changes[0])<<8 | int(changes[1])
			spoil[int(changes[2])%len(spoil)](nodes[at%len(nodes)], nodes[(at*7+int(changes[2]))%len(nodes)])
		}
		list := &framework.ResourceList{Items: m.items}
		v := validateha.ValidateHA{KubernetesVersion: today}
		if err := v.Run(list); err != nil {
			return // there is nothing of Harbor left
		}
		for _, r := range list.Results {
			if r.Tags["rule"] == "" || r.Message == "" || strings.Contains(r.Message, "%!") {
				t.Errorf("%+v", r)
			}
		}
	})
}
