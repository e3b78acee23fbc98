package harbor

import "testing"

func TestParseSession(t *testing.T) {
	const want = ", want host:port,pool,password,database"
	for value, message := range map[string]string{
		"redis:6379":                      "",
		"redis:6379,100":                  "",
		"redis:6379,100,":                 "",
		"redis:6379,,p@ss://word,11":      "",
		"[::1]:6379,1,,0":                 "",
		"HIDDEN":                          "",
		"redis:6379,HIDDEN,HIDDEN,HIDDEN": "",
		"":                                "does not begin with host:port" + want,
		"redis":                           "does not begin with host:port" + want,
		":6379":                           "does not begin with host:port" + want,
		"redis:0":                         "does not begin with host:port" + want,
		"redis:65536":                     "does not begin with host:port" + want,
		"re dis:6379":                     "does not begin with host:port" + want,
		"redis://redis:6379":              "is a URL" + want,
		"user:hunter2@redis:6379":         "holds an @ in its address" + want,
		"redis:6379,0":                    "has no size of the connection pool in its second part: the ui silently uses 100",
		"redis:6379,x":                    "has no size of the connection pool in its second part: the ui silently uses 100",
		"redis:6379,1,hunter2,-1":         "has no number of a database in its fourth part: the ui silently uses database 0",
		"redis:6379,1,hunter2,hunter3,1":  "has 5 parts" + want + ": no comma may be in the password",
	} {
		_, err := ParseSession(value, "HIDDEN")
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != message {
			t.Errorf("%s: %q, want %q", value, got, message)
		}
	}
	s, _ := ParseSession("a:1,2,c,4", "HIDDEN")
	if s != (Session{"a:1", "2", "c", "4"}) {
		t.Errorf("%v", s)
	}
}

func TestAppConf(t *testing.T) {
	const conf = "appname = x\nrunmode = dev\nhttpport=1\n; httpport = 2\n[prod]\nhttpport = 3\n[dev]\n# httpport = 4\nhttpport = \"80\"\n"
	for text, want := range map[string]string{
		conf: "80", "runmode = prod\n[dev]\nhttpport = 5\n": "", "httpport = 6\n[dev]\n": "6", "": "",
	} {
		if got := appConfValue(text, "httpport"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPlaceholder(t *testing.T) {
	for value, want := range map[string]bool{
		"CHANGE-ME-PLEASE": true, "redis:6379,100,CHANGE-ME-PLEASE,11": true, "{{ui_secret}}": true,
		"": false, "secret": false, "a = CHANGE-ME-PLEASE\nb = c\n": false, "{}": false,
	} {
		if got := Placeholder(value); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
}
