package validateha_test

import (
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// each changes every object.
func each(c func(obj *yaml.RNode) error) change {
	return func(m *manifests) bool {
		for _, obj := range m.items {
			if err := c(obj); err != nil {
				m.t.Fatal(err)
			}
		}
		return true
	}
}

func walk(node *yaml.Node, visit func(*yaml.Node)) {
	visit(node)
	for _, n := range node.Content {
		walk(n, visit)
	}
}

// shuffled puts the keys of every mapping into another order.
func shuffled(obj *yaml.RNode) error {
	random := rand.New(rand.NewSource(1))
	walk(obj.YNode(), func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			return
		}
		pairs := slices.Collect(slices.Chunk(slices.Clone(n.Content), 2))
		random.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		n.Content = slices.Concat(pairs...)
	})
	return nil
}

// prefixed renames what references lead to, as kustomize does with a namePrefix
// while functions run: the references still hold the old names.
func prefixed(obj *yaml.RNode) error {
	if !slices.Contains([]string{"ConfigMap", "Secret", "PersistentVolume", "PersistentVolumeClaim"}, obj.GetKind()) {
		return nil
	}
	old := obj.GetName()
	if err := obj.SetName("prefix-" + old); err != nil {
		return err
	}
	annotations := obj.GetAnnotations()
	annotations["internal.config.kubernetes.io/previousNames"] = old
	annotations["internal.config.kubernetes.io/previousNamespaces"] = "default"
	return obj.SetAnnotations(annotations)
}

// harmless are edits that change no finding.
var harmless = map[string]change{
	"labels": each(func(obj *yaml.RNode) error {
		return obj.PipeE(yaml.SetLabel("team", "a"))
	}),
	"annotations": each(func(obj *yaml.RNode) error {
		return obj.PipeE(yaml.SetAnnotation("team", "a"))
	}),
	"comments": each(func(obj *yaml.RNode) error {
		walk(obj.YNode(), func(n *yaml.Node) { n.HeadComment = "a comment" })
		return nil
	}),
	"order of keys": each(shuffled),
	"style of scalars": each(func(obj *yaml.RNode) error {
		walk(obj.YNode(), func(n *yaml.Node) {
			if n.Kind == yaml.ScalarNode && n.ShortTag() == yaml.NodeTagString {
				n.Style = yaml.DoubleQuotedStyle
			}
		})
		return nil
	}),
	"pod labels": put("Workload", "ui-rc", "a", "spec", "template", "metadata", "labels", "team"),
	"prefix of names": each(func(obj *yaml.RNode) error {
		if obj.GetName() == "csi-cephfs-secret" {
			return nil // kustomize does not change references in a PersistentVolume
		}
		return prefixed(obj)
	}),
	"another object": add("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {a: b}\n"),
	"another application": func(m *manifests) bool {
		m.add(`apiVersion: apps/v1
kind: Deployment
metadata: {name: other}
spec:
  replicas: 3
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec:
      containers: [{name: other, image: "example.com/other"}]
      volumes: [{name: a, persistentVolumeClaim: {claimName: other}}, {name: b, configMap: {name: other}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: other}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {type: NodePort, selector: {app: other}, ports: [{port: 80, nodePort: 30001}]}
`)
		return true
	},
	"client-side configuration": add("apiVersion: v1\nkind: Service\nmetadata: {name: nginx-2, annotations: {config.kubernetes.io/local-config: 'true'}}\nspec: {type: NodePort, selector: {name: nginx-apps}, ports: [{port: 80, nodePort: 80}]}\n"),
	"log level":                 set("ConfigMap", "harbor-ui-config", "info", "data", "LOG_LEVEL"),
	"mirror of an image":        set("Workload", "adminserver-rc", "mirror.example.com:5000/vmware/harbor-adminserver:v1.2.0", inPod("image")...),
	"image of another name":     set("Workload", "adminserver-rc", "mirror.example.com/admin:1", inPod("image")...),
	"resources":                 put("Workload", "ui-rc", mapping("requests", krm.Map("cpu", "1")), inPod("resources")...),
	"variable of no meaning":    give("ui", "TEAM", "a"),
	"the path of a key":         give("ui", "MONITORING_KEY", "/etc/monitoring/key"),
	"a switch called secret":    give("ui", "SHOW_SECRET", "false"),
	"a number called token":     give("ui", "MAX_TOKEN", "30"),
	"a URL with a user alone":   give("ui", "HTTP_PROXY", "http://me@proxy.example.com:3128"),
	"an escaped dollar":         give("ui", "TEAM", "$$(NOT_SET)"),
	"comment in a text":         inConfig("version: 0.1\n", "# a comment\nversion: 0.1\n"),
	"comment in nginx.conf":     text("ConfigMap", "harbor-nginx-config", "listen 80;", "# listen 8080; }\n listen 80;", "data", "config"),
	"quotes in nginx.conf":      text("ConfigMap", "harbor-nginx-config", "server ui:80;", "server \"ui:80\";", "data", "config"),
	"another listen":            text("ConfigMap", "harbor-nginx-config", "listen 80;", "listen 80; listen [::]:80;", "data", "config"),
	"a deeper folder":           inConfig("rootdirectory: /storage", "rootdirectory: /storage/registry"),
	"a smaller claim":           set("PersistentVolumeClaim", "registry-pvc", "5000Mi", request...),
	"an equal size":             set("PersistentVolumeClaim", "registry-pvc", "5120Mi", request...),
	"more modes of a volume":    set("PersistentVolume", "registry-pv", list("ReadWriteOnce", "ReadWriteMany"), claimModes...),
	"volumeName":                put("PersistentVolumeClaim", "registry-pvc", "registry-pv", "spec", "volumeName"),
	"a volume of somebody else": add("apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: other}\nspec: {capacity: {storage: 1Ti}, accessModes: [ReadWriteMany], nfs: {server: a, path: /}}\n"),
	"an address in capitals":    set("ConfigMap", "harbor-adminserver-config", "http://HUB.example.com:31777", "data", "EXT_ENDPOINT"),
	"the whole name of a Service": func(m *manifests) bool {
		name := "http://registry:5000"
		if ns := m.items[0].GetNamespace(); ns != "" {
			name = "http://registry." + ns + ".svc.cluster.local:5000"
		}
		return set("ConfigMap", "harbor-adminserver-config", name, "data", "REGISTRY_URL")(m)
	},
	"an init container": put("Workload", "ui-rc", list(), "spec", "template", "spec", "initContainers"),
	"config by subPath": func(m *manifests) bool {
		mounts := krm.Path(inPod("volumeMounts"))
		obj := m.object("Workload", "nginx-rc")
		return put("Workload", "nginx-rc", "/etc/nginx/nginx.conf", mounts.Append(0, "mountPath")...)(m) &&
			put("Workload", "nginx-rc", "nginx.conf", mounts.Append(0, "subPath")...)(m) && obj != nil
	},
}

// TestHarmless makes each edit in each start: the findings stay the same, but
// for names.
func TestHarmless(t *testing.T) {
	t.Parallel()
	names := strings.NewReplacer("prefix-", "", "[0]", "[]", "[1]", "[]")
	for name, s := range starts(t) {
		before := s.copy().validate(s.version)
		for edit, apply := range harmless {
			m := s.copy()
			if edit == "prefix of names" && !isDeployed(m) {
				continue // L16: kustomize does not follow it in ReplicationControllers
			}
			if !apply(m) {
				t.Errorf("%s does not apply to %s", edit, name)
			}
			after := m.validate(s.version)
			same := func(lines []string) []string {
				var all []string
				for _, l := range lines {
					all = append(all, strings.ToLower(names.Replace(l)))
				}
				slices.Sort(all)
				return all
			}
			if d := cmp.Diff(same(before), same(after)); d != "" {
				t.Errorf("%s: %s changes the findings (-before +after):\n%s", name, edit, d)
			}
		}
		m := s.copy()
		slices.Reverse(m.items)
		if after := m.validate(s.version); len(after) != len(before) {
			t.Errorf("%s: the order of objects changes the findings:\n%s", name, cmp.Diff(before, after))
		}
	}
}
