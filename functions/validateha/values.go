package validateha

import (
	"fmt"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/kube"
)

// shown is a value for a message: one from a Secret is not for everybody.
func shown(v kube.Value) string {
	if v.Secret {
		return "(in a Secret)"
	}
	return v.Text
}

// lineBreak says whether a value holds a line break, which most often has come
// with the file that a Secret was made from.
func lineBreak(v kube.Value) bool { return strings.ContainsAny(v.Text, "\r\n") }

// sources names ConfigMaps and Secrets for a message: key password of Secret
// harbor-redis.
func sources(all []kube.Source) string {
	var names []string
	for _, s := range all {
		names = append(names, sourceName(s))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

func sourceName(s kube.Source) string {
	if s.Kind == "" {
		return "the pod"
	}
	return fmt.Sprintf("%s of %s %s", s.Key, s.Kind, s.Name)
}
