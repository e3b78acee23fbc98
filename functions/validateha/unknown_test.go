package validateha_test

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// TestUnknown checks that what the list does not show, or what may be meant in
// another way, is no error; where something should be checked, the rule says so
// as an info.
func TestUnknown(t *testing.T) {
	config := inPod("volumeMounts", 0)
	for name, c := range map[string]struct {
		rule  string // "" for nothing to be said
		apply change
	}{
		"registry by digest": {"L01", both(cut("Workload", "registry-rc", inPod("command")...), cut("Workload", "registry-rc", inPod("args")...),
			set("Workload", "registry-rc", "vmware/registry@sha256:0123", inPod("image")...))},
		"another registry": {"L01", both(cut("Workload", "registry-rc", inPod("command")...), cut("Workload", "registry-rc", inPod("args")...),
			set("Workload", "registry-rc", "registry:2.8.3", inPod("image")...))},
		"registry from a shell": {"L01", both(set("Workload", "registry-rc", list("/bin/sh", "-c"), inPod("command")...),
			set("Workload", "registry-rc", list("exec registry serve /etc/registry/config.yml"), inPod("args")...))},
		"args from a Secret": {"L01", both(give("registry", "FILE", ""), give("registry", "REGISTRY_HTTP_SECRET", "s"), func(m *manifests) bool {
			return put("Workload", "registry-rc", mapping("name", "FILE", "valueFrom", krm.Map("secretKeyRef", krm.Map("name", "s", "key", "k"))), inPod("env", variable(m, "registry", "FILE"))...)(m)
		},
			set("Workload", "registry-rc", list("serve", "$(FILE)"), inPod("args")...))},
		"args with a variable":   {"", both(give("registry", "FILE", "config.yml"), set("Workload", "registry-rc", list("serve", "/etc/registry/$(FILE)"), inPod("args")...))},
		"file by variable":       {"", both(give("registry", "REGISTRY_CONFIGURATION_PATH", "/etc/registry/config.yml"), set("Workload", "registry-rc", list("serve"), inPod("args")...))},
		"entrypoint with a path": {"", set("Workload", "registry-rc", list("/etc/registry/config.yml"), inPod("args")...)},
		"config by the CSI":      {"L01", both(set("Workload", "registry-rc", mapping("name", "config", "csi", krm.Map("driver", "x")), volume(0)...))},
		"config by subPathExpr":  {"L01", put("Workload", "registry-rc", "$(POD)", append(config, "subPathExpr")...)},
		"settings of a Secret":   {"", put("Workload", "registry-rc", list(krm.Map("secretRef", krm.Map("name", "more", "optional", true))), inPod("envFrom")...)},
		"images in S3":           {"", both(inConfig("filesystem:\n", "s3:\n"), inConfig("rootdirectory: /storage", "bucket: images"))},
		"images in S3 by variable": {"", both(inConfig("filesystem:\n", "delete:\n"), inConfig("rootdirectory: /storage", "enabled: true"), inConfig("  delete:\n    enabled: true\n", ""),
			give("registry", "REGISTRY_STORAGE_S3_BUCKET", "images"))},
		"images in S3 by two variables": {"", both(give("registry", "REGISTRY_STORAGE", "s3"), give("registry", "REGISTRY_STORAGE_S3_BUCKET", "images"), cut("Workload", "registry-rc", inPod("volumeMounts", 1)...))},
		"images in a store of tomorrow": {"", both(inConfig("filesystem:\n", "gcs2:\n"), inConfig("rootdirectory: /storage", "bucket: images"), cut("Workload", "registry-rc", inPod("volumeMounts", 1)...))},
		"folder of images":              {"", set("Workload", "registry-rc", "/storage/docker", inPod("volumeMounts", 1, "mountPath")...)},
		"images on NFS": {"", both(cut("Workload", "registry-rc", volume(1, "persistentVolumeClaim")...), put("Workload", "registry-rc", mapping("server", "nfs", "path", "/"), volume(1, "nfs")...),
			drop("PersistentVolumeClaim", "registry-pvc"), drop("PersistentVolume", "registry-pv"))},
		"a folder of the volume": {"", both(give("registry", "SITE", "a"), put("Workload", "registry-rc", "$(SITE)", inPod("volumeMounts", 1, "subPathExpr")...))},
		"an early image": {"L01", both(set("Workload", "registry-rc", "vmware/registry:2.6.1-photon", inPod("image")...), cut("Workload", "registry-rc", inPod("command")...), cut("Workload", "registry-rc", inPod("args")...),
			set("Workload", "registry-rc", "/etc/docker/registry", inPod("volumeMounts", 0, "mountPath")...), inConfig("rootcertbundle: /etc/registry/", "rootcertbundle: /etc/docker/registry/"))},
		"config in the image":      {"L01", both(set("Workload", "registry-rc", "example.com/our-registry:1", inPod("image")...), cut("Workload", "registry-rc", inPod("volumeMounts", 0)...))},
		"certificate in the image": {"L02", both(set("Workload", "registry-rc", "example.com/our-registry:1", inPod("image")...), item("registry", "root.crt", "", ""))},
		"a StatefulSet":            {"", both(set("Workload", "registry-rc", "StatefulSet", "kind"), put("StatefulSet", "registry-rc", "apps/v1", "apiVersion"))},
		"a volume of one pod": {"", both(set("Workload", "registry-rc", 1, "spec", "replicas"), set("Workload", "registry-rc", "StatefulSet", "kind"), put("StatefulSet", "registry-rc", "apps/v1", "apiVersion"), cut("StatefulSet", "registry-rc", volume(1)...),
			put("StatefulSet", "registry-rc", func() *yaml.Node {
				return krm.List(krm.Map("metadata", krm.Map("name", "storage"), "spec", krm.Map("accessModes", []string{"ReadWriteOnce"})))
			}, "spec", "volumeClaimTemplates"), set("StatefulSet", "registry-rc", "storage", inPod("volumeMounts", 1, "name")...), drop("PersistentVolumeClaim", "registry-pvc"), drop("PersistentVolume", "registry-pv"))},
		"an old registry without pods": {"", both(beside("registry"), set("Workload", "registry-2", 0, "spec", "replicas"), set("Workload", "registry-2", "old-pvc", volume(1, "persistentVolumeClaim", "claimName")...),
			add("apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: old-pvc}\nspec: {storageClassName: x, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"))},
		"an old registry without pods on the claim": {"", both(beside("registry"), set("Workload", "registry-2", 0, "spec", "replicas"), set("Workload", "registry-rc", 1, "spec", "replicas"), set("PersistentVolumeClaim", "registry-pvc", list("ReadWriteOnce"), claimModes...),
			set("PersistentVolume", "registry-pv", list("ReadWriteOnce"), claimModes...))},
		"an old jobservice without pods": {"", both(beside("jobservice"), set("Workload", "jobservice-rc", 0, "spec", "replicas"))},
		"no jobservice":                  {"", both(drop("Workload", "jobservice-rc"), drop("Service", "jobservice"), drop("ConfigMap", "harbor-jobservice-config"), drop("PersistentVolumeClaim", "log-pvc"), drop("PersistentVolume", "log-pv"))},
		"a sidecar": {"", func(m *manifests) bool {
			containers := krm.Lookup(m.object("Workload", "registry-rc"), "spec", "template", "spec", "containers")
			containers.Content = append([]*yaml.Node{krm.Map("name", "proxy", "image", "example.com/proxy:1", "command", []string{"/proxy"})}, containers.Content...)
			return true
		}},
		"an immutable ConfigMap": {"", put("ConfigMap", "harbor-registry-config", true, "immutable")},
		"volumes of other sizes": {"", both(cut("PersistentVolumeClaim", "registry-pvc", "spec", "selector"), set("PersistentVolumeClaim", "registry-pvc", "pool", "spec", "storageClassName"),
			drop("PersistentVolume", "registry-pv"), add(nfs("a", "50Gi")), add(nfs("b", "5Gi")), add(nfs("c", "1Gi")))},
		"class by annotation":                {"", both(cut("PersistentVolumeClaim", "registry-pvc", "spec", "storageClassName"), put("PersistentVolumeClaim", "registry-pvc", "", "metadata", "annotations", "volume.beta.kubernetes.io/storage-class"))},
		"a volume of one zone":               {"", put("PersistentVolume", "registry-pv", mapping("required", krm.Map()), "spec", "nodeAffinity")},
		"an Ingress instead of nginx":        {"", both(withoutNginx, address("https://hub.example.com"), add(ingress("hub.example.com", "ui", "80", "[{hosts: [hub.example.com], secretName: tls}]")))},
		"an Ingress of a whole domain":       {"", both(withoutNginx, address("https://hub.example.com"), add(ingress("'*.example.com'", "ui", "80", "[{hosts: ['*.example.com'], secretName: tls}]")))},
		"neither nginx nor Ingress":          {"L13", withoutNginx},
		"a load balancer that is marked":     {"", both(address("https://hub.example.com"), passOn, behind)},
		"a load balancer of another port":    {"", both(address("https://hub.example.com:8443"), passOn, behind)},
		"a registry that names no host":      {"", both(address("https://hub.example.com"), behind, inConfig("addr: :5000", "addr: :5000\n  relativeurls: true"))},
		"nginx's own status":                 {"", text("ConfigMap", "harbor-nginx-config", "server {\n        listen 80;", "server { listen 8081; server_name status.local; }\n    server {\n        listen 80;", "data", "config")},
		"an Ingress beside the node port":    {"", add(ingress("reg.mydomain.com", "nginx", "80", "[]"))},
		"an Ingress that ends TLS for nginx": {"", both(address("https://hub.example.com"), passOn, add(ingress("hub.example.com", "nginx", "80", "[{hosts: [hub.example.com], secretName: tls}]")))},
		"nginx on the network of its nodes": {"", both(put("Workload", "nginx-rc", true, "spec", "template", "spec", "hostNetwork"), put("Workload", "nginx-rc", "ClusterFirstWithHostNet", "spec", "template", "spec", "dnsPolicy"),
			set("ConfigMap", "harbor-adminserver-config", "http://hub.example.com", "data", "EXT_ENDPOINT"), inConfig("http://hub.example.com:31777", "http://hub.example.com"))},
		"a Service by another name":         {"", both(drop("Service", "registry"), add("apiVersion: v1\nkind: Service\nmetadata: {name: registry}\nspec: {type: ExternalName, externalName: registry.example.com}\n"))},
		"nginx reads more files":            {"L13", text("ConfigMap", "harbor-nginx-config", "listen 80;", "listen 8080; include /etc/nginx/conf.d/*.conf;", "data", "config")},
		"nginx.conf that is not understood": {"L13", text("ConfigMap", "harbor-nginx-config", "listen 80;", "listen 80; content_by_lua_block { a = '}", "data", "config")},
		"a port of a sidecar": {"", both(put("Workload", "nginx-rc", mapping("name", "tls", "image", "example.com/tls:1"), "spec", "template", "spec", "containers", 1),
			put("Service", "nginx", mapping("name", "metrics", "port", 9113, "targetPort", 9113, "nodePort", 31778), "spec", "ports", 1))},
		"a volume that the driver made": {"", both(cut("PersistentVolume", "registry-pv", "spec", "csi", "volumeAttributes", "staticVolume"), cut("PersistentVolume", "registry-pv", "spec", "csi", "volumeAttributes", "rootPath"),
			put("PersistentVolume", "registry-pv", "1-2-cephfs.csi.ceph.com", "spec", "csi", "volumeAttributes", "storage.kubernetes.io/csiProvisionerIdentity"))},
		"a jobservice that needs no key": {"", both(set("Workload", "jobservice-rc", "goharbor/harbor-jobservice:v1.5.0", inPod("image")...), cut("Workload", "jobservice-rc", inPod("volumeMounts", 0)...))},
		"a registry by variables alone":  {"", byVariables},
		"a volume for a claim elsewhere": {"L14", both(drop("PersistentVolume", "registry-pv"), add("apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: a, labels: {type: x}}\nspec: {accessModes: [ReadWriteMany], capacity: {storage: 9Gi}, nfs: {}, claimRef: {name: theirs, namespace: n}}\n"))},
		"claim of the cluster":           {"L04", both(set("Workload", "registry-rc", "images", volume(1, "persistentVolumeClaim", "claimName")...), drop("PersistentVolumeClaim", "registry-pvc"), drop("PersistentVolume", "registry-pv"))},
		"claim of a class":               {"L04", both(drop("PersistentVolume", "registry-pv"), cut("PersistentVolumeClaim", "registry-pvc", "spec", "selector"), set("PersistentVolumeClaim", "registry-pvc", "nfs", "spec", "storageClassName"))},
		"claim of the default class":     {"L04", both(drop("PersistentVolume", "registry-pv"), cut("PersistentVolumeClaim", "registry-pvc", "spec", "selector"), cut("PersistentVolumeClaim", "registry-pvc", "spec", "storageClassName"))},
		"volume of the cluster":          {"L14", drop("PersistentVolume", "registry-pv")},
		"volume of an unknown driver":    {"", set("PersistentVolume", "registry-pv", "nfs.csi.k8s.io", "spec", "csi", "driver")},
		"volume on NFS":                  {"", source("registry-pv", "nfs", mapping("server", "nfs", "path", "/"))},
		"volume without policy":          {"", cut("PersistentVolume", "registry-pv", "spec", "persistentVolumeReclaimPolicy")},
		"Redis from a Secret": {"L07", put("Workload", "ui-rc", func() *yaml.Node {
			return krm.Map("name", "_REDIS_URL", "valueFrom", krm.Map("secretKeyRef", krm.Map("name", "r", "key", "url")))
		}, inPod("env", 6)...)},
		"Redis of a Service":     {"", give("ui", "_REDIS_URL", "$(REDIS_SERVICE_HOST):$(REDIS_SERVICE_PORT),100")},
		"Redis without password": {"", give("ui", "_REDIS_URL", "redis.example.com:6379")},
		"Redis without database": {"", give("ui", "_REDIS_URL", "redis.example.com:6379,100,")},
		"all variables of a Secret": {"L09", both(unset("ui", "UI_SECRET"), unset("adminserver", "UI_SECRET"),
			put("Workload", "ui-rc", list(krm.Map("secretRef", krm.Map("name", "a"))), inPod("envFrom")...),
			put("Workload", "adminserver-rc", list(krm.Map("secretRef", krm.Map("name", "b"))), inPod("envFrom")...))},
		"all variables of one Secret": {"", both(unset("ui", "UI_SECRET"), unset("adminserver", "UI_SECRET"), unset("jobservice", "UI_SECRET"),
			put("Workload", "jobservice-rc", list(krm.Map("secretRef", krm.Map("name", "a"))), inPod("envFrom")...),
			put("Workload", "ui-rc", list(krm.Map("secretRef", krm.Map("name", "a"))), inPod("envFrom")...),
			put("Workload", "adminserver-rc", list(krm.Map("secretRef", krm.Map("name", "a"))), inPod("envFrom")...))},
		"an optional key":           {"", put("Workload", "ui-rc", mapping("name", "X", "valueFrom", krm.Map("configMapKeyRef", krm.Map("name", "harbor-ui-config", "key", "X", "optional", true))), inPod("env", 7)...)},
		"an optional ConfigMap":     {"", put("Workload", "ui-rc", mapping("name", "x", "configMap", krm.Map("name", "x", "optional", true)), volume(1)...)},
		"the cluster's certificate": {"", put("Workload", "ui-rc", mapping("name", "x", "configMap", krm.Map("name", "kube-root-ca.crt")), volume(1)...)},
		"address of a Secret": {"L13", put("Workload", "adminserver-rc", func() *yaml.Node {
			return krm.Map("name", "EXT_ENDPOINT", "valueFrom", krm.Map("secretKeyRef", krm.Map("name", "r", "key", "url")))
		}, inPod("env", 2)...)},
		"an Ingress": {"", both(add(ingress("hub.example.com", "nginx", "80", "[]")), address("http://hub.example.com"))},
		"a load balancer": {"", both(set("Service", "nginx", "LoadBalancer", "spec", "type"), set("ConfigMap", "harbor-adminserver-config", "http://hub.example.com", "data", "EXT_ENDPOINT"),
			inConfig("http://hub.example.com:31777", "http://hub.example.com"))},
		"a Service for the cluster": {"L13", both(both(set("Service", "nginx", "ClusterIP", "spec", "type"), cut("Service", "nginx", "spec", "ports", 0, "nodePort")),
			both(set("ConfigMap", "harbor-adminserver-config", "http://hub.example.com", "data", "EXT_ENDPOINT"), inConfig("http://hub.example.com:31777", "http://hub.example.com")))},
		"nginx from elsewhere":      {"", set("Workload", "nginx-rc", mapping("name", "config", "persistentVolumeClaim", krm.Map("claimName", "log-pvc")), volume(0)...)},
		"a database by its address": {"", set("ConfigMap", "harbor-adminserver-config", "10.0.0.3", "data", "MYSQL_HOST")},
		"PostgreSQL":                {"", set("ConfigMap", "harbor-adminserver-config", "postgresql", "data", "DATABASE_TYPE")},
		"an external registry":      {"", set("ConfigMap", "harbor-adminserver-config", "http://registry.example.com:5000", "data", "REGISTRY_URL")},
		"a proxy before the ui": {"", both(set("Service", "ui", mapping("app", "proxy"), "spec", "selector"),
			add("apiVersion: v1\nkind: Pod\nmetadata: {name: proxy, labels: {app: proxy}}\nspec: {containers: [{name: p, image: 'p:1'}]}\n"))},
		"a Service by hand":        {"", cut("Service", "registry", "spec", "selector")},
		"a location of somebody":   {"", text("ConfigMap", "harbor-nginx-config", "location /v1/ {\n            return 404;", "location /v1/ {\n            proxy_pass http://notary;", "data", "config")},
		"Harbor 1.6":               {"", both(set("Workload", "jobservice-rc", "goharbor/harbor-jobservice:v1.6.0", inPod("image")...), set("Workload", "jobservice-rc", 3, "spec", "replicas"))},
		"settings in the database": {"", both(set("Workload", "adminserver-rc", "goharbor/harbor-adminserver:v1.4.0", inPod("image")...), set("ConfigMap", "harbor-adminserver-config", "false", "data", "RESET"))},
		"a folder on one node":     {"", both(source("log-pv", "hostPath", mapping("path", "/data")), put("PersistentVolume", "log-pv", mapping("required", krm.Map()), "spec", "nodeAffinity"))},
		"https": {"", both(text("ConfigMap", "harbor-nginx-config", "listen 80;", "listen 80 ssl;", "data", "config"),
			set("ConfigMap", "harbor-adminserver-config", "https://hub.example.com:31777", "data", "EXT_ENDPOINT"), inConfig("http://hub.example.com:31777", "https://hub.example.com:31777"))},
	} {
		for start, s := range starts(t) {
			if s.version != today {
				continue
			}
			m := s.copy()
			before := m.copy().validate(today)
			if !c.apply(m) {
				if start == "ha" {
					t.Errorf("%s does not apply", name)
				}
				continue
			}
			found := without(m.validate(today), before)
			told := false
			for _, l := range found {
				info := strings.HasPrefix(l, "info ")
				switch {
				case strings.HasPrefix(l, "error "), !info && c.rule == "" && !strings.Contains(l, " L15 ") && !strings.Contains(l, harborsMixed) && !strings.Contains(l, " L09 ") && !strings.Contains(l, " L11 "):
					t.Errorf("%s: %s: %s", start, name, l)
				case info && strings.HasPrefix(l, "info "+c.rule+" "):
					told = true
				}
			}
			if c.rule != "" && !told {
				t.Errorf("%s: %s: no info of %s, but:\n%s", start, name, c.rule, strings.Join(found, "\n"))
			}
		}
	}
}

// byVariables takes the file of the registry's settings away and gives them by
// variables, above those of the image.
func byVariables(m *manifests) bool {
	for _, v := range [][2]string{
		{"HTTP_SECRET", "http-secret"}, {"STORAGE_FILESYSTEM_ROOTDIRECTORY", "/storage"}, {"AUTH", "token"},
		{"AUTH_TOKEN_REALM", "http://hub.example.com:31777/service/token"}, {"AUTH_TOKEN_SERVICE", "harbor-registry"},
		{"AUTH_TOKEN_ISSUER", "harbor-token-issuer"}, {"AUTH_TOKEN_ROOTCERTBUNDLE", "/etc/registry/root.crt"}, {"STORAGE_CACHE_BLOBDESCRIPTOR", ""},
	} {
		give("registry", "REGISTRY_"+v[0], v[1])(m)
	}
	return item("registry", "config.yml", "", "")(m)
}

// TestTwoHarbors checks that two Harbors in two namespaces do not get mixed up.
func TestTwoHarbors(t *testing.T) {
	m := parse(t, inNamespace(t, clean(t)))
	second := m.copy()
	for _, obj := range second.items {
		switch {
		case obj.GetKind() == "PersistentVolume":
			name := obj.GetName() + "-2"
			if err := obj.SetName(name); err != nil {
				t.Fatal(err)
			}
			set("PersistentVolume", name, name, handle...)(second)
			set("PersistentVolume", name, name, "metadata", "labels", "type")(second)
			set("PersistentVolumeClaim", strings.Replace(name, "-pv-2", "-pvc", 1), name, "spec", "selector", "matchLabels", "type")(second)
		case obj.GetNamespace() == "harbor":
			if err := obj.SetNamespace("harbor-2"); err != nil {
				t.Fatal(err)
			}
		}
	}
	set("Service", "nginx", 31778, "spec", "ports", 0, "nodePort")(second)
	set("ConfigMap", "harbor-adminserver-config", "http://hub.example.com:31778", "data", "EXT_ENDPOINT")(second)
	inConfig("31777", "31778")(second)
	m.items = append(m.items, second.items...)
	if found := m.validate(today); len(found) > 0 {
		t.Errorf("there are findings:\n%s", strings.Join(found, "\n"))
	}
	// What the second one has for itself says nothing of what the first one lacks.
	for _, gone := range [][2]string{{"Secret", "harbor-redis"}, {"PersistentVolumeClaim", "registry-pvc"}, {"PersistentVolume", "registry-pv"}, {"Service", "adminserver"}, {"ConfigMap", "harbor-jobservice-config"}} {
		if !m.drop(gone[0], gone[1]) {
			t.Fatalf("there is no %s %s", gone[0], gone[1])
		}
		// That the Service is missing is an error; that it is the second one's would be another.
		errors := slices.DeleteFunc(startingWith(m.copy().validate(today), "error "), func(l string) bool { return strings.Contains(l, "no Service leads to") })
		if len(errors) > 0 {
			t.Errorf("without %s %s there are errors:\n%s", gone[0], gone[1], strings.Join(errors, "\n"))
		}
	}
}

// harborsMixed is what L18 says of the cases in which one part alone is of another
// release.
const harborsMixed = "one may ask for what the other does not have"
