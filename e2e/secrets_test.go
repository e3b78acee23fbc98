//go:build linux

package e2e

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/libtrust"
	"github.com/redis/go-redis/v9"
)

// harbor is the overlay with the Secrets that krmfn secrets makes for it.
type harbor struct {
	rendered string
	warnings string // what rendering said
	secrets  []object
	all      []object
}

func makeHarbor(t *testing.T, dir string) harbor {
	t.Helper()
	h := harbor{rendered: must(t, dir, "", "krmfn", "render", "overlays/harbor-1.2-ha")}
	h.secrets = objects(t, must(t, dir, "", "krmfn", "secrets"))
	h.all = append(objects(t, h.rendered), h.secrets...)
	return h
}

// TestSecrets starts every pod on paper: all references lead somewhere, the
// pods share what they have to share, and no secret is in the manifests.
func TestSecrets(t *testing.T) {
	need(t, "krmfn")
	h := makeHarbor(t, tree(t))
	pods := map[string]pod{}
	for _, c := range []string{"adminserver", "jobservice", "nginx", "registry", "ui"} {
		pods[c] = podOf(t, h.all, "ReplicationController", c+"-rc")
	}

	for _, secret := range []string{"UI_SECRET", "JOBSERVICE_SECRET"} {
		for _, c := range []string{"adminserver", "jobservice", "ui"} {
			if got := pods[c].env[secret]; len(got) != 16 || got != pods["ui"].env[secret] {
				t.Errorf("%s of %s has %d characters, or is not that of the ui", secret, c, len(got))
			}
		}
	}
	key := pods["ui"].files["/etc/ui/key"]
	if len(key) != 16 || key != pods["adminserver"].files["/etc/adminserver/key"] || key != pods["jobservice"].files["/etc/jobservice/key"] {
		t.Error("ui, adminserver and jobservice do not have the same key of 16 characters")
	}
	if len(pods["registry"].env["REGISTRY_HTTP_SECRET"]) < 16 {
		t.Error("the registry has no http.secret")
	}
	for _, c := range []string{"ui", "jobservice"} {
		if !strings.Contains(pods[c].files["/etc/"+c+"/app.conf"], "appname") {
			t.Errorf("%s has no app.conf", c)
		}
	}
	checkToken(t, pods["ui"], pods["registry"])

	for _, secret := range h.secrets {
		for name, value := range at(secret, "data") {
			decoded, err := base64.StdEncoding.DecodeString(value.(string))
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range []string{string(decoded), value.(string)} {
				if form != "" && strings.Contains(h.rendered, form) {
					t.Errorf("the rendered manifests hold %s", name)
				}
			}
		}
	}
}

// checkToken signs as Harbor's token service does, with the file that the ui
// has, and verifies as the registry does, with the file that its config.yml
// names.
func checkToken(t *testing.T, ui, registry pod) {
	t.Helper()
	key, err := libtrust.UnmarshalPrivateKeyPEM([]byte(ui.files["/etc/ui/private_key.pem"]))
	if err != nil {
		t.Fatal("the ui cannot read its key: ", err)
	}
	const bundle = "/etc/registry/root.crt"
	if !strings.Contains(registry.files["/etc/registry/config.yml"], "rootcertbundle: "+bundle+"\n") {
		t.Errorf("config.yml of the registry does not name %s", bundle)
	}
	block, _ := pem.Decode([]byte(registry.files[bundle]))
	if block == nil {
		t.Fatalf("%s holds no certificate", bundle)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	public, err := libtrust.FromCryptoPublicKey(crypto.PublicKey(certificate.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	token := "header.claims"
	signature, algorithm, err := key.Sign(strings.NewReader(token), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if err := public.Verify(strings.NewReader(token), algorithm, signature); err != nil {
		t.Error("the registry refuses the token: ", err)
	}
	if err := public.Verify(strings.NewReader(token+"x"), algorithm, signature); err == nil {
		t.Error("the registry takes another token too")
	}
}

// TestSessions takes _REDIS_URL apart by its grammar and uses all of it on a
// real Redis.
func TestSessions(t *testing.T) {
	need(t, "krmfn", "redis-server")
	dir, port := tree(t), freePort(t)
	const config = "overlays/harbor-1.2-ha/functions/harbor-ha.yaml"
	if err := edit(filepath.Join(dir, config), "redis.example.com:6379", "redis.example.com:"+port); err != nil {
		t.Fatal(err)
	}
	h := makeHarbor(t, dir)
	url := podOf(t, h.all, "ReplicationController", "ui-rc").env["_REDIS_URL"]
	// address,pool size,password,database (beego's session store in Harbor v1.2.0).
	// Of the connection, only the address of redis.example.com is made up.
	parts := strings.Split(url, ",")
	if len(parts) != 4 || parts[0] != "redis.example.com:"+port || parts[1] != "100" || parts[3] != "11" {
		t.Fatalf("_REDIS_URL has %d parts, %q and %q among them", len(parts), parts[0], parts[len(parts)-1])
	}
	password, database := parts[2], parts[3]
	startRedis(t, "127.0.0.1:"+port, password)

	client := func(password, database string) *redis.Client {
		number, err := strconv.Atoi(database)
		if err != nil {
			t.Fatal(err)
		}
		c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, Password: password, DB: number})
		t.Cleanup(func() { c.Close() })
		return c
	}
	ui := client(password, database)
	if err := ui.Set(t.Context(), "session", "of one ui", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := ui.Get(t.Context(), "session").Result(); err != nil || got != "of one ui" {
		t.Errorf("GET: %q, %v", got, err)
	}
	if n, err := client(password, "0").Exists(t.Context(), "session").Result(); err != nil || n != 0 {
		t.Errorf("the session is in database 0 too: %d, %v", n, err)
	}
	if got, err := client("wrong", database).Get(t.Context(), "session").Result(); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("the session can be read with another password: %q, %v", got, err)
	}
}
