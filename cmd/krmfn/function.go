package main

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/krm"
)

// newFunction is the command of one function.
func newFunction(s streams, f krm.Function, verbose *bool) *cobra.Command {
	return &cobra.Command{
		Use:     f.Name + " [CONFIG FILE...]",
		Short:   f.Summary(),
		Long:    f.Manual,
		GroupID: "functions",
		RunE: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return runList(s, f.Name, *verbose)
			case 1:
				return errors.New("give the manifests too: files, or - for stdin")
			}
			return runFiles(s, f.Name, args, *verbose)
		},
	}
}

// runFiles runs the function with the config in the first file on the manifests
// in the others.
func runFiles(s streams, name string, paths []string, verbose bool) error {
	var files []krm.File
	for i, p := range paths {
		if p == krm.Stdin && slices.Contains(paths[:i], p) {
			return errors.New("- means standard input and can be given only once")
		}
		file, err := readManifests(s, p)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	return write(s, functions.Catalog.RunFiles(name, files[0], files[1:]), verbose)
}
