package krm

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// The checks below say what a setting is, so that nothing else gets through:
// values end up in nginx.conf, YAML inside of ConfigMaps, environment variables
// and SQL, each with special characters of its own. Each takes the path of the
// setting and its value; the error begins with the path and says what is
// allowed.

// Quoted quotes a value for a message, but for one with an @, before which a
// password may stand.
func Quoted(value string) string {
	if strings.Contains(value, "@") {
		return "the value, not shown because it holds an @,"
	}
	return strconv.Quote(value)
}

// CheckHost checks a host without a port: a DNS name in lower case, an IPv4
// address, or an IPv6 address without brackets and zone.
func CheckHost(field, host string) error {
	if isHost(host) {
		return nil
	}
	return FieldErrorf(field, "%s is not a host, want a DNS name in lower case or an IP address, without scheme or port", Quoted(host))
}

// isHost takes a name that ends in a number for an IPv4 address, as programs
// do: 10.0.0.256 is no name.
func isHost(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Zone() == ""
	}
	labels := strings.Split(host, ".")
	if len(host) > validation.DNS1123SubdomainMaxLength || isNumber(labels[len(labels)-1]) {
		return false
	}
	return !slices.ContainsFunc(labels, func(label string) bool { return len(validation.IsDNS1123Label(label)) > 0 })
}

func isNumber(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// CheckHostPort checks host:port, an IPv6 address in brackets.
func CheckHostPort(field, address string) error {
	if strings.Contains(address, "@") {
		return FieldErrorf(field, "holds an @, want host:port without user and password")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || net.JoinHostPort(host, port) != address {
		return FieldErrorf(field, "%q is not host:port, with an IPv6 address in brackets", address)
	}
	if !isHost(host) {
		return FieldErrorf(field, "%q: %q is not a host, want a DNS name in lower case or an IP address", address, host)
	}
	if n, err := strconv.Atoi(port); err != nil || strconv.Itoa(n) != port || CheckPort(field, n) != nil {
		return FieldErrorf(field, "%q: port %q is outside 1-65535", address, port)
	}
	return nil
}

// CheckPort checks the number of a TCP port.
func CheckPort(field string, port int) error {
	if len(validation.IsValidPortNum(port)) > 0 {
		return FieldErrorf(field, "%d is outside 1-65535", port)
	}
	return nil
}

// CheckURL checks a URL of one of the schemes, with a host, without user and
// password, query and fragment.
func CheckURL(field, text string, schemes ...string) (*url.URL, error) {
	want := "want " + strings.Join(schemes, "://HOST[:PORT] or ") + "://HOST[:PORT]"
	u, err := url.Parse(text)
	switch {
	case err == nil && u.User != nil:
		return nil, FieldErrorf(field, "holds a user, %s", want)
	case err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" || u.String() != text:
		return nil, FieldErrorf(field, "%s is not a URL of the right form, %s", Quoted(text), want)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, FieldErrorf(field, "%s holds a query or fragment, %s", Quoted(text), want)
	}
	if address := "[" + u.Hostname() + "]"; u.Host == u.Hostname() || u.Host == address && strings.Contains(address, ":") {
		return u, CheckHost(field, u.Hostname())
	}
	return u, CheckHostPort(field, u.Host)
}

// CheckName checks the name of an object: a DNS subdomain, as Kubernetes wants
// it for ConfigMaps, Secrets, volumes and claims.
func CheckName(field, name string) error {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return FieldErrorf(field, "%q is not a valid name: want at most 253 lower case letters, digits, - and ., a letter or digit first and last", name)
	}
	return nil
}

// CheckLabel checks the name of a namespace, Service or port: a DNS label.
func CheckLabel(field, name string) error {
	if len(validation.IsDNS1123Label(name)) > 0 {
		return FieldErrorf(field, "%q is not a valid name: want at most 63 lower case letters, digits and -, a letter or digit first and last", name)
	}
	return nil
}

// CheckKey checks a key of a Secret or ConfigMap. The error does not show it: it
// may be the password itself.
func CheckKey(field, key string) error {
	if len(validation.IsConfigMapKey(key)) > 0 {
		return FieldErrorf(field, "is not a key of a Secret: want at most 253 letters, digits, -, _ and .")
	}
	return nil
}

var identifier = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$`)

// CheckIdentifier checks an identifier of another system, such as the name of a file
// system of Ceph.
func CheckIdentifier(field, text string) error {
	if !identifier.MatchString(text) {
		return FieldErrorf(field, "%s is not a valid name, want letters, digits, _, - and ., beginning with a letter, digit or _", Quoted(text))
	}
	return nil
}

// maxPath is PATH_MAX of Linux.
const maxPath = 4096

// CheckPath checks a path inside a volume: absolute, clean, and of letters,
// digits and . _ - + = @ ~.
func CheckPath(field, text string) error {
	switch {
	case !path.IsAbs(text):
		return FieldErrorf(field, "%q is not absolute, want it to begin with /", text)
	case slices.Contains(strings.Split(text, "/"), ".."):
		return FieldErrorf(field, "%q holds .., want the path itself", text)
	case path.Clean(text) != text:
		return FieldErrorf(field, "%q is not clean, want %s", text, path.Clean(text))
	case len(text) > maxPath:
		return FieldErrorf(field, "is longer than %d characters", maxPath)
	case strings.ContainsFunc(text, func(r rune) bool { return !inPath(r) }):
		return FieldErrorf(field, "%q holds more than letters, digits and / . _ - + = @ ~", text)
	}
	return nil
}

func inPath(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+=@~", r))
}

// byteSize is the part of Kubernetes' quantities that is a number of bytes. An
// exponent of many digits would make the parser compute for minutes.
var byteSize = regexp.MustCompile(`^[0-9]{1,18}(\.[0-9]{1,9})?([KMGTPE]i|[kMGTPE]|[eE][0-9]{1,2})?$`)

// CheckQuantity checks the size of a volume.
func CheckQuantity(field, text string) error {
	if byteSize.MatchString(text) {
		if q, err := resource.ParseQuantity(text); err == nil && q.Sign() > 0 {
			return nil
		}
	}
	return FieldErrorf(field, "%q is not a size such as 100Gi", text)
}

// The limits of MySQL 5.7 and 8, which are lower than those of MariaDB.
const (
	maxDatabase = 64
	maxUser     = 32
)

var (
	databaseName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*$`)
	databaseUser = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]*$`)
)

// systemDatabases are those that MySQL keeps for itself.
var systemDatabases = []string{"information_schema", "mysql", "performance_schema", "sys"}

// CheckDatabase checks the name of a database on a MySQL server: one that the
// server takes in a GRANT, where _ needs a backslash, and that fits into the
// address user:password@tcp(host:port)/database, which has no escapes.
func CheckDatabase(field, name string) error {
	switch {
	case name == "":
		return FieldErrorf(field, "is missing")
	case len(name) > maxDatabase:
		return FieldErrorf(field, "%q is longer than %d characters", name, maxDatabase)
	case !databaseName.MatchString(name):
		return FieldErrorf(field, "%s is not a valid database name, want letters, digits, _ and -, no - at the beginning", Quoted(name))
	case slices.Contains(systemDatabases, strings.ToLower(name)):
		return FieldErrorf(field, "%q is a database of MySQL itself: choose another name", name)
	case len(name)+strings.Count(name, "_") > maxDatabase:
		return FieldErrorf(field, "%q is too long: with a backslash before each _ it has to fit into the %d characters of a GRANT", name, maxDatabase)
	}
	return nil
}

// CheckDatabaseUser checks the name of a user of a MySQL server, which stands
// before the first colon of such an address.
func CheckDatabaseUser(field, name string) error {
	switch {
	case name == "":
		return FieldErrorf(field, "is missing")
	case len(name) > maxUser:
		return FieldErrorf(field, "%s is longer than %d characters", Quoted(name), maxUser)
	case !databaseUser.MatchString(name):
		return FieldErrorf(field, "%s is not a valid user name, want letters, digits, _, -, . and @, beginning with a letter, digit or _", Quoted(name))
	}
	return nil
}

// CheckPassword checks a password that is given literally. The error does not
// show it.
func CheckPassword(field, password string) error {
	if err := CheckText(password); err != nil {
		return FieldErrorf(field, "%v", err)
	}
	return nil
}

// CheckText refuses what no line of text holds: control characters, line breaks
// included, and what is not UTF-8.
func CheckText(text string) error {
	switch {
	case !utf8.ValidString(text):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(text, isControl):
		return errors.New("holds a control character, such as the end of a line")
	}
	return nil
}

// isControl knows NEL, U+2028 and U+2029, which YAML takes for line ends, too.
func isControl(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}
