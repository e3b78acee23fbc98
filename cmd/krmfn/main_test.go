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
		"render a b":        "krmfn: give one directory with a kustomization: krmfn render DIR\n",
		"list all":          "krmfn: unknown command \"all\" for \"krmfn list\"\n",
		"set-replicas a":    "krmfn: give the manifests too: files, or - for stdin\n",
		"set-replicas a b":  "krmfn: reading open a: no such file or directory\n",
		"render none/there": "krmfn: building none/there: ",
	} {
		stdout, stderr, exit := krmfn("", strings.Fields(args)...)
		if exit != 1 || stdout != "" || !strings.HasPrefix(stderr, want) {
			t.Errorf("%s: exit status %d\n%s%swant %s", args, exit, stdout, stderr, want)
		}
	}
}
