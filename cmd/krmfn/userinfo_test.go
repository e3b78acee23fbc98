package main

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
)

// TestNoUserinfo: a password in front of a host, in whatever setting it is, is
// shown by no function and no rule. It is put into one value after the other, of
// the base and of what harbor-ha makes of it, and of the example's settings.
func TestNoUserinfo(t *testing.T) {
	shown := map[string]bool{}
	for _, userinfo := range []string{"u:" + secret + "@x@", "http://u:" + secret + "@"} {
		for _, f := range functions.Catalog.Functions {
			for i := range addresses(itemsFor(t, f)) {
				items := itemsFor(t, f)
				node := addresses(items)[i]
				node.SetString(withUserinfo(node.Value, userinfo))
				config := yaml.MustParse(example(t, f))
				checkUserinfo(t, shown, resourceList(items, config.MustString()), f.Name)
			}
			for i := range addresses([]*yaml.RNode{yaml.MustParse(example(t, f))}) {
				config := yaml.MustParse(example(t, f))
				node := addresses([]*yaml.RNode{config})[i]
				node.SetString(withUserinfo(node.Value, userinfo))
				checkUserinfo(t, shown, resourceList(itemsFor(t, f), config.MustString()), f.Name)
			}
		}
	}
	if len(shown) < 3 {
		t.Errorf("only %v show a value with a hidden password", shown)
	}
}

// checkUserinfo looks for the password in all that is said, and notes the
// functions that say something about the value.
func checkUserinfo(t *testing.T, shown map[string]bool, in, function string) {
	t.Helper()
	o := functions.Catalog.Run([]byte(in), "")
	for _, r := range o.Findings {
		text := r.Message
		if r.Field != nil {
			text += fmt.Sprint(" ", r.Field.CurrentValue, " ", r.Field.ProposedValue)
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s shows the password: %s", function, text)
		}
		if strings.Contains(text, "***@") {
			shown[function] = true
		}
	}
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
