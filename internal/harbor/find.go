package harbor

import (
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// FindAll finds every Harbor of a list: the parts by image, container name and
// label, never by the names of objects, which carry prefixes; and then those that
// the parts found so call, whatever their images are.
func FindAll(list *framework.ResourceList) []*Harbor {
	pods := running(list)
	var all []*Harbor
	for _, group := range groups(pods) {
		h := &Harbor{list: list, layout: generationOf(group)}
		h.identify(group)
		h.byUse(pods)
		h.byConfig(group)
		h.bySoleName(group)
		if len(h.Components) > 0 { // else parts of other generations than the group's
			all = append(all, h.apart()...)
		}
	}
	return all
}

// pod is a workload, and what its parts are recognised by.
type pod struct {
	kube.Workload
	labels     map[string]string
	containers []kube.Container // without init containers
	isPart     bool             // of any generation
}

// running are the workloads whose pods run all the time. One that another
// workload of the list owns is not looked at: as a Deployment's ReplicaSet, it is
// made from its owner.
func running(list *framework.ResourceList) []pod {
	var all []pod
	for _, w := range kube.Workloads(list) {
		if !w.Replicated() && w.GetKind() != "DaemonSet" || owned(list, w) {
			continue
		}
		p := pod{Workload: w, labels: w.PodLabels()}
		p.containers = slices.DeleteFunc(w.Containers(), func(c kube.Container) bool { return c.Init })
		p.isPart = slices.ContainsFunc(layouts, func(l layout) bool { return len(l.parts(p)) > 0 })
		all = append(all, p)
	}
	return all
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

// groups are the pods that may belong together: of one namespace and one instance
// of a chart. Groups in which there is no part of Harbor are left out.
func groups(pods []pod) [][]pod {
	var all [][]pod
	for _, some := range partition(pods, func(p pod) string { return p.GetNamespace() }) {
		for _, group := range partition(some, pod.instance) {
			if slices.ContainsFunc(group, func(p pod) bool { return p.isPart }) {
				all = append(all, group)
			}
		}
	}
	return all
}

// partition sorts pods by a key, in the order in which the keys come. Those
// without one are put with the others where these have one and the same.
func partition(pods []pod, key func(pod) string) [][]pod {
	only := map[string]bool{}
	for _, p := range pods {
		if k := key(p); k != "" && p.isPart {
			only[k] = true
		}
	}
	single := ""
	if len(only) == 1 {
		single = slices.Collect(maps.Keys(only))[0]
	}
	var order []string
	sorted := map[string][]pod{}
	for _, p := range pods {
		k := key(p)
		if k == "" {
			k = single
		}
		if _, known := sorted[k]; !known {
			order = append(order, k)
		}
		sorted[k] = append(sorted[k], p)
	}
	var all [][]pod
	for _, k := range order {
		all = append(all, sorted[k])
	}
	return all
}

// instance is the release of a chart that the pods are labelled with.
func (p pod) instance() string {
	if name := p.labels["app.kubernetes.io/instance"]; name != "" {
		return name
	}
	return p.labels["release"]
}

// parts are the parts that a pod runs, each with its container.
func (l layout) parts(p pod) []Component {
	var all []Component
	byImage := func(part Part, c kube.Container) bool { return part.hasImage(c) }
	byLabel := func(part Part, c kube.Container) bool { return part.labelled(c, p.labels) }
	for _, recognise := range []func(Part, kube.Container) bool{byImage, byLabel} {
		for _, c := range p.containers {
			for _, part := range l.Parts {
				known := slices.ContainsFunc(all, func(other Component) bool { return other.part.Name == part.Name || other.same(c) })
				if !known && recognise(part, c) {
					all = append(all, Component{Container: c, part: part})
				}
			}
		}
	}
	return all
}

// same says whether it is this container.
func (c Component) same(other kube.Container) bool {
	return c.RNode == other.RNode && slices.Equal(c.Path, other.Path)
}

// identify finds the parts of a group.
func (h *Harbor) identify(group []pod) {
	for _, p := range group {
		if !p.isPart {
			continue
		}
		for _, c := range h.layout.parts(p) {
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
func generationOf(group []pod) layout {
	var earliest Release
	has, chart := map[string]bool{}, false
	for _, p := range group {
		if !p.isPart {
			continue
		}
		chart = chart || p.labels["app"] == "harbor" && p.labels["component"] != ""
		for _, c := range p.containers {
			name, _, _ := c.SplitImage()
			has[name] = true
			if r := releaseOf(c); r.Known() && (!earliest.Known() || r.Compare(earliest) < 0) {
				earliest = r
			}
		}
	}
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
// answers at the registry's address, whatever its image is called.
func (h *Harbor) byUse(pods []pod) {
	for _, call := range h.Calls {
		for _, c := range h.Of(call.Of) {
			if len(h.Of(call.To[0])) > 0 {
				continue
			}
			if a, ok := call.address(c, c.Environment(h.list)); ok {
				h.answering(pods, c, a)
			}
		}
	}
	if !slices.ContainsFunc(pods, func(p pod) bool { return !h.runs(p) }) {
		return // there is no workload left that a store could be
	}
	for _, c := range h.Components {
		if !h.stores(c.Name()) {
			continue
		}
		for _, a := range c.stores(c.Environment(h.list)) {
			if !a.Sentinel {
				h.answering(pods, c, a)
			}
		}
	}
}

// answering adds the workloads behind the address by which a component calls them.
func (h *Harbor) answering(pods []pod, c Component, a Address) {
	service := kube.ServiceOf(h.list, c.GetNamespace(), a.Host)
	for _, p := range pods {
		if service == nil || !p.Behind(service) || len(p.containers) == 0 {
			continue
		}
		serving := p.serving(service, a.Port)
		if part := h.partNamed(a.To[0]); h.free(part, p, serving) {
			h.add(Component{Container: serving, part: part, ByUse: true})
		}
	}
}

// runs says whether the pod runs a part already.
func (h *Harbor) runs(p pod) bool {
	return slices.ContainsFunc(h.Components, func(c Component) bool { return c.RNode == p.RNode })
}

func (l layout) partNamed(name string) Part {
	i := slices.IndexFunc(l.Parts, func(p Part) bool { return p.Name == name })
	return l.Parts[i]
}

// free says whether the container may run the part: the pod runs none, or the part
// runs in the pods of another one and this container is neither.
func (h *Harbor) free(part Part, p pod, c kube.Container) bool {
	if part.With == "" || !h.runs(p) {
		return !h.runs(p)
	}
	return !slices.ContainsFunc(h.Components, func(other Component) bool { return other.same(c) })
}

// serving is the container that has the port that a port of the Service leads to,
// else the first one.
func (p pod) serving(service *yaml.RNode, port string) kube.Container {
	for i := range krm.Elements(service, "spec", "ports") {
		if kube.Digits(service, "spec", "ports", i, "port") == port {
			port = p.TargetPort(service, i)
			break
		}
	}
	for _, c := range p.containers {
		for _, n := range krm.Elements(c.RNode, c.Path.Append("ports")...) {
			if krm.Text(yaml.NewRNode(n), "containerPort") == port {
				return c
			}
		}
	}
	return p.containers[0]
}

// byConfig adds a registry that nothing else shows, where a pod gets a config.yml
// with which it accepts the tokens of Harbor.
func (h *Harbor) byConfig(group []pod) {
	if !slices.ContainsFunc(h.Parts, func(p Part) bool { return p.Name == Registry }) || len(h.Of(Registry)) > 0 {
		return
	}
	for _, p := range group {
		for _, c := range p.containers {
			if !h.runs(p) && acceptsTokens(h.list, c) {
				h.add(Component{Container: c, part: h.partNamed(Registry), ByUse: true})
			}
		}
	}
}

func acceptsTokens(list *framework.ResourceList, c kube.Container) bool {
	return slices.ContainsFunc(c.Delivered(list), func(d kube.Delivered) bool {
		if !strings.Contains(d.Value.Text, TokenIssuer) {
			return false
		}
		embedded, err := krm.Embed(yaml.NewRNode(krm.Map("text", d.Value.Text)), "text")
		return err == nil && embedded.Text("auth", "token", "issuer") == TokenIssuer
	})
}

// bySoleName adds a part that nothing else shows, where the container of one pod
// alone is called like it, has an image called like it and runs no other part.
func (h *Harbor) bySoleName(group []pod) {
	for _, part := range h.Parts {
		if part.Stateful || part.Gone.Known() || len(h.Of(part.Name)) > 0 {
			continue
		}
		var called []kube.Container
		for _, p := range group {
			for _, c := range p.containers {
				image, _, _ := c.SplitImage()
				if (c.Name == part.Name || c.Name == part.Container) && strings.Contains(image, part.Name) && h.free(part, p, c) {
					called = append(called, c)
				}
			}
		}
		if len(called) == 1 && h.proxies(part, called[0]) {
			h.add(Component{Container: called[0], part: part, ByUse: true})
		}
	}
}

// proxies says of an nginx whether its configuration passes requests on to a part
// of Harbor: every other nginx is called like Harbor's.
func (h *Harbor) proxies(part Part, c kube.Container) bool {
	if part.Name != Nginx {
		return true
	}
	conf, err := ParseNginx(c.At(h.list, NginxConf).Value.Text)
	found := false
	visit := func(d Directive, _ []Directive) {
		service := kube.ServiceOf(h.list, c.GetNamespace(), HostOf(d.Arg(0)))
		found = found || service != nil && slices.ContainsFunc(h.Components, func(c Component) bool { return c.Behind(service) })
	}
	All(conf, "server", visit)
	All(conf, "proxy_pass", visit)
	return err == nil && found
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
