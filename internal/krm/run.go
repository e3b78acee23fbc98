package krm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Outcome is what a run leaves behind.
type Outcome struct {
	// Output is one complete ResourceList, or plain YAML in a file run. After a
	// failure it holds the items as they came in.
	Output []byte
	// Findings of this run, without those that were in the list before. In a run
	// on plain manifests those about an object have its file.
	Findings framework.Results
	// Lines are, for findings that have a file in such a run, the line in it of
	// the field, or of the nearest one around it, from 1.
	Lines map[*framework.Result]int
	// Function and Config name what ran, as far as that became known.
	Function, Config string
}

// Failed says whether a finding is an error: the exit status is then 1.
func (o Outcome) Failed() bool { return o.Findings.ExitCode() != 0 }

// Run runs the function that the function config of the ResourceList names, or
// the one given by name: "" is none.
func (c Catalog) Run(in []byte, name string) Outcome {
	return c.run(name, func() (*document, error) { return readList(in) })
}

// Fail is the outcome of a run whose input could not be read.
func (c Catalog) Fail(name string, err error) Outcome {
	return c.run(name, func() (*document, error) { return emptyList(), err })
}

// File is a text of YAML documents.
type File struct {
	Name    string // Stdin for standard input
	Content []byte
}

// Stdin is the name of standard input.
const Stdin = "-"

func (f File) String() string {
	if f.Name == Stdin {
		return "standard input"
	}
	return f.Name
}

// RunFiles runs the function on plain manifests. The output is plain YAML. An
// object of kind List is replaced by its items.
func (c Catalog) RunFiles(name string, config File, files []File) Outcome {
	return c.run(name, func() (*document, error) { return readFiles(config, files) })
}

func (c Catalog) run(name string, read func() (*document, error)) Outcome {
	o := Outcome{Function: name}
	d, err := read()
	if config := d.list.FunctionConfig; config != nil {
		o.Config = Name(config)
	}
	if err == nil {
		err = d.run(func() error {
			c.checkItems(d)
			return c.process(d, &o.Function)
		})
	}
	if err != nil || d.list.Results.ExitCode() != 0 {
		d.list.Results = withoutEdits(d.list.Results)
		d.fail(err)
		// Nothing half done goes out: the items are read once more.
		again, _ := read()
		again.list.Results, again.lines = d.list.Results, d.lines
		d = again
	}
	return finish(d, o)
}

func (c Catalog) process(d *document, name *string) error {
	f, settings, err := c.settings(d.list.FunctionConfig, *name)
	if f.Name != "" {
		*name = f.Name
	}
	if err != nil {
		return err
	}
	if v, ok := settings.(Validator); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	empty := d.files == nil && c.holdsNothing(d.list.Items)
	after := func() error { return nil }
	if c.Around != nil && !f.Validates {
		after = c.Around(&d.list)
	}
	err = settings.Run(&d.list)
	if err == nil && d.list.Results.ExitCode() == 0 {
		err = after()
	}
	if empty && (err != nil || d.list.Results.ExitCode() != 0) {
		return c.errNoItems(f)
	}
	return err
}

// SpecOf reads a config of the function, for those who want to know what is asked
// for. The error is the one that running it gives.
func (c Catalog) SpecOf(name string, config File) (*yaml.RNode, error) {
	d, err := readFiles(config, nil)
	if err != nil {
		return nil, err
	}
	_, settings, err := c.settings(d.list.FunctionConfig, name)
	if v, ok := settings.(Validator); ok && err == nil {
		err = v.Validate()
	}
	if err != nil {
		return nil, err
	}
	return yaml.NewRNode(Lookup(d.list.FunctionConfig, "spec")), nil
}

// settings chooses the function and decodes its settings.
func (c Catalog) settings(config *yaml.RNode, name string) (Function, Runner, error) {
	var apiVersion, kind string
	if config != nil {
		apiVersion, kind = Text(config, "apiVersion"), Text(config, "kind")
	}
	text := apiVersion == "v1" && kind == "ConfigMap"
	f, named := c.ByName(name)
	switch {
	case !named && config == nil:
		return f, nil, fmt.Errorf("there is no functionConfig: write one with apiVersion %s and one of the kinds %s", c.APIVersion, strings.Join(c.kinds(), ", "))
	case !named:
		var err error
		if f, err = c.byConfig(apiVersion, kind); err != nil {
			return f, nil, err
		}
	case config == nil || text:
	case apiVersion != c.APIVersion:
		return f, nil, c.wrongVersion(apiVersion)
	case kind != f.Kind():
		return f, nil, FieldErrorf("kind", "is %q, %s wants %s", kind, f.Name, f.Kind()).inConfig()
	}
	settings := f.New()
	spec, err := specOf(config, text)
	if err == nil {
		err = decode(spec, settings, text)
	}
	return f, settings, err
}

// specOf finds the settings in a function config.
func specOf(config *yaml.RNode, text bool) (*yaml.Node, error) {
	if config == nil {
		return nil, nil
	}
	known := []string{"apiVersion", "kind", "metadata", "spec"}
	if text {
		return flat(Lookup(config, "data"))
	}
	content := config.YNode().Content
	for i := 0; i+1 < len(content); i += 2 {
		switch key := content[i].Value; key {
		case "apiVersion", "kind", "metadata", "spec":
		default:
			return nil, FieldErrorf(step(key), "is not a known field, settings stand under spec (%s)", Nearest(key, known)).inConfig()
		}
	}
	return Lookup(config, "spec"), nil
}

// fail reports an error: a finding for each one that was joined.
func (d *document) fail(err error) {
	_ = d.run(func() error {
		for _, single := range Split(err) {
			d.failOne(single)
		}
		return nil
	})
}

func (d *document) failOne(err error) {
	config := d.list.FunctionConfig
	var setting *FieldError
	var fault *ObjectError
	switch {
	case errors.As(err, &setting):
		field := setting.path(config)
		if reference(config) == nil {
			config = nil // the heading on stderr says as much as can be said
		}
		report(&d.list, framework.Error, config, nil, field, setting.Message)
	case errors.As(err, &fault):
		Report(&d.list, framework.Error, fault.Object, fault.Field, fault.Message)
	default:
		Report(&d.list, framework.Error, config, nil, err.Error())
	}
}

// path is the field as seen from the root of the function config.
func (e *FieldError) path(config *yaml.RNode) string {
	switch {
	case e.rooted:
		return e.Field
	case config != nil && Text(config, "kind") == "ConfigMap":
		return join("data", step(e.Field))
	}
	return join("spec", e.Field)
}

// withoutEdits are the findings that stay true when the edits are dropped. An
// info is about an edit unless it has tags; a notice is about what was done, too.
func withoutEdits(all framework.Results) framework.Results {
	var kept framework.Results
	for _, r := range all {
		if r.Severity != framework.Info || len(r.Tags) > 0 && !IsNotice(r) {
			kept = append(kept, r)
		}
	}
	return kept
}

func finish(d *document, o Outcome) Outcome {
	for _, r := range d.list.Results {
		hideIn(r)
	}
	output, err := d.bytes()
	if err != nil {
		empty := emptyList()
		empty.lines = d.lines
		if d.files != nil {
			empty.files = &files{}
		}
		empty.list.Results = slices.Clone(d.list.Results)
		empty.fail(err)
		d = empty
		output, _ = d.bytes() // an empty list can be written
	}
	o.Findings, o.Lines, o.Output = d.list.Results, d.lines, output
	return o
}
