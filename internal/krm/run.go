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
	// Findings of this run, without those that were in the list before.
	Findings framework.Results
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
	if err != nil {
		d.list.Results = findings(d.list.FunctionConfig, err)
		return finish(d, o)
	}
	misplaced := c.checkItems(d)
	err = c.process(d, &o.Function)
	if d.list.Results = append(misplaced, d.list.Results...); err != nil || d.list.Results.ExitCode() != 0 {
		results := append(withoutEdits(d.list.Results), findings(d.list.FunctionConfig, err)...)
		// Nothing half done goes out: the items are read once more.
		d, _ = read()
		d.list.Results = results
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
	empty := d.origins == nil && c.holdsNothing(d.list.Items)
	err = settings.Run(&d.list)
	if empty && (err != nil || d.list.Results.ExitCode() != 0) {
		return c.errNoItems(f)
	}
	return err
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

// findings turns an error into error findings, one for each that was joined.
func findings(config *yaml.RNode, err error) framework.Results {
	list := &framework.ResourceList{}
	for _, single := range split(err) {
		var setting *FieldError
		var fault *ObjectError
		switch {
		case errors.As(single, &setting):
			field := &framework.Field{Path: setting.path(config)}
			if reference(config) == nil {
				config = nil // the heading on stderr says as much as can be said
			}
			report(list, framework.Error, config, field, setting.Message)
		case errors.As(single, &fault):
			var field *framework.Field
			if len(fault.Field) > 0 {
				field = &framework.Field{Path: fault.Field.String()}
			}
			report(list, framework.Error, fault.Object, field, fault.Message)
		default:
			report(list, framework.Error, config, nil, single.Error())
		}
	}
	return list.Results
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
// info is about an edit unless it has tags.
func withoutEdits(all framework.Results) framework.Results {
	var kept framework.Results
	for _, r := range all {
		if r.Severity != framework.Info || len(r.Tags) > 0 {
			kept = append(kept, r)
		}
	}
	return kept
}

func finish(d *document, o Outcome) Outcome {
	d.addFiles()
	for _, r := range d.list.Results {
		hideIn(r)
	}
	o.Findings = d.list.Results
	output, err := d.bytes()
	if err != nil {
		empty := emptyList()
		empty.origins = d.origins
		empty.list.Results = slices.Concat(o.Findings, findings(nil, err))
		o.Findings = empty.list.Results
		output, _ = empty.bytes() // an empty list can be written
	}
	o.Output = output
	return o
}
