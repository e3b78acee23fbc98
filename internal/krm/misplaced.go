package krm

import (
	"errors"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// CheckBuilt returns an error for each function config of this catalog among the
// objects that kustomize has built: there it changes nothing, and nobody is told.
// It is nil for function configs alone, which another kustomization may take for
// its transformers, and for those that are annotated as local-config.
func (c Catalog) CheckBuilt(objects []*yaml.RNode) error {
	var all []error
	for _, obj := range c.misplaced(objects) {
		all = append(all, errors.New(Name(obj)+" "+c.whereToList(obj)))
	}
	return errors.Join(all...)
}

// checkItems reports function configs among the items of a list. Plain manifests
// are looked at file by file: one with nothing but function configs is there for
// a kustomization to name it.
func (c Catalog) checkItems(d *document) {
	sources := map[string][]*yaml.RNode{}
	for _, obj := range d.list.Items {
		path := ""
		if it := d.items[obj]; it != nil {
			path = it.file
		}
		sources[path] = append(sources[path], obj)
	}
	misplaced := map[*yaml.RNode]bool{}
	for _, objects := range sources {
		for _, obj := range c.misplaced(objects) {
			misplaced[obj] = true
		}
	}
	for _, obj := range d.list.Items {
		if misplaced[obj] {
			Report(&d.list, framework.Error, obj, nil, c.whereToList(obj)).Tags = map[string]string{"misplaced": "resources"}
		}
	}
}

// misplaced returns the function configs of this catalog that are beside objects
// which are none.
func (c Catalog) misplaced(objects []*yaml.RNode) []*yaml.RNode {
	var configs []*yaml.RNode
	beside := false
	for _, obj := range objects {
		switch {
		case !Editable(obj):
		case c.owns(obj):
			configs = append(configs, obj)
		case !isFunctionConfig(obj):
			beside = true
		}
	}
	if !beside {
		return nil
	}
	return configs
}

// owns says whether the object is of the group of our function configs.
func (c Catalog) owns(obj *yaml.RNode) bool { return groupOf(obj) == group(c.APIVersion) }

func groupOf(obj *yaml.RNode) string { return group(Text(obj, "apiVersion")) }

func group(apiVersion string) string {
	group, _, _ := strings.Cut(apiVersion, "/")
	return group
}

// isFunctionConfig knows the configs of other functions: those that say what runs
// them, and those of functions that are built into kustomize.
func isFunctionConfig(obj *yaml.RNode) bool {
	annotations := Strings(obj, "metadata", "annotations")
	return groupOf(obj) == "builtin" || annotations["config.kubernetes.io/function"] != "" || annotations["config.k8s.io/function"] != ""
}

// whereToList says where a function config belongs. kpt alone keeps them beside
// the objects, with an annotation so that they are not applied.
func (c Catalog) whereToList(obj *yaml.RNode) string {
	annotations := Strings(obj, "metadata", "annotations")
	if annotations[pathAnnotation] != "" && annotations[kustomizeAnnotation] == "" {
		return "is a function config, which would be applied to the cluster: annotate it with " + localAnnotation + `: "true"`
	}
	return "is listed under resources: put it under " + c.listFor(Text(obj, "kind"))
}

// listFor is the field of a kustomization that takes the configs of a kind.
func (c Catalog) listFor(kind string) string {
	for _, f := range c.Functions {
		if f.Kind() == kind && f.Validates {
			return "validators"
		}
	}
	return "transformers"
}

// holdsNothing says whether there are no objects to work on. kustomize gives a
// function that is listed under generators nothing but its own config.
func (c Catalog) holdsNothing(items []*yaml.RNode) bool {
	return !slices.ContainsFunc(items, func(obj *yaml.RNode) bool { return !c.owns(obj) })
}

func (c Catalog) errNoItems(f Function) error {
	return errors.New("there are no objects: a config under generators gets none, put it under " + c.listFor(f.Kind()))
}
