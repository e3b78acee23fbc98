package harbor

import "testing"

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]struct{ host, port, address string }{
		"http://hub.example.com":        {"hub.example.com", "80", "hub.example.com"},
		"https://hub.example.com":       {"hub.example.com", "443", "hub.example.com"},
		"https://hub.example.com:31777": {"hub.example.com", "31777", "hub.example.com:31777"},
		"http://192.0.2.1:80":           {"192.0.2.1", "80", "192.0.2.1:80"},
		"http://[2001:db8::1]":          {"2001:db8::1", "80", "[2001:db8::1]"},
		"https://[2001:db8::1]:31777":   {"2001:db8::1", "31777", "[2001:db8::1]:31777"},
	} {
		e, err := ParseEndpoint("url", text)
		if err != nil || e.Host != want.host || e.PortNumber() != want.port || e.Address() != want.address || e.String() != text || e.Realm() != text+"/service/token" {
			t.Errorf("%s: %+v, %v", text, e, err)
		}
	}
	for _, text := range []string{
		"", "hub", "hub:80", "ftp://hub", "//hub", "http://", "http://:80", "http://hub:", "http://hub:0", "http://hub:080", "http://hub:65536", "http://hub:http",
		"http://hub/", "http://hub/harbor", "http://hub?x", "http://hub#x", "http://a@hub", "http://hub;", "http://hub\\", "http://hub\n", "http://$host", "http://~.*",
		"http://2001:db8::1", "http://[fe80::1%25eth0]", "http://[hub]", "HTTP://hub", "http://Hub",
	} {
		if e, err := ParseEndpoint("url", text); err == nil {
			t.Errorf("%q is taken: %+v", text, e)
		}
	}
}

func TestSameEndpoint(t *testing.T) {
	hub := Endpoint{"http", "hub", ""}
	for other, want := range map[Endpoint]bool{
		{"http", "HUB", "80"}: true, {"http", "hub", "81"}: false, {"https", "hub", "80"}: false, {"http", "other", ""}: false,
	} {
		if hub.Same(other) != want {
			t.Errorf("%v and %v: want %t", hub, other, want)
		}
	}
}

func TestNginxServers(t *testing.T) {
	isHarbor := func(host string) bool { return host == "ui" || host == "registry" }
	for text, want := range map[string]string{
		"http { server { server_name a; location / { proxy_pass http://ui/; } } server { server_name b; location / { proxy_pass http://c; } } }":                       "a",
		"http { upstream x { server registry:5000; } server { server_name a; if ($b) { return 404; } location /v2/ { proxy_pass http://x; } } }":                       "a",
		"http { upstream ui { server status:1; } server { server_name a; location / { proxy_pass http://ui; } } }":                                                     "",
		"http { server { server_name a; location / { location /b { proxy_pass http://ui:80; proxy_pass http://ui; } } } }":                                             "a",
		"http { server { server_name a; location /v2/ { proxy_pass http://$x; } } server { server_name b; location /x { proxy_pass http://$x; } } }":                   "a",
		"http { server { server_name a; location /service/ { proxy_pass http://x; } } server { server_name b; location / { proxy_pass http://ui; } } }":                "b",
		"stream { server { listen 1; server_name a; proxy_pass ui:80; } } http { server { server_name b; location / { return 404; } } }":                               "",
		"http { server { server_name a b; location / { proxy_pass http://ui; } } server { server_name c; location = /v2/ { proxy_pass http://registry:5000/v2/; } } }": "a c",
	} {
		all, err := ParseNginx(text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range nginxServers(all, isHarbor) {
			got += " " + s.Names()[0]
		}
		if got != "" {
			got = got[1:]
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	for name, want := range map[string]bool{
		"hub.example.com": true, "HUB.example.com": true, "hub.example.com:31777": true, "*.example.com": true, ".example.com": true, ".hub.example.com": true,
		"hub.*": true, "_": true, "": true, "~.": true, "example.com": false, "*.com.example": false, "hub.example": false, "b.*": false, ".b.example.com": false,
	} {
		if Answers(name, "hub.example.com") != want {
			t.Errorf("%q: want %t", name, want)
		}
	}
}

// TestSpans looks at where the parser says that words, blocks and directives
// stand.
func TestSpans(t *testing.T) {
	const text = "# a;\nhttp { server \"b c\" 'd'; # {\n location ~ x\\; {\n}\n}"
	all, err := ParseNginx(text)
	if err != nil {
		t.Fatal(err)
	}
	server, location := all[0].Block[0], all[0].Block[1]
	for _, s := range []struct {
		span
		want string
	}{
		{all[0].span, text[5:]}, {all[0].words[0], "http"}, {server.span, "server \"b c\" 'd';"}, {server.words[1], `"b c"`}, {server.words[2], "'d'"},
		{location.span, "location ~ x\\; {\n}"}, {location.words[2], "x\\;"},
	} {
		if got := text[s.start:s.end]; got != s.want {
			t.Errorf("%q, want %q", got, s.want)
		}
	}
}
