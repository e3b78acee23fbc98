// Package base_test checks that the base is Harbor as it was published: what upstream's manifests say,
// with upstream's bugs, but without anybody's secrets.
package base_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/golden"
)

const (
	baseDir = "harbor-1.2"

	// stub stands for every password, secret, key and certificate. It has 16 characters because Harbor
	// accepts no other length for SECRET_KEY.
	stub = "CHANGE-ME-PLEASE"
)

// intendedDifferences are the fields where the base departs from upstream. In normal form both must be
// equal.
var intendedDifferences = []struct {
	field, reason string
	normal        func(string) string
}{{
	field:  "ConfigMap/harbor-nginx-config.data.config",
	reason: "comments and blank lines mean nothing to nginx, and spaces at the end of a line force YAML writers to put the whole text in quotes",
	normal: directives,
}}

func TestBaseEqualsUpstream(t *testing.T) {
	upstream, base := fields(t, upstreamObjects(t)), fields(t, baseObjects(t))
	for _, d := range intendedDifferences {
		theirs, ours := text(t, upstream, d.field), text(t, base, d.field)
		if _, same := match(theirs, ours); same {
			t.Errorf("%s no longer differs from upstream: take it off the list (%s)", d.field, d.reason)
		}
		upstream[d.field], base[d.field] = d.normal(theirs), d.normal(ours)
	}
	defaults := placeholderDefaults(t)
	for _, field := range slices.Sorted(maps.Keys(union(upstream, base))) {
		values, same := match(upstream[field], base[field])
		if !same {
			t.Errorf("%s (-upstream +base):\n%s", field, cmp.Diff(upstream[field], base[field]))
		}
		for name, value := range values {
			if want, known := defaults[name]; !known || value != want {
				t.Errorf("%s: {{%s}} became %q, want %q", field, name, value, want)
			}
		}
	}
}

func TestBaseShape(t *testing.T) {
	kinds, keys := map[string]int{}, map[string]int{}
	stubs, literals := 0, map[string]string{}
	for _, object := range baseObjects(t) {
		kinds[object.GetKind()]++
		if object.GetKind() != "ConfigMap" {
			continue
		}
		keys[object.GetName()] = len(object.GetDataMap())
		for field, value := range secrets(object) {
			if value == stub {
				stubs++
			} else {
				literals[field] = value
			}
		}
	}

	wantKinds := map[string]int{
		"ConfigMap": 6, "PersistentVolume": 3, "PersistentVolumeClaim": 3, "ReplicationController": 6, "Service": 6,
	}
	if diff := cmp.Diff(wantKinds, kinds); diff != "" {
		t.Errorf("objects by kind (-want +got):\n%s", diff)
	}
	wantKeys := map[string]int{
		"harbor-adminserver-config": 42,
		"harbor-jobservice-config":  8,
		"harbor-mysql-config":       1,
		"harbor-nginx-config":       3,
		"harbor-registry-config":    2,
		"harbor-ui-config":          8,
	}
	if diff := cmp.Diff(wantKeys, keys); diff != "" {
		t.Errorf("keys by ConfigMap (-want +got):\n%s", diff)
	}
	if want := 17; stubs != want {
		t.Errorf("%d secrets are %s, want %d", stubs, stub, want)
	}
	// These upstream spells out itself, and they are nobody's.
	wantLiterals := map[string]string{
		"harbor-adminserver-config EMAIL_PWD":       "abc",
		"harbor-adminserver-config LDAP_SEARCH_PWD": "",
		"harbor-registry-config config secret":      "placeholder",
	}
	if diff := cmp.Diff(wantLiterals, literals); diff != "" {
		t.Errorf("secrets other than %s (-want +got):\n%s", stub, diff)
	}
}

func TestNoPEM(t *testing.T) {
	pem := regexp.MustCompile(`-{5}BEGIN `)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if pem.Match(content) {
			t.Errorf("%s holds a key or a certificate", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func baseObjects(t *testing.T) []*yaml.RNode {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), baseDir)
	if err != nil {
		t.Fatal(err)
	}
	return resources.ToRNodeSlice()
}

func upstreamObjects(t *testing.T) []*yaml.RNode {
	t.Helper()
	objects, err := kio.LocalPackageReader{PackagePath: golden.Corpus(t, "harbor-1.2.0"), OmitReaderAnnotations: true}.Read()
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// placeholderDefaults returns what k8s-prepare would put at each placeholder for an untouched
// harbor.cfg, with the stub for everything secret.
func placeholderDefaults(t *testing.T) map[string]string {
	t.Helper()
	defaults := map[string]string{}
	for line := range strings.Lines(golden.Read(t, golden.Corpus(t, "harbor-1.2.0/harbor.cfg"))) {
		if key, value, found := strings.Cut(line, "="); found {
			defaults[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	defaults["ui_url"] = defaults["ui_url_protocol"] + "://" + defaults["hostname"]
	for _, secret := range []string{
		"db_password", "harbor_admin_password", "email_password", "secret_key", "ui_secret", "jobservice_secret",
		"auth_pkey", "auth_cert", "https_pkey", "https_cert",
	} {
		defaults[secret] = stub
	}
	return defaults
}

// fields returns every scalar, empty map and empty list of the objects, keyed by object and path.
func fields(t *testing.T, objects []*yaml.RNode) map[string]any {
	t.Helper()
	values := map[string]any{}
	for _, object := range objects {
		content, err := object.Map()
		if err != nil {
			t.Fatal(err)
		}
		addFields(values, object.GetKind()+"/"+object.GetName(), content)
	}
	return values
}

func addFields(into map[string]any, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		if len(value) == 0 {
			into[path] = value
		}
		for key, child := range value {
			addFields(into, path+"."+key, child)
		}
	case []any:
		if len(value) == 0 {
			into[path] = value
		}
		for i, child := range value {
			addFields(into, fmt.Sprintf("%s[%d]", path, i), child)
		}
	default:
		into[path] = value
	}
}

func text(t *testing.T, fields map[string]any, field string) string {
	t.Helper()
	value, ok := fields[field].(string)
	if !ok {
		t.Fatalf("%s is no text", field)
	}
	return value
}

// match compares upstream's value with ours. Placeholders match any text; match returns what stands in
// their places.
func match(upstream, base any) (values map[string]string, same bool) {
	template, ok := upstream.(string)
	content, bothText := base.(string)
	if !ok || !bothText {
		return nil, cmp.Equal(upstream, base)
	}
	pattern := compile(template)
	groups := pattern.FindStringSubmatch(content)
	if groups == nil {
		return nil, false
	}
	values = map[string]string{}
	for i, name := range pattern.SubexpNames()[1:] {
		values[name] = groups[i+1]
	}
	return values, true
}

// The placeholders as they look once compile has quoted the text around them: {{name}} is a part of a
// line; {{4 name}} is a line, filled with any number of lines.
var (
	partOfLine = regexp.MustCompile(`\\{\\{(\w+)\\}\\}`)
	lines      = regexp.MustCompile(`\\{\\{\d+ (\w+)\\}\\}\n?`)
)

// compile turns a template into the pattern that its fillings match.
func compile(template string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(template)
	pattern = partOfLine.ReplaceAllString(pattern, `(?P<${1}>.+)`)
	pattern = lines.ReplaceAllString(pattern, `(?P<${1}>(?s:.+))`)
	return regexp.MustCompile(`\A` + pattern + `\z`)
}

// directives returns an nginx configuration without comments and blank lines.
func directives(config string) string {
	var kept strings.Builder
	for line := range strings.Lines(config) {
		if code := strings.TrimSpace(line); code != "" && !strings.HasPrefix(code, "#") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

var (
	secretKey  = regexp.MustCompile(`(PWD|PASSWORD|SECRET|SECRET_KEY)$|^(pkey|cert)$`)
	secretLine = regexp.MustCompile(`(?m)^\s*(password|secret)\s*[=:]\s*(.*)$`)
)

// secrets returns the ConfigMap's values that look like a secret by their key, on their own or as a
// line of a longer text.
func secrets(configMap *yaml.RNode) map[string]string {
	found := map[string]string{}
	for key, value := range configMap.GetDataMap() {
		field := configMap.GetName() + " " + key
		if secretKey.MatchString(key) {
			found[field] = value
		}
		for _, line := range secretLine.FindAllStringSubmatch(value, -1) {
			found[field+" "+line[1]] = line[2]
		}
	}
	return found
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
