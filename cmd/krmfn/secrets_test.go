package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/golden"
)

// Values that the tests give. None may show up in a message.
const (
	givenAdmin    = "Adm1n-of-the-test"
	givenDatabase = "Datab4se-of-the-test"
	givenRedis    = "R3dis-of-the-test"
	givenLDAP     = "Ld4p-of-the-test"
	givenKey      = "a-key-of-16-char"
	givenCephFS   = "AQBjZXBoY2VwaGNlcGhjZXBoY2VwaGNlcGhjZQ=="
)

// madeSecrets is what krmfn secrets prints: making the key takes a second.
var madeSecrets = sync.OnceValue(func() string {
	out, stderr, exit := krmfn(givenCephFS+"\n", "secrets", "-n", "harbor", "--cephfs-user", "harbor", "--cephfs-key-from", "-")
	if exit != 0 || stderr != "" {
		panic(stderr)
	}
	return out
})

// secretValues returns the values in manifests of Secrets, by Secret and key.
func secretValues(manifests string) map[string]map[string]string {
	all := map[string]map[string]string{}
	decoder := yaml.NewDecoder(strings.NewReader(manifests))
	for {
		var s struct {
			Metadata struct{ Name string }
			Data     map[string]string
		}
		if decoder.Decode(&s) != nil {
			return all
		}
		all[s.Metadata.Name] = map[string]string{}
		for k, v := range s.Data {
			if value, err := base64.StdEncoding.DecodeString(v); err == nil {
				all[s.Metadata.Name][k] = string(value)
			}
		}
	}
}

// runSecrets runs krmfn secrets and checks that no message holds a value: one
// that the tests give, one in the input or one in the output.
func runSecrets(t *testing.T, stdin string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	stdout, stderr, exit = krmfn(stdin, append([]string{"secrets"}, args...)...)
	messages := stderr
	if args[0] == "check" {
		messages += stdout
	}
	values := []string{givenAdmin, givenDatabase, givenRedis, givenLDAP, givenKey, givenCephFS}
	for _, manifests := range []string{stdin, stdout, madeSecrets()} {
		for _, data := range secretValues(manifests) {
			for _, v := range data {
				values = append(values, strings.Split(v, "\n")...)
				values = append(values, base64.StdEncoding.EncodeToString([]byte(v)))
			}
		}
	}
	for _, v := range values {
		if len(v) > 7 && !strings.HasPrefix(v, "-----") && strings.Contains(messages, v) {
			t.Errorf("krmfn secrets %s shows a value:\n%s", strings.Join(args, " "), messages)
		}
	}
	if (exit == 0) == (stdout == "") && args[0] != "check" && !slices.Contains(args, "-o") {
		t.Errorf("exit status %d with %d bytes on stdout", exit, len(stdout))
	}
	return stdout, stderr, exit
}

func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecrets(t *testing.T) {
	out := madeSecrets()
	made := secretValues(out)
	block, _ := pem.Decode([]byte(made["harbor-secrets"]["private_key.pem"]))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil || key.N.BitLen() != 4096 {
		t.Errorf("the key is no RSA key of 4096 bits: %v", err)
	}
	if want := map[string]string{"userID": "harbor", "userKey": givenCephFS}; !maps.Equal(made["csi-cephfs-secret"], want) {
		t.Error("csi-cephfs-secret does not hold what was given")
	}

	for _, run := range [][]string{{"--from", "-"}, {"--from", writeFile(t, t.TempDir()+"/own.yaml", out)}} {
		again, stderr, exit := runSecrets(t, out, run...)
		if again != out || stderr != "" || exit != 0 {
			t.Errorf("%s changes the command's own output, exit status %d\n%s", run, exit, stderr)
		}
	}
	report, stderr, exit := runSecrets(t, out, "check", "-")
	if want := "ok: harbor-secrets, harbor-database, harbor-redis, csi-cephfs-secret\n"; report != want || stderr != "" || exit != 0 {
		t.Errorf("exit status %d\n%s%s", exit, report, stderr)
	}
}

// TestSecretsFit checks that all that the pods of the overlay read from Secrets
// is made.
func TestSecretsFit(t *testing.T) {
	made := secretValues(madeSecrets())
	checked := 0
	var visit func(node *yaml.RNode)
	visit = func(node *yaml.RNode) {
		if ref := node.Field("secretKeyRef"); ref != nil {
			name, _ := ref.Value.GetString("name")
			key, _ := ref.Value.GetString("key")
			checked++
			if _, ok := made[name][key]; !ok {
				t.Errorf("nobody makes %s of Secret %s", key, name)
			}
		}
		if volume := node.Field("secret"); volume != nil {
			name, err := volume.Value.GetString("secretName")
			if err != nil {
				name, _ = volume.Value.GetString("name")
			}
			if _, ok := made[name]; !ok {
				t.Errorf("nobody makes Secret %s", name)
			}
			optional := volume.Value.Field("optional") != nil
			items, _ := volume.Value.Pipe(yaml.Lookup("items"))
			_ = items.VisitElements(func(item *yaml.RNode) error {
				key, _ := item.GetString("key")
				checked++
				if _, ok := made[name][key]; !ok && !optional {
					t.Errorf("nobody makes %s of Secret %s", key, name)
				}
				return nil
			})
		}
		_ = node.VisitFields(func(field *yaml.MapNode) error { visit(field.Value); return nil })
		_ = node.VisitElements(func(element *yaml.RNode) error { visit(element); return nil })
	}
	for doc := range strings.SplitSeq(build(t, filepath.Join(root, "overlays/harbor-1.2-ha")), "\n---\n") {
		obj, err := yaml.Parse(doc)
		if err != nil {
			t.Fatal(err)
		}
		visit(obj)
	}
	if checked == 0 {
		t.Error("the overlay reads nothing from Secrets")
	}
}

func TestSecretsFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	stdout, stderr, exit := runSecrets(t, madeSecrets(), "--from", "-", "-o", dir)
	if stdout != "" || stderr != "" || exit != 0 {
		t.Fatalf("exit status %d\n%s%s", exit, stdout, stderr)
	}
	want := []string{"csi-cephfs-secret.yaml", "harbor-database.yaml", "harbor-redis.yaml", "harbor-secrets.yaml"}
	if got := fileNames(t, dir); !slices.Equal(got, want) {
		t.Fatalf("the files are %s", got)
	}
	together := ""
	for _, name := range want {
		path := filepath.Join(dir, name)
		if mode(t, path) != 0o600 {
			t.Errorf("%s has mode %o", name, mode(t, path))
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		together += string(content)
	}
	if mode(t, dir) != 0o700 {
		t.Errorf("the folder has mode %o", mode(t, dir))
	}
	if again, _, _ := runSecrets(t, together, "--from", "-"); again != madeSecrets() {
		t.Error("the files do not hold what is printed")
	}

	// One file that is there, even a link to nowhere, and nothing is written.
	for _, make := range []func(string) error{
		func(path string) error { return os.WriteFile(path, []byte("mine"), 0o644) },
		func(path string) error { return os.Symlink("nowhere", path) },
		func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "harbor-redis.yaml")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		_, stderr, exit := runSecrets(t, madeSecrets(), "--from", "-", "-o", dir)
		if want := "krmfn: " + path + " exists and is not overwritten: nothing is written\n"; stderr != want || exit != 1 {
			t.Errorf("exit status %d, stderr %s", exit, stderr)
		}
		if got := fileNames(t, dir); len(got) != 1 {
			t.Errorf("the files are %s", got)
		}
	}
	if _, stderr, exit := runSecrets(t, madeSecrets(), "--from", "-", "-o", filepath.Join(dir, want[0])); exit != 1 || !strings.Contains(stderr, "making the folder: ") {
		t.Errorf("exit status %d, stderr %s", exit, stderr)
	}
}

func fileNames(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func mode(t *testing.T, path string) os.FileMode {
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// TestSecretsGiven gives everything that can be given.
func TestSecretsGiven(t *testing.T) {
	dir := t.TempDir()
	token := secretValues(madeSecrets())["harbor-secrets"]
	file := func(name, content string) string { return writeFile(t, filepath.Join(dir, name), content) }
	file("secretkey", givenKey)
	cfg := file("harbor.cfg", "secretkey_path = .\nldap_search_pwd = "+givenLDAP+"\nemail_password =\n")
	key := file("token.pem", pkcs8(t, token["private_key.pem"]))
	t.Setenv("TEST_ADMIN", givenAdmin)
	out, stderr, exit := runSecrets(t, givenCephFS+"\n",
		"--name", "mine", "--namespace", "ns", "--harbor-cfg", cfg,
		"--token-key", key, "--token-cert", file("token.crt", token["root.crt"]),
		"--https-key", key, "--https-cert", filepath.Join(dir, "token.crt"),
		"--admin-password-from", "env:TEST_ADMIN",
		"--database-password-from", "file:"+file("database", givenDatabase+"\r\n"),
		"--redis-password-from", "file:"+file("redis", givenRedis),
		"--cephfs-key-from", "-", "--cephfs-secret", "ceph", "--cephfs-namespace", "rook")
	if want := "krmfn secrets:\n  info: Secret mine private_key.pem: is converted from PKCS#8 to PKCS#1, which Harbor's token service needs: it is the same key\n"; stderr != want || exit != 0 {
		t.Fatalf("exit status %d, stderr %s", exit, stderr)
	}
	got := secretValues(out)
	for _, k := range []string{"UI_SECRET", "JOBSERVICE_SECRET", "HTTP_SECRET"} {
		if got["mine"][k] == "" {
			t.Errorf("%s is missing", k)
		}
		delete(got["mine"], k)
	}
	want := map[string]map[string]string{
		"mine": {
			"SECRET_KEY": givenKey, "HARBOR_ADMIN_PASSWORD": givenAdmin, "LDAP_SEARCH_PWD": givenLDAP, "EMAIL_PWD": "",
			"private_key.pem": token["private_key.pem"], "root.crt": token["root.crt"],
			"https.key": pkcs8(t, token["private_key.pem"]), "https.crt": token["root.crt"],
		},
		"harbor-database": {"password": givenDatabase},
		"harbor-redis":    {"password": givenRedis},
		"ceph":            {"userID": "admin", "userKey": givenCephFS},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if strings.Count(out, "namespace: ns\n") != 3 || strings.Count(out, "namespace: rook\n") != 1 {
		t.Error("the namespaces are others")
	}

	out, _, _ = runSecrets(t, madeSecrets(), "--from", "-", "--cephfs-in-tree", "--cephfs-key-from", "file:"+file("ceph", givenCephFS))
	if got := secretValues(out)["ceph-secret"]; !maps.Equal(got, map[string]string{"key": givenCephFS}) {
		t.Error("ceph-secret does not hold what was given")
	}
}

func pkcs8(t *testing.T, text string) string {
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// ofHarbor2Alone is a function config that is for no other Harbor.
const ofHarbor2Alone = "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: HarborHA\nmetadata: {name: harbor-ha}\n" +
	"spec: {replicas: {core: 3}, database: {host: postgres.example.com, user: harbor, database: registry, sslMode: require, password: {secretName: a, secretKey: b}}}\n"

func TestSecretsErrors(t *testing.T) {
	dir := t.TempDir()
	made := madeSecrets()
	token := secretValues(made)["harbor-secrets"]
	file := func(name, content string) string { return writeFile(t, filepath.Join(dir, name), content) }
	key, cert, empty := file("token.pem", token["private_key.pem"]), file("token.crt", token["root.crt"]), file("empty", "\n")
	comma := file("comma", "with,"+givenRedis)
	if err := os.Mkdir(dir+"/empty-key", 0o700); err != nil {
		t.Fatal(err)
	}
	file("empty-key/secretkey", "")
	t.Setenv("TEST_GIVEN", givenDatabase)
	changed := func(old, by string) string {
		return strings.Replace(made, base64.StdEncoding.EncodeToString([]byte(old)), base64.StdEncoding.EncodeToString([]byte(by)), 1)
	}
	const noSource = "is none of env:NAME, file:PATH and - (a password itself does not belong on the command line, where others can see it)"
	for _, c := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{"", []string{"-p" + givenAdmin}, "krmfn: unknown shorthand flag: 'p'\n"},
		{"", []string{givenAdmin}, "krmfn: secrets takes flags only, krmfn secrets check takes files\n"},
		{ofHarbor2Alone, []string{"--config", "-"}, "krmfn: --config: has replicas.core, which Harbor 2.x alone knows: add --harbor 2\n"},
		{ofHarbor2Alone, []string{"--config", "-", "--harbor", "1.2"}, "krmfn: --config: has replicas.core, which Harbor 2.x alone knows: add --harbor 2\n"},
		{strings.Replace(ofHarbor2Alone, "database: {", "cephFS: null, database: {", 1), []string{"--config", "-", "--harbor", "2"},
			"krmfn: --config: standard input: cephFS: is empty: write {} for its defaults, or leave it out; " +
				"if it is the patch of an overlay, render it: krmfn render FOLDER | krmfn secrets --config -\n"},
		{"", []string{"check", "-p" + givenAdmin}, "krmfn: unknown shorthand flag: 'p'\n"},
		{"", []string{"check"}, "krmfn: give the Secrets: files, or - for stdin\n"},
		{"", []string{"check", "-", "-"}, "krmfn: - means standard input and can be given only once\n"},
		{"", []string{"check", dir + "/nowhere"}, "krmfn: reading " + dir + "/nowhere: no such file or directory\n"},
		{"", []string{"--admin-password-from", givenAdmin}, "krmfn: --admin-password-from: " + noSource + "\n"},
		{"", []string{"--from", "", "-o", ""}, "krmfn: --from is empty\nkrmfn: --output is empty\n"},
		{"", []string{"--redis-password-from", "env:TEST_NOT_SET"}, "krmfn: --redis-password-from: environment variable TEST_NOT_SET is not set\n"},
		{"", []string{"--redis-password-from", "file:" + empty}, "krmfn: --redis-password-from: is empty\n"},
		{"", []string{"--redis-password-from", "file:" + dir + "/nowhere"}, "krmfn: --redis-password-from: reading " + dir + "/nowhere: no such file or directory\n"},
		{givenRedis, []string{"--redis-password-from", "-", "--admin-password-from", "-"}, "krmfn: --redis-password-from: - means standard input and can be given only once\n"},
		{made, []string{"--from", "-", "--redis-password-from", "-"}, "krmfn: --redis-password-from: - means standard input and can be given only once\n"},
		{"", []string{"--name", "Harbor"}, "krmfn: --name: \"Harbor\" is not a valid name: want at most 253 lower case letters, digits, - and ., a letter or digit first and last\n"},
		{"", []string{"--name", "harbor-redis"}, "krmfn: two Secrets are called harbor-redis\n"},
		{"", []string{"check", "--name", "harbor-redis", "-"}, "krmfn: two Secrets are called harbor-redis\n"},
		{"", []string{"--cephfs-in-tree"}, "krmfn: --cephfs-in-tree: give the key with --cephfs-key-from\n"},
		{"", []string{"--cephfs-in-tree", "--cephfs-user", "a"}, "krmfn: --cephfs-user: the volume plugin inside Kubernetes reads the user from the volume: leave it out\n"},
		{"", []string{"--from", "-"}, "krmfn: --from: standard input: holds nothing of Harbor: neither a workload nor a ConfigMap or Secret\n"},
		{"", []string{"--from", dir + "/nowhere"}, "krmfn: --from: reading " + dir + "/nowhere: no such file or directory\n"},
		{made, []string{"--from", "-", "--namespace", "other"}, "krmfn secrets:\n" +
			"  error: Secret harbor-secrets: is ignored: it is in namespace harbor, not in other\n" +
			"  error: Secret harbor-database: is ignored: it is in namespace harbor, not in other\n" +
			"  error: Secret harbor-redis: is ignored: it is in namespace harbor, not in other\n"},
		{"a: *" + givenRedis, []string{"--from", "-"}, "krmfn: --from: standard input: reading YAML: there is an alias without its anchor: a value that begins with * has to be in quotes\n"},
		{"", []string{"--harbor-cfg", file("bad.cfg", givenLDAP)}, "krmfn: --harbor-cfg: line 1 is not key = value\n"},
		{"", []string{"--harbor-cfg", file("padded.cfg", "db_password  "+givenDatabase+"==\n")}, "krmfn: --harbor-cfg: line 1 is not key = value\n"},
		{"", []string{"--cephfs-user", "a b", "--cephfs-key-from", "file:" + file("ceph.key", "AQBSdFhYAAAAABAAxxxxxxxxxxxxxxxxxxxxxx==")}, "krmfn secrets:\n" +
			"  error: Secret csi-cephfs-secret userID: is not the name of a CephFS user, want letters, digits, _, - and .\n"},
		{"", []string{"--harbor-cfg", dir + "/nowhere"}, "krmfn: --harbor-cfg: reading " + dir + "/nowhere: no such file or directory\n"},
		{"", []string{"--harbor-cfg", file("empty.cfg", "secretkey_path = "+dir+"/empty-key")}, "krmfn secrets:\n" +
			"  error: Secret harbor-secrets SECRET_KEY: has 0 characters, want 16\n"},
		{"", []string{"--token-key", dir + "/nowhere"}, "krmfn: --token-key: reading " + dir + "/nowhere: no such file or directory\n"},
		{made, []string{"--from", "-", "--database-password-from", "env:TEST_GIVEN"}, "krmfn secrets:\n" +
			"  error: Secret harbor-database password: the existing Secret and --database-password-from give different values: leave one of them out\n"},
		{"", []string{"--token-cert", cert}, "krmfn secrets:\n  error: Secret harbor-secrets private_key.pem: is missing\n"},
		{"", []string{"--token-key", cert, "--token-cert", cert}, "krmfn secrets:\n  error: Secret harbor-secrets private_key.pem: is a certificate, want the key\n"},
		{"", []string{"--token-key", key, "--https-key", key}, "krmfn secrets:\n  error: Secret harbor-secrets https.crt: is missing, and https.key is there\n"},
		{"", []string{"--token-key", key, "--redis-password-from", "file:" + comma}, "krmfn secrets:\n" +
			"  error: Secret harbor-redis password: holds a comma, which separates the parts of _REDIS_URL\n"},
		{changed(token["SECRET_KEY"], "short-"+givenKey), []string{"--from", "-"}, "krmfn secrets:\n" +
			"  error: Secret harbor-secrets SECRET_KEY: has 22 characters, want 16\n"},
		{strings.Replace(made, "password: ", "password: ?", 1), []string{"--from", "-"}, "krmfn secrets:\n" +
			"  error: Secret harbor-database password: is not base64: put plain text under stringData\n"},
	} {
		_, stderr, exit := runSecrets(t, c.stdin, c.args...)
		if stderr != c.want || exit != 1 {
			t.Errorf("%s: exit status %d\ngot  %s\nwant %s", c.args, exit, stderr, c.want)
		}
	}

	// Nothing is replaced unseen.
	harbor, _, _ := strings.Cut(made, "---\n")
	_, stderr, exit := runSecrets(t, harbor, "--from", "-")
	if want := "krmfn secrets:\n" +
		"  info: Secret harbor-database password: is missing, so a new one is made\n" +
		"  info: Secret harbor-redis password: is missing, so a new one is made\n"; stderr != want || exit != 0 {
		t.Errorf("exit status %d\n%s", exit, stderr)
	}
	cfg := file("harbor.cfg", "secretkey_path = /nowhere\nharbor_admin_password = "+"Harbor12345\n")
	_, stderr, exit = runSecrets(t, "", "--harbor-cfg", cfg, "--token-key", key)
	if want := "krmfn secrets:\n" +
		"  warning: Secret harbor-secrets SECRET_KEY: is not in /nowhere/secretkey (secretkey_path of harbor.cfg): a Harbor that ran before has it elsewhere, and cannot decrypt what it stored with another one\n" +
		"  warning: Secret harbor-secrets HARBOR_ADMIN_PASSWORD: is a well-known default, which everybody can look up\n"; stderr != want || exit != 0 {
		t.Errorf("exit status %d\n%s", exit, stderr)
	}

	// A misspelled key is no reason to make another password unseen.
	cfg = file("misspelled.cfg", "db_pasword = "+givenDatabase+"\n")
	_, stderr, exit = runSecrets(t, "", "--harbor-cfg", cfg, "--token-key", key)
	if want := "krmfn secrets:\n" +
		"  warning: harbor.cfg line 1: db_pasword is not a key of harbor.cfg, did you mean db_password?\n"; stderr != want || exit != 0 {
		t.Errorf("exit status %d\n%s", exit, stderr)
	}
}

func TestSecretsCheck(t *testing.T) {
	made := madeSecrets()
	dir := t.TempDir()
	good := writeFile(t, dir+"/good.yaml", made)
	weak := writeFile(t, dir+"/weak.yaml", "kind: Secret\nmetadata: {name: harbor-database}\nstringData: {password: short}\n")
	bad := writeFile(t, dir+"/bad.yaml", "kind: Secret\nmetadata: {name: harbor-redis}\nstringData: {password: \""+givenRedis+"\\n\"}\n")
	for _, c := range []struct {
		stdin string
		args  []string
		want  string
		exit  int
	}{
		{"", []string{good, weak}, weak + ": warning: Secret harbor-database password: is shorter than 8 characters\n" +
			"ok: harbor-secrets, harbor-database, harbor-redis, csi-cephfs-secret, harbor-database\n", 0},
		{"", []string{bad, good}, bad + ": error: Secret harbor-redis password: holds a line break or another control character, as from echo without -n\n", 1},
		{strings.ReplaceAll(made, "harbor-secrets", "mine"), []string{"--name", "mine", "-"}, "ok: mine, harbor-database, harbor-redis, csi-cephfs-secret\n", 0},
		{"", []string{"-"}, "standard input: error: holds no Secret that is known\n", 1},
		{"kind: Secret\nmetadata: {name: other}\n", []string{"-"}, "standard input: warning: Secret other: is not checked: it is not one of harbor-secrets, harbor-database, harbor-redis, csi-cephfs-secret, ceph-secret\n" +
			"standard input: error: holds no Secret that is known\n", 1},
		{"a: 'x", []string{"-"}, "standard input: error: reading YAML: line 1: found unexpected end of stream\n", 1},
	} {
		out, stderr, exit := runSecrets(t, c.stdin, append([]string{"check"}, c.args...)...)
		if out != c.want || stderr != "" || exit != c.exit {
			t.Errorf("%s: exit status %d\ngot  %s%s\nwant %s", c.args, exit, out, stderr, c.want)
		}
	}
}

// TestSecretsDocument runs the commands of docs/secrets.md that need no program
// but this one, one after the other in one folder.
func TestSecretsDocument(t *testing.T) {
	document := golden.Read(t, filepath.Join(root, "docs/secrets.md"))
	dir := t.TempDir()
	token := secretValues(madeSecrets())["harbor-secrets"]
	for name, text := range map[string]string{
		"in-use.yaml":     madeSecrets(),
		"harbor.cfg":      "secretkey_path = .\ndb_password = " + givenDatabase + "\n",
		"secretkey":       givenKey,
		"private_key.pem": token["private_key.pem"],
		"root.crt":        token["root.crt"],
	} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(dir, "krmfn")); err != nil {
		t.Fatal(err)
	}

	ran := 0
	needsOthers := regexp.MustCompile(`kubectl|sops|kubeseal|ceph `)
	joined := regexp.MustCompile(`(\|)\n|\\\n`)
	done := map[string]bool{}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(document, -1) {
		for line := range strings.Lines(joined.ReplaceAllString(block[1], "$1 ")) {
			if needsOthers.MatchString(line) || done[line] || !strings.Contains(line, "krmfn") {
				continue
			}
			done[line] = true
			ran++
			cmd := exec.Command("sh", "-ec", line)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s%v\n%s", line, err, out)
			}
		}
	}
	if ran != 7 {
		t.Errorf("%d commands ran, want 7", ran)
	}
	for _, name := range fileNames(t, filepath.Join(dir, "again")) {
		a, b := filepath.Join(dir, "filled", name), filepath.Join(dir, "again", name)
		first, err := os.ReadFile(a)
		second, err2 := os.ReadFile(b)
		if err != nil || err2 != nil || string(first) != string(second) {
			t.Errorf("the second run changes %s", name)
		}
	}
}
