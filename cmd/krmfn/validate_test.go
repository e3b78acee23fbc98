package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// ValidateHA stands for the real one, so that these tests are about the command
// and not about rules. It finds as many replicas as an annotation wants it to.
type ValidateHA struct {
	KubernetesVersion string            `yaml:"kubernetesVersion" default:"1.34"`
	WarningsAsErrors  bool              `yaml:"warningsAsErrors" default:"false"`
	Ignore            map[string]string `yaml:"ignore"`
}

func (v *ValidateHA) Validate() error {
	if !strings.HasPrefix(v.KubernetesVersion, "1.") {
		return krm.FieldErrorf("kubernetesVersion", "%q is no version like 1.34", v.KubernetesVersion)
	}
	return nil
}

func (v *ValidateHA) Run(list *framework.ResourceList) error {
	secret := "is not known"
	for _, obj := range list.Items {
		if krm.Text(obj, "kind") == "Secret" {
			secret = "is known"
		}
	}
	for _, obj := range list.Items {
		if krm.Text(obj, "spec", "replicas") == "3" {
			v.find(list, framework.Error, "L04", obj, krm.Path{"spec", "replicas"}, "3 replicas and the Secret "+secret)
		}
		switch krm.Text(obj, "kind") {
		case "ReplicationController":
			v.find(list, framework.Warning, "L15", obj, nil, "does not roll out changes in Kubernetes "+v.KubernetesVersion)
		case "Service":
			v.find(list, framework.Info, "L13", obj, krm.Path{"spec", "type"}, "see that the port is right")
		}
	}
	return nil
}

func (v *ValidateHA) find(list *framework.ResourceList, severity framework.Severity, rule string, obj *yaml.RNode, path krm.Path, message string) {
	if v.Ignore[rule] != "" {
		return
	}
	if severity == framework.Warning && v.WarningsAsErrors {
		severity = framework.Error
	}
	krm.Warn(list, obj, path, "%s", message)
	last := list.Results[len(list.Results)-1]
	last.Severity, last.Tags = severity, map[string]string{"rule": rule}
}

// standIn lets ValidateHA of this file be the validator of this program.
func standIn(t testing.TB) {
	before := functions.Catalog
	t.Cleanup(func() { functions.Catalog = before })
	others := slices.DeleteFunc(slices.Clone(before.Functions), func(f krm.Function) bool { return f.Name == validator })
	functions.Catalog.Functions = slices.Insert(others, 0, krm.Function{Name: validator, New: func() krm.Runner { return &ValidateHA{} }, Validates: true})
}

const (
	ui = "apiVersion: v1\nkind: ReplicationController\nmetadata:\n  name: ui\n"
	// bad is an error, a warning and an info.
	bad     = ui + "spec:\n  replicas: 3\n---\n" + service
	warned  = ui + "spec:\n  replicas: 1\n"
	service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: ui\nspec:\n  type: NodePort\n"
	key     = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: key\n"
)

// stage writes files into a new directory, which becomes the working directory.
func stage(t testing.TB, files map[string]string) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, content := range files {
		writeTo(t, name, content)
	}
}

func writeTo(t testing.TB, name, content string) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// list makes an object of the kind that holds the objects.
func list(kind string, objects ...string) string {
	out := "# a comment\napiVersion: v1\nkind: " + kind + "\nitems:\n"
	for _, o := range objects {
		out += "- " + strings.TrimSuffix(strings.ReplaceAll(o, "\n", "\n  "), "  ")
	}
	return out
}

func TestValidateInputs(t *testing.T) {
	standIn(t)
	stage(t, map[string]string{
		"bad.yaml":       bad,
		"service.yaml":   service,
		"warned.yaml":    warned,
		"key.yaml":       key,
		"list.yaml":      list("List", ui+"spec:\n  replicas: 3\n", service),
		"resources.yaml": list("ResourceList", ui+"spec:\n  replicas: 3\n", service) + "functionConfig:\n  a: b\nresults: []\n",
		"json.json":      `{"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "ui"}, "spec": {"replicas": 3}}`,
		"plain/a.yaml":   ui + "spec: {replicas: 3}\n", "plain/b.yml": service, "plain/c.json": `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"c"}}`,
		"plain/README.md": "not: [yaml\n", "plain/below/d.yaml": "not: [yaml\n",
		"overlay/kustomization.yaml": "namespace: prod\nresources: [../base, own.yaml]\nconfigMapGenerator:\n- {name: made, literals: [a=b]}\n",
		"overlay/own.yaml":           "# the service\n" + service,
		"base/kustomization.yml":     "resources: [bad-rc.yaml]\n",
		"base/bad-rc.yaml":           "# a comment\n" + ui + "spec:\n  replicas: 3\n",
		"origins/kustomization.yaml": "resources: [../base]\nnamePrefix: p-\nbuildMetadata: [originAnnotations]\n",
		"prefix/kustomization.yaml":  "resources: [../base]\nnamePrefix: p-\n",
		"annotated.yaml":             strings.Replace(ui, "  name: ui\n", "  name: ui\n  annotations:\n    config.kubernetes.io/path: base/bad-rc.yaml\n", 1) + "spec:\n  replicas: 3\n",
		"device.yaml":                strings.Replace(ui, "  name: ui\n", "  name: ui\n  annotations:\n    config.kubernetes.io/path: /dev/zero\n", 1) + "spec:\n  replicas: 3\n",
	})
	for _, c := range []struct {
		name  string
		stdin string
		args  []string
		want  string // standard output
	}{
		{"stdin", bad, nil, "ReplicationController ui\n  error    L04  spec.replicas  3 replicas and the Secret is not known\n" +
			"  warning  L15                 does not roll out changes in Kubernetes 1.34\n\n1 error, 1 warning, 1 info (--verbose shows them) in 2 objects\n"},
		{"stdin named", bad, []string{"-"}, "1 error, 1 warning, 1 info (--verbose shows them) in 2 objects\n"},
		{"verbose", bad, []string{"--verbose"}, "Service ui\n  info  L13  spec.type  see that the port is right\n\n1 error, 1 warning, 1 info in 2 objects\n"},
		{"file", "", []string{"bad.yaml"}, "ReplicationController ui (bad.yaml)\n  6  error    L04  spec.replicas  3 replicas and the Secret is not known\n" +
			"  1  warning  L15                 does not roll out changes in Kubernetes 1.34\n\n"},
		{"files and stdin", key, []string{"service.yaml", "-", "warned.yaml"}, "0 errors, 1 warning, 1 info (--verbose shows them) in 3 objects\n"},
		{"List", "", []string{"list.yaml"}, "ReplicationController ui (list.yaml)\n  10  error    L04  spec.replicas"},
		{"List on stdin", list("List", key, service), nil, "0 errors, 0 warnings, 1 info (--verbose shows them) in 2 objects\n"},
		{"ResourceList", "", []string{"resources.yaml"}, "ReplicationController ui (resources.yaml)\n  10  error    L04  spec.replicas"},
		{"ResourceList on stdin", list("ResourceList", key, service), nil, "0 errors, 0 warnings, 1 info (--verbose shows them) in 2 objects\n"},
		{"JSON", "", []string{"json.json"}, "ReplicationController ui (json.json)\n  1  error    L04  spec.replicas"},
		{"plain directory", "", []string{"plain"}, "ReplicationController ui (plain/a.yaml)\n  5  error    L04"},
		{"plain directory counts", "", []string{"plain/"}, " in 3 objects\n"},
		{"absolute path", "", []string{filepath.Join(getwd(t), "bad.yaml")}, "ReplicationController ui (bad.yaml)\n  6  error"},
		{"path that is not clean", "", []string{"./plain/../bad.yaml"}, "ReplicationController ui (bad.yaml)\n  6  error"},
		{"kustomization", "", []string{"overlay"}, "ReplicationController prod/ui (base/bad-rc.yaml)\n  7  error    L04"},
		{"kustomization, verbose", "", []string{"-v", "./overlay/"}, "Service prod/ui (overlay/own.yaml)\n  7  info  L13"},
		{"kustomization counts", "", []string{"overlay"}, " in 3 objects\n"},
		{"kustomization with origins", "", []string{"origins"}, "ReplicationController p-ui (base/bad-rc.yaml)\n  error    L04"},
		{"kustomization with a prefix", "", []string{"prefix"}, "ReplicationController p-ui (prefix/kustomization.yaml)\n  error    L04"},
		{"with", "", []string{"bad.yaml", "--with", "key.yaml"}, "3 replicas and the Secret is known\n"},
		{"with counts", "", []string{"bad.yaml", "--with", "key.yaml"}, "in 3 objects\n"},
		{"with stdin", key, []string{"bad.yaml", "--with", "-"}, "3 replicas and the Secret is known\n"},
		{"with beside stdin", bad, []string{"--with", "key.yaml"}, "3 replicas and the Secret is known\n"},
		{"path annotation", golden.Read(t, "annotated.yaml"), nil, "ReplicationController ui (base/bad-rc.yaml)\n  7  error    L04"},
		{"path of a device", golden.Read(t, "device.yaml"), nil, "ReplicationController ui (/dev/zero)\n  error    L04"},
		{"origin without its directory", strings.Replace(ui, "  name: ui\n", "  name: ui\n  annotations:\n    config.kubernetes.io/origin: |\n      path: x/y.yaml\n", 1),
			nil, "ReplicationController ui (x/y.yaml)\n  warning  L15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, exit := krmfn(c.stdin, append([]string{"validate"}, c.args...)...)
			if !strings.Contains(stdout, c.want) {
				t.Errorf("printed\n%s\nwant in it\n%s", stdout, c.want)
			}
			if failed := strings.Contains(stdout, "  error "); failed != (exit == 1) || exit > 1 {
				t.Errorf("exit status %d", exit)
			}
			if stderr != "" {
				t.Errorf("stderr:\n%s", stderr)
			}
		})
	}
}

func getwd(t testing.TB) string {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return wd
}

// TestValidateSettings: the flags go before the config, whose other settings
// stay.
func TestValidateSettings(t *testing.T) {
	standIn(t)
	const config = "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: ValidateHA\nmetadata:\n  name: mine\n"
	stage(t, map[string]string{
		"config.yaml":    config + "spec:\n  kubernetesVersion: \"1.20\"\n  ignore:\n    L04: it is a test\n",
		"no-spec.yaml":   config,
		"configmap.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: mine\ndata:\n  kubernetesVersion: \"1.20\"\n",
		"two.yaml":       config + "---\n" + config,
		"wrong.yaml":     config + "spec:\n  kubernetesVersion: soon\n  kubernetesVersions: 1\n",
		"kind.yaml":      strings.Replace(config, "ValidateHA", "SetReplicas", 1),
		"spec.yaml":      config + "spec: text\n",
		"broken.yaml":    "a: [\n",
	})
	for _, c := range []struct {
		args string
		exit int
		want string // in stdout or stderr
	}{
		{"", 1, "Kubernetes 1.34\n"},
		{"--kubernetes-version 1.30", 1, "Kubernetes 1.30\n"},
		{"--config no-spec.yaml", 1, "Kubernetes 1.34\n"},
		{"--config no-spec.yaml --kubernetes-version 1.30", 1, "Kubernetes 1.30\n"},
		{"--config config.yaml", 0, "0 errors, 1 warning, 1 info"},
		{"--config config.yaml", 0, "Kubernetes 1.20\n"},
		{"--config config.yaml --kubernetes-version 1.30", 0, "Kubernetes 1.30\n"},
		{"--config config.yaml --warnings-as-errors", 1, "1 error, 0 warnings, 1 info"},
		{"--config configmap.yaml", 1, "Kubernetes 1.20\n"},
		{"--config configmap.yaml --kubernetes-version 1.30 --warnings-as-errors", 1, "2 errors, 0 warnings"},
		{"--warnings-as-errors", 1, "2 errors, 0 warnings"},
		{"--config two.yaml", 2, "two.yaml: holds 2 documents, want one function config"},
		{"--config two.yaml --warnings-as-errors", 2, "two.yaml: holds 2 documents, want one function config"},
		{"--config wrong.yaml", 2, "krmfn: ValidateHA mine spec.kubernetesVersions: is not a known field"},
		{"--config kind.yaml", 2, `krmfn: SetReplicas mine kind: is "SetReplicas", validate-ha wants ValidateHA`},
		{"--config spec.yaml --warnings-as-errors", 2, "krmfn: spec.yaml: ValidateHA mine: spec is a string, want a mapping"},
		{"--config broken.yaml", 2, "krmfn: broken.yaml: reading YAML: line 1: "},
		{"--config none.yaml", 2, "krmfn: reading none.yaml: "},
		{"--kubernetes-version soon", 2, `krmfn: ValidateHA validate-ha spec.kubernetesVersion: "soon" is no version like 1.34`},
	} {
		stdout, stderr, exit := krmfn(bad, append([]string{"validate"}, strings.Fields(c.args)...)...)
		if exit != c.exit || !strings.Contains(stdout+stderr, c.want) || (stdout == "") != (exit == 2) || (stderr == "") == (exit == 2) {
			t.Errorf("%s: exit status %d, want %d and %q in\n%s%s", c.args, exit, c.exit, c.want, stdout, stderr)
		}
	}
}

// TestValidateCannotRun: exit status 2, nothing on stdout, whatever the format.
func TestValidateCannotRun(t *testing.T) {
	standIn(t)
	stage(t, map[string]string{
		"bad.yaml": bad, "copy.yaml": bad, "text.yaml": "hello\n", "broken.yaml": "a: b\nc: [\n", "comment.yaml": "# nothing\n",
		"nameless.yaml":           "apiVersion: v1\nkind: Pod\n",
		"esc.yaml":                "apiVersion: v1\nkind: \"Pod\\e[31m\\n::error::x\"\nmetadata: {name: [a]}\n",
		"k/kustomization.yaml":    "resources: [none.yaml]\n",
		"k2/kustomization.yaml":   "resources: []\nconfigurations: []\n",
		"fail/kustomization.yaml": "resources: [../bad.yaml]\ntransformers: [fn.yaml]\n",
		"fail/fn.yaml":            "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: SetReplicas\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: '{\"exec\": {\"path\": \"krmfn\"}}'\n",
		"docs/README.md":          "",
	})
	for _, c := range []struct {
		stdin, args, want string
	}{
		{"", "", "krmfn: standard input is empty\n"},
		{" \n", "bad.yaml -", "krmfn: standard input is empty\n"},
		{"# nothing\n---\n", "", "krmfn: there are no objects in standard input\n"},
		{"", "comment.yaml", "krmfn: there are no objects in comment.yaml\n"},
		{"kind: ResourceList\nitems: []\n", "comment.yaml -", "krmfn: there are no objects in comment.yaml, standard input\n"},
		{"hello\n", "", "krmfn: standard input: document 1: is a string, want an object\n"},
		{"", "text.yaml", "krmfn: text.yaml: document 1: is a string, want an object\n"},
		{"", "broken.yaml", "krmfn: broken.yaml: reading YAML: line 2: "},
		{"", "bad.yaml broken.yaml", "krmfn: broken.yaml: reading YAML: line 2: "},
		{"", "nameless.yaml", "krmfn: nameless.yaml: document 1: Pod metadata.name: is missing\n"},
		{"", "esc.yaml", `krmfn: esc.yaml: document 1: Pod\x1b[31m\n::error::x metadata.name: is missing` + "\n"},
		{"", "none.yaml", "krmfn: reading none.yaml: no such file or directory\n"},
		{"", "bad.yaml --with none.yaml", "krmfn: reading none.yaml: no such file or directory\n"},
		{"", "docs", "krmfn: docs holds neither a kustomization nor a file *.yaml, *.yml or *.json\n"},
		{"", "k", "krmfn: building k: accumulating resources: "},
		{"", "k2", "krmfn: there are no objects in k2\n"},
		{"", "fail", "krmfn: building fail: "},
		{bad, "- -", "krmfn: - means standard input and can be given only once\n"},
		{bad, "- --with -", "krmfn: - means standard input and can be given only once\n"},
		{bad, "--config -", "krmfn: - means standard input and can be given only once\n"},
		{"", "bad.yaml copy.yaml", "krmfn: ReplicationController ui is both in bad.yaml and in copy.yaml: validate one Harbor at a time\n"},
		{"", "bad.yaml ./bad.yaml", "krmfn: ReplicationController ui is both in bad.yaml and in bad.yaml: validate one Harbor at a time\n"},
		{bad, "-o xml", `krmfn: --output: format "xml" is not known, known are github, json, sarif, text, yaml` + "\n"},
		{bad, "--no-such-flag", "krmfn: unknown flag: --no-such-flag\n"},
		{bad, "--config", "krmfn: flag needs an argument: --config\n"},
		{bad, "--warnings-as-errors=2", "krmfn: invalid argument \"2\" for \"--warnings-as-errors\" flag: "},
	} {
		for _, format := range []string{"", "-o json", "-o sarif"} {
			if format != "" && (strings.Contains(c.args, "-o") || c.args == "--config" || c.args == "fail") {
				continue
			}
			args := append([]string{"validate"}, strings.Fields(format+" "+c.args)...)
			stdout, stderr, exit := krmfn(c.stdin, args...)
			if exit != 2 || stdout != "" || !strings.HasPrefix(stderr, c.want) {
				t.Errorf("%v: exit status %d\n%s%s\nwant %s", args, exit, stdout, stderr, c.want)
			}
		}
	}
}

// TestBuildQuotesNothing: a password without quotes may begin with *, or stand
// where something else is wanted; kustomize quotes it.
func TestBuildQuotesNothing(t *testing.T) {
	standIn(t)
	for _, file := range []string{"bad.yaml", "fn.yaml", "kustomization.yaml"} {
		for _, broken := range []string{"password: *hunter2\n", "password: !!int hunter2\n", "password: 'hunter2\n"} {
			files := map[string]string{
				"kustomization.yaml": "resources: [bad.yaml]\ntransformers: [fn.yaml]\n", "bad.yaml": bad,
				"fn.yaml": "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: SetReplicas\nmetadata: {name: x}\n",
			}
			files[file] += broken
			stage(t, files)
			for _, command := range []string{"render", "validate"} {
				if stdout, stderr, exit := krmfn("", command, "."); exit == 0 || stderr == "" || strings.Contains(stdout+stderr, "hunter2") {
					t.Errorf("%s, %s in %s: exit status %d\n%s%s", command, broken, file, exit, stdout, stderr)
				}
			}
		}
	}
}

// TestValidateFormats: each format comes out of the command, with the places.
func TestValidateFormats(t *testing.T) {
	standIn(t)
	stage(t, map[string]string{"overlay/kustomization.yaml": "resources: [bad.yaml]\n", "overlay/bad.yaml": bad})
	for format, want := range map[string]string{
		"text":   "(overlay/bad.yaml)\n  6  error    L04  spec.replicas  ",
		"json":   `"line": 6`,
		"yaml":   "  file:\n    path: overlay/bad.yaml\n    index: 1\n",
		"github": "::error file=overlay/bad.yaml,line=6,title=L04 ReplicationController ui::spec.replicas: 3 replicas",
		"sarif":  `"uri": "overlay/bad.yaml"`,
	} {
		stdout, stderr, exit := krmfn("", "validate", "overlay", "-o", format)
		if exit != 1 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit status %d, want in it %s\n%s%s", format, exit, want, stdout, stderr)
		}
	}
	for args, want := range map[string]string{"-": "stdin", "overlay": "overlay/kustomization.yaml", "overlay/bad.yaml": "overlay/bad.yaml"} {
		inputs, err := (&validation{streams: streams{in: strings.NewReader(bad)}}).readAll([]string{args})
		if err != nil || inputs[0].standsFor() != want {
			t.Errorf("%s: findings without a file stand in %s, want %s (%v)", args, inputs[0].standsFor(), want, err)
		}
	}
}

// TestColored: a terminal only, and NO_COLOR is respected.
func TestColored(t *testing.T) {
	none := func(string) string { return "" }
	if colored(&strings.Builder{}, none) {
		t.Error("colours in something that is no file")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if colored(file, none) {
		t.Error("colours in a file")
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		missing(t, "there is no pseudo terminal", err)
	}
	defer terminal.Close()
	if !colored(terminal, none) {
		t.Error("no colours on a terminal")
	}
	for name, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		if colored(terminal, func(n string) string { return map[string]string{name: value}[n] }) {
			t.Errorf("colours with %s=%s", name, value)
		}
	}

	// On a terminal, nothing given is not waiting for input.
	_, err = (&validation{streams: streams{in: terminal}}).readAll(nil)
	if err == nil || !strings.HasPrefix(err.Error(), "give a directory or files") {
		t.Errorf("error %v", err)
	}
}

func TestRules(t *testing.T) {
	stdout, stderr, exit := krmfn("", "rules")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if exit != 0 || stderr != "" || !strings.HasPrefix(stdout, "RULE   SEVERITY") || len(lines) != 1+len(rules()) {
		t.Errorf("exit status %d, %d lines for %d rules\n%s%s", exit, len(lines), len(rules()), stdout, stderr)
	}
	for i, r := range rules() {
		if r.ID == "" || r.What == "" || r.Why == "" || r.Help == "" || !strings.HasPrefix(lines[i+1], r.ID) {
			t.Errorf("rule %+v is not complete, or not listed: %s", r, lines[i+1])
		}
	}
}

// BenchmarkValidate measures the command on the base, places and all.
func BenchmarkValidate(b *testing.B) {
	standIn(b)
	in := golden.Base(b)
	for b.Loop() {
		if _, stderr, exit := krmfn(in, "validate", "-o", "json"); exit != 0 {
			b.Fatal(stderr)
		}
	}
}
