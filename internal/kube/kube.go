// Package kube knows where Kubernetes objects keep what: pod templates,
// containers, environment, volumes, and the references between objects. It
// knows no Harbor.
//
// Only objects that a function may edit are seen (krm.Editable). While
// kustomize runs functions, references still hold the names from before a
// namePrefix; objects are therefore found by their earlier names too.
package kube

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// podSpecs is where a kind keeps its pod spec.
var podSpecs = map[string]krm.Path{
	"Pod":                   {"spec"},
	"PodTemplate":           {"template", "spec"},
	"ReplicationController": {"spec", "template", "spec"},
	"ReplicaSet":            {"spec", "template", "spec"},
	"Deployment":            {"spec", "template", "spec"},
	"StatefulSet":           {"spec", "template", "spec"},
	"DaemonSet":             {"spec", "template", "spec"},
	"Job":                   {"spec", "template", "spec"},
	"CronJob":               {"spec", "jobTemplate", "spec", "template", "spec"},
}

// groups are the API groups of the kinds that functions look for. Others have
// kinds of the same name: Knative a Service, for example.
var groups = map[string][]string{
	"ConfigMap":               {""},
	"CronJob":                 {"batch"},
	"DaemonSet":               {"apps", "extensions"},
	"Deployment":              {"apps", "extensions"},
	"Gateway":                 {"gateway.networking.k8s.io"},
	"HTTPRoute":               {"gateway.networking.k8s.io"},
	"HorizontalPodAutoscaler": {"autoscaling"},
	"Ingress":                 {"networking.k8s.io", "extensions"},
	"Job":                     {"batch"},
	"PersistentVolume":        {""},
	"PersistentVolumeClaim":   {""},
	"Pod":                     {""},
	"PodDisruptionBudget":     {"policy"},
	"PodTemplate":             {""},
	"ReplicaSet":              {"apps", "extensions"},
	"ReplicationController":   {""},
	"Secret":                  {""},
	"Service":                 {""},
	"StatefulSet":             {"apps"},
	"StorageClass":            {"storage.k8s.io"},
}

// isA says whether the object is of this kind of Kubernetes.
func isA(obj *yaml.RNode, kind string) bool {
	if krm.Text(obj, "kind") != kind {
		return false
	}
	group, version, found := strings.Cut(krm.Text(obj, "apiVersion"), "/")
	if !found {
		group, version = "", group
	}
	return version != "" && slices.Contains(groups[kind], group)
}

// OfKind returns the objects of a kind of Kubernetes, in the order of the list.
func OfKind(list *framework.ResourceList, kind string) []*yaml.RNode {
	var all []*yaml.RNode
	for _, obj := range list.Items {
		if isA(obj, kind) && krm.Editable(obj) {
			all = append(all, obj)
		}
	}
	return all
}

// replicated are the kinds with spec.replicas.
var replicated = []string{"ReplicationController", "ReplicaSet", "Deployment", "StatefulSet"}

// Workload is an object that makes pods.
type Workload struct {
	*yaml.RNode
	Pod krm.Path // leads to the pod spec
}

// Container is a container or init container of a workload.
type Container struct {
	Workload
	Path krm.Path // leads to the container
	Name string
	Init bool
}

// Workloads returns the objects that make pods, in the order of the list.
func Workloads(list *framework.ResourceList) []Workload {
	var all []Workload
	for _, obj := range list.Items {
		kind := krm.Text(obj, "kind")
		if pod, ok := podSpecs[kind]; ok && isA(obj, kind) && krm.Editable(obj) {
			all = append(all, Workload{RNode: obj, Pod: pod})
		}
	}
	return all
}

// Replicated says whether the workload has a number of replicas.
func (w Workload) Replicated() bool { return slices.Contains(replicated, w.GetKind()) }

// PodLabels returns the labels that the workload's pods have.
func (w Workload) PodLabels() map[string]string {
	meta := append(w.Pod[:len(w.Pod)-1].Append(), "metadata", "labels")
	return krm.Strings(w.RNode, meta...)
}

// containerFields are where a pod spec keeps its containers.
var containerFields = []string{"containers", "initContainers"}

// Containers returns the containers and then the init containers.
func (w Workload) Containers() []Container {
	var all []Container
	for _, list := range containerFields {
		path := w.Pod.Append(list)
		for i := range krm.Elements(w.RNode, path...) {
			at := path.Append(i)
			all = append(all, Container{Workload: w, Path: at, Name: krm.Text(w.RNode, at.Append("name")...), Init: list == "initContainers"})
		}
	}
	return all
}

// Image returns the image of the container.
func (c Container) Image() string { return krm.Text(c.RNode, c.Path.Append("image")...) }

// SplitImage returns the last part of the image's name, its tag and its digest:
// harbor-ui, v1.2.0 and sha256:0f of
// example.com:5000/vmware/harbor-ui:v1.2.0@sha256:0f. Those it does not have are "".
func (c Container) SplitImage() (name, tag, digest string) {
	image, digest, _ := strings.Cut(c.Image(), "@")
	name, tag, _ = strings.Cut(path.Base(image), ":")
	return name, tag, digest
}

// Env returns the path to an environment variable and whether it is there.
// Where a name stands twice, the last one counts, as for the kubelet.
func (c Container) Env(name string) (krm.Path, bool) {
	env := c.Path.Append("env")
	for i := len(krm.Elements(c.RNode, env...)) - 1; i >= 0; i-- {
		if krm.Text(c.RNode, env.Append(i, "name")...) == name {
			return env.Append(i), true
		}
	}
	return nil, false
}

// SetEnv gives the container the entry of env. A variable that is there is
// replaced whole, so that it never holds both value and valueFrom, and one that
// stands there twice stands there once: the first may hold a password.
func (c Container) SetEnv(list *framework.ResourceList, entry *yaml.Node) error {
	name := krm.Text(yaml.NewRNode(entry), "name")
	named := func(n *yaml.Node) bool { return krm.Text(yaml.NewRNode(n), "name") == name }
	env := c.Path.Append("env")
	first := func() int { return slices.IndexFunc(krm.Elements(c.RNode, env...), named) }
	path, ok := c.Env(name)
	for ok && first() != path[len(path)-1] {
		krm.Remove(list, c.RNode, env.Append(first())...)
		path, ok = c.Env(name)
	}
	if !ok {
		path = env.Append(len(krm.Elements(c.RNode, env...)))
	}
	if krm.Lookup(c.RNode, path.Append("value")...) != nil {
		return krm.SetSecret(list, c.RNode, entry, path...) // a literal may be a password
	}
	return krm.Set(list, c.RNode, entry, path...)
}

// RemoveEnv takes every entry of that name away.
func (c Container) RemoveEnv(list *framework.ResourceList, name string) {
	for path, ok := c.Env(name); ok; path, ok = c.Env(name) {
		krm.Remove(list, c.RNode, path...)
	}
}

// Mount is a volume mounted into a container.
type Mount struct {
	Path      krm.Path // leads to the entry of volumeMounts
	MountPath string
	SubPath   string   // what of the volume is mounted, "" for all of it
	Volume    krm.Path // leads to the volume, or to its template in a StatefulSet
	Template  bool     // each pod has a volume of its own
}

// Mounts returns the mounts of the container whose volume the pod has.
func (c Container) Mounts() []Mount {
	var all []Mount
	mounts := c.Path.Append("volumeMounts")
	for i := range krm.Elements(c.RNode, mounts...) {
		at := mounts.Append(i)
		volume, template := c.volume(krm.Text(c.RNode, at.Append("name")...))
		if volume == nil {
			continue
		}
		all = append(all, Mount{
			Path: at, Volume: volume, Template: template,
			MountPath: krm.Text(c.RNode, at.Append("mountPath")...),
			SubPath:   krm.Text(c.RNode, at.Append("subPath")...),
		})
	}
	return all
}

// MountsOf returns the mounts of a volume in all containers of the pod.
func (w Workload) MountsOf(volume krm.Path) []Mount {
	var all []Mount
	for _, c := range w.Containers() {
		for _, m := range c.Mounts() {
			if m.Volume.String() == volume.String() {
				all = append(all, m)
			}
		}
	}
	return all
}

// volume finds a volume by name. A template goes before a volume of the pod
// (kubernetes pkg/controller/statefulset, updateStorage).
func (w Workload) volume(name string) (at krm.Path, template bool) {
	templates, volumes := krm.Path{"spec", "volumeClaimTemplates"}, w.Pod.Append("volumes")
	for i := range krm.Elements(w.RNode, templates...) {
		if krm.Text(w.RNode, templates.Append(i, "metadata", "name")...) == name {
			return templates.Append(i), true
		}
	}
	for i := range krm.Elements(w.RNode, volumes...) {
		if krm.Text(w.RNode, volumes.Append(i, "name")...) == name {
			return volumes.Append(i), false
		}
	}
	return nil, false
}

// SourceOf is the kind of source that a volume of the pod has, such as emptyDir,
// which Kubernetes takes for a volume without one (pkg/apis/core/v1/defaults.go,
// SetDefaults_Volume). A field that is there and null is none.
func (w Workload) SourceOf(volume krm.Path) string {
	node := krm.Lookup(w.RNode, volume...)
	for i := 0; node != nil && i+1 < len(node.Content); i += 2 {
		if field := node.Content[i].Value; field != "name" && !yaml.IsYNodeTaggedNull(node.Content[i+1]) {
			return field
		}
	}
	return "emptyDir"
}

// Metadata is that of a new object which goes with the workload: in its namespace, with
// its labels.
func (w Workload) Metadata(name string) *yaml.Node {
	metadata := krm.Map("name", name)
	if namespace := w.GetNamespace(); namespace != "" {
		metadata.Content = append(metadata.Content, krm.Map("namespace", namespace).Content...)
	}
	if labels := krm.Lookup(w.RNode, "metadata", "labels"); labels != nil && labels.Kind == yaml.MappingNode && len(labels.Content) > 0 {
		metadata.Content = append(metadata.Content, krm.Map("labels", yaml.CopyYNode(labels)).Content...)
	}
	return metadata
}

// ClaimOf is the name of the claim that a volume of the pod uses, "" for another volume.
func (w Workload) ClaimOf(volume krm.Path) string {
	return krm.Text(w.RNode, volume.Append("persistentVolumeClaim", "claimName")...)
}

// given says whether the field at the path is there and not null.
func (w Workload) given(at krm.Path) bool {
	node := krm.Lookup(w.RNode, at...)
	return node != nil && !yaml.IsYNodeTaggedNull(node)
}

// Claims returns the path to each claimName in the pod's volumes.
func (w Workload) Claims() []krm.Path {
	var all []krm.Path
	volumes := w.Pod.Append("volumes")
	for i := range krm.Elements(w.RNode, volumes...) {
		claim := volumes.Append(i, "persistentVolumeClaim", "claimName")
		if krm.Text(w.RNode, claim...) != "" {
			all = append(all, claim)
		}
	}
	return all
}

// Uses says whether a pod of the workload mounts the claim.
func (w Workload) Uses(claim *yaml.RNode) bool {
	return w.GetNamespace() == claim.GetNamespace() && slices.ContainsFunc(w.Claims(), func(p krm.Path) bool {
		return Called(claim, claim.GetNamespace(), krm.Text(w.RNode, p...))
	})
}

// Services returns the Services that send traffic to the workload's pods.
func Services(list *framework.ResourceList, w Workload) []*yaml.RNode {
	return slices.DeleteFunc(OfKind(list, "Service"), func(service *yaml.RNode) bool {
		return !w.Behind(service) || w.GetNamespace() != "" && service.GetNamespace() == "" && slices.ContainsFunc(Workloads(list),
			func(other Workload) bool { return other.GetNamespace() == "" && other.Behind(service) })
	})
}

// Behind says whether the Service sends traffic to the workload's pods. One without a
// namespace is taken to go where these are: charts of Harbor 2.12 to 2.14 render that
// of nginx so beside pods that have one.
func (w Workload) Behind(service *yaml.RNode) bool {
	selector := krm.Strings(service, "spec", "selector")
	near := service.GetNamespace() == w.GetNamespace() || service.GetNamespace() == ""
	return near && len(selector) > 0 && subset(selector, w.PodLabels())
}

func subset(selector, labels map[string]string) bool {
	for k, v := range selector {
		if value, ok := labels[k]; !ok || value != v {
			return false
		}
	}
	return true
}
