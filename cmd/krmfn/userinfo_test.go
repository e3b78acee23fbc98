package main

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/krm"
)

// TestNoUserinfo: a password in front of a host, in whatever setting it is, is
// shown by no function and no rule. It is put into one value after the other: of
// the manifests, on which harbor-ha runs all functions and validate-ha all rules,
// and of each function's settings.
func TestNoUserinfo(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	check := func(items []*yaml.RNode, config *yaml.RNode, f krm.Function) {
		if saysUserinfo(t, resourceList(items, config.MustString()), f.Name) {
			shown[f.Name] = true
		}
	}
	for _, userinfo := range []string{"u:" + secret + "@x@", "http://u:" + secret + "@"} {
		for _, f := range functions.Catalog.Functions {
			config := yaml.MustParse(example(t, f))
			for i := range addresses([]*yaml.RNode{config}) {
				config := config.Copy()
				node := addresses([]*yaml.RNode{config})[i]
				node.SetString(withUserinfo(node.Value, userinfo))
				check(itemsFor(t, f), config, f)
			}
			for i := range addresses(itemsFor(t, f)) {
				if f.Name != "harbor-ha" && f.Name != "validate-ha" {
					break
				}
				items := itemsFor(t, f)
				node := addresses(items)[i]
				node.SetString(withUserinfo(node.Value, userinfo))
				check(items, config, f)
			}
		}
	}
	if !shown["harbor-ha"] || !shown["validate-ha"] {
		t.Errorf("only %v show a value with a hidden password", shown)
	}
}

// saysUserinfo looks for the password in all that is said, and says whether there
// is something about a value that hides it.
func saysUserinfo(t *testing.T, in, function string) (hides bool) {
	t.Helper()
	for _, r := range functions.Catalog.Run([]byte(in), "").Findings {
		text := r.Message
		if r.Field != nil {
			text += fmt.Sprint(" ", r.Field.CurrentValue, " ", r.Field.ProposedValue)
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s shows the password: %s", function, text)
		}
		hides = hides || strings.Contains(text, "***@")
	}
	return hides
}

// withUserinfo puts user and password in front of the first host in a value, on
// the line where it is.
func withUserinfo(value, userinfo string) string {
	if before, after, ok := strings.Cut(value, "://"); ok {
		if strings.Contains(userinfo, "://") {
			before = before[:strings.LastIndexAny(before, " \n\"")+1]
			return before + userinfo + after
		}
		return before + "://" + userinfo + after
	}
	return userinfo + value
}

// addresses are the values that name a host, or a file in which one is named.
func addresses(objects []*yaml.RNode) []*yaml.Node {
	var all []*yaml.Node
	for _, obj := range objects {
		for _, node := range nodesOf(obj.YNode()) {
			isAddress := strings.Contains(node.Value, "://") || strings.Contains(node.Value, ".example.com") ||
				strings.Contains(node.Value, "redis") || node.Value == "mysql" || strings.Contains(node.Value, "server_name")
			if node.Kind == yaml.ScalarNode && isAddress {
				all = append(all, node)
			}
		}
	}
	return all
}

// TestNoUserinfoInErrors: neither do errors about arguments.
func TestNoUserinfoInErrors(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"validate", "http://u:" + secret + "@hub"}, {"set-replicas", "u:" + secret + "@hub", "a"}, {"u:" + secret + "@hub"},
		{"secrets", "--from", "u:" + secret + "@hub"}, {"database", "--database", "a", "--dump", "u:" + secret + "@hub"},
	} {
		if stdout, stderr, exit := krmfn("", args...); exit == 0 || strings.Contains(stdout+stderr, secret) || !strings.Contains(stderr, "***@hub") {
			t.Errorf("%q: exit status %d\n%s%s", args, exit, stdout, stderr)
		}
	}
}
