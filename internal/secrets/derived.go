package secrets

import (
	"cmp"
	"errors"
	"net/url"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"krmfn.dev/harbor/internal/harbor"
)

// htpasswd makes the line by which the registry of 2.x knows the password.
func (n Names) htpasswd(password string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return "", errors.New("the password of the registry is longer than 72 bytes, which bcrypt does not take")
	}
	return cmp.Or(n.RegistryUser, harbor.RegistryUser) + ":" + string(hash), nil
}

// htpasswdDiffers says why the registry would refuse the password. The user is
// compared where it is known.
func (n Names) htpasswdDiffers(line, password string) string {
	return harbor.CheckHtpasswd(line, n.RegistryUser, password)
}

// passwordOfURL is a password as a URL wants it.
func passwordOfURL(password string) (string, error) {
	return strings.TrimPrefix(url.UserPassword("", password).String(), ":"), nil
}

// urlDiffers says what is wrong between a password and its form for URLs. Without the
// latter, the former has to be good for both (seen with Harbor 2.15.1: core and
// jobservice do not start with such a URL).
func urlDiffers(encoded, password string) string {
	plain, err := url.PathUnescape(encoded)
	switch {
	case encoded == "" && strings.ContainsAny(password, "/% #?"):
		return "is missing, and the password holds one of / % # ? or a space, which a URL does not take as it is: " +
			"name a key for it with redis.password.urlSecretKey"
	case encoded == "":
		return ""
	case err != nil || plain != password:
		return "is not the percent-encoded form of the password"
	case strings.ContainsAny(encoded, "/ #?"):
		return "holds one of / # ? or a space, which have to be percent-encoded"
	}
	return ""
}
