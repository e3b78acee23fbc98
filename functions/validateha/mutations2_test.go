package validateha_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// mutations2 are the mistakes in a Harbor 2.x.
var mutations2 = slices.Concat(generalMutations2, storageMutations2, workloadMutations2, endpointMutations2, registryMutations2, serversMutations2, secretMutations2)

// generalMutations2 are those that rules for every Harbor find.
var generalMutations2 = []mutation{
	{"images of one node", "L04", e, set("PersistentVolumeClaim", "harbor-registry", krm.List("ReadWriteOnce"), "spec", "accessModes")},
	{"ConfigMap of the core is missing", "L16", w, drop("ConfigMap", "harbor-core")},
	{"ConfigMap of the registry misspelt", "L16", e, set("ConfigMap", "harbor-registry", "harbor-registri", "metadata", "name")},
	{"key that the Secret lacks", "L16", e, cut("Secret", "harbor-secrets", "stringData", "JOBSERVICE_SECRET")},
	{"no core", "L18", e, drop("Deployment", "harbor-core")},
}

// starts2 are manifests of Harbor 2.x without an error: the overlay, and the same
// with all that it names.
func starts2(t testing.TB) map[string]start {
	makeStarts2.Do(func() {
		ha := overlayOf(t, golden.Base2(t), "harbor-2-ha")
		allStarts2 = map[string]start{
			"ha":              {parse(t, ha), today},
			"clean":           {parse(t, clean2(t, ha)), today},
			"clean-namespace": {parse(t, inNamespace(t, clean2(t, ha))), today},
		}
	})
	return allStarts2
}

var (
	makeStarts2 sync.Once
	allStarts2  map[string]start
)

// clean2 satisfies every rule: all Secrets are among the resources, and cores do not
// wait for each other.
func clean2(t testing.TB, text string) string {
	m := parse(t, text)
	core2("QUOTA_UPDATE_PROVIDER", "redis")(m)
	m.items = append(m.items, secretObjects2(t)...)
	return m.text()
}

// secretObjects2 are the Secrets that the overlay names.
func secretObjects2(t testing.TB) []*yaml.RNode {
	keys, err := newPair()
	if err != nil {
		t.Fatal(err)
	}
	secret := func(name string, data ...any) *yaml.RNode {
		return yaml.NewRNode(krm.Map("apiVersion", "v1", "kind", "Secret", "metadata", krm.Map("name", name), "stringData", krm.Map(data...)))
	}
	ceph := secret("csi-cephfs-secret", "userID", "harbor", "userKey", "key-1")
	if err := ceph.SetNamespace("ceph-csi"); err != nil {
		t.Fatal(err)
	}
	return []*yaml.RNode{
		secret("harbor-secrets", "CORE_SECRET", "core-secret-1234", "JOBSERVICE_SECRET", "job-secret-12345", "CSRF_KEY", strings.Repeat("csrf-key", 4),
			"HARBOR_ADMIN_PASSWORD", "Password-1", "REGISTRY_CREDENTIAL_PASSWORD", "registry-1", "REGISTRY_HTTP_SECRET", "http-secret-1234",
			// bcrypt of registry-1
			"REGISTRY_HTPASSWD", "harbor_registry_user:$2a$04$dP8SVTdJOlYSj.BNClh2q.w5sS0OXrOO6QRWPbUcPoMznCDnFr/76",
			"secretKey", "0123456789abcdef", "tls.key", keys.key, "tls.crt", keys.certificate),
		secret("harbor-database", "password", "database-1"),
		secret("harbor-redis", "password", "redis-1"),
		ceph,
	}
}

// TestClean2 shows that every rule can be satisfied.
func TestClean2(t *testing.T) {
	for _, name := range []string{"clean", "clean-namespace"} {
		found := starts2(t)[name].copy().validate(today)
		if len(found) > 0 {
			t.Errorf("%s: there are findings:\n%s", name, strings.Join(found, "\n"))
		}
	}
}

// core2 gives a setting of the core another value.
func core2(name, value string) change {
	return set("ConfigMap", "harbor-core", value, "data", name)
}

// registry2 replaces a part of the registry's config.yml.
func registry2(old, by string) change {
	return text("ConfigMap", "harbor-registry", old, by, "data", "config.yml")
}

// jobservice2 replaces a part of the jobservice's config.yml.
func jobservice2(old, by string) change {
	return text("ConfigMap", "harbor-jobservice", old, by, "data", "config.yml")
}

// container2 finds a part's container and the entry of its env by that name, which may
// be one after the last.
func container2(m *manifests, part, name string) (workload string, env krm.Path, there bool) {
	workload, i := "harbor-"+part, 0
	if part == "registryctl" {
		workload, i = "harbor-registry", 1
	}
	env = krm.Path{"spec", "template", "spec", "containers", i, "env"}
	all := krm.Elements(m.object("Workload", workload), env...)
	at := slices.IndexFunc(all, func(n *yaml.Node) bool { return krm.Text(yaml.NewRNode(n), "name") == name })
	if at < 0 {
		return workload, env.Append(len(all)), false
	}
	return workload, env.Append(at), true
}

// tell gives a variable of a part a value, whether it is there or not.
func tell(part, name, value string) change {
	return variable2(part, name, "value", value)
}

// variable2 gives a variable of a part a source.
func variable2(part, name, field string, source any) change {
	return func(m *manifests) bool {
		workload, at, _ := container2(m, part, name)
		return m.object("Workload", workload) != nil && put("Workload", workload, func() *yaml.Node { return yaml.CopyYNode(krm.Map("name", name, field, source)) }, at...)(m)
	}
}

// untell takes a variable of a part away.
func untell(part, name string) change {
	return func(m *manifests) bool {
		workload, at, there := container2(m, part, name)
		return there && cut("Workload", workload, at...)(m)
	}
}
