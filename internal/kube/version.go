package kube

import (
	"fmt"
	"regexp"
	"strconv"

	"krmfn.dev/harbor/internal/krm"
)

// Today is the version of Kubernetes where nobody names another one.
const Today = "1.37"

// Version is a version of Kubernetes 1.x.
type Version struct {
	Minor, patch int
	anyPatch     bool // the patch release is not given
}

func (v Version) String() string {
	if v.anyPatch {
		return fmt.Sprintf("1.%d", v.Minor)
	}
	return fmt.Sprintf("1.%d.%d", v.Minor, v.patch)
}

// versionText is 1.31, v1.31.2 or what a provider makes of it, 1.31.2-gke.100.
var versionText = regexp.MustCompile(`^v?1\.(\d{1,3})(?:\.(\d{1,3}))?(?:[-+][A-Za-z0-9.+-]*)?$`)

// ParseVersion reads the setting kubernetesVersion, Today where it is "".
func ParseVersion(text string) (Version, error) {
	if text == "" {
		text = Today
	}
	m := versionText.FindStringSubmatch(text)
	if m == nil {
		return Version{}, krm.FieldErrorf("kubernetesVersion", "%q is not a version such as 1.31 or 1.31.2", text)
	}
	minor, _ := strconv.Atoi(m[1]) // digits
	patch, _ := strconv.Atoi(m[2]) // digits or nothing
	return Version{minor, patch, m[2] == ""}, nil
}

// ReadOnlyConfig says whether ConfigMaps and Secrets are mounted read-only: since
// 1.7.14, 1.8.9 and 1.9.4 (kubernetes#58720). It is not certain where only the
// patch release would tell.
func (v Version) ReadOnlyConfig() (certain, possible bool) {
	since := map[int]int{7: 14, 8: 9, 9: 4}
	first, mixed := since[v.Minor]
	switch {
	case !mixed:
		return v.Minor > 9, v.Minor > 9
	case v.anyPatch:
		return false, true
	}
	return v.patch >= first, v.patch >= first
}
