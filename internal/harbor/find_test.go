package harbor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
)

func listOf(t *testing.T, text string) *framework.ResourceList {
	t.Helper()
	items, err := kio.FromBytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &framework.ResourceList{Items: items}
}

// workload is a Deployment of one container.
func workload(name, image, more string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\nspec:\n  template:\n    metadata: {labels: {run: " + name +
		"}}\n    spec: {containers: [{name: " + name + ", image: '" + image + "'" + more + "}]}\n---\n"
}

func service(name, selects string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {selector: {run: " + selects + "}, ports: [{port: 80}]}\n---\n"
}

// store is a Service, and a pod of two containers behind it.
func store(ports string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: store}\nspec: {selector: {run: images}, ports: " + ports + "}\n---\n" +
		strings.Replace(workload("images", "mirror/distribution:2", ", ports: [{containerPort: 5000}]"), "}]}\n---", "}, {name: ctl, image: 'mirror/control:1', "+
			"ports: [{name: ctl, containerPort: 8080}]}]}\n---", 1)
}

// nginx is one that passes requests on to an address.
func nginx(address string) string {
	return strings.Replace(workload("nginx", "nginx:1.29", ", volumeMounts: [{name: c, mountPath: /etc/nginx}]"), "spec: {containers",
		"spec: {volumes: [{name: c, configMap: {name: c}}], containers", 1) +
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {nginx.conf: 'http { server { location / { proxy_pass " + address + "/; } } }'}\n---\n"
}

// TestFindAll looks at what is recognised, as GENERATION RELEASE: part=workload.
func TestFindAll(t *testing.T) {
	variable := func(name, value string) string {
		return ", env: [{name: " + name + ", value: '" + value + "'}]"
	}
	inNamespace := func(namespace, text string) string {
		return strings.ReplaceAll(text, "metadata: {name:", "metadata: {namespace: "+namespace+", name:")
	}
	harbor := workload("ui", "harbor-ui:v1.2.0", "") + workload("adminserver", "harbor-adminserver:v1.2.0", "") + workload("registry", "registry:2.6.2-photon", "")
	for name, test := range map[string]struct {
		list string
		want []string
	}{
		"nothing":            {workload("web", "nginx", ""), nil},
		"of another project": {workload("db", "mariadb-photon:v1.4.0", ""), nil},
		"1.2":                {harbor, []string{"1 1.2: ui=ui adminserver=adminserver registry=registry"}},
		"1.6": {workload("ui", "harbor-ui:v1.6.0", "") + workload("db", "harbor-db:v1.6.0", ""),
			[]string{"3 1.6: ui=ui database=db"}},
		"1.7": {workload("core", "harbor-core:v1.7.5", "") + workload("adminserver", "harbor-adminserver:v1.7.5", "") +
			workload("registry", "registry-photon:v2.6.2-v1.7.5", ""), []string{"3 1.7: core=core adminserver=adminserver registry=registry"}},
		"2.x": {workload("core", "harbor-core:v2.15.1", "") + workload("db", "harbor-db:v2.15.1", ""), []string{"2 2.15: core=core database=db"}},
		"release not known, core beside adminserver": {workload("core", "harbor-core@sha256:00", "") + workload("a", "harbor-adminserver@sha256:00", ""),
			[]string{"3 0.0: core=core adminserver=a"}},
		"registry by the address": {workload("adminserver", "harbor-adminserver:v1.2.0", variable("REGISTRY_URL", "http://store:5000")) +
			service("store", "images") + workload("images", "mirror/distribution:2", ""), []string{"1 1.2: adminserver=adminserver registry=images"}},
		"database by the address": {workload("adminserver", "harbor-adminserver:v1.2.0", variable("MYSQL_HOST", "db.default.svc.cluster.local.")) +
			service("db", "m") + workload("m", "percona:5.7", ""), []string{"1 1.2: adminserver=adminserver mysql=m"}},
		"database by the address beside Harbor's own": {workload("adminserver", "harbor-adminserver:v1.2.0", variable("MYSQL_HOST", "db")) +
			workload("old", "harbor-db:v1.2.0", "") + service("db", "m") + workload("m", "corp/store:1", ""),
			[]string{"1 1.2: adminserver=adminserver mysql=old mysql=m"}},
		"redis by the address": {workload("ui", "harbor-ui:v1.2.0", variable("_REDIS_URL", "cache:6379,100,,11")) + service("cache", "r") +
			workload("r", "redis:7", ""), []string{"1 1.2: ui=ui redis=r"}},
		"registry and registryctl of 2.x by their addresses": {workload("core", "harbor-core:v2.15.1", ", env: [{name: REGISTRY_URL, value: 'http://store:5000'}, "+
			"{name: REGISTRY_CONTROLLER_URL, value: 'http://store:8080'}]") + store("[{port: 5000}, {port: 8080, targetPort: ctl}]"),
			[]string{"2 2.15: core=core registry=images registryctl=images/ctl"}},
		"core and portal of 2.x by what the jobservice and nginx call": {workload("job", "harbor-jobservice:v2.15.1", variable("CORE_URL", "http://main:80")) +
			workload("core", "harbor-core:v2.15.1", variable("PORTAL_URL", "http://pages")) +
			service("pages", "web") + workload("web", "mirror/pages:1", ""), []string{"2 2.15: jobservice=job core=core portal=web"}},
		"core of 2.x by the address": {workload("job", "harbor-jobservice:v2.15.1", variable("CORE_URL", "http://main:80")) +
			service("main", "m") + workload("m", "mirror/main:1", ""), []string{"2 2.15: jobservice=job core=m"}},
		"trivy of 2.x by the address": {workload("core", "harbor-core:v2.15.1", ", env: [{name: TRIVY_ADAPTER_URL, value: 'http://scan'}, {name: WITH_TRIVY, value: 'true'}]") +
			service("scan", "s") + workload("s", "mirror/scan:1", ""), []string{"2 2.15: core=core trivy=s"}},
		"no trivy of 2.x": {workload("core", "harbor-core:v2.15.1", ", env: [{name: TRIVY_ADAPTER_URL, value: 'http://scan'}, {name: WITH_TRIVY, value: 'false'}]") +
			service("scan", "s") + workload("s", "mirror/scan:1", ""), []string{"2 2.15: core=core"}},
		"an address outside": {workload("adminserver", "harbor-adminserver:v1.2.0", variable("MYSQL_HOST", "db.example.com")) +
			service("db", "m") + workload("m", "percona:5.7", ""), []string{"1 1.2: adminserver=adminserver"}},
		"registry by name": {workload("ui", "harbor-ui:v1.2.0", "") + workload("registry", "mirror/my-registry:2", "") + workload("web", "nginx", ""),
			[]string{"1 1.2: ui=ui registry=registry"}},
		"nginx by what it passes on": {workload("ui", "harbor-ui:v1.2.0", "") + service("front", "ui") + nginx("http://front"), []string{"1 1.2: ui=ui nginx=nginx"}},
		"a stranger's nginx":         {workload("ui", "harbor-ui:v1.2.0", "") + service("front", "ui") + nginx("http://blog"), []string{"1 1.2: ui=ui"}},
		"registry by its config": {workload("ui", "harbor-ui:v1.2.0", "") +
			strings.Replace(workload("store", "mirror/distribution:2", ", volumeMounts: [{name: c, mountPath: /etc/d}]"), "spec: {containers",
				"spec: {volumes: [{name: c, configMap: {name: c}}], containers", 1) +
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {config.yml: 'auth: {token: {issuer: harbor-token-issuer}}'}\n---\n",
			[]string{"1 1.2: ui=ui registry=store"}},
		"two that could be the registry": {workload("ui", "harbor-ui:v1.2.0", "") + workload("registry", "mirror/my-registry:2", "") +
			strings.Replace(workload("registry", "other-registry", ""), "name: registry", "name: registry2", 1), []string{"1 1.2: ui=ui"}},
		"two namespaces": {inNamespace("a", harbor) + inNamespace("b", harbor), []string{
			"1 1.2: ui=a/ui adminserver=a/adminserver registry=a/registry", "1 1.2: ui=b/ui adminserver=b/adminserver registry=b/registry"}},
		"one namespace and none": {inNamespace("a", harbor) + workload("nginx", "nginx-photon:1.11.13", ""),
			[]string{"1 1.2: ui=a/ui adminserver=a/adminserver registry=a/registry nginx=nginx"}},
		"two prefixes": {strings.ReplaceAll(harbor, "{name: ", "{name: a-") + strings.ReplaceAll(harbor, "{name: ", "{name: b-") + workload("nginx", "nginx-photon:1", ""),
			[]string{"1 1.2: ui=a-ui adminserver=a-adminserver registry=a-registry nginx=nginx", "1 1.2: ui=b-ui adminserver=b-adminserver registry=b-registry"}},
		"a canary": {harbor + workload("ui-canary", "harbor-ui:v1.2.2", ""), []string{"1 1.2: ui=ui adminserver=adminserver registry=registry ui=ui-canary"}},
		"owned": {harbor + strings.Replace(workload("ui-5d9c", "harbor-ui:v1.2.0", ""), "name: ui-5d9c}",
			"name: ui-5d9c, ownerReferences: [{kind: Deployment, name: ui, controller: true}]}", 1),
			[]string{"1 1.2: ui=ui adminserver=adminserver registry=registry"}},
		"several in a pod": {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: all}\nspec: {template: {spec: {containers: [" +
			"{name: a, image: harbor-ui:v1.2.0}, {name: b, image: harbor-jobservice:v1.2.0}, {name: c, image: sidecar}]}}}\n",
			[]string{"1 1.2: ui=all jobservice=all"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, h := range FindAll(listOf(t, test.list)) {
				text := string('0'+rune(h.Generation)) + " " + h.Release.String() + ":"
				for _, c := range h.Components {
					text += " " + c.Name() + "=" + strings.TrimPrefix(c.GetNamespace()+"/"+c.GetName(), "/")
					if c.part.With != "" {
						text += "/" + c.Container.Name
					}
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
