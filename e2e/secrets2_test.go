package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// secrets2 are the Secrets that the overlay of Harbor 2.x names.
func secrets2(t *testing.T) []object {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	credential := rand.Text()
	hash, err := bcrypt.GenerateFromPassword([]byte(credential), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	secret := func(name string, data object) object {
		return object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": name}, "stringData": data}
	}
	return []object{
		secret("harbor-secrets", object{
			"CORE_SECRET": rand.Text()[:16], "JOBSERVICE_SECRET": rand.Text()[:16], "secretKey": rand.Text()[:16],
			"CSRF_KEY": (rand.Text() + rand.Text())[:32], "REGISTRY_HTTP_SECRET": rand.Text()[:16], "HARBOR_ADMIN_PASSWORD": rand.Text(),
			"tls.key":                      string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
			"REGISTRY_CREDENTIAL_PASSWORD": credential, "REGISTRY_HTPASSWD": "harbor_registry_user:" + string(hash),
		}),
		secret("harbor-database", object{"password": specialPassword}),
		secret("harbor-redis", object{"password": specialPassword, "password-url": url.PathEscape(specialPassword)}),
	}
}
