package applyharborcfg_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions/applyharborcfg"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// TestK8sPrepare compares with what upstream's script k8s-prepare makes of the
// same harbor.cfg: its templates with the values filled in. Secrets and keys are
// left out, k8s-prepare makes them at random. What it ignores, and we do not,
// stands in a table.
func TestK8sPrepare(t *testing.T) {
	upstream := golden.Corpus(t, "harbor-1.2.0")
	stock := golden.Read(t, filepath.Join(upstream, "harbor.cfg"))

	// The stock file, and one in which every key that k8s-prepare honours
	// differs from it.
	https := strings.NewReplacer(
		"hostname = reg.mydomain.com", "hostname = hub.example.com:30443",
		"ui_url_protocol = http", "ui_url_protocol = https",
		"db_password = root123", "db_password = CHANGE-ME-PLEASE",
		"max_job_workers = 3", "max_job_workers = 7",
		"email_server = smtp.mydomain.com", "email_server = mail.example.com",
		"email_server_port = 25", "email_server_port = 465",
		"email_username = sample_admin@mydomain.com", "email_username = harbor",
		"email_password = abc", "email_password = a#b;c",
		"email_from = admin <sample_admin@mydomain.com>", "email_from = Harbor <harbor@example.com>",
		"email_ssl = false", "email_ssl = true",
		"auth_mode = db_auth", "auth_mode = ldap_auth",
		"self_registration = on", "self_registration = off",
		"db_host = mysql", "db_host = mysql.example.com",
	).Replace(stock)

	for name, text := range map[string]string{"stock": stock, "https": https} {
		t.Run(name, func(t *testing.T) {
			cfg, errs := harbor.ParseCfg(text)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			got := apply(t, text, applyharborcfg.ApplyHarborCfg{})
			for _, component := range []string{"adminserver", "jobservice", "mysql", "nginx", "registry", "ui"} {
				template := golden.Read(t, filepath.Join(upstream, "templates", component+".cm.yaml"))
				want := yaml.MustParse(fill(t, template, cfg))
				wanted := krm.Strings(want, "data")
				if component == "adminserver" {
					ignored(cfg, wanted)
				}
				if protocol, _ := cfg.Get("ui_url_protocol"); protocol.Value == "https" && component == "nginx" {
					withTLS(wanted)
				}
				is := got["harbor-"+component+"-config"]
				for key, value := range wanted {
					if strings.Contains(value, random) {
						continue
					}
					if d := cmp.Diff(squeeze(value), squeeze(is[key])); d != "" {
						t.Errorf("%s %s differs from k8s-prepare (-want +got):\n%s", component, key, d)
					}
				}
			}
		})
	}
}

// withTLS adds the TLS server to an nginx.conf. k8s-prepare wrote the certificate,
// and left it to people to make nginx read it.
func withTLS(wanted map[string]string) {
	const listen, last = "listen 80;", "}\n    }\n}\n"
	conf := strings.Replace(wanted["config"], listen, `listen 443 ssl;
        ssl_certificate /etc/nginx/https.crt;
        ssl_certificate_key /etc/nginx/https.key;
        ssl_protocols TLSv1.2;
        ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
        ssl_prefer_server_ciphers on;
        ssl_session_cache shared:SSL:10m;
        proxy_cookie_path / "/; secure";`, 1)
	wanted["config"] = strings.Replace(conf, last, `}
    }
    server {
        listen 80;
        server_name hub.example.com:30443;
        return 301 https://hub.example.com:30443$request_uri;
    }
}
`, 1)
}

// random stands for what k8s-prepare makes at random.
const random = "RANDOM"

var placeholder = regexp.MustCompile(`{{(?:\d+ )?([a-z_]+)}}`)

// fill does what k8s-prepare does with a template.
func fill(t *testing.T, template string, cfg harbor.Cfg) string {
	value := func(name string) string {
		e, ok := cfg.Get(name)
		if !ok {
			t.Fatalf("harbor.cfg has no %s", name)
		}
		return e.Value
	}
	return placeholder.ReplaceAllStringFunc(template, func(p string) string {
		switch name := placeholder.FindStringSubmatch(p)[1]; name {
		case "ui_secret", "jobservice_secret", "secret_key", "auth_pkey", "auth_cert":
			return random
		case "ui_url":
			return value("ui_url_protocol") + "://" + value("hostname")
		case "https_pkey", "https_cert":
			if value("ui_url_protocol") == "http" {
				return "USE_HTTP"
			}
			return map[string]string{"https_pkey": certificates["server.key"], "https_cert": certificates["server.crt"]}[name]
		default:
			return value(name)
		}
	})
}

var certificates = map[string]string{"server.key": "CHANGE-ME-PLEASE key", "server.crt": "CHANGE-ME-PLEASE certificate"}

// ignored puts the keys into the adminserver's data that k8s-prepare leaves as
// they stand in the template.
func ignored(cfg harbor.Cfg, data map[string]string) {
	for variable, name := range map[string]string{
		"MYSQL_HOST": "db_host", "MYSQL_PORT": "db_port", "MYSQL_USR": "db_user",
		"AUTH_MODE": "auth_mode", "SELF_REGISTRATION": "self_registration", "TOKEN_EXPIRATION": "token_expiration",
		"PROJECT_CREATION_RESTRICTION": "project_creation_restriction", "ADMIRAL_URL": "admiral_url",
		"LDAP_URL": "ldap_url", "LDAP_SEARCH_DN": "ldap_searchdn", "LDAP_SEARCH_PWD": "ldap_search_pwd",
		"LDAP_BASE_DN": "ldap_basedn", "LDAP_FILTER": "ldap_filter", "LDAP_UID": "ldap_uid",
		"LDAP_SCOPE": "ldap_scope", "LDAP_TIMEOUT": "ldap_timeout",
		"EMAIL_HOST": "email_server", "EMAIL_PORT": "email_server_port", "EMAIL_USR": "email_username",
		"EMAIL_PWD": "email_password", "EMAIL_FROM": "email_from", "EMAIL_SSL": "email_ssl",
		"EMAIL_IDENTITY": "email_identity", "EMAIL_INSECURE": "email_insecure",
	} {
		if e, ok := cfg.Get(name); ok {
			data[variable] = e.Value
		}
	}
}

// TestDecided has the address from another section: nginx needs its certificate
// all the same, unless that comes from a Secret.
func TestDecided(t *testing.T) {
	const text = "hostname = hub.example.com\nui_url_protocol = https\nssl_cert = /data/cert/server.crt\nssl_cert_key = /data/cert/server.key\n"
	decided := map[string]applyharborcfg.Decision{"hostname": {Field: "url", Value: "hub.example.com"}, "ui_url_protocol": {Field: "url", Value: "https"}}
	for reason, want := range map[string]string{"": certificates["server.key"], "spec.secrets takes them from a Secret": "CHANGE-ME-PLEASE"} {
		got := apply(t, text, applyharborcfg.ApplyHarborCfg{Decided: decided, NoCertificate: reason})
		if is := got["harbor-nginx-config"]["pkey"]; is != want {
			t.Errorf("not used: %q, and the key of nginx is %q, want %q", reason, is, want)
		}
		if is := got["harbor-adminserver-config"]["EXT_ENDPOINT"]; is != "http://reg.mydomain.com" {
			t.Errorf("the address is %q, and another section sets it", is)
		}
	}
}

// apply runs the function on the base.
func apply(t *testing.T, text string, settings applyharborcfg.ApplyHarborCfg) map[string]map[string]string {
	base, err := kio.LocalPackageReader{PackagePath: "../../base/harbor-1.2"}.Read()
	if err != nil {
		t.Fatal(err)
	}
	files := krm.Map("harbor.cfg", text, "server.key", certificates["server.key"], "server.crt", certificates["server.crt"])
	base = append(base, yaml.NewRNode(krm.Map("apiVersion", "v1", "kind", "ConfigMap", "metadata",
		krm.Map("name", "harbor-cfg", "annotations", krm.Map("config.kubernetes.io/local-config", "true")), "data", files)))
	list := &framework.ResourceList{Items: base}
	settings.ConfigMap = "harbor-cfg"
	if err := settings.Run(list); err != nil {
		t.Fatal(err)
	}
	data := map[string]map[string]string{}
	for _, obj := range list.Items {
		if obj.GetKind() == "ConfigMap" {
			data[obj.GetName()] = krm.Strings(obj, "data")
		}
	}
	return data
}

// squeeze drops what the base does not take from upstream: comments, empty
// lines and space at the end of lines.
func squeeze(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
