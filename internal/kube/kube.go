// Package kube knows where Kubernetes objects keep what: pod templates,
// containers, environment, volumes, and the references between objects. It
// knows no Harbor.
//
// Only objects that a function may edit are seen (krm.Editable). While
// kustomize runs functions, references still hold the names from before a
// namePrefix; objects are therefore found by their earlier names too.
package kube

import (
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Annotations in which kustomize keeps the names of an object before it renamed
// it, one list for names and one for namespaces, and that it will rename it.
const (
	previousNames      = "internal.config.kubernetes.io/previousNames"
	previousNamespaces = "internal.config.kubernetes.io/previousNamespaces"
	needsHash          = "internal.config.kubernetes.io/needsHashSuffix"
)

// GetsHash says whether kustomize is going to add a hash to the object's name, as
// it does after all functions have run.
func GetsHash(obj *yaml.RNode) bool { return obj.GetAnnotations()[needsHash] == "enabled" }

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
	"HorizontalPodAutoscaler": {"autoscaling"},
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
	if obj.GetKind() != kind {
		return false
	}
	group, version, found := strings.Cut(obj.GetApiVersion(), "/")
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
		kind := obj.GetKind()
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

// Containers returns the containers and then the init containers.
func (w Workload) Containers() []Container {
	var all []Container
	for _, list := range []string{"containers", "initContainers"} {
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

// Reference names one key of a ConfigMap.
type Reference struct{ Name, Key string }

// EnvSource returns the ConfigMap key that a variable is read from, through env
// or envFrom: the zero Reference when it is not.
func (c Container) EnvSource(list *framework.ResourceList, name string) Reference {
	if path, ok := c.Env(name); ok {
		from := path.Append("valueFrom", "configMapKeyRef")
		if krm.Lookup(c.RNode, from...) == nil || krm.Lookup(c.RNode, path.Append("value")...) != nil {
			return Reference{}
		}
		return Reference{Name: krm.Text(c.RNode, from.Append("name")...), Key: krm.Text(c.RNode, from.Append("key")...)}
	}
	for _, from := range c.EnvFrom() {
		configMap := Find(list, "ConfigMap", c.GetNamespace(), from)
		if configMap != nil && krm.Lookup(configMap, "data", name) != nil {
			return Reference{Name: from, Key: name}
		}
	}
	return Reference{}
}

// EnvFrom returns the names of the ConfigMaps whose keys all become variables,
// the one that wins first.
func (c Container) EnvFrom() []string {
	var names []string
	envFrom := c.Path.Append("envFrom")
	for i := len(krm.Elements(c.RNode, envFrom...)) - 1; i >= 0; i-- {
		name := krm.Text(c.RNode, envFrom.Append(i, "configMapRef", "name")...)
		if name != "" && krm.Text(c.RNode, envFrom.Append(i, "prefix")...) == "" {
			names = append(names, name)
		}
	}
	return names
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

// File is a file that a ConfigMap volume puts into a container.
type File struct {
	Mount
	ConfigMap string // name of the ConfigMap
	Key       string // key in its data
	Name      string // name of the file in the volume
}

// FilePath is the path of the file in the container.
func (f File) FilePath() string {
	if f.SubPath == f.Name {
		return f.MountPath
	}
	return path.Join(f.MountPath, f.Name)
}

// ConfigFiles returns the files that ConfigMaps put into the container, as a
// volume or as a part of a projected one.
func (c Container) ConfigFiles(list *framework.ResourceList) []File {
	var all []File
	for _, m := range c.Mounts() {
		all = append(all, c.filesOf(list, m, m.Volume.Append("configMap"))...)
		sources := m.Volume.Append("projected", "sources")
		for i := range krm.Elements(c.RNode, sources...) {
			all = append(all, c.filesOf(list, m, sources.Append(i, "configMap"))...)
		}
	}
	return all
}

func (c Container) filesOf(list *framework.ResourceList, m Mount, source krm.Path) []File {
	name := krm.Text(c.RNode, source.Append("name")...)
	if name == "" {
		return nil
	}
	var all []File
	items := source.Append("items")
	for i := range krm.Elements(c.RNode, items...) {
		all = append(all, File{Mount: m, ConfigMap: name,
			Key:  krm.Text(c.RNode, items.Append(i, "key")...),
			Name: krm.Text(c.RNode, items.Append(i, "path")...)})
	}
	configMap := Find(list, "ConfigMap", c.GetNamespace(), name)
	if krm.Lookup(c.RNode, items...) != nil || configMap == nil {
		return all
	}
	for _, key := range slices.Sorted(maps.Keys(krm.Strings(configMap, "data"))) {
		all = append(all, File{Mount: m, ConfigMap: name, Key: key, Name: key})
	}
	return all
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

// Find returns the object that a reference from the namespace means, nil when
// it is not in the list. An object without namespace is looked for with "".
func Find(list *framework.ResourceList, kind, namespace, name string) *yaml.RNode {
	for _, obj := range list.Items {
		if isA(obj, kind) && krm.Editable(obj) && Called(obj, namespace, name) {
			return obj
		}
	}
	return nil
}

// Called says whether a reference by this namespace and name means the object,
// also by a name that kustomize has since changed.
func Called(obj *yaml.RNode, namespace, name string) bool {
	if obj.GetName() == name && obj.GetNamespace() == namespace {
		return true
	}
	annotations := obj.GetAnnotations()
	if annotations[previousNames] == "" {
		return false
	}
	names := strings.Split(annotations[previousNames], ",")
	if obj.GetNamespace() == namespace && slices.Contains(names, name) {
		return true
	}
	namespaces := strings.Split(annotations[previousNamespaces], ",")
	for i := range min(len(names), len(namespaces)) {
		if names[i] == name && (namespaces[i] == namespace || namespace == "" && namespaces[i] == "default") {
			return true
		}
	}
	return false
}

// Reads says whether a pod of the workload reads the ConfigMap; with a key,
// whether it reads that key.
func (w Workload) Reads(configMap *yaml.RNode, key string) bool {
	if w.GetNamespace() != configMap.GetNamespace() {
		return false
	}
	return reads(krm.Lookup(w.RNode, w.Pod...), configMap, key)
}

// reads looks for configMapKeyRef (one key), configMapRef (all of them, but for
// those that an entry of env beside it replaces) and configMap (those in items,
// else all) below the node.
func reads(node *yaml.Node, configMap *yaml.RNode, key string) bool {
	if node == nil {
		return false
	}
	obj := yaml.NewRNode(node)
	replaced := slices.ContainsFunc(krm.Elements(obj, "env"), func(n *yaml.Node) bool {
		return krm.Text(yaml.NewRNode(n), "name") == key
	})
	called := func(ref *yaml.RNode) bool {
		return Called(configMap, configMap.GetNamespace(), krm.Text(ref, "name"))
	}
	for _, n := range krm.Elements(obj, "envFrom") {
		if from := krm.Lookup(yaml.NewRNode(n), "configMapRef"); from != nil && called(yaml.NewRNode(from)) && !replaced {
			return true
		}
	}
	if from := krm.Lookup(obj, "configMapKeyRef"); from != nil {
		ref := yaml.NewRNode(from)
		return called(ref) && (key == "" || krm.Text(ref, "key") == key)
	}
	if from := krm.Lookup(obj, "configMap"); from != nil && called(yaml.NewRNode(from)) {
		items := krm.Elements(yaml.NewRNode(from), "items")
		return key == "" || len(items) == 0 || slices.ContainsFunc(items, func(n *yaml.Node) bool { return krm.Text(yaml.NewRNode(n), "key") == key })
	}
	return slices.ContainsFunc(node.Content, func(n *yaml.Node) bool { return reads(n, configMap, key) })
}

// Uses says whether a pod of the workload mounts the claim.
func (w Workload) Uses(claim *yaml.RNode) bool {
	return w.GetNamespace() == claim.GetNamespace() && slices.ContainsFunc(w.Claims(), func(p krm.Path) bool {
		return Called(claim, claim.GetNamespace(), krm.Text(w.RNode, p...))
	})
}

// Services returns the Services that send traffic to the workload's pods.
func Services(list *framework.ResourceList, w Workload) []*yaml.RNode {
	return slices.DeleteFunc(OfKind(list, "Service"), func(service *yaml.RNode) bool { return !w.Behind(service) })
}

// Behind says whether the Service sends traffic to the workload's pods.
func (w Workload) Behind(service *yaml.RNode) bool {
	selector := krm.Strings(service, "spec", "selector")
	return service.GetNamespace() == w.GetNamespace() && len(selector) > 0 && subset(selector, w.PodLabels())
}

func subset(selector, labels map[string]string) bool {
	for k, v := range selector {
		if value, ok := labels[k]; !ok || value != v {
			return false
		}
	}
	return true
}

// VolumeOf returns the PersistentVolume that a claim is bound to by name
// (volumeName, claimRef) or selector, nil when the list has none.
func VolumeOf(list *framework.ResourceList, claim *yaml.RNode) *yaml.RNode {
	if name := krm.Text(claim, "spec", "volumeName"); name != "" {
		return Find(list, "PersistentVolume", "", name)
	}
	var bySelector *yaml.RNode
	for _, pv := range OfKind(list, "PersistentVolume") {
		if name := krm.Text(pv, "spec", "claimRef", "name"); name != "" {
			namespace := krm.Text(pv, "spec", "claimRef", "namespace")
			if claim.GetNamespace() == "" {
				namespace = "" // the claim goes where it is applied to
			}
			if Called(claim, namespace, name) {
				return pv
			}
			continue
		}
		if bySelector == nil && selects(claim, pv) {
			bySelector = pv
		}
	}
	return bySelector
}

// selects says whether the claim has a selector of labels and it fits the
// volume.
func selects(claim, pv *yaml.RNode) bool {
	labels := krm.Strings(claim, "spec", "selector", "matchLabels")
	expressions := krm.Elements(claim, "spec", "selector", "matchExpressions")
	return len(labels) > 0 && len(expressions) == 0 && subset(labels, pv.GetLabels())
}
