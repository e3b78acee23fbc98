// Package setreplicas sets the number of replicas by component of Harbor.
//
// Components are told by image, container name and pod label, never by the
// name of an object. ReplicationController, ReplicaSet, Deployment and
// StatefulSet are seen.
//
// It refuses what cannot be more than one: a jobservice before Harbor 1.5, which
// runs every unfinished job again when it starts (harbor#3747, harbor#4001), and
// a database or Redis inside the cluster.
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

// Run sets spec.replicas of every workload of each component.
func (s *SetReplicas) Run(list *framework.ResourceList) error {
	components := harbor.Components(list)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Replicas)) {
		errs = append(errs, s.set(list, components, name))
	}
	return errors.Join(errs...)
}

func (s *SetReplicas) set(list *framework.ResourceList, components []harbor.Component, name string) error {
	n, found := s.Replicas[name], false
	for _, c := range components {
		if c.Name() != name {
			continue
		}
		found = true
		switch {
		case n > 1 && c.Single() != "":
			return krm.FieldErrorf(field(name), "%d is more than 1: %s", n, c.Single())
		case !c.Replicated():
			return krm.FieldErrorf(field(name), "%s runs on every node and has no number of replicas", krm.Name(c.RNode))
		}
		if err := krm.Set(list, c.RNode, n, "spec", "replicas"); err != nil {
			return err
		}
	}
	if !found {
		return krm.FieldErrorf(field(name), "there is no component %s in these manifests, %s", name, harbor.Present(components))
	}
	return nil
}
