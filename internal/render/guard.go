package render

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/runtime/runtimeutil"
	"sigs.k8s.io/kustomize/kyaml/kio/kioutil"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// kustomize encodes the config of a plugin twice. First, if it is not a builtin
// one, to decide what runs it. Then to hand it to what it has decided on, which
// keeps that text and looks in it once more for what to execute. The tests fail
// if a new kustomize calls these functions otherwise.
const (
	encode         = "sigs.k8s.io/kustomize/api/resource.(*Resource).AsYAML"
	encodeToDecide = "sigs.k8s.io/kustomize/api/internal/plugins/fnplugin.resourceToRNode"
	encodeToRun    = "sigs.k8s.io/kustomize/api/internal/plugins/loader.(*Loader).loadAndConfigurePlugin"
)

// guard stands in for yaml.Unmarshal during a build.
type guard struct {
	options    Options
	executable string
	unmarshal  func([]byte, any) error // the real one
	refusal    error                   // the first config that may not run
}

// Unmarshal decodes in into out. If that happens to encode a plugin config, it
// refuses a config that may not run and redirects a config of ours.
func (g *guard) Unmarshal(in []byte, out any) error {
	if err := g.unmarshal(in, out); err != nil {
		return err
	}
	config, ok := out.(*map[string]any)
	if !ok {
		return nil
	}
	switch callerOf(encode) {
	case encodeToDecide:
		err := g.check(*config)
		if g.refusal == nil {
			g.refusal = err
		}
		return err
	case encodeToRun:
		return g.redirect(*config)
	}
	return nil
}

// check returns why the config of a plugin may not run, nil if it may.
func (g *guard) check(config map[string]any) error {
	name, ours, spec, err := g.read(config)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	why, what := "is not a function of "+g.options.Group, ""
	var missing []string
	if !g.options.EnableAlphaPlugins {
		missing = append(missing, "--enable-alpha-plugins")
	}
	switch {
	case spec == nil && ours:
		return fmt.Errorf("%s: annotation %s is missing", name, runtimeutil.FunctionAnnotationKey)
	case spec == nil:
		why, what = "has no function annotation", "it as a plugin"
	case spec.Container.Image != "": // wins over exec, as in kustomize
		what = "image " + spec.Container.Image
	case spec.Exec.Path != "":
		what = "executable " + spec.Exec.Path
		if !g.options.Functions.EnableExec {
			missing = append(missing, "--enable-exec")
		}
	default:
		return fmt.Errorf("%s: function annotation names neither a container image nor an exec path", name)
	}
	if ours || len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%s %s: running %s needs %s", name, why, what, strings.Join(missing, " and "))
}

// redirect makes a config of ours name this binary as what runs it. It leaves
// all others as they are.
func (g *guard) redirect(config map[string]any) error {
	_, ours, spec, err := g.read(config)
	if err != nil || !ours || spec == nil {
		return err
	}
	annotations := mapping(mapping(config, yaml.MetadataField), yaml.AnnotationsField)
	if spec.Container.Image != "" {
		// A container function sees all objects. An executable with one of these
		// sees those of one folder.
		delete(annotations, kioutil.PathAnnotation)
		delete(annotations, kioutil.LegacyPathAnnotation) //nolint:staticcheck // kyaml still reads it
	}
	self, err := json.Marshal(runtimeutil.FunctionSpec{
		DeferFailure: spec.DeferFailure,
		Exec:         runtimeutil.ExecSpec{Path: g.executable, Args: g.options.Args},
	})
	if err != nil {
		return err
	}
	// This key wins over all older ways to say it.
	annotations[runtimeutil.FunctionAnnotationKey] = string(self)
	if g.options.Configure != nil {
		g.options.Configure(config)
	}
	return nil
}

// read finds in a config how to call it, whether it is one of ours and what it
// wants to run: nil if it does not say.
func (g *guard) read(config map[string]any) (name string, ours bool, spec *runtimeutil.FunctionSpec, err error) {
	node, err := yaml.FromMap(config)
	if err != nil {
		return "function config", false, nil, err
	}
	group, _ := resid.ParseGroupVersion(node.GetApiVersion())
	name = fmt.Sprintf("%s %q (%s)", node.GetKind(), node.GetName(), node.GetApiVersion())
	spec, err = runtimeutil.GetFunctionSpec(node)
	return name, group == g.options.Group, spec, err
}

// mapping returns the mapping in a field, a new one if there is none.
func mapping(parent map[string]any, field string) map[string]any {
	m, ok := parent[field].(map[string]any)
	if !ok {
		m = map[string]any{}
		parent[field] = m
	}
	return m
}

// callerOf returns the function that called the named one, if that is among the
// next callers: "" if not.
func callerOf(function string) string {
	pcs := make([]uintptr, 8)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for frame, more := frames.Next(); more; frame, more = frames.Next() {
		if frame.Function == function {
			frame, _ = frames.Next()
			return frame.Function
		}
	}
	return ""
}
