package validateha_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/render"
)

// findingsFile is set in the environment of a function to the file that it shall
// write its findings to: kustomize throws them away.
const findingsFile = "KRMFN_TEST_FINDINGS"

// TestKustomize checks what is found while kustomize runs the function, when
// names in references are not final: previous names mean the object, and what
// kustomize will not change in a ReplicationController is reported.
func TestKustomize(t *testing.T) {
	const plain = "resources: [harbor.yaml, nginx.yaml]\n"
	const generated = "resources: [harbor.yaml]\nconfigMapGenerator:\n- name: harbor-nginx-config\n  files: [config=nginx.conf]\n  literals: [pkey=a, cert=a]\n"
	rc, deployments := golden.Base(t), clean(t)
	for name, c := range map[string]struct {
		manifests, kustomization string
		want                     []string // of L16, beyond those without kustomize
	}{
		"nothing":                  {rc, plain, nil},
		"prefix":                   {deployments, plain + "namePrefix: p-\n", nil},
		"namespace":                {rc, plain + "namespace: harbor\n", nil},
		"hash":                     {deployments, generated, nil},
		"hash in a RC":             {rc, generated, []string{"refers to ConfigMap harbor-nginx-config, to whose name kustomize will add a hash"}},
		"generated without a hash": {rc, generated + "generatorOptions: {disableNameSuffixHash: true}\n", nil},
		"prefix in a RC": {rc, plain + "namePrefix: p-\n", []string{
			"refers to ConfigMap harbor-adminserver-config, which is now called p-harbor-adminserver-config",
			"refers to ConfigMap harbor-jobservice-config, which", "refers to ConfigMap harbor-mysql-config, which", "refers to ConfigMap harbor-nginx-config, which",
			"refers to ConfigMap harbor-registry-config, which", "refers to ConfigMap harbor-ui-config, which",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			found := kustomized(t, c.manifests, c.kustomization)
			// A prefix breaks the addresses in texts, such as http://ui.
			errors := without(startingWith(found, "error "), startingWith(found, "error L17 "))
			if before := startingWith(parse(t, c.manifests).validate(today), "error "); len(errors) != len(before) {
				t.Errorf("other errors than without kustomize:\n%s", strings.Join(errors, "\n"))
			}
			got := startingWith(found, "warning L16 ")
			if len(got) != len(c.want) {
				t.Fatalf("want %d warnings of L16, found:\n%s", len(c.want), strings.Join(got, "\n"))
			}
			for i := range c.want {
				if !strings.Contains(got[i], c.want[i]) {
					t.Errorf("%s, want %s", got[i], c.want[i])
				}
			}
		})
	}
}

// kustomized are the findings of validate-ha, the only function of a kustomization
// of these manifests.
func kustomized(t *testing.T, manifests, kustomization string) []string {
	t.Helper()
	m := parse(t, manifests)
	nginx := m.object("ConfigMap", "harbor-nginx-config")
	dir := t.TempDir()
	files := map[string]string{
		"nginx.yaml": nginx.MustString(), "nginx.conf": krm.Text(nginx, "data", "config"),
		"kustomization.yaml": kustomization + "transformers: [validate-ha.yaml]\n",
		"validate-ha.yaml": "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: ValidateHA\nmetadata:\n  name: validate-ha\n" +
			"  annotations: {config.kubernetes.io/function: 'container: {image: localhost/krmfn:dev}'}\n",
	}
	m.drop("ConfigMap", "harbor-nginx-config")
	files["harbor.yaml"] = m.text()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "findings")
	t.Setenv(findingsFile, file)
	if _, err := render.Build(dir, render.Options{Group: functions.Group}); err != nil && !strings.Contains(err.Error(), "exit status 1") {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(golden.Read(t, file)), "\n")
}
