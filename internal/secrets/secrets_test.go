package secrets

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io/fs"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/libtrust"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"krmfn.dev/harbor/internal/harbor"
)

// Keys of the Secrets: what users have in their clusters.
const (
	UISecret         = "UI_SECRET"
	SecretKey        = "SECRET_KEY"
	AdminPassword    = "HARBOR_ADMIN_PASSWORD"
	TokenKey         = "private_key.pem"
	TokenCert        = "root.crt"
	HTTPSKey         = "https.key"
	HTTPSCert        = "https.crt"
	JobserviceSecret = "JOBSERVICE_SECRET"
	HTTPSecret       = "HTTP_SECRET"
	LDAPPassword     = "LDAP_SEARCH_PWD"
	EmailPassword    = "EMAIL_PWD"
)

var (
	names = Names{Harbor: "harbor-secrets", CephFS: "csi-cephfs-secret", CephFSNamespace: "ceph-csi"}
	now   = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
)

// maker makes the same values each time, keys apart.
func maker() Maker {
	return Maker{Random: mathrand.NewChaCha8([32]byte{}), Now: func() time.Time { return now }, KeyBits: 2048}
}

// complete is a set of Secrets that lack nothing: made once, copied for each
// test.
func complete(t *testing.T) []Secret {
	t.Helper()
	var all []Secret
	for _, s := range once() {
		s.Data = maps.Clone(s.Data)
		all = append(all, s)
	}
	return all
}

var once = sync.OnceValue(func() []Secret {
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("ceph", 7)))
	r := Request{Names: names, Given: []Value{
		{Secret: names.CephFS, Key: CephFSUserID, Text: "harbor"},
		{Secret: names.CephFS, Key: CephFSUserKey, Text: key},
		{Secret: CephFSInTree, Key: CephFSKey, Text: key},
	}}
	all, found, err := maker().Make(r)
	if len(found) > 0 || err != nil {
		panic(found)
	}
	return all
})

func mustMake(t *testing.T, r Request) ([]Secret, Findings) {
	t.Helper()
	all, found, err := maker().Make(r)
	if err != nil {
		t.Fatal(err)
	}
	return all, found
}

func TestContract(t *testing.T) {
	got := map[string][]string{}
	for _, s := range complete(t) {
		got[s.Namespace+"/"+s.Name] = slices.Sorted(maps.Keys(s.Data))
	}
	want := map[string][]string{
		"/harbor-secrets": {
			"EMAIL_PWD", "HARBOR_ADMIN_PASSWORD", "HTTP_SECRET", "JOBSERVICE_SECRET", "LDAP_SEARCH_PWD",
			"SECRET_KEY", "UI_SECRET", "private_key.pem", "root.crt",
		},
		"/harbor-database":           {"password"},
		"/harbor-redis":              {"password"},
		"ceph-csi/csi-cephfs-secret": {"userID", "userKey"},
		"/ceph-secret":               {"key"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	all, _ := mustMake(t, Request{Names: names})
	if len(all) != 3 {
		t.Errorf("%d Secrets without a key of CephFS, want 3", len(all))
	}
}

func TestValues(t *testing.T) {
	own, database, redis := complete(t)[0].Data, complete(t)[1].Data, complete(t)[2].Data
	lengths := map[string]int{UISecret: 16, JobserviceSecret: 16, SecretKey: 16, HTTPSecret: 32}
	for k, n := range lengths {
		if len(own[k]) != n || strings.Trim(own[k], alphabet) != "" {
			t.Errorf("%s is not %d letters and digits", k, n)
		}
	}
	passwords := []string{own[AdminPassword], database[Password], redis[Password]}
	for _, p := range passwords {
		if portal.broken(p) != "" || !strings.Contains(p, "_") || strings.Trim(p, alphabet+"_") != "" {
			t.Errorf("a password does not keep the rules")
		}
	}
	values := slices.Concat(passwords, []string{own[UISecret], own[JobserviceSecret], own[SecretKey], own[HTTPSecret]})
	slices.Sort(values)
	if len(slices.Compact(values)) != 7 {
		t.Error("two values are equal")
	}
	again, _ := mustMake(t, Request{Names: names})
	ignore := cmpopts.IgnoreMapEntries(func(k, _ string) bool { return k == TokenKey || k == TokenCert })
	if d := cmp.Diff(complete(t)[:3], again, ignore, cmpopts.IgnoreUnexported(Secret{})); d != "" {
		t.Error("the same randomness makes other values")
	}
}

// TestPick checks that bytes that would favour some characters are dropped.
func TestPick(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	got, err := pick(bytes.NewReader(all), alphabet, 248)
	if err != nil || got != strings.Repeat(alphabet, 4) {
		t.Errorf("%v, each character does not come up 4 times", err)
	}
	if _, err := pick(bytes.NewReader(all), alphabet, 249); err == nil {
		t.Error("randomness that ends is no error")
	}
	if _, _, err := (Maker{Random: bytes.NewReader(nil), Now: time.Now}).Make(Request{Names: names}); err == nil {
		t.Error("randomness that fails is no error")
	}
}

// TestTokens signs with the key as Harbor's token service does and verifies as
// the registry does, with the library that both use.
func TestTokens(t *testing.T) {
	data := complete(t)[0].Data
	private, err := libtrust.UnmarshalPrivateKeyPEM([]byte(data[TokenKey]))
	if err != nil {
		t.Fatal(err)
	}
	payload := "header.claims"
	signature, algorithm, err := private.Sign(strings.NewReader(payload), crypto.SHA256)
	if err != nil || algorithm != "RS256" {
		t.Fatal(algorithm, err)
	}

	bundle, err := libtrust.LoadCertificateBundle(write(t, data[TokenCert]))
	if err != nil || len(bundle) != 1 {
		t.Fatalf("%d certificates, %v", len(bundle), err)
	}
	public, err := libtrust.FromCryptoPublicKey(bundle[0].PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if public.KeyID() != private.KeyID() {
		t.Error("the registry does not find the key by its ID")
	}
	if err := public.Verify(strings.NewReader(payload), "RS256", signature); err != nil {
		t.Error(err)
	}
	if err := public.Verify(strings.NewReader(payload+"x"), "RS256", signature); err == nil {
		t.Error("anything verifies")
	}

	// A token may bring its certificates too: they are verified with the roots.
	pool := x509.NewCertPool()
	pool.AddCert(bundle[0])
	if _, err := bundle[0].Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Error(err)
	}
	if got := bundle[0].NotAfter; !got.Equal(now.AddDate(10, 0, 0)) {
		t.Errorf("the certificate ends %s", got)
	}
	// What pkcs1 is for.
	if _, err := libtrust.UnmarshalPrivateKeyPEM([]byte(toPKCS8(t, data[TokenKey]))); err == nil {
		t.Error("libtrust reads PKCS#8")
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func toPKCS8(t *testing.T, text string) string {
	t.Helper()
	key, err := harbor.ParseTokenKey(text)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: pkcs8Type, Bytes: der}))
}

// TestKeep takes each key away in turn: it alone is made anew, and told.
func TestKeep(t *testing.T) {
	for _, s := range complete(t)[:3] {
		for k, value := range s.Data {
			if k == TokenKey || value == "" {
				continue
			}
			existing := complete(t)
			for _, s2 := range existing {
				if s2.Name == s.Name {
					delete(s2.Data, k)
				}
			}
			all, found := mustMake(t, Request{Names: names, Existing: Existing{Secrets: existing}})
			if len(found) != 1 || found[0].String() != "info: Secret "+s.Name+" "+k+": is missing, so a new one is made" {
				t.Errorf("%s %s: %v", s.Name, k, found)
			}
			ignore := cmpopts.IgnoreMapEntries(func(key, _ string) bool { return key == k })
			if d := cmp.Diff(complete(t), all, ignore, cmpopts.IgnoreUnexported(Secret{})); d != "" {
				t.Errorf("%s %s: other values changed", s.Name, k)
			}
		}
	}
	existing := complete(t)
	existing[0].Data["OTHER"] = "kept\xff"
	existing[0].Type = "example.com/harbor"
	all, found := mustMake(t, Request{Names: names, Existing: Existing{Secrets: existing}})
	if d := cmp.Diff(existing, all, cmpopts.IgnoreUnexported(Secret{})); d != "" || len(found) > 0 {
		t.Errorf("%v, a key or type of others is not kept", found)
	}
}

// TestMakeFindings is about what Make refuses and warns about.
func TestMakeFindings(t *testing.T) {
	in := func(namespace string) func(*Request) {
		return func(r *Request) { r.Existing.Secrets[0].Namespace = namespace }
	}
	for name, c := range map[string]struct {
		change func(*Request)
		want   []string
	}{
		"two values": {func(r *Request) {
			r.Given = []Value{{Database, Password, "other-password", "--flag"}}
		}, []string{"error: Secret harbor-database password: the existing Secret and --flag give different values: leave one of them out"}},
		"the same value": {func(r *Request) {
			r.Given = []Value{{Database, Password, r.Existing.Secrets[1].Data[Password], "--flag"}}
		}, nil},
		"there twice": {func(r *Request) {
			r.Existing.Secrets = append(r.Existing.Secrets, r.Existing.Secrets[1])
		}, []string{"error: Secret harbor-database: appears twice"}},
		"PKCS#8": {func(r *Request) {
			r.Existing.Secrets[0].Data[TokenKey] = toPKCS8(t, r.Existing.Secrets[0].Data[TokenKey])
		}, []string{"info: Secret harbor-secrets private_key.pem: is converted from PKCS#8 to PKCS#1, which Harbor's token service needs: it is the same key"}},
		"certificate without key": {func(r *Request) { delete(r.Existing.Secrets[0].Data, TokenKey) },
			[]string{"error: Secret harbor-secrets private_key.pem: is missing"}},
		"key of CephFS": {func(r *Request) { delete(r.Existing.Secrets[3].Data, CephFSUserKey) },
			[]string{"error: Secret csi-cephfs-secret userKey: is missing: give it with --cephfs-key-from"}},
		"unusable": {func(r *Request) { r.Existing.Secrets[0].Data[SecretKey] = "fifteen-letters\n\n" },
			[]string{"error: Secret harbor-secrets SECRET_KEY: has 17 characters, want 16 (a line break at the end counts)"}},
		"weak": {func(r *Request) { r.Existing.Secrets[0].Data[AdminPassword] = "admin" },
			[]string{"warning: Secret harbor-secrets HARBOR_ADMIN_PASSWORD: would be refused by Harbor's portal, which wants 8 to 20 characters with upper case, lower case and a digit"}},
		"other Secret": {func(r *Request) { r.Existing.Secrets = append(r.Existing.Secrets, Secret{Name: "other"}) },
			[]string{"warning: Secret other: is ignored: it is none of harbor-secrets, harbor-database, harbor-redis, csi-cephfs-secret, ceph-secret"}},
		"other namespace": {func(r *Request) { r.Existing.Secrets[3].Namespace = "rook-ceph" },
			[]string{"error: Secret csi-cephfs-secret: is ignored: it is in namespace rook-ceph, not in ceph-csi"}},
		"this and another namespace": {func(r *Request) {
			r.Existing.Secrets = append(r.Existing.Secrets, Secret{Name: names.CephFS, Namespace: "rook-ceph"})
		}, []string{"warning: Secret csi-cephfs-secret: is ignored: it is in namespace rook-ceph, not in ceph-csi"}},
		"two namespaces": {func(r *Request) { in("a")(r); r.Existing.Secrets[1].Namespace = "b" },
			[]string{
				"error: the existing Secrets are in namespaces a and b: choose one with --namespace",
				"error: Secret harbor-secrets: is ignored: it is in namespace a, not in b",
			}},
		"if made": {func(r *Request) {
			r.IfMade.add("warning", "harbor-secrets", SecretKey, "said")
			r.IfMade.add("warning", "harbor-database", Password, "not said")
			delete(r.Existing.Secrets[0].Data, SecretKey)
		}, []string{"warning: Secret harbor-secrets SECRET_KEY: said", "info: Secret harbor-secrets SECRET_KEY: is missing, so a new one is made"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := Request{Names: names, Existing: Existing{Secrets: complete(t)}}
			c.change(&r)
			all, found := mustMake(t, r)
			var got []string
			for _, f := range found {
				got = append(got, f.String())
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if found.Failed() != (all == nil) {
				t.Errorf("%d Secrets, failed %v", len(all), found.Failed())
			}
		})
	}
}

func TestNamespace(t *testing.T) {
	existing := complete(t)
	existing[1].Namespace = "harbor"
	namespaces := func(n Names) (got []string) {
		all, _ := mustMake(t, Request{Names: n, Existing: Existing{Secrets: existing}})
		for _, s := range all {
			got = append(got, s.Namespace)
		}
		return got
	}
	if d := cmp.Diff([]string{"harbor", "harbor", "harbor", "ceph-csi", "harbor"}, namespaces(names)); d != "" {
		t.Error(d)
	}
	for _, n := range []Names{{}, {Harbor: "Harbor", CephFS: "c", CephFSNamespace: "n"}, {Harbor: Redis, CephFS: "c", CephFSNamespace: "n"}} {
		if n.Validate() == nil {
			t.Errorf("%+v is valid", n)
		}
	}
	if err := names.Validate(); err != nil {
		t.Error(err)
	}
}

// TestCheck breaks one thing at a time.
func TestCheck(t *testing.T) {
	other, err := maker().newKey()
	if err != nil {
		t.Fatal(err)
	}
	certAt := func(text string, at time.Time) string {
		key, err := harbor.ParseTokenKey(text)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := Maker{Random: rand.Reader, Now: func() time.Time { return at }}.newCert(key)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	good := complete(t)[0].Data
	ec := "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
	const missing = "\x00missing"
	for name, c := range map[string]struct {
		secret int
		data   map[string]string
		want   string
	}{
		"good":                  {0, nil, ""},
		"missing":               {0, map[string]string{UISecret: missing}, "error: UI_SECRET: is missing"},
		"empty":                 {0, map[string]string{HTTPSecret: ""}, "error: HTTP_SECRET: is empty"},
		"no cookie":             {0, map[string]string{UISecret: "some;secret-of-the-ui"}, "error: UI_SECRET: holds a character that a cookie cannot carry: use letters and digits"},
		"no cookie either":      {0, map[string]string{JobserviceSecret: "sécret-of-the-jobservice"}, "error: JOBSERVICE_SECRET: holds a character that a cookie cannot carry: use letters and digits"},
		"cookie":                {0, map[string]string{UISecret: "!#$%&'()*+-./:<=>?@[]^_`{|}~"}, ""},
		"YAML":                  {0, map[string]string{HTTPSecret: "some #secret-of-the-registry"}, "error: HTTP_SECRET: cannot be read by the registry: YAML takes it for something other than text"},
		"YAML that is no text":  {0, map[string]string{HTTPSecret: "{some-secret-of-the-registry"}, "error: HTTP_SECRET: cannot be read by the registry: YAML takes it for something other than text"},
		"YAML and a number":     {0, map[string]string{HTTPSecret: "1234567890123456"}, ""},
		"short secret":          {0, map[string]string{JobserviceSecret: "abc"}, "warning: JOBSERVICE_SECRET: is shorter than 16 characters"},
		"placeholder":           {0, map[string]string{SecretKey: "CHANGE-ME-PLEASE"}, "warning: SECRET_KEY: is a well-known default, which everybody can look up"},
		"15 characters":         {0, map[string]string{SecretKey: "123456789012345"}, "error: SECRET_KEY: has 15 characters, want 16"},
		"line break":            {0, map[string]string{EmailPassword: "some-password\n"}, "error: EMAIL_PWD: holds a line break or another control character, as from echo without -n"},
		"space":                 {0, map[string]string{LDAPPassword: "some-password "}, "warning: LDAP_SEARCH_PWD: has a space at the beginning or the end"},
		"empty database":        {1, map[string]string{Password: ""}, "error: password: is empty"},
		"short database":        {1, map[string]string{Password: "abc"}, "warning: password: is shorter than 8 characters"},
		"comma":                 {2, map[string]string{Password: "some,password"}, "error: password: holds a comma, which separates the parts of _REDIS_URL"},
		"Redis without":         {2, map[string]string{Password: ""}, "warning: password: is empty: that is for a Redis without password"},
		"client.":               {3, map[string]string{CephFSUserID: "client.harbor"}, "error: userID: begins with client., which the driver adds itself"},
		"keyring":               {3, map[string]string{CephFSUserKey: "[client.harbor]\n\tkey = AQ==\n"}, "error: userKey: is not a key of Ceph, want what ceph auth get-key client.USER prints"},
		"short key of Ceph":     {4, map[string]string{CephFSKey: "AQ=="}, "error: key: is not a key of Ceph, want what ceph auth get-key client.USER prints"},
		"no PEM":                {0, map[string]string{TokenKey: "key"}, "error: private_key.pem: is no PEM file"},
		"PKCS#8":                {0, map[string]string{TokenKey: toPKCS8(t, good[TokenKey])}, "error: private_key.pem: is PKCS#8 (BEGIN PRIVATE KEY), and Harbor's token service reads nothing but PKCS#1 (BEGIN RSA PRIVATE KEY): krmfn secrets --from converts it"},
		"EC":                    {0, map[string]string{TokenKey: ec}, "error: private_key.pem: is an EC key, Harbor signs with RSA"},
		"damaged key":           {0, map[string]string{TokenKey: strings.Replace(ec+ec, "EC ", "RSA ", 2)}, "error: private_key.pem: is damaged: it is no RSA key"},
		"certificate for key":   {0, map[string]string{TokenKey: good[TokenCert]}, "error: private_key.pem: is a certificate, want the key"},
		"other PEM":             {0, map[string]string{TokenKey: strings.ReplaceAll(ec, "EC PRIVATE", "DSA")}, "error: private_key.pem: is no RSA PRIVATE KEY"},
		"encrypted":             {0, map[string]string{TokenKey: strings.ReplaceAll(ec, "EC", "ENCRYPTED")}, "error: private_key.pem: is encrypted, which Harbor cannot read: take the passphrase away"},
		"other key":             {0, map[string]string{TokenKey: other}, "error: root.crt: does not belong to private_key.pem: the registry would refuse every token"},
		"bundle":                {0, map[string]string{TokenCert: certAt(other, now) + good[TokenCert]}, ""},
		"expired":               {0, map[string]string{TokenCert: certAt(good[TokenKey], now.AddDate(-10, 0, -1))}, "error: root.crt: expired on 2026-11-23: leave it out, and krmfn secrets makes a new one for the key"},
		"expires":               {0, map[string]string{TokenCert: certAt(good[TokenKey], now.AddDate(-10, 0, 89))}, "warning: root.crt: expires on 2027-02-21: leave it out, and krmfn secrets makes a new one for the key"},
		"does not expire soon":  {0, map[string]string{TokenCert: certAt(good[TokenKey], now.AddDate(-10, 0, 91))}, ""},
		"not yet":               {0, map[string]string{TokenCert: certAt(good[TokenKey], now.AddDate(0, 0, 1))}, "warning: root.crt: is not valid before 2026-11-25"},
		"no certificate":        {0, map[string]string{TokenCert: good[TokenKey]}, "error: root.crt: holds no PEM block of type CERTIFICATE"},
		"damaged certificate":   {0, map[string]string{TokenCert: strings.ReplaceAll(ec, "EC PRIVATE KEY", "CERTIFICATE")}, "error: root.crt: is damaged: it is not a certificate"},
		"https":                 {0, map[string]string{HTTPSKey: toPKCS8(t, good[TokenKey]), HTTPSCert: good[TokenCert]}, ""},
		"https without key":     {0, map[string]string{HTTPSCert: good[TokenCert]}, "error: https.key: is missing, and https.crt is there"},
		"https with other key":  {0, map[string]string{HTTPSKey: other, HTTPSCert: good[TokenCert]}, "error: https.key: is not the key of the first certificate in https.crt, or is encrypted or damaged"},
		"https expired":         {0, map[string]string{HTTPSKey: other, HTTPSCert: certAt(other, now.AddDate(-11, 0, 0))}, "error: https.crt: expired on 2025-11-24"},
		"https no certificate":  {0, map[string]string{HTTPSKey: other, HTTPSCert: "x"}, "error: https.crt: holds no PEM block of type CERTIFICATE"},
		"certificate is absent": {0, map[string]string{TokenCert: missing}, "error: root.crt: is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			s := complete(t)[c.secret]
			for k, v := range c.data {
				s.Data[k] = v
				if v == missing {
					delete(s.Data, k)
				}
			}
			_, found := Check(names, []Secret{s}, now)
			got := ""
			for _, f := range found {
				got += strings.Replace(f.String(), "Secret "+s.Name+" ", "", 1)
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}

	small := Maker{Random: rand.Reader, Now: func() time.Time { return now }, KeyBits: 1024}
	_, found, err := small.Make(Request{Names: names})
	if err != nil || len(found) != 1 || found[0].Message != "has 1024 bits, want at least 2048" {
		t.Error(found, err)
	}
	checked, found := Check(names, []Secret{{Name: "other"}}, now)
	if len(checked) != 0 || len(found) != 1 || found.Failed() {
		t.Error(checked, found)
	}
}

// TestFromCfg reads a harbor.cfg with the passwords that INI libraries stumble
// over.
func TestFromCfg(t *testing.T) {
	content, err := os.ReadFile("testdata/harbor.cfg")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"cert/server.crt": "the cert", "cert/server.key": "the key", "/data/secretkey": "1234567890123456"}
	read := func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	values, found, err := FromCfg(names, string(content), read)
	if err != nil || len(found) > 0 {
		t.Fatal(found, err)
	}
	want := []Value{
		{names.Harbor, AdminPassword, "Fr0m=The:File", "harbor_admin_password of harbor.cfg"},
		{names.Harbor, LDAPPassword, "`back\\tick", "ldap_search_pwd of harbor.cfg"},
		{Database, Password, `"it's; #1 %(quoted)s"`, "db_password of harbor.cfg"},
		{names.Harbor, SecretKey, "1234567890123456", "secretkey_path of harbor.cfg"},
		{names.Harbor, HTTPSCert, "the cert", "ssl_cert of harbor.cfg"},
		{names.Harbor, HTTPSKey, "the key", "ssl_cert_key of harbor.cfg"},
	}
	if d := cmp.Diff(want, values); d != "" {
		t.Error(d)
	}

	delete(files, "/data/secretkey")
	if _, found, err = FromCfg(names, string(content), read); err != nil || len(found) != 1 || found[0].Key != SecretKey {
		t.Error(found, err)
	}
	http := strings.Replace(string(content), "= https", "= http", 1)
	if values, _, err = FromCfg(names, http, read); err != nil || len(values) != 3 {
		t.Errorf("%d values, %v", len(values), err)
	}
	for _, broken := range []string{
		strings.Replace(string(content), "ssl_cert = cert/server.crt", "", 1),
		strings.Replace(string(content), "server.crt", "nowhere.crt", 1),
		string(content) + "\nno-key-but-a-password\n",
	} {
		if _, _, err := FromCfg(names, broken, read); err == nil || strings.Contains(err.Error(), "password") {
			t.Errorf("got %v", err)
		}
	}
}

// TestUnreadCertificate leaves the certificate of Harbor 2.x alone: no part of it
// reads that.
func TestUnreadCertificate(t *testing.T) {
	names2 := names
	names2.Generation = harbor.V2
	all, found, err := maker().Make(Request{Names: names2})
	if err != nil || found.Failed() {
		t.Fatal(err, found)
	}
	for _, certificate := range []string{"", "none"} {
		if all[0].Data["tls.crt"] = certificate; certificate == "" {
			delete(all[0].Data, "tls.crt")
		}
		if _, found := Check(names2, all, now); found.Failed() {
			t.Errorf("tls.crt %q: %v", certificate, found)
		}
	}
	delete(all[0].Data, "tls.key")
	if _, found := Check(names2, all, now); !found.Failed() {
		t.Error("the key may be missing")
	}
}
