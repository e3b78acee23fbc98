package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/secrets"
)

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

// check prints what is wrong with the Secrets in the files.
func (o *secretsOptions) check(s streams, paths []string) error {
	if err := o.configure(s); err != nil {
		return err
	}
	failed := false
	var all []string
	for i, path := range paths {
		if path == krm.Stdin && slices.Contains(paths[:i], path) {
			return errors.New("- means standard input and can be given only once")
		}
		file, err := readManifests(s, path)
		if err != nil {
			return err
		}
		existing, err := secrets.Read(o.names, file.Content)
		names := o.names
		names.Generation = cmp.Or(names.Generation, existing.Generation)
		checked, found := secrets.Check(names, existing.Secrets, time.Now())
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
		all = append(all, checked...)
	}
	if failed {
		return errFindings
	}
	fmt.Fprintln(s.out, printable("ok: %s", strings.Join(all, ", ")))
	return nil
}
