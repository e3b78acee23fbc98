package validateha_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/render"
)

func TestMain(m *testing.M) { golden.Main(m, asFunction) }

// asFunction is what the test binary does where render starts it: a KRM function.
func asFunction() int {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	o := functions.Catalog.Run(in, "")
	if file := os.Getenv(findingsFile); file != "" {
		if err := os.WriteFile(file, []byte(strings.Join(lines(o.Findings), "\n")), 0o600); err != nil {
			panic(err)
		}
	}
	if _, err := os.Stdout.Write(o.Output); err != nil || o.Failed() {
		return 1
	}
	return 0
}

// rendered is what an overlay renders.
func rendered(t testing.TB, overlay string) string {
	t.Helper()
	out, err := render.Build(filepath.Join("../../overlays", overlay), render.Options{Group: functions.Group})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// manifests are the objects that a test changes.
type manifests struct {
	items []*yaml.RNode
	t     testing.TB
}

func parse(t testing.TB, text string) *manifests {
	t.Helper()
	items, err := (&kio.ByteReader{Reader: strings.NewReader(text), OmitReaderAnnotations: true}).Read()
	if err != nil {
		t.Fatal(err)
	}
	return &manifests{items, t}
}

func (m *manifests) text() string {
	var docs []string
	for _, obj := range m.items {
		docs = append(docs, obj.MustString())
	}
	return strings.Join(docs, "---\n")
}

// object finds an object by name; a workload has the name of its component and
// -rc, a ConfigMap harbor-COMPONENT-config.
func (m *manifests) object(kind, name string) *yaml.RNode {
	for _, obj := range m.items {
		workload := kind == "Workload" && slices.Contains([]string{"ReplicationController", "Deployment", "DaemonSet", "StatefulSet"}, obj.GetKind())
		if obj.GetName() == name && (obj.GetKind() == kind || workload) {
			return obj
		}
	}
	return nil
}

func (m *manifests) add(text string) { m.items = append(m.items, parse(m.t, text).items...) }

func (m *manifests) drop(kind, name string) bool {
	before := len(m.items)
	obj := m.object(kind, name)
	m.items = slices.DeleteFunc(m.items, func(o *yaml.RNode) bool { return o == obj })
	return len(m.items) < before
}

// run runs a function of the catalog.
func run(t testing.TB, function, config, in string) krm.Outcome {
	t.Helper()
	return functions.Catalog.RunFiles(function, krm.File{Name: "config.yaml", Content: []byte(config)}, []krm.File{{Name: krm.Stdin, Content: []byte(in)}})
}

func mustRun(t testing.TB, function, config, in string) string {
	t.Helper()
	o := run(t, function, config, in)
	for _, f := range o.Findings {
		if f.Severity == framework.Error {
			t.Fatalf("%s: %s", function, f.Message)
		}
	}
	return string(o.Output)
}

// overlay is what an overlay of harbor-ha makes of the base, without those
// sections.
func overlay(t testing.TB, name string, without ...string) string {
	return overlayOf(t, golden.Base(t), name, without...)
}

func overlayOf(t testing.TB, base, name string, without ...string) string {
	config := yaml.MustParse(golden.Read(t, filepath.Join("../../overlays", name, "functions/harbor-ha.yaml")))
	for _, section := range without {
		krm.Remove(&framework.ResourceList{}, config, "spec", section)
	}
	return mustRun(t, "harbor-ha", config.MustString(), base)
}

// highlyAvailable is the overlay harbor-1.2-ha with secrets in ConfigMaps, and
// withSecret the same with them in a Secret that is not contained.
func highlyAvailable(t testing.TB) string {
	return overlay(t, "harbor-1.2-ha", "harborCfg", "secrets")
}

func withSecret(t testing.TB) string {
	return mustRun(t, "move-secrets", "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: MoveSecrets\nmetadata:\n  name: move-secrets\n", highlyAvailable(t))
}

func article(t testing.TB) string {
	return overlay(t, "harbor-1.2-article")
}

// clean satisfies every rule: Deployments that are spread and probed, one
// adminserver with a volume, and all Secrets among the resources.
func clean(t testing.TB) string {
	m := parse(t, withSecret(t))
	list := &framework.ResourceList{}
	set := func(obj *yaml.RNode, value any, path ...any) {
		if err := krm.Set(list, obj, value, path...); err != nil {
			t.Fatal(err)
		}
	}
	for _, obj := range m.items {
		if obj.GetKind() != "ReplicationController" {
			continue
		}
		name := strings.TrimSuffix(obj.GetName(), "-rc")
		set(obj, "apps/v1", "apiVersion")
		set(obj, "Deployment", "kind")
		set(obj, krm.Map("matchLabels", krm.Map("name", name+"-apps")), "spec", "selector")
		port := 80
		if name == "registry" {
			port = 5000
		}
		set(obj, krm.Map("tcpSocket", krm.Map("port", port)), "spec", "template", "spec", "containers", 0, "readinessProbe")
		switch name {
		case "jobservice":
			set(obj, krm.Map("type", "Recreate"), "spec", "strategy")
		case "adminserver":
			set(obj, 1, "spec", "replicas")
			set(obj, krm.Map("name", "store", "mountPath", "/etc/config"), "spec", "template", "spec", "containers", 0, "volumeMounts", 1)
			set(obj, krm.Map("name", "store", "persistentVolumeClaim", krm.Map("claimName", "adminserver-pvc")), "spec", "template", "spec", "volumes", 1)
		}
	}
	set(m.object("ConfigMap", "harbor-adminserver-config"), "false", "data", "RESET")
	config := m.object("ConfigMap", "harbor-registry-config")
	text := strings.Replace(krm.Text(config, "data", "config"), "layerinfo: inmemory\n", "layerinfo: redis\n", 1)
	set(config, text+"redis:\n  addr: redis.example.com:6379\n", "data", "config")
	m.add("apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: adminserver-pvc\nspec:\n  storageClassName: fast\n  accessModes: [ReadWriteMany]\n  resources:\n    requests:\n      storage: 1Gi\n")
	m.items = append(m.items, secretObjects(t)...)
	return m.text()
}

// pair is a key and its certificate, as the ui and the registry want them.
type pair struct{ key, pkcs8, certificate string }

var newPair = sync.OnceValues(func() (pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return pair{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return pair{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return pair{encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), encode("PRIVATE KEY", pkcs8), encode("CERTIFICATE", certificate)}, err
})

// another is a key that does not belong to the certificate.
var another = sync.OnceValues(func() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})), nil
})

// secretObjects are the Secrets that the overlay names, one of them marked as
// client-side configuration.
func secretObjects(t testing.TB) []*yaml.RNode {
	keys, err := newPair()
	if err != nil {
		t.Fatal(err)
	}
	secret := func(name string, data ...any) *yaml.RNode {
		return yaml.NewRNode(krm.Map("apiVersion", "v1", "kind", "Secret", "metadata", krm.Map("name", name), "stringData", krm.Map(data...)))
	}
	all := []*yaml.RNode{
		secret("harbor-secrets", "UI_SECRET", "ui-secret-1", "JOBSERVICE_SECRET", "job-secret-1", "SECRET_KEY", "0123456789abcdef",
			"HTTP_SECRET", "http-secret-1", "HARBOR_ADMIN_PASSWORD", "Password-1", "LDAP_SEARCH_PWD", "", "EMAIL_PWD", "",
			"private_key.pem", keys.key, "root.crt", keys.certificate),
		secret("harbor-database", "password", "database-1"),
		secret("harbor-redis", "password", "redis-1"),
		secret("csi-cephfs-secret", "userID", "harbor", "userKey", "key-1"),
	}
	list := &framework.ResourceList{}
	if err := krm.Set(list, all[0], "true", "metadata", "annotations", "config.kubernetes.io/local-config"); err != nil {
		t.Fatal(err)
	}
	if err := krm.Set(list, all[3], "ceph-csi", "metadata", "namespace"); err != nil {
		t.Fatal(err)
	}
	return all
}

// inNamespace gives everything the namespace that is meant for it.
func inNamespace(t testing.TB, text string) string {
	m := parse(t, text)
	for _, obj := range m.items {
		if obj.GetKind() != "PersistentVolume" && obj.GetNamespace() == "" {
			if err := obj.SetNamespace("harbor"); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m.text()
}

func (m *manifests) copy() *manifests {
	c := &manifests{t: m.t}
	for _, obj := range m.items {
		c.items = append(c.items, obj.Copy())
	}
	return c
}

// validate returns the findings, one a line: severity, rule, place, message and
// values.
func (m *manifests) validate(version string) []string { return lines(m.findings(version)) }

func (m *manifests) findings(version string) framework.Results {
	list := &framework.ResourceList{Items: m.items}
	v := validateha.ValidateHA{KubernetesVersion: version}
	if err := v.Run(list); err != nil {
		m.t.Fatal(err)
	}
	return list.Results
}

func lines(findings framework.Results) []string {
	var all []string
	for _, f := range findings {
		where := ""
		if f.ResourceRef != nil {
			where = f.ResourceRef.Kind + " " + strings.TrimPrefix(f.ResourceRef.Namespace+"/"+f.ResourceRef.Name, "/")
		}
		if f.Field != nil {
			where += " " + f.Field.Path
		}
		line := fmt.Sprintf("%s %s %s: %s", f.Severity, f.Tags["rule"], where, f.Message)
		if f.Field != nil && (f.Field.CurrentValue != nil || f.Field.ProposedValue != nil) {
			line += fmt.Sprintf(" [%v -> %v]", f.Field.CurrentValue, f.Field.ProposedValue)
		}
		all = append(all, line)
	}
	return all
}
