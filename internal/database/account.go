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

	"krmfn.dev/harbor/internal/krm"
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

// maxHost is the limit of MySQL 5.7 and 8, which is lower than that of MariaDB.
const maxHost = 60

var validHost = regexp.MustCompile(`^[A-Za-z0-9%_.:/-]+$`)

func (a Account) check() error {
	return errors.Join(krm.CheckDatabase("database", a.Database), krm.CheckDatabaseUser("user", a.User), checkHost(a.Host), checkPassword(a.Password))
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

func checkPassword(password string) error {
	if password == "" {
		return errors.New("password: is empty")
	}
	return krm.CheckPassword("password", password)
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
