package meaning

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// addWorkload adds what the pods of a workload are. Of how they are spread and
// budgeted it counts only that they are.
func (f facts) addWorkload(m Manifests, object map[string]any) {
	component := componentOf(object)
	replicas := 1
	if n, ok := at(object, "spec", "replicas").(int); ok {
		replicas = n
	}
	pod := maps.Clone(mapping(object, "spec", "template", "spec"))
	spread := elements(pod, "topologySpreadConstraints") != nil || at(pod, "affinity", "podAntiAffinity") != nil
	f.add(map[string]any{
		"kind": object["kind"], "replicas": replicas, "spread": spread,
		"budget": m.budget(podLabels(object), replicas), "strategy": at(object, "spec", "strategy", "type"),
	}, component)

	volumes := map[string]map[string]any{}
	for _, v := range elements(pod, "volumes") {
		volumes[text(v, "name")] = v
	}
	for _, v := range elements(object, "spec", "volumeClaimTemplates") {
		volumes[text(v, "metadata", "name")] = map[string]any{"template": claim(v, "of each pod")}
	}
	for _, c := range append(elements(pod, "initContainers"), elements(pod, "containers")...) {
		f.addContainer(m, component, c, volumes)
	}
	for _, told := range []string{"topologySpreadConstraints", "affinity", "volumes", "initContainers", "containers"} {
		delete(pod, told)
	}
	f.add(pod, component, "pod")
}

// componentOf is what the pods of a workload are labelled as; names of objects
// carry the name of the chart's release.
func componentOf(object map[string]any) string {
	l := podLabels(object)
	return cmp.Or(l["component"], l["app.kubernetes.io/component"], text(object, "metadata", "name"))
}

func podLabels(object map[string]any) map[string]string {
	return labelsOf(object, "spec", "template", "metadata", "labels")
}

func labelsOf(object any, path ...string) map[string]string {
	all := map[string]string{}
	for k, v := range mapping(object, path...) {
		all[k] = fmt.Sprint(v)
	}
	return all
}

// selected are the components that the selector of a Service leads to.
func (m Manifests) selected(selector any) string {
	var all []string
	for _, object := range m {
		if selector != nil && covers(map[string]any{"matchLabels": selector}, podLabels(object)) {
			all = append(all, componentOf(object))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// covers says whether a LabelSelector of labels alone selects pods.
func covers(selector map[string]any, pod map[string]string) bool {
	known := selector != nil && selector["matchExpressions"] == nil
	return known && labels.SelectorFromSet(labelsOf(selector, "matchLabels")).Matches(labels.Set(pod))
}

// budget says what the PodDisruptionBudgets of pods let happen: none, yes, where
// one pod can be evicted, or blocks. Kubernetes evicts no pod that has two.
func (m Manifests) budget(pod map[string]string, replicas int) string {
	var specs []map[string]any
	for _, object := range m {
		if text(object, "kind") == "PodDisruptionBudget" && covers(mapping(object, "spec", "selector"), pod) {
			specs = append(specs, mapping(object, "spec"))
		}
	}
	if len(specs) == 0 {
		return "none"
	}
	free := replicas - scaled(cmp.Or(text(specs[0], "minAvailable"), "1"), replicas)
	if most := text(specs[0], "maxUnavailable"); most != "" {
		free = scaled(most, replicas)
	}
	if len(specs) > 1 || free < 1 {
		return "blocks"
	}
	return "yes"
}

// scaled is a number, or a percentage of the replicas, which Kubernetes rounds up.
func scaled(value string, replicas int) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(value, "%"))
	if strings.HasSuffix(value, "%") {
		return (n*replicas + 99) / 100
	}
	return n
}
