package functions_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// hostile are values that are no name, address, path or size. (internal/krm
// tests each check with more of them.)
var hostile = []string{
	" ", "\t", "a\nb", "a\x00b", "a\u2028b", "\xff", "\x1b[32mx", `hub.example.com\`, "~.*", "a;b", " a", "a ", "$(REDIS_PASSWORD)", "a'b", `a"b`, "a`b", "{a}", "a,b", "a#b",
	"http://hub.example.com\\", "http://~.*", "http://$(X)", "/a\tb", "/$(X)", "$(REDIS_PASSWORD)\n\x00:6379", "redis\\:6379", "a/b?c",
}

// anyText are the settings that take more than names, each with the reason, and
// the hostile values that must be refused even so.
var anyText = map[string]struct {
	why     string
	refused []string
}{
	"apply-harbor-cfg inline":              {"holds harbor.cfg: harbor.ParseCfg checks each value of it, see internal/harbor", nil},
	"inject-redis password.value":          {"a password may hold anything but control characters, and no comma in _REDIS_URL", []string{"\t", "a\nb", "a\x00b", "a\u2028b", "\xff", "a,b"}},
	"use-external-database password.value": {"a password may hold anything but control characters", []string{"\t", "a\nb", "a\x00b", "a\u2028b", "\xff"}},
	"set-replicas replicas":                {"names a component: Run refuses one that the manifests do not have, testdata/set-replicas/unknown-component", nil},
	"validate-ha ignore.NAME":              {"a reason is a sentence for people", []string{" ", "\t"}},
}

// complete are settings that no golden case gives.
var complete = map[string][]string{
	"use-cephfs":   {`{inTree: {monitors: ["192.0.2.1:6789"], user: admin, secretName: a, readOnly: false}, volumes: {log-pvc: {path: /apps/log}}}`},
	"move-secrets": {"{name: a, database: b, redis: c}"},
}

// TestHostileSettings sets each setting that is text, and each key of a mapping,
// to hostile values: a function refuses them before it sees a manifest.
func TestHostileSettings(t *testing.T) {
	for _, f := range functions.Catalog.Functions {
		if f.Name == "harbor-ha" { // its sections are the settings of the others
			continue
		}
		given := map[string]bool{}
		all := settings(t, "", reflect.TypeOf(f.New()).Elem())
		for _, doc := range valid(t, f) {
			leaves(all, "", doc.YNode(), func(path string, node *yaml.Node) {
				given[path] = true
				if node.ShortTag() == yaml.NodeTagString {
					tryHostile(t, f, doc, path, node)
				}
			})
		}
		for _, s := range all {
			if !strings.HasPrefix(s.typ+",", "mapping,") && !strings.HasPrefix(s.typ, "mapping of names to mapping") && !given[s.path] {
				t.Errorf("setting %s is in no valid config of testdata/%s: add a case", s.path, f.Name)
			}
		}
	}
}

// valid returns the settings of the golden cases that the function accepts, and
// those of complete.
func valid(t *testing.T, f krm.Function) []*yaml.RNode {
	var all []*yaml.RNode
	for _, spec := range complete[f.Name] {
		doc := yaml.MustParse(spec)
		if err := check(f, doc); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		all = append(all, doc)
	}
	cases, err := filepath.Glob(filepath.Join("../testdata", f.Name, "*/config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		config, err := yaml.Parse(golden.Read(t, c))
		if err != nil {
			t.Fatal(err)
		}
		if spec := config.Field("spec"); spec != nil && check(f, spec.Value) == nil {
			all = append(all, spec.Value)
		}
	}
	return all
}

func tryHostile(t *testing.T, f krm.Function, doc *yaml.RNode, path string, node *yaml.Node) {
	was := node.Value
	defer func() { node.Value = was }()
	for _, value := range hostile {
		node.Value = value
		exempt, free := anyText[f.Name+" "+path]
		want := !free || slices.Contains(exempt.refused, value)
		switch err := check(f, doc); {
		case err == nil && want:
			t.Errorf("%s: %s: %q is accepted: let Validate check the setting (krm.CheckName and the like), or say in anyText why it takes any text", f.Name, path, value)
		case err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '\n' && unicode.IsControl(r) }):
			t.Errorf("%s: %s: the error holds control characters: %q", f.Name, path, err)
		}
	}
}

// leaves calls do with each scalar and each key of a mapping of names, under the
// path that the documents call the setting by.
func leaves(all []setting, path string, node *yaml.Node, do func(string, *yaml.Node)) {
	names := slices.ContainsFunc(all, func(s setting) bool { return s.path == path && strings.HasPrefix(s.typ, "mapping of names") })
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			below := strings.TrimPrefix(path+"."+node.Content[i].Value, ".")
			if names {
				do(path, node.Content[i])
				below = path + ".NAME"
			}
			leaves(all, below, node.Content[i+1], do)
		}
	case yaml.SequenceNode:
		for _, n := range node.Content {
			leaves(all, path, n, do)
		}
	default:
		do(path, node)
	}
}

// check decodes settings over the defaults, and checks them.
func check(f krm.Function, doc *yaml.RNode) error {
	runner := f.New()
	for _, s := range krm.Settings(reflect.TypeOf(runner).Elem()) {
		field := reflect.ValueOf(runner).Elem().FieldByIndex(s.Index)
		if err := yaml.Unmarshal([]byte(s.Default), field.Addr().Interface()); err != nil {
			return err
		}
	}
	if err := doc.YNode().Decode(runner); err != nil {
		return err
	}
	if v, ok := runner.(krm.Validator); ok {
		return v.Validate()
	}
	return nil
}
