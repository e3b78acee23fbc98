package main

import (
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
)

// TestMisplacedConfigs: a function config that is listed where it changes nothing
// is an error, and one that is where it belongs is none.
func TestMisplacedConfigs(t *testing.T) {
	standIn(t)
	const ours = "apiVersion: harbor.krmfn.dev/v1alpha1\nmetadata:\n  name: mine\n  annotations:\n    "
	const run = ours + "config.kubernetes.io/function: '{exec: {path: krmfn}}'\n"
	const local = ours + "config.kubernetes.io/local-config: \"true\"\n"
	const one = "spec: {replicas: {ui: 1}}\n"
	const rc = ui + "spec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - {name: ui, image: vmware/harbor-ui:v1.2.0}\n"
	stage(t, map[string]string{
		"ui.yaml": rc,
		// Listed under resources, with what belongs there.
		"ha/kustomization.yaml":        "resources: [ui.yaml, fn.yaml]\n",
		"ha/fn.yaml":                   run + "kind: HarborHA\n" + one,
		"plain/kustomization.yaml":     "resources: [ui.yaml, fn.yaml]\n",
		"plain/fn.yaml":                "# no annotation\napiVersion: harbor.krmfn.dev/v1alpha1\nkind: SetReplicas\nmetadata: {name: mine}\n" + one,
		"base/kustomization.yaml":      "resources: [../ha]\n",
		"base/fn.yaml":                 "",
		"checks/kustomization.yaml":    "resources: [ui.yaml, fn.yaml]\n",
		"checks/fn.yaml":               run + "kind: ValidateHA\n",
		"misspelt/kustomization.yaml":  "resources: [ui.yaml, fn.yaml]\n",
		"misspelt/fn.yaml":             strings.Replace(run, "v1alpha1", "v9", 1) + "kind: HarborHa\n",
		"component/kustomization.yaml": "resources: [ui.yaml]\ncomponents: [c]\n", "component/fn.yaml": "",
		"component/c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [fn.yaml]\n",
		"component/c/fn.yaml":            run + "kind: HarborHA\n" + one,
		"both/kustomization.yaml":        "resources: [ui.yaml, fn.yaml]\ntransformers: [ok.yaml]\n",
		"both/fn.yaml":                   run + "kind: HarborHA\n" + one,
		"both/ok.yaml":                   run + "kind: SetReplicas\n" + one,
		"generator/kustomization.yaml":   "resources: [ui.yaml]\ngenerators: [fn.yaml]\n",
		"generator/fn.yaml":              run + "kind: SetReplicas\n" + one,
		"generator2/kustomization.yaml":  "resources: [ui.yaml]\ngenerators: [fn.yaml]\n",
		"generator2/fn.yaml":             run + "kind: ValidateHA\n",
		// Where they belong.
		"right/kustomization.yaml":     "resources: [ui.yaml]\ntransformers: [fn.yaml]\nvalidators: [v.yaml]\n",
		"right/fn.yaml":                run + "kind: SetReplicas\n" + one,
		"right/v.yaml":                 run + "kind: ValidateHA\nspec: {ignore: {L08: it is a test}}\n",
		"local/kustomization.yaml":     "resources: [ui.yaml, fn.yaml]\n",
		"local/fn.yaml":                local + "kind: HarborHA\n" + one,
		"functions/kustomization.yaml": "resources: [a.yaml, b.yaml, c.yaml]\n",
		"functions/a.yaml":             run + "kind: SetReplicas\n" + one,
		"functions/b.yaml":             strings.ReplaceAll(run, "harbor.krmfn.dev/v1alpha1", "example.com/v1") + "kind: Other\n",
		"functions/c.yaml":             "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: a-\n",
		"folder/ui.yaml":               rc,
		"folder/fn.yaml":               run + "kind: HarborHA\n" + one + "---\n" + ours + "a: b\nkind: ValidateHA\n",
		"stream.yaml":                  rc + "---\n" + run + "kind: HarborHA\n" + one,
		"local.yaml":                   rc + "---\n" + local + "kind: HarborHA\n" + one,
		"config.yaml":                  run + "kind: SetReplicas\n" + one,
	})
	for _, dir := range []string{"ha", "plain", "checks", "misspelt", "component", "both", "generator", "generator2", "right", "local"} {
		writeTo(t, dir+"/ui.yaml", rc)
	}
	for _, c := range []struct {
		args string
		exit int
		want string // in stdout or stderr
	}{
		{"render ha", 1, "krmfn: building ha: HarborHA mine is listed under resources: put it under transformers\n"},
		{"render plain", 1, "SetReplicas mine is listed under resources: put it under transformers\n"},
		{"render base", 1, "HarborHA mine is listed under resources: put it under transformers\n"},
		{"render checks", 1, "ValidateHA mine is listed under resources: put it under validators\n"},
		{"render misspelt", 1, "HarborHa mine is listed under resources: put it under transformers\n"},
		{"render component", 1, "HarborHA mine is listed under resources: put it under transformers\n"},
		{"render both", 1, "  error: HarborHA mine: is listed under resources: put it under transformers\n"},
		{"render generator", 1, "  error: there are no objects: a config under generators gets none, put it under transformers\n"},
		{"render generator2", 1, "  error: there are no objects: a config under generators gets none, put it under validators\n"},
		{"render right", 0, "kind: ReplicationController"},
		{"render local", 0, "kind: ReplicationController"},
		{"render functions", 0, "kind: SetReplicas"},

		{"validate ha", 1, "HarborHA mine (ha/fn.yaml)\n  1  error  is listed under resources: put it under transformers\n"},
		{"validate base", 1, "HarborHA mine (ha/fn.yaml)\n  1  error  is listed under resources: put it under transformers\n"},
		{"validate plain", 1, "SetReplicas mine (plain/fn.yaml)\n  2  error  is listed under resources: put it under transformers\n"},
		{"validate checks", 1, "ValidateHA mine (checks/fn.yaml)\n  1  error  is listed under resources: put it under validators\n"},
		{"validate ha -o github", 1, "::error file=ha/fn.yaml,line=1,title=HarborHA mine::is listed under resources: put it under transformers\n"},
		{"validate ha -o sarif", 1, `"text": "is listed under resources: put it under transformers"`},
		{"validate both", 2, "  error: HarborHA mine: is listed under resources: put it under transformers\n"},
		{"validate right", 0, "0 errors, "},
		{"validate local", 0, "0 errors, "},
		{"validate folder", 0, "0 errors, "},
		{"validate folder/ui.yaml folder/fn.yaml", 0, "0 errors, "},
		{"validate stream.yaml", 1, "HarborHA mine (stream.yaml)\n  12  error  is listed under resources: put it under transformers\n"},
		{"validate local.yaml", 0, "0 errors, "},
		{"validate --with stream.yaml ui.yaml", 2, "is both in"},

		{"set-replicas config.yaml stream.yaml", 1, "  error: HarborHA mine (stream.yaml): is listed under resources: put it under transformers\n"},
		{"set-replicas config.yaml local.yaml", 0, "kind: ReplicationController"},
		{"set-replicas config.yaml folder/ui.yaml folder/fn.yaml", 0, "kind: ReplicationController"},
	} {
		stdout, stderr, exit := krmfn("", strings.Fields(c.args)...)
		if exit != c.exit || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%s: exit status %d, want %d and in it\n%s\n%s%s", c.args, exit, c.exit, c.want, stdout, stderr)
		}
		if strings.HasPrefix(c.args, "render") && exit != 0 && stdout != "" {
			t.Errorf("%s: prints\n%s", c.args, stdout)
		}
	}
	for _, c := range []struct{ stdin, args string }{{golden.Read(t, "stream.yaml"), "validate"}, {golden.Read(t, "stream.yaml"), "set-replicas config.yaml -"}} {
		stdout, stderr, exit := krmfn(c.stdin, strings.Fields(c.args)...)
		if exit != 1 || !strings.Contains(stdout+stderr, "is listed under resources: put it under transformers") {
			t.Errorf("%s: exit status %d\n%s%s", c.args, exit, stdout, stderr)
		}
	}
}

// TestMisplacedItems: each function refuses a ResourceList with the config of
// another one, or its own, among the items, as an orchestrator gives it.
func TestMisplacedItems(t *testing.T) {
	t.Parallel()
	for i, f := range functions.Catalog.Functions {
		for _, other := range []string{"ValidateHA", f.Kind()} {
			field := map[bool]string{true: "validators", false: "transformers"}[other == "ValidateHA"]
			for _, c := range []struct {
				name        string
				annotations map[string]string
				exit        int
				want        string
			}{
				{"kustomize", map[string]string{"kustomize.config.k8s.io/id": "x", "internal.config.kubernetes.io/path": "a.yaml"}, 1, "is listed under resources: put it under " + field},
				{"nothing known", nil, 1, "is listed under resources: put it under " + field},
				{"kpt", map[string]string{"internal.config.kubernetes.io/path": "a.yaml"}, 1,
					`is a function config, which would be applied to the cluster: annotate it with config.kubernetes.io/local-config: "true"`},
				{"kpt with local-config", map[string]string{"internal.config.kubernetes.io/path": "a.yaml", "config.kubernetes.io/local-config": "true"}, 0, ""},
			} {
				if i > 0 && c.name != "kustomize" {
					continue // it does not depend on the function
				}
				config := yaml.MustParse("apiVersion: harbor.krmfn.dev/v1alpha1\nkind: " + other + "\nmetadata: {name: mine}\n")
				in := resourceList(append(itemsFor(t, f), change([]*yaml.RNode{config}, annotate(c.annotations)...)...), example(t, f))
				stdout, stderr, exit := inProcess(t, in)
				if exit != c.exit || !strings.Contains(stderr, c.want) {
					t.Errorf("%s, %s, %s: exit status %d, want %d and %q in\n%s", f.Name, other, c.name, exit, c.exit, c.want, stderr)
				}
				if c.exit != 0 {
					sameItems(t, in, stdout)
				}
			}
		}
	}
}
