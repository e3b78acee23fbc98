package validateha

import (
	"fmt"
	"regexp"
	"strconv"

	"krmfn.dev/harbor/internal/krm"
)

// today is the default of KubernetesVersion.
const today = "1.37"

// version is a version of Kubernetes 1.x.
type version struct {
	minor, patch int
	anyPatch     bool // the patch release is not given
}

func (v version) String() string {
	if v.anyPatch {
		return fmt.Sprintf("1.%d", v.minor)
	}
	return fmt.Sprintf("1.%d.%d", v.minor, v.patch)
}

// versionText is 1.31, v1.31.2 or what a provider makes of it, 1.31.2-gke.100.
var versionText = regexp.MustCompile(`^v?1\.(\d{1,3})(?:\.(\d{1,3}))?(?:[-+][A-Za-z0-9.+-]*)?$`)

func parseVersion(text string) (version, error) {
	m := versionText.FindStringSubmatch(text)
	if m == nil {
		return version{}, krm.FieldErrorf("kubernetesVersion", "%q is not a version such as 1.31 or 1.31.2", text)
	}
	minor, _ := strconv.Atoi(m[1]) // digits
	patch, _ := strconv.Atoi(m[2]) // digits or nothing
	return version{minor, patch, m[2] == ""}, nil
}

// readOnlyConfig says whether ConfigMaps and Secrets are mounted read-only: since
// 1.7.14, 1.8.9 and 1.9.4 (kubernetes#58720). It is not certain where only the
// patch release would tell.
func (v version) readOnlyConfig() (certain, possible bool) {
	since := map[int]int{7: 14, 8: 9, 9: 4}
	first, mixed := since[v.minor]
	switch {
	case !mixed:
		return v.minor > 9, v.minor > 9
	case v.anyPatch:
		return false, true
	}
	return v.patch >= first, v.patch >= first
}
