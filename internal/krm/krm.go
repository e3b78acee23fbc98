// Package krm is the contract between a KRM function and whoever runs it: what
// a function is, how its settings are decoded, how it edits objects and reports
// findings, and how a ResourceList is read and written. It knows nothing of
// Harbor.
//
// It runs functions itself instead of through kyaml's framework.Execute, which
// accepts an empty input, drops earlier results, exits 0 on error results and
// removes an internal annotation (KRM Functions Specification v1 asks for the
// opposite each time).
//
// Plain manifests are cut into documents (yaml.go) before they are parsed. Each
// keeps its text until a function changes its object; then the lines that differ
// are written into it (patch.go), and what comes out is read back. Only where that
// is not possible is an object written anew.
package krm

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/agnivade/levenshtein"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
)

// Runner is the settings of a function, decoded from spec of its function
// config, together with what the function does with them.
//
// Run edits the items of the list in place through Set, Remove, Add and Delete,
// which record a finding for each edit. It returns an error when the job could
// not be done; none of its edits is then written. A setting is at fault in a
// FieldError; several errors come joined (errors.Join).
type Runner interface {
	Run(list *framework.ResourceList) error
}

// Validator is a Runner that checks its settings before anything is edited.
type Validator interface {
	// Validate returns a FieldError, or several joined.
	Validate() error
}

// Function is a KRM function.
type Function struct {
	// Name is the subcommand, e.g. set-replicas.
	Name string
	// Manual is the README of the function, Markdown.
	Manual string
	// New makes settings that are not filled in yet: a pointer to a struct
	// whose type is named after the Kind of the function config.
	New func() Runner
	// Validates says that it changes nothing: a kustomization lists its config
	// under validators, those of all others under transformers.
	Validates bool
}

// Kind is the kind of the function config: the name of the settings' type.
func (f Function) Kind() string {
	return reflect.TypeOf(f.New()).Elem().Name()
}

// Summary is the first sentence of the manual.
func (f Function) Summary() string {
	for line := range strings.Lines(f.Manual) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "<!--") {
			continue
		}
		return line
	}
	return ""
}

// Catalog is the functions of one program.
type Catalog struct {
	// APIVersion of every function config, e.g. harbor.krmfn.dev/v1alpha1.
	APIVersion string
	Functions  []Function
	// Around, where it is set, is called before a function that changes something,
	// and what it returns after it, unless that has failed: for what has to follow
	// any edit.
	Around func(list *framework.ResourceList) (after func() error)
}

// ByName finds the function of a subcommand.
func (c Catalog) ByName(name string) (Function, bool) {
	for _, f := range c.Functions {
		if f.Name == name {
			return f, true
		}
	}
	return Function{}, false
}

// byConfig finds the function that a function config is for.
func (c Catalog) byConfig(apiVersion, kind string) (Function, error) {
	if apiVersion == "v1" && kind == "ConfigMap" {
		return Function{}, fmt.Errorf("the function config is a ConfigMap, which does not say which function is meant: "+
			"name the function (krmfn NAME) or write the config as apiVersion %s and one of the kinds %s", c.APIVersion, strings.Join(c.kinds(), ", "))
	}
	if apiVersion != c.APIVersion {
		return Function{}, c.wrongVersion(apiVersion)
	}
	for _, f := range c.Functions {
		if f.Kind() == kind {
			return f, nil
		}
	}
	return Function{}, wrongKind(kind, Nearest(kind, c.kinds()))
}

func (c Catalog) wrongVersion(apiVersion string) error {
	if apiVersion == "" {
		return FieldErrorf("apiVersion", "is missing, want %s", c.APIVersion).inConfig()
	}
	return FieldErrorf("apiVersion", "%q is not known, want %s", apiVersion, c.APIVersion).inConfig()
}

func wrongKind(kind, want string) error {
	if kind == "" {
		return FieldErrorf("kind", "is missing, %s", want).inConfig()
	}
	return FieldErrorf("kind", "%q is not known, %s", kind, want).inConfig()
}

func (c Catalog) kinds() []string {
	var kinds []string
	for _, f := range c.Functions {
		kinds = append(kinds, f.Kind())
	}
	return kinds
}

// Nearest says which of the known names was probably meant, and lists them all.
func Nearest(name string, known []string) string {
	best, distance := "", 1+len(name)/2
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	all := "known are " + Joined(known)
	switch {
	case best == "":
		return all
	case len(known) > 12:
		return fmt.Sprintf("did you mean %s?", best)
	}
	return fmt.Sprintf("did you mean %s? (%s)", best, all)
}

// Joined lists names in a message, "none" where there is none.
func Joined(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
