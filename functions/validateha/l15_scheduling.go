package validateha

import (
	"cmp"
	"fmt"
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
	What: "Pods are replaced when their template changes, get requests only when they are ready, are several, run one image, and are not " +
		"all on one node or evicted at once.",
	Why: "A ReplicationController leaves running pods as they are (website#19439), a mutable tag runs another program on each node " +
		"(harbor#4200), without probe, spread and budget replicas fail together, and a budget that lets nobody go, or two for one " +
		"pod, stop each drain of a node (kubernetes.io disruptions, topology-spread-constraints; eksctl#783).",
	Do:     "Make Deployments with a readinessProbe and images of a release or digest; set-replicas and spread-pods do the rest.",
	Remedy: []string{"spread", "replicas"},
	check: func(p *pass) {
		for _, c := range p.parts {
			if parts := p.inPod(c); parts[0] == c {
				checkWorkload(p, c, parts)
				checkSpread(p, c, parts)
			}
		}
		checkTags(p)
		for _, obj := range p.objects["PodDisruptionBudget"] {
			checkBudget(p, obj)
		}
	},
}

// checkWorkload looks at what a workload lacks, for all parts in its pods.
func checkWorkload(p *pass, c *part, parts []*part) {
	if c.GetKind() == "ReplicationController" {
		p.warn(c.RNode, krm.Path{"kind"}, "is a ReplicationController: a changed template does not reach running pods")
	}
	var down, off []string
	for _, c := range parts {
		if krm.Lookup(c.RNode, c.Path.Append("readinessProbe")...) == nil {
			p.warn(c.RNode, c.Path, "has no readinessProbe: requests are sent to pods that do not answer yet")
		}
		if means := c.Part().DownMeans; c.scale.none() && means != "" && !p.runs(c) && !slices.Contains(off, means) {
			off = append(off, means)
		}
		if means := c.Part().DownMeans; c.scale.single() && c.Single() == "" && means != "" && !slices.Contains(down, means) {
			down = append(down, means)
		}
	}
	if len(off) > 0 {
		p.warn(c.scale.obj, c.scale.path, "is 0: %s", strings.Join(off, " and ")).add("replicas").is(0)
	}
	if len(down) > 0 {
		p.warn(c.scale.obj, c.scale.path, "is 1: %s while the pod moves", strings.Join(down, " and ")).add("replicas").is(1)
	}
}

// runs says whether another workload of the Harbor has pods of the part.
func (f *facts) runs(c *part) bool {
	return slices.ContainsFunc(f.beside(c, c.Name()), func(other *part) bool { return !other.scale.none() })
}

// node is the one that all pods of a part are bound to, and where that stands.
func (c *part) node() (string, krm.Path) {
	for _, at := range []krm.Path{c.Pod.Append("nodeName"), c.Pod.Append("nodeSelector", "kubernetes.io/hostname")} {
		if name := krm.Text(c.RNode, at...); name != "" {
			return name, at
		}
	}
	return "", nil
}

// checkSpread looks at what keeps replicas apart. A store is no matter of this: several
// of it are none (L10, L19).
func checkSpread(p *pass, c *part, parts []*part) {
	if !c.scale.several() || slices.ContainsFunc(parts, func(c *part) bool { return c.Part().Stateful }) {
		return
	}
	if node, at := c.node(); node != "" && !c.scale.eachNode {
		p.warn(c.RNode, at, "binds %s to one node, and the %s goes down with it", c.scale.word, strings.Join(names(parts), " and the ")).is(node)
	}
	var lacks []string
	if constraints := c.constraints(); !c.scale.eachNode {
		if len(constraints) == 0 {
			lacks = append(lacks, "has neither topologySpreadConstraints nor podAntiAffinity")
		} else if !slices.ContainsFunc(constraints, func(at krm.Path) bool { return c.SelectedBy(c.RNode, at...) }) {
			p.warn(c.RNode, constraints[0], "selects none of its own pods: they may all be on one node")
		}
	}
	var budgets []string
	for _, obj := range p.objects["PodDisruptionBudget"] {
		if c.Budgeted(obj) {
			budgets = append(budgets, krm.Name(obj))
		}
	}
	switch {
	case len(budgets) == 0 && !c.scale.eachNode: // a drain leaves the pods of a DaemonSet
		lacks = append(lacks, "has no PodDisruptionBudget"+p.misses(c))
	case len(budgets) > 1:
		p.warn(c.RNode, nil, "is selected by %s: Kubernetes evicts no pod that has more than one budget, and no node can be drained",
			strings.Join(budgets, " and "))
	}
	if len(lacks) > 0 {
		p.warn(c.RNode, nil, "%s", strings.Join(lacks, "; ")).add(toSpread)
	}
}

// misses says that a budget of the workload's name selects none of its pods.
func (f *facts) misses(c *part) string {
	for _, obj := range f.objects["PodDisruptionBudget"] {
		if obj.GetName() == c.GetName() && obj.GetNamespace() == c.GetNamespace() {
			return " (the one of its name selects none of its pods)"
		}
	}
	return ""
}

// constraints lead to the selectors by which the pods are kept apart.
func (c *part) constraints() []krm.Path {
	var all []krm.Path
	add := func(list krm.Path, selector ...any) {
		for i := range krm.Elements(c.RNode, list...) {
			all = append(all, append(list.Append(i), selector...))
		}
	}
	add(c.Pod.Append("topologySpreadConstraints"), "labelSelector")
	apart := c.Pod.Append("affinity", "podAntiAffinity")
	add(apart.Append("requiredDuringSchedulingIgnoredDuringExecution"), "labelSelector")
	add(apart.Append("preferredDuringSchedulingIgnoredDuringExecution"), "podAffinityTerm", "labelSelector")
	return all
}

// checkTags says in one finding which parts have tags that are moved, for each
// Harbor.
func checkTags(p *pass) {
	for _, h := range p.harbors() {
		same := slices.DeleteFunc(slices.Clone(p.parts), func(other *part) bool { return other.Harbor != h || !mutable(other) })
		own := slices.DeleteFunc(slices.Clone(same), func(c *part) bool { return !c.mirrored() })
		upstream := slices.DeleteFunc(same, (*part).mirrored)
		const message = "has a tag that is not always the same image, %s, so that replicas may run different programs: name a release or, best, a digest"
		if len(upstream) > 0 {
			p.warn(upstream[0].RNode, upstream[0].Path.Append("image"), message, tags(upstream)).is(upstream[0].Image())
		}
		if len(own) > 0 {
			p.note(own[0].RNode, own[0].Path.Append("image"), message, tags(own)).is(own[0].Image())
		}
	}
}

// tags names the parts by their tags: dev (core, portal).
func tags(parts []*part) string {
	var order, all []string
	of := map[string][]*part{}
	for _, c := range parts {
		_, tag, _ := c.SplitImage()
		if of[tag] == nil {
			order = append(order, tag)
		}
		of[tag] = append(of[tag], c)
	}
	for _, tag := range order {
		all = append(all, fmt.Sprintf("%s (%s)", cmp.Or(tag, "none"), strings.Join(names(of[tag]), ", ")))
	}
	return strings.Join(all, ", ")
}

// mirrored says whether a tag such as dev is the choice of somebody who builds or copies
// images: the registry, or the project, is not Harbor's.
func (c *part) mirrored() bool {
	_, tag, _ := c.SplitImage()
	image := strings.TrimPrefix(c.Image(), "docker.io/")
	return tag != "" && tag != "latest" && !strings.HasPrefix(image, "goharbor/") && !strings.HasPrefix(image, "vmware/")
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
					"is %s and the %s has %s: no pod may be evicted, and no node can be drained", text, c.Name(), s.word).
					add("spread.budget: {maxUnavailable: 1}").is(number(text))
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
