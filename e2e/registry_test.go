//go:build linux

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/libtrust"
	"github.com/google/go-containerregistry/pkg/authn"
	imagename "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// stands for the images of the manifests. docker-registry and nginx are Debian's
// programs, newer than Harbor's.
var stands = map[string]stand{
	// As vmware/registry:2.6.2-photon was from November 2017 on: CMD names
	// /etc/registry, and what lies there is the default of distribution, with
	// storage in the container and no auth (harbor#3637, make/photon/registry of
	// Harbor v1.3.0). The entrypoint is left out but for what it starts: the
	// chown and sudo before that are those of a shell script.
	"vmware/registry:2.6.2-photon": {
		programs: map[string]string{"/usr/bin/registry": "docker-registry"},
		files: map[string]string{"/etc/registry/config.yml": `
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}, cache: {blobdescriptor: inmemory}}
http: {addr: ":5000"}
`},
		dockerfile: `
VOLUME /var/lib/registry
ENTRYPOINT ["/usr/bin/registry", "serve"]
CMD ["/etc/registry/config.yml"]
`,
	},
	"vmware/nginx-photon:1.11.13": {
		programs: map[string]string{"/usr/sbin/nginx": "nginx"},
		files: map[string]string{
			"/etc/passwd":         "nobody:x:65534:65534::/:\n",
			"/etc/group":          "nogroup:x:65534:\n",
			"/run/keep":           "",
			"/var/lib/nginx/keep": "",
		},
		links:      map[string]string{"/var/log/nginx/access.log": "/dev/stdout", "/var/log/nginx/error.log": "/dev/stderr"},
		dockerfile: `CMD ["/usr/sbin/nginx", "-g", "daemon off;"]`,
	},
	"vmware/harbor-ui:v1.2.0": {
		programs:   map[string]string{"/harbor/harbor_ui": os.Args[0]},
		dockerfile: `CMD ["/harbor/harbor_ui"]`,
	},
	pause: {
		programs:   map[string]string{"/pause": "sleep"},
		dockerfile: `CMD ["/pause", "infinity"]`,
	},
}

// TestRegistry runs the registry of the rendered manifests and pushes images to
// it: Harbor's own manifests lose them, ours keep them.
func TestRegistry(t *testing.T) {
	need(t, "docker", "krmfn", "docker-registry", "nginx", "ldd")
	removeLeftovers(t)
	images := buildStands(t, stands)
	dir := tree(t)
	ours := makeHarbor(t, dir)
	r := registries{images: images, objects: ours.all}
	base := registries{images: images, objects: objects(t, must(t, dir, "", "krmfn", "render", "base/harbor-1.2"))}

	t.Run("base loses images", base.loseImages)
	t.Run("access", r.access)
	t.Run("replica is replaced", r.replicaIsReplaced)
	t.Run("upload moves", r.uploadMoves)
	t.Run("parallel", r.parallel)
	t.Run("behind nginx", r.behindNginx)
}

// buildStands builds what stands for the images of manifests, and returns its names
// by theirs.
func buildStands(t *testing.T, stands map[string]stand) map[string]string {
	t.Helper()
	images := map[string]string{}
	for name, s := range stands {
		images[name] = fmt.Sprintf("%s:%s", scratch, unusual.ReplaceAllString(t.Name()+"-"+name, "-"))
		s.build(t, images[name])
	}
	return images
}

// registries is what the registry of some manifests is tested with.
type registries struct {
	images  map[string]string
	objects []object
}

// loseImages is the control of all that follows: with Harbor's own manifests
// the registry asks for no token, leaves the claim empty, and loses the images
// with its pod (harbor#3637, harbor#4200).
func (r registries) loseImages(t *testing.T) {
	node := newDockerNode(t, r.images, r.objects)
	registry := node.start("registry-rc", 5000)
	c := newRegistryClient(t, map[string]string{"registry:5000": registry.address})
	if response := c.do("GET", "http://registry:5000/v2/", "", nil); response.StatusCode != http.StatusOK {
		t.Errorf("without a token /v2/ answers %s", response.Status)
	}
	img := c.image()
	if err := c.push("registry:5000/library/lost:1", img); err != nil {
		t.Fatal(err)
	}
	if err := c.pull("registry:5000/library/lost:1", img); err != nil {
		t.Fatal(err)
	}
	if n := registry.files("/storage"); n != 0 {
		t.Errorf("the claim holds %d files", n)
	}
	if n := registry.files("/var/lib/registry"); n == 0 {
		t.Error("the container holds no files")
	}
	registry.remove()
	c.addresses["registry:5000"] = node.start("registry-rc", 5000).address
	var answer *transport.Error
	if err := c.pull("registry:5000/library/lost:1", img); !errors.As(err, &answer) || answer.StatusCode != http.StatusNotFound {
		t.Errorf("the image outlives the pod: %v", err)
	}
}

// running is a registry with several replicas, and who uses it.
type running struct {
	*dockerNode
	replicas []*container
	ui       *container
	client   *registryClient
}

// start starts replicas of the registry, and the ui, which gives the tokens.
func (r registries) start(t *testing.T, replicas int) running {
	t.Helper()
	s := running{dockerNode: newDockerNode(t, r.images, r.objects)}
	admin := podOf(t, r.objects, "ReplicationController", "adminserver-rc").env
	s.ui = s.start("ui-rc", 80, func(p *pod) { p.env[asUI] = admin["HARBOR_ADMIN_PASSWORD"] })
	_, external, _ := strings.Cut(admin["EXT_ENDPOINT"], "://")
	s.client = newRegistryClient(t, map[string]string{external: s.ui.address})
	s.client.external, s.client.password = external, admin["HARBOR_ADMIN_PASSWORD"]
	for i := range replicas {
		registry := s.start("registry-rc", 5000)
		s.client.addresses[replica(i)] = registry.address
		s.replicas = append(s.replicas, registry)
	}
	return s
}

// key is what the ui signs tokens with.
func (r registries) key(t *testing.T) libtrust.PrivateKey {
	t.Helper()
	ui := podOf(t, r.objects, "ReplicationController", "ui-rc")
	key, err := libtrust.UnmarshalPrivateKeyPEM([]byte(ui.files["/etc/ui/private_key.pem"]))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// replica is the name by which clients reach one replica past the Service.
func replica(i int) string { return fmt.Sprintf("registry-%d:5000", i) }

// access shows that the registry reads our config.yml and root.crt: it sends
// clients to our realm and takes tokens of the ui's key only.
func (r registries) access(t *testing.T) {
	c := r.start(t, 1).client
	response := c.do("GET", "http://"+replica(0)+"/v2/", "", nil)
	want := fmt.Sprintf(`Bearer realm="http://%s/service/token",service="harbor-registry"`, c.external)
	if got := response.Header.Get("WWW-Authenticate"); response.StatusCode != http.StatusUnauthorized || got != want {
		t.Errorf("/v2/ answers %s and %s", response.Status, got)
	}

	ours := r.key(t)
	another, err := libtrust.GenerateRSA2048PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	const scope = "repository:library/access:push,pull"
	for what, token := range map[string]struct {
		key    libtrust.PrivateKey
		scope  string
		claims object
		status int
	}{
		"ours":           {ours, scope, nil, http.StatusAccepted},
		"another key":    {another, scope, nil, http.StatusUnauthorized},
		"too old":        {ours, scope, object{"exp": time.Now().Add(-time.Hour).Unix()}, http.StatusUnauthorized},
		"of another":     {ours, scope, object{"iss": "another"}, http.StatusUnauthorized},
		"for another":    {ours, scope, object{"aud": "another"}, http.StatusUnauthorized},
		"to pull":        {ours, "repository:library/access:pull", nil, http.StatusUnauthorized},
		"in other place": {ours, "repository:library/other:push,pull", nil, http.StatusUnauthorized},
	} {
		claims := claimsFor("admin", "harbor-registry", token.scope)
		for name, value := range token.claims {
			claims[name] = value
		}
		signed, err := sign(token.key, claims)
		if err != nil {
			t.Fatal(err)
		}
		if response := c.do("POST", "http://"+replica(0)+"/v2/library/access/blobs/uploads/", "Bearer "+signed, nil); response.StatusCode != token.status {
			t.Errorf("a token %s: the registry answers %s, want %d", what, response.Status, token.status)
		}
	}
	// Nor does the ui give a token to everybody.
	c.password += "x"
	var answer *transport.Error
	if err := c.push(replica(0)+"/library/access:1", c.image()); !errors.As(err, &answer) || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("with the wrong password: %v", err)
	}
}

// replicaIsReplaced pushes to one replica, and removes it.
func (r registries) replicaIsReplaced(t *testing.T) {
	s := r.start(t, 2)
	c, replicas := s.client, s.replicas
	images := map[string]v1.Image{}
	for i := range 5 {
		tag := fmt.Sprintf("/library/kept-%d:1", i)
		images[tag] = c.image()
		if err := c.push(replica(0)+tag, images[tag]); err != nil {
			t.Fatal(err)
		}
	}
	if n := replicas[1].files("/storage"); n == 0 {
		t.Error("the claim is empty")
	}
	if n := replicas[0].files("/var/lib/registry"); n != 0 {
		t.Errorf("the container holds %d files", n)
	}
	replicas[0].remove()
	c.addresses[replica(2)] = s.start("registry-rc", 5000).address
	for _, from := range []string{replica(1), replica(2)} {
		for tag, img := range images {
			if err := c.pull(from+tag, img); err != nil {
				t.Errorf("%s%s: %v", from, tag, err)
			}
		}
	}
	c.log("%d images pushed to a replica that is gone, and pulled from 2 others", len(images))
}

// uploadMoves starts an upload on one replica, goes on with it on a second and
// ends it on the first, as it happens behind a Service. Replicas that do not
// have the same http.secret refuse that.
func (r registries) uploadMoves(t *testing.T) {
	s := r.start(t, 2)
	c := s.client
	stranger := s.start("registry-rc", 5000, func(p *pod) { p.env["REGISTRY_HTTP_SECRET"] += "x" })
	c.addresses["stranger:5000"] = stranger.address

	token, err := sign(r.key(t), claimsFor("admin", "harbor-registry", "repository:library/upload:push,pull"))
	if err != nil {
		t.Fatal(err)
	}
	c.uploadMoves("Bearer " + token)
}

// uploadMoves does that with two replicas and a stranger.
func (c *registryClient) uploadMoves(authorization string) {
	t := c.t
	t.Helper()
	layer, err := random.Layer(1<<20, types.DockerLayer)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	compressed, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(compressed)
	if err != nil {
		t.Fatal(err)
	}

	third := len(content) / 3
	location := "http://" + replica(0) + "/v2/library/upload/blobs/uploads/"
	for _, step := range []struct {
		method, host string
		body         []byte
		status       int
	}{
		{"POST", replica(0), nil, http.StatusAccepted},
		{"PATCH", replica(0), content[:third], http.StatusAccepted},
		{"PATCH", "stranger:5000", content[third : 2*third], http.StatusNotFound},
		{"PATCH", replica(1), content[third : 2*third], http.StatusAccepted},
		{"PUT", "stranger:5000", content[2*third:], http.StatusNotFound},
		{"PUT", replica(0), content[2*third:], http.StatusCreated},
		{"GET", replica(1), nil, http.StatusOK},
		{"GET", "stranger:5000", nil, http.StatusOK}, // whose storage is the same
	} {
		to, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		to.Host = step.host
		if step.method == "PUT" {
			query := to.Query()
			query.Set("digest", digest.String())
			to.RawQuery = query.Encode()
		}
		response := c.do(step.method, to.String(), authorization, step.body)
		if response.StatusCode != step.status {
			t.Fatalf("%s to %s: %s, want %d", step.method, step.host, response.Status, step.status)
		}
		if next := response.Header.Get("Location"); next != "" {
			location = next
		}
		if step.method == "GET" {
			if got, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s returns %d bytes, want %d: %v", step.host, len(got), len(content), err)
			}
		}
	}
}

// parallel pushes to two replicas and pulls from both at once, without a second
// try for anything. Every image has a tag of its own: the registry writes the
// file of a tag in place, and whoever reads it at that moment is told 500, with
// one replica as with two.
func (r registries) parallel(t *testing.T) {
	c := r.start(t, 2).client
	c.more = []remote.Option{remote.WithRetryPredicate(func(error) bool { return false })}
	shared, err := random.Layer(256<<10, types.DockerLayer)
	if err != nil {
		t.Fatal(err)
	}
	var pushed atomic.Int64
	var workers sync.WaitGroup
	end := time.Now().Add(8 * time.Second)
	for worker := range 6 {
		workers.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				img, err := mutate.AppendLayers(c.image(), shared)
				if err != nil {
					t.Error(err)
					return
				}
				tag := fmt.Sprintf("/library/worker-%d:%d", worker, i)
				if err := c.push(replica(worker%2)+tag, img); err != nil {
					t.Errorf("push %s: %v", tag, err)
					return
				}
				pushed.Add(1)
				for j := range 2 {
					if err := c.pull(replica(j)+tag, img); err != nil {
						t.Errorf("pull %s from %d: %v", tag, j, err)
						return
					}
				}
			}
		})
	}
	workers.Wait()
	if pushed.Load() < 6 {
		t.Errorf("%d images pushed", pushed.Load())
	}
	c.log("%d images pushed, each pulled from both replicas", pushed.Load())
}

// behindNginx goes the way of Harbor's users: the external URL with the node
// port, nginx, two replicas, of which one dies while it takes a layer. Docker's
// name server stands for the Service: nginx asks once, sees both replicas and
// takes turns. In Kubernetes it sees one address, and kube-proxy chooses.
func (r registries) behindNginx(t *testing.T) {
	s := r.start(t, 2)
	c, replicas := s.client, s.replicas
	// From here on the external address leads to nginx, also for tokens.
	c.addresses = map[string]string{c.external: s.start("nginx-rc", 80).address}

	images := map[string]v1.Image{}
	for i := range 6 {
		tag := fmt.Sprintf("library/nginx-%d:1", i)
		images[tag] = c.image()
		if err := c.push(c.external+"/"+tag, images[tag]); err != nil {
			t.Fatal(err)
		}
		if err := c.pull(c.external+"/"+tag, images[tag]); err != nil {
			t.Fatal(err)
		}
	}
	for i, replica := range replicas {
		n := strings.Count(replica.log(), "response completed")
		t.Logf("replica %d answered %d requests", i, n)
		if n == 0 {
			t.Errorf("replica %d takes no part", i)
		}
	}
	// Harbor knows of an image because the registry tells the ui.
	for tag := range images {
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.ui.log(), "push "+tag); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the ui is not told of %s", tag)
			}
		}
	}

	layer, err := random.Layer(1<<20, types.DockerLayer)
	if err != nil {
		t.Fatal(err)
	}
	stalled := &stalledLayer{Layer: layer, halfway: make(chan struct{}), release: make(chan struct{})}
	release := sync.OnceFunc(func() { close(stalled.release) })
	t.Cleanup(release)
	failed := c.failed.Load()
	ended := make(chan error, 1)
	go func() { ended <- c.pushLayer(c.external+"/library/stalled", stalled) }()
	select {
	case <-stalled.halfway:
	case err := <-ended:
		t.Fatal("the push ends too early: ", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the push does not get halfway")
	}
	var victim *container
	for deadline := time.Now().Add(20 * time.Second); victim == nil; time.Sleep(50 * time.Millisecond) {
		for _, replica := range replicas {
			for line := range strings.Lines(replica.log()) {
				if strings.Contains(line, "method=PATCH") && strings.Contains(line, "/library/stalled/") {
					victim = replica
				}
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no replica logs the PATCH")
		}
	}
	must(t, "", "", "docker", "kill", victim.id)
	release()
	start := time.Now()
	if err := <-ended; err != nil {
		t.Error("the push fails: ", err)
	}
	took := time.Since(start).Round(time.Millisecond)
	failed = c.failed.Load() - failed
	if failed == 0 {
		t.Error("the client did not notice that a replica died")
	}
	img, err := mutate.AppendLayers(c.image(), layer)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.push(c.external+"/library/stalled:1", img); err != nil {
		t.Fatal(err)
	}
	images["library/stalled:1"] = img
	for tag, img := range images {
		if err := c.pull(c.external+"/"+tag, img); err != nil {
			t.Errorf("pull %s: %v", tag, err)
		}
	}
	c.log("a replica died while it took a layer: %d requests failed, the push ended %v later, %d images can be pulled",
		failed, took, len(images))
}

// stalledLayer is a layer that its first reader gets only half of until it is
// released.
type stalledLayer struct {
	v1.Layer
	once             sync.Once
	halfway, release chan struct{}
}

func (l *stalledLayer) Compressed() (io.ReadCloser, error) {
	size, err := l.Size()
	if err != nil {
		return nil, err
	}
	content, err := l.Layer.Compressed()
	l.once.Do(func() {
		content = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(content, size/2), stall{l}, content), content}
	})
	return content, err
}

// stall is an empty reader that has to be waited for.
type stall struct{ *stalledLayer }

func (s stall) Read([]byte) (int, error) {
	close(s.halfway)
	<-s.release
	return 0, io.EOF
}

// registryClient is a client of registries who logs in as the administrator.
type registryClient struct {
	t                *testing.T
	addresses        map[string]string // where a host and port really are: instead of DNS and node ports
	transport        *http.Transport
	external         string
	user, password   string // admin where there is only a password
	more             []remote.Option
	start            time.Time
	requests, failed atomic.Int64
}

func newRegistryClient(t *testing.T, addresses map[string]string) *registryClient {
	c := &registryClient{t: t, addresses: addresses, start: time.Now()}
	c.transport = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		to, ok := c.addresses[address]
		if !ok {
			return nil, fmt.Errorf("nobody is at %s", address)
		}
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, to)
	}}
	t.Cleanup(c.transport.CloseIdleConnections)
	return c
}

// RoundTrip counts.
func (c *registryClient) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme == "https" && c.transport.TLSClientConfig == nil {
		return nil, errors.New("nobody speaks TLS here") // the library tries that first
	}
	response, err := c.transport.RoundTrip(request)
	c.requests.Add(1)
	if err != nil || response.StatusCode >= 500 {
		c.failed.Add(1)
	}
	return response, err
}

func (c *registryClient) log(format string, values ...any) {
	c.t.Helper()
	c.t.Logf(format+"; %d requests in %v", append(values, c.requests.Load(), time.Since(c.start).Round(time.Millisecond))...)
}

// do sends one request.
func (c *registryClient) do(method, to, authorization string, body []byte) *http.Response {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	c.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := c.RoundTrip(request)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { response.Body.Close() })
	return response
}

// image makes an image that nobody has seen before.
func (c *registryClient) image() v1.Image {
	img, err := random.Image(128<<10, 2)
	if err != nil {
		panic(err) // there is nothing that it could fail on
	}
	return img
}

func (c *registryClient) options(ctx context.Context) []remote.Option {
	options := []remote.Option{remote.WithContext(ctx), remote.WithTransport(c)}
	if c.password != "" {
		options = append(options, remote.WithAuth(&authn.Basic{Username: cmp.Or(c.user, "admin"), Password: c.password}))
	}
	return append(options, c.more...)
}

func (c *registryClient) push(to string, img v1.Image) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ref, err := imagename.ParseReference(to, imagename.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(ref, img, c.options(ctx)...)
}

func (c *registryClient) pushLayer(to string, layer v1.Layer) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	repository, err := imagename.NewRepository(to, imagename.Insecure)
	if err != nil {
		return err
	}
	return remote.WriteLayer(repository, layer, c.options(ctx)...)
}

// pull pulls an image with all its layers, and compares it with what was pushed.
func (c *registryClient) pull(from string, pushed v1.Image) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ref, err := imagename.ParseReference(from, imagename.Insecure)
	if err != nil {
		return err
	}
	img, err := remote.Image(ref, c.options(ctx)...)
	if err != nil {
		return err
	}
	want, err := pushed.Digest()
	if err != nil {
		return err
	}
	if got, err := img.Digest(); err != nil || got != want {
		return fmt.Errorf("digest %s, want %s: %w", got, want, err)
	}
	return validate.Image(img)
}
