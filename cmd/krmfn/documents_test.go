package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
)

// ownTest are the documents whose commands another test runs: those of chart.md
// with real Helm, in e2e.
var ownTest = []string{"chart.md", "secrets.md", "validate.md"}

// standIns take the place of programs that need a cluster, a server or a mount.
// They check what they are given, and answer as the programs do.
var standIns = map[string]string{
	"kubectl": `case "$*" in
"get secret,configmap -o yaml") cat in-cluster.yaml ;;
"get secret harbor-database "*) echo secret ;;
"get pod -l name=adminserver-apps -o name") printf 'pod/a\npod/b\n' ;;
"get pod -l name=mysql-apps -o name") echo pod/mysql ;;
"exec pod/mysql -- sh -c "*mysqldump*) printf 'USE registry;\n-- Dump completed on 2017-12-08\n' ;;
"exec pod/mysql -- sh -c "*COUNT*) echo 1 ;;
"create -f secrets") krmfn secrets check secrets/*.yaml ;;
"apply "*"-f -") krmfn validate - ;;
"rollout restart deployment/harbor-"*|"rollout status deployment/harbor-"*|"scale --replicas="*" rc "*|"scale rc "*" --replicas="*|"delete "*|"wait "*|"cordon "*|"uncordon "*|"get "*) ;;
*) echo "kubectl $*?" >&2; exit 1 ;;
esac`,
	"mysql": `case "$*" in *" -e "*) echo 1 ;; *) grep -q . ;; esac`,
	// A path without a slash at its end would be copied into a folder of its name.
	"rsync":  `for path; do case "$path" in -*|*/) ;; *) exit 1 ;; esac; done`,
	"umount": `[ "$*" = mnt/cephfs ]`,
}

// TestDocuments runs every command of docs/*.md, each block as it stands there
// and one after the other in one folder. (In e2e kubectl meets a cluster.)
func TestDocuments(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	token := secretValues(madeSecrets())["harbor-secrets"]
	inCluster := strings.NewReplacer("\n  pkey: CHANGE-ME-PLEASE\n  cert: CHANGE-ME-PLEASE\n", "\n", // nginx without https
		"\n  pkey: CHANGE-ME-PLEASE\n---", fmt.Sprintf("\n  pkey: %q\n---", token["private_key.pem"]),
		"\n  cert: CHANGE-ME-PLEASE\n", fmt.Sprintf("\n  cert: %q\n", token["root.crt"])).Replace(golden.Base(t))
	for _, path := range paths {
		document := golden.Read(t, path)
		blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(document, -1)
		if slices.Contains(ownTest, filepath.Base(path)) || len(blocks) == 0 {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			copyRepository(t)
			bin := t.TempDir()
			for name, script := range standIns {
				writeFile(t, filepath.Join(bin, name), "#!/bin/sh\n"+script+"\n")
				if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(program, filepath.Join(bin, "krmfn")); err != nil {
				t.Fatal(err)
			}
			writeFile(t, "in-cluster.yaml", inCluster)
			if err := os.MkdirAll("mnt/cephfs/apps/harbor-k8s/registry/docker/registry/v2", 0o755); err != nil {
				t.Fatal(err)
			}
			for _, block := range blocks {
				script := strings.NewReplacer("/mnt/cephfs", "mnt/cephfs").Replace(block[1])
				cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
				cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PASSWORD=secret", "pod=pod/mysql")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s%v\n%s", block[1], err, out)
				}
			}
		})
	}
}
