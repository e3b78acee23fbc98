package secrets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"krmfn.dev/harbor/internal/golden"
)

func mustWrite(t testing.TB, all []Secret) string {
	t.Helper()
	out, err := Write(names, all)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func mustRead(t testing.TB, text string) Existing {
	t.Helper()
	existing, err := Read(names, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return existing
}

func TestRoundTrip(t *testing.T) {
	out := mustWrite(t, complete(t))
	existing := mustRead(t, out)
	if d := cmp.Diff(complete(t), existing.Secrets, cmpopts.IgnoreUnexported(Secret{}), cmpopts.IgnoreFields(Secret{}, "Type")); d != "" {
		t.Error("what is read is not what was written")
	}
	all, found := mustMake(t, Request{Names: names, Existing: existing})
	if len(found) > 0 || mustWrite(t, all) != out {
		t.Errorf("%v, a second run changes something", found)
	}
	if strings.Contains(out, "stringData") {
		t.Error("values stand under stringData")
	}
}

// TestReadForms reads the same Secret in the forms it may come in.
func TestReadForms(t *testing.T) {
	for name, text := range map[string]string{
		"stringData":       "apiVersion: v1\nkind: Secret\nmetadata: {name: harbor-redis}\nstringData: {password: a-password}\n",
		"both":             "apiVersion: v1\nkind: Secret\nmetadata: {name: harbor-redis}\ndata: {password: eA==}\nstringData: {password: a-password}\n",
		"broken data":      "kind: Secret\nmetadata: {name: harbor-redis}\ndata: {password: '?'}\nstringData: {password: a-password}\n",
		"list":             "apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  metadata: {name: harbor-redis}\n  data: {password: YS1wYXNzd29yZA==}\n",
		"JSON":             `{"kind": "SecretList", "items": [{"kind": "Secret", "metadata": {"name": "harbor-redis"}, "data": {"password": "YS1wYXNzd29yZA=="}}]}`,
		"through an alias": "x: &p a-password\nkind: Secret\nmetadata: {name: harbor-redis}\nstringData: {password: *p}\n",
		"with others":      "---\n---\nkind: Service\nmetadata: {name: redis}\n---\nkind: Secret\nmetadata: {name: harbor-redis}\ndata: {password: YS1wYXNzd29yZA==}\n",
	} {
		existing := mustRead(t, text)
		if len(existing.Secrets) != 1 || existing.Secrets[0].Name != Redis || existing.Secrets[0].Data[Password] != "a-password" || len(existing.Secrets[0].faults) > 0 {
			t.Errorf("%s: read as %d Secrets", name, len(existing.Secrets))
		}
	}
}

// TestReadFaults is about values that cannot be read, and text that is no
// manifest. hunter2 stands for a password: no message shows it.
func TestReadFaults(t *testing.T) {
	for text, want := range map[string]string{
		"data: {password: hunter2}":                                 "is not base64: put plain text under stringData",
		"data: {password: 12345678}":                                "is not a string: write it in quotes",
		"stringData: {password: 12345678}":                          "is not a string: write it in quotes",
		"stringData: {password: yes}":                               "is not a string: write it in quotes",
		"stringData: {password: [hunter2]}":                         "is not a string: write it in quotes",
		"data: {password: aHVudGVyMg==}\nstringData: {password: 7}": "is not a string: write it in quotes",
		"data: {password: null}":                                    "is empty: that is for a Redis without password",
		"data:":                                                     "is missing",
	} {
		existing := mustRead(t, "kind: Secret\nmetadata: {name: harbor-redis}\n"+text)
		_, found := Check(names, existing.Secrets, now)
		if len(found) != 1 || found[0].Message != want {
			t.Errorf("%s: %v", text, found)
		}
		if !found.Failed() {
			continue
		}
		if _, found := mustMake(t, Request{Names: names, Existing: existing}); found.Failed() != (want != "is missing") {
			t.Errorf("%s: %v", text, found)
		}
	}

	for text, want := range map[string]string{
		"password: *hunter2":                                                   "reading YAML: there is an alias without its anchor: a value that begins with * has to be in quotes",
		"a: b\npassword: 'hunter2":                                             "reading YAML: line 2: found unexpected end of stream",
		"kind: Secret\ndata: {}":                                               "line 1: a Secret has no metadata.name",
		"kind: Secret\nmetadata: {name: a}\ndata: hunter2":                     "Secret a: line 3: data is not a mapping",
		"kind: Secret\nmetadata: {name: a}\ndata: {password hunter2: }":        "Secret a: line 3: data holds something that is not a key",
		"kind: Secret\nmetadata: {name: a}\ndata: {password: x, password: y}":  "line 3: this key is in line 3 already, or --- is missing between two objects",
		"kind: Secret\nmetadata: {name: a}\nkind: Secret\nmetadata: {name: b}": "line 3: this key is in line 1 already, or --- is missing between two objects",
		"kind: Secret\nmetadata: {name: a}\nsops: {}":                          "line 1: is encrypted with SOPS: decrypt it first",
		"kind: ConfigMap\nmetadata: {name: a}\ndata: [hunter2]":                "line 3: data is not a mapping",
		"kind: List\nitems: [{kind: Secret}]":                                  "line 2: a Secret has no metadata.name",
	} {
		_, err := Read(names, []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestConfigMaps reads a Harbor 1.2 that keeps everything in ConfigMaps.
func TestConfigMaps(t *testing.T) {
	text := `
kind: ConfigMap
metadata: {name: harbor-adminserver-config}
data: {MYSQL_PWD: a-db-password, SECRET_KEY: "1234567890123456", UI_SECRET: "", AUTH_MODE: db_auth}
---
kind: ConfigMap
metadata: {name: harbor-ui-config}
data: {_REDIS_URL: 'redis:6379,100,a-redis-password,11', pkey: the key, SECRET_KEY: "1234567890123456"}
---
kind: ConfigMap
metadata: {name: harbor-registry-config}
data: {config: "http: {secret: placeholder}", cert: the cert}
---
kind: ConfigMap
metadata: {name: harbor-nginx-config}
data: {pkey: USE_HTTP, cert: "-----BEGIN CERTIFICATE-----"}
---
kind: ConfigMap
metadata: {name: other}
data: {cert: unread}
`
	existing := mustRead(t, text)
	var got []string
	for _, v := range existing.Values {
		got = append(got, fmt.Sprintf("%s %s %s %s", v.Source, v.Secret, v.Key, v.Text))
	}
	want := []string{
		"ConfigMap harbor-adminserver-config harbor-secrets SECRET_KEY 1234567890123456",
		"ConfigMap harbor-adminserver-config harbor-database password a-db-password",
		"ConfigMap harbor-ui-config harbor-secrets SECRET_KEY 1234567890123456",
		"ConfigMap harbor-ui-config harbor-redis password a-redis-password",
		"ConfigMap harbor-ui-config harbor-secrets private_key.pem the key",
		"ConfigMap harbor-registry-config harbor-secrets root.crt the cert",
		"ConfigMap harbor-nginx-config harbor-secrets https.crt -----BEGIN CERTIFICATE-----",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !existing.Known(names) {
		t.Error("nothing of Harbor is found")
	}
	comma := mustRead(t, "kind: ConfigMap\nmetadata: {name: harbor-ui-config}\ndata: {_REDIS_URL: 'redis:6379,100,hunter2,more,11'}")
	if _, found := mustMake(t, Request{Names: names, Existing: comma}); !found.Failed() {
		t.Error("a part of a password is taken for all of it")
	}
	if len(mustRead(t, "kind: ConfigMap\nmetadata: {name: harbor-ui-config}\ndata: {_REDIS_URL: 'redis:6379'}").Values) > 0 {
		t.Error("a Redis without password has one")
	}
}

// TestCorpus reads the ConfigMap templates of upstream.
func TestCorpus(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range []string{"adminserver", "ui", "registry", "nginx"} {
		content := golden.Read(t, golden.Corpus(t, "harbor-1.2.0/templates/"+file+".cm.yaml"))
		// The keys come from placeholders.
		text := strings.NewReplacer("{{4 auth_pkey}}", "k", "{{4 auth_cert}}", "c",
			"{{4 https_pkey}}", "-----BEGIN", "{{4 https_cert}}", "-----BEGIN", "{{", "", "}}", "").Replace(content)
		for _, v := range mustRead(t, text).Values {
			seen[v.Secret+" "+v.Key] = true
		}
	}
	for _, want := range []string{SecretKey, UISecret, JobserviceSecret, AdminPassword, EmailPassword, TokenKey, TokenCert, HTTPSKey, HTTPSCert} {
		if !seen["harbor-secrets "+want] {
			t.Errorf("%s is not found", want)
		}
	}
}

// FuzzRead checks that any text is read or refused, that what is read is written
// and read back as the same.
func FuzzRead(f *testing.F) {
	f.Add("kind: Secret\nmetadata: {name: harbor-redis}\nstringData: {password: a-password}\n")
	f.Add("kind: List\nitems: &a\n- kind: List\n  items: *a\n")
	f.Add("&a {kind: List, items: [*a]}")
	f.Add("kind: Secret\nmetadata: {name: harbor-redis}\ndata: {password: aHVudGVyMg==, \"null\": \"\", .: dHJ1ZQ==}\n---\n{")
	f.Add("kind: ConfigMap\nmetadata: {name: harbor-ui-config}\ndata: {_REDIS_URL: ',,,'}")
	f.Fuzz(func(t *testing.T, text string) {
		existing, err := Read(names, []byte(text))
		if err != nil {
			return
		}
		for _, s := range existing.Secrets {
			if s.Name != Redis || len(s.faults) > 0 {
				continue
			}
			again := mustRead(t, mustWrite(t, []Secret{s})).Secrets[0]
			if d := cmp.Diff(s.Data, again.Data); d != "" {
				t.Error(d)
			}
		}
		Check(names, existing.Secrets, now)
	})
}
