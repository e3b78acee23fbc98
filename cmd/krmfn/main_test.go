package main

import (
	"os"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
)

// asProgram is set in the environment of processes that the tests start: the
// test binary then is krmfn. That is how render runs functions here.
const asProgram = golden.AsProgram

func TestMain(m *testing.M) {
	golden.Main(m, func() int { main(); return 0 })
}

// missing ends a test that lacks something on this machine: in CI that is a
// failure.
func missing(t testing.TB, what string, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s: %v", what, err)
	}
	t.Skipf("%s: %v", what, err)
}

// TestUsage checks what is said of command lines that mean nothing.
func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"set-replica":       "krmfn: there is no command set-replica, did you mean set-replicas?\n",
		"config.yaml":       "krmfn: there is no command config.yaml, known are ",
		"--verbos":          "krmfn: unknown flag: --verbos\n",
		"render":            "krmfn: give one directory with a kustomization: krmfn render DIR\n",
		"help set-replica":  "krmfn: there is no command set-replica, did you mean set-replicas?\n",
		"help secrets chek": "krmfn: there is no command chek, did you mean check?",
		"help list all":     "krmfn: there is no command all",
		"render a b":        "krmfn: give one directory with a kustomization: krmfn render DIR\n",
		"list all":          "krmfn: unknown command \"all\" for \"krmfn list\"\n",
		"set-replicas a":    "krmfn: give the manifests too: files, or - for stdin\n",
		"set-replicas a b":  "krmfn: reading a: no such file or directory\n",
		"render none/there": "krmfn: building none/there: ",
		"render main.go":    "krmfn: building main.go: is a file, give the directory of a kustomization; krmfn FUNCTION CONFIG FILE ",

		"set-replicas main.go testdata":               "krmfn: reading testdata: is a directory, want a regular file: for the files in it write testdata/*.yaml\n",
		"set-replicas main.go ../../base/harbor-2":    "krmfn: reading ../../base/harbor-2: is a directory, want a regular file: it holds a kustomization, write - and pipe krmfn render ../../base/harbor-2 into it\n",
		"secrets check testdata":                      "krmfn: reading testdata: is a directory, want a regular file: for the files in it write ",
		"secrets --from ../../base/harbor-1.2":        "krmfn: --from: reading ../../base/harbor-1.2: is a directory, want a regular file: it holds a kustomization, ",
		"database --config ../../overlays/harbor-cfg": "krmfn: reading ../../overlays/harbor-cfg: is a directory, want a regular file: it holds a kustomization, ",
	} {
		stdout, stderr, exit := krmfn("", strings.Fields(args)...)
		if exit != 1 || stdout != "" || !strings.HasPrefix(stderr, want) {
			t.Errorf("%s: exit status %d\n%s%swant %s", args, exit, stdout, stderr, want)
		}
	}
}

// TestFullStdout: no command ends well that could not write what it had to say.
func TestFullStdout(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		missing(t, "there is no full device", err)
	}
	defer full.Close()
	stage(t, map[string]string{
		"in.yaml": ui, "config.yaml": "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: SetReplicas\nspec: {replicas: {ui: 2}}\n",
		"k/kustomization.yaml": "resources: [in.yaml]\n", "k/in.yaml": ui, "secret.yaml": madeSecrets(), "password": "hunter2hunter2",
		"dump.sql": "USE `registry`;\n",
	})
	standIn(t)
	root := newRoot(streams{})
	tried := map[string]bool{}
	for _, args := range []string{
		"", "help", "help secrets", "--help", "--version", "render --help", "list", "rules", "completion bash", "__complete val",
		"set-replicas config.yaml in.yaml", "set-replicas none.yaml in.yaml", "set-replicas", "render k", "validate in.yaml", "validate k -o json",
		"secrets", "secrets check secret.yaml", "database --database a --user b --password-from file:password", "database --database a --dump dump.sql",
	} {
		name, _, _ := strings.Cut(args, " ")
		tried[name] = true
		var stderr strings.Builder
		exit := run(strings.Fields(args), streams{strings.NewReader(""), full, &stderr})
		if !strings.Contains(stderr.String(), "no space left on device") && !strings.Contains(args, "none.yaml") || exit == 0 {
			t.Errorf("%s: exit status %d\n%s", args, exit, stderr.String())
		}
	}
	for _, c := range root.Commands() {
		if c.GroupID == "commands" && !tried[c.Name()] {
			t.Errorf("%s is not tried", c.Name())
		}
	}
}
