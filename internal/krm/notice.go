package krm

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// noticeTag marks a notice.
const noticeTag = "notice"

// Notice tells what people want to know though nothing is wrong: that an object is
// gone, or left alone on purpose. It is an info finding with the tag notice, which
// is printed without any flag. The message is a whole sentence that names the
// object.
func Notice(list *framework.ResourceList, obj *yaml.RNode, format string, args ...any) {
	Report(list, framework.Info, obj, nil, fmt.Sprintf(format, args...)).Tags = map[string]string{noticeTag: "true"}
}

// IsNotice says whether a finding is a notice.
func IsNotice(r *framework.Result) bool {
	return r.Severity == framework.Info && r.Tags[noticeTag] != ""
}

// Delete takes an object out of the list, and says so and why in a notice:
// removed Service mysql: MYSQL_HOST led to it.
func Delete(list *framework.ResourceList, obj *yaml.RNode, why string, args ...any) {
	at := slices.Index(list.Items, obj)
	if at < 0 {
		return
	}
	list.Items = slices.Delete(list.Items, at, at+1)
	Notice(list, obj, "removed %s: %s", Name(obj), fmt.Sprintf(why, args...))
}
