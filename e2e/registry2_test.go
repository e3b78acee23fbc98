//go:build linux

package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/redis/go-redis/v9"
)

// redisImage is what stands for a Redis that is not among the manifests.
const redisImage = "redis"

// stands2 stands for the images of Harbor 2.x. Debian's docker-registry is 2.8, of
// which Harbor's is a fork that also knows Sentinels.
var stands2 = map[string]stand{
	"docker.io/goharbor/registry-photon:v2.15.1": {
		programs: stands["vmware/registry:2.6.2-photon"].programs,
		// Docker gives a new volume this owner, where a kubelet changes the group.
		dockerfile: `
COPY --chown=10000:10000 storage /storage
ENTRYPOINT ["/usr/bin/registry", "serve"]
CMD ["/etc/registry/config.yml"]
`,
		folders: []string{"storage"},
	},
	"docker.io/goharbor/nginx-photon:v2.15.1":  stands["vmware/nginx-photon:1.11.13"],
	"docker.io/goharbor/harbor-core:v2.15.1":   partOfHarbor2,
	"docker.io/goharbor/harbor-portal:v2.15.1": partOfHarbor2,
	redisImage: {
		programs:   map[string]string{"/usr/bin/redis-server": "redis-server"},
		dockerfile: `CMD ["/usr/bin/redis-server", "/etc/redis/redis.conf"]`,
	},
	pause: stands[pause],
}

var partOfHarbor2 = stand{
	programs:   map[string]string{"/harbor/part": os.Args[0]},
	dockerfile: `CMD ["/harbor/part"]`,
}

// asPart makes this test program serve as the core or the portal of Harbor 2.x, which
// cannot be had here. Its value is the name.
const asPart = "KRMFN_E2E_PART"

// servePart does what the core does with what docker sends: it hands it to the
// registry, with the registry's own user and password (src/server/registry/proxy.go
// of Harbor v2.15.1). To everything else it answers its name and what nginx told it.
// The pod listens where the Service does too, since Docker knows no other port.
func servePart(part string) error {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s of %s://%s", part, r.Header.Get("X-Forwarded-Proto"), r.Host)
	})
	if to := os.Getenv("REGISTRY_URL"); to != "" {
		registry, err := url.Parse(to)
		if err != nil {
			return err
		}
		http.Handle("/v2/", &httputil.ReverseProxy{
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(registry)
				p.Out.Host = p.In.Host
				p.Out.Header["X-Forwarded-Proto"] = p.In.Header["X-Forwarded-Proto"]
				p.Out.SetBasicAuth(os.Getenv("REGISTRY_CREDENTIAL_USERNAME"), os.Getenv("REGISTRY_CREDENTIAL_PASSWORD"))
			},
			// Every request to another replica.
			Transport: &http.Transport{DisableKeepAlives: true},
		})
	}
	failed := make(chan error)
	for _, address := range []string{":80", ":8080"} {
		go func() { failed <- http.ListenAndServe(address, nil) }()
	}
	return <-failed
}

// harbor2Node is what runs of Harbor 2.x: Redis, two registries, and what leads to
// them.
type harbor2Node struct {
	*dockerNode
	client     *registryClient
	server     *redis.Client
	registries []*container
	core       map[string]string // environment
}

// TestHarbor2Registry runs two registries with the rendered config.yml, environment
// and Secrets, behind nginx with the rendered nginx.conf, and pushes images.
func TestHarbor2Registry(t *testing.T) {
	need(t, "docker", "krmfn", "docker-registry", "nginx", "redis-server", "ldd")
	removeLeftovers(t)
	images := buildStands(t, stands2)
	// Debian's registry knows no Sentinels.
	h := harbor2(t, sentinels, oneServer)
	start := func(t *testing.T) harbor2Node {
		t.Helper()
		n := harbor2Node{dockerNode: newDockerNode(t, images, h.all)}
		n.core = podOf(t, h.all, "Deployment", "harbor-core").env
		n.client = newRegistryClient(t, map[string]string{})
		n.server = n.startRedis()
		for i := range 2 {
			n.registries = append(n.registries, n.start("harbor-registry", 5000))
			n.client.addresses[replica(i)] = n.registries[i].address
		}
		return n
	}

	t.Run("password", func(t *testing.T) {
		n := start(t)
		n.client.user, n.client.password = n.core["REGISTRY_CREDENTIAL_USERNAME"], n.core["REGISTRY_CREDENTIAL_PASSWORD"]
		for what, c := range map[string]struct {
			user, password string
			status         int
		}{
			"the core's": {n.client.user, n.client.password, http.StatusOK},
			"another":    {n.client.user, n.client.password + "x", http.StatusUnauthorized},
			"of another": {"admin", n.client.password, http.StatusUnauthorized},
			"none":       {"", "", http.StatusUnauthorized},
			"empty":      {"harbor_registry_user", "", http.StatusUnauthorized},
		} {
			authorization := ""
			if c.user != "" {
				authorization = basic(c.user, c.password)
			}
			for i := range n.registries {
				response := n.client.do("GET", "http://"+replica(i)+"/v2/", authorization, nil)
				if response.StatusCode != c.status {
					t.Errorf("with the password %s, replica %d answers %s", what, i, response.Status)
				}
			}
		}
	})
	t.Run("upload moves", func(t *testing.T) {
		n := start(t)
		stranger := n.start("harbor-registry", 5000, func(p *pod) { p.env["REGISTRY_HTTP_SECRET"] += "x" })
		n.client.addresses["stranger:5000"] = stranger.address
		n.client.uploadMoves(basic(n.core["REGISTRY_CREDENTIAL_USERNAME"], n.core["REGISTRY_CREDENTIAL_PASSWORD"]))
	})
	t.Run("cache", func(t *testing.T) { start(t).fillsCache(t) })
	t.Run("behind nginx", func(t *testing.T) { start(t).behindNginx(t) })
}

// fillsCache shows in which database of Redis the registries keep what they know of
// layers: in the one that the core clears after garbage collection, by _REDIS_URL_REG.
// With another number, images that are pushed again are 404 for good (seen with
// Harbor 2.15.1).
func (n harbor2Node) fillsCache(t *testing.T) {
	c := n.client
	c.user, c.password = n.core["REGISTRY_CREDENTIAL_USERNAME"], n.core["REGISTRY_CREDENTIAL_PASSWORD"]
	cleared, err := redisClient(n.core["_REDIS_URL_REG"], map[string]string{"redis.example.com:6379": n.server.Options().Addr})
	if err != nil {
		t.Fatal(err)
	}
	defer cleared.Close()
	keys := func() int {
		all, err := cleared.Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	push := func(i int, tag string) {
		t.Helper()
		img := c.image()
		if err := c.push(replica(i)+tag, img); err != nil {
			t.Fatal(err)
		}
		for i := range n.registries {
			if err := c.pull(replica(i)+tag, img); err != nil {
				t.Errorf("pull from %d: %v", i, err)
			}
		}
	}
	push(0, "/library/cache:1")
	before := keys()
	if before == 0 {
		t.Error("the registries write nothing into the database that the core clears")
	}
	push(1, "/library/cache:2")
	if after := keys(); after <= before {
		t.Errorf("the second registry writes nothing: %d keys, and %d before", after, before)
	}
	for number := range 16 {
		if others := keysIn(t, n.server, number); number != cleared.Options().DB && len(others) > 0 {
			t.Errorf("database %d holds %q", number, others)
		}
	}

	// The controls: a registry that does not have the Secret's password, or has another
	// number, starts, takes images and says nothing.
	number := fmt.Sprint("db: ", cleared.Options().DB, "\n")
	for what, edit := range map[string]func(p *pod){
		"with another password": func(p *pod) { p.env["REGISTRY_REDIS_PASSWORD"] = "x" },
		"without a password":    func(p *pod) { delete(p.env, "REGISTRY_REDIS_PASSWORD") },
		"with another database": func(p *pod) {
			const file = "/etc/registry/config.yml"
			if !strings.Contains(p.files[file], number) {
				t.Errorf("config.yml does not hold %q", number)
			}
			p.files[file] = strings.Replace(p.files[file], number, "db: 3\n", 1)
		},
	} {
		if err := n.server.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		wrong := n.start("harbor-registry", 5000, edit)
		c.addresses["wrong:5000"] = wrong.address
		img := c.image()
		if err := c.push("wrong:5000/library/wrong:1", img); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := c.pull("wrong:5000/library/wrong:1", img); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if left := keys(); left != 0 {
			t.Errorf("%s: it writes %d keys into the database that the core clears", what, left)
		}
		wrong.remove()
	}
	// A variable is YAML: what stands behind a blank and a # is none of it, and with a
	// colon at the end it is a mapping.
	commented := n.start("harbor-registry", 5000, func(p *pod) { p.env["REGISTRY_REDIS_PASSWORD"] += " #x" })
	c.addresses["commented:5000"] = commented.address
	if err := c.push("commented:5000/library/commented:1", c.image()); err != nil {
		t.Error(err)
	}
	if keys() == 0 {
		t.Error("a comment is a part of the password")
	}
	n.refuses("harbor-registry", "cannot unmarshal !!map into string", func(p *pod) { p.env["REGISTRY_REDIS_PASSWORD"] += ":" })
}

// behindNginx goes the way of Harbor's users: nginx, the core, which knows the
// registry's password, and two replicas that share a volume.
func (n harbor2Node) behindNginx(t *testing.T) {
	c := n.client
	for _, part := range []string{"core", "portal"} {
		n.start("harbor-"+part, 8080, func(p *pod) {
			p.env[asPart] = part
			delete(p.env, "app.conf") // of several lines, which docker does not take
		})
	}
	const external = hub + ":30002"
	c.addresses = map[string]string{external: n.start("harbor-nginx", 8080).address}
	c.more = []remote.Option{remote.WithRetryPredicate(func(error) bool { return false })}

	// The port that users typed arrives.
	for path, want := range map[string]string{"/": "portal", "/api/v2.0/ping": "core", "/c/login": "core", "/service/token": "core"} {
		response := c.do("GET", "http://"+external+path, "", nil)
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != want+" of http://"+external {
			t.Errorf("%s is answered by %q, %v", path, body, err)
		}
	}
	images := map[string]v1.Image{}
	for i := range 6 {
		tag := fmt.Sprintf("%s/library/nginx-%d:1", external, i)
		images[tag] = c.image()
		if err := c.push(tag, images[tag]); err != nil {
			t.Fatal(err)
		}
	}
	for tag, img := range images {
		if err := c.pull(tag, img); err != nil {
			t.Errorf("pull %s: %v", tag, err)
		}
	}
	for i, registry := range n.registries {
		answered := strings.Count(registry.log(), "response completed")
		t.Logf("registry %d answered %d requests", i, answered)
		if answered == 0 {
			t.Errorf("registry %d takes no part", i)
		}
	}
	n.registries[0].remove()
	for tag, img := range images {
		if err := c.pull(tag, img); err != nil {
			t.Errorf("with one registry gone: pull %s: %v", tag, err)
		}
	}
	c.log("%d images pushed through nginx and pulled twice", len(images))
}

// startRedis starts the Redis that the manifests name.
func (n harbor2Node) startRedis() *redis.Client {
	n.t.Helper()
	config := filepath.Join(n.t.TempDir(), "redis.conf")
	content := "save \"\"\ndir /tmp\nrequirepass " + quote(specialPassword) + "\n"
	if err := os.WriteFile(config, []byte(content), 0o644); err != nil {
		n.t.Fatal(err)
	}
	ct := &container{t: n.t}
	n.t.Cleanup(ct.remove)
	n.run(&ct.id, "--network", n.name, "--network-alias", "redis.example.com", "--publish", "127.0.0.1::6379", "--tmpfs", "/tmp",
		"--mount", "type=bind,readonly,source="+config+",target=/etc/redis/redis.conf", n.images[redisImage])
	address := strings.TrimSpace(must(n.t, "", "", "docker", "port", ct.id, "6379"))
	client := redis.NewClient(&redis.Options{Addr: address, Password: specialPassword})
	n.t.Cleanup(func() { client.Close() })
	eventually(n.t, "Redis answers", func() error { return client.Ping(n.t.Context()).Err() })
	return client
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
