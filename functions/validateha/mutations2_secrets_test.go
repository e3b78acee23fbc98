package validateha_test

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// secondCore adds a second Deployment of the core that has one secret of its own.
func secondCore(key, value string) change {
	return func(m *manifests) bool {
		own := m.object("Secret", "harbor-secrets")
		if own == nil {
			return false
		}
		for _, obj := range []*yaml.RNode{m.object("Deployment", "harbor-core"), own} {
			other := obj.Copy()
			if err := other.SetName(obj.GetName() + "-b"); err != nil {
				m.t.Fatal(err)
			}
			walk(other.YNode(), func(n *yaml.Node) {
				if n.Value == "harbor-secrets" {
					n.Value = "harbor-secrets-b"
				}
			})
			m.items = append(m.items, other)
		}
		return set("Secret", "harbor-secrets-b", value, "stringData", key)(m)
	}
}

// pkcs8Key is a new key in a form that the core does not read.
func pkcs8Key(m *manifests) bool {
	keys, err := newPair()
	if err != nil {
		m.t.Fatal(err)
	}
	return set("Secret", "harbor-secrets", keys.pkcs8, "stringData", "tls.key")(m)
}

// otherKey is a key that another core does not have.
func otherKey(m *manifests) bool {
	key, err := another()
	if err != nil {
		m.t.Fatal(err)
	}
	return secondCore("tls.key", key)(m)
}

func secret2(key, value string) change {
	return set("Secret", "harbor-secrets", value, "stringData", key)
}

const otherSecret = "another-secret-1"

// secretMutations2 are secrets that are missing, differ or stand in sight.
var secretMutations2 = []mutation{
	{"secretKey of 15 characters", "L09", e, secret2("secretKey", "0123456789abcde")},
	{"secretKey with a line break", "L09", e, secret2("secretKey", "0123456789abcdef\n")},
	{"CSRF_KEY of 31 characters", "L09", e, secret2("CSRF_KEY", "0123456789012345678901234567890")},
	{"no CSRF_KEY", "L09", e, untell("core", "CSRF_KEY")},
	{"no CSRF_KEY and one core", "L09", w, both(untell("core", "CSRF_KEY"), set("Deployment", "harbor-core", 1, "spec", "replicas"))},
	{"no CORE_SECRET", "L09", e, untell("core", "CORE_SECRET")},
	{"no JOBSERVICE_SECRET of registryctl", "L09", e, untell("registryctl", "JOBSERVICE_SECRET")},
	{"another CORE_SECRET of the jobservice", "L09", e, of(has("Secret", "harbor-secrets"), tell("jobservice", "CORE_SECRET", otherSecret))},
	{"another CORE_SECRET of registryctl", "L09", e, of(has("Secret", "harbor-secrets"), tell("registryctl", "CORE_SECRET", otherSecret))},
	{"another JOBSERVICE_SECRET of the jobservice", "L09", e, of(has("Secret", "harbor-secrets"), tell("jobservice", "JOBSERVICE_SECRET", otherSecret))},
	{"another password of the jobservice for the registry", "L09", e, of(has("Secret", "harbor-secrets"), tell("jobservice", "REGISTRY_CREDENTIAL_PASSWORD", otherSecret))},
	{"no password of the core for the registry", "L09", e, untell("core", "REGISTRY_CREDENTIAL_PASSWORD")},
	{"CORE_SECRET with a line break", "L09", e, secret2("CORE_SECRET", "core-secret-1234\n")},
	{"a second core with another CSRF_KEY", "L09", e, secondCore("CSRF_KEY", "0123456789abcdef0123456789abcdef")},
	{"a second core with another secretKey", "L09", e, secondCore("secretKey", "fedcba9876543210")},
	{"a second core with another token key", "L09", e, otherKey},
	{"no file of secretKey", "L09", e, cut("Deployment", "harbor-core", "spec", "template", "spec", "containers", 0, "volumeMounts", 1)},
	{"password of the database in sight", "L09", w, tell("core", "POSTGRESQL_PASSWORD", otherSecret)},
	{"password in the jobservice's file", "L09", w, text("ConfigMap", "harbor-jobservice", "    namespace: harbor", "    redis_url: redis://:"+otherSecret+"@redis:6379/1\n    namespace: harbor", "data", "config.yml")},
	{"password of the registry in its file", "L09", w, text("ConfigMap", "harbor-registry", "version: 0.1", "version: 0.1\nproxy: {password: "+otherSecret+"}", "data", "config.yml")},
	{"a password that everybody knows", "L09", w, secret2("HARBOR_ADMIN_PASSWORD", "Harbor12345")},
	{"the chart's password of the registry", "L09", w, both(secret2("REGISTRY_CREDENTIAL_PASSWORD", "harbor_registry_password"),
		secret2("REGISTRY_HTPASSWD", "harbor_registry_user:$2a$05$IPnI.TSgP8ek1/ESjkULVemA.A3nSXPdN80ljsmcun7FtE3ViSYUq"))},
	{"no http secret of the registry", "L05", e, untell("registry", "REGISTRY_HTTP_SECRET")},
	{"token key in PKCS#8", "L08", e, pkcs8Key},
	{"no token key", "L08", e, cut("Deployment", "harbor-core", "spec", "template", "spec", "containers", 0, "volumeMounts", 2)},
	{"htpasswd of another password", "N05", e, secret2("REGISTRY_CREDENTIAL_PASSWORD", otherSecret)},
	{"htpasswd of another user", "N05", e, of(has("Secret", "harbor-secrets"), core2("REGISTRY_CREDENTIAL_USERNAME", "somebody"))},
	{"another user of the jobservice for the registry", "N05", e, job2("REGISTRY_CREDENTIAL_USERNAME", "somebody")},
	{"htpasswd with SHA-1", "N05", e, secret2("REGISTRY_HTPASSWD", "harbor_registry_user:{SHA}rNV8Od5pZ0RrIN8J8oDKK4Xh0Oc=")},
}
