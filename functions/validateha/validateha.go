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
// The rules look at Harbor 1.2 to 1.5 and at 2.x, each at what the release has. At a
// Harbor 1.6 to 1.10 only the general ones look, on storage, references, scheduling,
// node ports, addresses and missing parts, and L18 warns which do not. A finding that
// a section of HarborHA sets right ends with what to write there.
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
	"krmfn.dev/harbor/internal/kube"
)

// Function is validate-ha.
var Function = krm.Function{Name: "validate-ha", New: func() krm.Runner { return &ValidateHA{} }, Validates: true}

// ValidateHA is the settings.
type ValidateHA struct {
	// Version of Kubernetes that the manifests are for, e.g. `1.31`, that of today,
	// 1.37, when left out: some rules depend on it.
	KubernetesVersion string `yaml:"kubernetesVersion"`
	// Rules whose findings are to be infos: the number of each, e.g. `L06`, and the
	// reason, which is obligatory and stands in the finding.
	Ignore map[string]string `yaml:"ignore"`
	// Whether warnings are errors.
	WarningsAsErrors bool `yaml:"warningsAsErrors" default:"false"`
}

// Validate checks the settings.
func (s *ValidateHA) Validate() error {
	_, err := kube.ParseVersion(s.KubernetesVersion)
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
	v, err := kube.ParseVersion(s.KubernetesVersion)
	if err != nil {
		return err
	}
	harbors := harbor.FindAll(list)
	if len(harbors) == 0 {
		return harbor.ErrNone
	}
	f := newFacts(list, v, harbors)
	f.rules = Rules
	for _, r := range Rules {
		s.tell(list, r, r.look(f))
	}
	return nil
}

// tell adds what a rule has found to the results, and makes of it what the
// settings want.
func (s *ValidateHA) tell(list *framework.ResourceList, r Rule, found []*finding) {
	reason, ignored := s.Ignore[r.ID]
	demoted := false
	for _, f := range found {
		switch {
		case f.severity == framework.Info:
		case ignored:
			f.message = fmt.Sprintf("%s (ignored: %s)", f.message, strings.TrimSpace(reason))
			f.severity, demoted = framework.Info, true
		case s.WarningsAsErrors:
			f.severity = framework.Error
		}
		f.tell(list, r)
	}
	if ignored && !demoted {
		f := &finding{severity: framework.Info, obj: list.FunctionConfig, message: fmt.Sprintf("ignoring %s is needless, the rule "+
			"finds nothing", r.ID)}
		f.tell(list, r)
	}
}
