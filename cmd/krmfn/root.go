package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/show"
)

// version is set when a release is built.
var version = "dev"

func newRoot(s streams) *cobra.Command {
	var verbose bool
	root := &cobra.Command{
		Use:   "krmfn",
		Short: "KRM functions that make Harbor on Kubernetes highly available",
		Long: `krmfn makes the manifests of a single-node Harbor highly available.

Without arguments it is a KRM function: it reads a ResourceList on stdin, runs
the function that functionConfig names, and writes the ResourceList to stdout.
kustomize, kpt and Argo CD run it like that.`,
		Example: `  krmfn render overlays/harbor-1.2-ha
  krmfn set-replicas config.yaml manifests/*.yaml
  kubectl kustomize base/harbor-1.2 | krmfn set-replicas config.yaml -`,
		Version:       versionString(),
		Args:          known,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, ok := terminal(s.in); ok {
				return cmd.Help()
			}
			return runList(s, "", verbose)
		},
	}
	root.SetOut(s.out)
	root.SetErr(show.NewLines(s.err)) // cobra repeats arguments in it
	// No template of cobra is set, the one for --version neither: text/template
	// keeps the linker from dropping methods, which makes the program 3 MB larger.
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().BoolVarP(&verbose, "verbose", "v", false, "show info findings too: one line on stderr for each edit")
	root.AddGroup(
		&cobra.Group{ID: "functions", Title: "Functions:"},
		&cobra.Group{ID: "commands", Title: "Commands:"},
	)
	root.SetHelpCommand(newHelp(root))
	root.AddCommand(newRender(s, &verbose), newValidate(s, &verbose), newRules(s), newSecrets(s), newDatabase(s), newList(s))
	for _, f := range functions.Catalog.Functions {
		root.AddCommand(newFunction(s, f, &verbose))
	}
	return root
}

// newHelp is the command help. That of cobra exits 0 for what it does not know.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Help about any command",
		GroupID: "commands",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err == nil {
				err = known(cmd, rest)
			}
			if err != nil {
				return err
			}
			return cmd.Help()
		},
	}
}

// known refuses an argument that is no command.
func known(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("there is no command %s, %s", args[0], krm.Nearest(args[0], names))
}

func versionString() string {
	if version == "dev" {
		if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") {
			return info.Main.Version
		}
	}
	return version
}

// runList is the KRM function: a ResourceList in, a ResourceList out.
func runList(s streams, name string, verbose bool) error {
	in, err := read(s, krm.Stdin)
	if err != nil {
		return write(s, functions.Catalog.Fail(name, err), verbose)
	}
	return write(s, functions.Catalog.Run(in.Content, name), verbose)
}

// write writes the result to stdout in one piece, and the findings to stderr.
func write(s streams, o krm.Outcome, verbose bool) error {
	if _, err := s.out.Write(o.Output); err != nil {
		return err
	}
	s.printFindings(o, verbose)
	if o.Failed() {
		return errFindings
	}
	return nil
}
