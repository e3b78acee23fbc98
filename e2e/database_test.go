//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mariaDB is a server of one test's own.
type mariaDB struct {
	t             *testing.T
	port, socket  string
	administrator string
}

// startMariaDB starts a server on a free port of the loopback interface, with
// its data in a temporary folder and as an unprivileged user. It is gone when
// the test ends, however it ends.
func startMariaDB(t *testing.T) mariaDB {
	t.Helper()
	needMariaDB(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	current, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	attributes := unprivileged(t, dir)
	start := func(program string, flags ...string) *exec.Cmd {
		cmd := exec.Command(program, append([]string{"--no-defaults", "--datadir=" + data}, flags...)...)
		cmd.Dir, cmd.SysProcAttr = dir, attributes
		return cmd
	}
	install := start("mariadb-install-db", "--skip-test-db",
		"--auth-root-authentication-method=socket", "--auth-root-socket-user="+current.Username)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	m := mariaDB{t: t, port: freePort(t), socket: filepath.Join(dir, "s"), administrator: current.Username}
	logFile := filepath.Join(dir, "log")
	server := start("mariadbd", "--bind-address=127.0.0.1", "--port="+m.port, "--socket="+m.socket,
		"--log-error="+logFile, "--pid-file="+filepath.Join(dir, "pid"), "--skip-name-resolve",
		"--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4") // as Debian sets it
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() { stop(server, ended) })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := m.asRoot("SELECT 1")
		if err == nil {
			return m
		}
		if len(ended) > 0 || time.Now().After(deadline) {
			content, _ := os.ReadFile(logFile)
			t.Fatalf("mariadbd does not start: %v\n%s", err, content)
		}
	}
}

// needMariaDB skips the test when MariaDB is missing. In CI that is a failure.
func needMariaDB(t *testing.T) {
	t.Helper()
	for _, program := range []string{"mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump"} {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") == "" {
			t.Skipf("%s is missing: apt-get install mariadb-server-core mariadb-client", program)
		} else if err != nil {
			t.Fatalf("%s is missing: apt-get install mariadb-server-core mariadb-client", program)
		}
	}
}

// unprivileged gives the folder to nobody, and makes a program run as nobody,
// when the test runs as root. The program dies with the test.
func unprivileged(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return attributes
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, errUID := strconv.Atoi(nobody.Uid)
	gid, errGID := strconv.Atoi(nobody.Gid)
	for _, err := range []error{errUID, errGID, os.Chmod(filepath.Dir(dir), 0o711), os.Chown(dir, uid, gid)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attributes
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func stop(server *exec.Cmd, ended <-chan error) {
	_ = server.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = server.Process.Kill()
		<-ended
	}
}

// asRoot runs SQL as the administrator, who is known by the user of the process
// at the other end of the socket.
func (m mariaDB) asRoot(sql string, flags ...string) (string, error) {
	return client("", sql, append([]string{"--socket=" + m.socket, "--user=" + m.administrator}, flags...)...)
}

// root is asRoot for SQL that has to succeed.
func (m mariaDB) root(sql string, flags ...string) string {
	m.t.Helper()
	out, err := m.asRoot(sql, flags...)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// as runs SQL as somebody who comes over TCP with a password.
func (m mariaDB) as(user, password, sql string) (string, error) {
	return client(password, sql, "--protocol=tcp", "--host=127.0.0.1", "--port="+m.port, "--user="+user)
}

func client(password, sql string, flags ...string) (string, error) {
	cmd := exec.Command("mariadb", append([]string{"--no-defaults", "--default-character-set=utf8mb4", "--batch", "--skip-column-names"}, flags...)...)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+password)
	cmd.Stdin = strings.NewReader(sql)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, stderr.String())
	}
	return stdout.String(), nil
}

// refused wants a statement to fail with an error number of MariaDB.
func refused(t *testing.T, err error, number int) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("ERROR %d ", number)) {
		t.Errorf("want error %d, got %v", number, err)
	}
}

const (
	accessDenied         = 1045
	databaseAccessDenied = 1044
	commandDenied        = 1142
)

// trickyPassword is one that would not survive being written into SQL by hand.
const trickyPassword = `p@ss'w"o\r:d/?#%_` + "`" + ` é$(x)`

// TestDatabaseAccount applies the SQL of krmfn database and logs in as Harbor
// would: with the environment of the rendered adminserver.
func TestDatabaseAccount(t *testing.T) {
	need(t, "krmfn")
	m := startMariaDB(t)
	dir := tree(t)
	const config = "overlays/harbor-1.2-ha/functions/harbor-ha.yaml"
	if err := edit(filepath.Join(dir, config), "port: 3306", "port: "+m.port); err != nil {
		t.Fatal(err)
	}
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: harbor-database}\nstringData: {password: " + strconv.Quote(trickyPassword) + "}\n"
	rendered := must(t, dir, "", "krmfn", "render", "overlays/harbor-1.2-ha")
	secrets := must(t, dir, "", "krmfn", "secrets")
	all := slices.DeleteFunc(objects(t, rendered, secrets), func(o object) bool { return name(o) == "Secret harbor-database" })
	env := podOf(t, append(all, objects(t, secret)...), "ReplicationController", "adminserver-rc").env
	// Of the connection, only the address of mysql.example.com is made up.
	if env["MYSQL_PWD"] != trickyPassword || env["MYSQL_HOST"] != "mysql.example.com" || env["MYSQL_PORT"] != m.port {
		t.Fatalf("the adminserver finds %q in its environment", env)
	}

	sql := must(t, dir, env["MYSQL_PWD"]+"\n", "krmfn", "database", "--config", config, "--password-from", "-")
	if strings.Contains(sql, "p@ss") {
		t.Errorf("the SQL shows the password:\n%s", sql)
	}
	// What is there already is made to fit.
	m.root("CREATE DATABASE registry_k8s CHARACTER SET utf8mb4; CREATE DATABASE registryXk8s; CREATE DATABASE registry;" +
		"CREATE USER harbork8s@'%' IDENTIFIED VIA unix_socket;")
	for _, mode := range []string{"DEFAULT", "'NO_BACKSLASH_ESCAPES'", "'ANSI'", "'ORACLE'"} {
		m.root("SET sql_mode = " + mode + ";\n" + sql)
	}
	harbor := func(sql string) (string, error) {
		return m.as(env["MYSQL_USR"], env["MYSQL_PWD"], sql)
	}
	out, err := harbor("USE " + env["MYSQL_DATABASE"] + "; CREATE TABLE t (tags varchar(16384)); INSERT INTO t VALUES ('a'); SELECT tags FROM t; SHOW DATABASES;")
	if want := "a\ninformation_schema\nregistry_k8s\n"; err != nil || out != want {
		t.Errorf("Harbor's user sees %q, %v, want %q", out, err, want)
	}
	same(t, "the character set", "utf8mb3\n", m.root("SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'registry_k8s'"))
	for _, other := range []string{"registryXk8s", "registry", "mysql"} {
		_, err := harbor("CREATE TABLE " + other + ".t (a int)")
		refused(t, err, commandDenied)
	}
	_, err = harbor("CREATE DATABASE another")
	refused(t, err, databaseAccessDenied)
	_, err = m.as(env["MYSQL_USR"], "wrong", "SELECT 1")
	refused(t, err, accessDenied)

	// Another password takes the place of the first.
	m.root(must(t, dir, "second", "krmfn", "database", "--config", config, "--password-from", "-"))
	_, err = harbor("SELECT 1")
	refused(t, err, accessDenied)
	if _, err := m.as(env["MYSQL_USR"], "second", "SELECT * FROM registry_k8s.t"); err != nil {
		t.Error(err)
	}
}

// TestDatabaseNames makes accounts with names that need quotes, and that come
// from somewhere else.
func TestDatabaseNames(t *testing.T) {
	need(t, "krmfn")
	m := startMariaDB(t)
	sql := func(database, user, host string) string {
		return must(t, "", "secret", "krmfn", "database", "--password-from", "-", "--database", database, "--user", user, "--host", host)
	}
	const database, user = "1a-b_c", "x.y@z-1"
	m.root("CREATE DATABASE `1a-bxc`;" + sql(database, user, "127.%") + sql("elsewhere", "other", "10.0.0.0/255.0.0.0"))
	if _, err := m.as(user, "secret", "CREATE TABLE `1a-b_c`.t (a int)"); err != nil {
		t.Error(err)
	}
	_, err := m.as(user, "secret", "CREATE TABLE `1a-bxc`.t (a int)")
	refused(t, err, commandDenied)
	_, err = m.as("other", "secret", "SELECT 1")
	refused(t, err, accessDenied)
}

// TestDatabaseDump renames the database in dumps of mariadb-dump, loads them in
// a server where the old database is gone, and compares everything.
func TestDatabaseDump(t *testing.T) {
	need(t, "krmfn")
	m := startMariaDB(t)
	m.root("SET GLOBAL log_bin_trust_function_creators = 1;\n" + read(t, "testdata/database.sql"))
	want := m.content("registry")
	tables := len(m.names("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'registry' AND TABLE_TYPE = 'BASE TABLE'"))
	t.Logf("%d tables, %d things to compare, %d rows of operation", tables, len(want), strings.Count(want["rows of operation"], "<row>"))
	if tables < 15 {
		t.Errorf("there are %d tables, want 15", tables)
	}

	dumps := map[string]string{}
	for what, flags := range map[string][]string{
		"databases":         {"--databases"},
		"drop and hex":      {"--databases", "--add-drop-database", "--hex-blob"},
		"a row a statement": {"--databases", "--skip-extended-insert", "--complete-insert", "--skip-comments"},
		"compact":           {"--databases", "--compact", "--single-transaction"},
		"without databases": {},
	} {
		dumps[what] = m.dump(t, flags...)
	}
	m.root("DROP DATABASE registry")

	for what, dump := range dumps {
		t.Run(what, func(t *testing.T) {
			m := m
			m.t = t
			r := run(t, "", dump, "krmfn", "database", "--dump", "-", "--database", "registry_k8s")
			if r.exit != 0 {
				t.Fatal(r.stderr)
			}
			t.Logf("%d bytes; %s", len(dump), r.stderr)
			account := must(t, "", "secret", "krmfn", "database", "--database", "registry_k8s", "--user", "harbork8s", "--password-from", "-")
			// A compact dump does not say this itself.
			m.root("DROP DATABASE IF EXISTS registry_k8s;" + account + "SET FOREIGN_KEY_CHECKS = 0; USE registry_k8s;\n" + r.stdout)
			got := m.content("registry_k8s")
			if len(got) != len(want) {
				t.Errorf("there are %d things, want %d", len(got), len(want))
			}
			for thing, content := range want {
				same(t, thing, content, got[thing])
			}
			m.alive("registry_k8s")
		})
	}
}

// dump dumps the database registry.
func (m mariaDB) dump(t *testing.T, flags ...string) string {
	t.Helper()
	command := append([]string{"mariadb-dump", "--no-defaults", "--socket=" + m.socket, "--user=" + m.administrator,
		"--routines", "--events", "--default-character-set=utf8mb4"}, flags...)
	return must(t, "", "", append(command, "registry")...)
}

// TestDatabaseDumpRefused wants a dump that names its database elsewhere, or
// that reads quotes in another way, to be refused with the line.
func TestDatabaseDumpRefused(t *testing.T) {
	need(t, "krmfn")
	m := startMariaDB(t)
	m.root("SET GLOBAL log_bin_trust_function_creators = 1;")
	const start = "CREATE DATABASE registry; USE registry; CREATE TABLE registry (id int); CREATE SEQUENCE s; CREATE TABLE t (id int);"
	for what, object := range map[string]string{
		"a view of a table of that name": "CREATE VIEW v AS SELECT registry.id FROM registry",
		"a sequence":                     "CREATE TABLE u (n int DEFAULT NEXTVAL(registry.s))",
		"a function":                     "CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN (SELECT COUNT(*) FROM `registry` . t)",
		"a trigger":                      "CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW INSERT INTO registry.registry VALUES (1)",
		"an event":                       "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM registry.t",
		"another sql_mode":               "SET sql_mode = 'NO_BACKSLASH_ESCAPES'; CREATE PROCEDURE p() SELECT 'C:\\'",
	} {
		m.root("DROP DATABASE IF EXISTS registry;" + start + object)
		for _, flags := range [][]string{{"--databases"}, {}} {
			r := run(t, "", m.dump(t, flags...), "krmfn", "database", "--dump", "-", "--database", "registry_k8s")
			if r.exit != 1 || !strings.HasPrefix(r.stderr, "krmfn: standard input: line ") {
				t.Errorf("%s, %q: exit status %d\n%s", what, flags, r.exit, r.stderr)
			}
		}
	}
	m.root("DROP DATABASE registry;" + start)
	r := run(t, "", m.dump(t, "--databases", "--compatible=ansi"), "krmfn", "database", "--dump", "-", "--database", "registry_k8s")
	if r.exit != 1 || !strings.Contains(r.stderr, "sql_mode ANSI") {
		t.Errorf("ANSI: exit status %d\n%s", r.exit, r.stderr)
	}
}

func (m mariaDB) names(sql string) []string {
	m.t.Helper()
	return strings.Fields(m.root(sql))
}

// content returns all that a database holds, by what it is.
func (m mariaDB) content(database string) map[string]string {
	m.t.Helper()
	all := map[string]string{}
	for _, table := range m.names("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE <> 'SEQUENCE' AND TABLE_SCHEMA = '" + database + "'") {
		all["rows of "+table] = m.root("SELECT * FROM `"+table+"` ORDER BY 1", "--xml", database)
		all["table "+table] = m.root("SHOW CREATE TABLE `"+table+"`", "--raw", database)
	}
	for what, sql := range map[string]string{
		"routines": "SELECT ROUTINE_NAME, ROUTINE_DEFINITION, ROUTINE_COMMENT, SQL_MODE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '%s' ORDER BY 1",
		"triggers": "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '%s' ORDER BY 1",
		"events":   "SELECT EVENT_NAME, EVENT_DEFINITION, EVENT_COMMENT FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '%s' ORDER BY 1",
		"foreign keys": "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE " +
			"WHERE TABLE_SCHEMA = '%[1]s' AND REFERENCED_TABLE_SCHEMA = '%[1]s' ORDER BY 1, 2, 3",
		"columns": "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '%s' ORDER BY 1, 2",
	} {
		all[what] = m.root(fmt.Sprintf(sql, database), "--raw")
	}
	return all
}

// alive uses the procedure and the trigger.
func (m mariaDB) alive(database string) {
	m.t.Helper()
	same(m.t, "what the procedure counts", "2\tregistry.x\n", m.root("CALL count_operations('registry.7')", database))
	same(m.t, "what the trigger writes", "registry.1\n1\n", m.root("UPDATE registry SET id = 9 WHERE registry = 1;"+
		"SELECT namespace FROM scan_time WHERE namespace LIKE '%.1'; SELECT pull_count > 0 FROM repository WHERE name = 'library/registry';", database))
}
