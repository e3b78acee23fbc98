package harbor

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Variables of the ui of 1.x: the address of the session store (Harbor v1.2.0,
// src/ui/main.go) and the one with the password from a Secret.
const (
	RedisURL      = "_REDIS_URL"
	RedisPassword = "REDIS_PASSWORD"
)

// Redis is a Redis server, or the master that Sentinels name, as a part of Harbor
// uses it.
type Redis struct {
	Addresses []string // host:port; with a Master those of the Sentinels
	Master    string
	TLS       bool
	Username  string
	Password  Password
	// URLSecretKey is the key of the Secret with the password as a URL wants it.
	URLSecretKey string
	Pool         int // connections
	Database     int

	// text stands for the password: itself, or $(NAME).
	text string
}

// commas is what RedisURL of the ui holds: address,pool size,password,database.
func (r Redis) commas(string) (string, bool) {
	return fmt.Sprintf("%s,%d,%s,%d", r.Addresses[0], r.Pool, r.text, r.Database), true
}

// SplitRedis takes an address of Redis apart around the password: a URL, in which
// it ends at the last @, or address,pool size,password,database. A password with
// commas is all that stands between the others: nothing else there holds letters.
func SplitRedis(text string) (before, password, after string) {
	if scheme := strings.Index(text, "://"); scheme >= 0 {
		start, at := scheme+len("://"), strings.LastIndexByte(text, '@')
		if at < start || !strings.Contains(text[start:at], ":") {
			return text, "", ""
		}
		start += 1 + strings.IndexByte(text[start:], ':')
		return text[:start], text[start:at], text[at:]
	}
	parts := strings.Split(text, ",")
	if len(parts) < 3 {
		return text, "", ""
	}
	end := max(3, len(parts)-1)
	before, password, after = strings.Join(parts[:2], ",")+",", strings.Join(parts[2:end], ","), strings.Join(parts[end:], ",")
	if end < len(parts) {
		after = "," + after
	}
	return before, password, after
}

// URL is what all of Harbor 2.x but the registry reads (src/lib/redis/helper.go,
// src/lib/cache/redis; v2.15): redis[s][+sentinel]://user:password@hosts/master/
// database. The options of the value before it stay.
func (r Redis) URL(before string) (string, bool) {
	u := url.URL{Scheme: "redis", Path: "/" + strconv.Itoa(r.Database)}
	if r.TLS {
		u.Scheme = "rediss"
	}
	if r.Master != "" {
		u.Scheme, u.Path = u.Scheme+"+sentinel", "/"+r.Master+u.Path
	}
	if _, options, ok := strings.Cut(before, "?"); ok {
		u.RawQuery = options
	}
	user := ""
	switch {
	case r.text != "":
		user = url.PathEscape(r.Username) + ":" + r.text + "@"
	case r.Username != "":
		user = url.PathEscape(r.Username) + "@"
	}
	return strings.Replace(u.String(), "://", "://"+user+strings.Join(r.Addresses, ","), 1), true
}

// addresses, masterSet, number, user and enableTLS are the fields of redis in the
// registry's config.yml (docs/configuration.md of Harbor's fork of distribution).
func (r Redis) addresses(string) (string, bool) { return strings.Join(r.Addresses, ","), true }
func (r Redis) masterSet(string) (string, bool) { return r.Master, r.Master != "" }
func (r Redis) number(string) (string, bool)    { return strconv.Itoa(r.Database), true }
func (r Redis) user(string) (string, bool)      { return r.Username, r.Username != "" }
func (r Redis) enableTLS(string) (string, bool) { return "true", r.TLS }
func (r Redis) password(string) (string, bool)  { return r.text, r.text != "" }

// redisDatabase is the number of the database in the value of a setting: of a URL
// or of what RedisURL of 1.x holds.
func redisDatabase(text string) (int, bool) {
	rest, _, _ := strings.Cut(text, "?")
	n, err := strconv.Atoi(rest[strings.LastIndexAny(rest, "/,")+1:])
	return n, err == nil
}

// Hosts are the host names of the addresses.
func (r Redis) Hosts() []string {
	var all []string
	for _, text := range r.Addresses {
		all = append(all, HostOf(text))
	}
	return all
}

// RedisHosts are the settings that hold the host of a Redis.
func (h *Harbor) RedisHosts() []Setting {
	var all []Setting
	for _, use := range h.Redis {
		if use.Host {
			all = append(all, use.Setting)
		}
	}
	return all
}

// SetRedis tells all parts of Harbor about a server. Each purpose keeps its
// database unless the numbers say another one.
func (h *Harbor) SetRedis(r Redis, numbers map[string]int) error {
	before := h.RedisSources()
	for _, use := range h.Redis {
		for _, c := range h.Of(use.Of) {
			if err := h.setRedis(c, use, r, numbers); err != nil {
				return err
			}
		}
		if _, err := h.Need(use.Of); err != nil && !use.Optional {
			return err
		}
	}
	// The chart's trivy has its address in a Secret that is for nothing else.
	for _, source := range before {
		h.dropUnread(nil, source, nil)
	}
	h.warnLeftAlone(OwnRedis)
	return nil
}

// RedisPlaces are the places of a purpose, and whether any part that is there uses one:
// most parts have a Redis database of its own for some purposes only when they are told.
func (h *Harbor) RedisPlaces(purpose string) (places []string, used bool) {
	for _, use := range h.Redis {
		if use.Purpose != purpose {
			continue
		}
		places = append(places, use.Places[0].String())
		for _, c := range h.Of(use.Of) {
			used = used || !use.Optional || h.get(c, use.Setting).Set
		}
	}
	slices.Sort(places)
	return slices.Compact(places), used
}

func (h *Harbor) setRedis(c Component, use RedisUse, r Redis, numbers map[string]int) error {
	now := h.get(c, use.Setting)
	if use.Optional && !now.Set {
		return nil
	}
	r.Database = use.Database
	if n, ok := redisDatabase(now.Text); ok && use.Numbered {
		r.Database = n
	}
	if n, ok := numbers[use.Purpose]; ok {
		r.Database = n
	}
	v := Value{Variable: use.Password}
	if r.Password.FromSecret() {
		v.From = &SecretKey{r.Password.SecretName, r.Password.SecretKey}
		if r.URLSecretKey != "" && use.Password != "" {
			v.From.Key = r.URLSecretKey
		}
		r.text = "$(" + use.Password + ")"
	} else {
		r.text = r.Password.Value
	}
	text, ok := use.Encode(r, now.Text)
	if !ok {
		return h.remove(c, use.Setting)
	}
	v.Text = text
	if !strings.Contains(text, r.text) {
		v.From, v.Variable = nil, ""
	}
	if err := h.set(c, use.Setting, v); err != nil || r.Password.Value == "" {
		return err
	}
	return c.warnLiteral(h.list, use.Places[0].Variable)
}

// RedisPurposes are what Harbor 2.x keeps in Redis, each in a database of its own.
func RedisPurposes() []string {
	var all []string
	for _, use := range v2.Redis {
		all = append(all, use.Purpose)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// CheckRedis refuses a server of which this release of Harbor cannot be told all.
func (h *Harbor) CheckRedis(r Redis) error {
	for _, use := range h.Redis {
		_, needed := use.Encode(r, "")
		if needed && h.Release.Known() && !h.Release.AtLeast(use.Since) {
			return krm.FieldErrorf(use.Option, "the %s of Harbor %s %s before Harbor %s: leave it out, or upgrade Harbor first",
				use.Of, h.Release, use.Before, use.Since)
		}
	}
	return nil
}

// redisSecret is the secret that the password in an address is: in a URL it may be
// another text than elsewhere, which then has a key of its own.
func (l *layout) redisSecret(password string) SecretUse {
	i := slices.IndexFunc(l.Secrets, func(u SecretUse) bool { return u.In == RedisSecret })
	if i < 0 {
		return SecretUse{}
	}
	use := l.Secrets[i]
	if plain, err := url.PathUnescape(password); use.Form == RedisURLPass && err == nil && plain != password {
		use.Key = SecretPasswordURL
	}
	return use
}

// redisAddress is a place in which a component has an address of Redis that may hold
// a password, with references to variables as the environment resolves them.
type redisAddress struct {
	kube.Value
	Place
}

// redisAddresses are all of them, the one that the program reads first.
func (h *Harbor) redisAddresses(c Component, env kube.Environment, use RedisUse) []redisAddress {
	var all []redisAddress
	for _, p := range use.Places {
		if use.Password == "" || use.Of != c.Name() {
			break
		}
		if v, ok := env.Get(p.Variable); ok && p.Variable != "" && !v.Maybe {
			all = append(all, redisAddress{v, p})
		}
		if p.Field == nil {
			continue
		}
		config, embedded, err := h.yaml(c, p)
		if err == nil && embedded.Lookup(p.Field...) != nil {
			source := kube.Source{Kind: "ConfigMap", Name: config.ConfigMap.GetName(), Key: config.Key, Object: config.ConfigMap}
			all = append(all, redisAddress{kube.Value{Text: embedded.Text(p.Field...), Known: true, Source: source}, p})
		}
	}
	return all
}

// RedisSources are where the components have addresses of Redis from that may hold a
// password.
func (h *Harbor) RedisSources() []kube.Source {
	var all []kube.Source
	for _, c := range h.Components {
		env := c.Environment(h.list)
		for _, use := range h.Redis {
			for _, a := range h.redisAddresses(c, env, use) {
				all = append(all, a.Source)
			}
		}
	}
	return all
}

// HideRedisPasswords makes the addresses of Redis that a component has refer to a
// Secret for the password in them, and takes those out of Secrets among the
// resources. at says where a secret comes from; nothing changes for one that
// comes from there already.
func (h *Harbor) HideRedisPasswords(c Component, at func(SecretUse) SecretKey) error {
	for _, use := range h.Redis {
		all := h.redisAddresses(c, c.Environment(h.list), use)
		if len(all) == 0 {
			continue
		}
		for _, weaker := range all[1:] {
			if _, password, _ := SplitRedis(weaker.Text); password != "" {
				if err := h.remove(c, Setting{use.Of, []Place{weaker.Place}, true}); err != nil {
					return err
				}
			}
		}
		v, p, inSecret := all[0].Value, all[0].Place, contained(all[0].Source) != nil
		text := v.Text
		switch {
		case v.Source.Kind == "Secret" && !inSecret:
			continue
		case v.Source.Kind == "":
			text = c.Value(h.list, p.Variable)
		case !v.Known:
			continue
		}
		before, password, after := SplitRedis(text)
		if !strings.Contains(text, "://") && strings.Count(text, ",") > 3 {
			return krm.Fault(c.RNode, c.Path.Append("env"), "%s has %d parts, want host:port,pool,password,database: no comma may be in the password",
				p, strings.Count(text, ",")+1)
		}
		value := Value{Text: text}
		switch {
		case password != "" && !strings.Contains(password, "$("):
			key := at(h.redisSecret(password))
			value = Value{Text: before + "$(" + use.Password + ")" + after, Variable: use.Password, From: &key}
		case !inSecret:
			continue
		}
		if err := h.set(c, use.Setting, value); err != nil {
			return err
		}
	}
	return nil
}

// Session is what RedisURL of the ui says, address,pool,password,database, of
// which all but the address can be left out (beego's session/redis/
// sess_redis.go, vendored by Harbor v1.2.0).
type Session struct {
	Address, Pool, Password, Database string
}

// ParseSession reads the value of RedisURL. beego silently takes another pool size
// or database where it cannot read them; here that is an error. No
// password stands in it, nor anything that may be one. A part that contains
// hidden is not looked at.
func ParseSession(value, hidden string) (Session, error) {
	parts := strings.Split(value, ",")
	parts = append(parts, "", "", "")
	s := Session{Address: parts[0], Pool: parts[1], Password: parts[2], Database: parts[3]}
	isHidden := func(part string) bool { return strings.Contains(part, hidden) }
	switch {
	case isHidden(s.Address):
	case strings.Contains(s.Address, "://"):
		return s, fmt.Errorf("is a URL, want host:port,pool,password,database")
	case strings.Contains(s.Address, "@"):
		return s, fmt.Errorf("holds an @ in its address, want host:port,pool,password,database")
	case !isAddress(s.Address):
		return s, fmt.Errorf("does not begin with host:port, want host:port,pool,password,database")
	}
	if n := len(parts) - 3; n > 4 {
		return s, fmt.Errorf("has %d parts, want host:port,pool,password,database: no comma may be in the password", n)
	}
	if n, err := strconv.Atoi(s.Pool); s.Pool != "" && !isHidden(s.Pool) && (err != nil || n < 1) {
		return s, fmt.Errorf("has no size of the connection pool in its second part: the ui silently uses 100")
	}
	if n, err := strconv.Atoi(s.Database); s.Database != "" && !isHidden(s.Database) && (err != nil || n < 0) {
		return s, fmt.Errorf("has no number of a database in its fourth part: the ui silently uses database 0")
	}
	return s, nil
}

func isAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	n, notNumber := strconv.Atoi(port)
	return err == nil && notNumber == nil && n > 0 && n < 65536 && host != "" && !strings.ContainsAny(host, " /")
}
