package harbor

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Names of the parts of Harbor.
const (
	AdminServer  = "adminserver"
	ChartMuseum  = "chartmuseum"
	Core         = "core"
	Database     = "database"
	Exporter     = "exporter"
	JobService   = "jobservice"
	MySQL        = "mysql"
	Nginx        = "nginx"
	NotaryServer = "notary-server"
	NotarySigner = "notary-signer"
	Portal       = "portal"
	RedisServer  = "redis"
	Registry     = "registry"
	RegistryCtl  = "registryctl"
	Trivy        = "trivy"
	UI           = "ui"
)

// Part is a program of Harbor that runs in pods of its own as a rule, and how its
// pods are recognised.
type Part struct {
	Name string
	// Container is the name of the main container in Harbor's own manifests.
	Container string
	// With is the part whose pods it runs in, "" for pods of its own: these have the
	// label of that part, and scale with it.
	With string
	// Images are the last parts of the names of its images, each alone or with a
	// pattern of the tag: registry:*-photon.
	Images []string
	// Single says why there can be one replica only, "" where there can be more;
	// from the release SharedSince on there can be more all the same.
	Single      string
	SharedSince Release
	// Needed says that there is no Harbor without it.
	Needed bool
	// DownMeans says what users cannot do while it is away, "" where they hardly
	// notice.
	DownMeans string
	// Stateful says that it keeps what others store in it: a database or a Redis,
	// which may be one outside of the manifests.
	Stateful bool
	// Gone is the release since which Harbor does not have it any more. It can be
	// scaled, and what it has of its own stays as it is: see warnLeftAlone.
	Gone Release
	Own  []string
}

// What a part that is Gone may have of its own.
const (
	OwnDatabase = "database"
	OwnRedis    = "Redis"
	OwnStorage  = "storage"
)

// Component is a container of a workload that runs a part of Harbor.
type Component struct {
	kube.Container
	part   Part
	Harbor *Harbor
	// ByUse says that it is known by who calls it alone: its image is somebody
	// else's.
	ByUse bool
}

// Name is what Harbor calls the part, e.g. ui.
func (c Component) Name() string { return c.part.Name }

// Part is the part that it runs.
func (c Component) Part() Part { return c.part }

// Generation is the generation of Harbor that it belongs to.
func (c Component) Generation() Generation { return c.Harbor.Generation }

// Release is the one that its image names, else the one of its Harbor.
func (c Component) Release() Release {
	if r := releaseOf(c.Container); r.Known() {
		return r
	}
	return c.Harbor.Release
}

// Named is the release that its image or its pod names, zero where neither does.
func (c Component) Named() Release { return releaseOf(c.Container) }

// AtLeast says whether it is known to be of that release or a later one.
func (c Component) AtLeast(minor int) bool { return c.Release().AtLeast(Release{1, minor}) }

// Single says why there can be one replica of it only, "" where there can be
// more.
func (c Component) Single() string {
	if since := c.part.SharedSince; since.Known() && c.Release().AtLeast(since) {
		return ""
	}
	return c.part.Single
}

// warnLeftAlone names the parts that go on with what they have of their own, a
// database, Redis or storage, when Harbor gets another one.
func (h *Harbor) warnLeftAlone(own string) {
	for _, c := range h.Components {
		if slices.Contains(c.part.Own, own) {
			krm.Warn(h.list, c.RNode, nil, "%s is no part of Harbor since %s: its %s is left as it is, and what it uses has to stay",
				c.Name(), c.part.Gone, own)
		}
	}
}

// stopped says whether it has 0 replicas.
func (c Component) stopped() bool {
	return c.Replicas() == 0
}

// Replicas is the number of its pods: 1 where none is given, and for a DaemonSet,
// of which nobody knows.
func (c Component) Replicas() int {
	if n, ok := kube.Integer(c.RNode, "spec", "replicas"); ok && c.Replicated() {
		return n
	}
	return 1
}

// hasImage says whether the container runs one of the part's images.
func (p Part) hasImage(c kube.Container) bool {
	return slices.ContainsFunc(p.Images, func(pattern string) bool { return matches(pattern, c) })
}

// labelled says whether the container has the name and its pod the label that
// Harbor's own manifests, the chart or bitnami's give the part: images can come
// from a mirror under another name.
func (p Part) labelled(c kube.Container, labels map[string]string) bool {
	name := cmp.Or(p.With, p.Name)
	known := labels["name"] == name+"-apps" || labels["component"] == name || labels["app.kubernetes.io/component"] == name
	return known && c.Name == p.Container
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
