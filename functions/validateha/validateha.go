// Package validateha says whether a Harbor is safe to run with several replicas, and changes nothing.
//
// It knows what Harbor and Kubernetes silently accept and what then loses images
// or logs people out: a registry that does not read its configuration, volumes
// that only one node can reach, sessions in the memory of each pod, an address
// without its node port. Each rule has a number, a reason and a remedy: see
// docs/rules.md, or krmfn rules.
//
// An error is something that does not work or loses data; a warning something
// that works until a node fails or somebody looks. What the manifests do not
// show, such as a Secret that is named and not contained, is an info that says
// what to check. Secrets that are among the resources are looked at, also those
// marked config.kubernetes.io/local-config; their values are never shown.
//
// Rules of Harbor 1.x are for 1.x only; those on storage, references, scheduling
// and node ports are for Harbor 2.x as well.
package validateha

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Function is validate-ha.
var Function = krm.Function{Name: "validate-ha", New: func() krm.Runner { return &ValidateHA{} }}

// ValidateHA is the settings.
type ValidateHA struct {
	// Version of Kubernetes that the manifests are for, e.g. `1.31`: some rules
	// depend on it.
	KubernetesVersion string `yaml:"kubernetesVersion" default:"1.37"`
	// Rules whose findings are to be infos: the number of each, e.g. `L06`, and the
	// reason, which is obligatory and stands in the finding.
	Ignore map[string]string `yaml:"ignore"`
	// Whether warnings are errors.
	WarningsAsErrors bool `yaml:"warningsAsErrors" default:"false"`
}

// version is the version of Kubernetes. Settings that were not decoded have no
// defaults.
func (s *ValidateHA) version() (version, error) {
	if s.KubernetesVersion == "" {
		return parseVersion(today)
	}
	return parseVersion(s.KubernetesVersion)
}

// Validate checks the settings.
func (s *ValidateHA) Validate() error {
	_, err := s.version()
	errs := []error{err}
	for _, id := range slices.Sorted(maps.Keys(s.Ignore)) {
		_, known := ruleByID(id)
		field := krm.Path{"ignore", id}.String()
		switch {
		case !known:
			errs = append(errs, krm.FieldErrorf(field, "is not a rule, %s", krm.Nearest(id, ruleIDs())))
		case strings.TrimSpace(s.Ignore[id]) == "":
			errs = append(errs, krm.FieldErrorf(field, "gives no reason, want a sentence on why the rule does not matter here"))
		}
	}
	return errors.Join(errs...)
}

// Run checks every rule. What it finds stands in the findings, not in the error.
func (s *ValidateHA) Run(list *framework.ResourceList) error {
	v, err := s.version()
	if err != nil {
		return err
	}
	all := harbor.Components(list)
	if len(all) == 0 {
		return harbor.ErrNone
	}
	k := newChecker(list, v, all)
	for _, r := range Rules {
		from := len(list.Results)
		k.rule = r
		r.check(k)
		s.settle(list, r, from)
	}
	return nil
}

// settle makes of the findings of a rule what the settings want.
func (s *ValidateHA) settle(list *framework.ResourceList, r Rule, from int) {
	reason, ignored := s.Ignore[r.ID]
	demoted := false
	for _, f := range list.Results[from:] {
		switch {
		case f.Severity == framework.Info:
		case ignored:
			f.Message = fmt.Sprintf("%s (ignored: %s)", f.Message, strings.TrimSpace(reason))
			f.Severity, demoted = framework.Info, true
		case s.WarningsAsErrors:
			f.Severity = framework.Error
		}
	}
	if ignored && !demoted {
		f := krm.Report(list, framework.Info, list.FunctionConfig, nil, fmt.Sprintf("ignoring %s is needless, the rule finds nothing", r.ID))
		f.Tags = map[string]string{"rule": r.ID}
	}
}
