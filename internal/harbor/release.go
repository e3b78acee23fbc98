package harbor

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"krmfn.dev/harbor/internal/kube"
)

// Release is a release of Harbor, such as 1.2. The zero one is not known.
type Release struct{ Major, Minor int }

func (r Release) String() string { return fmt.Sprintf("%d.%d", r.Major, r.Minor) }

// Known says whether it is known at all.
func (r Release) Known() bool { return r != Release{} }

// Compare orders releases.
func (r Release) Compare(other Release) int {
	return cmp.Or(cmp.Compare(r.Major, other.Major), cmp.Compare(r.Minor, other.Minor))
}

// AtLeast says whether the release is known to be that one or a later one.
func (r Release) AtLeast(other Release) bool { return r.Known() && r.Compare(other) >= 0 }

// Tags of Harbor's own images: v1.2.0 of harbor-ui, and v2.6.2-v1.5.3 of
// registry-photon, which begins with the version of the program inside.
// nginx-photon:1.11.13 and registry:2.6.2-photon name nothing but that.
var (
	harborTag = regexp.MustCompile(`^v?([12])\.(\d{1,2})(?:\.|-|$)`)
	photonTag = regexp.MustCompile(`^(?:.*-)?v([12])\.(\d{1,2})(?:\.\d+)?(?:-[a-z][a-z0-9.]*)?$`)
)

// versionLabel is what charts call the release in (Kubernetes recommended
// labels).
const versionLabel = "app.kubernetes.io/version"

// releaseOf is the release that the container's image names by its tag, else the
// one that its pods are labelled with.
func releaseOf(c kube.Container) Release {
	name, tag, _ := c.SplitImage()
	pattern := photonTag
	if strings.HasPrefix(name, "harbor-") {
		pattern = harborTag
	}
	m := pattern.FindStringSubmatch(tag)
	if m == nil {
		m = harborTag.FindStringSubmatch(c.PodLabels()[versionLabel])
	}
	if m == nil {
		return Release{}
	}
	major, _ := strconv.Atoi(m[1]) // digits
	minor, _ := strconv.Atoi(m[2]) // digits
	return Release{major, minor}
}
