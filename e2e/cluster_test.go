//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"krmfn.dev/harbor/e2e/cluster"
)

// startCluster starts a cluster of the test's own, and makes kubectl use it.
func startCluster(t *testing.T, options cluster.Options) *cluster.Cluster {
	t.Helper()
	need(t, "go", "kubectl", "krmfn")
	programs, err := cluster.Programs(t.Context(), "cluster/programs", t.Output())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	c, err := cluster.Start(t.Context(), programs, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Failed(); err != nil {
			t.Error(err)
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	for name, value := range c.Env() {
		t.Setenv(name, value)
	}
	t.Logf("cluster of %d nodes ready after %.1fs:\n%s", len(cluster.Nodes), time.Since(start).Seconds(),
		must(t, "", "", "kubectl", "version"))
	return c
}

// apply applies manifests as the README says and wants the warnings of the API
// server to be exactly these.
func apply(t *testing.T, namespace, manifests string, warnings ...string) {
	t.Helper()
	r := tryApply(t, namespace, manifests)
	if r.exit != 0 {
		t.Fatalf("kubectl apply: exit status %d\n%s", r.exit, r.stderr)
	}
	same(t, "what kubectl apply warns about", strings.Join(warnings, "\n"), strings.TrimSpace(r.stderr))
	want, got := len(objects(t, manifests)), strings.Count(r.stdout, "serverside-applied\n")
	if got != want {
		t.Errorf("%d of %d objects applied:\n%s", got, want, r.stdout)
	}
	t.Logf("%d objects applied, %d warnings", got, len(warnings))
}

// tryApply applies manifests, to the namespace that they name if none is given. A
// field that the API does not know is an error.
func tryApply(t *testing.T, namespace, manifests string) result {
	t.Helper()
	return run(t, "", manifests, "kubectl", "apply", "--server-side", "--validate=strict", "--namespace="+namespace, "-f", "-")
}

// get reads objects back from the API server.
func get(t *testing.T, c *cluster.Cluster, namespace string, args ...string) []object {
	t.Helper()
	out, err := c.Kubectl(t.Context(), "", append([]string{"get", "--namespace=" + namespace, "-o", "json"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Items []object }
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Items
}

// eventually waits until there is no error, and logs how long that took.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	start := time.Now()
	for {
		err := check()
		if err == nil {
			t.Logf("%s after %.1fs", what, time.Since(start).Seconds())
			return
		}
		if time.Since(start) > 90*time.Second {
			t.Fatalf("%s: not after %.0fs: %v\n%s", what, time.Since(start).Seconds(), err,
				run(t, "", "", "kubectl", "get", "pods,pvc,events", "--all-namespaces", "-o", "wide").stdout)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// component is the label that Harbor's pods and selectors have: of 1.2 without -apps.
func component(labels object) string {
	if part := text(labels, "app.kubernetes.io/component"); part != "" {
		return part
	}
	return strings.TrimSuffix(text(labels, "name"), "-apps")
}

// ready says whether a condition of an object is true.
func ready(obj object, condition string) bool {
	for _, c := range list(at(obj, "status")["conditions"]) {
		if c, _ := c.(object); text(c, "type") == condition {
			return text(c, "status") == "True"
		}
	}
	return false
}

// livePods are the pods that are not about to go, by component.
func livePods(t *testing.T, c *cluster.Cluster, namespace string) map[string][]object {
	t.Helper()
	pods := map[string][]object{}
	for _, pod := range get(t, c, namespace, "pods") {
		if metadata(pod)["deletionTimestamp"] == nil {
			of := component(at(pod, "metadata", "labels"))
			pods[of] = append(pods[of], pod)
		}
	}
	return pods
}

// runs waits until there are so many pods of each component and no others, all
// ready, and logs where they are.
func runs(t *testing.T, c *cluster.Cluster, namespace string, want map[string]int) {
	t.Helper()
	var where []string
	eventually(t, fmt.Sprintf("pods %v of namespace %s are ready", want, namespace), func() error {
		got := map[string]int{}
		where = nil
		for component, pods := range livePods(t, c, namespace) {
			var nodes []string
			for _, pod := range pods {
				if !ready(pod, "Ready") {
					return fmt.Errorf("%s is not ready", name(pod))
				}
				nodes = append(nodes, text(at(pod, "spec"), "nodeName"))
			}
			got[component] = len(pods)
			slices.Sort(nodes)
			where = append(where, component+" on "+strings.Join(nodes, ", "))
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("there are %v", got)
		}
		return nil
	})
	slices.Sort(where)
	t.Log(strings.Join(where, "; "))
}

// bound waits until claims are bound, each to the volume of the given name.
func bound(t *testing.T, c *cluster.Cluster, namespace string, want map[string]string) {
	t.Helper()
	eventually(t, fmt.Sprintf("claims are bound to volumes: %v", want), func() error {
		got := map[string]string{}
		for _, claim := range get(t, c, namespace, "persistentvolumeclaims") {
			if text(at(claim, "status"), "phase") == "Bound" {
				got[text(metadata(claim), "name")] = text(at(claim, "spec"), "volumeName")
			}
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("bound are %v", got)
		}
		return nil
	})
}

// served waits until each Service of Harbor has as many ready endpoints as there
// are pods.
func served(t *testing.T, c *cluster.Cluster, namespace string, want map[string]int) {
	t.Helper()
	eventually(t, fmt.Sprintf("Services have ready endpoints: %v", want), func() error {
		got := map[string]int{}
		for _, slice := range get(t, c, namespace, "endpointslices") {
			got[serviceOf(slice)] += readyEndpoints(slice, "")
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("there are %v", got)
		}
		return nil
	})
}

// What runs of a highly available Harbor, and of the base. The names of the
// Services are those of the components.
var (
	haPods   = map[string]int{"adminserver": 3, "jobservice": 1, "nginx": 3, "registry": 3, "ui": 3}
	basePods = map[string]int{"adminserver": 1, "jobservice": 1, "mysql": 1, "nginx": 1, "registry": 1, "ui": 1}
)

// The claims and their volumes.
var (
	haVolumes   = map[string]string{"log-pvc": "log-pv", "registry-pvc": "registry-pv"}
	baseVolumes = map[string]string{"log-pvc": "log-pv", "registry-pvc": "registry-pv", "storage-pvc": "storage-pv"}
)

func renderBase(t *testing.T) string {
	t.Helper()
	return must(t, "", "", "kubectl", "kustomize", "../base/harbor-1.2")
}

// inTreeWarning is what the API server says about a PersistentVolume of the
// article's overlay (Kubernetes 1.28 and later, pkg/api/persistentvolume/util.go).
const inTreeWarning = "Warning: spec.cephfs: deprecated in v1.28, non-functional in v1.31+"

// TestClusterAccepts applies every overlay, and the base, to an API server that
// takes no field it does not know.
func TestClusterAccepts(t *testing.T) {
	c := startCluster(t, cluster.Options{})
	dir := tree(t)
	manifests := map[string]string{"base": renderBase(t)}
	for _, overlay := range overlays(t) {
		manifests[overlay] = must(t, dir, "", "krmfn", "render", "overlays/"+overlay)
	}
	warnings := map[string][]string{
		"harbor-1.2-article": {inTreeWarning}, // kubectl prints the same warning once
	}
	// What Harbor's own manifests have, and what the article ends with.
	keys := map[string]map[string]int{
		"base": {
			"harbor-adminserver-config": 42, "harbor-jobservice-config": 8, "harbor-mysql-config": 1,
			"harbor-nginx-config": 3, "harbor-registry-config": 2, "harbor-ui-config": 8,
		},
		"harbor-1.2-article": {
			"harbor-adminserver-config": 42, "harbor-jobservice-config": 8,
			"harbor-nginx-config": 3, "harbor-registry-config": 2, "harbor-ui-config": 8 + 1, // _REDIS_URL
		},
	}
	for _, overlay := range slices.Sorted(maps.Keys(manifests)) {
		t.Run(overlay, func(t *testing.T) {
			// Volumes and node ports are the cluster's: make room for the next.
			t.Cleanup(func() {
				must(t, "", manifests[overlay], "kubectl", "delete", "--ignore-not-found", "-f", "-")
			})
			apply(t, "", manifests[overlay], warnings[overlay]...)
			if want, ok := keys[overlay]; ok {
				checkKeys(t, c, want)
			}
		})
	}
	t.Run("a typo is refused", func(t *testing.T) {
		right := manifests["harbor-1.2-ha"]
		t.Cleanup(func() { must(t, "", right, "kubectl", "delete", "--ignore-not-found", "-f", "-") })
		wrong := strings.Replace(right, "persistentVolumeReclaimPolicy", "persistentVolumeReclaimPolice", 1)
		r := tryApply(t, "", wrong)
		if r.exit == 0 || !strings.Contains(r.stderr, "persistentVolumeReclaimPolice") {
			t.Errorf("exit status %d:\n%s", r.exit, r.stderr)
		}
	})
}

// deployHA applies harbor-1.2-ha with its Secrets, and waits until it runs.
func deployHA(t *testing.T, c *cluster.Cluster, dir string) harbor {
	t.Helper()
	h := makeHarbor(t, dir)
	applySecrets(t, h)
	apply(t, "", h.rendered)
	runs(t, c, "default", haPods)
	served(t, c, "default", haPods)
	return h
}

// applySecrets applies the Secrets. The namespace of the CSI driver is there in a
// cluster that has the driver.
func applySecrets(t *testing.T, h harbor) {
	t.Helper()
	must(t, "", "", "kubectl", "create", "namespace", "ceph-csi")
	for _, secret := range h.secrets {
		content, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		must(t, "", string(content), "kubectl", "create", "-f", "-")
	}
}

// TestClusterHarbor runs harbor-1.2-ha, and looks at what the API server and the
// controllers made of it.
func TestClusterHarbor(t *testing.T) {
	c := startCluster(t, cluster.Options{})
	deployHA(t, c, tree(t))
	bound(t, c, "default", haVolumes)

	volumes := get(t, c, "", "persistentvolumes")
	if len(volumes) != len(haVolumes) {
		t.Errorf("there are %d volumes", len(volumes))
	}
	for _, volume := range volumes {
		spec := at(volume, "spec")
		if modes := fmt.Sprint(spec["accessModes"]); modes != "[ReadWriteMany]" || text(at(spec, "csi"), "driver") != "cephfs.csi.ceph.com" {
			t.Errorf("%s has access modes %s and csi %v", name(volume), modes, spec["csi"])
		}
	}
	for _, claim := range get(t, c, "default", "persistentvolumeclaims") {
		if modes := fmt.Sprint(at(claim, "status")["accessModes"]); modes != "[ReadWriteMany]" {
			t.Errorf("%s has access modes %s", name(claim), modes)
		}
	}

	// Of the keys that Harbor's own manifests have, move-secrets takes 7, 3, 2, 1 and
	// 4 away. apply-harbor-cfg adds EMAIL_INSECURE. _REDIS_URL refers to a Secret and
	// so is in no ConfigMap.
	checkKeys(t, c, map[string]int{
		"harbor-adminserver-config": 42 - 7 + 1,
		"harbor-jobservice-config":  8 - 3,
		"harbor-nginx-config":       3 - 2,
		"harbor-registry-config":    2 - 1,
		"harbor-ui-config":          8 - 4,
	})

	for _, slice := range get(t, c, "default", "endpointslices") {
		for _, e := range list(slice["endpoints"]) {
			endpoint, _ := e.(object)
			if pod := text(at(endpoint, "targetRef"), "name"); !strings.HasPrefix(pod, serviceOf(slice)+"-rc-") {
				t.Errorf("Service %s selects %s", serviceOf(slice), pod)
			}
		}
	}

	var nodePorts []any
	for _, service := range get(t, c, "default", "services") {
		for _, p := range list(at(service, "spec")["ports"]) {
			port, _ := p.(object)
			if port["nodePort"] != nil {
				nodePorts = append(nodePorts, text(metadata(service), "name"), port["nodePort"])
			}
		}
	}
	if got := fmt.Sprint(nodePorts); got != "[nginx 31777]" {
		t.Errorf("node ports are %s", got)
	}

	// kwok's kubelets start pods whatever they refer to. A real one would not.
	all := get(t, c, "default", "replicationcontrollers,services,configmaps,secrets,persistentvolumeclaims")
	for component := range haPods {
		pod := podOf(t, all, "ReplicationController", component+"-rc")
		t.Logf("%s: %d variables and %d files resolved", component, len(pod.env), len(pod.files))
	}
	validateLive(t, c)
}

// validateLive validates what runs, with all that the API server and the
// controllers have added to it: no error, and with a mistake an error.
func validateLive(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	live := func() result {
		out, err := c.Kubectl(t.Context(), "", "get", "--all-namespaces", "-o", "yaml", "rc,pod,svc,cm,secret,pvc,pv")
		if err != nil {
			t.Fatal(err)
		}
		return run(t, "", out, "krmfn", "validate", "--verbose")
	}
	if r := live(); r.exit != 0 || strings.Contains(r.stdout, "cannot be seen") || !strings.Contains(r.stdout, "0 errors, ") {
		t.Errorf("exit status %d:\n%s%s", r.exit, r.stdout, r.stderr)
	} else {
		t.Log(r.stdout)
	}
	must(t, "", "", "kubectl", "scale", "--replicas=2", "rc", "jobservice-rc")
	if r := live(); r.exit != 1 || !strings.Contains(r.stdout, "  L10  ") || !strings.Contains(r.stdout, "1 error, ") {
		t.Errorf("with two jobservices: exit status %d\n%s%s", r.exit, r.stdout, r.stderr)
	}
}

// checkKeys compares how many keys ConfigMaps have.
func checkKeys(t *testing.T, c *cluster.Cluster, want map[string]int) {
	t.Helper()
	keys := map[string]int{}
	for _, configMap := range get(t, c, "default", "configmaps") {
		keys[text(metadata(configMap), "name")] = len(at(configMap, "data"))
	}
	delete(keys, "kube-root-ca.crt") // of every namespace
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys of ConfigMaps (-want +got):\n%s", diff)
	}
	t.Logf("keys of ConfigMaps: %v", keys)
}

// TestClusterUpgrade follows docs/upgrade.md: harbor-1.2-ha over a base that runs.
// The API server refuses to change volumes in place, and takes them under new
// names.
func TestClusterUpgrade(t *testing.T) {
	c := startCluster(t, cluster.Options{})
	apply(t, "", renderBase(t))
	runs(t, c, "default", basePods)
	bound(t, c, "default", baseVolumes)
	before := livePods(t, c, "default")

	dir := tree(t)
	h := makeHarbor(t, dir)
	applySecrets(t, h)
	r := tryApply(t, "", h.rendered)
	for line := range strings.Lines(r.stderr) {
		if strings.HasPrefix(line, "Error") {
			t.Log(strings.TrimSpace(line))
		}
	}
	const (
		source = "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n"
		spec   = "[spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"
	)
	immutable := map[string]string{
		`PersistentVolume "log-pv"`:            source,
		`PersistentVolume "registry-pv"`:       source,
		`PersistentVolumeClaim "log-pvc"`:      spec,
		`PersistentVolumeClaim "registry-pvc"`: spec,
	}
	for obj, reason := range immutable {
		if !strings.Contains(r.stderr, obj+" is invalid: "+reason) {
			t.Errorf("%s: want it refused: %s", obj, reason)
		}
	}
	applied, want := strings.Count(r.stdout, "serverside-applied\n"), len(objects(t, h.rendered))-len(immutable)
	if r.exit == 0 || applied != want || strings.Count(r.stderr, " is invalid: ") != len(immutable) {
		t.Errorf("exit status %d, %d objects applied, want %d:\n%s%s", r.exit, applied, want, r.stdout, r.stderr)
	}

	// What was applied raises the numbers, but a ReplicationController replaces no
	// pod for a new template: the base's go on.
	mixed := maps.Clone(haPods)
	mixed["mysql"] = 1
	runs(t, c, "default", mixed)
	after := livePods(t, c, "default")
	for component, pods := range before {
		if !slices.ContainsFunc(after[component], func(pod object) bool { return name(pod) == name(pods[0]) }) {
			t.Errorf("%s is gone", name(pods[0]))
		}
	}

	if managers := follow(t, dir, "upgrade.md", "5. How the base was applied", 0); !strings.Contains(managers, "kubectl Apply\n") {
		t.Errorf("the base was applied by\n%s", managers)
	}
	follow(t, dir, "upgrade.md", "6. Stop Harbor", 0)
	if left := livePods(t, c, "default"); len(left) != 1 || len(left["mysql"]) != 1 {
		t.Errorf("Harbor is stopped, and these pods are left: %v", slices.Sorted(maps.Keys(left)))
	}
	renameVolumes(t, dir)
	follow(t, dir, "upgrade.md", "9. Apply the overlay", 1)
	runs(t, c, "default", haPods)
	served(t, c, "default", haPods)
	both := maps.Clone(baseVolumes)
	maps.Copy(both, renamedVolumes)
	bound(t, c, "default", both)

	versions := resourceVersions(t, c)
	apply(t, "", must(t, dir, "", "krmfn", "render", "overlays/harbor-1.2-ha"))
	if diff := cmp.Diff(versions, resourceVersions(t, c)); diff != "" {
		t.Errorf("applied again, objects change (-before +after):\n%s", diff)
	}
	t.Logf("applied again: %d objects are as they were", len(versions))

	before = livePods(t, c, "default")
	follow(t, dir, "operate.md", "Change a setting", 0)
	follow(t, dir, "operate.md", "Change a setting", 1)
	runs(t, c, "default", haPods)
	after = livePods(t, c, "default")
	for component := range haPods {
		replaced := !slices.ContainsFunc(after[component], func(pod object) bool {
			return slices.ContainsFunc(before[component], func(old object) bool { return name(pod) == name(old) })
		})
		if want := component != "nginx" && component != "registry"; replaced != want {
			t.Errorf("%s: all pods are replaced: %t, want %t", component, replaced, want)
		}
	}
	follow(t, dir, "operate.md", "Change a setting", 2)
}

// follow runs the n-th block of commands below a heading of a document, and
// returns what it prints.
func follow(t *testing.T, dir, document, heading string, n int) string {
	t.Helper()
	return must(t, dir, "", "bash", "-euo", "pipefail", "-c", block(t, document, heading, "sh", n))
}

// block returns the n-th block of a language below a heading of a document.
func block(t *testing.T, document, heading, language string, n int) string {
	t.Helper()
	_, section, ok := strings.Cut(read(t, "../docs/"+document), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(section, -1)
	if !ok || n >= len(blocks) {
		t.Fatalf("%s has %d blocks of %s below %q, want number %d", document, len(blocks), language, heading, n)
	}
	return blocks[n][1]
}

// TestClusterUpgradeOtherManager applies harbor-1.2-ha server-side over a base that
// was applied client-side, as docs/upgrade.md says not to, and follows it then.
func TestClusterUpgradeOtherManager(t *testing.T) {
	startCluster(t, cluster.Options{})
	must(t, "", renderBase(t), "kubectl", "apply", "-f", "-")
	dir := tree(t)
	renameVolumes(t, dir)
	renamed := must(t, dir, "", "krmfn", "render", "overlays/harbor-1.2-ha")

	r := tryApply(t, "", renamed)
	if !strings.Contains(r.stderr, `conflict with "kubectl-client-side-apply" using v1: .spec.type`) {
		t.Errorf("there is no conflict:\n%s", r.stderr)
	}
	force := run(t, "", renamed, "kubectl", "apply", "--server-side", "--force-conflicts", "-f", "-")
	if managers := follow(t, dir, "upgrade.md", "5. How the base was applied", 0); !strings.Contains(managers, "kubectl-client-side-apply Update\n") {
		t.Errorf("the base was applied by\n%s", managers)
	}
	for _, r := range []result{r, force} {
		if r.exit == 0 || !strings.Contains(r.stderr, `ReplicationController "nginx-rc" is invalid: [spec.template.spec.volumes[0].projected: Forbidden: may not specify more than 1 volume type`) {
			t.Errorf("exit status %d:\n%s", r.exit, r.stderr)
		}
	}

	follow(t, dir, "upgrade.md", "9. Apply the overlay", 0)
	apply(t, "", renamed)
}

// renamedVolumes are the claims of harbor-1.2-ha under new names, and their
// volumes.
var renamedVolumes = map[string]string{"harbor-log": "harbor-log", "harbor-registry": "harbor-registry"}

// renameVolumes gives new names to the volumes of harbor-1.2-ha.
func renameVolumes(t *testing.T, dir string) {
	t.Helper()
	const config = "overlays/harbor-1.2-ha/functions/harbor-ha.yaml"
	for _, volume := range []string{"log", "registry"} {
		path := "path: /apps/harbor-k8s/" + volume + "\n"
		if err := edit(filepath.Join(dir, config), path, path+"        name: harbor-"+volume+"\n"); err != nil {
			t.Fatal(err)
		}
	}
}

// resourceVersions of all that is applied. Each change of an object gives it
// another one.
func resourceVersions(t *testing.T, c *cluster.Cluster) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, obj := range get(t, c, "default", "configmaps,services,persistentvolumes,persistentvolumeclaims,replicationcontrollers") {
		versions[name(obj)] = text(metadata(obj), "resourceVersion")
	}
	return versions
}

// deployBoth runs the base and harbor-1.2-ha side by side, so that the same
// happens to both. It returns watches of their Services.
func deployBoth(t *testing.T, c *cluster.Cluster) (base, ha *endpoints) {
	t.Helper()
	must(t, "", "", "kubectl", "create", "namespace", "base")
	apply(t, "base", renderBase(t))
	dir := tree(t)
	renameVolumes(t, dir)
	deployHA(t, c, dir)
	runs(t, c, "base", basePods)
	return watchEndpoints(t, "base", basePods), watchEndpoints(t, "default", haPods)
}

// replicated wants each Service to have had a ready endpoint all the time, except
// that of the jobservice, of which there can be one only.
func replicated(t *testing.T, least map[string]int) {
	t.Helper()
	for _, component := range []string{"adminserver", "nginx", "registry", "ui"} {
		if least[component] < 1 {
			t.Errorf("%s had no ready endpoint for a time", component)
		}
	}
}

// TestClusterDrain drains one node after the other, as an upgrade of the nodes
// does.
func TestClusterDrain(t *testing.T) {
	c := startCluster(t, cluster.Options{})
	base, ha := deployBoth(t, c)
	for _, node := range cluster.Nodes {
		must(t, "", "", "kubectl", "drain", node.Name)
		runs(t, c, "default", haPods)
		served(t, c, "default", haPods)
		runs(t, c, "base", basePods)
		must(t, "", "", "kubectl", "uncordon", node.Name)
		t.Logf("ready endpoints up to the drain of %s, at least: %v; of the base: %v", node.Name, ha.minimum(), base.minimum())
	}
	replicated(t, ha.minimum())
	// Each node was drained, so that each pod of the base had to go once.
	for component := range basePods {
		if least := base.minimum()[component]; least != 0 {
			t.Errorf("%s of the base had %d ready endpoints all the time", component, least)
		}
	}

	// Pods that started together on the only node there was stay there together,
	// and a drain takes them one by one.
	must(t, "", "", "kubectl", "cordon", "node-1", "node-2")
	must(t, "", "", "kubectl", "delete", "pod", "--selector=name=nginx-apps")
	runs(t, c, "default", haPods)
	must(t, "", "", "kubectl", "uncordon", "node-1", "node-2")
	ha.begin("")
	must(t, "", "", "kubectl", "drain", "node-3", "--pod-selector=name=nginx-apps")
	least := ha.minimum()["nginx"]
	t.Logf("ready endpoints of nginx, drained from one node, at least: %d", least)
	if least < 1 {
		t.Error("nginx had no ready endpoint for a time: its PodDisruptionBudget did not hold up the drain")
	}
}

// TestClusterSpread wants the pods of each part on as many nodes as there are, in
// zones of their own and on nodes without a zone.
func TestClusterSpread(t *testing.T) {
	c := startCluster(t, cluster.Options{})
	_, _ = deployBoth(t, c)
	for _, zones := range []string{"zones", "no zones"} {
		if zones == "no zones" {
			must(t, "", "", "kubectl", "label", "nodes", "--all", "topology.kubernetes.io/zone-")
			must(t, "", "", "kubectl", "delete", "pods", "--all")
			runs(t, c, "default", haPods)
		}
		for _, component := range []string{"adminserver", "nginx", "registry", "ui"} {
			nodes := strings.Fields(must(t, "", "", "kubectl", "get", "pods", "--selector=name="+component+"-apps", "-o", "jsonpath={.items[*].spec.nodeName}"))
			slices.Sort(nodes)
			if len(nodes) != 3 || len(slices.Compact(nodes)) != 3 {
				t.Errorf("%s: pods of %s are on %v", zones, component, nodes)
			}
		}
	}
}

// TestClusterNodeLoss takes the power from a node.
func TestClusterNodeLoss(t *testing.T) {
	// Kubernetes' own times are 50s and 5m.
	c := startCluster(t, cluster.Options{NodeMonitorGracePeriod: 15 * time.Second, UnreachableToleration: 3 * time.Second})
	base, ha := deployBoth(t, c)
	lost := text(at(livePods(t, c, "base")["registry"][0], "spec"), "nodeName")
	var onLost []string
	for component, pods := range livePods(t, c, "base") {
		if text(at(pods[0], "spec"), "nodeName") == lost {
			onLost = append(onLost, component)
		}
	}

	// Until Kubernetes takes notice, requests go to the lost node too. Count for
	// the overlay what is left from the beginning.
	base.begin("")
	ha.begin(lost)
	c.KillNode(lost)
	t.Logf("%s is lost, with %v of the base", lost, onLost)
	eventually(t, "Kubernetes takes notice", func() error {
		for _, node := range get(t, c, "", "nodes") {
			if text(metadata(node), "name") == lost && ready(node, "Ready") {
				return fmt.Errorf("%s is ready", lost)
			}
		}
		return nil
	})
	for _, namespace := range []string{"default", "base"} {
		eventually(t, "no pod of namespace "+namespace+" is meant to run there", func() error {
			for _, pods := range livePods(t, c, namespace) {
				for _, pod := range pods {
					if text(at(pod, "spec"), "nodeName") == lost {
						return fmt.Errorf("%s is", name(pod))
					}
				}
			}
			return nil
		})
	}
	runs(t, c, "default", haPods)
	served(t, c, "default", haPods)
	runs(t, c, "base", basePods)
	t.Logf("ready endpoints, at least: %v; of the base: %v", ha.minimum(), base.minimum())
	replicated(t, ha.minimum())
	for _, component := range onLost {
		if least := base.minimum()[component]; least != 0 {
			t.Errorf("%s of the base had %d ready endpoints all the time", component, least)
		}
	}

	// The base's registry starts on another node, and its images do not: nothing
	// keeps the pod where the folder is.
	for _, volume := range get(t, c, "", "persistentvolumes") {
		if text(metadata(volume), "name") == "registry-pv" && (at(volume, "spec")["hostPath"] == nil || at(volume, "spec")["nodeAffinity"] != nil) {
			t.Errorf("registry-pv of the base is %v", volume["spec"])
		}
	}
}

// TestClusterPodSecurity enforces Pod Security levels: the overlay needs no more
// than baseline allows.
func TestClusterPodSecurity(t *testing.T) {
	c := startCluster(t, cluster.Options{})
	must(t, "", "", "kubectl", "create", "namespace", "harbor")
	const level = "pod-security.kubernetes.io/enforce="
	must(t, "", "", "kubectl", "label", "namespace", "harbor", level+"baseline")
	apply(t, "harbor", must(t, tree(t), "", "krmfn", "render", "overlays/harbor-1.2-ha"))
	runs(t, c, "harbor", haPods)

	r := run(t, "", "", "kubectl", "label", "--overwrite", "namespace", "harbor", level+"restricted")
	t.Logf("exit status %d:\n%s", r.exit, r.stderr)
	must(t, "", "", "kubectl", "delete", "--namespace=harbor", "pod", "--all")
	for component := range haPods {
		eventually(t, "restricted refuses pods of "+component, func() error {
			rc, err := c.Kubectl(t.Context(), "", "get", "--namespace=harbor", "rc", component+"-rc", "-o", "jsonpath={.status.conditions[?(@.type==\"ReplicaFailure\")].message}")
			if err == nil && !strings.Contains(rc, `violates PodSecurity "restricted:latest"`) {
				err = fmt.Errorf("its condition is %q", rc)
			}
			return err
		})
	}
	if pods := get(t, c, "harbor", "pods"); len(pods) > 0 {
		t.Errorf("there are %d pods", len(pods))
	}
}

// TestClusterDefaultClass has a default StorageClass, as most clusters have. It
// takes the base's claims, which name no class; the overlay's want none.
func TestClusterDefaultClass(t *testing.T) {
	c := startCluster(t, cluster.Options{})
	must(t, "", `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: standard
  annotations:
    storageclass.kubernetes.io/is-default-class: "true"
provisioner: example.com/any
`, "kubectl", "create", "-f", "-")

	base := renderBase(t)
	apply(t, "", base)
	// The controller has looked at a claim when it says what the claim waits for.
	eventually(t, "the base's claims wait for a volume of the default class", func() error {
		waiting := map[string]bool{}
		for _, event := range get(t, c, "default", "events") {
			if text(event, "reason") == "ExternalProvisioning" {
				waiting[text(at(event, "involvedObject"), "name")] = true
			}
		}
		for claim := range baseVolumes {
			if !waiting[claim] {
				return fmt.Errorf("%s does not", claim)
			}
		}
		return nil
	})
	for _, claim := range get(t, c, "default", "persistentvolumeclaims") {
		class, phase := text(at(claim, "spec"), "storageClassName"), text(at(claim, "status"), "phase")
		if class != "standard" || phase != "Pending" {
			t.Errorf("%s of the base has class %q and is %s", name(claim), class, phase)
		}
	}
	must(t, "", base, "kubectl", "delete", "-f", "-")

	apply(t, "", must(t, tree(t), "", "krmfn", "render", "overlays/harbor-1.2-ha"))
	bound(t, c, "default", haVolumes)
	runs(t, c, "default", haPods)
}
