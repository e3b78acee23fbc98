package harbor

import (
	"net"
	"strconv"
	"strings"

	"krmfn.dev/harbor/internal/krm"
)

// Endpoint is the address that clients reach Harbor by.
type Endpoint struct {
	Scheme string // http or https
	Host   string // a DNS name or an IP address, an IPv6 one without brackets
	Port   string // "" where it is not written: the scheme's own
}

// ParseEndpoint reads scheme, host and port, e.g. http://hub.example.com:31777. The
// error is one of the field.
func ParseEndpoint(field, text string) (Endpoint, error) {
	u, err := krm.CheckURL(field, text, "http", "https")
	if err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{Scheme: u.Scheme, Host: u.Hostname(), Port: u.Port()}
	if e.String() != text {
		return Endpoint{}, krm.FieldErrorf(field, "%s holds more than scheme, host and port, want %s", krm.Quoted(text), e)
	}
	return e, nil
}

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= 1 && n <= 65535 && strconv.Itoa(n) == text
}

// String is the URL, as EXT_ENDPOINT holds it.
func (e Endpoint) String() string { return e.Scheme + "://" + e.Address() }

// Address is the host, with the port where one is written: what clients send as
// Host, and what Harbor's templates give nginx as server_name.
func (e Endpoint) Address() string {
	switch {
	case e.Port != "":
		return net.JoinHostPort(e.Host, e.Port)
	case strings.Contains(e.Host, ":"):
		return "[" + e.Host + "]"
	}
	return e.Host
}

// Realm is where docker clients get tokens: auth.token.realm of the registry.
func (e Endpoint) Realm() string { return e.String() + TokenPath }

// PortNumber is the port that clients connect to.
func (e Endpoint) PortNumber() string {
	if e.Port != "" {
		return e.Port
	}
	return map[string]string{"http": "80", "https": "443"}[e.Scheme]
}

// OwnPort says whether clients connect to the port of the scheme.
func (e Endpoint) OwnPort() bool { return e.PortNumber() == Endpoint{Scheme: e.Scheme}.PortNumber() }

// Same says whether both lead to the same place: http://hub:80 to http://HUB.
func (e Endpoint) Same(other Endpoint) bool {
	return e.Scheme == other.Scheme && strings.EqualFold(e.Host, other.Host) && e.PortNumber() == other.PortNumber()
}
