// Package spreadpods spreads the pods of each part over zones and nodes, and keeps a drain from taking all of them at once.
//
// Every part of Harbor with more than one replica gets both; databases and Redis,
// which are one store, and DaemonSets, which have a pod on each node anyway, do
// not. A part with one replica is named in a notice: there is nothing to spread,
// and no budget keeps it up while it moves.
//
// required is a topologySpreadConstraint with maxSkew 1 that leaves a pod pending
// rather than uneven. All pods fit on one node all the same, where there is no
// other, and nodes with a taint, such as those that are drained or lost, do not
// count (nodeTaintsPolicy, since Kubernetes 1.26; before, pods wait for them). A
// node without the label topology.kubernetes.io/zone gets no pods where zones are
// required.
//
// preferred is what the scheduler does where it can. For nodes it is a
// topologySpreadConstraint that gives way. For zones it is a podAntiAffinity that
// is preferred, since one more constraint would undo the first where nodes have
// no zone: the scheduler does not score a node that lacks the label of one of
// them (kubernetes pkg/scheduler/framework/plugins/podtopologyspread/scoring.go).
// Pods of a Deployment are counted without those that a rollout replaces
// (matchLabelKeys), so that pods which started together on one node are spread
// over all nodes by the next one.
//
// A PodDisruptionBudget is called like its workload and in its namespace. It lets
// one pod at a time go, and pods that are not ready at any time
// (unhealthyPodEvictionPolicy, since Kubernetes 1.27): a broken Harbor holds up no
// drain.
//
// What is there already is kept and completed: constraints and affinity for the
// same label of nodes, and a PodDisruptionBudget that selects the pods; a second
// one would stop every eviction. required and a budget that is given replace what
// is weaker or another number.
//
// It works with Harbor 1.2 to 2.x.
package spreadpods

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Function is spread-pods.
var Function = krm.Function{Name: "spread-pods", New: func() krm.Runner { return &SpreadPods{} }}

// SpreadPods is the settings.
type SpreadPods struct {
	// Whether pods are spread over zones: preferred, required or none.
	Zones string `yaml:"zones" default:"preferred"`
	// Whether pods are spread over nodes: preferred, required or none.
	Nodes string `yaml:"nodes" default:"preferred"`
	// How many pods of a part may be evicted at once, one when left out, or the word
	// none for no PodDisruptionBudget.
	Budget *Budget `yaml:"budget"`
	// What is different for some parts, e.g. `nginx: {nodes: required}`.
	Parts map[string]Part `yaml:"parts"`
	// Version of Kubernetes that the manifests are for, e.g. `1.31`, that of today,
	// 1.37, when left out: fields that it does not know are not written.
	KubernetesVersion string `yaml:"kubernetesVersion"`
}

// Part is what is different for one part.
type Part struct {
	// Whether its pods are spread over zones; as for the others when left out.
	Zones string `yaml:"zones"`
	// Whether its pods are spread over nodes; as for the others when left out.
	Nodes string `yaml:"nodes"`
	// How many of its pods may be evicted at once; as for the others when left out.
	Budget *Budget `yaml:"budget"`
}

// Budget is a PodDisruptionBudget.
type Budget struct {
	// Number of pods that may be evicted at once.
	MaxUnavailable int  `yaml:"maxUnavailable" default:"1"`
	none           bool `yaml:"-"`
}

// Words are those that stand for a whole Budget.
func (b *Budget) Words() []string { return []string{"none"} }

// SetWord takes the word none.
func (b *Budget) SetWord(string) { b.none = true }

// Values of Zones and Nodes.
const (
	preferred = "preferred"
	required  = "required"
	none      = "none"
)

// Validate checks the settings.
func (s *SpreadPods) Validate() error {
	v, err := kube.ParseVersion(s.KubernetesVersion)
	errs := []error{err}
	check := func(under string, p Part) {
		errs = append(errs, krm.Under(under, checkPart(p)))
		if err == nil && !constraints.in(v) {
			errs = append(errs, krm.Under(under, tooOld(p, v)))
		}
	}
	check("", Part{cmp.Or(s.Zones, preferred), cmp.Or(s.Nodes, preferred), s.Budget})
	for _, name := range slices.Sorted(maps.Keys(s.Parts)) {
		errs = append(errs, krm.CheckName(field(name), name))
		check(field(name), s.Parts[name])
	}
	return errors.Join(errs...)
}

func checkPart(p Part) error {
	var errs []error
	for _, s := range []struct{ field, value string }{{"zones", p.Zones}, {"nodes", p.Nodes}} {
		if s.value != "" && !slices.Contains([]string{preferred, required, none}, s.value) {
			errs = append(errs, krm.FieldErrorf(s.field, "%q is none of %s, %s, %s", s.value, preferred, required, none))
		}
	}
	if b := p.Budget; b != nil && !b.none && b.MaxUnavailable < 1 {
		errs = append(errs, krm.FieldErrorf("budget.maxUnavailable", "%d lets no node be drained, want 1 or more, or budget: none", b.MaxUnavailable))
	}
	return errors.Join(errs...)
}

// tooOld refuses what takes a constraint where there are none.
func tooOld(p Part, v kube.Version) error {
	var errs []error
	for _, s := range []struct{ field, value string }{{"zones", p.Zones}, {"nodes", p.Nodes}} {
		if s.value == required {
			errs = append(errs, krm.FieldErrorf(s.field, "%s takes topologySpreadConstraints, which Kubernetes %s does not have (since %s): write %s",
				required, v, constraints, preferred))
		}
	}
	return errors.Join(errs...)
}

// field is the setting of a part.
func field(name string) string { return krm.Path{"parts", name}.String() }

// Run spreads and budgets the pods of each workload that has several.
func (s *SpreadPods) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	v, err := kube.ParseVersion(s.KubernetesVersion)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Parts)) {
		if c, err := h.Active(name); err != nil {
			errs = append(errs, krm.FieldErrorf(field(name), "%v", err))
		} else if c[0].Part().Stateful {
			errs = append(errs, krm.FieldErrorf(field(name), "is one store, which is neither spread nor has a budget"))
		}
	}
	for _, c := range h.Components {
		pods := h.InPod(c)
		if pods[0].Name() != c.Name() {
			continue // one workload, once
		}
		wish, err := s.wish(pods)
		if err == nil {
			err = (&workload{list: list, Component: c, version: v, wish: wish}).spread(pods)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// wish is what a workload gets: what one of the parts in its pod says, else what is
// for all.
func (s *SpreadPods) wish(pods []harbor.Component) (wish, error) {
	w := wish{zones: cmp.Or(s.Zones, preferred), nodes: cmp.Or(s.Nodes, preferred), budget: s.Budget, budgetField: "budget"}
	first := ""
	for _, c := range pods {
		p, named := s.Parts[c.Name()]
		switch {
		case !named:
			continue
		case first != "" && !p.same(s.Parts[first]):
			return w, krm.FieldErrorf(field(c.Name()), "contradicts %s: %s runs both in one pod", field(first), krm.Name(c.RNode))
		}
		first = c.Name()
		w.zones, w.nodes = cmp.Or(p.Zones, w.zones), cmp.Or(p.Nodes, w.nodes)
		if p.Budget != nil {
			w.budget, w.budgetField = p.Budget, field(c.Name())+".budget"
		}
	}
	return w, nil
}

func (p Part) same(other Part) bool {
	return p.Zones == other.Zones && p.Nodes == other.Nodes && (p.Budget == other.Budget ||
		p.Budget != nil && other.Budget != nil && *p.Budget == *other.Budget)
}
