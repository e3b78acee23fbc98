package main

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/krm"
)

// FuzzRead feeds anything at all to the program. Run it with
//
//	go test ./cmd/krmfn -run '^$' -fuzz FuzzRead -fuzztime 60s
func FuzzRead(f *testing.F) {
	for _, b := range badInputs(f) {
		f.Add([]byte(b.in))
	}
	for _, fn := range functions.Catalog.Functions {
		f.Add([]byte(baseList(f, example(f, fn))))
	}
	f.Add([]byte(frame + one + "  data: &d {a: &a b, c: *a}\n  more:\n    <<: *d\n" + config + "results:\n- message: m\n"))
	f.Add([]byte(`{"apiVersion":"config.kubernetes.io/v1","kind":"ResourceList","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}]}`))
	f.Fuzz(func(t *testing.T, in []byte) { fuzzRun(t, string(in)) })
}

// FuzzSpec gives each function settings that nobody thought of.
func FuzzSpec(f *testing.F) {
	for i, fn := range functions.Catalog.Functions {
		var config struct {
			Spec yaml.Node `yaml:"spec"`
		}
		if err := yaml.Unmarshal([]byte(example(f, fn)), &config); err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), yaml.NewRNode(&config.Spec).MustString())
		f.Add(uint8(i), "{}")
		f.Add(uint8(i), "password: {value: a}\n")
	}
	f.Fuzz(func(t *testing.T, kind uint8, spec string) {
		fn := functions.Catalog.Functions[int(kind)%len(functions.Catalog.Functions)]
		fuzzTwice(t, baseItems(t), "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: "+fn.Kind()+"\nmetadata:\n  name: fuzz\nspec:\n"+indent(spec))
	})
}

// FuzzItems runs each function on a base, and with settings, in which single
// nodes are replaced by something else.
func FuzzItems(f *testing.F) {
	for i := range functions.Catalog.Functions {
		for change := 0; change < len(changes); change += 2 { // each seed makes two
			f.Add(uint8(i), []byte{byte(i), byte(40 * change), byte(change), 1, byte(30 * i), byte(change + 1)})
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, mutations []byte) {
		config := yaml.MustParse(example(t, functions.Catalog.Functions[int(kind)%len(functions.Catalog.Functions)]))
		items := baseItems(t)
		nodes := nodesOf(krm.Lookup(config, "spec"))
		for _, item := range items {
			nodes = append(nodes, nodesOf(item.YNode())...)
		}
		for ; len(mutations) >= 3; mutations = mutations[3:] {
			at := int(mutations[0])<<8 | int(mutations[1])
			changes[int(mutations[2])%len(changes)](nodes[at%len(nodes)], nodes[(at*7+int(mutations[2]))%len(nodes)])
		}
		fuzzTwice(t, items, config.MustString())
	})
}

// changes are what is done to a node; other is any other one.
var changes = []func(node, other *yaml.Node){
	func(n, _ *yaml.Node) { *n = *krm.Map() },
	func(n, _ *yaml.Node) { *n = *krm.List() },
	func(n, _ *yaml.Node) { *n = yaml.Node{Kind: yaml.ScalarNode, Value: "null"} },
	func(n, _ *yaml.Node) { n.Content = nil },
	func(n, _ *yaml.Node) { n.Content = slices.Concat(n.Content, n.Content) }, // a list twice
	func(n, _ *yaml.Node) { *n = *krm.List(yaml.CopyYNode(n)) },
	func(n, _ *yaml.Node) { *n = *krm.Map("name", yaml.CopyYNode(n)) },
	func(n, _ *yaml.Node) { n.Content = n.Content[:max(0, len(n.Content)-2)] },
	func(n, _ *yaml.Node) { n.Value += "x" },
	func(n, _ *yaml.Node) { n.Value = "" },
	func(n, _ *yaml.Node) { n.Value = "0" },
	func(n, _ *yaml.Node) { n.Value = "a: {b, *c" },
	func(n, _ *yaml.Node) { n.Value = "x\n\t'\"$(A),{{🚀" },
	func(n, other *yaml.Node) { *n = *yaml.CopyYNode(other) },
	func(n, other *yaml.Node) { n.Value = other.Value },
}

// nodesOf are all nodes in a tree that are no keys.
func nodesOf(node *yaml.Node) []*yaml.Node {
	if node == nil {
		return nil
	}
	all := []*yaml.Node{node}
	for i, n := range node.Content {
		if node.Kind != yaml.MappingNode || i%2 == 1 {
			all = append(all, nodesOf(n)...)
		}
	}
	return all
}

// fuzzTwice runs a function, and once more on what it has made: what is done is
// done, a second run changes nothing.
func fuzzTwice(t *testing.T, items []*yaml.RNode, config string) {
	o := fuzzRun(t, resourceList(items, config))
	if o.Failed() {
		return
	}
	again := fuzzRun(t, resourceList(read1(t, string(o.Output)).objects(), config))
	if again.Failed() {
		t.Errorf("the second run fails: %v\nthe first one: %v", again.Findings, o.Findings)
	} else if slips := edits(again.Findings); len(slips) != 0 {
		t.Errorf("the second run changes something: %v\nthe first one: %v", slips, o.Findings)
	}
}

// fuzzRun checks what holds for every input: the output is one ResourceList, the
// findings are in its results and complete, and a failure changes no item.
func fuzzRun(t *testing.T, in string) krm.Outcome {
	o := functions.Catalog.Run([]byte(in), "")
	out := read1(t, string(o.Output))
	if len(out.Results) < len(o.Findings) {
		t.Fatalf("%d findings, %d results", len(o.Findings), len(out.Results))
	}
	ours := out.Results[len(out.Results)-len(o.Findings):]
	if (ours.ExitCode() != 0) != o.Failed() {
		t.Errorf("failed is %t with these results: %v", o.Failed(), ours)
	}
	for _, r := range ours {
		complete := r.Message != "" && (r.Severity == framework.Error || r.Severity == framework.Warning || r.Severity == framework.Info)
		if ref := r.ResourceRef; ref != nil {
			complete = complete && ref.APIVersion != "" && ref.Kind != "" && ref.Name != ""
		}
		if !complete || r.Field != nil && (r.ResourceRef == nil || r.Field.Path == "") {
			t.Errorf("an incomplete result: %+v", r)
		}
	}
	if o.Failed() {
		if len(edits(o.Findings)) != 0 {
			t.Errorf("edits are reported after a failure: %v", o.Findings)
		}
		checkKept(t, in, out, o.Function != "")
	}
	return o
}

// checkKept checks that the items of the input are in the output, with the same
// values. When no function ran, the input may have been unreadable: the output
// is empty then.
func checkKept(t *testing.T, in string, out output, ran bool) {
	if !ran && len(out.Items) == 0 {
		return
	}
	var before struct {
		Items []any `yaml:"items"`
	}
	if err := yaml.Unmarshal([]byte(in), &before); err != nil {
		return // a value that is no Go value, e.g. !!int x
	}
	var after []any
	for _, item := range out.Items {
		var value any
		if err := item.Decode(&value); err != nil {
			t.Fatalf("the input can be decoded, the output cannot: %v", err)
		}
		after = append(after, value)
	}
	// Printed, because NaN is not equal to itself.
	if !reflect.DeepEqual(before.Items, after) && fmt.Sprint(before.Items) != fmt.Sprint(after) {
		t.Errorf("the items differ:\n%v\n%v", before.Items, after)
	}
}

// edits are the findings about an edit: an info with tags is none.
func edits(findings framework.Results) framework.Results {
	var all framework.Results
	for _, r := range findings {
		if r.Severity == framework.Info && len(r.Tags) == 0 {
			all = append(all, r)
		}
	}
	return all
}
