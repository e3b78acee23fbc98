package base_test

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/meaning"
)

// secretsOfBase are the Secrets that base/harbor-2 names, and where the chart has
// the same: Secret and key.
var secretsOfBase = map[string]map[string][2]string{
	"harbor-secrets": {
		"CORE_SECRET":                  {"harbor-core", "secret"},
		"CSRF_KEY":                     {"harbor-core", "CSRF_KEY"},
		"HARBOR_ADMIN_PASSWORD":        {"harbor-core", "HARBOR_ADMIN_PASSWORD"},
		"JOBSERVICE_SECRET":            {"harbor-jobservice", "JOBSERVICE_SECRET"},
		"REGISTRY_CREDENTIAL_PASSWORD": {"harbor-core", "REGISTRY_CREDENTIAL_PASSWORD"},
		"REGISTRY_HTPASSWD":            {"harbor-registry-htpasswd", "REGISTRY_HTPASSWD"},
		"REGISTRY_HTTP_SECRET":         {"harbor-registry", "REGISTRY_HTTP_SECRET"},
		"secretKey":                    {"harbor-core", "secretKey"},
		"tls.key":                      {"harbor-core", "tls.key"},
	},
	"harbor-database": {"password": {"harbor-database", "POSTGRES_PASSWORD"}},
}

// differencesOfBase are where what a container gets departs from the chart's.
var differencesOfBase = []struct{ line, reason string }{
	{`^core > core env > (secret|secretKey|tls\.key|tls\.crt): got -, `, "the chart puts all of a Secret into the environment, nobody reads these there"},
	{`^core > core env > CHART_CACHE_DRIVER: got -, want redis$`, "ChartMuseum is gone since Harbor 2.8"},
	{`^[a-z]+ > [a-z]+ env > NO_PROXY: got -, `, "there is no proxy that these addresses could be excepted from"},
	{`^core > core env > EXT_ENDPOINT: got http://hub\.example\.com, want http://hub\.example\.com:30002$`, "the base has no node port"},
}

// TestHarbor2MeansTheChart compares what each container of base/harbor-2 really
// gets with what the chart of Harbor 2.15 gives it.
func TestHarbor2MeansTheChart(t *testing.T) {
	chart, err := meaning.Parse(golden.Read(t, golden.Corpus(t, "harbor-2.15/default.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	base, err := meaning.Parse(built(t, "harbor-2"))
	if err != nil {
		t.Fatal(err)
	}
	base = append(base, chartSecrets(t, chart)...)
	found := map[string]bool{}
	for _, d := range meaning.Compare(base, chart) {
		if strings.HasSuffix(d.Path, "/nginx.conf") && d.Got == withPort(d.Want) {
			continue
		}
		known := false
		for _, intended := range differencesOfBase {
			if regexp.MustCompile(intended.line).MatchString(d.String()) {
				found[intended.line], known = true, true
			}
		}
		if !known {
			t.Errorf("%s", d)
		}
	}
	for _, intended := range differencesOfBase {
		if !found[intended.line] {
			t.Errorf("nothing differs like this any more: take it off the list: %s (%s)", intended.line, intended.reason)
		}
	}
}

// withPort is the chart's nginx.conf as it should be: $host loses the port that
// users typed. That it quotes a server means nothing.
func withPort(conf string) string {
	return quotedServer.ReplaceAllString(strings.ReplaceAll(conf, "Host $host;", "Host $http_host;"), "server $1;")
}

var quotedServer = regexp.MustCompile(`server "([a-z:0-9-]+)";`)

// chartSecrets are the Secrets of the base with the values of the chart's.
func chartSecrets(t *testing.T, chart meaning.Manifests) meaning.Manifests {
	t.Helper()
	data := map[string]map[string]any{}
	for _, object := range chart {
		if object["kind"] == "Secret" {
			entries, _ := object["data"].(map[string]any)
			data[object["metadata"].(map[string]any)["name"].(string)] = entries
		}
	}
	var all meaning.Manifests
	for name, keys := range secretsOfBase {
		values := map[string]any{}
		for key, from := range keys {
			value, ok := data[from[0]][from[1]].(string)
			if !ok {
				t.Fatalf("the chart has no key %s in Secret %s", from[1], from[0])
			}
			if _, err := base64.StdEncoding.DecodeString(value); err != nil {
				t.Fatal(err)
			}
			values[key] = value
		}
		all = append(all, map[string]any{"kind": "Secret", "metadata": map[string]any{"name": name}, "data": values})
	}
	return all
}

// TestHarbor2NamesItsSecrets holds that base/harbor-2 contains no secret, and names
// all that are listed and no other.
func TestHarbor2NamesItsSecrets(t *testing.T) {
	text := built(t, "harbor-2")
	objects, err := meaning.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if object["kind"] == "Secret" {
			t.Errorf("it contains Secret %v", object["metadata"])
		}
	}
	named := map[string]bool{}
	for _, object := range objects {
		walk(object, func(m map[string]any) {
			if ref, ok := m["secretKeyRef"].(map[string]any); ok {
				named[ref["name"].(string)+" "+ref["key"].(string)] = true
			}
			if secret, ok := m["secret"].(map[string]any); ok && secret["secretName"] != nil {
				for _, item := range secret["items"].([]any) {
					named[secret["secretName"].(string)+" "+item.(map[string]any)["key"].(string)] = true
				}
			}
		})
	}
	for name, keys := range secretsOfBase {
		for key := range keys {
			if !named[name+" "+key] {
				t.Errorf("nobody reads key %s of Secret %s", key, name)
			}
			delete(named, name+" "+key)
		}
	}
	for key := range named {
		t.Errorf("it reads a Secret that is not listed: %s", key)
	}
}

// walk visits every mapping.
func walk(value any, visit func(map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		visit(value)
		for _, v := range value {
			walk(v, visit)
		}
	case []any:
		for _, v := range value {
			walk(v, visit)
		}
	}
}

// built is what kustomize makes of a base.
func built(t *testing.T, dir string) string {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var docs []string
	for _, object := range resources.ToRNodeSlice() {
		docs = append(docs, object.MustString())
	}
	return strings.Join(docs, "---\n")
}
