// Package harbor is the vocabulary: the components of Harbor, how manifests
// show them, and where Harbor keeps what, for each generation. It knows no
// function.
package harbor

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Generation is the family of Harbor releases: 1 for 1.x up to 1.6, the last
// with an adminserver or a ui, and 2 for what came after (core and portal).
type Generation int

// kind is what Harbor calls a component and how its pods can be told.
type kind struct {
	Generation Generation
	Name       string
	Container  string   // name of the main container
	Images     []string // last part of the image's name: name or name:pattern of the tag
	// Single says why there can be one replica only, "" where there can be more.
	Single string
}

// Names of components that functions look for.
const (
	AdminServer = "adminserver"
	JobService  = "jobservice"
	MySQL       = "mysql"
	Nginx       = "nginx"
	Registry    = "registry"
	UI          = "ui"
)

// kinds are the components. 1.x: make/kubernetes of Harbor v1.2.0. 2.x: the
// pod label component and the container names of harbor-helm 1.19.
var kinds = []kind{
	{1, AdminServer, "adminserver-app", []string{"harbor-adminserver"}, ""},
	{1, JobService, "jobservice-app", []string{"harbor-jobservice"},
		"each jobservice runs every unfinished job again when it starts (harbor#3747, harbor#4001)"},
	{1, MySQL, "mysql-app", []string{"harbor-db", "mariadb-photon"},
		"two database servers on one data directory destroy it; use-external-database takes a database that is highly available itself"},
	{1, Nginx, "nginx-app", []string{"nginx-photon"}, ""},
	{1, Registry, "registry-app", []string{"registry:*-photon", "registry-photon"}, ""},
	{1, UI, "ui-app", []string{"harbor-ui"}, ""},

	{2, "core", "core", []string{"harbor-core"}, ""},
	{2, "database", "database", []string{"harbor-db"},
		"two database servers on one data directory destroy it; take an external PostgreSQL that is highly available itself"},
	{2, "exporter", "exporter", []string{"harbor-exporter"}, ""},
	{2, JobService, "jobservice", []string{"harbor-jobservice"}, ""},
	{2, Nginx, "nginx", []string{"nginx-photon"}, ""},
	{2, "portal", "portal", []string{"harbor-portal"}, ""},
	{2, "redis", "redis", []string{"redis-photon", "valkey-photon"},
		"each replica would be a store of its own, sessions and jobs get lost; take an external Redis that is highly available itself"},
	{2, Registry, "registry", []string{"registry-photon"}, ""},
	{2, "trivy", "trivy", []string{"trivy-adapter-photon"}, ""},
}

// Component is a workload that runs a part of Harbor.
type Component struct {
	kube.Container // the main container
	kind           kind
}

// Name is what Harbor calls the component, e.g. ui.
func (c Component) Name() string { return c.kind.Name }

// Generation is the generation of Harbor it belongs to.
func (c Component) Generation() Generation { return c.kind.Generation }

// Single says why the component can have one replica only, "" where it can have
// more. Jobservices share a queue since Harbor 1.5 (harbor#3946).
func (c Component) Single() string {
	if c.AtLeast(5) && c.Name() == JobService {
		return ""
	}
	return c.kind.Single
}

// Components finds the components of Harbor among the items: by the label
// component of a chart's pods, the name of the container and the image, never
// by the names of objects, which carry prefixes.
func Components(list *framework.ResourceList) []Component {
	workloads := kube.Workloads(list)
	generation := generationOf(workloads)
	var all []Component
	for _, w := range workloads {
		if !w.Replicated() && w.GetKind() != "DaemonSet" {
			continue
		}
		if c, ok := component(w, generation); ok {
			all = append(all, c)
		}
	}
	return all
}

func component(w kube.Workload, generation Generation) (Component, bool) {
	for _, c := range w.Containers() {
		for _, k := range kinds {
			if !c.Init && k.Generation == generation && k.runs(c) {
				return Component{Container: c, kind: k}, true
			}
		}
	}
	return Component{}, false
}

// runs says whether the container is the main one of the component: by the
// image's name, or, so that images can come from a mirror under another name,
// by container name and pod label together.
func (k kind) runs(c kube.Container) bool {
	if slices.ContainsFunc(k.Images, func(pattern string) bool { return matches(pattern, c) }) {
		return true
	}
	labels := c.PodLabels()
	return c.Name == k.Container && (labels["name"] == k.Name+"-apps" || labels["component"] == k.Name)
}

// matches compares the image of a container with a pattern: the last part of its
// name, or that and :pattern of the tag.
func matches(pattern string, c kube.Container) bool {
	name, tag, _ := c.SplitImage()
	wantName, wantTag, hasTag := strings.Cut(pattern, ":")
	if !hasTag {
		return name == wantName
	}
	ok, err := path.Match(wantTag, tag)
	return name == wantName && ok && err == nil
}

// generationOf tells the generation by the parts that only one of them has. In
// doubt it is 1.x.
func generationOf(workloads []kube.Workload) Generation {
	for _, w := range workloads {
		for _, c := range w.Containers() {
			switch {
			case matches("harbor-core", c), matches("harbor-portal", c):
				return 2
			case matches("harbor-adminserver", c), matches("harbor-ui", c):
				return 1
			}
		}
	}
	for _, w := range workloads {
		labels := w.PodLabels()
		if labels["app"] == "harbor" && labels["component"] != "" {
			return 2
		}
	}
	return 1
}

// known says how components are told.
const known = "they are known by image, or by container name and pod label"

// ErrNone is that there is no component of Harbor.
var ErrNone = errors.New("found no component of Harbor: " + known)

// Old returns the components of Harbor 1.x. It is an error when there are none,
// and when the manifests are of Harbor 2.x.
func Old(list *framework.ResourceList) ([]Component, error) {
	all := Components(list)
	switch {
	case len(all) == 0:
		return nil, ErrNone
	case all[0].Generation() != 1:
		return nil, fmt.Errorf("%s is part of Harbor 2.x, this function knows Harbor 1.x", krm.Name(all[0].RNode))
	}
	return all, nil
}

// Find returns the workloads of one component of Harbor 1.x. It is an error
// when there is none, and when the manifests are of Harbor 2.x.
func Find(list *framework.ResourceList, name string) ([]Component, error) {
	all, err := Old(list)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(slices.Clone(all), func(c Component) bool { return c.Name() != name })
	if len(found) == 0 {
		return nil, fmt.Errorf("found no %s of Harbor, %s", name, Present(all))
	}
	return found, nil
}

// Present lists the components for the end of a message that one is missing.
func Present(all []Component) string {
	if len(all) == 0 {
		return "nor any other component (" + known + ")"
	}
	return "there are " + strings.Join(Names(all), ", ")
}

// Names returns the names of the components, sorted, each once.
func Names(all []Component) []string {
	var names []string
	for _, c := range all {
		names = append(names, c.Name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}
