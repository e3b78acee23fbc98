package kube

import (
	"maps"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Selector returns a LabelSelector of the workload's own pods: the one by which it
// knows them itself, without labels that they do not have, or all of their labels
// where it has none, as Kubernetes does. It is nil where nothing selects them: an
// empty one would select the pods of others.
func (w Workload) Selector() *yaml.Node {
	at, has := krm.Path{"spec", "selector"}, w.PodLabels()
	if w.GetKind() != "ReplicationController" { // whose selector is of labels alone
		at = at.Append("matchLabels")
	}
	own := krm.Strings(w.RNode, at...)
	maps.DeleteFunc(own, func(key, value string) bool { return has[key] != value })
	expressions := krm.Lookup(w.RNode, "spec", "selector", "matchExpressions")
	if len(own) == 0 && expressions == nil {
		own = has
	}
	selector := krm.Map()
	if len(own) > 0 {
		labels := krm.Map()
		for _, key := range slices.Sorted(maps.Keys(own)) {
			labels.Content = append(labels.Content, krm.Map(key, own[key]).Content...)
		}
		selector = krm.Map("matchLabels", labels)
	}
	if expressions != nil {
		copied := yaml.NewRNode(expressions).Copy().YNode()
		selector.Content = append(selector.Content, krm.Map("matchExpressions", copied).Content...)
	}
	if len(selector.Content) == 0 || !Selects(yaml.NewRNode(selector), has) {
		return nil
	}
	return selector
}

// SelectedBy says whether the LabelSelector at the path of an object selects the
// workload's pods. One that is missing selects none.
func (w Workload) SelectedBy(obj *yaml.RNode, path ...any) bool {
	selector := krm.Lookup(obj, path...)
	return selector != nil && Selects(yaml.NewRNode(selector), w.PodLabels())
}

// Budgeted says whether a PodDisruptionBudget is about the workload's pods. Those
// of Harbor's chart have no namespace.
func (w Workload) Budgeted(budget *yaml.RNode) bool {
	namespace := budget.GetNamespace()
	return (namespace == w.GetNamespace() || namespace == "") && w.SelectedBy(budget, "spec", "selector")
}

// Autoscalers returns the HorizontalPodAutoscalers that scale the workload.
func Autoscalers(list *framework.ResourceList, w Workload) []*yaml.RNode {
	target := krm.Path{"spec", "scaleTargetRef"}
	return slices.DeleteFunc(OfKind(list, "HorizontalPodAutoscaler"), func(obj *yaml.RNode) bool {
		return obj.GetNamespace() != w.GetNamespace() || krm.Text(obj, target.Append("kind")...) != w.GetKind() ||
			!Called(w.RNode, w.GetNamespace(), krm.Text(obj, target.Append("name")...))
	})
}
