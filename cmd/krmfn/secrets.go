package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/secrets"
)

// secretsOptions are the flags of secrets.
type secretsOptions struct {
	names                   secrets.Names
	from, harborCfg, output string
	config, release         string
	notMade                 secrets.Findings
	// of2 is a setting of --config that Harbor 2.x alone knows.
	of2          string
	cephFSUser   string
	cephFSInTree bool

	files, sources map[string]*string // by flag
}

// sourceFlags are the flags that say where a password comes from.
var sourceFlags = []struct {
	name  string
	value func(secrets.Names) harbor.SecretKey
	usage string
}{
	{"admin-password-from", func(n secrets.Names) harbor.SecretKey { return n.Own(harbor.AdminPassword) }, "the first password of Harbor's admin"},
	{"database-password-from", secrets.Names.DatabasePassword, "the password of the database's user"},
	{"redis-password-from", secrets.Names.RedisPassword, "the password of Redis"},
	{cephFSKeyFlag, nil, "the key of the CephFS user"},
}

const cephFSKeyFlag = "cephfs-key-from"

// fileFlags are the flags that name a file with a key or certificate.
var fileFlags = []struct {
	name  string
	form  harbor.SecretForm
	usage string
}{
	{"token-key", harbor.TokenKey, "`FILE` with the key that signs tokens"},
	{"token-cert", harbor.TokenCert, "`FILE` with the certificate of that key"},
	{"https-key", harbor.TLSKey, "`FILE` with the key of nginx for https"},
	{"https-cert", harbor.TLSCert, "`FILE` with the certificate of that key"},
}

// newSecrets is the command that makes Secrets, with the one that checks them.
func newSecrets(s streams) *cobra.Command {
	o := &secretsOptions{files: map[string]*string{}, sources: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Make the Secrets that Harbor needs, or fill in what they lack",
		Long: `secrets prints the Secrets that Harbor, the database, Redis and CephFS need:
random values, passwords, and the key that signs tokens with its certificate.
They are those of Harbor 1.2 to 1.5, or of the Harbor that --from shows;
--harbor 2 makes those of 2.x, and --config names and keys as a HarborHA has them.
It is the only command whose output differs each time: keep it.

For a Harbor that runs already, --from, --harbor-cfg and the files of keys give
what is in use. That is kept, and only what is missing is made. A value that
cannot work is an error, a weak one a warning.

Passwords are not given on the command line, where others can see them, but as
env:NAME, file:PATH or - for stdin. One line break at the end does not count.`,
		Example: `  krmfn secrets --namespace harbor | kubectl create -f -
  krmfn secrets --harbor 2 --config harbor-ha.yaml -n harbor | kubectl create -f -
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
	all.StringVar(&o.release, "harbor", "", "`RELEASE` of Harbor, such as 2 or 1.2")
	all.StringVar(&o.config, "config", "", "HarborHA in `FILE`, which names Secrets and keys")
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
