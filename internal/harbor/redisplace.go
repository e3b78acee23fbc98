package harbor

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"krmfn.dev/harbor/internal/kube"
)

// RedisPlace is what a component reads of a Redis for one purpose: a URL, or several
// fields of a file together.
type RedisPlace struct {
	// Read is the value that names the host, and Use its row of the table.
	Read Effective
	Use  RedisUse
	// Redis is the server, as far as it can be seen, without the password, which is
	// Login.
	Redis Redis
	Login kube.Value
	// Empty says that a password is given, and it is empty.
	Empty bool
	// Unseen says that the list does not show which server it is, Err why Harbor
	// cannot read what stands there. No value stands in the error.
	Unseen bool
	Err    error
}

// Known says whether it is known which server it is.
func (p RedisPlace) Known() bool {
	return p.Read.Set && !p.Unseen && p.Err == nil && len(p.Redis.Addresses) > 0
}

// RedisPlaces are those of the component, which has that environment, in the order of
// the table.
func (c Component) RedisPlaces(env kube.Environment) []RedisPlace {
	var all []RedisPlace
	for _, use := range c.Harbor.Redis {
		if use.Of != c.Name() {
			continue
		}
		v := c.Read(env, use.Setting)
		if use.Host {
			all = append(all, RedisPlace{Read: v, Use: use, Login: kube.Value{Known: true}})
		}
		// A field that names no host belongs to the one before it that does.
		p := &all[len(all)-1]
		switch {
		case v.Text == "" || v.Maybe && !use.Host && !use.Secret:
		case !v.Known && !use.Secret:
			p.Unseen = true
		default:
			p.Err = errors.Join(p.Err, use.Decode(p, v.Value))
		}
	}
	return all
}

// Hidden says whether it must not be shown which server it is: that stands in a
// Secret, or in a variable that is made of one.
func (p RedisPlace) Hidden() bool {
	if p.Read.Source.Kind == "Secret" {
		return true
	}
	text := p.Read.Component.Value(p.Read.Harbor.list, p.Use.Places[0].Variable)
	_, server, _ := cutLast(text, "@")
	if !strings.Contains(text, "://") {
		server, _, _ = strings.Cut(text, ",")
	}
	return p.Read.Value.Secret && strings.Contains(server, "$(")
}

// String names the server, but for what must not be shown.
func (p RedisPlace) String() string {
	switch r := p.Redis; {
	case p.Hidden():
		return "(in a Secret)"
	case r.Master != "":
		return "master " + r.Master + " of " + strings.Join(r.Addresses, ",")
	default:
		return strings.Join(r.Addresses, ",")
	}
}

// readCommas reads what RedisURL of the ui holds.
func readCommas(p *RedisPlace, v kube.Value) error {
	s, err := ParseSession(v.Text, kube.Hidden)
	p.Unseen = strings.Contains(s.Address, kube.Hidden)
	p.Redis.Addresses = []string{s.Address}
	p.Redis.Database, _ = strconv.Atoi(s.Database)
	p.Login = kube.Value{Text: s.Password, Known: !strings.Contains(s.Password, kube.Hidden)}
	return err
}

// unseenPassword stands for a password that the list does not show where one is
// needed to read a URL: net/url takes no other letters in it.
const unseenPassword = "unseen"

// schemes are those that Harbor knows (src/lib/redis/helper.go, src/lib/cache; v2.15).
var schemes = []string{"redis", "rediss", "redis+sentinel", "rediss+sentinel"}

// readURL reads a URL as Harbor does, with net/url.
func readURL(p *RedisPlace, v kube.Value) error {
	text := v.Text
	login, rest, hasLogin := cutLast(text, "@")
	if strings.Contains(rest, kube.Hidden) || !hasLogin && strings.Contains(text, kube.Hidden) {
		p.Unseen = true
		return nil
	}
	if strings.Contains(login, kube.Hidden) {
		text = strings.ReplaceAll(login, kube.Hidden, unseenPassword) + "@" + rest
		p.Login.Known = false
	}
	u, err := url.Parse(text)
	switch {
	case !strings.Contains(text, "://"):
		return errors.New("is no URL, want redis://host:port/number: host:port,pool,password,number is of Harbor 1.x")
	case err != nil && strings.Contains(rest, "[") && strings.Contains(rest, ","):
		return ErrAddresses
	case hasLogin && (err != nil || u.User == nil):
		return ErrPassword
	case err != nil:
		return errors.New("cannot be read as a URL")
	case !slices.Contains(schemes, u.Scheme):
		return errors.New("is no URL of Redis, want one that begins with " + strings.Join(schemes[:3], "://, ") + ":// or " + schemes[3] + "://")
	}
	r := &p.Redis
	r.Username = u.User.Username()
	password, given := u.User.Password()
	p.Login.Text, p.Empty = password, given && password == ""
	r.TLS = strings.HasPrefix(u.Scheme, "rediss")
	r.Addresses = strings.Split(u.Host, ",")
	path := strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
	if strings.HasSuffix(u.Scheme, "+sentinel") {
		return r.readSentinels(path)
	}
	return r.readServer(path)
}

// ErrPassword is that a password stands in a URL as it is.
var ErrPassword = errors.New("cannot be read as a URL, and Harbor does not start: in the password / % ? #, a space and some other " +
	"characters have to be percent-encoded, under a key of its own in the Secret: write redis.password.urlSecretKey")

// ErrAddresses is that a URL names an IPv6 address beside another host (CVE-2025-47912
// of Go: what follows a bracket is a port, and nothing else).
var ErrAddresses = errors.New("names an IPv6 address beside others, which net/url refuses since Go 1.24.8 and 1.25.2: a Harbor that is built with it does not " +
	"start; write names of hosts in redis.sentinels.addresses")

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+len(separator):], true
}

// readSentinels reads the path of a URL with Sentinels: /master/number.
func (r *Redis) readSentinels(path []string) error {
	if len(path) == 0 || len(path) == 1 && isDatabase(path[0]) {
		return errors.New("names no master, want redis+sentinel://host:port,host:port/master/number")
	}
	r.Master = path[0]
	for _, a := range r.Addresses {
		if !isAddress(a) {
			return errors.New("names a Sentinel that is not host:port")
		}
	}
	return r.readDatabase(path[1:])
}

// readServer reads the path of the URL of one server: /number.
func (r *Redis) readServer(path []string) error {
	switch host := HostOf(r.Addresses[0]); {
	case len(r.Addresses) > 1:
		return errors.New("names several hosts, which only Sentinels can be: want redis+sentinel://host:port,host:port/master/number")
	case host == "":
		return errors.New("names no host")
	case !isAddress(r.Addresses[0]):
		r.Addresses[0] = net.JoinHostPort(strings.Trim(host, "[]"), RedisPort)
	}
	return r.readDatabase(path)
}

// RedisPort is the port of Redis where a URL names none (gomodule/redigo,
// redis/go-redis).
const RedisPort = "6379"

func (r *Redis) readDatabase(path []string) error {
	switch {
	case len(path) == 0:
		return nil
	case len(path) > 1 || !isDatabase(path[0]):
		return errors.New("does not end with the number of a database, want /number")
	}
	r.Database, _ = strconv.Atoi(path[0]) // a number
	return nil
}

// isDatabase says whether the text is the number of a database.
func isDatabase(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= 0
}

// The fields of redis in the registry's config.yml.

func readAddresses(p *RedisPlace, v kube.Value) error {
	p.Redis.Addresses = strings.Split(v.Text, ",")
	if slices.ContainsFunc(p.Redis.Addresses, func(a string) bool { return !isAddress(a) }) {
		return errors.New("is not host:port")
	}
	return nil
}

func readMasterSet(p *RedisPlace, v kube.Value) error {
	p.Redis.Master = v.Text
	return nil
}

func readNumber(p *RedisPlace, v kube.Value) error {
	if !isDatabase(v.Text) {
		return errors.New("has no number of a database beside it")
	}
	p.Redis.Database, _ = strconv.Atoi(v.Text)
	return nil
}

func readUsername(p *RedisPlace, v kube.Value) error {
	p.Redis.Username = v.Text
	return nil
}

func readTLS(p *RedisPlace, v kube.Value) error {
	p.Redis.TLS = v.Text == "true"
	return nil
}

func readPassword(p *RedisPlace, v kube.Value) error {
	p.Login = v
	return nil
}
