package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"krmfn.dev/harbor/internal/bounded"
	"krmfn.dev/harbor/internal/secrets"
)

// request gathers what the flags lead to.
func (o *secretsOptions) request(s streams) (secrets.Request, error) {
	r := secrets.Request{Names: o.names}
	if err := o.names.Validate(); err != nil {
		return r, err
	}
	if o.cephFSInTree && o.cephFSUser != "" {
		return r, errors.New("--cephfs-user: the volume plugin inside Kubernetes reads the user from the volume: leave it out")
	}
	if o.cephFSInTree && *o.sources[cephFSKeyFlag] == "" {
		return r, errors.New("--cephfs-in-tree: give the key with --" + cephFSKeyFlag)
	}
	if o.from != "" {
		var err error
		if r.Existing, err = o.readExisting(s); err != nil {
			return r, fmt.Errorf("--from: %w", err)
		}
	}
	if o.harborCfg != "" {
		values, found, err := o.readHarborCfg()
		if err != nil {
			return r, fmt.Errorf("--harbor-cfg: %w", err)
		}
		r.Given, r.IfMade = values, found
	}
	for _, f := range fileFlags {
		path := *o.files[f.name]
		if path == "" {
			continue
		}
		content, err := bounded.Read(path)
		if err != nil {
			return r, fmt.Errorf("--%s: %w", f.name, err)
		}
		r.Given = append(r.Given, secrets.Value{Secret: o.names.Harbor, Key: f.key, Text: string(content), Source: "--" + f.name})
	}
	values, err := o.readSources(s)
	r.Given = append(r.Given, values...)
	return r, err
}

// readExisting reads --from. To find nothing there is an error: Harbor would
// get a new secret key and could no longer decrypt what it stored.
func (o *secretsOptions) readExisting(s streams) (secrets.Existing, error) {
	file, err := readManifests(s, o.from)
	if err != nil {
		return secrets.Existing{}, err
	}
	existing, err := secrets.Read(o.names, file.Content)
	if err == nil && !existing.Known(o.names) {
		err = errors.New("holds nothing of Harbor: neither a workload nor a ConfigMap or Secret")
	}
	if err != nil {
		return secrets.Existing{}, fmt.Errorf("%s: %w", file, err)
	}
	return existing, nil
}

func (o *secretsOptions) readHarborCfg() ([]secrets.Value, secrets.Findings, error) {
	content, err := bounded.Read(o.harborCfg)
	if err != nil {
		return nil, nil, err
	}
	return secrets.FromCfg(o.names, string(content), func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(o.harborCfg), path)
		}
		return bounded.ReadRegular(path)
	})
}

func (o *secretsOptions) readSources(s streams) ([]secrets.Value, error) {
	var values []secrets.Value
	for _, f := range sourceFlags {
		source := *o.sources[f.name]
		if source == "" {
			continue
		}
		text, err := readPassword(s, source)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", f.name, err)
		}
		v := secrets.Value{Secret: f.secret, Key: f.key, Text: text, Source: "--" + f.name}
		switch {
		case f.name == cephFSKeyFlag && o.cephFSInTree:
			v.Secret, v.Key = secrets.CephFSInTree, secrets.CephFSKey
		case f.name == cephFSKeyFlag:
			v.Secret, v.Key = o.names.CephFS, secrets.CephFSUserKey
		case f.secret == "":
			v.Secret = o.names.Harbor
		}
		values = append(values, v)
	}
	user := o.cephFSUser
	if user == "" && *o.sources[cephFSKeyFlag] != "" && !o.cephFSInTree {
		user = "admin"
	}
	if user != "" {
		values = append(values, secrets.Value{Secret: o.names.CephFS, Key: secrets.CephFSUserID, Text: user, Source: "--cephfs-user"})
	}
	return values, nil
}
