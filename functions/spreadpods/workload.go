package spreadpods

import (
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// since is the minor release of Kubernetes since which something counts that a
// manifest says (kubernetes pkg/features/kube_features.go: the gate is on).
type since int

const (
	zoneLabel      since = 17 // topology.kubernetes.io, in place of a beta
	constraints    since = 18 // EvenPodsSpread
	budgets        since = 21 // policy/v1
	taintsPolicy   since = 26 // NodeInclusionPolicyInPodTopologySpread
	evictionPolicy since = 27 // PDBUnhealthyPodEvictionPolicy
	constraintKeys since = 27 // MatchLabelKeysInPodTopologySpread
	affinityKeys   since = 31 // MatchLabelKeysInPodAffinity
)

func (s since) in(v kube.Version) bool { return v.Minor >= int(s) }

func (s since) String() string { return fmt.Sprintf("1.%d", int(s)) }

// Labels of nodes.
const (
	zone     = "topology.kubernetes.io/zone"
	betaZone = "failure-domain.beta.kubernetes.io/zone"
	node     = "kubernetes.io/hostname"
)

// Values and fields of Kubernetes.
const (
	doNotSchedule  = "DoNotSchedule"
	scheduleAnyway = "ScheduleAnyway"
	requiredTerms  = "requiredDuringSchedulingIgnoredDuringExecution"
	preferredTerms = "preferredDuringSchedulingIgnoredDuringExecution"
)

// wish is what the pods of one workload are to get.
type wish struct {
	zones, nodes string
	budget       *Budget // nil: one that leaves what is there as it is
	budgetField  string
}

// workload is one of Harbor's, and what its pods get.
type workload struct {
	wish
	harbor.Component
	list    *framework.ResourceList
	version kube.Version
}

// spread gives the workload what it is to have, where it has several pods.
func (w *workload) spread(pods []harbor.Component) error {
	n := w.most()
	isStore := slices.ContainsFunc(pods, func(c harbor.Component) bool { return c.Part().Stateful })
	switch {
	case isStore || !w.Replicated() || n == 0:
		return nil
	case n == 1:
		w.leave(pods)
		return nil
	case w.Selector() == nil:
		return krm.Fault(w.RNode, krm.Path{"spec", "selector"}, "selects none of the workload's own pods by their labels, so that they cannot be spread")
	}
	zones := zone
	if !zoneLabel.in(w.version) {
		zones = betaZone
	}
	return errors.Join(w.over(zones, w.zones), w.over(node, w.nodes), w.keepUp(n))
}

// most is the largest number of pods that it can have.
func (w *workload) most() int {
	n := w.Replicas()
	if n == 0 {
		return 0
	}
	for _, obj := range kube.Autoscalers(w.list, w.Workload) {
		if most, ok := kube.Integer(obj, "spec", "maxReplicas"); ok {
			n = max(n, most)
		}
	}
	return n
}

// leave says that there is one pod only.
func (w *workload) leave(pods []harbor.Component) {
	hint := fmt.Sprintf("; replicas: {%s: 2} makes it two", w.Name())
	if slices.ContainsFunc(pods, func(c harbor.Component) bool { return c.Single() != "" }) {
		hint = ", and there can be no second one"
	}
	krm.Notice(w.list, w.RNode, "%s is neither spread nor has a PodDisruptionBudget: it has one replica%s", krm.Name(w.RNode), hint)
}

// over spreads the pods over the values of a label of nodes.
func (w *workload) over(key, mode string) error {
	if mode == none {
		return nil
	}
	hard := mode == required
	known, err := w.constrained(key, hard)
	switch {
	case err != nil || known || w.apart(key, hard):
		return err
	case hard || key == node && constraints.in(w.version):
		return w.constrain(key, hard)
	}
	return w.prefer(key)
}

// constraintPath leads to the constraints of the pods.
func (w *workload) constraintPath() krm.Path { return w.Pod.Append("topologySpreadConstraints") }

// constrained completes the constraints that are there for the label, and says
// whether there is one.
func (w *workload) constrained(key string, hard bool) (bool, error) {
	all, first, isHard := w.constraintPath(), -1, false
	for i := range krm.Elements(w.RNode, all...) {
		at := all.Append(i)
		if krm.Text(w.RNode, at.Append("topologyKey")...) != key {
			continue
		}
		if first < 0 {
			first = i
		}
		isHard = isHard || krm.Text(w.RNode, at.Append("whenUnsatisfiable")...) == doNotSchedule
		if krm.Lookup(w.RNode, at.Append("labelSelector")...) == nil {
			if err := krm.Set(w.list, w.RNode, w.Selector(), at.Append("labelSelector")...); err != nil {
				return true, err
			}
		}
		if !w.SelectedBy(w.RNode, at.Append("labelSelector")...) {
			return true, krm.Fault(w.RNode, at.Append("labelSelector"), "selects none of the workload's own pods, which are so not spread over %s: "+
				"correct it, or take the constraint away", key)
		}
	}
	if first < 0 {
		return false, nil
	}
	if hard && !isHard {
		if err := krm.Set(w.list, w.RNode, doNotSchedule, all.Append(first, "whenUnsatisfiable")...); err != nil {
			return true, err
		}
	}
	return true, w.complete(key)
}

// complete adds what the constraints for the label lack.
func (w *workload) complete(key string) error {
	all := w.constraintPath()
	for i := range krm.Elements(w.RNode, all...) {
		at := all.Append(i)
		if krm.Text(w.RNode, at.Append("topologyKey")...) != key {
			continue
		}
		add := func(field string, value any) error {
			if krm.Lookup(w.RNode, at.Append(field)...) != nil {
				return nil
			}
			return krm.Set(w.list, w.RNode, value, at.Append(field)...)
		}
		if keys := w.revision(constraintKeys); keys != nil {
			if err := add("matchLabelKeys", keys); err != nil {
				return err
			}
		}
		if taintsPolicy.in(w.version) && krm.Text(w.RNode, at.Append("whenUnsatisfiable")...) == doNotSchedule {
			if err := add("nodeTaintsPolicy", "Honor"); err != nil {
				return err
			}
		}
	}
	return nil
}

// revision is the label that tells the pods of a rollout from those before it, for
// fields of that release: only a Deployment's pods have it.
func (w *workload) revision(field since) []string {
	if w.GetKind() != "Deployment" || !field.in(w.version) {
		return nil
	}
	return []string{"pod-template-hash"}
}

// constrain adds a constraint.
func (w *workload) constrain(key string, hard bool) error {
	unsatisfied := scheduleAnyway
	if hard {
		unsatisfied = doNotSchedule
	}
	constraint := krm.Map("maxSkew", 1, "topologyKey", key, "whenUnsatisfiable", unsatisfied, "labelSelector", w.Selector())
	add := func(field string, value any) {
		constraint.Content = append(constraint.Content, krm.Map(field, value).Content...)
	}
	if keys := w.revision(constraintKeys); keys != nil {
		add("matchLabelKeys", keys)
	}
	if hard && taintsPolicy.in(w.version) {
		add("nodeTaintsPolicy", "Honor")
	}
	all := w.constraintPath()
	return krm.Set(w.list, w.RNode, constraint, all.Append(len(krm.Elements(w.RNode, all...)))...)
}

// affinityPath leads to the terms of the podAntiAffinity.
func (w *workload) affinityPath(terms string) krm.Path {
	return w.Pod.Append("affinity", "podAntiAffinity", terms)
}

// apart says whether a podAntiAffinity keeps the pods apart already.
func (w *workload) apart(key string, hard bool) bool {
	for _, terms := range []struct {
		field string
		term  krm.Path
		hard  bool
	}{{requiredTerms, nil, true}, {preferredTerms, krm.Path{"podAffinityTerm"}, false}} {
		all := w.affinityPath(terms.field)
		for i := range krm.Elements(w.RNode, all...) {
			term := all.Append(i).Append(terms.term...)
			if (terms.hard || !hard) && krm.Text(w.RNode, term.Append("topologyKey")...) == key && w.SelectedBy(w.RNode, term.Append("labelSelector")...) {
				return true
			}
		}
	}
	return false
}

// prefer adds a podAntiAffinity that is preferred.
func (w *workload) prefer(key string) error {
	term := krm.Map("labelSelector", w.Selector(), "topologyKey", key)
	if keys := w.revision(affinityKeys); keys != nil {
		term.Content = append(term.Content, krm.Map("matchLabelKeys", keys).Content...)
	}
	all := w.affinityPath(preferredTerms)
	return krm.Set(w.list, w.RNode, krm.Map("weight", 100, "podAffinityTerm", term), all.Append(len(krm.Elements(w.RNode, all...)))...)
}

// keepUp sees to it that one PodDisruptionBudget is about the pods.
func (w *workload) keepUp(n int) error {
	most := 1
	if w.budget != nil {
		most = w.budget.MaxUnavailable
	}
	switch {
	case w.budget != nil && w.budget.none:
		return nil
	case most >= n:
		return krm.FieldErrorf(w.budgetField+".maxUnavailable", "%d is not below the %d replicas of %s: a drain could take all of them at once",
			most, n, krm.Name(w.RNode))
	}
	found := false
	for _, obj := range kube.OfKind(w.list, "PodDisruptionBudget") {
		if !w.Budgeted(obj) {
			continue
		}
		found = true
		if err := w.keep(obj); err != nil {
			return err
		}
	}
	if found {
		return nil
	}
	if other := kube.Find(w.list, "PodDisruptionBudget", w.GetNamespace(), w.GetName()); other != nil {
		return krm.Fault(other, krm.Path{"spec", "selector"}, "does not select the pods of %s, and that is what this name is for: correct it, or rename this one",
			krm.Name(w.RNode))
	}
	krm.Add(w.list, w.newBudget(most), w.RNode)
	return nil
}

// keep completes a PodDisruptionBudget that is there.
func (w *workload) keep(obj *yaml.RNode) error {
	if w.budget != nil {
		krm.Remove(w.list, obj, "spec", "minAvailable")
		if err := krm.Set(w.list, obj, w.budget.MaxUnavailable, "spec", "maxUnavailable"); err != nil {
			return err
		}
	}
	policy := krm.Path{"spec", "unhealthyPodEvictionPolicy"}
	if !evictionPolicy.in(w.version) || krm.Text(obj, "apiVersion") != "policy/v1" || krm.Lookup(obj, policy...) != nil {
		return nil
	}
	return krm.Set(w.list, obj, "AlwaysAllow", policy...)
}

func (w *workload) newBudget(most int) *yaml.RNode {
	spec := krm.Map("maxUnavailable", most, "selector", w.Selector())
	apiVersion := "policy/v1beta1"
	if budgets.in(w.version) {
		apiVersion = "policy/v1"
	}
	if evictionPolicy.in(w.version) {
		spec.Content = append(spec.Content, krm.Map("unhealthyPodEvictionPolicy", "AlwaysAllow").Content...)
	}
	return yaml.NewRNode(krm.Map("apiVersion", apiVersion, "kind", "PodDisruptionBudget", "metadata", w.Metadata(w.GetName()), "spec", spec))
}
