package validateha_test

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// workloadMutations2 are mistakes in parts, and in what they call and need.
var workloadMutations2 = slices.Concat(callMutations2, needMutations2, podMutations2)

// job2 gives a setting of the jobservice another value.
func job2(name, value string) change {
	return set("ConfigMap", "harbor-jobservice-env", value, "data", name)
}

// ingress2 is an Ingress in front of Harbor with one backend for each path of its.
func ingress2(core, portal string) change {
	return add("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: harbor}\nspec:\n  rules:\n  - host: hub.example.com\n    http:\n      paths:\n" +
		"      - {path: /api/, pathType: Prefix, backend: {service: {name: harbor-core, port: {number: 80}}}}\n" +
		"      - {path: /v2/, pathType: Prefix, backend: {service: " + core + "}}\n" +
		"      - {path: /blog/, pathType: Prefix, backend: {service: {name: blog, port: {number: 80}}}}\n" +
		"      - {path: /, pathType: Prefix, backend: {service: " + portal + "}}\n")
}

const (
	toCore   = "{name: harbor-core, port: {number: 80}}"
	toPortal = "{name: harbor-portal, port: {number: 80}}"
)

// callMutations2 are addresses, Services and routes that lead nowhere.
var callMutations2 = []mutation{
	{"core calls a registry of nobody", "L17", e, core2("REGISTRY_URL", "http://registri:5000")},
	{"core calls the registry at another port", "L17", e, core2("REGISTRY_URL", "http://harbor-registry:5001")},
	{"core calls a registry of nobody, by a Secret", "L17", e, inSecret("core", "REGISTRY_URL", "http://registri:5000")},
	{"core calls the registry at another port, by a Secret", "L17", e, inSecret("core", "REGISTRY_URL", "http://harbor-registry:5001")},
	{"core calls a registry of another namespace", "L17", e, of(inNamespaces, core2("REGISTRY_URL", "http://harbor-registry.elsewhere:5000"))},
	{"core calls a registry of another namespace in full", "L17", e, of(inNamespaces, core2("REGISTRY_URL", "http://harbor-registry.elsewhere.svc.cluster.local:5000"))},
	{"Service of no jobservice", "L17", w, drop("Deployment", "harbor-jobservice")},
	{"Service of no trivy", "L17", w, drop("StatefulSet", "harbor-trivy")},
	{"core calls the registry by https", "L17", e, core2("REGISTRY_URL", "https://harbor-registry:5000")},
	{"core calls registryctl at the port of the registry's debugging", "L17", e, core2("REGISTRY_CONTROLLER_URL", "http://harbor-registry:5001")},
	{"core calls a jobservice of nobody", "L17", e, core2("JOBSERVICE_URL", "http://jobservice")},
	{"core does not say where the jobservice is", "L17", e, cut("ConfigMap", "harbor-core", "data", "JOBSERVICE_URL")},
	{"core calls itself by another's name", "L17", e, core2("CORE_URL", "http://harbor-portal:80")},
	{"core calls itself at another port", "L17", e, core2("CORE_LOCAL_URL", "http://127.0.0.1:8443")},
	{"core looks after a portal of nobody", "L17", w, core2("PORTAL_URL", "http://portal")},
	{"core calls a trivy of nobody", "L17", e, core2("TRIVY_ADAPTER_URL", "http://trivy:8080")},
	{"jobservice calls a core of nobody", "L17", e, job2("CORE_URL", "http://core")},
	{"jobservice calls registryctl at the registry", "L17", e, job2("REGISTRY_CONTROLLER_URL", "http://harbor-trivy:8080")},
	{"nginx passes to a core of nobody", "L17", e, text("ConfigMap", "harbor-nginx", "server harbor-core:80", "server core:80", "data", "nginx.conf")},
	{"nginx passes to the core's own port", "L17", e, text("ConfigMap", "harbor-nginx", "server harbor-core:80", "server harbor-core:8080", "data", "nginx.conf")},
	{"nginx listens elsewhere than its Service leads to", "L17", e, text("ConfigMap", "harbor-nginx", "listen 8080;\n    listen [::]:8080", "listen 8443;\n    listen [::]:8443", "data", "nginx.conf")},
	{"core listens elsewhere", "L17", e, text("ConfigMap", "harbor-core", "httpport = 8080", "httpport = 8081", "data", "app.conf")},
	{"portal listens elsewhere", "L17", e, text("ConfigMap", "harbor-portal", "listen 8080;\n    listen [::]:8080", "listen 80;\n    listen [::]:80", "data", "nginx.conf")},
	{"jobservice listens elsewhere", "L17", e, text("ConfigMap", "harbor-jobservice", "port: 8080", "port: 9090", "data", "config.yml")},
	{"registryctl listens elsewhere", "L17", e, text("ConfigMap", "harbor-registry", "port: 8080", "port: 8081", "data", "ctl-config.yml")},
	{"trivy listens elsewhere", "L17", e, tell("trivy", "SCANNER_API_SERVER_ADDR", ":9090")},
	{"Service of the core selects nobody", "L17", e, set("Service", "harbor-core", "cores", "spec", "selector", "app.kubernetes.io/component")},
	{"Service of the core lacks the port", "L17", e, set("Service", "harbor-core", 8080, "spec", "ports", 0, "port")},
	{"Ingress passes to nobody", "L17", e, ingress2("{name: core, port: {number: 80}}", toPortal)},
	{"Ingress passes to a port that the core's Service lacks", "L17", e, ingress2("{name: harbor-core, port: {number: 8080}}", toPortal)},
	{"Ingress passes to a port of no name", "L17", e, ingress2("{name: harbor-core, port: {name: web}}", toPortal)},
	{"Ingress passes pushes to the portal", "L17", e, ingress2(toPortal, toPortal)},
	{"Ingress passes to a Service without pods", "L17", e, both(ingress2("{name: idle, port: {number: 80}}", toPortal),
		add("apiVersion: v1\nkind: Service\nmetadata: {name: idle}\nspec: {selector: {app: idle}, ports: [{port: 80}]}\n"))},
	{"HTTPRoute passes to nobody", "L17", e, add("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: harbor}\nspec:\n" +
		"  rules:\n  - matches: [{path: {type: PathPrefix, value: /v2}}]\n    backendRefs: [{name: core, port: 80}]\n" +
		"  - matches: [{path: {type: PathPrefix, value: /api}}]\n    backendRefs: [{name: harbor-core, port: 80}]\n")},
}

// inNamespaces says whether the manifests name their namespace.
func inNamespaces(m *manifests) bool {
	return m.object("Deployment", "harbor-core").GetNamespace() != ""
}

// needMutations2 are settings that parts cannot start without.
var needMutations2 = []mutation{
	{"jobservice without the core's address", "N04", e, cut("ConfigMap", "harbor-jobservice-env", "data", "CORE_URL")},
	{"jobservice with an empty address of the core", "N04", e, job2("CORE_URL", "")},
	{"jobservice without protocol", "N04", e, jobservice2("protocol: http\n", "")},
	{"jobservice without port", "N04", e, jobservice2("\nport: 8080", "")},
	{"jobservice without backend", "N04", e, jobservice2("  backend: redis\n", "")},
	{"jobservice without namespace", "N04", e, jobservice2("    namespace: harbor_job_service_namespace\n", "")},
	{"jobservice without loggers", "N04", e, jobservice2("\nloggers:\n- name: STD_OUTPUT\n  level: INFO", "")},
	{"jobservice with a config that is no YAML", "N04", e, jobservice2("protocol: http", "protocol: [http")},
	{"jobservice without its config", "N04", e, cut("Deployment", "harbor-jobservice", "spec", "template", "spec", "containers", 0, "volumeMounts", 0)},
	{"registryctl without the registry's config", "N04", e, text("ConfigMap", "harbor-registry", "registry_config: /etc/registry/config.yml", "", "data", "ctl-config.yml")},
	{"registryctl without port", "N04", e, text("ConfigMap", "harbor-registry", "port: 8080", "", "data", "ctl-config.yml")},
}

// image2 gives a part another image.
func image2(name, image string) change {
	return set("Workload", "harbor-"+name, image, "spec", "template", "spec", "containers", 0, "image")
}

// constraint2 is a topologySpreadConstraint that counts pods with the label.
func constraint2(component string) *yaml.Node {
	return krm.List(krm.Map("maxSkew", 1, "topologyKey", "kubernetes.io/hostname", "whenUnsatisfiable", "DoNotSchedule",
		"labelSelector", krm.Map("matchLabels", krm.Map("app.kubernetes.io/component", component))))
}

// budget2 is a budget for a part.
func budget2(name, component, lets string) change {
	return add("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: " + name + "}\nspec: {" + lets +
		", selector: {matchLabels: {app.kubernetes.io/component: " + component + "}}}\n")
}

// podMutations2 are pods that fail together, and images that do not belong together.
var podMutations2 = []mutation{
	{"one core", "L15", w, set("Deployment", "harbor-core", 1, "spec", "replicas")},
	{"no core runs", "L15", w, set("Deployment", "harbor-core", 0, "spec", "replicas")},
	{"all cores on one node", "L15", w, put("Deployment", "harbor-core", krm.Map("kubernetes.io/hostname", "node-1"), "spec", "template", "spec", "nodeSelector")},
	{"a budget that selects no core", "L15", w, set("PodDisruptionBudget", "harbor-core", "cores", "spec", "selector", "matchLabels", "app.kubernetes.io/component")},
	{"portal without probe", "L15", w, cut("Deployment", "harbor-portal", "spec", "template", "spec", "containers", 0, "readinessProbe")},
	{"core is not spread", "L15", w, both(cut("Deployment", "harbor-core", "spec", "template", "spec", "topologySpreadConstraints"),
		cut("Deployment", "harbor-core", "spec", "template", "spec", "affinity"))},
	{"core has no budget", "L15", w, drop("PodDisruptionBudget", "harbor-core")},
	{"core is spread by the labels of the portal", "L15", w, both(cut("Deployment", "harbor-core", "spec", "template", "spec", "affinity"),
		put("Deployment", "harbor-core", constraint2("portal"), "spec", "template", "spec", "topologySpreadConstraints"))},
	{"two budgets for the core", "L15", w, budget2("more", "core", "maxUnavailable: 1")},
	{"a budget for no core", "L15", w, set("PodDisruptionBudget", "harbor-core", 0, "spec", "maxUnavailable")},
	{"a budget for all cores", "L15", w, both(cut("PodDisruptionBudget", "harbor-core", "spec", "maxUnavailable"),
		put("PodDisruptionBudget", "harbor-core", "100%", "spec", "minAvailable"))},
	{"images of development", "L15", w, both(image2("core", "docker.io/goharbor/harbor-core:dev"), image2("portal", "docker.io/goharbor/harbor-portal:dev"))},
	{"an image without tag", "L15", w, image2("portal", "mirror.example.com/harbor/harbor-portal")},
	{"a jobservice of another release", "L18", w, image2("jobservice", "docker.io/goharbor/harbor-jobservice:v2.14.0")},
	{"parts of other releases", "L18", w, both(image2("jobservice", "docker.io/goharbor/harbor-jobservice:v2.14.0"),
		image2("portal", "docker.io/goharbor/harbor-portal:v2.13.1"))},
	{"cores of two releases", "L18", e, func(m *manifests) bool {
		second := m.object("Deployment", "harbor-core").Copy()
		if err := second.SetName("harbor-core-canary"); err != nil {
			m.t.Fatal(err)
		}
		m.items = append(m.items, second)
		return set("Deployment", "harbor-core-canary", "docker.io/goharbor/harbor-core:v2.14.0", "spec", "template", "spec", "containers", 0, "image")(m)
	}},
}

// TestHarmlessWorkloads2 makes edits that look like mistakes and are none.
func TestHarmlessWorkloads2(t *testing.T) {
	for name, apply := range map[string]change{
		"Ingress that serves a blog too":         ingress2(toCore, toPortal),
		"Ingress by the name of the port":        ingress2("{name: harbor-core, port: {name: http-web}}", toPortal),
		"address with a namespace":               core2("TRIVY_ADAPTER_URL", "http://harbor-trivy.default.svc.cluster.local:8080"),
		"token service outside":                  core2("TOKEN_SERVICE_URL", "https://hub.example.com/service/token"),
		"no trivy":                               both(core2("WITH_TRIVY", "false"), drop("StatefulSet", "harbor-trivy"), drop("Service", "harbor-trivy"), drop("PodDisruptionBudget", "harbor-trivy")),
		"release and digest":                     image2("core", "docker.io/goharbor/harbor-core:v2.15.1@sha256:"+strings.Repeat("0f", 32)),
		"patch release of one part":              image2("portal", "docker.io/goharbor/harbor-portal:v2.15.2"),
		"tag of somebody's own builds":           image2("portal", "mirror.example.com/harbor/harbor-portal:stable"),
		"protocol of the jobservice by variable": both(jobservice2("protocol: http\n", ""), put("ConfigMap", "harbor-jobservice-env", "http", "data", "JOB_SERVICE_PROTOCOL")),
		"port of the core in the section of its mode": text("ConfigMap", "harbor-core", "[prod]\nhttpport = 8080", "httpport = 80\n[prod]\nhttpport = 8080",
			"data", "app.conf"),
	} {
		before := starts2(t)["clean"].copy().validate(today)
		m := starts2(t)["clean"].copy()
		if !apply(m) {
			t.Errorf("%s does not apply", name)
			continue
		}
		for _, l := range m.validate(today) {
			if !strings.HasPrefix(l, "info ") && !slices.Contains(before, l) {
				t.Errorf("%s: %s", name, l)
			}
		}
	}
}
