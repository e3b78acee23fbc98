package harbor

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// ParseTokenKey reads the key that signs tokens like the token service: the
// first PEM block has to be an RSA key as PKCS#1 (docker/libtrust, key.go), and
// the signature is RS256 always (Harbor v1.2.0, src/ui/service/token). The error
// says what is wrong and shows nothing of the key.
func ParseTokenKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, errors.New("is no PEM file")
	case block.Headers["DEK-Info"] != "" || block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("is encrypted, which Harbor cannot read: take the passphrase away")
	case block.Type == "PRIVATE KEY":
		return nil, errors.New("is PKCS#8 (BEGIN PRIVATE KEY), and Harbor's token service reads nothing but PKCS#1 (BEGIN RSA PRIVATE KEY): krmfn secrets --from converts it")
	case block.Type == "EC PRIVATE KEY":
		return nil, errors.New("is an EC key, Harbor signs with RSA")
	case block.Type == "CERTIFICATE":
		return nil, errors.New("is a certificate, want the key")
	case block.Type != "RSA PRIVATE KEY":
		return nil, errors.New("is no RSA PRIVATE KEY")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is damaged: it is no RSA key")
	}
	return key, nil
}

// CheckHtpasswd says why a registry with these lines would refuse the password, ""
// when it would not: one line has to be of the user, or of anybody where user is "",
// with a bcrypt hash of it (distribution v2.8 registry/auth/htpasswd takes nothing
// else).
func CheckHtpasswd(text, user, password string) string {
	said := "holds no line user:hash"
	for line := range strings.Lines(text) {
		name, hash, ok := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case !ok || strings.HasPrefix(name, "#"):
			continue
		case user != "" && name != user:
			said = "is for another user than " + user
			continue
		}
		switch err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)); {
		case err == nil:
			return ""
		case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
			said = "is of another password"
		default:
			said = "is no bcrypt hash, and the registry takes nothing else"
		}
	}
	return said
}
