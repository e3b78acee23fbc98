package kube

import (
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

// Environment is the environment of a container, as the kubelet makes it
// (kubernetes pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables): first
// envFrom, then env, in order, later ones win, so that an entry of env beats
// envFrom and the last of several entries the others; a value may refer to what
// came before it. It is read as far as it is asked for.
type Environment struct {
	container Container
	objects   *finder
	names     []string // of the entries of env
	known     map[int]variable
	all       *allKeys
}

// variable is a value, and whether it is set.
type variable struct {
	Value
	set bool
}

// allKeys are the variables of envFrom.
type allKeys struct {
	values map[string]Value
	// open are the values of any variable from the ConfigMaps and Secrets that are
	// not in the list.
	open []Value
}

// references to objects in env and envFrom: field and kind.
var (
	keyReferences = [][2]string{{"configMapKeyRef", "ConfigMap"}, {"secretKeyRef", "Secret"}}
	allReferences = [][2]string{{"configMapRef", "ConfigMap"}, {"secretRef", "Secret"}}
)

// Environment is the environment of the container. It is good until the container
// or an object that it refers to changes.
func (c Container) Environment(list *framework.ResourceList) Environment {
	e := Environment{container: c, objects: newFinder(list), known: map[int]variable{}, all: &allKeys{}}
	env := c.Path.Append("env")
	for i := range krm.Elements(c.RNode, env...) {
		e.names = append(e.names, krm.Text(c.RNode, env.Append(i, "name")...))
	}
	return e
}

// Get returns a variable, and false when it is not set; its Source then is where
// it would be read from, if it has one. A variable that may be set by an object
// that is not in the list is there and not known (Maybe).
func (e Environment) Get(name string) (Value, bool) {
	var unset Value
	for i, n := range slices.Backward(e.names) {
		if n != name {
			continue
		}
		v := e.entry(i)
		if v.set {
			return v.Value, true
		}
		if unset.Entry == nil {
			unset = v.Value
		}
	}
	all := e.fromAll()
	if v, ok := all.values[name]; ok {
		return v, true
	}
	if len(all.open) > 0 {
		v := all.open[len(all.open)-1]
		v.Source.Key = name
		v.Unseen = []Source{v.Source}
		return v, true
	}
	return unset, false
}

// Names returns the variables that are set, sorted.
func (e Environment) Names() []string {
	var names []string
	for i, name := range e.names {
		if e.entry(i).set {
			names = append(names, name)
		}
	}
	names = slices.AppendSeq(names, maps.Keys(e.fromAll().values))
	slices.Sort(names)
	return slices.Compact(names)
}

// entry reads an entry of env.
func (e Environment) entry(i int) variable {
	if v, known := e.known[i]; known {
		return v
	}
	at := e.container.Path.Append("env", i)
	v := e.read(at, i)
	v.Entry = at
	e.known[i] = v
	return v
}

func (e Environment) read(at krm.Path, i int) variable {
	c := e.container
	if text := krm.Text(c.RNode, at.Append("value")...); text != "" {
		before := e
		before.names = e.names[:i]
		return variable{before.Expand(text), true}
	}
	for _, ref := range keyReferences {
		from := at.Append("valueFrom", ref[0])
		if krm.Lookup(c.RNode, from...) != nil {
			v, set := c.source(e.objects, ref[1], from, "name", krm.Text(c.RNode, from.Append("key")...)).value()
			return variable{v, set}
		}
	}
	if krm.Lookup(c.RNode, at.Append("valueFrom")...) != nil {
		return variable{Value{Text: Hidden}, true} // a field of the pod
	}
	return variable{literal(""), true}
}

// fromAll reads envFrom.
func (e Environment) fromAll() *allKeys {
	if e.all == nil {
		return &allKeys{}
	}
	if e.all.values != nil {
		return e.all
	}
	e.all.values = map[string]Value{}
	envFrom := e.container.Path.Append("envFrom")
	for i := range krm.Elements(e.container.RNode, envFrom...) {
		for _, ref := range allReferences {
			if at := envFrom.Append(i); krm.Lookup(e.container.RNode, at.Append(ref[0])...) != nil {
				e.addAll(e.container.source(e.objects, ref[1], at.Append(ref[0]), "name", ""), at)
			}
		}
	}
	return e.all
}

func (e Environment) addAll(s Source, at krm.Path) {
	if s.Object == nil {
		v := unseen(s)
		v.Entry, v.Maybe = at, true
		e.all.open = append(e.all.open, v)
		return
	}
	prefix := krm.Text(e.container.RNode, at.Append("prefix")...)
	for _, key := range Keys(s.Object) {
		if KeyPath(s.Object, key)[0] == "binaryData" {
			continue
		}
		s.Key = key
		if v, ok := s.value(); ok {
			v.Entry = at
			e.all.values[prefix+key] = v
		}
	}
}

// maxValue is how long a value can be that references make: more than an object
// of Kubernetes can hold.
const maxValue = 2 << 20

// serviceVariable says whether a variable may be one that Kubernetes makes for
// each Service of the namespace.
func serviceVariable(name string) bool {
	return strings.HasSuffix(name, "_SERVICE_HOST") || strings.Contains(name, "_SERVICE_PORT") || strings.Contains(name, "_PORT")
}

// Expand replaces $(NAME) in a value, command or argument. $$ is a dollar; what
// is not set stays as it is written (kubernetes third_party/forked/golang/
// expansion).
func (e Environment) Expand(text string) Value {
	v := Value{Known: true}
	for i := 0; i < len(text); i++ {
		if len(v.Text) > maxValue {
			return Value{Text: Hidden, Secret: v.Secret}
		}
		if text[i] != '$' || i+1 == len(text) {
			v.Text += text[i : i+1]
			continue
		}
		i++
		name, end, isReference := "", 0, false
		if text[i] == '(' {
			end = strings.IndexByte(text[i:], ')')
			isReference = end > 0
		}
		switch {
		case text[i] == '$':
			v.Text += "$"
		case !isReference:
			v.Text += text[i-1 : i+1]
		default:
			name = text[i+1 : i+end]
			v.add(e.referred(name))
			i += end
		}
	}
	return v
}

func (e Environment) referred(name string) Value {
	if v, ok := e.Get(name); ok {
		return v
	}
	if serviceVariable(name) {
		return Value{Text: Hidden}
	}
	return literal("$(" + name + ")")
}

// add appends what a reference stands for.
func (v *Value) add(part Value) {
	v.Text += part.Text
	v.Known = v.Known && part.Known
	v.Broken = v.Broken || part.Broken
	v.Secret = v.Secret || part.Secret
	v.Unseen = append(v.Unseen, part.Unseen...)
}
