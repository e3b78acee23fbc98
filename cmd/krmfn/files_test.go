package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEndlessFiles: a pipe that nobody writes to is not waited for, and a device
// without an end does not fill the memory, whatever leads to them. The message
// names the file.
func TestEndlessFiles(t *testing.T) {
	stage(t, map[string]string{
		"in.yaml": ui, "config.yaml": "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: SetReplicas\nspec: {replicas: {ui: 2}}\n",
		"folder/in.yaml": ui, "zeros/in.yaml": ui, "large/in.yaml": ui,
		"resource/kustomization.yaml":  "resources: [pipe.yaml]\n",
		"resource2/kustomization.yaml": "resources: [zero.yaml]\n",
		"patch/kustomization.yaml":     "resources: [in.yaml]\npatches: [{path: pipe.yaml}]\n", "patch/in.yaml": ui,
		"generator/kustomization.yaml": "configMapGenerator: [{name: a, files: [pipe.yaml]}]\n",
		"env/kustomization.yaml":       "configMapGenerator: [{name: a, envs: [zero.yaml]}]\n",
		"functions/kustomization.yaml": "resources: [in.yaml]\ntransformers: [pipe.yaml]\n", "functions/in.yaml": ui,
		"base/kustomization.yaml": "resources: [../resource]\n",
		"pipe/x":                  "", "zero/x": "",
		"harbor.cfg":  "secretkey_path = zero\n",
		"harbor2.cfg": "ui_url_protocol = https\nssl_cert = ./pipe.yaml\nssl_cert_key = ./pipe.yaml\n",
	})
	for _, path := range []string{
		"pipe.yaml", "folder/pipe.yaml", "resource/pipe.yaml", "patch/pipe.yaml", "generator/pipe.yaml", "functions/pipe.yaml", "pipe/kustomization.yaml",
	} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"zero.yaml", "zeros/zero.yaml", "resource2/zero.yaml", "env/zero.yaml", "zero/kustomization.yaml", "zero/secretkey"} {
		if err := os.Symlink("/dev/zero", path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("large/sparse.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate("large/sparse.yaml", 1<<40); err != nil {
		t.Fatal(err)
	}

	for args, want := range map[string]string{
		"validate folder":    "reading folder/pipe.yaml: is a named pipe, want a regular file",
		"validate zeros":     "reading zeros/zero.yaml: is a device, want a regular file",
		"validate large":     "reading large/sparse.yaml: is larger than the limit of 64 MiB",
		"validate zero.yaml": "reading zero.yaml: is larger than the limit of 64 MiB",
		"validate pipe":      "pipe/kustomization.yaml: is a named pipe",
		"validate resource":  "resource/pipe.yaml: is a named pipe",
		"render resource":    "resource/pipe.yaml: is a named pipe",
		"render --load-restrictor LoadRestrictionsNone resource2": "zero.yaml: is a device",
		"render patch":     "patch/pipe.yaml: is a named pipe",
		"render generator": "generator/pipe.yaml: is a named pipe",
		"render --load-restrictor LoadRestrictionsNone env": "zero.yaml: is a device",
		"render functions": "functions/pipe.yaml: is a named pipe",
		"render base":      "resource/pipe.yaml: is a named pipe",
		"render pipe":      "pipe/kustomization.yaml: is a named pipe",

		"validate --config zero.yaml in.yaml":                           "reading zero.yaml: is larger",
		"validate --with zero.yaml in.yaml":                             "reading zero.yaml: is larger",
		"set-replicas config.yaml zero.yaml":                            "reading zero.yaml: is larger",
		"set-replicas zero.yaml in.yaml":                                "reading zero.yaml: is larger",
		"secrets --from zero.yaml":                                      "--from: reading zero.yaml: is larger",
		"secrets --token-key zero.yaml":                                 "--token-key: reading zero.yaml: is larger",
		"secrets --harbor-cfg zero.yaml":                                "--harbor-cfg: reading zero.yaml: is larger",
		"secrets --harbor-cfg harbor.cfg":                               "zero/secretkey: is a device, want a regular file",
		"secrets --harbor-cfg harbor2.cfg":                              "pipe.yaml: is a named pipe, want a regular file",
		"secrets --redis-password-from file:zero.yaml":                  "--redis-password-from: reading zero.yaml: is larger",
		"secrets check zero.yaml":                                       "reading zero.yaml: is larger",
		"database --config zero.yaml":                                   "reading zero.yaml: is larger",
		"database --database a --user b --password-from file:zero.yaml": "--password-from: reading zero.yaml: is larger",
		"database --database a --dump zero.yaml":                        "zero.yaml: the dump is no plain text",
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			stdout, stderr, exit := krmfn("", strings.Fields(args)...)
			if exit == 0 || stdout != "" || !strings.Contains(stderr, want) {
				t.Errorf("%s: exit status %d\n%s%s\nwant %s", args, exit, stdout, stderr, want)
			}
		}()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("%s waits", args)
		}
	}
}

// TestNamedPipes: one that is given directly is read, as a shell makes it for
// <(command), and /dev/stdin.
func TestNamedPipes(t *testing.T) {
	standIn(t)
	stage(t, map[string]string{"config.yaml": "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: ValidateHA\nmetadata: {name: a}\n"})
	if err := syscall.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"validate pipe", "validate-ha config.yaml pipe"} {
		go func() {
			if err := os.WriteFile("pipe", []byte(warned), 0o600); err != nil {
				t.Error(err)
			}
		}()
		if stdout, stderr, exit := krmfn("", strings.Fields(args)...); exit != 0 || !strings.Contains(stdout+stderr, "does not roll out") {
			t.Errorf("%s: exit status %d\n%s%s", args, exit, stdout, stderr)
		}
	}
}

// TestEndlessStdin: a function says so in its ResourceList.
func TestEndlessStdin(t *testing.T) {
	zero, err := os.Open("/dev/zero")
	if err != nil {
		missing(t, "there is no /dev/zero", err)
	}
	defer zero.Close()
	var stdout, stderr strings.Builder
	exit := run([]string{}, streams{zero, &stdout, &stderr})
	const want = "reading standard input: is larger than the limit of 64 MiB"
	if results := read1(t, stdout.String()).Results; exit != 1 || len(results) != 1 || results[0].Message != want || !strings.Contains(stderr.String(), want) {
		t.Errorf("exit status %d\n%s%s", exit, stdout.String(), stderr.String())
	}
}
