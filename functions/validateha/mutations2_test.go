package validateha_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
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

// clean2 satisfies every rule: pods are spread, and all Secrets are among the
// resources.
func clean2(t testing.TB, text string) string {
	m := parse(t, text)
	budgets := ""
	for _, obj := range m.items {
		if !slices.Contains([]string{"Deployment", "StatefulSet"}, obj.GetKind()) || krm.Lookup(obj, "spec", "template", "spec", "topologySpreadConstraints") != nil {
			continue
		}
		component := krm.Text(obj, "spec", "selector", "matchLabels", "app.kubernetes.io/component")
		selector := krm.Map("matchLabels", krm.Map("app.kubernetes.io/component", component))
		if err := krm.Set(&framework.ResourceList{}, obj, krm.List(krm.Map("maxSkew", 1, "topologyKey", "kubernetes.io/hostname",
			"whenUnsatisfiable", "DoNotSchedule", "labelSelector", selector)), "spec", "template", "spec", "topologySpreadConstraints"); err != nil {
			t.Fatal(err)
		}
		budgets += fmt.Sprintf("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: %s\nspec:\n  maxUnavailable: 1\n"+
			"  selector:\n    matchLabels:\n      app.kubernetes.io/component: %s\n---\n", obj.GetName(), component)
	}
	m.add(budgets)
	set("ConfigMap", "harbor-core", "redis", "data", "QUOTA_UPDATE_PROVIDER")(m)
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
