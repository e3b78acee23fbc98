package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/bounded"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/secrets"
)

// secretsOptions are the flags of secrets.
type secretsOptions struct {
	names                   secrets.Names
	from, harborCfg, output string
	cephFSUser              string
	cephFSInTree            bool

	files, sources map[string]*string // by flag
}

// sourceFlags are the flags that say where a password comes from.
var sourceFlags = []struct{ name, secret, key, usage string }{
	{"admin-password-from", "", secrets.AdminPassword, "the first password of Harbor's admin"},
	{"database-password-from", secrets.Database, secrets.Password, "the password of the MySQL user"},
	{"redis-password-from", secrets.Redis, secrets.Password, "the password of Redis"},
	{cephFSKeyFlag, "", "", "the key of the CephFS user"},
}

const cephFSKeyFlag = "cephfs-key-from"

// fileFlags are the flags that name a file with a key or certificate.
var fileFlags = []struct{ name, key, usage string }{
	{"token-key", secrets.TokenKey, "`FILE` with the key that signs tokens"},
	{"token-cert", secrets.TokenCert, "`FILE` with the certificate of that key"},
	{"https-key", secrets.HTTPSKey, "`FILE` with the key of nginx for https"},
	{"https-cert", secrets.HTTPSCert, "`FILE` with the certificate of that key"},
}

// newSecrets is the command that makes Secrets, with the one that checks them.
func newSecrets(s streams) *cobra.Command {
	o := &secretsOptions{files: map[string]*string{}, sources: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Make the Secrets that Harbor needs, or fill in what they lack",
		Long: `secrets prints the Secrets that Harbor, the database, Redis and CephFS need:
random values, passwords, and the key that signs tokens with its certificate.
It is the only command whose output differs each time: keep it.

For a Harbor that runs already, --from, --harbor-cfg and the files of keys give
what is in use. That is kept, and only what is missing is made. A value that
cannot work is an error, a weak one a warning.

Passwords are not given on the command line, where others can see them, but as
env:NAME, file:PATH or - for stdin. One line break at the end does not count.`,
		Example: `  krmfn secrets --namespace harbor | kubectl create -f -
  krmfn secrets --harbor-cfg harbor.cfg --redis-password-from env:REDIS_PASSWORD -o secrets
  kubectl get rc,deployment,statefulset,configmap,secret -n harbor -o yaml | krmfn secrets --from - | kubectl apply -f -`,
		GroupID: "commands",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlags(cmd.Flags()); err != nil {
				return err
			}
			return o.run(s)
		},
	}
	cmd.SetFlagErrorFunc(redact)
	all := cmd.PersistentFlags()
	all.StringVar(&o.names.Harbor, "name", "harbor-secrets", "`NAME` of the Secret of Harbor's own values")
	all.StringVar(&o.names.CephFS, "cephfs-secret", "csi-cephfs-secret", "`NAME` of the Secret that the ceph-csi driver reads")
	flags := cmd.Flags()
	flags.StringVarP(&o.names.Namespace, "namespace", "n", "", "`NAMESPACE` of the Secrets, but not of the one for the ceph-csi driver")
	flags.StringVar(&o.names.CephFSNamespace, "cephfs-namespace", "ceph-csi", "`NAMESPACE` of the Secret that the ceph-csi driver reads")
	flags.StringVar(&o.cephFSUser, "cephfs-user", "", "`USER` of CephFS without client., admin if only the key is given")
	flags.BoolVar(&o.cephFSInTree, "cephfs-in-tree", false, "make "+secrets.CephFSInTree+" for the volume plugin inside Kubernetes up to 1.30")
	flags.StringVar(&o.from, "from", "", "keep what the Harbor in `FILE` has in use: its workloads, ConfigMaps and Secrets; - is stdin")
	flags.StringVar(&o.harborCfg, "harbor-cfg", "", "keep the passwords in the harbor.cfg `FILE`, and the keys in the files that it names")
	flags.StringVarP(&o.output, "output", "o", "", "write a file for each Secret to `DIR` instead of printing them")
	for _, f := range sourceFlags {
		o.sources[f.name] = flags.String(f.name, "", "`SOURCE` of "+f.usage+": env:NAME, file:PATH or -")
	}
	for _, f := range fileFlags {
		o.files[f.name] = flags.String(f.name, "", f.usage)
	}
	cmd.AddCommand(newSecretsCheck(s, o))
	return cmd
}

// newSecretsCheck is the command that checks Secrets.
func newSecretsCheck(s streams, o *secretsOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Say what is wrong with Secrets, - is stdin",
		Long: `check reads Secrets and says what is wrong with them: keys that are missing,
values of the wrong length or form, keys and certificates that do not belong
together, certificates that expire. It shows no value.`,
		Example: `  krmfn secrets check secrets/*.yaml
  kubectl get secret -n harbor -o yaml | krmfn secrets check -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("give the Secrets: files, or - for stdin")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return o.check(s, args) },
	}
	cmd.SetFlagErrorFunc(redact)
	return cmd
}

// noArguments refuses arguments without repeating them: one may be a password.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return errors.New("secrets takes flags only, krmfn secrets check takes files")
	}
	return nil
}

func (o *secretsOptions) run(s streams) error {
	request, err := o.request(s)
	if err != nil {
		return err
	}
	maker := secrets.Maker{Random: rand.Reader, Now: time.Now, KeyBits: 4096}
	made, found, err := maker.Make(request)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		s.say("krmfn secrets:")
	}
	for _, f := range found {
		s.say("  %s", f)
	}
	if found.Failed() {
		return errFindings
	}
	if o.output != "" {
		return writeSecrets(o.output, o.names, made)
	}
	out, err := secrets.Write(o.names, made)
	if err != nil {
		return err
	}
	_, err = s.out.Write(out)
	return err
}

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
	file, err := read(s, o.from)
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

// writeSecrets writes a file for each Secret, all of them or none. A file that
// is there already is never touched.
func writeSecrets(dir string, n secrets.Names, all []secrets.Secret) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	var written []string
	defer func() {
		for _, path := range written {
			if err != nil {
				os.Remove(path)
			}
		}
	}()
	for _, s := range all {
		content, err := secrets.Write(n, []secrets.Secret{s})
		if err != nil {
			return err
		}
		path := filepath.Join(dir, s.Name+".yaml")
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf("%s exists and is not overwritten: nothing is written", path)
		case err != nil:
			return fmt.Errorf("writing %w", err)
		}
		written = append(written, path)
		// With the line files can be put together.
		_, err = fmt.Fprintf(file, "---\n%s", content)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("writing %w", err)
		}
	}
	return nil
}

// check prints what is wrong with the Secrets in the files.
func (o *secretsOptions) check(s streams, paths []string) error {
	if err := o.names.Validate(); err != nil {
		return err
	}
	failed := false
	var names []string
	for i, path := range paths {
		if path == krm.Stdin && slices.Contains(paths[:i], path) {
			return errors.New("- means standard input and can be given only once")
		}
		file, err := read(s, path)
		if err != nil {
			return err
		}
		existing, err := secrets.Read(o.names, file.Content)
		checked, found := secrets.Check(o.names, existing.Secrets, time.Now())
		switch {
		case err != nil:
			found = secrets.Findings{{Severity: framework.Error, Message: err.Error()}}
		case len(checked) == 0:
			found = append(found, secrets.Finding{Severity: framework.Error, Message: "holds no Secret that is known"})
		}
		for _, f := range found {
			fmt.Fprintln(s.out, printable("%s: %s", file, f))
		}
		failed = failed || found.Failed()
		names = append(names, checked...)
	}
	if failed {
		return errFindings
	}
	fmt.Fprintln(s.out, printable("ok: %s", strings.Join(names, ", ")))
	return nil
}
