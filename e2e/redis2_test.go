//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// specialPassword has every character that a URL takes in one way and a file in
// another, but where YAML takes it for something else: see fillsCache.
const specialPassword = `a:/b %#?@`

// urlPassword is specialPassword as it stands in a URL.
var urlPassword = strings.TrimPrefix(url.UserPassword("", specialPassword).String(), ":")

// overlay2 is the overlay of Harbor 2.x, and config2 its function config.
const (
	overlay2 = "overlays/harbor-2-ha"
	config2  = overlay2 + "/functions/harbor-ha.yaml"
)

// The sentinels of that overlay, and the one server that takes their place where a
// test says so.
const (
	sentinels = `    sentinels:
      master: mymaster
      addresses:
      - sentinel-0.example.com:26379
      - sentinel-1.example.com:26379
      - sentinel-2.example.com:26379
`
	oneServer = "    address: redis.example.com:6379\n"
)

// harbor2 renders the overlay of Harbor 2.x after replacements in its function
// config, and adds the Secrets that krmfn secrets makes for it, so that each pod finds
// what it needs. The passwords of Redis and the database are specialPassword.
func harbor2(t *testing.T, replace ...string) harbor {
	t.Helper()
	dir := tree(t)
	config := read(t, dir, config2)
	replace = append(replace, "      secretName: harbor-redis\n      secretKey: password\n",
		"      secretName: harbor-redis\n      secretKey: password\n      urlSecretKey: password-url\n")
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(config, replace[i]) {
			t.Fatalf("%s does not hold %q", config2, replace[i])
		}
		config = strings.Replace(config, replace[i], replace[i+1], 1)
	}
	if err := os.WriteFile(filepath.Join(dir, config2), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	r := run(t, dir, "", "krmfn", "render", overlay2)
	if r.exit != 0 {
		t.Fatal(r.stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(specialPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	made := must(t, dir, "", "krmfn", "secrets", "--harbor", "2", "--config", config2,
		"--redis-password-from", "file:password", "--database-password-from", "file:password")
	h := harbor{rendered: r.stdout, warnings: r.stderr, secrets: objects(t, made)}
	for _, form := range []string{specialPassword, urlPassword, url.QueryEscape(specialPassword), url.PathEscape(specialPassword)} {
		if strings.Contains(h.rendered, form) {
			t.Errorf("the rendered manifests hold the password of Redis as %s", form)
		}
	}
	h.all = append(objects(t, h.rendered), h.secrets...)
	return h
}

// redisURLs are the URLs of Redis in the environments of the pods, as the processes
// find them, by part and variable.
func redisURLs(t *testing.T, all []object) map[string]string {
	t.Helper()
	urls := map[string]string{}
	for _, use := range []struct {
		part, kind string
		variables  []string
	}{
		{"core", "Deployment", []string{"_REDIS_URL_CORE", "_REDIS_URL_REG"}},
		{"jobservice", "Deployment", []string{"JOB_SERVICE_POOL_REDIS_URL"}},
		{"trivy", "StatefulSet", []string{"SCANNER_REDIS_URL", "SCANNER_STORE_REDIS_URL", "SCANNER_JOB_QUEUE_REDIS_URL"}},
	} {
		env := podOf(t, all, use.kind, "harbor-"+use.part).env
		for _, variable := range use.variables {
			urls[use.part+" "+variable] = env[variable]
		}
	}
	return urls
}

// redisDatabases are the databases of Redis in the base, by part and variable.
var redisDatabases = map[string]int{
	"core _REDIS_URL_CORE": 0, "core _REDIS_URL_REG": 2, "jobservice JOB_SERVICE_POOL_REDIS_URL": 1,
	"trivy SCANNER_REDIS_URL": 5, "trivy SCANNER_STORE_REDIS_URL": 5, "trivy SCANNER_JOB_QUEUE_REDIS_URL": 5,
}

// redisClient makes the client that Harbor makes of a URL: net/url and go-redis for
// redis://, where idle_timeout_seconds is Harbor's own name of an option
// (src/lib/cache/redis/redis.go), and Harbor's own form for Sentinels, who get no
// password (src/lib/redis/pool.go; v2.15). Addresses say where a host and port really
// are.
func redisClient(text string, addresses map[string]string) (*redis.Client, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		to, ok := addresses[address]
		if !ok {
			return nil, fmt.Errorf("nobody is at %s", address)
		}
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, to)
	}
	switch u.Scheme {
	case "redis":
		query := u.Query()
		if idle := query.Get("idle_timeout_seconds"); idle != "" {
			query.Del("idle_timeout_seconds")
			query.Set("idle_timeout", idle)
		}
		u.RawQuery = query.Encode()
		options, err := redis.ParseURL(u.String())
		if err != nil {
			return nil, err
		}
		options.Dialer = dial
		return redis.NewClient(options), nil
	case "redis+sentinel":
		path := strings.Split(u.Path, "/")
		if len(path) != 3 {
			return nil, fmt.Errorf("the path %q is not /master/database", u.Path)
		}
		database, err := strconv.Atoi(path[2])
		if err != nil {
			return nil, err
		}
		options := &redis.FailoverOptions{MasterName: path[1], SentinelAddrs: strings.Split(u.Host, ","), DB: database, Dialer: dial, MaxRetries: -1}
		if u.User != nil {
			options.Username = u.User.Username()
			options.Password, _ = u.User.Password()
		}
		return redis.NewFailoverClient(options), nil
	}
	return nil, fmt.Errorf("the scheme is %q", u.Scheme)
}

// logIn writes a key with each URL, and finds all of them, and no others, in the
// databases that the base has them in.
func logIn(t *testing.T, urls, addresses map[string]string, server *redis.Client) {
	t.Helper()
	if len(urls) != len(redisDatabases) {
		t.Fatalf("there are %d URLs", len(urls))
	}
	if err := server.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for use, text := range urls {
		client, err := redisClient(text, addresses)
		if err != nil {
			t.Errorf("%s: %v", use, err)
			continue
		}
		if err := client.Set(t.Context(), use, "x", 0).Err(); err != nil {
			t.Errorf("%s: %v", use, err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
	want := map[int][]string{}
	for use, number := range redisDatabases {
		want[number] = append(want[number], use)
	}
	for number := range 16 {
		keys := keysIn(t, server, number)
		slices.Sort(want[number])
		if !slices.Equal(keys, want[number]) {
			t.Errorf("database %d holds %q, want %q", number, keys, want[number])
		}
	}
}

// keysIn are the keys in one database.
func keysIn(t *testing.T, server *redis.Client, number int) []string {
	t.Helper()
	options := *server.Options()
	options.DB = number
	client := redis.NewClient(&options)
	defer client.Close()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

// TestHarbor2Redis logs in with the URLs of core, jobservice and trivy, as those log
// in, to a server with a password that needs percent-encoding, and to the master
// that three Sentinels name.
func TestHarbor2Redis(t *testing.T) {
	need(t, "krmfn", "redis-server", "redis-sentinel")
	redis.SetLogger(silent{})
	t.Run("server", func(t *testing.T) {
		server := startRedis(t, loopback(t), specialPassword)
		urls := redisURLs(t, harbor2(t, sentinels, oneServer).all)
		addresses := map[string]string{"redis.example.com:6379": server.Options().Addr}
		logIn(t, urls, addresses, server)

		// The control: with the password as it is, none of them is even a URL.
		for use, text := range urls {
			raw := strings.Replace(text, urlPassword, specialPassword, 1)
			if raw == text {
				t.Errorf("%s does not hold the encoded password", use)
			}
			if client, err := redisClient(raw, addresses); err == nil {
				t.Errorf("%s takes the password as it is: %v", use, client)
			}
		}
	})
	t.Run("sentinels", func(t *testing.T) {
		server, replica := startRedis(t, loopback(t), specialPassword), startRedis(t, loopback(t), specialPassword)
		replica.ReplicaOf(t.Context(), "127.0.0.1", port(server))
		addresses := map[string]string{}
		for _, redis := range []*redis.Client{server, replica} {
			addresses[redis.Options().Addr] = redis.Options().Addr
		}
		var all []*redis.SentinelClient
		for i := range 3 {
			address := startSentinel(t, server, "")
			addresses[fmt.Sprintf("sentinel-%d.example.com:26379", i)] = address
			all = append(all, redis.NewSentinelClient(&redis.Options{Addr: address}))
			defer all[i].Close()
		}
		urls := redisURLs(t, harbor2(t).all)
		logIn(t, urls, addresses, server)

		// The replica becomes the master, and the same URLs lead to it.
		eventually(t, "a Sentinel knows the replica", func() error {
			return all[0].Failover(t.Context(), "mymaster").Err()
		})
		eventually(t, "the replica is the master", func() error {
			role, err := replica.Do(t.Context(), "ROLE").Slice()
			if err == nil && role[0] != "master" {
				err = fmt.Errorf("it is %v", role[0])
			}
			return err
		})
		eventually(t, "the Sentinels name it", func() error {
			for _, sentinel := range all {
				master, err := sentinel.GetMasterAddrByName(t.Context(), "mymaster").Result()
				if err != nil || master[1] != port(replica) {
					return fmt.Errorf("one names %v: %w", master, err)
				}
			}
			return nil
		})
		logIn(t, urls, addresses, replica)
	})
	t.Run("sentinels with a password", func(t *testing.T) {
		// Harbor has no place for it.
		server := startRedis(t, loopback(t), specialPassword)
		addresses := map[string]string{server.Options().Addr: server.Options().Addr}
		for i := range 3 {
			addresses[fmt.Sprintf("sentinel-%d.example.com:26379", i)] = startSentinel(t, server, "other")
		}
		client, err := redisClient(redisURLs(t, harbor2(t).all)["core _REDIS_URL_CORE"], addresses)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
			t.Errorf("the Sentinels are asked for the master: %v", err)
		}
	})
}

// silent keeps the client from printing each try.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// startRedis starts a Redis of the test's own, with more lines of configuration.
func startRedis(t *testing.T, address, password string, lines ...string) *redis.Client {
	t.Helper()
	config := slices.Concat([]string{"save \"\"", "requirepass " + quote(password), "masterauth " + quote(password)}, lines)
	return startRedisProgram(t, "redis-server", address, password, config)
}

// startSentinel starts a Sentinel that watches a server, and returns its address.
func startSentinel(t *testing.T, server *redis.Client, password string) string {
	t.Helper()
	config := []string{
		"sentinel monitor mymaster 127.0.0.1 " + port(server) + " 2",
		"sentinel auth-pass mymaster " + quote(server.Options().Password),
		"sentinel down-after-milliseconds mymaster 5000",
	}
	if password != "" {
		config = append(config, "requirepass "+quote(password))
	}
	return startRedisProgram(t, "redis-sentinel", loopback(t), password, config).Options().Addr
}

// quote writes a text as redis.conf takes it.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// loopback is a free address.
func loopback(t *testing.T) string {
	t.Helper()
	return "127.0.0.1:" + freePort(t)
}

func port(server *redis.Client) string {
	_, port, _ := net.SplitHostPort(server.Options().Addr)
	return port
}

// startRedisProgram starts one of Redis' programs, which is gone when the test ends.
func startRedisProgram(t *testing.T, program, address, password string, config []string) *redis.Client {
	t.Helper()
	dir := t.TempDir()
	host, port, _ := net.SplitHostPort(address)
	config = append([]string{"bind " + host, "port " + port, "dir " + dir}, config...)
	file := filepath.Join(dir, "redis.conf") // a Sentinel writes to its own
	if err := os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s at %s", program, address)
	server := exec.Command(program, file)
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log bytes.Buffer
	server.Stdout = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() { stop(server, ended) })
	client := redis.NewClient(&redis.Options{Addr: address, Password: password, MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := client.Ping(context.Background()).Err()
		if err == nil {
			return client
		}
		if len(ended) > 0 || time.Now().After(deadline) {
			t.Fatalf("%s does not start: %v\n%s", program, err, &log)
		}
	}
}
