package validateha

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var needs = Rule{
	ID: "N04", Severity: framework.Error,
	What: "Each part has the configuration file and the settings that it cannot start without.",
	Why: "The jobservice, registryctl and the exporter end at once where one is missing, which shows in their logs alone (harbor v2.15 " +
		"src/pkg/config/rest/manager.go, src/jobservice/config, src/registryctl/config, src/pkg/exporter/exporter.go).",
	Do: "Give it a value, in the ConfigMap that the part reads.",
	Of: now,
	check: func(p *pass) {
		for _, c := range p.parts {
			files := brokenFiles(p, c)
			for _, need := range c.Harbor.Necessary {
				if need.Of == c.Name() {
					checkNeed(p, c, need, files)
				}
			}
		}
	},
}

// brokenFiles are the names of the configuration files of a part that it does not
// get, or cannot read, which it reports.
func brokenFiles(p *pass, c *part) []string {
	var broken []string
	for _, f := range c.Harbor.Files {
		if f.Of != c.Name() || !f.Needed || !c.takes(f.Path) {
			continue
		}
		at := c.At(p.list, f.Path)
		switch {
		case at.State == kube.Absent:
			p.error(c.RNode, c.Path.Append("volumeMounts"), "no mount provides %s, without which the %s does not start", f.Path, c.Name())
		case at.State == kube.Unsure, !at.Value.Known:
			if !at.Value.Broken {
				p.note(c.RNode, c.Path.Append("volumeMounts"), "%s is not among the resources: check that it is what the %s needs", f.Path, c.Name())
			}
		default:
			if _, err := krm.Embed(yaml.NewRNode(krm.Map("text", at.Value.Text)), "text"); err == nil {
				continue
			}
			where := c.WhereSet(at.Value, "")
			p.error(where.Object, where.Path, "is no YAML, and the %s does not start with such a %s", c.Name(), path.Base(f.Path))
		}
		broken = append(broken, f.Name)
	}
	return broken
}

// takes says whether the part takes its configuration from that path: a command of its
// own may name another one.
func (c *part) takes(file string) bool {
	var words []string
	for _, field := range []string{"command", "args"} {
		for _, n := range krm.Elements(c.RNode, c.Path.Append(field)...) {
			words = append(words, n.Value)
		}
	}
	return len(words) == 0 || strings.Contains(strings.Join(words, " "), file)
}

func checkNeed(p *pass, c *part, need harbor.Need, broken []string) {
	if slices.ContainsFunc(need.Places, func(at harbor.Place) bool { return slices.Contains(broken, at.File) }) {
		return
	}
	for _, e := range c.Harbor.Get(need.Setting) {
		if e.Component.RNode != c.RNode || e.Broken || e.Known && e.Text != "" {
			continue
		}
		var places []string
		for _, at := range need.Places {
			places = append(places, at.String())
		}
		name := strings.Join(places, " or ")
		if !e.Known {
			p.note(e.At.Object, e.At.Path, "%s cannot be seen: check that it holds %s for the %s", sources(e.Unseen), name, c.Name())
			continue
		}
		where := e.At
		if last := need.Places[len(need.Places)-1]; last.File != "" {
			where = c.fileAt(p, last.File)
		}
		p.error(where.Object, where.Path, "%s is not set: the %s %s", name, c.Name(), need.Otherwise)
	}
}

// fileAt is where a configuration file of the part can be changed.
func (c *part) fileAt(p *pass, name string) harbor.Location {
	i := slices.IndexFunc(c.Harbor.Files, func(f harbor.File) bool { return f.Of == c.Name() && f.Name == name })
	return c.WhereSet(c.At(p.list, c.Harbor.Files[i].Path).Value, "")
}
