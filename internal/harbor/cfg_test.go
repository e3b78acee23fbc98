package harbor

import (
	"strings"
	"testing"
)

func TestParseCfg(t *testing.T) {
	for text, want := range map[string]string{
		"hostname = hub.example.com":              "",
		"hostname = hub.example.com:31777":        "",
		"hostname = [2001:db8::1]:31777":          "",
		"hostname: 192.0.2.1":                     "",
		"db_password = a=b: #c % 'd'\r":           "",
		"email_username = x <y@example.com>":      "",
		"redis_url =\nRedis_Host = x":             "",
		"my_own = 1":                              "",
		"admiral_url = NA\ndb_user = a@b":         "",
		"ldap_url = ldaps://ldap.example.com:636": "",

		"hostname = hub.example.com\\":           `line 1: hostname "hub.example.com\\" is neither a host`,
		"hostname = hub.example.com:0":           `line 1: hostname "hub.example.com:0" is neither a host`,
		"hostname = hub.example.com/x":           `line 1: hostname "hub.example.com/x" is neither a host`,
		"hostname = http://hub.example.com":      `line 1: hostname "http://hub.example.com" is neither a host`,
		"hostname = 2001:db8::1":                 `line 1: hostname "2001:db8::1" is neither a host`,
		"hostname = ~.*":                         `line 1: hostname "~.*" is neither a host`,
		"hostname = $(REDIS_PASSWORD)":           `line 1: hostname "$(REDIS_PASSWORD)" is neither a host`,
		"hostname = a\tb":                        "line 1: hostname holds a control character",
		"hostname = a\x00b":                      "line 1: hostname holds a control character",
		"hostname = localhost:80":                `line 1: hostname "localhost" means something else for each client and pod`,
		"hostname = [::1]":                       `line 1: hostname "::1" means something else`,
		"hostname = 127.1.2.3":                   `line 1: hostname "127.1.2.3" means something else`,
		"db_host = mysql:3306":                   `line 1: db_host "mysql:3306" is not a host`,
		"db_host = 2001:db8::1":                  `line 1: db_host "2001:db8::1" is an IPv6 address`,
		"db_host = 0.0.0.0":                      `line 1: db_host "0.0.0.0" means something else`,
		"db_user = a:b":                          `line 1: db_user "a:b" is not a valid user name`,
		"db_port = 03306":                        `line 1: db_port "03306" is not a whole number`,
		"email_server = smtp;x":                  `line 1: email_server "smtp;x" is not a host`,
		"ldap_url = ldap://a b":                  `line 1: ldap_url "ldap://a b" is not a URL`,
		"ldap_url = ldap://cn:hunter2@ldap":      "line 1: ldap_url holds a user",
		"admiral_url = http://a\\":               `line 1: admiral_url "http://a\\" is not a URL`,
		"ldap_basedn = ou=people\x1b[32m":        "line 1: ldap_basedn holds a control character",
		"db_password = hunter2\x00":              "line 1: db_password holds a control character",
		"db_password =":                          "line 1: db_password is empty",
		"#\n\nharbor_admin_password hunter2":     "line 3 is not key = value",
		"harbor_admin_password  hunter2==":       "line 1 is not key = value",
		"harbor_admin_password  hunter2:x":       "line 1 is not key = value",
		"hunter2":                                "line 1 is not key = value",
		"hunter2==":                              "line 1 is not key = value",
		"Hunter2=":                               "line 1 is not key = value",
		"db-password = hunter2":                  "line 1 is not key = value",
		"db_password\u00a0= hunter2":             "line 1 is not key = value",
		"[hunter2]":                              "line 1 is not key = value",
		"db_password = a\n  hunter2":             "line 2 begins with a space",
		"db_password = a\nDB_PASSWORD = hunter2": "line 2: db_password stands in line 1 already",
	} {
		_, errs := ParseCfg(text)
		switch {
		case want == "" && len(errs) == 0:
		case len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) || want == "":
			t.Errorf("%q: %v, want %s", text, errs, want)
		case strings.Contains(strings.ToLower(errs[0].Error()), "hunter2"):
			t.Errorf("%q: the error shows a password: %v", text, errs)
		}
	}
}
