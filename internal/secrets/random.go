package secrets

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"time"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// letters makes n characters that are letters and digits.
func letters(n int) func(io.Reader) (string, error) {
	return func(random io.Reader) (string, error) { return pick(random, alphabet, n) }
}

// password makes a password that Harbor, MySQL's validate_password (which wants
// a character that is neither letter nor digit) and _REDIS_URL take, and that
// needs no quotes in a shell, YAML or SQL.
func password(random io.Reader) (string, error) {
	for {
		s, err := pick(random, alphabet+"_", 20)
		if err != nil || portal.broken(s) == "" && strings.Contains(s, "_") {
			return s, err
		}
	}
}

// empty is for keys that have to be there and for which there is nothing to
// make up.
func empty(io.Reader) (string, error) { return "", nil }

// pick draws n of at most 256 characters, each as likely as the others: a byte
// that would favour the first ones is thrown away.
func pick(random io.Reader, characters string, n int) (string, error) {
	limit := 256 - 256%len(characters)
	picked := make([]byte, 0, n)
	for b := make([]byte, 1); len(picked) < n; {
		if _, err := io.ReadFull(random, b); err != nil {
			return "", fmt.Errorf("reading random bytes: %w", err)
		}
		if int(b[0]) < limit {
			picked = append(picked, characters[int(b[0])%len(characters)])
		}
	}
	return string(picked), nil
}

// newKey makes a key as PKCS#1, the only form that the token service reads
// (docker/libtrust, key.go). The Go library takes randomness from the system,
// whatever reader it is given.
func (m Maker) newKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, m.KeyBits)
	if err != nil {
		return "", fmt.Errorf("making an RSA key: %w", err)
	}
	return encodeKey(key), nil
}

func encodeKey(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: pkcs1Type, Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// newCert makes the certificate through which the registry knows the key. It
// looks for nothing in it but the public key (distribution v2.6.2,
// registry/auth/token); the rest is what a root of its own looks like.
func (m Maker) newCert(key *rsa.PrivateKey) (string, error) {
	now := m.Now().UTC().Truncate(time.Second)
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "harbor-token-issuer"},
		NotBefore:             now,
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := x509.CreateCertificate(m.Random, template, template, key.Public(), key)
	if err != nil {
		return "", fmt.Errorf("making a certificate: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: certType, Bytes: cert})), nil
}
