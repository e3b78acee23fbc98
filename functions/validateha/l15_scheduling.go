package validateha

import (
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var scheduling = Rule{
	ID: "L15", Severity: framework.Warning,
	What: "Pods are replaced when their template changes, get requests only when they are ready, are several, and are not all on one " +
		"node or evicted at once.",
	Why: "A ReplicationController leaves running pods as they are (website#19439), a mutable tag runs another program on each node " +
		"(harbor#4200), and without probe, spread and budget replicas fail together (kubernetes.io disruptions, " +
		"topology-spread-constraints).",
	Do: "Make Deployments with a readinessProbe, topologySpreadConstraints and a PodDisruptionBudget that leaves one pod to evict.",
	check: func(p *pass) {
		for _, c := range p.parts {
			checkWorkload(p, c)
		}
		for _, obj := range p.objects["PodDisruptionBudget"] {
			checkBudget(p, obj)
		}
	},
}

// checkWorkload says in one finding all that a workload lacks, for all parts in
// its pods.
func checkWorkload(p *pass, c *part) {
	parts := p.inPod(c)
	if parts[0] != c {
		return
	}
	var lacks []string
	for _, c := range parts {
		for _, l := range lacksOf(p, c) {
			if !slices.Contains(lacks, l) {
				lacks = append(lacks, l)
			}
		}
	}
	if len(lacks) > 0 {
		p.warn(c.RNode, nil, "%s", strings.Join(lacks, "; "))
	}
}

func lacksOf(p *pass, c *part) (lacks []string) {
	s := c.scale
	if c.GetKind() == "ReplicationController" {
		lacks = append(lacks, "is a ReplicationController: a changed template does not reach running pods")
	}
	if s.single() && c.Single() == "" && c.Part().DownMeans != "" {
		lacks = append(lacks, "has one replica: "+c.Part().DownMeans+" while it moves")
	}
	if krm.Lookup(c.RNode, c.Path.Append("readinessProbe")...) == nil {
		lacks = append(lacks, "has no readinessProbe")
	}
	if s.several() && !s.eachNode && !spread(c) {
		lacks = append(lacks, "has neither topologySpreadConstraints nor podAntiAffinity")
	}
	if s.several() &&
		!slices.ContainsFunc(p.objects["PodDisruptionBudget"], c.Budgeted) {
		lacks = append(lacks, "has no PodDisruptionBudget")
	}
	if mutable(c) {
		lacks = append(lacks, "has a tag that is not always the same image: "+c.Image())
	}
	return lacks
}

func spread(c *part) bool {
	return len(krm.Elements(c.RNode, c.Pod.Append("topologySpreadConstraints")...)) > 0 ||
		krm.Lookup(c.RNode, c.Pod.Append("affinity", "podAntiAffinity")...) != nil
}

// mutable says whether the tag is known to be moved: none, latest, those of
// development, and that of the registry whose builds start in different ways
// (unless the command is pinned).
func mutable(c *part) bool {
	name, tag, digest := c.SplitImage()
	if digest != "" {
		return false
	}
	if name == "registry" && strings.HasSuffix(tag, "-photon") {
		return krm.Lookup(c.RNode, c.Path.Append("command")...) == nil
	}
	return slices.Contains([]string{"", "latest", "dev", "nightly", "stable"}, tag) || strings.HasSuffix(tag, "-dev")
}

// checkBudget reports a budget that never lets a pod of Harbor go.
func checkBudget(p *pass, obj *yaml.RNode) {
	for _, c := range p.parts {
		s := c.scale
		if !c.Budgeted(obj) || s.eachNode || s.none() {
			continue
		}
		for _, field := range []string{"minAvailable", "maxUnavailable"} {
			text := kube.Digits(obj, "spec", field)
			n, ok := scaled(text, s.n)
			if ok && (field == "minAvailable" && n >= s.n || field == "maxUnavailable" && n == 0) {
				p.warn(obj, krm.Path{"spec", field},
					"is %s and the %s has %s: no pod may be evicted, and no node can be drained", text, c.Name(), s.word).is(number(text))
			}
		}
	}
}

// scaled reads a number or a percentage of n, rounded up as Kubernetes does.
func scaled(text string, n int) (int, bool) {
	percent, isPercent := strings.CutSuffix(text, "%")
	value, err := strconv.Atoi(percent)
	if err != nil {
		return 0, false
	}
	if isPercent {
		value = (value*n + 99) / 100
	}
	return value, true
}
