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
	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// change is an edit of the manifests; it says whether there was something to
// edit.
type change func(*manifests) bool

// mutation is an edit that one rule has to find.
type mutation struct {
	name     string
	rule     string
	severity framework.Severity
	apply    change
}

// set gives a field another value. The field has to be there.
func set(kind, name string, value any, path ...any) change {
	return func(m *manifests) bool {
		obj := m.object(kind, name)
		return obj != nil && krm.Lookup(obj, path...) != nil && put(kind, name, value, path...)(m)
	}
}

// put gives a field a value, whether it is there or not.
func put(kind, name string, value any, path ...any) change {
	return func(m *manifests) bool {
		obj := m.object(kind, name)
		if obj == nil {
			return false
		}
		if node, ok := value.(func() *yaml.Node); ok {
			value = node()
		}
		if err := krm.Set(&framework.ResourceList{}, obj, value, path...); err != nil {
			m.t.Fatal(err)
		}
		return true
	}
}

// cut takes a field away.
func cut(kind, name string, path ...any) change {
	return func(m *manifests) bool {
		obj := m.object(kind, name)
		if obj == nil || krm.Lookup(obj, path...) == nil {
			return false
		}
		krm.Remove(&framework.ResourceList{}, obj, path...)
		return true
	}
}

// text replaces a part of a text.
func text(kind, name, old, by string, path ...any) change {
	return func(m *manifests) bool {
		obj := m.object(kind, name)
		if obj == nil || !strings.Contains(krm.Text(obj, path...), old) {
			return false
		}
		return put(kind, name, strings.Replace(krm.Text(obj, path...), old, by, 1), path...)(m)
	}
}

// both is one edit that needs several fields, such as another source of a
// volume.
func both(all ...change) change {
	return func(m *manifests) bool {
		for _, c := range all {
			if !c(m) {
				return false
			}
		}
		return true
	}
}

// of is an edit that only makes sense for some manifests.
func of(test func(*manifests) bool, c change) change {
	return func(m *manifests) bool { return test(m) && c(m) }
}

func has(kind, name string) func(*manifests) bool {
	return func(m *manifests) bool { return m.object(kind, name) != nil }
}

func isDeployed(m *manifests) bool {
	return m.object("Deployment", "ui-rc") != nil
}

func namespaced(m *manifests) bool {
	return m.object("ConfigMap", "harbor-ui-config").GetNamespace() != ""
}

func add(more string) change {
	return func(m *manifests) bool {
		text := more
		if ns := m.items[0].GetNamespace(); ns != "" && !strings.Contains(more, "kind: StorageClass") && !strings.Contains(more, "kind: PersistentVolume\n") {
			text = strings.ReplaceAll(more, "metadata: {name", "metadata: {namespace: "+ns+", name")
		}
		m.add(text)
		return true
	}
}

func drop(kind, name string) change { return func(m *manifests) bool { return m.drop(kind, name) } }

// address is Harbor at another URL.
func address(url string) change {
	return both(set("ConfigMap", "harbor-adminserver-config", url, "data", "EXT_ENDPOINT"), inConfig("realm: http://hub.example.com:31777/", "realm: "+url+"/"))
}

// behind marks the entry as one behind a load balancer.
func behind(m *manifests) bool {
	return put("Service", "nginx", harbor.BehindLoadBalancer, "metadata", "annotations", harbor.BehindAnnotation)(m)
}

// passOn lets nginx pass on which scheme clients use.
func passOn(m *manifests) bool {
	conf := krm.Text(m.object("ConfigMap", "harbor-nginx-config"), "data", "config")
	return put("ConfigMap", "harbor-nginx-config", strings.ReplaceAll(conf, "-Proto $scheme", "-Proto $http_x_forwarded_proto"), "data", "config")(m)
}

func withoutNginx(m *manifests) bool {
	return both(drop("Workload", "nginx-rc"), drop("Service", "nginx"), drop("ConfigMap", "harbor-nginx-config"))(m)
}

// ingress is one that leads to a Service.
func ingress(host, service, port, tls string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: harbor}\nspec:\n  tls: " + tls + "\n  rules:\n  - host: " + host +
		"\n    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: " + service + ", port: {number: " + port + "}}}}]}\n"
}

// inPod is the path to a field of the main container.
func inPod(path ...any) []any {
	return append([]any{"spec", "template", "spec", "containers", 0}, path...)
}

func volume(path ...any) []any {
	return append([]any{"spec", "template", "spec", "volumes"}, path...)
}

// variable finds an entry of env.
func variable(m *manifests, component, name string) int {
	obj := m.object("Workload", component+"-rc")
	return slices.IndexFunc(krm.Elements(obj, inPod("env")...), func(n *yaml.Node) bool {
		return krm.Text(yaml.NewRNode(n), "name") == name
	})
}

// unset takes a variable away.
func unset(component, name string) change {
	return func(m *manifests) bool {
		i := variable(m, component, name)
		return i >= 0 && cut("Workload", component+"-rc", inPod("env", i)...)(m)
	}
}

// give sets a variable to a literal, whether it is there or not.
func give(component, name, value string) change {
	return func(m *manifests) bool {
		i := variable(m, component, name)
		if i < 0 {
			i = len(krm.Elements(m.object("Workload", component+"-rc"), inPod("env")...))
		}
		return put("Workload", component+"-rc", func() *yaml.Node { return krm.Map("name", name, "value", value) }, inPod("env", i)...)(m)
	}
}

// reference changes name or key in the reference of a variable.
func reference(component, name, field, value string) change {
	return func(m *manifests) bool {
		i := variable(m, component, name)
		if i < 0 {
			return false
		}
		for _, kind := range []string{"configMapKeyRef", "secretKeyRef"} {
			if set("Workload", component+"-rc", value, inPod("env", i, "valueFrom", kind, field)...)(m) {
				return true
			}
		}
		return false
	}
}

// item changes a file that a volume brings: its key or path, nothing to take it
// away.
func item(component, file, field, value string) change {
	return func(m *manifests) bool {
		obj := m.object("Workload", component+"-rc")
		var sources []krm.Path
		for i := range krm.Elements(obj, volume()...) {
			v := krm.Path(volume(i))
			sources = append(sources, v.Append("configMap"), v.Append("secret"))
			for j := range krm.Elements(obj, v.Append("projected", "sources")...) {
				s := v.Append("projected", "sources", j)
				sources = append(sources, s.Append("configMap"), s.Append("secret"))
			}
		}
		for _, s := range sources {
			items := s.Append("items")
			for i := range krm.Elements(obj, items...) {
				switch {
				case krm.Text(obj, items.Append(i, "path")...) != file:
				case field == "":
					// Without any item a volume brings all keys.
					return len(krm.Elements(obj, items...)) > 1 && cut("Workload", component+"-rc", items.Append(i)...)(m)
				default:
					return set("Workload", component+"-rc", value, items.Append(i, field)...)(m)
				}
			}
		}
		return false
	}
}

// source gives a PersistentVolume another source.
func source(name, field string, value func() *yaml.Node) change {
	return func(m *manifests) bool {
		dropped := cut("PersistentVolume", name, "spec", "csi")(m) || cut("PersistentVolume", name, "spec", "cephfs")(m)
		return dropped && put("PersistentVolume", name, value, "spec", field)(m)
	}
}

// asApplied puts a variable into what kubectl apply keeps of a workload.
func asApplied(component, name, value string) change {
	return func(m *manifests) bool {
		was := m.copy()
		if !give(component, name, value)(was) {
			return false
		}
		text, err := was.object("Workload", component+"-rc").MarshalJSON()
		if err != nil {
			m.t.Fatal(err)
		}
		return put("Workload", component+"-rc", string(text), "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")(m)
	}
}

// inConfig replaces a part of the registry's config.yml.
func inConfig(old, by string) change {
	return text("ConfigMap", "harbor-registry-config", old, by, "data", "config")
}

// secretValue replaces a value of harbor-secrets, where that is contained.
func secretValue(key string, value func() (string, error)) change {
	return func(m *manifests) bool {
		v, err := value()
		if err != nil {
			m.t.Fatal(err)
		}
		return set("Secret", "harbor-secrets", v, "stringData", key)(m)
	}
}

func constant(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func list(values ...any) func() *yaml.Node { return func() *yaml.Node { return krm.List(values...) } }

func mapping(pairs ...any) func() *yaml.Node { return func() *yaml.Node { return krm.Map(pairs...) } }

const (
	e = framework.Error
	w = framework.Warning
)

var (
	claimModes = []any{"spec", "accessModes"}
	request    = []any{"spec", "resources", "requests", "storage"}
	handle     = []any{"spec", "csi", "volumeHandle"}
	port0      = []any{"spec", "ports", 0, "port"}
)

// mutations are single mistakes, by the rule that has to find them. (Some need
// two fields: Kubernetes allows one source in a volume.)
var mutations = []mutation{
	{"config mounted where nobody reads", "L01", e, set("Workload", "registry-rc", "/etc/docker/registry", inPod("volumeMounts", 0, "mountPath")...)},
	{"args name another file", "L01", e, set("Workload", "registry-rc", "/etc/registry/conf.yml", inPod("args", 1)...)},
	{"args name the old folder", "L01", e, set("Workload", "registry-rc", "/etc/docker/registry/config.yml", inPod("args", 1)...)},
	{"config delivered under another name", "L01", e, item("registry", "config.yml", "path", "config.yaml")},
	{"config not mounted", "L01", e, cut("Workload", "registry-rc", inPod("volumeMounts", 0)...)},
	{"mount has a wrong subPath", "L01", e, put("Workload", "registry-rc", "conf", inPod("volumeMounts", 0, "subPath")...)},
	{"config is no YAML", "L01", e, inConfig("version: 0.1", "version: [")},
	{"config of another version", "L01", e, inConfig("version: 0.1", "version: 0.2")},
	{"config without version", "L01", e, inConfig("version: 0.1", "#")},
	{"config from an emptyDir", "L01", e, both(cut("Workload", "registry-rc", inPod("volumeMounts", 0)...), put("Workload", "registry-rc", "other", inPod("volumeMounts", 0, "name")...))},

	{"certificate elsewhere", "L02", e, inConfig("rootcertbundle: /etc/registry/root.crt", "rootcertbundle: /etc/docker/registry/root.crt")},
	{"certificate not named", "L02", e, inConfig("rootcertbundle: /etc/registry/root.crt", "#")},
	{"certificate not mounted", "L02", e, item("registry", "root.crt", "", "")},
	{"certificate under another name", "L02", e, item("registry", "root.crt", "path", "ca.crt")},
	{"issuer of somebody else", "L02", e, inConfig("issuer: harbor-token-issuer", "issuer: registry-token-issuer")},
	{"no issuer", "L02", e, inConfig("issuer: harbor-token-issuer", "#")},
	{"service of somebody else", "L02", e, inConfig("service: harbor-registry\n", "service: registry\n")},
	{"no certificate by variable", "L02", e, both(byVariables, give("registry", "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE", "/etc/registry/ca.crt"))},
	{"auth by variable", "L02", e, give("registry", "REGISTRY_AUTH", "token")},
	{"no auth", "L02", e, inConfig("auth:", "x-auth:")},
	{"issuer by variable", "L02", e, give("registry", "REGISTRY_AUTH_TOKEN_ISSUER", "me")},

	{"entrypoint with chown", "L03", e, cut("Workload", "registry-rc", inPod("command")...)},
	{"entrypoint by its name", "L03", e, set("Workload", "registry-rc", list("/entrypoint.sh"), inPod("command")...)},

	{"images in the container", "L04", e, inConfig("rootdirectory: /storage", "rootdirectory: /var/lib/registry")},
	{"images in the container by default", "L04", e, inConfig("rootdirectory: /storage", "#")},
	{"images elsewhere by variable", "L04", e, give("registry", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/data")},
	{"claim mounted elsewhere", "L04", e, set("Workload", "registry-rc", "/data", inPod("volumeMounts", 1, "mountPath")...)},
	{"claim mounted read-only", "L04", e, put("Workload", "registry-rc", true, inPod("volumeMounts", 1, "readOnly")...)},
	{"claim used read-only", "L04", e, put("Workload", "registry-rc", true, volume(1, "persistentVolumeClaim", "readOnly")...)},
	{"images in an emptyDir", "L04", e, both(cut("Workload", "registry-rc", volume(1, "persistentVolumeClaim")...), put("Workload", "registry-rc", mapping(), volume(1, "emptyDir")...))},
	{"images in a hostPath", "L04", e, both(cut("Workload", "registry-rc", volume(1, "persistentVolumeClaim")...), put("Workload", "registry-rc", mapping("path", "/data"), volume(1, "hostPath")...))},
	{"images in memory", "L04", e, both(inConfig("filesystem:\n", "inmemory:\n"), inConfig("rootdirectory: /storage", "#"))},
	{"images in the container, by the image", "L04", e, both(byVariables, unset("registry", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"))},
	{"images in memory by variable", "L04", e, give("registry", "REGISTRY_STORAGE", "inmemory")},
	{"images nowhere", "L04", e, both(inConfig("filesystem:\n", "redirect:\n"), inConfig("rootdirectory: /storage", "disable: true"))},
	{"images in two storages", "L04", e, inConfig("filesystem:\n", "s3:\n    bucket: images\n  filesystem:\n")},
	{"images in two storages by variable", "L04", e, give("registry", "REGISTRY_STORAGE_S3_BUCKET", "images")},
	{"images in a folder of each pod", "L04", e, both(cut("Workload", "registry-rc", inPod("env")...), give("registry", "REGISTRY_HTTP_SECRET", "http-secret"),
		put("Workload", "registry-rc", mapping("name", "POD", "valueFrom", krm.Map("fieldRef", krm.Map("fieldPath", "metadata.name"))), inPod("env", 1)...),
		put("Workload", "registry-rc", "images/$(POD)", inPod("volumeMounts", 1, "subPathExpr")...))},
	{"images on NFS read-only", "L04", e, both(cut("Workload", "registry-rc", volume(1, "persistentVolumeClaim")...),
		put("Workload", "registry-rc", mapping("server", "nfs.example.com", "path", "/", "readOnly", true), volume(1, "nfs")...))},
	{"a second registry on another claim", "L04", e, both(beside("registry"), set("Workload", "registry-2", "log-pvc", volume(1, "persistentVolumeClaim", "claimName")...))},
	{"claim ReadWriteOnce", "L04", e, set("PersistentVolumeClaim", "registry-pvc", list("ReadWriteOnce"), claimModes...)},
	{"claim ReadWriteOncePod", "L04", e, set("PersistentVolumeClaim", "registry-pvc", list("ReadWriteOncePod"), claimModes...)},
	{"claim ReadOnlyMany", "L04", e, set("PersistentVolumeClaim", "registry-pvc", list("ReadOnlyMany"), claimModes...)},
	{"volume ReadWriteOnce", "L04", e, set("PersistentVolume", "registry-pv", list("ReadWriteOnce"), claimModes...)},
	{"volume on the node", "L04", e, source("registry-pv", "hostPath", mapping("path", "/data"))},
	{"volume on a local disk", "L04", e, source("registry-pv", "local", mapping("path", "/data"))},
	{"volume on a disk", "L04", e, source("registry-pv", "awsElasticBlockStore", mapping("volumeID", "v"))},
	{"volume for one node", "L04", e, put("PersistentVolume", "registry-pv", func() *yaml.Node {
		return krm.Map("required", krm.Map("nodeSelectorTerms", krm.List(krm.Map("matchExpressions", krm.List(krm.Map("key", "kubernetes.io/hostname", "operator", "In", "values", []string{"node-1"}))))))
	}, "spec", "nodeAffinity")},
	{"volume on iSCSI", "L04", e, source("registry-pv", "iscsi", mapping("targetPortal", "p", "iqn", "i", "lun", 0))},
	{"volume of a disk driver", "L04", e, set("PersistentVolume", "registry-pv", "rbd.csi.ceph.com", "spec", "csi", "driver")},
	{"volume read-only", "L04", e, both(set("PersistentVolume", "registry-pv", "cephfs.csi.ceph.com", "spec", "csi", "driver"), put("PersistentVolume", "registry-pv", true, "spec", "csi", "readOnly"))},
	{"old volume read-only", "L04", e, set("PersistentVolume", "registry-pv", true, "spec", "cephfs", "readOnly")},
	{"volume of a plugin that is gone", "L04", e, source("registry-pv", "glusterfs", mapping("path", "p", "endpoints", "x"))},
	{"class of disks", "L04", e, both(
		add("apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: disks}\nprovisioner: ebs.csi.aws.com\n"),
		cut("PersistentVolumeClaim", "registry-pvc", "spec", "selector"), put("PersistentVolumeClaim", "registry-pvc", "disks", "spec", "storageClassName"))},
	{"class called like one of disks", "L04", w, both(
		cut("PersistentVolumeClaim", "registry-pvc", "spec", "selector"), put("PersistentVolumeClaim", "registry-pvc", "gp3", "spec", "storageClassName"))},
	{"two components on one claim", "L04", e, of(func(m *manifests) bool { return !isDeployed(m) }, both(
		set("PersistentVolumeClaim", "log-pvc", list("ReadWriteOnce"), claimModes...),
		put("Workload", "ui-rc", mapping("name", "logs", "persistentVolumeClaim", krm.Map("claimName", "log-pvc")), volume(1)...)))},
	{"a registry of somebody's own without a volume", "L04", w, both(set("Workload", "registry-rc", "example.com/our-registry:1", inPod("image")...), cut("Workload", "registry-rc", inPod("command")...), cut("Workload", "registry-rc", inPod("args")...),
		cut("Workload", "registry-rc", inPod("volumeMounts")...), cut("Workload", "registry-rc", inPod("env")...))},
	{"logs on the node", "L04", w, source("log-pv", "hostPath", mapping("path", "/data"))},
	{"logs in the container", "L04", w, cut("Workload", "jobservice-rc", inPod("volumeMounts", 1)...)},
	{"logs elsewhere by variable", "L04", w, give("jobservice", "LOG_DIR", "/logs")},

	{"no http.secret", "L05", e, inConfig("secret: placeholder", "#")},
	{"http.secret of nobody", "L05", e, unset("registry", "REGISTRY_HTTP_SECRET")},
	{"empty http.secret", "L05", e, give("registry", "REGISTRY_HTTP_SECRET", "")},
	{"a second registry with another http.secret", "L05", e, both(beside("registry"), func(m *manifests) bool {
		unseen := variable(m, "registry", "REGISTRY_HTTP_SECRET") >= 0 && m.object("Secret", "harbor-secrets") == nil
		return !unseen && put("Workload", "registry-2", krm.List(krm.Map("name", "REGISTRY_HTTP_SECRET", "value", "another-secret")), inPod("env")...)(m)
	})},
	{"http.secret that everybody knows", "L05", w, of(has("Secret", "harbor-secrets"), give("registry", "REGISTRY_HTTP_SECRET", "placeholder"))},

	{"redis cache without address", "L06", e, inConfig("layerinfo: inmemory", "layerinfo: redis")},
	{"redis cache by its new name", "L06", e, inConfig("layerinfo: inmemory", "blobdescriptor: redis")},
	{"redis cache loses its address", "L06", e, inConfig("  addr: redis.example.com:6379", "  db: 1")},
	{"cache of each replica, by the image", "L06", w, both(byVariables, unset("registry", "REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR"))},
	{"cache of each replica", "L06", w, inConfig("layerinfo: redis", "layerinfo: inmemory")},

	{"no _REDIS_URL", "L07", e, unset("ui", "_REDIS_URL")},
	{"two uis without _REDIS_URL", "L07", e, both(unset("ui", "_REDIS_URL"), set("Workload", "ui-rc", 1, "spec", "replicas"), beside("ui"))},
	{"empty _REDIS_URL", "L07", e, give("ui", "_REDIS_URL", "")},
	{"_REDIS_URL is a URL", "L07", e, give("ui", "_REDIS_URL", "redis://redis.example.com:6379/11")},
	{"_REDIS_URL without port", "L07", e, give("ui", "_REDIS_URL", "redis.example.com,100,,11")},
	{"_REDIS_URL with a port that is none", "L07", e, give("ui", "_REDIS_URL", "redis.example.com:six,100")},
	{"_REDIS_URL with a bad pool", "L07", e, give("ui", "_REDIS_URL", "redis.example.com:6379,many")},
	{"_REDIS_URL with a bad database", "L07", e, give("ui", "_REDIS_URL", "redis.example.com:6379,100,,eleven")},
	{"_REDIS_URL with a comma too many", "L07", e, give("ui", "_REDIS_URL", "redis.example.com:6379,100,a,b,11")},
	{"_REDIS_URL with a line break", "L07", e, give("ui", "_REDIS_URL", "redis.example.com:6379,100,password\n")},
	{"password with a line break", "L07", e, set("Secret", "harbor-redis", "redis-1\n", "stringData", "password")},
	{"_REDIS_URL leads to the pod", "L07", e, give("ui", "_REDIS_URL", "127.0.0.1:6379")},
	{"_REDIS_URL of a variable that is not set", "L07", e, unset("ui", "REDIS_PASSWORD")},
	{"_REDIS_URL of a variable that comes later", "L07", e, of(func(m *manifests) bool { return variable(m, "ui", "REDIS_PASSWORD") >= 0 }, func(m *manifests) bool {
		content := krm.Lookup(m.object("Workload", "ui-rc"), inPod("env")...).Content
		i, j := variable(m, "ui", "REDIS_PASSWORD"), variable(m, "ui", "_REDIS_URL")
		content[i], content[j] = content[j], content[i]
		return true
	})},

	{"key of another certificate", "L08", e, secretValue("private_key.pem", another)},
	{"key in PKCS#8", "L08", e, secretValue("private_key.pem", func() (string, error) { p, err := newPair(); return p.pkcs8, err })},
	{"key is no PEM", "L08", e, secretValue("private_key.pem", constant("secret"))},
	{"key is a certificate", "L08", e, secretValue("private_key.pem", func() (string, error) { p, err := newPair(); return p.certificate, err })},
	{"key cut off", "L08", e, secretValue("private_key.pem", constant("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"))},
	{"certificate is a key", "L08", e, secretValue("root.crt", func() (string, error) { p, err := newPair(); return p.key, err })},
	{"certificate is none", "L08", e, set("ConfigMap", "harbor-registry-config", "none", "data", "cert")},
	{"key not mounted", "L08", e, item("ui", "private_key.pem", "", "")},
	{"key under another name", "L08", e, item("ui", "private_key.pem", "path", "key.pem")},
	{"key is none", "L08", e, set("ConfigMap", "harbor-ui-config", "none", "data", "pkey")},

	{"UI_SECRET differs", "L09", e, set("ConfigMap", "harbor-ui-config", "other", "data", "UI_SECRET")},
	{"UI_SECRET differs by variable", "L09", e, of(has("Secret", "harbor-secrets"), give("ui", "UI_SECRET", "other"))},
	{"JOBSERVICE_SECRET differs", "L09", e, set("ConfigMap", "harbor-jobservice-config", "other", "data", "JOBSERVICE_SECRET")},
	{"JOBSERVICE_SECRET not set", "L09", e, unset("jobservice", "JOBSERVICE_SECRET")},
	{"UI_SECRET not set", "L09", e, unset("adminserver", "UI_SECRET")},
	{"UI_SECRET empty", "L09", e, give("ui", "UI_SECRET", "")},
	{"UI_SECRET with a line break", "L09", e, secretValue("UI_SECRET", constant("ui-secret-1\n"))},
	{"SECRET_KEY differs", "L09", e, set("ConfigMap", "harbor-ui-config", "0123456789abcdef", "data", "SECRET_KEY")},
	{"SECRET_KEY too short", "L09", e, secretValue("SECRET_KEY", constant("0123456789abcde"))},
	{"SECRET_KEY with a line break", "L09", e, secretValue("SECRET_KEY", constant("0123456789abcdef\n"))},
	{"SECRET_KEY not mounted in the ui", "L09", e, item("ui", "key", "", "")},
	{"SECRET_KEY not mounted in the adminserver", "L09", e, cut("Workload", "adminserver-rc", inPod("volumeMounts", 0)...)},
	{"SECRET_KEY elsewhere", "L09", e, give("ui", "KEY_PATH", "/etc/ui/secret")},
	{"SECRET_KEY not mounted in the jobservice", "L09", w, cut("Workload", "jobservice-rc", volume(0, "projected", "sources", 1)...)},
	{"password in a pod", "L09", w, of(has("Secret", "harbor-secrets"), give("adminserver", "MYSQL_PWD", "Password-2"))},
	{"password in a ConfigMap", "L09", w, of(has("Secret", "harbor-secrets"), put("ConfigMap", "harbor-ui-config", "Password-2", "data", "SECRET_KEY"))},
	{"password of the mail server in app.conf", "L09", w, text("ConfigMap", "harbor-ui-config", "password =\n", "password = hunter2-x\n", "data", "config")},
	{"password of the registry in config.yml", "L09", w, inConfig("version: 0.1\n", "version: 0.1\nproxy: {password: hunter2-x}\n")},
	{"header of a notification", "L09", w, inConfig("url: http://ui/", "headers: {Authorization: [hunter2-x]}\n      url: http://ui/")},
	{"password that Harbor does not know", "L09", w, give("adminserver", "SMTP_RELAY_PASSWORD", "hunter2-x")},
	{"token that Harbor does not know", "L09", w, give("ui", "MONITORING_API_KEY", "hunter2-x")},
	{"password in the URL of a proxy", "L09", w, give("ui", "HTTP_PROXY", "http://me:hunter2-x@proxy.example.com:3128")},
	{"password of a proxy in config.yml", "L09", w, inConfig("  debug:", "  token_of_mine: {secret: hunter2-x}\n  debug:")},
	{"password in the URL of a notification", "L09", w, inConfig("url: http://ui/", "url: http://me:hunter2-x@ui/")},
	{"password as it was applied", "L09", w, asApplied("adminserver", "MYSQL_PWD", "hunter2-x")},
	{"placeholder in a Secret", "L09", w, secretValue("UI_SECRET", constant("CHANGE-ME-PLEASE"))},

	{"two jobservices", "L10", e, set("Workload", "jobservice-rc", 2, "spec", "replicas")},
	{"a second jobservice", "L10", e, beside("jobservice")},
	{"jobservice scaled by itself", "L10", e, func(m *manifests) bool {
		obj := m.object("Workload", "jobservice-rc")
		return add(fmt.Sprintf("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: j}\nspec:\n  scaleTargetRef: {kind: %s, name: jobservice-rc}\n  maxReplicas: 3\n", obj.GetKind()))(m)
	}},
	{"jobservice rolls", "L10", e, cut("Workload", "jobservice-rc", "spec", "strategy")},
	{"jobservice rolls by name", "L10", e, set("Workload", "jobservice-rc", "RollingUpdate", "spec", "strategy", "type")},
	{"jobservice on each node", "L10", e, of(isDeployed, set("Workload", "jobservice-rc", "DaemonSet", "kind"))},

	{"adminservers keep what they were told", "L11", e, of(func(m *manifests) bool { return !isDeployed(m) }, set("ConfigMap", "harbor-adminserver-config", "false", "data", "RESET"))},
	{"RESET in capitals", "L11", e, of(func(m *manifests) bool { return !isDeployed(m) }, set("ConfigMap", "harbor-adminserver-config", "TRUE", "data", "RESET"))},
	{"no RESET", "L11", e, of(func(m *manifests) bool { return !isDeployed(m) }, unset("adminserver", "RESET"))},
	{"three adminservers", "L11", e, of(isDeployed, set("Workload", "adminserver-rc", 3, "spec", "replicas"))},
	{"settings in an emptyDir", "L11", w, of(isDeployed, set("Workload", "adminserver-rc", mapping("name", "store", "emptyDir", krm.Map()), volume(1)...))},
	{"settings elsewhere", "L11", w, of(isDeployed, set("ConfigMap", "harbor-adminserver-config", "/etc/conf/config.json", "data", "JSON_CFG_STORE_PATH"))},
	{"settings kept and discarded", "L11", w, of(isDeployed, set("ConfigMap", "harbor-adminserver-config", "true", "data", "RESET"))},

	{"database on the pod", "L12", e, set("ConfigMap", "harbor-adminserver-config", "localhost", "data", "MYSQL_HOST")},
	{"database nowhere", "L12", e, set("ConfigMap", "harbor-adminserver-config", "", "data", "MYSQL_HOST")},
	{"MYSQL_HOST not set", "L12", e, unset("adminserver", "MYSQL_HOST")},
	{"MYSQL_PORT is none", "L12", e, set("ConfigMap", "harbor-adminserver-config", "mysql", "data", "MYSQL_PORT")},
	{"MYSQL_PWD with a line break", "L12", e, set("Secret", "harbor-database", "database-1\n", "stringData", "password")},
	{"MYSQL_USR not set", "L12", e, unset("adminserver", "MYSQL_USR")},
	{"MYSQL_DATABASE empty", "L12", e, set("ConfigMap", "harbor-adminserver-config", "", "data", "MYSQL_DATABASE")},
	{"database left over", "L12", w, add(mysql)},
	{"database inside", "L12", e, both(add(mysql), add("apiVersion: v1\nkind: Service\nmetadata: {name: mysql}\nspec:\n  ports: [{port: 3306}]\n  selector: {name: mysql-apps}\n"),
		set("ConfigMap", "harbor-adminserver-config", "mysql", "data", "MYSQL_HOST"))},
	{"databases inside on one volume", "L12", e, both(add(mysql), set("Workload", "mysql-rc", 2, "spec", "replicas"), add("apiVersion: v1\nkind: Service\nmetadata: {name: mysql}\nspec:\n  ports: [{port: 3306}]\n  selector: {name: mysql-apps}\n"))},

	{"address without port", "L13", e, set("ConfigMap", "harbor-adminserver-config", "http://hub.example.com", "data", "EXT_ENDPOINT")},
	{"address with another port", "L13", e, set("ConfigMap", "harbor-adminserver-config", "http://hub.example.com:31778", "data", "EXT_ENDPOINT")},
	{"address of another host", "L13", e, set("ConfigMap", "harbor-adminserver-config", "http://hub.example.org:31777", "data", "EXT_ENDPOINT")},
	{"address without scheme", "L13", e, set("ConfigMap", "harbor-adminserver-config", "hub.example.com:31777", "data", "EXT_ENDPOINT")},
	{"address with https", "L13", e, set("ConfigMap", "harbor-adminserver-config", "https://hub.example.com:31777", "data", "EXT_ENDPOINT")},
	{"address with a path", "L13", e, set("ConfigMap", "harbor-adminserver-config", "http://hub.example.com:31777/harbor", "data", "EXT_ENDPOINT")},
	{"address of the client itself", "L13", e, set("ConfigMap", "harbor-adminserver-config", "http://localhost:31777", "data", "EXT_ENDPOINT")},
	{"no address", "L13", e, unset("adminserver", "EXT_ENDPOINT")},
	{"realm of another host", "L13", e, inConfig("realm: http://hub.example.com:31777/", "realm: http://hub/")},
	{"realm without port", "L13", e, inConfig("realm: http://hub.example.com:31777/", "realm: http://hub.example.com/")},
	{"realm with another path", "L13", e, inConfig("31777/service/token", "31777/token")},
	{"no realm", "L13", e, inConfig("realm: http", "#")},
	{"another node port", "L13", e, set("Service", "nginx", 31778, "spec", "ports", 0, "nodePort")},
	{"another node port beside somebody else's Ingress", "L13", e, of(namespaced, both(set("Service", "nginx", 31778, "spec", "ports", 0, "nodePort"), func(m *manifests) bool {
		m.add("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: theirs, namespace: other}\n")
		return true
	}))},
	{"node port out of range", "L13", e, set("Service", "nginx", 80, "spec", "ports", 0, "nodePort")},
	{"node port taken", "L13", e, both(put("Service", "ui", "NodePort", "spec", "type"), put("Service", "ui", 31777, "spec", "ports", 0, "nodePort"))},
	{"no Service leads to nginx", "L13", e, set("Service", "nginx", "nginx", "spec", "selector", "name")},
	{"nginx speaks https", "L13", e, text("ConfigMap", "harbor-nginx-config", "listen 80;", "listen 80 ssl;", "data", "config")},
	{"address with a port that nothing outside has", "L13", w, both(put("Service", "nginx", "ClusterIP", "spec", "type"), cut("Service", "nginx", "spec", "ports", 0, "nodePort"))},
	{"no node port", "L13", w, cut("Service", "nginx", "spec", "ports", 0, "nodePort")},
	{"address of a load balancer", "L13", w, both(set("ConfigMap", "harbor-adminserver-config", "http://hub.example.com", "data", "EXT_ENDPOINT"), inConfig("http://hub.example.com:31777", "http://hub.example.com"))},
	{"port that nothing has", "L13", e, address("http://hub.example.com:8080")},
	{"address of a load balancer with https", "L13", w, address("https://hub.example.com")},
	{"pushes to http behind TLS", "L13", e, both(address("https://hub.example.com"), behind)},
	{"pushes to http behind an Ingress", "L13", e, both(address("https://hub.example.com"), add(ingress("hub.example.com", "nginx", "80", "[{hosts: [hub.example.com], secretName: tls}]")))},
	{"Ingress of another host", "L13", e, both(address("https://hub.example.com"), passOn, add(ingress("reg.mydomain.com", "nginx", "80", "[{hosts: [reg.mydomain.com], secretName: tls}]")))},
	{"Ingress of another host behind a load balancer", "L13", e, both(address("https://hub.example.com"), passOn, behind, add(ingress("reg.mydomain.com", "nginx", "80", "[]")))},
	{"Ingress and another port", "L13", e, both(address("https://hub.example.com:8443"), passOn, add(ingress("hub.example.com", "nginx", "80", "[{hosts: [hub.example.com], secretName: tls}]")))},
	{"Ingress instead of nginx, of another host", "L13", e, both(withoutNginx, address("https://hub.example.com"), add(ingress("reg.mydomain.com", "ui", "80", "[{hosts: [reg.mydomain.com], secretName: tls}]")))},
	{"Ingress without certificate", "L13", w, both(address("https://hub.example.com"), passOn, add(ingress("hub.example.com", "nginx", "80", "[]")))},
	{"Ingress with certificate", "L13", w, both(address("http://hub.example.com"), passOn, add(ingress("hub.example.com", "nginx", "80", "[{secretName: tls}]")))},
	{"load balancer of another port", "L13", e, both(address("http://hub.example.com:8080"), set("Service", "nginx", "LoadBalancer", "spec", "type"))},
	{"load balancer for its own port alone", "L13", e, both(address("http://hub.example.com"), set("Service", "nginx", "LoadBalancer", "spec", "type"), set("Service", "nginx", 8080, "spec", "ports", 0, "port"),
		put("Service", "nginx", 80, "spec", "ports", 0, "targetPort"))},
	{"load balancer that may end TLS", "L13", w, both(address("https://hub.example.com"), passOn, set("Service", "nginx", "LoadBalancer", "spec", "type"), set("Service", "nginx", 443, "spec", "ports", 0, "port"),
		put("Service", "nginx", 80, "spec", "ports", 0, "targetPort"))},
	{"another server_name", "L13", w, text("ConfigMap", "harbor-nginx-config", "server_name hub.example.com:31777", "server_name reg.mydomain.com", "data", "config")},

	{"claim too large", "L14", e, set("PersistentVolumeClaim", "registry-pvc", "6Gi", request...)},
	{"volume too small", "L14", e, set("PersistentVolume", "registry-pv", "5G", "spec", "capacity", "storage")},
	{"size that is none", "L14", e, set("PersistentVolumeClaim", "registry-pvc", "5 GB", request...)},
	{"claim without class", "L14", e, cut("PersistentVolumeClaim", "registry-pvc", "spec", "storageClassName")},
	{"claim of another class", "L14", e, set("PersistentVolumeClaim", "registry-pvc", "fast", "spec", "storageClassName")},
	{"volume of another class", "L14", e, put("PersistentVolume", "registry-pv", "fast", "spec", "storageClassName")},
	{"claim of a block device", "L14", e, put("PersistentVolumeClaim", "log-pvc", "Block", "spec", "volumeMode")},
	{"claim selects nothing", "L14", e, set("PersistentVolumeClaim", "registry-pvc", "images", "spec", "selector", "matchLabels", "type")},
	{"volume has another label", "L14", e, set("PersistentVolume", "registry-pv", "images", "metadata", "labels", "type")},
	{"claim names no volume", "L14", e, put("PersistentVolumeClaim", "registry-pvc", "registry-volume", "spec", "volumeName")},
	{"claim names the volume of another one", "L14", e, put("PersistentVolumeClaim", "registry-pvc", "log-pv", "spec", "volumeName")},
	{"volume for another claim", "L14", e, both(put("PersistentVolumeClaim", "registry-pvc", "registry-pv", "spec", "volumeName"),
		put("PersistentVolume", "registry-pv", mapping("name", "other", "namespace", "harbor"), "spec", "claimRef"))},
	{"volume for a claim in no namespace", "L14", e, put("PersistentVolume", "registry-pv", mapping("name", "registry-pvc"), "spec", "claimRef")},
	{"volume for the claim in another namespace", "L14", e, of(namespaced, put("PersistentVolume", "registry-pv", mapping("name", "registry-pvc", "namespace", "default"), "spec", "claimRef"))},
	{"volume for the claim before kustomize renamed it", "L14", e, of(namespaced, both(put("PersistentVolume", "registry-pv", mapping("name", "registry-pvc", "namespace", "harbor"), "spec", "claimRef"),
		func(m *manifests) bool { return prefixed(m.object("PersistentVolumeClaim", "registry-pvc")) == nil }))},
	{"two volumes for one claim", "L14", e, func(m *manifests) bool {
		second := m.object("PersistentVolume", "registry-pv").Copy()
		m.items = append(m.items, second)
		return second.SetName("registry-pv-2") == nil
	}},
	{"claim of another mode", "L14", e, set("PersistentVolumeClaim", "log-pvc", list("ReadWriteOnce"), claimModes...)},
	{"volume of another mode", "L14", e, set("PersistentVolume", "log-pv", list("ReadWriteOnce"), claimModes...)},
	{"claim of one mode too many", "L14", e, set("PersistentVolumeClaim", "registry-pvc", list("ReadWriteOnce", "ReadWriteMany"), claimModes...)},
	{"volume goes with the claim", "L14", e, set("PersistentVolume", "registry-pv", "Delete", "spec", "persistentVolumeReclaimPolicy")},
	{"volume is wiped", "L14", e, set("PersistentVolume", "log-pv", "Recycle", "spec", "persistentVolumeReclaimPolicy")},
	{"volume not static", "L14", e, cut("PersistentVolume", "registry-pv", "spec", "csi", "volumeAttributes", "staticVolume")},
	{"static is no string", "L14", e, both(cut("PersistentVolume", "registry-pv", "spec", "csi", "volumeAttributes", "staticVolume"),
		put("PersistentVolume", "registry-pv", true, "spec", "csi", "volumeAttributes", "staticVolume"))},
	{"no cluster", "L14", e, cut("PersistentVolume", "registry-pv", "spec", "csi", "volumeAttributes", "clusterID")},
	{"no folder", "L14", e, cut("PersistentVolume", "registry-pv", "spec", "csi", "volumeAttributes", "rootPath")},
	{"no Secret of the driver", "L14", e, cut("PersistentVolume", "registry-pv", "spec", "csi", "nodeStageSecretRef")},
	{"Secret of the driver in no namespace", "L14", e, cut("PersistentVolume", "registry-pv", "spec", "csi", "nodeStageSecretRef", "namespace")},
	{"Secret of the driver with other keys", "L14", e, cut("Secret", "csi-cephfs-secret", "stringData", "userID")},
	{"Secret of the driver renamed by kustomize", "L14", w, func(m *manifests) bool {
		secret := m.object("Secret", "csi-cephfs-secret")
		return secret != nil && prefixed(secret) == nil
	}},
	{"no handle", "L14", e, cut("PersistentVolume", "registry-pv", handle...)},
	{"handle of another volume", "L14", e, func(m *manifests) bool {
		log := m.object("PersistentVolume", "log-pv")
		return set("PersistentVolume", "registry-pv", krm.Text(log, handle...), handle...)(m)
	}},
	{"volume of a pool", "L14", w, both(cut("PersistentVolumeClaim", "registry-pvc", "spec", "selector"), set("PersistentVolumeClaim", "registry-pvc", "pool", "spec", "storageClassName"), add(nfs("a", "5Gi")), add(nfs("b", "5Gi")))},
	{"class of a volume by default", "L14", w, both(cut("PersistentVolumeClaim", "registry-pvc", "spec", "storageClassName"), put("PersistentVolume", "registry-pv", "cephfs", "spec", "storageClassName"))},
	{"no file system", "L14", w, cut("PersistentVolume", "registry-pv", "spec", "csi", "volumeAttributes", "fsName")},

	{"no probe", "L15", w, cut("Workload", "ui-rc", inPod("readinessProbe")...)},
	{"not spread", "L15", w, both(cut("Workload", "ui-rc", "spec", "template", "spec", "topologySpreadConstraints"),
		cut("Workload", "ui-rc", "spec", "template", "spec", "affinity"))},
	{"no budget", "L15", w, drop("PodDisruptionBudget", "ui-rc")},
	{"budget for nobody", "L15", w, set("PodDisruptionBudget", "ui-rc", "portal", "spec", "selector", "matchLabels", "name")},
	{"budget that lets nobody go", "L15", w, set("PodDisruptionBudget", "ui-rc", 0, "spec", "maxUnavailable")},
	{"budget that wants all", "L15", w, both(cut("PodDisruptionBudget", "ui-rc", "spec", "maxUnavailable"), put("PodDisruptionBudget", "ui-rc", "67%", "spec", "minAvailable"))},
	{"tag that moves", "L15", w, set("Workload", "nginx-rc", "vmware/nginx-photon:latest", inPod("image")...)},
	{"no tag", "L15", w, set("Workload", "nginx-rc", "vmware/nginx-photon", inPod("image")...)},
	{"one nginx", "L15", w, set("Workload", "nginx-rc", 1, "spec", "replicas")},

	{"variable of a key that is not there", "L16", e, reference("adminserver", "MYSQL_HOST", "key", "MYSQL_HOSTNAME")},
	{"variable of a Secret's key that is not there", "L16", e, of(has("Secret", "harbor-secrets"), reference("ui", "REDIS_PASSWORD", "key", "pass"))},
	{"file of a key that is not there", "L16", e, item("registry", "config.yml", "key", "config.yml")},
	{"file of a Secret's key that is not there", "L16", e, of(has("Secret", "harbor-secrets"), item("ui", "private_key.pem", "key", "tls.key"))},
	{"key taken away", "L16", e, cut("ConfigMap", "harbor-adminserver-config", "data", "EXT_ENDPOINT")},
	{"ConfigMap renamed", "L16", e, set("ConfigMap", "harbor-registry-config", "prod-harbor-registry-config", "metadata", "name")},
	{"ConfigMap misspelt", "L16", e, set("ConfigMap", "harbor-nginx-config", "harbor-nginx-conf", "metadata", "name")},
	{"Secret misspelt", "L16", w, of(has("Secret", "harbor-secrets"), reference("ui", "REDIS_PASSWORD", "name", "harbor-rediss"))},
	{"claim misspelt", "L16", e, set("Workload", "registry-rc", "registry-pcv", volume(1, "persistentVolumeClaim", "claimName")...)},
	{"claim renamed", "L16", e, set("PersistentVolumeClaim", "registry-pvc", "registry-pvc-v2", "metadata", "name")},
	{"ConfigMap in another namespace", "L16", e, of(namespaced, put("ConfigMap", "harbor-ui-config", "other", "metadata", "namespace"))},
	{"claim in another namespace", "L16", e, of(namespaced, set("PersistentVolumeClaim", "registry-pvc", "other", "metadata", "namespace"))},
	{"pod in another namespace", "L16", w, of(func(m *manifests) bool { return !namespaced(m) }, put("ConfigMap", "harbor-nginx-config", "other", "metadata", "namespace"))},
	{"ConfigMap not there", "L16", w, drop("ConfigMap", "harbor-nginx-config")},

	{"ReplicationController and a prefix", "L16", w, of(func(m *manifests) bool { return !isDeployed(m) }, func(m *manifests) bool {
		return prefixed(m.object("ConfigMap", "harbor-ui-config")) == nil
	})},

	{"ReplicationController and a hash", "L16", w, of(func(m *manifests) bool { return !isDeployed(m) },
		put("ConfigMap", "harbor-ui-config", "enabled", "metadata", "annotations", "internal.config.kubernetes.io/needsHashSuffix"))},

	{"Service renamed", "L17", e, set("Service", "ui", "harbor-ui", "metadata", "name")},
	{"Service in another namespace", "L17", e, of(namespaced, set("Service", "adminserver", "other", "metadata", "namespace"))},
	{"Service of another port", "L17", e, set("Service", "registry", 5005, port0...)},
	{"Service to another port", "L17", e, put("Service", "ui", 8080, "spec", "ports", 0, "targetPort")},
	{"Service to a port of no name", "L17", e, put("Service", "ui", "web", "spec", "ports", 0, "targetPort")},
	{"Service selects nothing", "L17", e, set("Service", "jobservice", "jobs", "spec", "selector", "name")},
	{"Service selects somebody else", "L17", e, set("Service", "registry", "ui-apps", "spec", "selector", "name")},
	{"nginx listens elsewhere", "L17", e, text("ConfigMap", "harbor-nginx-config", "listen 80;", "listen 8080;", "data", "config")},
	{"ui listens elsewhere", "L17", e, text("ConfigMap", "harbor-ui-config", "httpport = 80", "httpport = 8080", "data", "config")},
	{"registry listens elsewhere", "L17", e, inConfig("addr: :5000", "addr: :5005")},
	{"REGISTRY_URL of nobody", "L17", e, set("ConfigMap", "harbor-adminserver-config", "http://registri:5000", "data", "REGISTRY_URL")},
	{"REGISTRY_URL with the debug port", "L17", e, set("ConfigMap", "harbor-adminserver-config", "http://registry:5001", "data", "REGISTRY_URL")},
	{"TOKEN_SERVICE_URL of somebody else", "L17", e, set("ConfigMap", "harbor-adminserver-config", "http://jobservice/service/token", "data", "TOKEN_SERVICE_URL")},
	{"ADMIN_SERVER_URL of nobody", "L17", e, give("ui", "ADMIN_SERVER_URL", "http://admin")},
	{"notifications to nobody", "L17", e, inConfig("url: http://ui/", "url: http://portal/")},
	{"upstream of nobody", "L17", e, text("ConfigMap", "harbor-nginx-config", "server registry:5000;", "server registri:5000;", "data", "config")},
	{"upstream of another port", "L17", e, text("ConfigMap", "harbor-nginx-config", "server ui:80;", "server ui:8080;", "data", "config")},
	{"network of the node", "L17", w, put("Workload", "ui-rc", true, "spec", "template", "spec", "hostNetwork")},
	{"resolver of the node", "L17", w, put("Workload", "nginx-rc", "Default", "spec", "template", "spec", "dnsPolicy")},
	{"no Service", "L17", e, drop("Service", "jobservice")},
	{"no Service at all", "L17", w, both(drop("Service", "jobservice"), drop("Service", "ui"), drop("Service", "registry"), drop("Service", "adminserver"), drop("Service", "nginx"))},
	{"Redis nowhere", "L17", w, give("ui", "_REDIS_URL", "redis:6379,100,,11")},
	{"one ui with a Redis that is nowhere", "L17", e, both(beside("ui"), give("ui", "_REDIS_URL", "redis:6379,100,,11"))},
	{"database nowhere among the Services", "L17", w, set("ConfigMap", "harbor-adminserver-config", "mysql", "data", "MYSQL_HOST")},
	{"database without its Service", "L17", e, both(add(mysql), set("ConfigMap", "harbor-adminserver-config", "mysql", "data", "MYSQL_HOST"))},

	{"no registry", "L18", e, drop("Workload", "registry-rc")},
	{"no ui", "L18", e, both(drop("Workload", "ui-rc"), drop("PodDisruptionBudget", "ui-rc"))},
	{"registry that is not recognised", "L18", e, both(set("Workload", "registry-rc", "example.com/store:1", inPod("image")...), set("Workload", "registry-rc", "store", inPod("name")...), drop("Service", "registry"), inConfig("issuer: harbor-token-issuer", "issuer: store"))},

	{"three Redis behind one Service", "L19", e, both(add(server("redis", "redis:7", 6379)), give("ui", "_REDIS_URL", "redis:6379,100,,11"))},
	{"three stores of an unknown image behind one Service", "L19", w, both(add(server("cache", "corp/store:1", 6379)), give("ui", "_REDIS_URL", "cache:6379,100,,11"))},
	{"three MySQL behind one Service", "L19", e, both(add(server("mysql", "mysql:5.7", 3306)), set("ConfigMap", "harbor-adminserver-config", "mysql.", "data", "MYSQL_HOST"))},
}

// beside adds a second workload of the component.
func beside(component string) change {
	return func(m *manifests) bool {
		second := m.object("Workload", component+"-rc").Copy()
		m.items = append(m.items, second)
		return second.SetName(component+"-2") == nil
	}
}

// nfs is a volume of class pool.
func nfs(name, size string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: PersistentVolume
metadata: {name: %s}
spec: {storageClassName: pool, accessModes: [ReadWriteMany], capacity: {storage: %s}, nfs: {server: nfs.example.com, path: /%[1]s}}
`, name, size)
}

const mysql = `apiVersion: v1
kind: ReplicationController
metadata: {name: mysql-rc}
spec:
  replicas: 1
  selector: {name: mysql-apps}
  template:
    metadata:
      labels: {name: mysql-apps}
    spec:
      containers:
      - name: mysql-app
        image: vmware/harbor-db:v1.2.0
        volumeMounts:
        - {name: data, mountPath: /var/lib/mysql}
      volumes:
      - name: data
        nfs: {server: nfs.example.com, path: /mysql}
`

// server is a plain server of three pods and its Service.
func server(name, image string, port int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: 3
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: %[1]s, image: "%[2]s", readinessProbe: {tcpSocket: {port: %[3]d}}, ports: [{containerPort: %[3]d}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {selector: {app: %[1]s}, ports: [{port: %[3]d}]}
`, name, image, port)
}

// start is manifests without an error, for a version of Kubernetes.
type start struct {
	*manifests
	version string
}

const today = kube.Today

// family are mutations of one generation of Harbor and the manifests in which they
// are made.
type family struct {
	mutations []mutation
	// starts are those manifests, in the order in which they are tried.
	starts func(testing.TB) map[string]start
	order  []string
	// overlay has the config that is to help, more what it needs beside the manifests.
	overlay string
	more    func(*testing.T) string
	// golden is what the rules find.
	golden string
}

var families = map[string]family{
	"1.2": {mutations, starts, []string{"ha", "ha-secret", "clean", "clean-namespace", "article"}, "harbor-1.2-ha", harborCfg, "mutations.txt"},
	"2":   {mutations2, starts2, []string{"ha", "clean", "clean-namespace"}, "harbor-2-ha", func(*testing.T) string { return "" }, "mutations2.txt"},
}

var (
	makeStarts sync.Once
	allStarts  map[string]start
)

func starts(t testing.TB) map[string]start {
	makeStarts.Do(func() { allStarts = newStarts(t) })
	return allStarts
}

func newStarts(t testing.TB) map[string]start {
	return map[string]start{
		"article":         {parse(t, article(t)), "1.7"},
		"ha":              {parse(t, highlyAvailable(t)), today},
		"ha-secret":       {parse(t, withSecret(t)), today},
		"clean":           {parse(t, clean(t)), today},
		"clean-namespace": {parse(t, inNamespace(t, clean(t))), today},
	}
}

// TestGoldenMutations makes each mistake in each start that allows it: the rule that is
// meant for it finds it, and no other rule reports an error. What is found in the
// first such start is golden.
func TestGoldenMutations(t *testing.T) {
	t.Parallel()
	for generation, f := range families {
		t.Run(generation, func(t *testing.T) { checkMutations(t, f) })
	}
}

func checkMutations(t *testing.T, f family) {
	all := f.starts(t)
	before, applied := map[string][]string{}, map[string]int{}
	for name, s := range all {
		before[name] = s.copy().validate(s.version)
		if errors := startingWith(before[name], "error "); len(errors) > 0 {
			t.Errorf("%s has errors:\n%s", name, strings.Join(errors, "\n"))
		}
	}
	listed := ""
	for _, mut := range f.mutations {
		first := ""
		for _, name := range f.order {
			m := all[name].copy()
			if !mut.apply(m) || name == "article" && outdated(mut) {
				continue
			}
			applied[name]++
			found := without(m.validate(all[name].version), before[name])
			if first == "" {
				first = fmt.Sprintf("%s (%s)\n  %s\n", mut.name, name, strings.Join(found, "\n  "))
			}
			errors := startingWith(found, "error ")
			expected := startingWith(found, fmt.Sprintf("%s %s ", mut.severity, mut.rule))
			if len(expected) == 0 || len(startingWith(errors, "error "+mut.rule+" ")) != len(errors) || mut.severity == w && len(errors) > 0 {
				t.Errorf("%s: %s: want %s of %s and no other error, found:\n%s", name, mut.name, mut.severity, mut.rule, strings.Join(found, "\n"))
			}
		}
		if first == "" {
			t.Errorf("%s applies nowhere", mut.name)
		}
		listed += first
	}
	t.Logf("mutations: %v of %d", applied, len(f.mutations))
	for _, name := range f.order {
		// Manifests in namespaces are the clean ones once more.
		if name != "clean-namespace" && applied[name] < min(60, len(f.mutations)/2) {
			t.Errorf("%d mutations apply to %s", applied[name], name)
		}
	}
	golden.Compare(t, "../../testdata/validate-ha/"+f.golden, listed)
}

// TestTwoMistakes checks that a mistake does not hide behind another one that
// several callers come across.
func TestTwoMistakes(t *testing.T) {
	m := starts(t)["ha"].copy()
	both(text("ConfigMap", "harbor-nginx-config", "server registry:5000;", "server registry:5005;", "data", "config"),
		text("ConfigMap", "harbor-nginx-config", "server ui:80;", "server ui:8080;", "data", "config"))(m)
	errors := startingWith(m.validate(today), "error L17 ")
	if len(errors) != 2 {
		t.Errorf("want errors of Service registry and Service ui, found:\n%s", strings.Join(errors, "\n"))
	}
}

// outdated says whether a mistake is none on Kubernetes 1.7.
func outdated(mut mutation) bool {
	return mut.rule == "L03" || mut.name == "volume of a plugin that is gone"
}

func startingWith(lines []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, prefix) })
}

// without are the lines that were not there before.
func without[T comparable](lines, before []T) []T {
	return slices.DeleteFunc(slices.Clone(lines), func(l T) bool { return slices.Contains(before, l) })
}
