package database

import (
	"strings"
	"testing"
)

// harbor is a valid account.
func harbor(change func(*Account)) Account {
	a := Account{Database: "registry_k8s", User: "harbork8s", Host: "%", Password: "password"}
	change(&a)
	return a
}

func TestSQL(t *testing.T) {
	for want, account := range map[string]Account{
		"CREATE DATABASE IF NOT EXISTS `registry_k8s` CHARACTER SET utf8;": harbor(func(*Account) {}),
		// SELECT PASSWORD('password')
		"CREATE USER IF NOT EXISTS `harbork8s`@`%` IDENTIFIED WITH mysql_native_password AS '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19';": harbor(func(*Account) {}),
		"ALTER USER `harbork8s`@`%` IDENTIFIED WITH mysql_native_password AS '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19';":                harbor(func(*Account) {}),
		"GRANT ALL PRIVILEGES ON `registry\\_k8s`.* TO `harbork8s`@`%`;":                                                                  harbor(func(*Account) {}),
		"GRANT ALL PRIVILEGES ON `a-\\_B`.* TO `x.y@z`@`10.0.0.0/255.0.0.0`;": {
			Database: "a-_B", User: "x.y@z", Host: "10.0.0.0/255.0.0.0", Password: "p"},
	} {
		sql, err := account.SQL()
		if err != nil || !strings.Contains("\n"+sql, "\n"+want+"\n") {
			t.Errorf("%v: the SQL lacks %s\n%s", err, want, sql)
		}
	}
}

// TestSQLOfAnyPassword wants one and the same text but for the hash.
func TestSQLOfAnyPassword(t *testing.T) {
	first, err := harbor(func(*Account) {}).SQL()
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{`'; DROP DATABASE mysql; -- `, `\`, `\'`, "`\"", "é€🐳", " ", strings.Repeat("x", 1000)} {
		sql, err := harbor(func(a *Account) { a.Password = password }).SQL()
		if err != nil {
			t.Error(err)
		}
		if strings.ReplaceAll(sql, nativeHash(password), nativeHash("password")) != first {
			t.Errorf("password %q changes more than its hash:\n%s", password, sql)
		}
	}
}

func TestSQLFails(t *testing.T) {
	long := strings.Repeat("_", 33)
	for want, change := range map[string]func(*Account){
		"database: is missing":                                                              func(a *Account) { a.Database = "" },
		`database: "a/b" is not a valid database name`:                                      func(a *Account) { a.Database = "a/b" },
		`database: "MySQL" is a database of MySQL itself`:                                   func(a *Account) { a.Database = "MySQL" },
		`database: "` + long + long + `" is longer than 64 characters`:                      func(a *Account) { a.Database = long + long },
		`database: "` + long + `" is too long: with a backslash before each _ it has to fi`: func(a *Account) { a.Database = long },
		"user: is missing":                                                                    func(a *Account) { a.User = "" },
		`user: "a:b" is not a valid user name`:                                                func(a *Account) { a.User = "a:b" },
		`user: "` + long + `" is longer than 32 characters`:                                   func(a *Account) { a.User = long },
		`host: "" is neither a host name nor an address`:                                      func(a *Account) { a.Host = "" },
		"host: \"a`b\" is neither a host name nor an address":                                 func(a *Account) { a.Host = "a`b" },
		`host: "` + long + long + `" is longer than 60 characters`:                            func(a *Account) { a.Host = long + long },
		"password: is empty":                                                                  func(a *Account) { a.Password = "" },
		"password: holds a control character, such as the end of a line":                      func(a *Account) { a.Password = "secret\r" },
		"password: is not UTF-8":                                                              func(a *Account) { a.Password = "secret\xff" },
		"database: is missing\nuser: is missing\nhost: \"a b\" is neither a host name nor an": func(a *Account) { *a = Account{Host: "a b", Password: "p"} },
	} {
		sql, err := harbor(change).SQL()
		if err == nil || !strings.HasPrefix(err.Error(), want) || sql != "" {
			t.Errorf("%v\n%s\nwant %s", err, sql, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}
