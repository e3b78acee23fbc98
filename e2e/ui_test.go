package e2e

import (
	"crypto"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/docker/libtrust"
)

// asUI makes this test program do the two things that the registry needs of
// Harbor's ui, the token service and the receiver of notifications, and gives out a
// cookie. It stands
// for the ui itself, which cannot be had here. Its value is the administrator's
// password.
const asUI = "KRMFN_E2E_UI"

// serveUI serves where the ui does, with the key that the ui reads
// (src/ui/service/token/authutils.go of Harbor v1.2.0).
func serveUI(password string) error {
	key, err := libtrust.LoadKeyFile("/etc/ui/private_key.pem")
	if err != nil {
		return err
	}
	http.HandleFunc("GET /service/token", func(w http.ResponseWriter, r *http.Request) {
		user, given, _ := r.BasicAuth()
		if user != "admin" || subtle.ConstantTimeCompare([]byte(given), []byte(password)) == 0 {
			http.Error(w, "wrong user or password", http.StatusUnauthorized)
			return
		}
		token, err := sign(key, claimsFor(user, r.FormValue("service"), r.Form["scope"]...))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": 1800, "issued_at": time.Now().UTC().Format(time.RFC3339)})
	})
	http.HandleFunc("POST /service/notifications", func(w http.ResponseWriter, r *http.Request) {
		var notification struct {
			Events []struct {
				Action string
				Target struct{ Repository, Tag string }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&notification); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, e := range notification.Events {
			fmt.Printf("%s %s:%s\n", e.Action, e.Target.Repository, e.Target.Tag)
		}
	})
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "beegosessionID", Value: "x", Path: "/", HttpOnly: true}) // as the portal does
	})
	return http.ListenAndServe(":80", nil)
}

// claimsFor makes the claims of a token: the form is that of distribution's
// token authentication, issuer and audience are Harbor's.
func claimsFor(user, service string, scopes ...string) object {
	now := time.Now()
	access := []object{}
	for _, scope := range scopes {
		// type:name:actions, where the name can have colons.
		kind, rest, _ := strings.Cut(scope, ":")
		if i := strings.LastIndex(rest, ":"); i >= 0 {
			access = append(access, object{"type": kind, "name": rest[:i], "actions": strings.Split(rest[i+1:], ",")})
		}
	}
	return object{
		"iss":    "harbor-token-issuer",
		"sub":    user,
		"aud":    service,
		"exp":    now.Add(30 * time.Minute).Unix(), // token_expiration of harbor.cfg
		"nbf":    now.Unix(),
		"iat":    now.Unix(),
		"jti":    strconv.FormatInt(now.UnixNano(), 36),
		"access": access,
	}
}

// sign makes a JSON Web Token as Harbor does: the registry finds the key by its
// libtrust fingerprint.
func sign(key libtrust.PrivateKey, claims object) (string, error) {
	// The algorithm is known after signing, but is a part of what is signed.
	_, algorithm, err := key.Sign(strings.NewReader(""), crypto.SHA256)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, part := range []object{{"typ": "JWT", "alg": algorithm, "kid": key.KeyID()}, claims} {
		content, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(content))
	}
	payload := strings.Join(parts, ".")
	signature, _, err := key.Sign(strings.NewReader(payload), crypto.SHA256)
	if err != nil {
		return "", err
	}
	return payload + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// beUI ends the program if it is to be the ui, or a part of Harbor 2.x.
func beUI() {
	if password := os.Getenv(asUI); password != "" {
		fmt.Println(serveUI(password))
		os.Exit(1)
	}
	if part := os.Getenv(asPart); part != "" {
		fmt.Println(servePart(part))
		os.Exit(1)
	}
}
