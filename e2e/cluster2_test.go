//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"krmfn.dev/harbor/e2e/cluster"
)

// ha2Pods is what runs of a highly available Harbor 2.x.
var ha2Pods = map[string]int{"core": 3, "jobservice": 3, "nginx": 3, "portal": 3, "registry": 3, "trivy": 3}

// corpus returns the folder of a pair of renders of the official chart, which lie
// beside the repository. Without them the test is skipped, but not in CI.
func corpus(t *testing.T, pair string) string {
	t.Helper()
	folders, err := filepath.Glob("../../shared/corpus/harbor-helm/" + pair + "-*")
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) == 1 {
		return folders[0]
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("../shared/corpus has no pair %s", pair)
	}
	t.Skipf("../shared/corpus has no pair %s", pair)
	return ""
}

// volume makes a volume of the node for whoever claims it.
func volume(t *testing.T, name, class, mode string) {
	t.Helper()
	must(t, "", fmt.Sprintf(`apiVersion: v1
kind: PersistentVolume
metadata: {name: %[1]s}
spec:
  capacity: {storage: 500Gi}
  accessModes: [%[3]s]
  storageClassName: %[2]q
  hostPath: {path: /data/%[1]s}
`, name, class, mode), "kubectl", "create", "-f", "-")
}

// createAll creates objects in a namespace.
func createAll(t *testing.T, namespace string, all []object) {
	t.Helper()
	for _, obj := range all {
		content, err := json.Marshal(obj)
		if err != nil {
			t.Fatal(err)
		}
		must(t, "", string(content), "kubectl", "create", "--namespace="+namespace, "-f", "-")
	}
}

// TestClusterHarbor2 runs harbor-2-ha, and applies what harbor-ha makes of three
// renders of the official chart. The API server takes every field, and every
// reference leads somewhere.
func TestClusterHarbor2(t *testing.T) {
	c := startCluster(t, cluster.Options{})
	t.Run("overlay", func(t *testing.T) {
		must(t, "", "", "kubectl", "create", "namespace", "overlay")
		h := harbor2(t)
		createAll(t, "overlay", h.secrets)
		for i := range 3 {
			volume(t, fmt.Sprintf("trivy-%d", i), "", "ReadWriteOnce")
		}
		apply(t, "overlay", h.rendered)
		t.Cleanup(func() { must(t, "", h.rendered, "kubectl", "delete", "--namespace=overlay", "-f", "-") })
		runs(t, c, "overlay", ha2Pods)
		all := get(t, c, "overlay", "deployments,statefulsets,services,configmaps,secrets,persistentvolumeclaims")
		for part := range ha2Pods {
			pod := podOf(t, all, kindOf(t, all, "harbor-"+part), "harbor-"+part)
			t.Logf("%s: %d variables and %d files resolved", part, len(pod.env), len(pod.files))
		}
		containerOf(t, all, "Deployment", "harbor-registry", "registryctl")
	})
	for _, pair := range []string{"h01", "h02", "h09"} {
		t.Run(pair, func(t *testing.T) {
			folder := corpus(t, pair)
			rendered := must(t, "", "", "krmfn", "harbor-ha", filepath.Join(folder, "harbor-ha.yaml"), filepath.Join(folder, "single.yaml"))
			all := objects(t, rendered)
			namespace := text(metadata(all[0]), "namespace")
			must(t, "", "", "kubectl", "create", "namespace", namespace)
			t.Cleanup(func() { must(t, "", "", "kubectl", "delete", "namespace", namespace) })
			var want []string
			taken := len(all)
			if pair == "h09" {
				// The Gateway API is not a part of Kubernetes.
				want, taken = []string{`no matches for kind "HTTPRoute" in version "gateway.networking.k8s.io/v1"`}, taken-1
			}
			r := tryApply(t, namespace, rendered)
			if got := strings.Count(r.stdout, "serverside-applied\n"); got != taken {
				t.Errorf("%d of %d objects applied:\n%s", got, taken, r.stdout)
			}
			for _, what := range want {
				if !strings.Contains(r.stderr, what) {
					t.Errorf("want %q:\n%s", what, r.stderr)
				}
			}
			if len(want) == 0 && (r.exit != 0 || r.stderr != "") {
				t.Errorf("exit status %d:\n%s", r.exit, r.stderr)
			}
		})
	}
}

// TestClusterChart follows docs/chart.md with real Helm: a Harbor of the official
// chart runs on one node, and becomes highly available.
func TestClusterChart(t *testing.T) {
	need(t, "helm")
	single := corpus(t, "h02")
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	// A chart that renders what the official one has rendered, where the commands of
	// the document find it.
	write("harbor/harbor/Chart.yaml", "apiVersion: v2\nname: harbor\nversion: 1.19.1\n")
	write("harbor/harbor/single.yaml", read(t, single, "single.yaml"))
	write("harbor/harbor/templates/single.yaml", `{{ .Files.Get "single.yaml" }}`)
	write("values.yaml", "{}\n")

	c := startCluster(t, cluster.Options{})
	must(t, "", "", "kubectl", "create", "namespace", "harbor")
	must(t, "", "", "kubectl", "config", "set-context", "--current", "--namespace=harbor")
	for i := range 8 {
		volume(t, fmt.Sprintf("volume-%d", i), "", "ReadWriteOnce")
	}
	volume(t, "shared", "cephfs", "ReadWriteMany")
	must(t, dir, "", "helm", "install", "harbor", "harbor/harbor", "--values", "values.yaml")
	singlePods := map[string]int{"core": 1, "database": 1, "jobservice": 1, "nginx": 1, "portal": 1, "redis": 1, "registry": 1, "trivy": 1}
	runs(t, c, "harbor", singlePods)

	const doc = "chart.md"
	write("redis-password", "a-password-of-redis")
	write("postgres-password", "a-password-of-postgres")
	config := read(t, "..", chartOverlay, "harbor-ha.yaml")

	// What the API server refuses is what the document says, and so is what happens
	// all the same.
	write("harbor-ha.yaml", config)
	r := run(t, dir, "", "bash", "-c", block(t, doc, "8. Upgrade the release", "sh", 0))
	refusals := regexp.MustCompile(`\w+ "[\w-]+" is invalid: .*`).FindAllString(r.stderr, -1)
	if want := block(t, doc, "What the API server refuses", "", 0); r.exit == 0 || len(refusals) != 1 || refusals[0]+"\n" != want {
		t.Errorf("exit status %d, refused is %q, want %q\n%s", r.exit, refusals, want, r.stderr)
	}
	eventually(t, "new cores start beside the old one", func() error {
		if cores := livePods(t, c, "harbor")["core"]; len(cores) < 2 {
			return fmt.Errorf("there is %d", len(cores))
		}
		return nil
	})
	if r := run(t, dir, "", "helm", "rollback", "harbor"); r.exit == 0 {
		t.Error("helm rolls back what was refused, and the document says that it does not")
	}
	follow(t, dir, doc, "8. Upgrade the release", 1)
	runs(t, c, "harbor", singlePods)

	write("harbor-images.yaml", block(t, doc, "2. The claim for the images", "yaml", 0))
	follow(t, dir, doc, "2. The claim for the images", 0)
	if keep := follow(t, dir, doc, "2. The claim for the images", 1); keep != "keep" {
		t.Errorf("the old claim has the policy %q", keep)
	}

	section := regexp.MustCompile("(?s)  cephFS:\n.*?\n  (j)")
	write("harbor-ha.yaml", section.ReplaceAllString(config, block(t, doc, "3. The function config", "yaml", 0)+"  $1"))
	follow(t, dir, doc, "4. The Secrets", 0)
	t.Log(follow(t, dir, doc, "4. The Secrets", 1))

	follow(t, dir, doc, "5. Stop Harbor", 0)
	for _, part := range []string{"core", "jobservice", "registry"} {
		if left := livePods(t, c, "harbor")[part]; len(left) != 0 {
			t.Errorf("Harbor is stopped, and %d pods of %s are left", len(left), part)
		}
	}
	write("copy-images.yaml", block(t, doc, "6. Copy the images", "yaml", 0))
	follow(t, dir, doc, "6. Copy the images", 0)
	follow(t, dir, doc, "8. Upgrade the release", 0)
	must(t, "", "", "kubectl", "delete", "job", "copy-images")
	runs(t, c, "harbor", ha2Pods)
	// kwok's kubelets start pods whatever they refer to. A real one would not.
	all := get(t, c, "harbor", "deployments,statefulsets,services,configmaps,secrets,persistentvolumeclaims")
	for part := range ha2Pods {
		podOf(t, all, kindOf(t, all, "harbor-"+part), "harbor-"+part)
	}
	const key = "not-a-secure-key" // the chart's own
	if got := podOf(t, all, "Deployment", "harbor-core").files["/etc/core/key"]; got != key {
		t.Errorf("the core has the key %q, which does not decrypt what it has stored", got)
	}
	claims := map[string]bool{}
	for _, claim := range get(t, c, "harbor", "persistentvolumeclaims") {
		claims[text(metadata(claim), "name")] = true
	}
	for _, kept := range strings.Fields(block(t, doc, "10. Clean up", "sh", 0))[7:] {
		if !claims[kept] {
			t.Errorf("%s is gone, and the document says that it stays: %v", kept, slices.Sorted(maps.Keys(claims)))
		}
	}

	// Once more changes nothing, and what is gone comes back.
	before := livePods(t, c, "harbor")
	follow(t, dir, doc, "8. Upgrade the release", 0)
	runs(t, c, "harbor", ha2Pods)
	if diff := cmp.Diff(names(before), names(livePods(t, c, "harbor"))); diff != "" {
		t.Errorf("the same once more replaces pods (-before +after):\n%s", diff)
	}
	follow(t, dir, doc, "8. Upgrade the release", 1)
	runs(t, c, "harbor", singlePods)
}

// names are the names of pods by part.
func names(pods map[string][]object) map[string][]string {
	all := map[string][]string{}
	for part, of := range pods {
		for _, pod := range of {
			all[part] = append(all[part], name(pod))
		}
		slices.Sort(all[part])
	}
	return all
}
