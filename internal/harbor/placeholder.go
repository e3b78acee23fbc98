package harbor

import (
	"regexp"
	"slices"
	"strings"
)

// placeholders stand for values that have to be filled in.
var placeholder = regexp.MustCompile(`CHANGE-ME-PLEASE|\{\{.*\}\}`)

// Placeholder says whether a value holds something that has to be filled in:
// our base's CHANGE-ME-PLEASE, or {{name}} of upstream's templates.
func Placeholder(value string) bool {
	return !strings.Contains(value, "\n") && placeholder.MatchString(value)
}

// wellKnown are the values of Harbor's own harbor.cfg and manifests, of our base and
// of overlays/harbor-1.2-article, and the defaults of harbor-helm (values.yaml).
var wellKnown = []string{"Harbor12345", "root123", "placeholder", "CHANGE-ME-PLEASE", "harbork8s",
	"not-a-secure-key", "harbor_registry_password", "changeit"}

// WellKnown says whether the value is a default that everybody can look up.
func WellKnown(value string) bool { return slices.Contains(wellKnown, value) }
