package validateha_test

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// registryMutations2 are mistakes in the registry's configuration and in where the logs
// of jobs go.
var registryMutations2 = []mutation{
	{"config of the registry is no YAML", "L01", e, registry2("version: 0.1", "version: [")},
	{"config of the registry has another version", "L01", e, registry2("version: 0.1", "version: 0.2")},
	{"config of the registry where nobody reads it", "L01", e, registryMount2("config.yml", "/etc/docker/registry/config.yml")},
	{"arguments name another config", "L01", e, put("Workload", "harbor-registry", krm.List("serve", "/etc/registry/other.yml"), inPod("args")...)},

	{"registry without auth", "L02", e, registry2("auth:\n  htpasswd:\n    realm: harbor-registry-basic-realm\n    path: /etc/registry/passwd\n", "")},
	{"registry without auth, by a variable", "L02", e, tell("registry", "REGISTRY_AUTH", "none")},
	{"file of passwords without a path", "L02", e, registry2("    path: /etc/registry/passwd\n", "")},
	{"file of passwords without a realm", "L02", e, registry2("    realm: harbor-registry-basic-realm\n", "")},
	{"file of passwords that is not mounted", "L02", e, registry2("path: /etc/registry/passwd", "path: /etc/registry/htpasswd")},

	{"cache of each replica that deletes", "L06", e, registry2("layerinfo: redis", "layerinfo: inmemory")},
	{"cache of each replica by its new name", "L06", e, registry2("layerinfo: redis", "blobdescriptor: inmemory")},
	{"cache of each replica", "L06", w, both(registry2("layerinfo: redis", "layerinfo: inmemory"), registry2("delete:\n    enabled: true", "delete:\n    enabled: false"))},
	{"cache in Redis without an address", "L06", e, registry2("  addr: ", "  address: ")},

	{"job logs to the standard output alone", "N06", w, jobservice2("name: FILE\n  level: INFO\n  settings:\n    base_dir: /var/log/jobs\n  sweeper:\n    duration: 14 # days\n    settings:\n      work_dir: /var/log/jobs\n", "name: STD_OUTPUT\n  level: INFO\n")},
	{"job logs to the standard output alone, by a Secret", "N06", w, func(m *manifests) bool {
		return add("apiVersion: v1\nkind: Secret\nmetadata: {name: jobservice}\nstringData:\n  config.yml: |\n    protocol: http\n    port: 8080\n"+
			"    worker_pool: {workers: 10, backend: redis, redis_pool: {namespace: harbor_job_service_namespace}}\n"+
			"    job_loggers: [{name: STD_OUTPUT, level: INFO}]\n    loggers: [{name: STD_OUTPUT, level: INFO}]\n")(m) &&
			volume2("harbor-jobservice", "config", "secret", krm.Map("secretName", "jobservice"))(m)
	}},
	{"loggers of jobs without a folder", "N06", e, jobservice2("base_dir: /var/log/jobs", "basedir: /var/log/jobs")},

	{"clients are sent to a Service", "L20", w, inS3("http://rgw.ceph.svc:8000")},
	{"clients are sent to a Service of these manifests", "L20", w, inS3("http://harbor-core.harbor:80")},
	{"clients are sent to a name without domain", "L20", w, inS3("rgw:8000")},
	{"clients are sent to a private network", "L20", w, inS3("http://10.1.2.3:8000")},
	{"clients are sent to themselves", "L20", w, inS3("http://127.0.0.1:9000")},
}

// registryMount2 mounts a file of the registry elsewhere.
func registryMount2(subPath, path string) change {
	return func(m *manifests) bool {
		obj := m.object("Workload", "harbor-registry")
		for i, n := range krm.Elements(obj, inPod("volumeMounts")...) {
			if krm.Text(yaml.NewRNode(n), "subPath") == subPath {
				return put("Workload", "harbor-registry", path, inPod("volumeMounts", i, "mountPath")...)(m)
			}
		}
		return false
	}
}

// inS3 keeps images in an S3 of that address, to which clients are sent.
func inS3(endpoint string) change {
	return registry2("filesystem:\n    rootdirectory: /storage", "s3:\n    region: default\n    bucket: harbor\n    regionendpoint: "+endpoint)
}
