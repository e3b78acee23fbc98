// Package setreplicas sets the number of replicas by component of Harbor.
//
// Components are told by image, container name and pod label, never by the
// name of an object. ReplicationController, ReplicaSet, Deployment and
// StatefulSet are seen. A workload with 0 replicas is left alone where the part
// has another one, and so is one that another workload owns.
//
// It refuses what cannot be more than one: a jobservice before Harbor 1.5, which
// runs every unfinished job again when it starts (harbor#3747, harbor#4001), and
// a database or Redis inside the cluster.
//
// It works with Harbor 1.2 to 2.x.
package setreplicas

import (
	"errors"
	"maps"
	"math"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Function is set-replicas.
var Function = krm.Function{Name: "set-replicas", New: func() krm.Runner { return &SetReplicas{} }}

// SetReplicas is the settings.
type SetReplicas struct {
	// Number of replicas by component, e.g. `registry: 3`. 0 stops a component.
	Replicas map[string]int `yaml:"replicas"`
}

// Validate checks the numbers.
func (s *SetReplicas) Validate() error {
	if len(s.Replicas) == 0 {
		return krm.FieldErrorf("replicas", "is missing")
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Replicas)) {
		switch n := s.Replicas[name]; {
		case n < 0:
			errs = append(errs, krm.FieldErrorf(field(name), "%d is negative, want 0 or more", n))
		case n > math.MaxInt32:
			errs = append(errs, krm.FieldErrorf(field(name), "%d is more than Kubernetes can count, %d", n, math.MaxInt32))
		}
	}
	return errors.Join(errs...)
}

// field is the setting of a component.
func field(name string) string { return krm.Path{"replicas", name}.String() }

// Run sets spec.replicas of every workload of each part.
func (s *SetReplicas) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Replicas)) {
		errs = append(errs, s.set(list, h, name))
	}
	return errors.Join(errs...)
}

func (s *SetReplicas) set(list *framework.ResourceList, h *harbor.Harbor, name string) error {
	components, err := h.Active(name)
	if err != nil {
		return krm.FieldErrorf(field(name), "%v", err)
	}
	for _, c := range components {
		if err := s.check(h, c); err != nil {
			return err
		}
		if err := krm.Set(list, c.RNode, s.Replicas[name], "spec", "replicas"); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a number that one of the parts in the pod cannot have: all that
// run in it are scaled together.
func (s *SetReplicas) check(h *harbor.Harbor, c harbor.Component) error {
	n := s.Replicas[c.Name()]
	if !c.Replicated() {
		return krm.FieldErrorf(field(c.Name()), "%s runs on every node and has no number of replicas", krm.Name(c.RNode))
	}
	for _, beside := range h.InPod(c) {
		other, named := s.Replicas[beside.Name()]
		switch {
		case n > 1 && beside.Single() != "" && beside.Name() == c.Name():
			return krm.FieldErrorf(field(c.Name()), "%d is more than 1: %s", n, beside.Single())
		case n > 1 && beside.Single() != "":
			return krm.FieldErrorf(field(c.Name()), "%d is more than 1, and %s runs the %s in the same pod: %s",
				n, krm.Name(c.RNode), beside.Name(), beside.Single())
		case named && other != n:
			return krm.FieldErrorf(field(c.Name()), "%d contradicts %s, which is %d: %s runs both in one pod",
				n, field(beside.Name()), other, krm.Name(c.RNode))
		}
	}
	return nil
}
