//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgres is a PostgreSQL of one test's own.
type postgres struct {
	t           *testing.T
	dir, port   string
	certificate string // its own authority
}

// startPostgres starts a server on a free port of the loopback interface that takes
// clients over TLS only, with its data in a temporary folder and as an unprivileged
// user. It is gone when the test ends, however it ends.
func startPostgres(t *testing.T, settings ...string) postgres {
	t.Helper()
	need(t, "initdb", "postgres", "psql", "pg_dump")
	dir := t.TempDir()
	p := postgres{t: t, dir: dir, port: freePort(t), certificate: filepath.Join(dir, "server.crt")}
	certificate, key := certificateFor(t, postgresHost)
	data := filepath.Join(dir, "data")
	attributes := unprivileged(t, dir)
	start := func(program string, flags ...string) *exec.Cmd {
		cmd := exec.Command(program, flags...)
		cmd.Dir, cmd.SysProcAttr = dir, attributes
		return cmd
	}
	if out, err := start("initdb", "--pgdata="+data, "--username=postgres", "--auth=trust", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	keyFile := filepath.Join(dir, "server.key")
	err := errors.Join(
		os.WriteFile(p.certificate, certificate, 0o644), os.WriteFile(keyFile, key, 0o600),
		os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte("local all postgres trust\nhostssl registry harbor 127.0.0.1/32 scram-sha-256\n"), 0o644),
	)
	if c := attributes.Credential; c != nil {
		err = errors.Join(err, os.Chown(keyFile, int(c.Uid), int(c.Gid)))
	}
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"-D", data, "-p", p.port, "-k", dir, "-h", "127.0.0.1"}
	for _, setting := range append(settings, "ssl=on", "ssl_cert_file="+p.certificate, "ssl_key_file="+keyFile, "fsync=off") {
		flags = append(flags, "-c", setting)
	}
	server := start("postgres", flags...)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server.Stderr = log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() { stop(server, ended) })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		r := run(t, "", "SELECT 1", p.psql()...)
		if r.exit == 0 {
			return p
		}
		if len(ended) > 0 || time.Now().After(deadline) {
			t.Fatalf("postgres does not start: %s\n%s", r.stderr, read(t, log.Name()))
		}
	}
}

// psql is the command that reads SQL as the administrator, through the socket.
func (p postgres) psql() []string {
	return []string{"psql", "--no-psqlrc", "--host=" + p.dir, "--port=" + p.port, "--username=postgres", "--set=ON_ERROR_STOP=1", "--tuples-only", "--no-align"}
}

// root runs SQL that has to succeed.
func (p postgres) root(sql string) string {
	p.t.Helper()
	return strings.TrimSpace(must(p.t, "", sql, p.psql()...))
}

// postgresHost is the server in the overlay.
const postgresHost = "postgres.example.com"

// connect connects with a connection string. Only the address of postgresHost is made
// up.
func (p postgres) connect(text string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	resolve := func(host string) error {
		if host != postgresHost {
			return fmt.Errorf("nobody is called %s", host)
		}
		return nil
	}
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{"127.0.0.1"}, resolve(host) }
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	return pgx.ConnectConfig(ctx, config)
}

// postgresStrings are the two forms in which the core gives its variables to pgx: for
// itself, and to change the tables (src/common/dao/pgsql.go, Register and NewMigrator).
func postgresStrings(env map[string]string) []string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(env["POSTGRESQL_USERNAME"], env["POSTGRESQL_PASSWORD"]),
		Host: net.JoinHostPort(env["POSTGRESQL_HOST"], env["POSTGRESQL_PORT"]), Path: env["POSTGRESQL_DATABASE"],
		RawQuery: "sslmode=" + env["POSTGRESQL_SSLMODE"],
	}
	return []string{
		fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=%s sslmode=%s timezone=UTC", env["POSTGRESQL_HOST"], env["POSTGRESQL_PORT"],
			env["POSTGRESQL_USERNAME"], env["POSTGRESQL_PASSWORD"], env["POSTGRESQL_DATABASE"], env["POSTGRESQL_SSLMODE"]),
		address.String(),
	}
}

// TestHarbor2Database logs in to a PostgreSQL with what the core finds in its
// environment, and opens all the connections that the pods may open.
func TestHarbor2Database(t *testing.T) {
	need(t, "krmfn")
	const allowed = 50
	p := startPostgres(t, fmt.Sprintf("max_connections=%d", allowed))
	p.root(fmt.Sprintf("CREATE USER harbor PASSWORD '%s'; CREATE DATABASE registry OWNER harbor;", specialPassword))
	render := func(replace ...string) (map[string]string, harbor) {
		h := harbor2(t, append([]string{"host: postgres.example.com\n", "host: postgres.example.com\n    port: " + p.port + "\n"}, replace...)...)
		return podOf(t, h.all, "Deployment", "harbor-core").env, h
	}

	env, _ := render("maxOpenConnections: 30", "maxOpenConnections: 15")
	if env["POSTGRESQL_HOST"] != postgresHost {
		t.Fatalf("the core finds the host %q", env["POSTGRESQL_HOST"])
	}
	for _, text := range postgresStrings(env) {
		conn, err := p.connect(text)
		if err != nil {
			t.Errorf("the core does not log in: %v", err)
			continue
		}
		if _, err := conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS t (a int)"); err != nil {
			t.Error(err)
		}
		var user, database string
		var encrypted bool
		err = conn.QueryRow(t.Context(), "SELECT current_user, current_database(), ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&user, &database, &encrypted)
		if err != nil || user != "harbor" || database != "registry" || !encrypted {
			t.Errorf("the core is %s in %s, encrypted %t: %v", user, database, encrypted, err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}

	// What encrypts less is refused by this server, what asks for more by the client.
	for mode, want := range map[string]string{"disable": "no encryption", "verify-full": "certificate"} {
		env, _ := render("sslMode: require", "sslMode: "+mode, "maxOpenConnections: 30", "maxOpenConnections: 15")
		for _, text := range postgresStrings(env) {
			if _, err := p.connect(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("sslMode %s: want an error about %q, got %v", mode, want, err)
			}
		}
	}
	env["POSTGRESQL_PASSWORD"] += "x"
	var refusal *pgconn.PgError
	if _, err := p.connect(postgresStrings(env)[0]); !errors.As(err, &refusal) || refusal.Code != "28P01" {
		t.Errorf("with another password: %v", err)
	}

	// The budget: what krmfn takes without a warning the server takes too, and with one
	// more for each core it warns, and the server refuses.
	budget := "maxOpenConnections: %d\n    serverConnections: " + p.root("SHOW max_connections")
	for each, fits := range map[int]bool{15: true, 16: false} {
		env, h := render("maxOpenConnections: 30", fmt.Sprintf(budget, each))
		open, err := strconv.Atoi(env["POSTGRESQL_MAX_OPEN_CONNS"])
		if err != nil {
			t.Fatal(err)
		}
		cores, _ := at(kubelet{t: t, objects: byName(h.all)}.find("Deployment", "harbor-core"), "spec")["replicas"].(int)
		if warns := strings.Contains(h.warnings, "and no further core starts"); warns == fits {
			t.Errorf("%d connections for each of %d cores: it warns %t\n%s", open, cores, warns, h.warnings)
		}
		if err := p.open(cores*open, postgresStrings(env)[0]); (err == nil) != fits {
			t.Errorf("%d connections for each of %d cores, of %d: %v", open, cores, allowed, err)
		}
	}
}

// open holds so many connections at once, and no others.
func (p postgres) open(n int, text string) error {
	eventually(p.t, "the server has closed what was closed", func() error {
		if open := p.root("SELECT count(*) FROM pg_stat_activity WHERE usename = 'harbor'"); open != "0" {
			return fmt.Errorf("%s are open", open)
		}
		return nil
	})
	for range n {
		conn, err := p.connect(text)
		if err != nil {
			return err
		}
		defer conn.Close(p.t.Context())
	}
	return nil
}

// TestChartDatabase follows docs/chart.md, "Move the database", from one server to
// another.
func TestChartDatabase(t *testing.T) {
	old, p := startPostgres(t), startPostgres(t)
	old.root(`CREATE DATABASE registry;
\c registry
CREATE TABLE project (project_id serial PRIMARY KEY, name varchar(255) NOT NULL UNIQUE, update_time timestamp DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE repository (repository_id serial PRIMARY KEY, name varchar(255) NOT NULL UNIQUE, project_id int NOT NULL REFERENCES project);
CREATE FUNCTION update_update_time_at_column() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.update_time = NOW(); RETURN NEW; END; $$;
CREATE TRIGGER project_update_time BEFORE UPDATE ON project FOR EACH ROW EXECUTE PROCEDURE update_update_time_at_column();
INSERT INTO project (name) VALUES ('library'), ('büro');
INSERT INTO repository (name, project_id) SELECT 'library/' || i, 1 FROM generate_series(1, 1000) AS i;
`)
	create := strings.ReplaceAll(block(t, "chart.md", "1. The servers that Harbor will need", "sql", 0), "…", specialPassword)
	p.root(create)

	dir := t.TempDir()
	const heading = "7. Move the database"
	// The first command of each block runs in the pod of the old server.
	there := strings.NewReplacer(
		"kubectl exec harbor-database-0 -- pg_dump ", fmt.Sprintf("pg_dump --host=%s --port=%s ", old.dir, old.port),
		"kubectl exec harbor-database-0 -- psql ", fmt.Sprintf("psql --host=%s --port=%s ", old.dir, old.port),
		"--host="+postgresHost, "--host=127.0.0.1 --port="+p.port)
	t.Setenv("PGPASSWORD", specialPassword)
	t.Setenv("PGSSLMODE", "require")
	follow := func(n int) string {
		t.Helper()
		return must(t, dir, "", "bash", "-euo", "pipefail", "-c", there.Replace(block(t, "chart.md", heading, "sh", n)))
	}
	follow(0)
	if counts := strings.Fields(follow(1)); !slices.Equal(counts, []string{"1000", "1000"}) {
		t.Errorf("there are %v repositories", counts)
	}
	conn, err := p.connect(fmt.Sprintf("host=%s port=%s user=harbor password='%s' dbname=registry sslmode=require", postgresHost, p.port, specialPassword))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var id int
	err = conn.QueryRow(t.Context(), "INSERT INTO repository (name, project_id) SELECT 'new', project_id FROM project WHERE name = 'büro' RETURNING repository_id").Scan(&id)
	if err != nil || id != 1001 {
		t.Errorf("Harbor goes on with %d: %v", id, err)
	}
	if _, err := conn.Exec(t.Context(), "ALTER TABLE project ADD COLUMN new int"); err != nil {
		t.Errorf("Harbor cannot change its tables: %v", err)
	}
	// A restore over tables that are there leaves nothing behind.
	if r := run(t, dir, "", "bash", "-euo", "pipefail", "-c", there.Replace(block(t, "chart.md", heading, "sh", 0))); r.exit == 0 {
		t.Error("a second restore is taken")
	}
}
