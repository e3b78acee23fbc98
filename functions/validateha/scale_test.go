package validateha_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TestNumbers writes numbers in every form that Kubernetes reads.
func TestNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"1": "", "0x1": "", "0o1": "", "0b1": "", "1.0": "", "01": "",
		"3": "the jobservice has 3 replicas", "0x3": "the jobservice has 3 replicas", "0o3": "the jobservice has 3 replicas",
		"3.0": "the jobservice has 3 replicas", "03": "the jobservice has 3 replicas", "0b11": "the jobservice has 3 replicas",
		"1_000": "the jobservice has 1000 replicas", "1000": "the jobservice has 1000 replicas", `"3"`: "the jobservice has 3 replicas",
	} {
		m := starts(t)["clean"].copy()
		node, err := yaml.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if !put("Workload", "jobservice-rc", func() *yaml.Node { return node.YNode() }, "spec", "replicas")(m) {
			t.Fatal("there is no jobservice")
		}
		errors := startingWith(m.validate(today), "error L10 ")
		switch {
		case want == "" && len(errors) > 0, want != "" && (len(errors) != 1 || !strings.Contains(errors[0], want+",")):
			t.Errorf("replicas: %s: want %q, found %q", text, want, errors)
		}
	}
}

// TestEachNode checks that a DaemonSet is no large number of replicas.
func TestEachNode(t *testing.T) {
	m := starts(t)["clean"].copy()
	if !set("Workload", "jobservice-rc", "DaemonSet", "kind")(m) || !set("Workload", "registry-rc", "DaemonSet", "kind")(m) || !beside("registry")(m) {
		t.Fatal("there is no jobservice or registry")
	}
	if !inConfig("layerinfo: redis", "layerinfo: inmemory")(m) {
		t.Fatal("there is no cache")
	}
	found := strings.Join(m.validate(today), "\n")
	for _, want := range []string{"there is a jobservice on each node", "there are replicas on all nodes beside DaemonSet registry-2"} {
		if !strings.Contains(found, want) {
			t.Errorf("want %q, found:\n%s", want, found)
		}
	}
}

// TestPorts writes a node port in other forms.
func TestPorts(t *testing.T) {
	for _, text := range []string{"0x7C21", "31_777", "31777.0"} {
		m := starts(t)["clean"].copy()
		node, err := yaml.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if !put("Service", "nginx", func() *yaml.Node { return node.YNode() }, "spec", "ports", 0, "nodePort")(m) {
			t.Fatal("there is no Service")
		}
		if found := m.validate(today); len(found) > 0 {
			t.Errorf("nodePort: %s: there are findings:\n%s", text, strings.Join(found, "\n"))
		}
	}
}
