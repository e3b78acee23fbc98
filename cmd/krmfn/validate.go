package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/functions/harborha"
	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/bounded"
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
	// selfValidation is the spec of the ValidateHA that a kustomization runs itself.
	selfValidation map[string]any
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
another directory all files *.yaml, *.yml and *.json are read. Of a List or a
ResourceList the items are validated. Without arguments standard input is read.
All inputs together must be one Harbor. Below the summary stands what these name
and do not hold, so that nobody has looked at it; --with adds it.

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
				return exitError{2, err}
			}
			return err
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exitError{2, err} })
	flags := cmd.Flags()
	flags.StringVar(&v.config, "config", "", "function config of kind ValidateHA, in `FILE`")
	flags.StringVar(&v.kubernetesVersion, "kubernetes-version", "", "`VERSION` of the cluster, e.g. 1.31; takes precedence over the config")
	flags.BoolVar(&v.warningsAsErrors, "warnings-as-errors", false, "let warnings be errors")
	flags.StringArrayVar(&v.with, "with", nil, "more objects that are in the cluster, e.g. Secrets, in `FILE` (can be repeated)")
	flags.StringVarP(&v.format, "output", "o", "text", "`FORMAT`: text, json, yaml, sarif (SARIF 2.1.0) or github (GitHub Actions)")
	return cmd
}

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
	r := v.report(inputs, outcome)
	style := report.Style{Color: colored(v.out, os.Getenv), Infos: *v.verbose}
	if err := r.Write(v.out, v.format, style); err != nil {
		return err
	}
	if outcome.Failed() {
		return errFindings
	}
	return nil
}

// couldNotRun returns the error findings without tags as an error: no rule found
// them, so that the function or its input is at fault, not Harbor.
func couldNotRun(findings framework.Results) error {
	var faults framework.Results
	for _, r := range findings {
		if r.Severity == framework.Error && len(r.Tags) == 0 {
			faults = append(faults, r)
		}
	}
	var all []error
	for _, l := range linesOf(faults, "") {
		all = append(all, errors.New(strings.TrimPrefix(l.String(), string(l.severity)+": ")))
	}
	return errors.Join(all...)
}

func (v *validation) report(inputs []source, o krm.Outcome) report.Report {
	r := report.Report{Rules: rules(), Version: versionString(), Input: inputs[0].standsFor()}
	var located []report.Input
	for _, in := range inputs {
		r.Objects += len(in.objects)
		located = append(located, in.located())
	}
	r.Unseen = unseen(o.Output)
	l := report.NewLocator(located, bounded.ReadRegular)
	for _, f := range o.Findings {
		r.Findings = append(r.Findings, l.Locate(*f, o.Lines[f]))
	}
	return r
}

// unseen is what the validated objects need and do not hold.
func unseen(validated []byte) []yaml.ResourceIdentifier {
	items, err := kio.FromBytes(validated)
	if err != nil {
		return nil // the function has read them, and says what is wrong
	}
	return validateha.Unseen(&framework.ResourceList{Items: items})
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
		maps.Copy(settings, v.selfValidation)
	}
	if v.kubernetesVersion != "" {
		settings["kubernetesVersion"] = v.kubernetesVersion
	}
	if v.warningsAsErrors {
		settings["warningsAsErrors"] = true
	}
	return file.With(settings)
}

// build builds a kustomization as krmfn render does, but for one thing: where it
// validates itself, all rules are ignored, so that what they find can be
// reported, and by its settings.
func (v *validation) build(dir string) ([]byte, error) {
	ignored := map[string]any{}
	for _, r := range rules() {
		ignored[r.ID] = "krmfn validate reports it"
	}
	return render.Build(dir, render.Options{Group: functions.Group, Stderr: v.err, Configure: func(config map[string]any) {
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
		v.selfValidation = map[string]any{}
		if version, given := spec["kubernetesVersion"]; given { // of all sections
			v.selfValidation["kubernetesVersion"] = version
		}
		maps.Copy(v.selfValidation, settings)
		spec[section] = map[string]any{"ignore": ignored}
	}})
}
