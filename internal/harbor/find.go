package harbor

import (
	"maps"
	"net"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// FindAll finds every Harbor of a list: the parts by image, container name and label,
// never by the names of objects, which carry prefixes; and then those that the
// parts found so call, whatever their images are.
func FindAll(list *framework.ResourceList) []*Harbor {
	workloads := running(list)
	var all []*Harbor
	for _, group := range groups(workloads) {
		h := &Harbor{list: list}
		h.identify(group)
		h.byUse(workloads)
		h.bySoleName(group)
		if len(h.Components) > 0 { // else parts of other generations than the group's
			all = append(all, h.apart()...)
		}
	}
	return all
}

// running are the workloads whose pods run all the time. One that another
// workload of the list owns is not looked at: as a Deployment's ReplicaSet, it is
// made from its owner.
func running(list *framework.ResourceList) []kube.Workload {
	return slices.DeleteFunc(kube.Workloads(list), func(w kube.Workload) bool {
		return !w.Replicated() && w.GetKind() != "DaemonSet" || owned(list, w)
	})
}

// owned says whether the workload has a controller that is in the list.
func owned(list *framework.ResourceList, w kube.Workload) bool {
	owners := krm.Path{"metadata", "ownerReferences"}
	for i := range krm.Elements(w.RNode, owners...) {
		at := owners.Append(i)
		kind, name := krm.Text(w.RNode, at.Append("kind")...), krm.Text(w.RNode, at.Append("name")...)
		if krm.Text(w.RNode, at.Append("controller")...) == "true" && kube.Find(list, kind, w.GetNamespace(), name) != nil {
			return true
		}
	}
	return false
}

// groups are the workloads that may belong together: of one namespace and one
// instance of a chart. Where only some name one, the others belong to it if it is
// the only one. Groups in which there is no part of Harbor are left out.
func groups(workloads []kube.Workload) [][]kube.Workload {
	byNamespace := partition(workloads, kube.Workload.GetNamespace)
	var all [][]kube.Workload
	for _, some := range byNamespace {
		for _, group := range partition(some, instance) {
			if slices.ContainsFunc(group, isPart) {
				all = append(all, group)
			}
		}
	}
	return all
}

// partition sorts workloads by a key, in the order in which the keys come. Those
// without one are put with the others where these have one and the same.
func partition(workloads []kube.Workload, key func(kube.Workload) string) [][]kube.Workload {
	only := map[string]bool{}
	for _, w := range workloads {
		if k := key(w); k != "" && isPart(w) {
			only[k] = true
		}
	}
	single := ""
	if len(only) == 1 {
		single = slices.Collect(maps.Keys(only))[0]
	}
	var order []string
	sorted := map[string][]kube.Workload{}
	for _, w := range workloads {
		k := key(w)
		if k == "" {
			k = single
		}
		if _, known := sorted[k]; !known {
			order = append(order, k)
		}
		sorted[k] = append(sorted[k], w)
	}
	var all [][]kube.Workload
	for _, k := range order {
		all = append(all, sorted[k])
	}
	return all
}

// instance is the release of a chart that the pods are labelled with.
func instance(w kube.Workload) string {
	labels := w.PodLabels()
	if name := labels["app.kubernetes.io/instance"]; name != "" {
		return name
	}
	return labels["release"]
}

// isPart says whether the workload runs a part of any generation.
func isPart(w kube.Workload) bool {
	return slices.ContainsFunc(layouts, func(l layout) bool { return len(l.parts(w)) > 0 })
}

// parts are the parts that a workload runs, each with its container.
func (l layout) parts(w kube.Workload) []Component {
	var all []Component
	containers := slices.DeleteFunc(w.Containers(), func(c kube.Container) bool { return c.Init })
	for _, recognise := range []func(Part, kube.Container) bool{Part.hasImage, Part.labelled} {
		for _, c := range containers {
			for _, p := range l.Parts {
				known := slices.ContainsFunc(all, func(other Component) bool { return other.part.Name == p.Name || other.Path.String() == c.Path.String() })
				if !known && recognise(p, c) {
					all = append(all, Component{Container: c, part: p})
				}
			}
		}
	}
	return all
}

// identify finds the generation of a group and its parts.
func (h *Harbor) identify(group []kube.Workload) {
	h.layout = generationOf(group)
	for _, w := range group {
		for _, c := range h.layout.parts(w) {
			h.add(c)
		}
	}
}

func (h *Harbor) add(c Component) {
	c.Harbor = h
	h.Components = append(h.Components, c)
	r := releaseOf(c.Container)
	if r.Known() && (!h.Release.Known() || r.Compare(h.Release) < 0) {
		h.Release = r
	}
}

// generationOf tells the generation by the release that the images name, else by
// the parts that only one has. In doubt it is V1.
func generationOf(group []kube.Workload) layout {
	var earliest Release
	has := map[string]bool{}
	for _, w := range group {
		for _, c := range w.Containers() {
			name, _, _ := c.SplitImage()
			has[name] = true
			if r := releaseOf(c); r.Known() && isPart(w) && (!earliest.Known() || r.Compare(earliest) < 0) {
				earliest = r
			}
		}
	}
	chart := slices.ContainsFunc(group, func(w kube.Workload) bool {
		return w.PodLabels()["app"] == "harbor" && w.PodLabels()["component"] != ""
	})
	first, now := has["harbor-adminserver"] || has["harbor-ui"], has["harbor-core"] || has["harbor-portal"]
	switch {
	case earliest.AtLeast(Release{2, 0}):
		return v2
	case earliest.AtLeast(Release{1, 6}):
		return between
	case earliest.Known():
		return v1
	case first && now:
		return between // 1.7 had a core and still an adminserver
	case first:
		return v1
	case now || chart:
		return v2
	}
	return v1
}

// byUse adds the workloads that known parts call as their own: a registry is what
// the registry's address leads to, whatever its image is called.
func (h *Harbor) byUse(workloads []kube.Workload) {
	for _, call := range h.Calls {
		for _, c := range h.Of(call.Of) {
			address := call.address(h, c)
			if len(h.Of(call.To[0])) > 0 || address.Host == "" {
				continue
			}
			service := kube.ServiceOf(h.list, c.GetNamespace(), address.Host)
			for _, w := range workloads {
				if service == nil || !w.Behind(service) || h.runs(w) {
					continue
				}
				if c, ok := serving(w, address.Port); ok {
					h.add(Component{Container: c, part: h.partNamed(call.To[0]), ByUse: true})
				}
			}
		}
	}
}

// runs says whether the workload runs a part already.
func (h *Harbor) runs(w kube.Workload) bool {
	return slices.ContainsFunc(h.Components, func(c Component) bool { return c.RNode == w.RNode })
}

func (l layout) partNamed(name string) Part {
	i := slices.IndexFunc(l.Parts, func(p Part) bool { return p.Name == name })
	return l.Parts[i]
}

// serving is the container that has the port, else the first one.
func serving(w kube.Workload, port string) (c kube.Container, ok bool) {
	all := w.Containers()
	for _, c := range all {
		for _, n := range krm.Elements(c.RNode, c.Path.Append("ports")...) {
			if !c.Init && krm.Text(yaml.NewRNode(n), "containerPort") == port {
				return c, true
			}
		}
	}
	if len(all) == 0 {
		return c, false
	}
	return all[0], true
}

// bySoleName adds a part that nothing else shows, where the container of one
// workload alone is called like it and runs no other part.
func (h *Harbor) bySoleName(group []kube.Workload) {
	for _, p := range h.Parts {
		if len(h.Of(p.Name)) > 0 || p.Stateful {
			continue
		}
		var called []kube.Container
		for _, w := range group {
			for _, c := range w.Containers() {
				image, _, _ := c.SplitImage()
				if !c.Init && (c.Name == p.Name || c.Name == p.Container) && strings.Contains(image, p.Name) && !h.runs(w) {
					called = append(called, c)
				}
			}
		}
		if len(called) == 1 {
			h.add(Component{Container: called[0], part: p})
		}
	}
}

// apart takes the Harbors of one namespace apart by the names around those of
// their parts: a-ui-rc and a-registry-rc, b-ui-rc and b-registry-rc. They are
// several where more than one such family has all parts that a Harbor needs.
func (h *Harbor) apart() []*Harbor {
	var order []string
	families := map[string][]Component{}
	for _, c := range h.Components {
		family := strings.Replace(c.GetName(), c.Name(), "*", 1)
		if families[family] == nil {
			order = append(order, family)
		}
		families[family] = append(families[family], c)
	}
	whole := slices.DeleteFunc(slices.Clone(order), func(family string) bool { return !h.complete(families[family]) })
	if len(whole) < 2 {
		return []*Harbor{h}
	}
	all := []*Harbor{}
	for _, family := range whole {
		one := &Harbor{layout: h.layout, list: h.list}
		for _, c := range families[family] {
			one.add(c)
		}
		all = append(all, one)
	}
	for _, family := range order { // what belongs to none in particular
		for _, c := range families[family] {
			if !slices.Contains(whole, family) {
				all[0].add(c)
			}
		}
	}
	return all
}

// complete says whether the components are all that a Harbor needs.
func (h *Harbor) complete(some []Component) bool {
	return !slices.ContainsFunc(h.Parts, func(p Part) bool {
		return p.Needed && !slices.ContainsFunc(some, func(c Component) bool { return c.Name() == p.Name })
	})
}

// address is where a call of a component leads to.
func (call Call) address(h *Harbor, c Component) address {
	v := h.get(c, call.Setting)
	if !v.Set || v.Text == "" {
		return parseAddress(call.Default)
	}
	return parseAddress(v.Text)
}

// address is a host, and a port where it is told.
type address struct{ Host, Port string }

// parseAddress reads the host of a URL, of host:port or of what begins with that
// and goes on behind a comma.
func parseAddress(text string) address {
	_, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		rest = text
	}
	if i := strings.IndexAny(rest, "/,?"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if host, port, err := net.SplitHostPort(rest); err == nil {
		return address{host, port}
	}
	return address{Host: rest}
}
