package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"krmfn.dev/harbor/internal/krm"
)

// checkFlags refuses a flag that is empty, as from a variable of the shell that
// is not set (without --from all passwords would be new ones), and stdin for two
// flags.
func checkFlags(flags *pflag.FlagSet) error {
	var errs []error
	stdinTaken := false
	flags.Visit(func(f *pflag.Flag) {
		switch f.Value.String() {
		case "":
			errs = append(errs, fmt.Errorf("--%s is empty", f.Name))
		case krm.Stdin:
			if stdinTaken {
				errs = append(errs, fmt.Errorf("--%s: - means standard input and can be given only once", f.Name))
			}
			stdinTaken = true
		}
	})
	return errors.Join(errs...)
}

// redact cuts the rest of the argument from pflag's error: in -pPASSWORD it is a
// password.
func redact(_ *cobra.Command, err error) error {
	message, _, _ := strings.Cut(err.Error(), " in -")
	return errors.New(message)
}

// readPassword reads a password from env:NAME, file:PATH or -. What is no source
// may be the password itself and is not repeated.
func readPassword(s streams, source string) (string, error) {
	kind, where, _ := strings.Cut(source, ":")
	text := ""
	switch {
	case kind == "env":
		value, ok := os.LookupEnv(where)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", where)
		}
		text = value
	case kind == "file" || source == krm.Stdin:
		if kind == "file" {
			source = where
		}
		file, err := read(s, source)
		if err != nil {
			return "", err
		}
		text = string(file.Content)
	default:
		return "", errors.New("is none of env:NAME, file:PATH and - (a password itself does not belong on the command line, where others can see it)")
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if text == "" {
		return "", errors.New("is empty")
	}
	return text, nil
}
