package validateha

import (
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// listens are the ports that a part listens on, none where that cannot be
// known, as with other containers in its pod.
func (f *facts) listens(c *part) []string {
	if len(krm.Elements(c.RNode, c.Pod.Append("containers")...)) > 1 {
		return nil
	}
	var all []string
	switch c.Name() {
	case harbor.UI, harbor.JobService:
		all = append(all, c.AppSetting(f.list, c.env, "httpport"))
	case harbor.Registry:
		if v := c.registry.Get("http", "addr"); v.Known {
			all = append(all, v.Text[strings.LastIndexByte(v.Text, ':')+1:])
		}
	case harbor.Nginx:
		harbor.All(c.nginx.Directives, "listen", func(d harbor.Directive, _ []harbor.Directive) { all = append(all, d.ListenPort()) })
	}
	return slices.DeleteFunc(all, func(p string) bool { return !isPort(p) })
}
