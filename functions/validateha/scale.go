package validateha

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// scale is how many pods a workload can have.
type scale struct {
	n        int
	eachNode bool     // one on each node as well, however many these are
	word     string   // 3 replicas
	path     krm.Path // where the number stands, in obj
	obj      *yaml.RNode
}

func (s scale) none() bool    { return s.n == 0 && !s.eachNode }
func (s scale) single() bool  { return s.n == 1 && !s.eachNode }
func (s scale) several() bool { return s.n > 1 || s.eachNode }

// scaleOf counts the replicas, and those that a HorizontalPodAutoscaler allows.
func (f *facts) scaleOf(w kube.Workload) scale {
	if w.GetKind() == "DaemonSet" {
		return scale{eachNode: true, word: "replicas on all nodes", path: krm.Path{"kind"}, obj: w.RNode}
	}
	s := scale{n: 1, path: krm.Path{"spec", "replicas"}, obj: w.RNode}
	if n, ok := kube.Integer(w.RNode, s.path...); ok {
		s.n = n
	}
	s.word = plural(s.n, "replica")
	if s.n == 0 {
		return s // with 0 replicas nothing is scaled (kubernetes.io horizontal-pod-autoscale, implicit maintenance-mode deactivation)
	}
	for _, obj := range kube.Autoscalers(f.list, w) {
		if n, ok := kube.Integer(obj, "spec", "maxReplicas"); ok && n > s.n {
			s = scale{n: n, word: fmt.Sprintf("up to %d replicas", n), path: krm.Path{"spec", "maxReplicas"}, obj: obj}
		}
	}
	return s
}

// peers are the other workloads of the part that have pods behind the same
// Service: together they are replicas too.
func (f *facts) peers(c *part) []*part {
	return slices.DeleteFunc(f.beside(c, c.Name()), func(other *part) bool {
		return other == c || other.scale.none() || c.scale.none() || !slices.ContainsFunc(c.services, other.Behind)
	})
}

// replicas counts the replicas of the part, those of its peers included.
func (f *facts) replicas(c *part) scale {
	s := c.scale
	for _, other := range f.peers(c) {
		s.n += other.scale.n
		s.eachNode = s.eachNode || other.scale.eachNode
		s.word += " beside " + krm.Name(other.RNode)
	}
	return s
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
