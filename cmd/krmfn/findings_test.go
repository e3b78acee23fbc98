package main

import (
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TestLines: what differs in the object only is one line, which names each object
// and each file once.
func TestLines(t *testing.T) {
	finding := func(severity framework.Severity, kind, name, file, message string) *framework.Result {
		r := &framework.Result{Severity: severity, Message: message}
		if kind != "" {
			r.ResourceRef = &yaml.ResourceIdentifier{TypeMeta: yaml.TypeMeta{APIVersion: "v1", Kind: kind}, NameMeta: yaml.NameMeta{Name: name}}
		}
		if file != "" {
			r.File = &framework.File{Path: file}
		}
		return r
	}
	const e, w, i = framework.Error, framework.Warning, framework.Info
	var got []string
	for _, l := range linesOf(framework.Results{
		finding(e, "Service", "a", "", "same"), finding(e, "Service", "a", "", "same"), finding(e, "Service", "a", "", "same"),
		finding(e, "Service", "b", "", "same"), finding(w, "Service", "c", "", "same"), finding(e, "Pod", "a", "", "same"),
		finding(w, "Pod", "a", "x.yaml", "m"), finding(w, "Pod", "b", "x.yaml", "m"), finding(w, "Pod", "c", "y.yaml", "m"), finding(w, "Pod", "d", "", "m"),
		finding(i, "Pod", "a", "", "set"), finding(i, "Pod", "a", "", "set"),
		finding(e, "", "", "", "alone"), finding(e, "", "", "", "alone"), finding(e, "SetReplicas", "mine", "", "config"),
	}, "SetReplicas mine") {
		got = append(got, l.String())
	}
	want := []string{
		"error: Service a, b: same", "warning: Service c: same", "error: Pod a: same",
		"warning: Pod a, b (x.yaml), c (y.yaml), d: m",
		"info: Pod a: set", "info: Pod a: set",
		"error: alone", "error: config",
	}
	if len(got) != len(want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s, want %s", got[i], want[i])
		}
	}
}
