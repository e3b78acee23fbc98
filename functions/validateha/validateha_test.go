package validateha_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{`kubernetesVersion: "1.7"`, ""},
		{`kubernetesVersion: v1.31.2-eks-1a2b`, ""},
		{`kubernetesVersion: "1.31.2+k3s1"`, ""},
		{`kubernetesVersion: "31"`, `spec.kubernetesVersion: "31" is not a version such as 1.31 or 1.31.2`},
		{`kubernetesVersion: "2.0"`, `spec.kubernetesVersion: "2.0" is not a version such as 1.31 or 1.31.2`},
		{`kubernetesVersion: "1.x"`, `spec.kubernetesVersion: "1.x" is not a version such as 1.31 or 1.31.2`},
		{`kubernetesVersion: 1.31`, `spec.kubernetesVersion: is a number, want a string: put it in quotes`},
		{`ignore: {L06: because}`, ""},
		{`ignore: {L06: " "}`, `spec.ignore.L06: gives no reason, want a sentence on why the rule does not matter here`},
		{`ignore: {L06: }`, `spec.ignore.L06: is missing`},
		{`ignore: {L66: because}`, `spec.ignore.L66: is not a rule, did you mean L06?`},
		{`ignore: {M01: because}`, `spec.ignore.M01: is not a rule, did you mean L01?`},
		{`ignore: [L06]`, `spec.ignore: is a list, want a mapping`},
		{`warningsAsErrors: maybe`, `spec.warningsAsErrors: "maybe" is a string, want true or false`},
	} {
		o := run(t, "validate-ha", "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: ValidateHA\nmetadata:\n  name: validate-ha\nspec:\n  "+c.spec+"\n", clean(t))
		got := ""
		for _, f := range o.Findings {
			if f.Severity == framework.Error {
				got = f.Field.Path + ": " + f.Message
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.spec, got, c.want)
		}
	}
}

// TestDefaultVersion checks what stands for a version that is left out.
func TestDefaultVersion(t *testing.T) {
	m := parse(t, article(t))
	if d := cmp.Diff(m.copy().validate(today), m.copy().validate("")); d != "" {
		t.Error(d)
	}
}

// TestIgnore checks that a finding of a rule that is ignored stays, as an info
// with the reason, and that a needless one is said to be so.
func TestIgnore(t *testing.T) {
	m := parse(t, highlyAvailable(t))
	list := &framework.ResourceList{Items: m.items}
	v := validateha.ValidateHA{KubernetesVersion: today, WarningsAsErrors: true, Ignore: map[string]string{"L06": "stale for a while ", "L10": "never"}}
	if err := v.Run(list); err != nil {
		t.Fatal(err)
	}
	var ignored []string
	for _, f := range list.Results {
		if f.Severity == framework.Warning {
			t.Errorf("a warning is left: %s", f.Message)
		}
		if id := f.Tags["rule"]; id == "L06" || id == "L10" {
			ignored = append(ignored, fmt.Sprint(id, " ", f.Severity, " ", f.Message))
		}
	}
	want := []string{
		"L06 info storage.cache.layerinfo is inmemory and there are 3 replicas: each serves for a while what another one has deleted (ignored: stale for a while)",
		"L10 info ignoring L10 is needless, the rule finds nothing",
	}
	if !slices.Equal(ignored, want) {
		t.Errorf("%q", ignored)
	}
}

// TestChangesNothing checks that the manifests come back as they are.
func TestChangesNothing(t *testing.T) {
	for _, text := range []string{golden.Base(t), clean(t)} {
		before := parse(t, text)
		after := before.copy()
		after.validate(today)
		if before.text() != after.text() {
			t.Error("the manifests have changed")
		}
	}
}

func TestNothingOfHarbor(t *testing.T) {
	o := run(t, "validate-ha", "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: ValidateHA\nmetadata:\n  name: validate-ha\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
	if len(o.Findings) != 1 || !o.Failed() || !strings.HasPrefix(o.Findings[0].Message, "found no component of Harbor") {
		t.Errorf("%d findings", len(o.Findings))
	}
}

// TestVersions checks the rules that depend on the version of Kubernetes.
func TestVersions(t *testing.T) {
	unpinned := parse(t, article(t))
	if !cut("Workload", "registry-rc", inPod("command")...)(unpinned) {
		t.Fatal("the command is not pinned")
	}
	for version, want := range map[string][2]string{ // L03 and L04, in-tree CephFS
		"1.6": {"", ""}, "1.7": {"warning", ""}, "1.7.3": {"", ""}, "1.7.14": {"error", ""},
		"1.8.8": {"", ""}, "1.8.9": {"error", ""}, "1.9.3": {"", ""}, "1.9.4": {"error", ""}, "1.9": {"warning", ""}, "1.10": {"error", ""},
		"1.27": {"error", ""}, "1.28": {"error", "warning"}, "1.30.9": {"error", "warning"}, "1.31": {"error", "error"}, "1.37": {"error", "error"},
	} {
		found := unpinned.copy().validate(version)
		var got [2]string
		for _, l := range found {
			severity, rest, _ := strings.Cut(l, " ")
			if strings.HasPrefix(rest, "L03 ") {
				got[0] = severity
			}
			if strings.HasPrefix(rest, "L04 PersistentVolume") && strings.Contains(rest, "spec.cephfs") {
				got[1] = severity
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
}

// TestSecretsStaySecret checks that no value of a Secret, nor one of a variable
// that holds a secret, stands in a finding, whatever is wrong.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const mark = "S3CRET"
	keys, err := newPair()
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, m *manifests) {
		t.Helper()
		list := &framework.ResourceList{Items: m.items}
		v := validateha.ValidateHA{KubernetesVersion: today}
		if err := v.Run(list); err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(list.Results)
		if err != nil {
			t.Fatal(err)
		}
		if told := string(text); strings.Contains(told, mark) || strings.Contains(told, strings.Split(keys.key, "\n")[1]) {
			t.Errorf("%s: the findings show a secret:\n%s", name, told)
		}
	}
	// All that is sensitive holds the mark, in ConfigMaps, pods and Secrets.
	marked := func(text string) *manifests {
		m := parse(t, text)
		for _, obj := range m.items {
			for _, field := range []string{"data", "stringData"} {
				for key := range krm.Strings(obj, field) {
					secret := strings.Contains(key, "SECRET") || strings.Contains(key, "PWD") || strings.Contains(key, "PASSWORD") || key == "password" || key == "pkey" || key == "userKey"
					if secret {
						krm.Lookup(obj, field, key).Value = mark + key
					}
				}
			}
		}
		return m
	}
	for _, name := range []string{"article", "clean"} {
		m := marked(starts(t)[name].text())
		check(name, m)
		for _, mut := range mutations {
			changed := m.copy()
			if mut.apply(changed) {
				check(name+" "+mut.name, changed)
			}
		}
	}
	// The registry's configuration and nginx's are files of a Secret.
	for _, content := range []string{mark, mark + ": [", "version: " + mark, "version: 0.1\nstorage: " + mark, "version: 0.1\nstorage: {filesystem: {rootdirectory: /" + mark + "}}\nauth: {token: {realm: " + mark + ", issuer: " + mark + "}}", "server { server_name " + mark + "; include " + mark + "/*; }", "server { server_name " + mark + "; location / { proxy_pass http://" + mark + "; } }"} {
		m := parse(t, clean(t))
		for component, file := range map[string]string{"registry": "config.yml", "nginx": "nginx.conf"} {
			if !put("Workload", component+"-rc", mapping("secretName", "files", "items", krm.List(krm.Map("key", "text", "path", file))), volume(0, "secret")...)(m) ||
				!cut("Workload", component+"-rc", volume(0, "projected")...)(m) && !cut("Workload", component+"-rc", volume(0, "configMap")...)(m) {
				t.Fatalf("%s has another volume", component)
			}
		}
		m.items = append(m.items, yaml.NewRNode(krm.Map("apiVersion", "v1", "kind", "Secret", "metadata", krm.Map("name", "files"), "stringData", krm.Map("text", content))))
		check("a file with "+content, m)
	}
	// All variables of the pods come from a Secret.
	for _, component := range []string{"adminserver", "ui", "jobservice", "registry"} {
		m := parse(t, clean(t))
		secret := krm.Map()
		obj := m.object("Workload", component+"-rc")
		give("registry", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/x")(m)
		give("registry", "REGISTRY_AUTH_TOKEN_ISSUER", "/x")(m)
		give("registry", "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE", "/x")(m)
		for i := range krm.Elements(obj, inPod("env")...) {
			name := krm.Text(obj, inPod("env", i, "name")...)
			secret.Content = append(secret.Content, krm.Map(name, "http://"+mark+"."+name+"/").Content...)
			put("Workload", component+"-rc", func() *yaml.Node {
				return krm.Map("name", name, "valueFrom", krm.Map("secretKeyRef", krm.Map("name", "all", "key", name)))
			}, inPod("env", i)...)(m)
		}
		m.items = append(m.items, yaml.NewRNode(krm.Map("apiVersion", "v1", "kind", "Secret", "metadata", krm.Map("name", "all"), "stringData", secret)))
		check(component, m)
	}
}
