package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/bounded"
	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/secrets"
)

// request gathers what the flags lead to.
func (o *secretsOptions) request(s streams) (secrets.Request, error) {
	if err := o.configure(s); err != nil {
		return secrets.Request{}, err
	}
	r := secrets.Request{Names: o.names}
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
		if err := o.adopt(r.Existing); err != nil {
			return r, fmt.Errorf("--from: %w", err)
		}
		r.Names = o.names
	}
	if o.of2 != "" && o.names.Generation != harbor.V2 {
		return r, fmt.Errorf("--config: has %s, which Harbor 2.x alone knows: add --harbor 2", o.of2)
	}
	r.IfMade = o.notMade
	if o.harborCfg != "" {
		values, found, err := o.readHarborCfg()
		if err != nil {
			return r, fmt.Errorf("--harbor-cfg: %w", err)
		}
		r.Given, r.IfMade = values, append(r.IfMade, found...)
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
		at := o.names.Own(f.form)
		if at.Key == "" {
			return r, fmt.Errorf("--%s: Harbor 2.x takes TLS from a Secret of its own: kubectl create secret tls", f.name)
		}
		r.Given = append(r.Given, secrets.Value{Secret: at.Name, Key: at.Key, Text: string(content), Source: "--" + f.name})
	}
	values, err := o.readSources(s)
	r.Given = append(r.Given, values...)
	return r, err
}

// settingsOf2 are settings of HarborHA that Harbor 2.x alone knows.
var settingsOf2 = []krm.Path{{"replicas", "core"}, {"replicas", "portal"}, {"jobLogs"}, {"redis", "sentinels"}, {"database", "sslMode"},
	{"database", "maxOpenConnections"}}

// onlyOf2 is the first such setting that is there, or nothing.
func onlyOf2(spec *yaml.RNode) string {
	for _, p := range settingsOf2 {
		if krm.Lookup(spec, p...) != nil {
			return p.String()
		}
	}
	return ""
}

// configure reads --config and --harbor.
func (o *secretsOptions) configure(s streams) error {
	if o.release != "" {
		var err error
		if o.names.Generation, err = secrets.ParseGeneration(o.release); err != nil {
			return fmt.Errorf("--harbor: %w", err)
		}
	}
	if o.config != "" {
		file, err := readManifests(s, o.config)
		if err != nil {
			return fmt.Errorf("--config: %w", err)
		}
		spec, err := functions.Catalog.SpecOf("harbor-ha", file)
		if err != nil {
			return fmt.Errorf("--config: %s: %s; if it is the patch of an overlay, render it: krmfn render FOLDER | krmfn secrets --config -",
				file, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		o.of2 = onlyOf2(spec)
		o.notMade = o.names.Configure(spec)
		if *o.sources[cephFSKeyFlag] != "" {
			o.notMade = slices.DeleteFunc(o.notMade, func(f secrets.Finding) bool { return f.Secret == o.names.CephFS })
		}
	}
	return o.names.Validate()
}

// adopt takes the generation of the Harbor that is there, and who it logs in to its
// registry as.
func (o *secretsOptions) adopt(e secrets.Existing) error {
	if e.Generation != 0 && o.names.Generation != 0 && e.Generation != o.names.Generation {
		return fmt.Errorf("is Harbor %s, and --harbor says %s", e.Generation, o.release)
	}
	o.names.Generation = cmp.Or(e.Generation, o.names.Generation)
	o.names.RegistryUser = e.Running.RegistryUser
	// The Redis of the chart has no password, unless one is found or asked for.
	o.names.NoRedis = o.names.NoRedis || e.Generation == harbor.V2 && o.names.Redis.Key == ""
	return nil
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
		v := secrets.Value{Text: text, Source: "--" + f.name}
		switch {
		case f.name == cephFSKeyFlag && o.cephFSInTree:
			v.Secret, v.Key = secrets.CephFSInTree, secrets.CephFSKey
		case f.name == cephFSKeyFlag:
			v.Secret, v.Key = o.names.CephFS, secrets.CephFSUserKey
		default:
			at := f.value(o.names)
			v.Secret, v.Key = at.Name, at.Key
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
