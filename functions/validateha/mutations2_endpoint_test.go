package validateha_test

import (
	"fmt"
	"strings"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// endpointMutations2 are wrong addresses of a Harbor 2.x, whose overlay is reached on
// node port 30002 over http.
var endpointMutations2 = []mutation{
	{"address without port", "L13", w, address2("http://hub.example.com")},
	{"address with another port", "L13", w, address2("http://hub.example.com:30003")},
	{"another node port", "L13", w, set("Service", "harbor", 30003, "spec", "ports", 0, "nodePort")},
	{"address with another port, of Harbor 2.14", "L13", e, both(of214, address2("http://hub.example.com:30003"))},
	{"address without scheme", "L13", e, address2("hub.example.com:30002")},
	{"address with a path", "L13", e, address2("http://hub.example.com:30002/harbor")},
	{"address of the client itself", "L13", e, address2("http://localhost:30002")},
	{"no address", "L13", e, cut("ConfigMap", "harbor-core", "data", "EXT_ENDPOINT")},
	{"empty address", "L13", e, address2("")},
	{"address with https", "L13", e, address2("https://hub.example.com:30002")},
	{"address with https and its port", "L13", e, address2("https://hub.example.com")},
	{"nginx speaks https", "L13", e, nginx2("listen 8080;", "listen 8080 ssl;")},
	{"nginx speaks https, and the address has no port", "L13", e, both(address2("http://hub.example.com"), nginx2("listen 8080;", "listen 8080 ssl;"))},
	{"node port of http beside TLS", "L13", e, both(nginx2("listen 8080;", "listen 8443 ssl;"), put("Service", "harbor", 8443, "spec", "ports", 0, "targetPort"))},
	{"node port out of range", "L13", e, set("Service", "harbor", 8080, "spec", "ports", 0, "nodePort")},
	{"node port taken", "L13", e, both(put("Service", "harbor-portal", "NodePort", "spec", "type"), put("Service", "harbor-portal", 30002, "spec", "ports", 0, "nodePort"))},
	{"no node port", "L13", w, cut("Service", "harbor", "spec", "ports", 0, "nodePort")},
	{"address with a port that nothing outside has", "L13", w, both(put("Service", "harbor", "ClusterIP", "spec", "type"), cut("Service", "harbor", "spec", "ports", 0, "nodePort"))},
	{"load balancer of another port", "L13", w, both(address2("http://hub.example.com:8080"), set("Service", "harbor", "LoadBalancer", "spec", "type"))},
	{"load balancer over http", "L13", e, both(address2("https://hub.example.com"), set("Service", "harbor", "LoadBalancer", "spec", "type"))},
	{"load balancer that may end TLS", "L13", w, both(address2("https://hub.example.com"), set("Service", "harbor", "LoadBalancer", "spec", "type"),
		put("Service", "harbor", 443, "spec", "ports", 0, "port"))},
	{"Host without port where docker logs in", "L13", e, nginx2("proxy_pass http://core/v2/;\n      proxy_set_header Host $http_host;", "proxy_pass http://core/v2/;\n      proxy_set_header Host $host;")},
	{"Host with the port that nginx listens on", "L13", e, nginx2("proxy_pass http://core/v2/;\n      proxy_set_header Host $http_host;", "proxy_pass http://core/v2/;\n      proxy_set_header Host $host:$server_port;")},
	{"another server_name", "L13", w, nginx2("server_tokens off;", "server_tokens off;\n        server_name reg.example.com;")},
	{"pushes to http behind TLS", "L13", e, both(address2("https://hub.example.com"), behind2, eachNginx2("-Proto $x_forwarded_proto", "-Proto $scheme"))},
	{"pushes to http behind an Ingress", "L13", e, both(address2("https://hub.example.com"), eachNginx2("-Proto $x_forwarded_proto", "-Proto http"),
		add(ingress("hub.example.com", "harbor", "80", "[{hosts: [hub.example.com], secretName: tls}]")))},

	{"Ingress of another host", "L13", e, both(withoutNginx2, address2("https://hub.example.com"), add(pastNginx2("reg.example.com", "[{hosts: [reg.example.com], secretName: tls}]")))},
	{"Ingress in front, of another host", "L13", e, both(address2("https://hub.example.com"), add(ingress("reg.example.com", "harbor", "80", "[{hosts: [reg.example.com], secretName: tls}]")))},
	{"Ingress of another host behind a load balancer", "L13", e, both(address2("https://hub.example.com"), behind2, add(ingress("reg.example.com", "harbor", "80", "[]")))},
	{"Ingress and another port", "L13", w, both(address2("https://hub.example.com:8443"), add(ingress("hub.example.com", "harbor", "80", "[{hosts: [hub.example.com], secretName: tls}]")))},
	{"Ingress without certificate", "L13", w, both(withoutNginx2, address2("https://hub.example.com"), add(pastNginx2("hub.example.com", "[]")))},
	{"Ingress with a certificate for another host", "L13", w, both(withoutNginx2, address2("https://hub.example.com"), add(pastNginx2("hub.example.com", "[{hosts: [reg.example.com], secretName: tls}]")))},
	{"Ingress with certificate", "L13", w, both(address2("http://hub.example.com"), add(ingress("hub.example.com", "harbor", "80", "[{hosts: [hub.example.com], secretName: tls}]")))},
	{"Ingress to a Service that is not there", "L13", w, both(both(put("Service", "harbor", "ClusterIP", "spec", "type"), cut("Service", "harbor", "spec", "ports", 0, "nodePort")),
		address2("https://hub.example.com"), add(ingress("hub.example.com", "nginx", "80", "[]")))},
	{"HTTPRoute of another host", "L13", e, both(withoutNginx2, address2("https://hub.example.com"), add(route2("reg.example.com", "harbor-core")))},
	{"Gateway of another port", "L13", w, both(address2("https://hub.example.com"), add(route2("hub.example.com", "harbor")), add(gateway2("HTTPS", "8443")))},
	{"Gateway over http", "L13", e, both(address2("https://hub.example.com"), add(route2("hub.example.com", "harbor")), add(gateway2("HTTP", "80")))},
	{"Gateway that ends TLS", "L13", e, both(address2("http://hub.example.com:443"), add(route2("hub.example.com", "harbor")), add(gateway2("HTTPS", "443")))},
}

func address2(url string) change { return core2("EXT_ENDPOINT", url) }

func nginx2(old, by string) change {
	return text("ConfigMap", "harbor-nginx", old, by, "data", "nginx.conf")
}

// eachNginx2 replaces a text wherever it stands in nginx.conf.
func eachNginx2(old, by string) change {
	return func(m *manifests) bool {
		conf := krm.Text(m.object("ConfigMap", "harbor-nginx"), "data", "nginx.conf")
		return strings.Contains(conf, old) && put("ConfigMap", "harbor-nginx", strings.ReplaceAll(conf, old, by), "data", "nginx.conf")(m)
	}
}

func behind2(m *manifests) bool {
	return put("Service", "harbor", harbor.BehindLoadBalancer, "metadata", "annotations", harbor.BehindAnnotation)(m)
}

// of214 makes a Harbor of release 2.14.
func of214(m *manifests) bool {
	return put("Deployment", "harbor-core", "docker.io/goharbor/harbor-core:v2.14.0", inPod("image")...)(m)
}

func withoutNginx2(m *manifests) bool {
	return both(drop("Deployment", "harbor-nginx"), drop("Service", "harbor"), drop("ConfigMap", "harbor-nginx"))(m)
}

// pastNginx2 is one that leads past nginx, as the chart's.
func pastNginx2(host, tls string) string {
	const backend = "      - {path: %s, pathType: Prefix, backend: {service: {name: %s, port: {number: 80}}}}\n"
	paths := fmt.Sprintf(backend, "/v2/", "harbor-core") + fmt.Sprintf(backend, "/", "harbor-portal")
	return "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: harbor}\nspec:\n  tls: " + tls + "\n  rules:\n  - host: " + host +
		"\n    http:\n      paths:\n" + paths
}

// route2 is a route of the Gateway API that leads to a Service.
func route2(host, service string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: harbor}\nspec:\n  parentRefs: [{name: gw, namespace: gateway, sectionName: harbor}]\n" +
		"  hostnames: [" + host + "]\n  rules:\n  - backendRefs: [{name: " + service + ", port: 80}]\n"
}

// gateway2 is the one that the route names.
func gateway2(protocol, port string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n  name: gw\n  namespace: gateway\nspec:\n  gatewayClassName: some\n" +
		"  listeners: [{name: harbor, port: " + port + ", protocol: " + protocol + "}, {name: other, port: 9443, protocol: HTTPS}]\n"
}
