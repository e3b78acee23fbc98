package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/render"
)

// newRender is the command that builds a kustomization.
func newRender(s streams, verbose *bool) *cobra.Command {
	o := render.Options{Group: functions.Group, Stderr: s.err, Check: functions.Catalog.CheckBuilt}
	cmd := &cobra.Command{
		Use:   "render DIR",
		Short: "Build a kustomization: kustomize is inside, nothing else is needed",
		Long: `render prints what kustomize build --enable-alpha-plugins DIR prints. The
functions of this program run from it directly, whether their configs say
container or exec. Other functions need the flags that kustomize needs, and are
refused without them. A function config under resources, where it changes
nothing, is an error.`,
		GroupID: "commands",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("give one directory with a kustomization: krmfn render DIR")
			}
			if *verbose {
				o.Args = []string{"--verbose"}
			}
			if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
				return fmt.Errorf("building %s: is a file, give the directory of a kustomization; krmfn FUNCTION CONFIG FILE runs a function on files", args[0])
			}
			out, err := render.Build(args[0], o)
			if err != nil {
				return err
			}
			_, err = s.out.Write(out)
			return err
		},
	}
	// Names and defaults are those of kustomize build.
	flags := cmd.Flags()
	flags.BoolVar(&o.EnableAlphaPlugins, "enable-alpha-plugins", false, "run other functions too")
	flags.BoolVar(&o.Functions.EnableExec, "enable-exec", false, "let other functions be executables; needs --enable-alpha-plugins")
	flags.BoolVar(&o.Functions.Network, "network", false, "let other functions that ask for it use the network")
	flags.StringArrayVar(&o.Functions.Mounts, "mount", nil, "mount for other functions in containers")
	flags.StringArrayVarP(&o.Functions.Env, "env", "e", nil, "environment variable for other functions")
	flags.BoolVar(&o.Functions.AsCurrentUser, "as-current-user", false, "run other functions in containers as the current user")
	flags.StringVar(&o.LoadRestrictor, "load-restrictor", "LoadRestrictionsRootOnly",
		"LoadRestrictionsRootOnly, or LoadRestrictionsNone to read files outside of the kustomization")
	flags.BoolVar(&o.Helm.Enabled, "enable-helm", false, "let the kustomization use Helm charts")
	flags.StringVar(&o.Helm.Command, "helm-command", "helm", "the helm program")
	return cmd
}
