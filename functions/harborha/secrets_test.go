package harborha_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/meaning"
)

// chartSecrets are the values in the Secrets of a chart's render, as they stand there
// in base64, but for an address without a password.
func chartSecrets(t *testing.T, manifests string) []string {
	t.Helper()
	objects, err := meaning.Parse(manifests)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, obj := range objects {
		if obj["kind"] != "Secret" {
			continue
		}
		data, _ := obj["data"].(map[string]any)
		for key, value := range data {
			if value != "" && key != "redisURL" && !slices.Contains(all, value.(string)) {
				all = append(all, value.(string))
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestOracleSecrets moves the secrets of the chart's renders: no Secret is left, nor
// any value, and two renders with other random values give the same bytes
// (harbor-helm#2139, #2263).
func TestOracleSecrets(t *testing.T) {
	for _, p := range pairs(t) {
		t.Run(p.name, func(t *testing.T) {
			p.config["spec"] = map[string]any{"secrets": map[string]any{"database": "harbor-postgres"}}
			values := chartSecrets(t, p.single)
			if len(values) < 8 {
				t.Fatalf("the chart has %d secrets", len(values))
			}
			o := p.run(t, p.single)
			if o.Failed() {
				t.Fatalf("it fails:\n%s", o.Findings.Error())
			}
			out := string(o.Output)
			if strings.Contains(out, "kind: Secret\n") {
				t.Error("a Secret is left")
			}
			other := p.single
			for i, value := range values {
				plain, err := base64.StdEncoding.DecodeString(value)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(out+o.Findings.Error(), string(plain)) || strings.Contains(out, value) {
					t.Errorf("secret %d of %d is left, or in a finding", i, len(values))
				}
				other = strings.ReplaceAll(other, value, base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "other-%d", i)))
			}
			if other == p.single {
				t.Fatal("nothing is replaced")
			}
			if again := p.run(t, other); string(again.Output) != out {
				t.Errorf("other secrets give something else:\n%s", golden.Diff(t, out, string(again.Output)))
			}
			if onOwn := p.run(t, out); string(onOwn.Output) != out {
				t.Errorf("it changes its own output:\n%s", golden.Diff(t, out, string(onOwn.Output)))
			}
		})
	}
}
