package secrets

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"time"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
)

// Types of PEM blocks.
const (
	pkcs1Type = "RSA PRIVATE KEY"
	pkcs8Type = "PRIVATE KEY"
	certType  = "CERTIFICATE"
)

// warnBefore is how long before its end a certificate is reported.
const warnBefore = 90 * 24 * time.Hour

// pkcs1 converts the key for tokens to PKCS#1 if it is RSA in PKCS#8, and tells
// so. Everything else is returned as it is.
func (spec spec) pkcs1(name, text, secret string, found *Findings) string {
	block, _ := pem.Decode([]byte(text))
	if !spec.tokens || name != spec.forms(harbor.TokenKey) || block == nil || block.Type != pkcs8Type {
		return text
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return text
	}
	found.add(framework.Info, secret, name, "is converted from PKCS#8 to PKCS#1, which Harbor's token service needs: it is the same key")
	return encodeKey(key)
}

// parseCerts reads all certificates of a PEM file.
func parseCerts(text string) (certs []*x509.Certificate, why string) {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != certType {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, "is damaged: it is not a certificate"
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, "holds no PEM block of type CERTIFICATE"
	}
	return certs, ""
}

// checkTokens checks the key for tokens and the certificates that the registry
// knows it by. There may be several, one of them has to be that of the key.
func (spec spec) checkTokens(s Secret, now time.Time, found *Findings) {
	tokenKey, tokenCert := spec.forms(harbor.TokenKey), spec.forms(harbor.TokenCert)
	for _, k := range []string{tokenKey, tokenCert} {
		if !s.has(k) && (k != tokenCert || !spec.unreadCert) {
			found.add(framework.Error, s.Name, k, "is missing")
		}
	}
	text, hasKey := s.Data[tokenKey]
	key, err := harbor.ParseTokenKey(text)
	if hasKey && err != nil {
		found.add(framework.Error, s.Name, tokenKey, "%v", err)
	}
	if key != nil && key.N.BitLen() < 2048 {
		found.add(framework.Warning, s.Name, tokenKey, "has %d bits, want at least 2048", key.N.BitLen())
	}
	text, hasCert := s.Data[tokenCert]
	if !hasCert || spec.unreadCert {
		return
	}
	certs, why := parseCerts(text)
	if why != "" {
		found.add(framework.Error, s.Name, tokenCert, "%s", why)
		return
	}
	if key == nil {
		return
	}
	for _, cert := range certs {
		if key.PublicKey.Equal(cert.PublicKey) {
			checkValidity(s.Name, tokenCert, cert, now, ": leave it out, and krmfn secrets makes a new one for the key", found)
			return
		}
	}
	found.add(framework.Error, s.Name, tokenCert, "does not belong to %s: the registry would refuse every token", tokenKey)
}

// checkHTTPS checks the key and certificate of nginx, which are there together
// or not at all.
func (spec spec) checkHTTPS(s Secret, now time.Time, found *Findings) {
	httpsKey, httpsCert := spec.forms(harbor.TLSKey), spec.forms(harbor.TLSCert)
	if httpsKey == "" {
		return // TLS has Secrets of its own
	}
	key, hasKey := s.Data[httpsKey]
	text, hasCert := s.Data[httpsCert]
	if !hasKey || !hasCert {
		for _, k := range [][2]string{{httpsKey, httpsCert}, {httpsCert, httpsKey}} {
			if !s.has(k[0]) && s.has(k[1]) {
				found.add(framework.Error, s.Name, k[0], "is missing, and %s is there", k[1])
			}
		}
		return
	}
	certs, why := parseCerts(text)
	if why != "" {
		found.add(framework.Error, s.Name, httpsCert, "%s", why)
		return
	}
	if _, err := tls.X509KeyPair([]byte(text), []byte(key)); err != nil {
		found.add(framework.Error, s.Name, httpsKey, "is not the key of the first certificate in %s, or is encrypted or damaged", httpsCert)
		return
	}
	checkValidity(s.Name, httpsCert, certs[0], now, "", found)
}

func checkValidity(secret, key string, cert *x509.Certificate, now time.Time, advice string, found *Findings) {
	const day = "2006-01-02"
	switch {
	case now.After(cert.NotAfter):
		found.add(framework.Error, secret, key, "expired on %s%s", cert.NotAfter.Format(day), advice)
	case now.Before(cert.NotBefore):
		found.add(framework.Warning, secret, key, "is not valid before %s", cert.NotBefore.Format(day))
	case cert.NotAfter.Sub(now) < warnBefore:
		found.add(framework.Warning, secret, key, "expires on %s%s", cert.NotAfter.Format(day), advice)
	}
}

// isCephKey says whether the text is a key as Ceph prints it: base64 of a
// header of 12 bytes and the key (ceph, src/auth/Crypto.h).
func isCephKey(text string) bool {
	raw, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(raw) > 12 && !strings.ContainsAny(text, "\r\n")
}
