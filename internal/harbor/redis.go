package harbor

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"krmfn.dev/harbor/internal/krm"
)

// Variables of the ui of 1.x: the address of the session store (Harbor v1.2.0,
// src/ui/main.go) and the one that brings the password from a Secret.
const (
	RedisURL      = "_REDIS_URL"
	RedisPassword = "REDIS_PASSWORD"
)

// Redis is a Redis server as a part of Harbor uses it.
type Redis struct {
	Address  string // host:port
	Pool     int    // connections
	Database int
}

// Commas is what RedisURL of the ui holds: address,pool size,password,database.
func (r Redis) Commas(password string) string {
	return fmt.Sprintf("%s,%d,%s,%d", r.Address, r.Pool, password, r.Database)
}

// SetRedis tells the part about a server. A password from a Secret is read into a
// variable that the address refers to.
func (h *Harbor) SetRedis(use RedisUse, server Redis, password Password) error {
	if password.FromSecret() {
		return h.Set(use.Setting, Value{
			Text: use.Encode(server, "$("+use.Password+")"), Variable: use.Password,
			From: &SecretKey{password.SecretName, password.SecretKey},
		})
	}
	if err := h.Set(use.Setting, Value{Text: use.Encode(server, password.Value), Variable: use.Password}); err != nil || password.Value == "" {
		return err
	}
	for _, c := range h.Of(use.Of) {
		if err := c.WarnLiteral(h.list, use.Places[0].Variable); err != nil {
			return err
		}
	}
	return nil
}

// HideRedisPassword makes an address with a password in it, where a component has
// one, refer to the key of a Secret.
func (h *Harbor) HideRedisPassword(c Component, use RedisUse, key SecretKey) error {
	parts := strings.Split(c.Value(h.list, use.Places[0].Variable), ",")
	if len(parts) < 3 || parts[2] == "" || strings.Contains(parts[2], "$(") {
		return nil
	}
	if len(parts) > 4 {
		return krm.Fault(c.RNode, c.Path.Append("env"), "%s has %d parts, want host:port,pool,password,database: no comma may be in the password",
			use.Places[0].Variable, len(parts))
	}
	parts[2] = "$(" + use.Password + ")"
	return h.set(c, use.Setting, Value{Text: strings.Join(parts, ","), Variable: use.Password, From: &key})
}

// Session is what RedisURL of the ui says, address,pool,password,database, of
// which all but the address can be left out (beego's session/redis/
// sess_redis.go, vendored by Harbor v1.2.0).
type Session struct {
	Address, Pool, Password, Database string
}

// ParseSession reads the value of RedisURL. beego takes another pool size or
// database without a word where it cannot read them; here that is an error. No
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
		return s, fmt.Errorf("has no size of the connection pool in its second part, the ui takes 100 without a word")
	}
	if n, err := strconv.Atoi(s.Database); s.Database != "" && !isHidden(s.Database) && (err != nil || n < 0) {
		return s, fmt.Errorf("has no number of a database in its fourth part, the ui takes database 0 without a word")
	}
	return s, nil
}

func isAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	n, notNumber := strconv.Atoi(port)
	return err == nil && notNumber == nil && n > 0 && n < 65536 && host != "" && !strings.ContainsAny(host, " /")
}
