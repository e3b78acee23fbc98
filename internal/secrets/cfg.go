package secrets

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
)

// FromCfg returns what Harbor's own harbor.cfg and the files it names hold: the
// passwords, the secret key, and with ui_url_protocol https its key and
// certificate. Empty passwords do not count.
//
// read reads a file that harbor.cfg names. A secret key that does not exist is
// no error, since harbor.cfg names one before Harbor was ever started. Nor is a
// key that harbor.cfg does not have, such as a misspelled db_password. The
// findings about both are for Request.IfMade.
func FromCfg(n Names, text string, read func(path string) ([]byte, error)) ([]Value, Findings, error) {
	cfg, errs := harbor.ParseCfg(text)
	if len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	get := func(name string) string {
		entry, _ := cfg.Get(name)
		return entry.Value
	}
	var values []Value
	add := func(secret, key, name, text string) {
		values = append(values, Value{Secret: secret, Key: key, Text: text, Source: name + " of harbor.cfg"})
	}
	for _, use := range harbor.CfgSecrets() {
		if text := get(use.Cfg); text != "" {
			add(n.nameOf(use.In), n.keyOf(use), use.Cfg, text)
		}
	}

	var found Findings
	for _, e := range cfg {
		if _, known := e.Key(); !known {
			found.add(framework.Warning, "", "", "harbor.cfg line %d: %s", e.Line, e.Unknown())
		}
	}
	if folder := get("secretkey_path"); folder != "" {
		file := path.Join(folder, "secretkey")
		content, err := read(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			found.add(framework.Warning, n.Harbor, n.Key(harbor.AESKey),
				"is not in %s (secretkey_path of harbor.cfg): a Harbor that ran before has it elsewhere, and cannot decrypt what it stored with another one", file)
		case err != nil:
			return nil, nil, fmt.Errorf("secretkey_path: reading %w", err)
		default:
			add(n.Harbor, n.Key(harbor.AESKey), "secretkey_path", string(content))
		}
	}
	if get("ui_url_protocol") != "https" {
		return values, found, nil
	}
	for _, f := range [][2]string{{"ssl_cert", n.Key(harbor.TLSCert)}, {"ssl_cert_key", n.Key(harbor.TLSKey)}} {
		file := get(f[0])
		if file == "" {
			return nil, nil, fmt.Errorf("%s is missing, and ui_url_protocol is https", f[0])
		}
		content, err := read(file)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: reading %w", f[0], err)
		}
		add(n.Harbor, f[1], f[0], string(content))
	}
	return values, found, nil
}
