// Package harbor is the one model of Harbor: its parts, how manifests show them,
// and where each keeps what, for each generation. It knows no function.
//
// Facts stand once, as data, in the layouts (v1.go, v2.go). Functions write
// through them and rules read through them.
package harbor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

// Generation is a family of releases that keep things in the same places.
type Generation int

// V1 is Harbor 1.2 to 1.5, with an adminserver, a ui and MySQL; V2 is Harbor 2.x.
// Between is 1.6 to 1.10, of which the parts are known and nothing else.
const (
	V1 Generation = iota + 1
	V2
	Between
)

func (g Generation) String() string {
	for _, l := range layouts {
		if l.Generation == g {
			return l.Releases
		}
	}
	return "of an unknown release"
}

// Harbor is one Harbor among the objects of a list.
type Harbor struct {
	layout
	// Components are its parts as the list has them, in the order of the list.
	Components []Component
	// Release is the earliest that the images of its parts name.
	Release Release

	list *framework.ResourceList
	// texts are the YAML files that have been read, by ConfigMap and key.
	texts map[textOf]krm.Embedded
}

// ErrNone is that there is no Harbor.
var ErrNone = errors.New("found no component of Harbor: " + known)

// known says how parts are recognised.
const known = "they are known by image, or by container name and pod label"

// In finds the Harbor of a list, for functions that edit it. It is an error when
// there is none, and when there are several, which are named.
func In(list *framework.ResourceList) (*Harbor, error) {
	all := FindAll(list)
	switch len(all) {
	case 0:
		return nil, ErrNone
	case 1:
		return all[0], nil
	}
	var names []string
	for _, h := range all {
		names = append(names, h.String())
	}
	return nil, fmt.Errorf("there are %d Harbors in these manifests, and it is not clear which one is meant: %s; render each from a kustomization of its own",
		len(all), strings.Join(names, "; "))
}

// String names the Harbor by its namespace and one of its workloads.
func (h *Harbor) String() string {
	first := h.Components[0]
	for _, c := range h.Components {
		if c.part.Needed && !first.part.Needed {
			first = c
		}
	}
	if namespace := first.GetNamespace(); namespace != "" {
		return fmt.Sprintf("the one of %s in namespace %s", krm.Name(first.RNode), namespace)
	}
	return "the one of " + krm.Name(first.RNode)
}

// Of returns the components that run one of the parts.
func (h *Harbor) Of(parts ...string) []Component {
	return slices.DeleteFunc(slices.Clone(h.Components), func(c Component) bool { return !slices.Contains(parts, c.Name()) })
}

// Need returns the components that run the part. It is an error when there is
// none.
func (h *Harbor) Need(part string) ([]Component, error) {
	found := h.Of(part)
	if len(found) == 0 {
		return nil, fmt.Errorf("found no %s of Harbor, %s", part, Present(h.Components))
	}
	return found, nil
}

// Active returns the components that run the part, without workloads of 0
// replicas where there are others. It is an error when there is none, and when
// all of several are stopped: it is not clear which one is to run.
func (h *Harbor) Active(part string) ([]Component, error) {
	all := h.Of(part)
	active := slices.DeleteFunc(slices.Clone(all), Component.stopped)
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("there is no component %s in these manifests, %s", part, Present(h.Components))
	case len(active) == 0 && len(all) > 1:
		return nil, fmt.Errorf("%s and %s both have 0 replicas, and it is not clear which one is to run: take one of them away",
			krm.Name(all[0].RNode), krm.Name(all[1].RNode))
	case len(active) == 0:
		return all, nil
	}
	return active, nil
}

// InPod returns the components in the same pod as c, c among them.
func (h *Harbor) InPod(c Component) []Component {
	return slices.DeleteFunc(slices.Clone(h.Components), func(other Component) bool { return other.RNode != c.RNode })
}

// Option is a setting of a function that not every generation has a place for.
type Option struct {
	Field   string
	Given   bool
	Of      Generation
	Instead string // what to write where it has none
}

// Only returns an error for each setting that is given and that this Harbor has no
// place for.
func (h *Harbor) Only(settings ...Option) []error {
	var errs []error
	for _, s := range settings {
		if s.Given && s.Of != h.Generation {
			errs = append(errs, krm.FieldErrorf(s.Field, "is for Harbor %s, and this is Harbor %s%s", s.Of, h.Generation, s.Instead))
		}
	}
	return errs
}

// Needs is an error unless this Harbor is of a generation of which that is known:
// what says what, e.g. "which settings hold the address of Redis", and known whether a Harbor
// has the table for it.
func (h *Harbor) Needs(what string, known func(*Harbor) bool) error {
	if known(h) {
		return nil
	}
	var releases []string
	for _, l := range layouts {
		if known(&Harbor{layout: l}) {
			releases = append(releases, l.Releases)
		}
	}
	release := h.Releases
	if h.Release.Known() {
		release = h.Release.String()
	}
	return fmt.Errorf("%s is part of Harbor %s: %s is known for Harbor %s only",
		krm.Name(h.Components[0].RNode), release, what, strings.Join(releases, " and "))
}

// RealmFollows says whether docker is sent for its token to the host and port that it
// asked for, so that those of the address are for people alone.
func (h *Harbor) RealmFollows() bool {
	return h.RealmHost.Known() && (!h.Release.Known() || h.Release.AtLeast(h.RealmHost))
}

// IsV1 says whether it is Harbor 1.2 to 1.5.
func (h *Harbor) IsV1() bool { return h.Generation == V1 }

// Present lists the parts for the end of a message that one is missing.
func Present(all []Component) string {
	if len(all) == 0 {
		return "nor any other component (" + known + ")"
	}
	return "there are " + strings.Join(Names(all), ", ")
}

// Names returns the names of the parts, sorted, each once.
func Names(all []Component) []string {
	var names []string
	for _, c := range all {
		names = append(names, c.Name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}
