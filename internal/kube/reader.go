package kube

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Reader is what a workload's pods read a key of a ConfigMap as.
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

// Readers returns all who read the key of a ConfigMap.
func Readers(list *framework.ResourceList, configMap *yaml.RNode, key string) []Reader {
	var all []Reader
	for _, w := range Workloads(list) {
		w.eachReader(configMap, key, func(r Reader) bool {
			all = append(all, r)
			return true
		})
	}
	return all
}

// IsRead says whether anybody reads the key of a ConfigMap.
func IsRead(list *framework.ResourceList, configMap *yaml.RNode, key string) bool {
	return slices.ContainsFunc(Workloads(list), func(w Workload) bool { return w.Reads(configMap, key) })
}

// Reads says whether a pod of the workload reads the ConfigMap; with a key,
// whether it reads that key.
func (w Workload) Reads(configMap *yaml.RNode, key string) bool {
	found := false
	w.eachReader(configMap, key, func(Reader) bool {
		found = true
		return false
	})
	return found
}

// eachReader visits what reads the key, or any key when it is "", until a visit
// says false. A key of envFrom that an entry of env beside it replaces is not
// read.
func (w Workload) eachReader(configMap *yaml.RNode, key string, visit func(Reader) bool) {
	namespace := configMap.GetNamespace()
	if w.GetNamespace() != namespace {
		return
	}
	called := func(ref *yaml.Node) bool {
		return ref != nil && Called(configMap, namespace, krm.Text(yaml.NewRNode(ref), "name"))
	}
	spec := krm.Lookup(w.RNode, w.Pod...)
	if spec == nil {
		return
	}
	pod := yaml.NewRNode(spec)
	for _, field := range containerFields {
		for _, n := range krm.Elements(pod, field) {
			for _, variable := range variablesOf(yaml.NewRNode(n), key, called) {
				if !visit(Reader{Workload: w, Variable: variable}) {
					return
				}
			}
		}
	}
	for _, n := range krm.Elements(pod, "volumes") {
		volume := yaml.NewRNode(n)
		for _, source := range slices.Concat(krm.Elements(volume, "projected", "sources"), []*yaml.Node{n}) {
			for _, file := range filesOf(yaml.NewRNode(source), key, called) {
				if !visit(Reader{Workload: w, File: file}) {
					return
				}
			}
		}
	}
}

// variablesOf returns the variables of a container that the key becomes.
func variablesOf(container *yaml.RNode, key string, called func(*yaml.Node) bool) []string {
	var all []string
	replaced := map[string]bool{}
	for _, n := range krm.Elements(container, "env") {
		entry := yaml.NewRNode(n)
		name := krm.Text(entry, "name")
		replaced[name] = true
		ref := krm.Lookup(entry, "valueFrom", "configMapKeyRef")
		if called(ref) && (key == "" || krm.Text(yaml.NewRNode(ref), "key") == key) {
			all = append(all, name)
		}
	}
	for _, n := range krm.Elements(container, "envFrom") {
		entry := yaml.NewRNode(n)
		name := krm.Text(entry, "prefix") + key
		if called(krm.Lookup(entry, "configMapRef")) && !replaced[name] {
			all = append(all, name)
		}
	}
	return all
}

// filesOf returns the files of a volume, or of a source of a projected one, that
// the key becomes: "" for one that is there with all the others.
func filesOf(source *yaml.RNode, key string, called func(*yaml.Node) bool) []string {
	configMap := krm.Lookup(source, "configMap")
	if !called(configMap) {
		return nil
	}
	items := krm.Elements(yaml.NewRNode(configMap), "items")
	if len(items) == 0 {
		return []string{""}
	}
	var all []string
	for _, n := range items {
		if item := yaml.NewRNode(n); key == "" || krm.Text(item, "key") == key {
			all = append(all, krm.Text(item, "path"))
		}
	}
	return all
}
