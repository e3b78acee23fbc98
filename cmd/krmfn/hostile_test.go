package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
)

// evil is a text that a terminal and GitHub Actions would obey: colours, a title,
// line breaks of all kinds, the order of characters, and commands.
const evil = "\x1b[32mok\x1b]0;t\a\b\x7f\r\n::error::a\n  ::warning::b\r::notice::c ##[error]d\u202e\u2066\u200b\u2028::debug::e\u2029\u0085\u009b31m\n"

// evilName is what a file can be called of it.
var evilName = strings.ReplaceAll(evil, "/", "")

// quoted writes a text as YAML, which is JSON here.
func quoted(t testing.TB, text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// harmless checks that there is nothing in a text for people that a terminal or
// GitHub Actions would obey.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%q holds %U:\n%q", what, r, text)
			break
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Errorf("%q prints a command: %q", what, line)
		}
	}
}

// evilItems is the base with evil names, values and annotations in it: those that
// the functions find by their kind, and others.
func evilItems(t testing.TB) []*yaml.RNode {
	items := baseItems(t)
	for _, item := range items {
		if err := item.PipeE(yaml.SetAnnotation("internal.config.kubernetes.io/path", evil)); err != nil {
			t.Fatal(err)
		}
		if name := item.GetName(); name != "harbor-registry-config" && item.GetKind() != "Service" {
			if err := item.SetName(name + evil); err != nil {
				t.Fatal(err)
			}
		}
		for _, value := range []string{"MYSQL_HOST", "EXT_ENDPOINT", "RESET"} {
			if node := item.Field("data"); node != nil && node.Value.Field(value) != nil {
				node.Value.Field(value).Value.YNode().Value += evil
			}
		}
	}
	return items
}

// TestHostileLists: what is said about a ResourceList is harmless, for each
// function, whatever its objects and its config are called.
func TestHostileLists(t *testing.T) {
	e := quoted(t, evil)
	for _, f := range functions.Catalog.Functions {
		good := example(t, f)
		for name, config := range map[string]string{
			"name":    strings.Replace(good, "metadata:\n  name: ", "metadata:\n  namespace: "+e+"\n  name: ", 1),
			"renamed": "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: " + f.Kind() + "\nmetadata: {name: " + e + "}\nspec: {" + e + ": 1}\n",
			"kind":    "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: " + e + "\nmetadata: {name: " + e + "}\n",
			"version": "apiVersion: " + e + "\nkind: " + f.Kind() + "\nmetadata: {name: " + e + "}\n",
			"field":   "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: " + f.Kind() + "\nmetadata: {name: a}\n" + e + ": 1\n",
		} {
			for _, in := range []string{
				resourceList(evilItems(t), config),
				baseList(t, config),
				frame + "items:\n- {apiVersion: v1, kind: " + e + ", metadata: {name: " + e + "}}\n- {kind: " + e + "}\n" + functionConfig(config),
				strings.Replace(frame, "ResourceList", e, 1) + "items: []\n",
			} {
				for _, args := range [][]string{{"-v"}, {f.Name, "-v"}} {
					_, stderr, _ := krmfn(in, args...)
					harmless(t, f.Name+" "+name, stderr)
				}
			}
		}
	}
}

// TestHostileArguments drives every command with evil files and arguments.
func TestHostileArguments(t *testing.T) {
	e := quoted(t, evil)
	var docs []string
	for _, item := range evilItems(t) {
		docs = append(docs, item.MustString())
	}
	manifests := strings.Join(docs, "---\n")
	config := example(t, namedFunction(t, "set-replicas"))
	function := "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: SetReplicas\nmetadata:\n  name: " + e +
		"\n  annotations: {config.kubernetes.io/function: '{exec: {path: krmfn}}'}\nspec: {replicas: {nope: 1}}\n"
	stage(t, map[string]string{
		evilName:                                "a: [" + evil,
		"dir" + evilName + "/a.yaml":            manifests,
		"config.yaml":                           config,
		"wrong.yaml":                            function,
		"database.yaml":                         "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: UseExternalDatabase\nspec: {user: " + e + ", database: " + e + "}\n",
		"dump.sql":                              "CREATE DATABASE `" + evil + "`;\nUSE `" + evil + "`;\n",
		"harbor.cfg":                            "[configuration]\nhostname = " + evil + "\n\x1b = \x1b\nssl_cert_key = ./" + evilName + "\n",
		"secret.yaml":                           "apiVersion: v1\nkind: Secret\nmetadata: {name: harbor-secrets, namespace: " + e + "}\nstringData: {SECRET_KEY: " + e + ", " + e + ": b}\n",
		"k/kustomization.yaml":                  "resources: [a.yaml]\ntransformers: [fn.yaml]\n",
		"k/a.yaml":                              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
		"k/fn.yaml":                             function,
		"k2/kustomization.yaml":                 "resources: [" + e + "]\nvars: [{name: " + e + ", objref: {apiVersion: v1, kind: A, name: " + e + "}}]\n",
		"k3/kustomization.yaml":                 e + ": 1\n",
		"k4" + evilName + "/kustomization.yaml": "resources: [a.yaml]\nvars: [{name: " + e + ", objref: {apiVersion: v1, kind: ConfigMap, name: a}}]\n",
		"k4" + evilName + "/a.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
	})
	for _, args := range [][]string{
		{evil}, {"--" + evil}, {"-" + evil}, {"help", evil}, {"list", evil}, {"rules", evil}, {"secrets", evil}, {"database", evil},
		{"set-replicas", evilName, "-"}, {"set-replicas", "none" + evilName, "-"}, {"set-replicas", "config.yaml", evilName},
		{"set-replicas", "wrong.yaml", "dir" + evilName + "/a.yaml"}, {"set-replicas", "-v", "config.yaml", "dir" + evilName + "/a.yaml"},
		{"validate", evilName}, {"validate", "none" + evilName}, {"validate", "-v", "dir" + evilName}, {"validate", "dir" + evilName + "/a.yaml", "dir" + evilName},
		{"validate", "-o", evil}, {"validate", "--config", evilName, "-"}, {"validate", "--config", "wrong.yaml", "dir" + evilName},
		{"validate", "--kubernetes-version", evil, "dir" + evilName}, {"validate", "--with", evilName, "dir" + evilName}, {"validate", "k"}, {"validate", "k4" + evilName},
		{"render", evilName}, {"render", "k"}, {"render", "k2"}, {"render", "k3"}, {"render", "--load-restrictor", evil, "k"}, {"render", "none" + evilName},
		{"database", "--config", evilName}, {"database", "--config", "database.yaml", "--password-from", "-"}, {"database", "--dump", "dump.sql", "--database", "a"},
		{"database", "--database", evil, "--user", evil, "--password-from", "-"}, {"database", "--dump", evilName, "--from", evil, "--database", "a"},
		{"database", "--database", "a", "--user", "b", "--password-from", "env:" + evil}, {"database", "--dump", "none" + evilName, "--database", "a"},
		{"secrets", "--from", evilName}, {"secrets", "--from", "secret.yaml"}, {"secrets", "--harbor-cfg", "harbor.cfg"}, {"secrets", "--name", evil},
		{"secrets", "--token-key", evilName}, {"secrets", "--redis-password-from", "file:none" + evilName}, {"secrets", "-o", "config.yaml/" + evilName},
		{"secrets", "check", evilName}, {"secrets", "check", "secret.yaml"}, {"secrets", "check", "none" + evilName},
	} {
		stdout, stderr, exit := krmfn(evil, args...)
		harmless(t, strings.Join(args, " "), stderr)
		if printsText := args[0] == "validate" || args[0] == "help" || len(args) > 1 && args[1] == "check"; printsText {
			harmless(t, strings.Join(args, " "), stdout)
		}
		if exit == 0 && stderr == "" && args[0] != "set-replicas" {
			t.Errorf("%q: nothing is said", args)
		}
	}
}

// TestStderrOfFunctions: what a function prints that kustomize runs passes
// through too.
func TestStderrOfFunctions(t *testing.T) {
	script := "#!/bin/sh\nprintf '\\033[31mred\\n::error::x\\n\\ttab\\nlast' >&2\ncat\n"
	stage(t, map[string]string{
		"k/kustomization.yaml": "resources: [a.yaml]\ntransformers: [fn.yaml]\n",
		"k/a.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
		"k/fn.yaml":            "apiVersion: v1\nkind: Foreign\nmetadata:\n  name: x\n  annotations: {config.kubernetes.io/function: '{exec: {path: ./fn.sh}}'}\n",
		"k/fn.sh":              script,
	})
	if err := os.Chmod(filepath.Join("k", "fn.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, exit := krmfn("", "render", "--enable-alpha-plugins", "--enable-exec", "k")
	want := "\\x1b[31mred\n\\x3a:error::x\n\ttab\nlast\n"
	if exit != 0 || stderr != want || !strings.Contains(stdout, "name: a") {
		t.Errorf("exit status %d\n%s\n%q, want\n%q", exit, stdout, stderr, want)
	}
}
