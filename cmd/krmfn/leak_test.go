package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
)

// TestNoPasswordInResults looks for a password, written as a literal where none
// should stand, in all that is said about it: results, and errors on stderr.
func TestNoPasswordInResults(t *testing.T) {
	const password = "hunter2"
	for _, dir := range []string{"inject-redis/literal-in-env", "use-external-database/literal-in-env"} {
		in, err := os.ReadFile(filepath.Join("../../testdata", dir, "in.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		config, err := os.ReadFile(filepath.Join("../../testdata", dir, "config.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		list := "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig:\n  " +
			strings.ReplaceAll(strings.TrimSpace(string(config)), "\n", "\n  ") + "\nitems:\n"
		for doc := range strings.SplitSeq(string(in), "---\n") {
			list += "-\n  " + strings.ReplaceAll(strings.TrimSpace(doc), "\n", "\n  ") + "\n"
		}
		stdout, stderr, exit := krmfn(list, strings.SplitN(dir, "/", 2)[0])
		_, results, _ := strings.Cut(stdout, "\nresults:\n")
		if exit != 0 || results == "" {
			t.Fatalf("%s: exit status %d, no results\n%s", dir, exit, stderr)
		}
		if strings.Contains(results, password) || strings.Contains(stderr, password) {
			t.Errorf("%s: the password is shown", dir)
		}
	}

	for _, c := range [][2]string{
		{"inject-redis", "kind: InjectRedis\nspec: {address: 'redis://:hunter2@h:1'}"},
		{"inject-redis", "kind: InjectRedis\nspec: {address: 'h:1', password: {secretName: hunter2_X, secretKey: k}}"},
		{"use-external-database", "kind: UseExternalDatabase\nspec: {host: 'u:hunter2@db', user: u, database: d, password: {secretName: s, secretKey: k}}"},
		{"set-endpoint", "kind: SetEndpoint\nspec: {url: 'ftp://u:hunter2@hub'}"},
		{"set-endpoint", "kind: SetEndpoint\nspec: {url: 'u:hunter2@hub'}"},
		{"set-endpoint", "kind: SetEndpoint\nspec: {url: 'http://u:hunter2@hub:x%zz'}"},
	} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		config := "apiVersion: harbor.krmfn.dev/v1alpha1\nmetadata: {name: c}\n" + c[1] + "\n"
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr, exit := krmfn(golden.Base(t), c[0], path, "-", "--verbose")
		if exit != 1 || strings.Contains(stderr, password) {
			t.Errorf("%s: exit status %d, stderr %s", c[1], exit, stderr)
		}
	}
}
