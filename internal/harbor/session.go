package harbor

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

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
