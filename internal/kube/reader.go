package kube

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Reader is what a workload's pods read a key of a ConfigMap or Secret as.
type Reader struct {
	Workload
	// Variable is the environment variable, "" for a file.
	Variable string
	// File is the path in the volume of a file whose key the volume names, "" for
	// one that is there with all the others.
	File string
}

// String names the reader for a message: MYSQL_HOST of ReplicationController
// adminserver-rc.
func (r Reader) String() string {
	what := r.Variable
	if what == "" {
		what = "file " + r.File
	}
	return what + " of " + krm.Name(r.RNode)
}

// Readers returns all who read the key of a ConfigMap or Secret.
func Readers(list *framework.ResourceList, obj *yaml.RNode, key string) []Reader {
	var all []Reader
	for _, w := range Workloads(list) {
		w.eachReader(obj, key, func(r Reader) bool {
			all = append(all, r)
			return true
		})
	}
	return all
}

// IsRead says whether anybody reads the key of a ConfigMap or Secret.
func IsRead(list *framework.ResourceList, obj *yaml.RNode, key string) bool {
	return slices.ContainsFunc(Workloads(list), func(w Workload) bool { return w.Reads(obj, key) })
}

// Reads says whether a pod of the workload reads the ConfigMap or Secret; with a
// key, whether it reads that key.
func (w Workload) Reads(obj *yaml.RNode, key string) bool {
	found := false
	w.eachReader(obj, key, func(Reader) bool {
		found = true
		return false
	})
	return found
}

// asked is a key of an object, or any key when it is "", that pods may read.
type asked struct {
	obj            *yaml.RNode
	namespace, key string
	// single and all are the fields of references to it in env and envFrom, volume
	// that in volumes, names the fields of the name.
	single, all, volume string
	names               []string
}

func (a asked) called(ref *yaml.Node) bool {
	return ref != nil && slices.ContainsFunc(a.names, func(field string) bool {
		name := krm.Text(yaml.NewRNode(ref), field)
		return name != "" && Called(a.obj, a.namespace, name)
	})
}

// eachReader visits what reads the key, or any key when it is "", until a visit
// says false. A key of envFrom that an entry of env beside it replaces is not
// read.
func (w Workload) eachReader(obj *yaml.RNode, key string, visit func(Reader) bool) {
	a := asked{obj: obj, namespace: obj.GetNamespace(), key: key,
		single: "configMapKeyRef", all: "configMapRef", volume: "configMap", names: []string{"name"}}
	if obj.GetKind() == "Secret" {
		a.single, a.all, a.volume, a.names = "secretKeyRef", "secretRef", "secret", []string{"secretName", "name"}
	}
	spec := krm.Lookup(w.RNode, w.Pod...)
	if spec == nil || w.GetNamespace() != a.namespace {
		return
	}
	pod := yaml.NewRNode(spec)
	for _, field := range containerFields {
		for _, n := range krm.Elements(pod, field) {
			for _, variable := range a.variables(yaml.NewRNode(n)) {
				if !visit(Reader{Workload: w, Variable: variable}) {
					return
				}
			}
		}
	}
	for _, n := range krm.Elements(pod, "volumes") {
		sources := krm.Elements(yaml.NewRNode(n), "projected", "sources")
		for _, source := range slices.Concat(sources, []*yaml.Node{n}) {
			for _, file := range a.files(yaml.NewRNode(source)) {
				if key != "" && !isShown(pod, krm.Text(yaml.NewRNode(n), "name"), cmp.Or(file, key)) {
					continue
				}
				if !visit(Reader{Workload: w, File: file}) {
					return
				}
			}
		}
	}
}

// isShown says whether containers see the file of a volume: those that mount a
// subPath see that alone. A volume that nobody mounts counts as seen.
func isShown(pod *yaml.RNode, volume, file string) bool {
	mounted := false
	for _, field := range containerFields {
		for _, c := range krm.Elements(pod, field) {
			for _, n := range krm.Elements(yaml.NewRNode(c), "volumeMounts") {
				mount := yaml.NewRNode(n)
				if krm.Text(mount, "name") != volume {
					continue
				}
				mounted = true
				if sub := path.Clean(krm.Text(mount, "subPath")); sub == "." || sub == file || strings.HasPrefix(file, sub+"/") {
					return true
				}
			}
		}
	}
	return !mounted
}

// variables are those of a container that the key becomes.
func (a asked) variables(container *yaml.RNode) []string {
	var all []string
	replaced := map[string]bool{}
	for _, n := range krm.Elements(container, "env") {
		entry := yaml.NewRNode(n)
		name := krm.Text(entry, "name")
		replaced[name] = true
		ref := krm.Lookup(entry, "valueFrom", a.single)
		if a.called(ref) && (a.key == "" || krm.Text(yaml.NewRNode(ref), "key") == a.key) {
			all = append(all, name)
		}
	}
	for _, n := range krm.Elements(container, "envFrom") {
		entry := yaml.NewRNode(n)
		name := krm.Text(entry, "prefix") + a.key
		if a.called(krm.Lookup(entry, a.all)) && !replaced[name] {
			all = append(all, name)
		}
	}
	return all
}

// files are those of a volume, or of a source of a projected one, that the key
// becomes: "" for one that is there with all the others.
func (a asked) files(source *yaml.RNode) []string {
	ref := krm.Lookup(source, a.volume)
	if !a.called(ref) {
		return nil
	}
	items := krm.Elements(yaml.NewRNode(ref), "items")
	if len(items) == 0 {
		return []string{""}
	}
	var all []string
	for _, n := range items {
		if item := yaml.NewRNode(n); a.key == "" || krm.Text(item, "key") == a.key {
			all = append(all, krm.Text(item, "path"))
		}
	}
	return all
}
