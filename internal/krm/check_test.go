package krm

import (
	"strings"
	"testing"
)

// hostile are values that are no name, address, path or size, and mean something
// to nginx, a shell, SQL, YAML or Kubernetes.
var hostile = []string{
	"", " ", "\t", "\n", "\x00", "\r", "\u0085", "\u2028", "\xff", "\x1b[32m", "::error::x", `hub\`, `\`, "~.*", "*", "_;", "a;b", "a b", " a", "a ", "a\tb",
	"a\nb", "a\x00b", "$(REDIS_PASSWORD)", "${X}", "$host", "`id`", "a'b", `a"b`, "{}", "[]", "{{x}}", "<a>", "a,b", "a#b", "%", "é\u0301;", "!x", "&x", "a|b", "..", "a/../b", "://",
}

func TestChecks(t *testing.T) {
	long := strings.Repeat("a", 64)
	for name, test := range map[string]struct {
		check        func(field, value string) error
		right, wrong string // separated by |
	}{
		"host": {
			CheckHost,
			"hub.example.com|redis|192.0.2.1|2001:db8::1|::1|1a.example|a-b.c|3com.example",
			"Hub.example.com|hub.example.com.|hub..com|-a|a-|a_b|10.0.0.256|1.2.3|010.0.0.1|10|[::1]|fe80::1%eth0|redis:6379|http://redis|user@redis|é.example|" + long,
		},
		"host and port": {
			CheckHostPort,
			"redis:6379|192.0.2.1:1|[::1]:65535|[2001:db8::1]:80|a.b.c:80",
			"redis|:6379|redis:|redis:0|redis:65536|redis:http|redis:+80|redis:080|redis: 80|::1:6379|[redis]:80|[192.0.2.1]:80|a/b:80|redis:80/|redis:80,b:80|~.*:80|$(X):80|a\\:80|a\n:80|a\x00:80|user:hunter2@redis:6379",
		},
		"URL": {
			func(field, value string) error { _, err := CheckURL(field, value, "http", "https"); return err },
			"http://hub.example.com|https://hub:8443|http://192.0.2.1|http://[::1]:31777|https://[2001:db8::1]|http://hub/path",
			"hub|//hub|ftp://hub|HTTP://hub|http:hub|http://|http://hub:|http://:80|http://hub:0|http://hub:65536|http://::1|http://[hub]|http://hub?x|http://hub?|http://hub#x|http://hub#|http://hub /|http://hu\\b|http://~.*|http://$(X)|http://a;b|http://%61|http://u:hunter2@hub|http://hunter2@hub",
		},
		"name of an object": {
			CheckName,
			"harbor-redis|a.b|1|" + strings.Repeat("a", 253),
			"A|a_b|-a|a.|a/b|" + strings.Repeat("a", 254),
		},
		"label": {CheckLabel, "harbor|1-a", "A|a.b|a_b|-a|" + long},
		"key":   {CheckKey, "password|private_key.pem|A-b_c.d", "a/b|" + strings.Repeat("a", 254)},
		"identifier": {
			CheckIdentifier,
			"cephfs|my_fs.1-a|00000000-0000-0000-0000-000000000000|rook-ceph|client.admin",
			"-a|.a|a/b|a@b|a:b|é",
		},
		"path": {
			CheckPath,
			"/|/apps/harbor-k8s/log|/volumes/_nogroup/csi-vol-1/a.b|/straße",
			"apps|/a/|//a|/a/./b|/a/../b|/..|/a b|/a\\b|/a\n|/a\x00|/$(X)|/a;b|/a:b|/a,b|/*|/a\u0085|/" + strings.Repeat("a/", 2100) + "a",
		},
		"quantity": {
			CheckQuantity,
			"1|100Gi|1.5Ti|5G|1k|2Mi|1e9|3Pi",
			"0|0Gi|-1Gi|+1Gi|1gb|1 Gi|100m|1e|1e1000000000|0x3|1Gi\n|1_000|" + strings.Repeat("9", 19),
		},
		"database": {
			CheckDatabase,
			"registry|registry_k8s|harbor-db|1a|_a|" + long,
			"mysql|MySQL|sys|information_schema|performance_schema|a/b|a?b|a/b?c|a`b|a.b|-a|é|" + long + "a|" + strings.Repeat("_", 33),
		},
		"user of a database": {
			CheckDatabaseUser,
			"harbork8s|harbor_1|a.b-c|harbor@server|" + long[:32],
			"a:b|a/b|@a|-a|.a|é|" + long[:33],
		},
	} {
		for _, value := range strings.Split(test.right, "|") {
			if err := test.check("field", value); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, value := range append(strings.Split(test.wrong, "|"), hostile...) {
			switch err := test.check("field", value); {
			case err == nil:
				t.Errorf("%s: %q is taken", name, value)
			case !strings.HasPrefix(err.Error(), "field: "), strings.Contains(err.Error(), "hunter2"):
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
