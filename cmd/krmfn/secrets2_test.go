package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/meaning"
)

// unread is what the chart's Secret of the core becomes as variables that nobody reads.
var unread = regexp.MustCompile(`^core > core env > (secret|secretKey|tls\.crt|tls\.key): got -`)

// TestSecretsOfChart moves the secrets of the chart's renders, and takes them over
// with krmfn secrets: together the two mean what the render meant, and nothing is
// made up but what it did not hold.
func TestSecretsOfChart(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(golden.Corpus(t, "harbor-helm"), "h*"))
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	for _, dir := range folders {
		for _, name := range []string{"single.yaml", "ha.yaml"} {
			t.Run(filepath.Base(dir)+"/"+name, func(t *testing.T) {
				file, database, existing := filepath.Join(dir, name), "harbor-postgres", golden.Read(t, filepath.Join(dir, name))
				if strings.Contains(existing, "name: harbor-database\n                key: password") {
					database = "harbor-database" // the password comes from a Secret in the cluster already
					existing += "\n---\n" + golden.Read(t, filepath.Join(dir, "secrets.yaml"))
				}
				config := writeFile(t, filepath.Join(t.TempDir(), "harbor-ha.yaml"),
					"apiVersion: harbor.krmfn.dev/v1alpha1\nkind: HarborHA\nmetadata: {name: harbor-ha}\n"+
						"spec: {secrets: {database: "+database+"}, validate: {ignore: {L04: for one node, L15: for one node}}}\n")
				moved, stderr, exit := krmfn("", "harbor-ha", config, file)
				if exit != 0 {
					t.Fatal(stderr)
				}
				made, stderr, exit := krmfn(existing, "secrets", "--from", "-", "--config", config)
				if exit != 0 || strings.Contains(stderr, "not the one in use") {
					t.Fatal(stderr)
				}
				for _, line := range regexp.MustCompile(`.*is missing, so a new one is made`).FindAllString(stderr, -1) {
					if !regexp.MustCompile(`Secret harbor-redis password|SCANNER_TRIVY_GITHUB_TOKEN|tls\.crt`).MatchString(line) {
						t.Error(line)
					}
				}
				if out, _, exit := runSecrets(t, made, "check", "--config", config, "-"); exit != 0 {
					t.Errorf("check says of its own: %s", out)
				}
				got, err := meaning.Parse(moved, made)
				if err != nil {
					t.Fatal(err)
				}
				want, err := meaning.Parse(existing)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range meaning.Compare(got, want) {
					if !unread.MatchString(d.String()) {
						t.Error(d)
					}
				}
			})
		}
	}
}
