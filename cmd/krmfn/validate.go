package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/functions/harborha"
	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/render"
	"krmfn.dev/harbor/internal/report"
)

// validator is the function that validate runs.
const validator = "validate-ha"

// validation is the command validate: where it reads from, and its flags.
type validation struct {
	streams

	config, kubernetesVersion string
	warningsAsErrors          bool
	with                      []string
	format                    string
	verbose                   *bool

	stdinTaken bool
	own        map[string]any // settings by which a kustomization validates itself
}

// newValidate is the command that validates manifests with the function
// validate-ha and shows the findings.
func newValidate(s streams, verbose *bool) *cobra.Command {
	v := &validation{streams: s, verbose: verbose}
	cmd := &cobra.Command{
		Use:   "validate [DIR|FILE|-]...",
		Short: "Say whether manifests make a Harbor that is safe to run with several replicas",
		Long: `validate runs the function validate-ha on manifests and prints what it found. It
changes nothing. krmfn rules lists what is looked at.

A directory with a kustomization is built first, like krmfn render does; of
another directory all files *.yaml, *.yml and *.json are read. A List and a
ResourceList stand for their items. Without arguments standard input is read.
All of it together has to be one Harbor.

The exit status is 0 without errors, 1 with errors, 2 if nothing could be
validated: a wrong flag, a file that is no YAML, a kustomization that cannot be
built, no objects.`,
		Example: `  krmfn validate overlays/harbor-1.2-ha
  kustomize build --enable-alpha-plugins overlays/harbor-1.2-ha | krmfn validate --with secrets.yaml
  helm template harbor harbor/harbor | krmfn validate
  kubectl get deploy,sts,rc,svc,cm,secret,pvc,pv,pdb -n harbor -o yaml | krmfn validate
  krmfn validate -o sarif overlays/harbor-1.2-ha > harbor.sarif`,
		GroupID: "commands",
		RunE: func(_ *cobra.Command, args []string) error {
			err := v.run(args)
			if err != nil && !errors.Is(err, errFindings) {
				return notRun{err}
			}
			return err
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return notRun{err} })
	flags := cmd.Flags()
	flags.StringVar(&v.config, "config", "", "function config of kind ValidateHA, in `FILE`")
	flags.StringVar(&v.kubernetesVersion, "kubernetes-version", "", "`VERSION` of the cluster, e.g. 1.31; goes before the one of the config")
	flags.BoolVar(&v.warningsAsErrors, "warnings-as-errors", false, "let warnings be errors")
	flags.StringArrayVar(&v.with, "with", nil, "more objects that are in the cluster, e.g. Secrets, in `FILE` (can be repeated)")
	flags.StringVarP(&v.format, "output", "o", "text", "`FORMAT`: text, json, yaml, sarif (SARIF 2.1.0) or github (GitHub Actions)")
	return cmd
}

// notRun is an error that kept a command from saying anything about its input:
// exit status 2.
type notRun struct{ error }

func (e notRun) Unwrap() error { return e.error }

// run validates the arguments. It returns errFindings for errors that were
// found, and any other error if there could be no validation.
func (v *validation) run(args []string) error {
	if err := report.CheckFormat(v.format); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	inputs, err := v.readAll(args)
	if err != nil {
		return err
	}
	config, err := v.functionConfig()
	if err != nil {
		return err
	}
	outcome := functions.Catalog.RunFiles(validator, config, files(inputs))
	if err := couldNotRun(outcome.Findings); err != nil {
		return err
	}
	if err := checkInputs(inputs); err != nil {
		return err
	}
	r := v.report(inputs, outcome.Findings)
	style := report.Style{Color: colored(v.out, os.Getenv), Infos: *v.verbose}
	if err := r.Write(v.out, v.format, style); err != nil {
		return fmt.Errorf("writing stdout: %w", err)
	}
	if outcome.Failed() {
		return errFindings
	}
	return nil
}

// couldNotRun makes one error of the error findings that are of no rule: the
// function or its input was at fault, not Harbor.
func couldNotRun(findings framework.Results) error {
	var faults framework.Results
	for _, r := range findings {
		if r.Severity == framework.Error && r.Tags["rule"] == "" {
			faults = append(faults, r)
		}
	}
	var all []string
	for _, l := range linesOf(faults, "") {
		all = append(all, report.OneLine(strings.TrimPrefix(l.String(), string(l.severity)+": ")))
	}
	if all == nil {
		return nil
	}
	return errors.New(strings.Join(all, "\nkrmfn: "))
}

func (v *validation) report(inputs []source, findings framework.Results) report.Report {
	r := report.Report{Rules: rules(), Version: versionString(), Input: inputs[0].standsFor()}
	for _, in := range inputs {
		r.Objects += len(in.objects)
	}
	l := newLocator(inputs)
	for _, f := range findings {
		r.Findings = append(r.Findings, l.locate(*f))
	}
	return r
}

// colored says whether the output is for eyes: see no-color.org.
func colored(out io.Writer, env func(string) string) bool {
	_, ok := terminal(out)
	return ok && env("NO_COLOR") == "" && env("TERM") != "dumb"
}

// functionConfig is the config of --config, else one with the settings by which
// the kustomization validates itself, with the settings of the other flags.
func (v *validation) functionConfig() (krm.File, error) {
	file := krm.File{Name: "the function config", Content: fmt.Appendf(nil,
		"apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n", functions.Catalog.APIVersion, validateha.Function.Kind(), validator)}
	settings := map[string]any{}
	if v.config != "" {
		var err error
		if file, err = v.read(v.config); err != nil {
			return file, err
		}
	} else {
		maps.Copy(settings, v.own)
	}
	if v.kubernetesVersion != "" {
		settings["kubernetesVersion"] = v.kubernetesVersion
	}
	if v.warningsAsErrors {
		settings["warningsAsErrors"] = true
	}
	return override(file, settings)
}

// build builds a kustomization as krmfn render does, but for one thing: where it
// validates itself, all rules are ignored, so that what they find can be
// reported, and by its settings.
func (v *validation) build(dir string) ([]byte, error) {
	ignored := map[string]any{}
	for _, r := range rules() {
		ignored[r.ID] = "krmfn validate reports it"
	}
	return render.Build(dir, render.Options{Group: functions.Group, Configure: func(config map[string]any) {
		spec, section := config, "spec"
		switch config["kind"] {
		case validateha.Function.Kind():
		case harborha.Function.Kind():
			spec, _ = config["spec"].(map[string]any)
			section = "validate"
		default:
			return
		}
		settings, ok := spec[section].(map[string]any)
		if spec == nil || spec[section] != nil && !ok {
			return // the function refuses it
		}
		v.own, spec[section] = settings, map[string]any{"ignore": ignored}
	}})
}

// override puts settings into a function config.
func override(config krm.File, settings map[string]any) (krm.File, error) {
	if len(settings) == 0 {
		return config, nil
	}
	if len(report.Read("", config.Content)) != 1 {
		return config, nil // and the function refuses it
	}
	obj, err := yaml.Parse(string(config.Content))
	if err != nil {
		return config, fmt.Errorf("%s: %w", config, err)
	}
	at := "spec"
	if krm.Text(obj, "kind") == "ConfigMap" {
		at = "data"
	}
	for name, value := range settings {
		if at == "data" {
			value = fmt.Sprint(value)
		}
		node := &yaml.Node{}
		if err := node.Encode(value); err != nil {
			return config, fmt.Errorf("%s: %s: %w", config, name, err)
		}
		if err := krm.Set(&framework.ResourceList{}, obj, node, at, name); err != nil {
			return config, fmt.Errorf("%s: %w", config, err)
		}
	}
	content, err := obj.String()
	config.Content = []byte(content)
	return config, err
}

// source is one argument, or one file of a directory, and what it holds.
type source struct {
	krm.File
	dir     string // of the kustomization that was built; "" for a file
	objects report.Places
}

func files(inputs []source) []krm.File {
	var all []krm.File
	for _, in := range inputs {
		all = append(all, in.File)
	}
	return all
}

// standsFor names a file for findings that are about none.
func (in source) standsFor() string {
	switch {
	case in.dir != "":
		return kustomizationIn(in.dir)
	case in.Name == krm.Stdin:
		return "stdin"
	}
	return in.Name
}

// readAll reads the arguments and the files of --with.
func (v *validation) readAll(args []string) ([]source, error) {
	if len(args) == 0 {
		if _, ok := terminal(v.in); ok {
			return nil, errors.New("give a directory or files, or pipe manifests into it: krmfn validate --help")
		}
		args = []string{krm.Stdin}
	}
	var all []source
	for _, path := range slices.Concat(args, v.with) {
		inputs, err := v.open(path)
		if err != nil {
			return nil, err
		}
		all = append(all, inputs...)
	}
	return all, nil
}

// open reads one argument: several files if it is a plain directory.
func (v *validation) open(path string) ([]source, error) {
	info, err := os.Stat(path)
	isDir := path != krm.Stdin && err == nil && info.IsDir()
	var paths []string
	switch {
	case isDir && kustomizationIn(path) != "":
		content, err := v.build(path)
		if err != nil {
			return nil, err
		}
		dir := relative(path)
		return []source{{File: krm.File{Name: dir, Content: content}, dir: dir, objects: report.Read(dir, content)}}, nil
	case isDir:
		if paths, err = manifestsIn(path); err != nil {
			return nil, err
		}
	default:
		paths = []string{path}
	}
	var all []source
	for _, p := range paths {
		file, err := v.read(p)
		if err != nil {
			return nil, err
		}
		file.Content = report.Unwrap(file.Content)
		all = append(all, source{File: file, objects: report.Read(file.Name, file.Content)})
	}
	return all, nil
}

// read reads a file, or stdin for -, once. An empty stdin is an error: what was
// to write to it has failed.
func (v *validation) read(path string) (krm.File, error) {
	if path != krm.Stdin {
		file, err := read(v.streams, path)
		file.Name = relative(path)
		return file, err
	}
	if v.stdinTaken {
		return krm.File{}, errors.New("- stands for stdin and can be given once")
	}
	v.stdinTaken = true
	file, err := read(v.streams, path)
	if err == nil && len(bytes.TrimSpace(file.Content)) == 0 {
		err = errors.New("standard input is empty")
	}
	return file, err
}

// manifestsIn lists the files in a directory that kubectl apply would read.
func manifestsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %w", err)
	}
	var paths []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, ext) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	if paths == nil {
		return nil, fmt.Errorf("%s holds neither a kustomization nor a file *.yaml, *.yml or *.json", dir)
	}
	return paths, nil
}

// kustomizationIn returns the path of the kustomization in a directory, "" where
// there is none.
func kustomizationIn(dir string) string {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

// relative is the path as seen from the working directory, if it is below it.
func relative(path string) string {
	path = filepath.Clean(path)
	if wd, err := os.Getwd(); err == nil && filepath.IsAbs(path) {
		if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}

// checkInputs refuses nothing at all, which would be without a fault, and two
// inputs that hold the same object: they are two Harbors.
func checkInputs(inputs []source) error {
	var names []string
	objects := 0
	for i, in := range inputs {
		names = append(names, in.String())
		objects += len(in.objects)
		for _, other := range inputs[:i] {
			if place, found := other.objects.Twice(in.objects); found {
				return fmt.Errorf("%s %s is both in %s and in %s: validate one Harbor at a time",
					report.OneLine(place.Ref.Kind), report.OneLine(place.Ref.Name), other, in)
			}
		}
	}
	if objects == 0 {
		return fmt.Errorf("there are no objects in %s", strings.Join(names, ", "))
	}
	return nil
}

// locator finds the files and lines that findings are about.
type locator struct {
	inputs map[string]source        // by name
	files  map[string]report.Places // by path, as far as they were read
}

func newLocator(inputs []source) locator {
	l := locator{map[string]source{}, map[string]report.Places{}}
	for _, in := range inputs {
		l.inputs[in.Name] = in
		if in.dir == "" {
			l.files[in.Name] = in.objects
		}
	}
	return l
}

// locate adds file and line as far as they can be known. An object of a
// kustomization stands in the file that kustomize calls its origin, else in the
// file of a resource that is called the same, else in the kustomization.
func (l locator) locate(r framework.Result) report.Finding {
	f := report.Finding{Result: r}
	if r.File == nil || r.ResourceRef == nil {
		return f
	}
	in := l.inputs[r.File.Path]
	built, _ := in.objects.Find(*r.ResourceRef)
	candidates := []string{r.File.Path}
	if in.dir != "" {
		candidates = candidatesFor(in, built)
		f.File = &framework.File{Path: candidates[len(candidates)-1]}
	}
	for _, path := range candidates {
		if place, found := l.read(path).Find(*r.ResourceRef); found {
			f.File, f.Line = &place.File, lineOf(place, built, r.Field)
			return f
		}
	}
	return f
}

// lineOf is the line of a field in a file. The path of the field is that of the
// object as it was validated, if that is known to be another one.
func lineOf(place, validated report.Place, field *framework.Field) int {
	if field == nil {
		return place.Line("")
	}
	if validated.Known() {
		return place.LineFrom(validated, field.Path)
	}
	return place.Line(field.Path)
}

// candidatesFor are the files that an object of a kustomization may stand in,
// and last the one that is named if it stands in none.
func candidatesFor(in source, built report.Place) []string {
	if path := origin(built); path != "" {
		return []string{filepath.Join(in.dir, path)}
	}
	return append(resourceFiles(in.dir, map[string]bool{}), kustomizationIn(in.dir))
}

// read returns the objects in a file, none where it cannot be read. The path may
// come from a manifest: a device or a pipe could have no end.
func (l locator) read(path string) report.Places {
	places, known := l.files[path]
	if known {
		return places
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		if content, err := os.ReadFile(path); err == nil {
			places = report.Read(path, content)
		}
	}
	l.files[path] = places
	return places
}

// origin is the local file that an object comes from, relative to the
// kustomization, if that says buildMetadata: [originAnnotations].
func origin(built report.Place) string {
	annotation, err := yaml.Parse(built.Annotation("config.kubernetes.io/origin"))
	if err != nil || krm.Text(annotation, "repo") != "" {
		return ""
	}
	return krm.Text(annotation, "path")
}

// resourceFiles lists the local files that a kustomization takes objects from.
func resourceFiles(dir string, seen map[string]bool) []string {
	path := kustomizationIn(dir)
	content, err := os.ReadFile(path)
	if err != nil || seen[path] {
		return nil
	}
	seen[path] = true
	var k struct{ Resources, Bases, Components []string }
	if yaml.Unmarshal(content, &k) != nil {
		return nil
	}
	var all []string
	for _, entry := range slices.Concat(k.Resources, k.Bases, k.Components) {
		entry = filepath.Join(dir, entry)
		if info, err := os.Stat(entry); err != nil {
			continue
		} else if info.IsDir() {
			all = append(all, resourceFiles(entry, seen)...)
		} else {
			all = append(all, entry)
		}
	}
	return all
}
