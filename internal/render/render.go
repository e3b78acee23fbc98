// Package render builds a kustomization with the kustomize that is linked into
// this binary. The output is that of
//
//	kustomize build --enable-alpha-plugins --enable-exec
//
// to the byte, with one difference in how it comes about: a function of our own
// group runs from this very binary, whether its config names a container image
// or an executable. It needs neither Docker, nor a binary on PATH, nor a flag.
// Any other function is foreign: it needs the flags that kustomize asks for and
// is refused without them. (kustomize itself skips an exec function without a
// word when --enable-exec is missing.)
//
// # How it works
//
// kustomize has no hook for running functions. But it encodes every config of
// an external generator, transformer or validator right before it looks in it
// for what to run: patches, replacements and everything else that shapes a
// config are done by then. That encoding goes through the variable Unmarshal of
// kyaml/yaml, so for the time of a build this package puts its own function
// there. It recognises the encoding of a plugin config by its callers, then
// refuses the config or makes a config of ours name this binary. Nothing else
// changes. Files, remote files, git repositories and inline configs all pass
// this one point, so there is no other way to a function.
//
// # Limits
//
//   - Functions do not run when the root of the kustomization is "/": kyaml
//     refuses that as a working directory.
//   - A function sees its config with the annotation that it is really run by:
//     the path of this binary.
//   - A function annotation that names neither an image nor a path is an error
//     here; kustomize skips such a function.
//   - managedByLabel in buildMetadata holds the version that was linked in as
//     sigs.k8s.io/kustomize/api/provenance.version, else that of this binary.
package render

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"sync"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Options are the flags of kustomize build that change its output, with the
// defaults of kustomize, and the group of our own functions.
type Options struct {
	// Group is the API group of the functions that this binary runs. The binary
	// must be a KRM function when it is run with Args: any of them, chosen by the
	// kind of the function config.
	Group string
	// Args are what this binary is run with as a function.
	Args []string
	// Configure, unless it is nil, is given the config of each function that this
	// binary runs, before it runs, and may change it.
	Configure func(config map[string]any)
	// Check, unless it is nil, is given the objects that were built. Its error is
	// that of Build.
	Check func(objects []*yaml.RNode) error

	// EnableAlphaPlugins allows foreign functions in containers, the older exec
	// and Go plugins and, as in kustomize, Helm.
	EnableAlphaPlugins bool
	// Functions are the options for foreign functions. With EnableAlphaPlugins,
	// EnableExec allows foreign functions that are executables.
	Functions types.FnPluginLoadingOptions
	// Helm are the options for Helm charts. The default of Command is helm.
	Helm types.HelmConfig
	// Stderr gets the warnings of kustomize and the stderr of the functions, each
	// line harmless for a terminal; nil is the stderr of the process.
	Stderr io.Writer
	// LoadRestrictor is LoadRestrictionsRootOnly, the default, or
	// LoadRestrictionsNone.
	LoadRestrictor string
}

// building is held by the one Build that has put its guard into kyaml.
var building sync.Mutex

// Build returns the YAML that kustomize build prints for dir, which is a
// directory or the URL of a git repository. Only regular files of at most
// bounded.Limit bytes are read.
//
// The error names dir. A refused function is named by its config, with what it
// wanted to run and the flags that would allow it. When a function fails,
// kustomize says only that, so the function must have said more on stderr.
//
// Builds wait for each other. While one runs, nothing else in the process may
// use the YAML packages of kyaml.
func Build(dir string, o Options) ([]byte, error) {
	out, err := build(dir, o)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", dir, err)
	}
	return out, nil
}

func build(dir string, o Options) ([]byte, error) {
	options, err := o.kustomize()
	if err != nil {
		return nil, err
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this binary: %w", err)
	}

	building.Lock()
	defer building.Unlock()
	g := &guard{options: o, executable: executable, unmarshal: yaml.Unmarshal}
	yaml.Unmarshal = g.Unmarshal
	defer func() { yaml.Unmarshal = g.unmarshal }()

	restore, err := redirectStderr(cmp.Or[io.Writer](o.Stderr, os.Stderr))
	if err != nil {
		return nil, fmt.Errorf("redirecting stderr: %w", err)
	}
	disk := &regularFiles{FileSystem: filesys.MakeFsOnDisk()}
	resources, err := krusty.MakeKustomizer(options).Run(disk, dir)
	restore()
	if refusal := cmp.Or(g.refusal, disk.refusal); err != nil && refusal != nil {
		return nil, refusal // without what kustomize wraps around it
	}
	if err != nil {
		return nil, err
	}
	if o.Check != nil {
		if err := o.Check(resources.ToRNodeSlice()); err != nil {
			return nil, err
		}
	}
	return resources.AsYaml()
}

// kustomize translates the options as the command kustomize build does, but for
// two things: plugins and exec functions are always on, since ours need them.
// The guard makes up for that.
func (o Options) kustomize() (*krusty.Options, error) {
	plugins := types.EnabledPluginConfig(types.BploUseStaticallyLinked)
	plugins.FnpLoadingOptions = o.Functions
	plugins.FnpLoadingOptions.EnableExec = true
	plugins.HelmConfig = o.Helm
	plugins.HelmConfig.Enabled = o.Helm.Enabled || o.EnableAlphaPlugins
	if o.Helm.Command == "" {
		plugins.HelmConfig.Command = "helm"
	}

	restrictions := types.LoadRestrictionsRootOnly
	switch o.LoadRestrictor {
	case "", types.LoadRestrictionsRootOnly.String():
	case types.LoadRestrictionsNone.String():
		restrictions = types.LoadRestrictionsNone
	default:
		return nil, fmt.Errorf("load restrictor %q is neither %s nor %s", o.LoadRestrictor,
			types.LoadRestrictionsRootOnly, types.LoadRestrictionsNone)
	}

	return &krusty.Options{
		Reorder:           krusty.ReorderOptionUnspecified,
		AddManagedbyLabel: os.Getenv(konfig.EnableManagedbyLabelEnv) == "on",
		LoadRestrictions:  restrictions,
		PluginConfig:      plugins,
	}, nil
}
