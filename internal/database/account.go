// Package database writes the SQL that makes a database for Harbor 1.2 and a
// user for it, and renames the database in a dump. It knows Harbor's demands on
// MySQL, but no commands, files and environment.
package database

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Account is a database and the user that Harbor logs in as.
type Account struct {
	// Database is the name of the database, MYSQL_DATABASE of Harbor.
	Database string
	// User is MYSQL_USR of Harbor.
	User string
	// Host is where the user may come from: a name, an address or a pattern, %
	// for everywhere.
	Host string
	// Password is MYSQL_PWD of Harbor.
	Password string
}

// SQL returns statements that make the database and its user, for MySQL 5.7 and
// 8 and MariaDB 10.2 and later, whatever their sql_mode. What is there already
// is kept, but gets the character set, the password and the privileges. The
// password itself does not appear, its hash does. The error joins all that is
// wrong with the account; it does not show the password.
func (a Account) SQL() (string, error) {
	if err := a.check(); err != nil {
		return "", err
	}
	database := quote(a.Database, '`')
	// Quoted as names: \ in a string would depend on NO_BACKSLASH_ESCAPES.
	user := quote(a.User, '`') + "@" + quote(a.Host, '`')
	return fmt.Sprintf(`-- The database of Harbor 1.2 and its user, for MySQL 5.7 and 8 and MariaDB.
-- Apply it as an administrator. It can be applied again.

-- utf8 is three bytes a character: Harbor's tables do not fit into utf8mb4
-- ("Column length too big for column 'tags'").
CREATE DATABASE IF NOT EXISTS %[1]s CHARACTER SET utf8;
ALTER DATABASE %[1]s CHARACTER SET utf8;

-- Harbor 1.2 knows no newer way to log in than mysql_native_password. The
-- password stands here as its hash.
CREATE USER IF NOT EXISTS %[2]s IDENTIFIED WITH mysql_native_password AS '%[3]s';
ALTER USER %[2]s IDENTIFIED WITH mysql_native_password AS '%[3]s';

-- Everything in this database and nothing outside of it. Without a backslash _
-- and %% would stand for any character.
GRANT ALL PRIVILEGES ON %[4]s.* TO %[2]s;
`, database, user, nativeHash(a.Password), quote(pattern(a.Database), '`')), nil
}

// The limits of MySQL 5.7 and 8, which are lower than those of MariaDB.
const (
	maxDatabase = 64
	maxUser     = 32
	maxHost     = 60
)

var validHost = regexp.MustCompile(`^[A-Za-z0-9%_.:/-]+$`)

func (a Account) check() error {
	return errors.Join(CheckName(a.Database), a.checkGrant(), checkUser(a.User), checkHost(a.Host), checkPassword(a.Password))
}

// CheckName checks the name of a database: whether MySQL takes it and Harbor
// can use it.
func CheckName(name string) error {
	if err := checkText("database", name, maxDatabase); err != nil {
		return err
	}
	// Harbor puts user:password@tcp(host:port)/database together without
	// escapes (v1.2.0, src/common/dao/mysql.go). A backslash is an escape in
	// GRANT.
	if i := strings.IndexAny(name, `/?\`); i >= 0 {
		return fmt.Errorf("database: %q holds a %c, with which Harbor cannot use it", name, name[i])
	}
	return nil
}

func (a Account) checkGrant() error {
	if len(a.Database) <= maxDatabase && len(pattern(a.Database)) > maxDatabase {
		return fmt.Errorf("database: %q is too long: with a backslash before each _ and %% it has to fit into the %d characters of a GRANT", a.Database, maxDatabase)
	}
	return nil
}

func checkUser(user string) error {
	if err := checkText("user", user, maxUser); err != nil {
		return err
	}
	if strings.Contains(user, ":") {
		return fmt.Errorf("user: %q holds a :, with which Harbor cannot log in", user)
	}
	return nil
}

func checkHost(host string) error {
	switch {
	case len(host) > maxHost:
		return fmt.Errorf("host: %q is longer than %d characters", host, maxHost)
	case !validHost.MatchString(host):
		return fmt.Errorf("host: %q is neither a host name nor an address, in which %% and _ may stand for any characters", host)
	}
	return nil
}

// checkText refuses what reads differently depending on the character set of
// the connection, or cannot be seen.
func checkText(field, text string, limit int) error {
	switch {
	case text == "":
		return fmt.Errorf("%s: is missing", field)
	case len(text) > limit:
		return fmt.Errorf("%s: %q is longer than %d characters", field, text, limit)
	case strings.TrimSpace(text) != text:
		return fmt.Errorf("%s: %q has space around it", field, text)
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }):
		return fmt.Errorf("%s: %q holds other characters than printable ASCII", field, text)
	}
	return nil
}

func checkPassword(password string) error {
	switch {
	case password == "":
		return errors.New("password: is empty")
	case !utf8.ValidString(password):
		return errors.New("password: is not UTF-8")
	case strings.ContainsFunc(password, unicode.IsControl):
		return errors.New("password: holds a control character, such as the end of a line")
	}
	return nil
}

// nativeHash is what mysql_native_password stores for a password.
func nativeHash(password string) string {
	once := sha1.Sum([]byte(password))
	return fmt.Sprintf("*%X", sha1.Sum(once[:]))
}

// pattern writes a name for a place where _ and % are wildcards.
func pattern(name string) string {
	return strings.NewReplacer("_", `\_`, "%", `\%`).Replace(name)
}

// quote writes a name between quotes.
func quote(name string, q byte) string {
	mark := string(q)
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}
