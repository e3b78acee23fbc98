package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
)

const (
	haConfig = "overlays/harbor-1.2-ha/functions/harbor-ha.yaml"
	// hashOfSecret is what mysql_native_password stores for the password secret.
	hashOfSecret = "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"
)

// file writes a file and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDatabase gives names and the password in every way there is.
func TestDatabase(t *testing.T) {
	want, stderr, exit := krmfn("secret", "database", "--database", "registry_k8s", "--user", "harbork8s", "--password-from", "-")
	if exit != 0 || stderr != "" || strings.Count(want, hashOfSecret) != 2 || strings.Contains(want, "secret") {
		t.Fatalf("exit status %d\n%s%s", exit, stderr, want)
	}
	t.Setenv("TEST_PASSWORD", "secret")
	const variable = "env:TEST_PASSWORD"
	stepwise, _, _ := krmfn("", "render", root+"/overlays/harbor-1.2-ha-stepwise/functions")
	patched, _, _ := krmfn("", "render", root+"/overlays/example-production/functions")
	for _, test := range []struct {
		stdin, password string
		args            []string
	}{
		{"", "file:" + file(t, "secret\n"), []string{"--config", root + "/" + haConfig}},
		{"secret\r\n", "-", []string{"--config", root + "/" + haConfig}},
		{"", variable, []string{"--config", root + "/overlays/harbor-1.2-ha-stepwise/functions/use-external-database.yaml", "--host", "%"}},
		{stepwise, variable, []string{"--config", "-"}},
		{patched, variable, []string{"--config", "-"}},
		{strings.ReplaceAll(patched, "harbork8s", "other"), variable, []string{"--config", "-", "--user", "harbork8s"}},
	} {
		out, stderr, exit := krmfn(test.stdin, append([]string{"database", "--password-from", test.password}, test.args...)...)
		if exit != 0 || stderr != "" || out != want {
			t.Errorf("%q: exit status %d\n%s%s", test.args, exit, stderr, out)
		}
	}
}

func TestDatabaseFails(t *testing.T) {
	account := []string{"--database", "registry", "--user", "harbor"}
	const noSource = "--password-from: is none of env:NAME, file:PATH and - (a password itself does not belong on the command line, where others can see it)\n"
	for _, test := range []struct {
		stdin, want string
		args        []string
	}{
		{"", "--database is missing, or --config, which names it", []string{"--user", "a"}},
		{"", "--database is missing, or --config, which names it", []string{"--dump", "-"}},
		{"", "--user is missing, or --config, which names it", []string{"--database", "a"}},
		{"", "database takes flags only", []string{"secret"}},
		{"", "unknown shorthand flag: 'p'", []string{"-psecret"}},
		{"", "--from goes with --dump only", append(account, "--from", "a")},
		{"", "--user does not go with --dump", append(account, "--dump", "-")},
		{"", "--password-from does not go with --dump", []string{"--database", "a", "--dump", "-", "--password-from", "-"}},
		{"", "--dump: - means standard input and can be given only once\n", []string{"--config", "-", "--dump", "-"}},
		{"", "--password-from: - means standard input and can be given only once\n", []string{"--config", "-", "--password-from", "-"}},
		{"", "--dump is empty", []string{"--database", "a", "--dump", ""}},
		{"", "--password-from is empty\n", append(account, "--password-from", "")},
		{"", "--database is empty\nkrmfn: --user is empty\n", []string{"--database", "", "--user", ""}},
		{"", "--password-from: is empty\n", append(account, "--password-from", "-")},
		{"", "--password-from: environment variable TEST_NOT_SET is not set\n", append(account, "--password-from", "env:TEST_NOT_SET")},
		{"", noSource, append(account, "--password-from", "secret")},
		{"", "--password-from is missing, and there is no terminal to ask on\n", account},
		{"secret\n\n", "password: holds a control character, such as the end of a line", append(account, "--password-from", "-")},
		{"", "--password-from: reading no/file: no such file or directory", append(account, "--password-from", "file:no/file")},
		{"", "reading no/file: no such file or directory", []string{"--config", "no/file"}},
		{"", "reading no/file: no such file or directory", []string{"--database", "a", "--dump", "no/file"}},
		{"", "reading .: is a directory, want a regular file\n", []string{"--database", "a", "--dump", "."}},
		{"", "reading .: is a directory, want a regular file: for the files in it write *.yaml\n", []string{"--config", "."}},
		{"secret", `user: "a:b" is not a valid user name, want letters`, []string{"--database", "a", "--user", "a:b", "--password-from", "-"}},
		{"secret", `database: "mysql" is a database of MySQL itself: choose another name`, []string{"--database", "mysql", "--user", "a", "--password-from", "-"}},
		{"", "standard input: there are 0 function configs with settings of the database", []string{"--config", "-"}},
		{"kind: HarborHA", "standard input: there are 0 function configs with settings of the database", []string{"--config", "-"}},
		{"apiVersion: harbor.krmfn.dev/v1alpha1\nkind: HarborHA\nspec: {database: {user: a, database: b, sslMode: require}}",
			"standard input: spec.database.sslMode is for Harbor 2.x, whose database is PostgreSQL", []string{"--config", "-"}},
		{"a: [", "standard input: ", []string{"--config", "-"}},
		{"kind: HarborHA\nspec: {database: {password: {value: *secret}}}", "standard input: reading YAML: ", []string{"--config", "-"}},
		{"SELECT 'a", "standard input: the dump is cut off: it ends within quotes begun in line 1", []string{"--database", "a", "--dump", "-"}},
	} {
		out, stderr, exit := krmfn(test.stdin, append([]string{"database"}, test.args...)...)
		if exit != 1 || !strings.HasPrefix(stderr, "krmfn: "+test.want) {
			t.Errorf("%q: exit status %d\n%swant %s", test.args, exit, stderr, test.want)
		}
		if strings.Contains(stderr, "secret") || !strings.Contains(test.stdin, "SELECT") && out != "" {
			t.Errorf("%q: there is more than the error:\n%s%s", test.args, stderr, out)
		}
	}
}

func TestDatabaseDump(t *testing.T) {
	const end = "\n-- Dump completed on 2017-12-08  8:00:00\n"
	for _, test := range []struct {
		dump, want, stderr string
		args               []string
	}{
		{"USE `registry`; SELECT 'registry.x';" + end, "USE `registry_k8s`; SELECT 'registry.x';" + end, "", []string{"--config", root + "/" + haConfig}},
		{"USE `b`;" + end, "USE `c`;" + end, "", []string{"--database", "c", "--from", "b"}},
		{"USE a;" + end, "USE a;" + end, "krmfn database (standard input):\n" +
			"  warning: the dump does not name database registry and is unchanged: load it into the database that you give to mysql\n" +
			"  warning: the dump also creates or uses database a, which keeps its name\n", []string{"--database", "c"}},
		{"USE registry;\n", "USE `c`;\n", "krmfn database (standard input):\n" +
			"  warning: the dump does not end with \"-- Dump completed\", as those of mysqldump do: it may be cut off\n", []string{"--database", "c"}},
	} {
		out, stderr, exit := krmfn(test.dump, append(test.args, "database", "--dump", "-")...)
		if exit != 0 || out != test.want || stderr != test.stderr {
			t.Errorf("%s: exit status %d\n%s%s", test.dump, exit, stderr, out)
		}
		again, stderr, exit := krmfn("", append(test.args, "database", "--dump", file(t, test.dump))...)
		if exit != 0 || again != out || (stderr == "") != (test.stderr == "") {
			t.Errorf("from a file: exit status %d\n%s%s", exit, stderr, again)
		}
	}
}

// TestDatabaseManual runs the commands of docs/database.md that are ours.
func TestDatabaseManual(t *testing.T) {
	t.Chdir(root)
	manual := golden.Read(t, "docs/database.md")
	t.Setenv("PASSWORD", "secret")
	patched, _, _ := krmfn("", "render", "overlays/example-production/functions")
	commands := regexp.MustCompile("krmfn (database --config [^|<>`\n]*)").FindAllStringSubmatch(manual, -1)
	if len(commands) != 3 {
		t.Errorf("docs/database.md shows %d commands, want 3", len(commands))
	}
	for _, c := range commands {
		stdin := "secret"
		switch {
		case strings.Contains(c[1], "--dump -"):
			stdin = "USE registry;\n-- Dump completed\n"
		case strings.Contains(c[1], "--config -"):
			stdin = patched
		}
		if _, stderr, exit := krmfn(stdin, strings.Fields(c[1])...); exit != 0 || stderr != "" {
			t.Errorf("%s: exit status %d\n%s", c[0], exit, stderr)
		}
	}
}
