package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// containerCommand is the environment variable that adds one more way to run
// krmfn to TestConformance: a command line, split at spaces, that is a KRM
// function. For the image it is what kpt runs:
//
//	KRMFN_RUN="docker run --rm -i --network none --user nobody --security-opt=no-new-privileges localhost/krmfn:dev" \
//	    go test ./cmd/krmfn -run TestConformance -parallel 8
const containerCommand = "KRMFN_RUN"

// TestConformance checks the KRM Functions Specification v1, and what
// orchestrators need beyond it, row by row: for every function in this process,
// and for one function as an executable and as KRMFN_RUN says. What a process or
// a container adds is the same for all of them, and S11 runs each once.
//
// Items and configs are those of the golden tests' examples.
func TestConformance(t *testing.T) {
	// S1: a ResourceList on stdin gives exactly one on stdout, nothing around it.
	row(t, "S1", func(t *testing.T, p program, f krm.Function) {
		stdout, _, exit := p(t, listFor(t, f, example(t, f)))
		got := read1(t, stdout)
		if exit != 0 || len(got.Items) == 0 {
			t.Errorf("exit status %d and %d items", exit, len(got.Items))
		}
		if !strings.HasPrefix(stdout, "apiVersion: config.kubernetes.io/v1\n") || !strings.HasSuffix(stdout, "\nkind: ResourceList\n") {
			t.Errorf("there is something around the ResourceList:\n%.200s\n...\n%s", stdout, stdout[max(0, len(stdout)-200):])
		}
		// kustomize and kpt read the output with this.
		reader := kio.ByteReader{Reader: strings.NewReader(stdout)}
		items, err := reader.Read()
		if err != nil || len(items) != len(got.Items) || reader.WrappingKind != "ResourceList" || reader.FunctionConfig == nil {
			t.Errorf("kyaml reads %d items in a %q, want %d (%v)", len(items), reader.WrappingKind, len(got.Items), err)
		}
	})

	// S2: the version of the list stays as it came in.
	row(t, "S2", func(t *testing.T, p program, f krm.Function) {
		for _, version := range []string{"v1", "v1beta1", "v1alpha1"} {
			in := strings.Replace(listFor(t, f, example(t, f)), "config.kubernetes.io/v1", "config.kubernetes.io/"+version, 1)
			stdout, _, exit := p(t, in)
			if got := read1(t, stdout); exit != 0 || got.APIVersion != "config.kubernetes.io/"+version {
				t.Errorf("%s becomes %s, exit status %d", version, got.APIVersion, exit)
			}
		}
	})

	// S3: the output has items also when there are none; an input without them is
	// no error of format. Our functions then miss what they are for.
	row(t, "S3", func(t *testing.T, p program, f krm.Function) {
		for _, items := range []string{"", "items:\n", "items: []\n"} {
			stdout, stderr, exit := p(t, "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"+items+functionConfig(example(t, f)))
			if !strings.Contains(stdout, "\nitems: []\n") {
				t.Errorf("with %q there are no items:\n%s", items, stdout)
			}
			if results := read1(t, stdout).Results; exit != 1 || len(results) == 0 || strings.Contains(stderr, "items") {
				t.Errorf("with %q: exit status %d, %d results\n%s", items, exit, len(results), stderr)
			}
		}
	})

	// S4: without a function config there is an error that says what to write,
	// and the items come back. A function that is named runs with its defaults, as
	// it does with a config of its kind that sets nothing.
	row(t, "S4", func(t *testing.T, p program, f krm.Function) {
		in := listFor(t, f, "")
		for config, says := range map[string]string{
			"":                         "there is no functionConfig",
			"functionConfig: {}\n":     "there is no functionConfig", // null: see TestGoldenBadInput
			placeholder + "  data: {}": "the function config is a ConfigMap",
		} {
			stdout, stderr, exit := p(t, in+config)
			if exit != 1 || !strings.Contains(stderr, says) || !strings.Contains(stderr, f.Kind()) {
				t.Errorf("%q: exit status %d, stderr %s", config, exit, stderr)
			}
			sameItems(t, in, stdout)

			stdout, stderr, exit = p(t, in+config, f.Name)
			want, _, wantExit := p(t, in+functionConfig("apiVersion: "+functions.Catalog.APIVersion+"\nkind: "+f.Kind()+"\nmetadata:\n  name: x\n"))
			sameItems(t, want, stdout)
			if exit != wantExit || exit != 0 && !strings.Contains(stderr, "is missing") && !strings.Contains(stderr, "nothing to do") {
				t.Errorf("%q: %s ends with exit status %d and says %s", config, f.Name, exit, stderr)
			}
			if exit != 0 {
				sameItems(t, in, stdout)
			}
		}
	})

	// S5: every result has a message and says its severity.
	row(t, "S5", func(t *testing.T, p program, f krm.Function) {
		for _, r := range allResults(t, p, f) {
			if r.Message == "" || !slices.Contains([]framework.Severity{framework.Error, framework.Warning, framework.Info}, r.Severity) {
				t.Errorf("severity %q, message %q", r.Severity, r.Message)
			}
		}
	})

	// S6: a resourceRef has apiVersion, kind and name, and the namespace of the
	// object, if it has one.
	row(t, "S6", func(t *testing.T, p program, f krm.Function) {
		refs := 0
		for _, r := range allResults(t, p, f) {
			if ref := r.ResourceRef; ref != nil {
				refs++
				if ref.APIVersion == "" || ref.Kind == "" || ref.Name == "" || ref.Namespace != "" {
					t.Errorf("incomplete or with a namespace: %+v", ref)
				}
			}
		}
		if refs == 0 {
			t.Error("no result refers to an object")
		}
		namespaced := change(itemsFor(t, f), yaml.SetK8sNamespace("harbor"))
		stdout, _, _ := p(t, resourceList(namespaced, example(t, f)))
		for _, r := range read1(t, stdout).Results {
			if ref := r.ResourceRef; ref != nil && ref.Kind != f.Kind() && ref.Namespace != "harbor" {
				t.Errorf("without the namespace: %+v", ref)
			}
		}
	})

	// S7: a field is that of a named object, and its path leads to the value that
	// the result proposes.
	row(t, "S7", func(t *testing.T, p program, f krm.Function) {
		stdout, _, _ := p(t, listFor(t, f, example(t, f)))
		out := read1(t, stdout)
		fields := 0
		for i, r := range out.Results {
			if r.Field == nil {
				continue
			}
			if r.ResourceRef == nil || r.Field.Path == "" {
				t.Errorf("a field without resourceRef or path: %+v", r)
				continue
			}
			object := out.find(*r.ResourceRef)
			if object == nil || r.Message == "removed" || slices.ContainsFunc(out.Results[i+1:], func(later *framework.Result) bool {
				return later.Field != nil && *later.ResourceRef == *r.ResourceRef && strings.HasPrefix(r.Field.Path, later.Field.Path)
			}) {
				continue // it went, or was edited once more
			}
			fields++
			node := krm.Lookup(object, parsePath(t, r.Field.Path)...)
			if node == nil {
				t.Errorf("%s %s leads nowhere", r.ResourceRef.Name, r.Field.Path)
				continue
			}
			var value any
			if err := node.Decode(&value); err != nil {
				t.Fatal(err)
			}
			text, _ := value.(string)
			inside, _ := r.Field.ProposedValue.(string)
			if r.Field.ProposedValue != nil && !cmp.Equal(value, r.Field.ProposedValue) && !strings.Contains(text, inside) {
				t.Errorf("%s %s is %v, want the proposed %v", r.ResourceRef.Name, r.Field.Path, value, r.Field.ProposedValue)
			}
		}
		if fields == 0 {
			t.Error("no result is about a field")
		}
	})

	// S8: a result names the file of its object as the orchestrator knows it, and
	// none when the orchestrator does not say.
	row(t, "S8", func(t *testing.T, p program, f krm.Function) {
		index := 0
		for _, c := range []struct {
			annotations map[string]string
			want        *framework.File
		}{
			{nil, nil},
			{map[string]string{"internal.config.kubernetes.io/path": "harbor/all.yaml", "internal.config.kubernetes.io/index": "7"}, &framework.File{Path: "harbor/all.yaml", Index: 7}},
			{map[string]string{"config.kubernetes.io/path": "harbor/all.yaml", "config.kubernetes.io/index": "7"}, &framework.File{Path: "harbor/all.yaml", Index: 7}},
			{map[string]string{"config.kubernetes.io/index": "7"}, nil},
			{map[string]string{"config.kubernetes.io/origin": "path: harbor/all.yaml\n"}, &framework.File{Path: "harbor/all.yaml"}},
			// As kustomize calls the second function of a build.
			{map[string]string{"kustomize.config.k8s.io/id": "kind: X\n", "internal.config.kubernetes.io/path": "x_x.yaml", "config.kubernetes.io/path": "x_x.yaml"}, nil},
			{map[string]string{"kustomize.config.k8s.io/id": "kind: X\n", "internal.config.kubernetes.io/path": "x_x.yaml", "config.kubernetes.io/origin": "path: harbor/all.yaml\n"},
				&framework.File{Path: "harbor/all.yaml"}},
		} {
			stdout, _, _ := p(t, resourceList(change(itemsFor(t, f), annotate(c.annotations)...), example(t, f)))
			for _, r := range read1(t, stdout).Results {
				if r.ResourceRef.Kind == f.Kind() {
					continue
				}
				index++
				if d := cmp.Diff(c.want, r.File); d != "" {
					t.Errorf("with %v (-want +got):\n%s", c.annotations, d)
				}
			}
		}
		if index == 0 {
			t.Error("no result is about an item")
		}
	})

	// S9: tags are strings, those of others as well as ours.
	row(t, "S9", func(t *testing.T, p program, f krm.Function) {
		stdout, _, _ := p(t, listFor(t, f, example(t, f))+"results:\n- message: earlier\n  severity: info\n  tags:\n    rule: \"012\"\n")
		list, err := yaml.Parse(stdout)
		if err != nil {
			t.Fatal(err)
		}
		if got := krm.Lookup(list, "results", 0, "tags", "rule"); got == nil || got.Value != "012" || got.Tag != yaml.NodeTagString {
			t.Errorf("the tag of an earlier result is %v", got)
		}
		tags := 0
		for i := range krm.Elements(list, "results") {
			for name := range krm.Strings(list, "results", i, "tags") {
				tags++
				if got := krm.Lookup(list, "results", i, "tags", name); got.Tag != yaml.NodeTagString {
					t.Errorf("tag %s is no string: %s", name, got.Value)
				}
			}
		}
		if checks := f.Name == "validate-ha" || f.Name == "harbor-ha"; checks && tags < 2 {
			t.Errorf("there are %d tags", tags)
		}
	})

	// S10: JSON is read like YAML, and every character survives.
	row(t, "S10", func(t *testing.T, p program, f krm.Function) {
		config := example(t, f)
		extra := yaml.MustParse("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: characters}\ndata:\n  text: \"Zürich 漢字 🚀\\r\\nline\\tend \\u2028\"\n  ключ: é\n")
		in := resourceList(append(itemsFor(t, f), extra), config)
		plain, _, exit := p(t, in)
		if exit != 0 || !strings.Contains(plain, "Zürich 漢字") || !strings.Contains(plain, "ключ: é") {
			t.Errorf("exit status %d, or characters are lost", exit)
		}
		want := generic(t, plain)
		asJSON, err := json.Marshal(generic(t, in))
		if err != nil {
			t.Fatal(err)
		}
		for name, variant := range map[string]string{
			"JSON": string(asJSON),
			"CRLF": strings.ReplaceAll(in, "\n", "\r\n"),
			"BOM":  "\ufeff" + in,
		} {
			stdout, _, exit := p(t, variant)
			if d := cmp.Diff(want, generic(t, stdout)); d != "" || exit != 0 {
				t.Errorf("%s gives exit status %d (-YAML +%s):\n%s", name, exit, name, d)
			}
		}
	})

	// S11: the function is a container: its output is that of this process.
	row(t, "S11", func(t *testing.T, _ program, f krm.Function) {
		container := containerOf(t)
		in := listFor(t, f, example(t, f))
		want, _, _ := inProcess(t, in)
		if got, stderr, exit := container(t, in); got != want || exit != 0 {
			t.Errorf("exit status %d, stderr %s (-process +container):\n%s", exit, stderr, cmp.Diff(want, got))
		}
	})

	// S12: the container runs as nobody, without network and privileges. That it
	// needs nothing else shows in all other rows.
	t.Run("S12", func(t *testing.T) {
		containerOf(t)
		for _, flag := range []string{"--user nobody", "--network none", "--security-opt=no-new-privileges"} {
			if !strings.Contains(os.Getenv(containerCommand), flag) {
				t.Errorf("%s has no %s", containerCommand, flag)
			}
		}
	})

	// S13: messages for people go to stderr only. A failure is told there, with
	// the function and its config; stdout is a ResourceList still.
	row(t, "S13", func(t *testing.T, p program, f krm.Function) {
		stdout, stderr, _ := p(t, listFor(t, f, example(t, f)))
		told := strings.Contains(stdout, "severity: warning") || strings.Contains(stdout, "notice: \"true\"")
		if told != (stderr != "") || strings.Contains(stderr, "  info: ") {
			t.Errorf("on stderr there has to be a line for each warning and notice and nothing else: %s", stderr)
		}
		in := listFor(t, f, unknownField(example(t, f)))
		stdout, stderr, _ = p(t, in)
		sameItems(t, in, stdout)
		if want := fmt.Sprintf("krmfn %s (%s %[1]s):\n  error: spec.nonsense: ", f.Name, f.Kind()); !strings.HasPrefix(stderr, want) {
			t.Errorf("stderr is %q, want it to begin with %q", stderr, want)
		}
	})

	// S14: the exit status is 1 if and only if there is an error result: warnings
	// and earlier errors do not count.
	row(t, "S14", func(t *testing.T, p program, f krm.Function) {
		config := example(t, f)
		literal := regexp.MustCompile(`secretName: harbor-\w+\n +secretKey: password`).ReplaceAllString(config, "value: literal")
		for in, want := range map[string]int{
			listFor(t, f, config):               0,
			listFor(t, f, literal):              0, // a literal password is a warning
			listFor(t, f, unknownField(config)): 1,
			resourceList(nil, config):           1,
		} {
			stdout, stderr, exit := p(t, in)
			if results := read1(t, stdout).Results; exit != want || results.ExitCode() != want {
				t.Errorf("exit status %d, results say %d, want %d\n%s", exit, results.ExitCode(), want, stderr)
			}
		}
		if takesPassword := strings.Contains(config, "password:"); takesPassword != (literal != config) {
			t.Error("the example has a password that this test does not make a literal one")
		}
		if literal != config {
			stdout, stderr, _ := p(t, listFor(t, f, literal))
			if !strings.Contains(stderr, "  warning: ") || !strings.Contains(stdout, "severity: warning") {
				t.Errorf("a literal password is no warning: %s", stderr)
			}
		}
		earlier := listFor(t, f, config) + "results:\n- message: from an earlier function\n  severity: error\n"
		if _, stderr, exit := p(t, earlier); exit != 0 {
			t.Errorf("an earlier error makes the exit status %d\n%s", exit, stderr)
		}
	})

	// S15: what no result is about is as it was, and in the same order.
	row(t, "S15", func(t *testing.T, p program, f krm.Function) {
		in := listFor(t, f, example(t, f))
		stdout, _, _ := p(t, in)
		before, after := read1(t, in), read1(t, stdout)
		touched := map[string]bool{}
		for _, r := range after.Results {
			touched[r.ResourceRef.Kind+" "+r.ResourceRef.Name] = true
		}
		var want, got []string
		for _, item := range before.objects() {
			if !touched[krm.Name(item)] {
				want = append(want, item.MustString())
			}
		}
		for _, item := range after.objects() {
			if !touched[krm.Name(item)] {
				got = append(got, item.MustString())
			}
		}
		if d := cmp.Diff(want, got); d != "" || len(touched) == 0 {
			t.Errorf("%d objects have results, the others (-in +out):\n%s", len(touched), d)
		}
	})

	// S16: comments stay, also on values that change.
	row(t, "S16", func(t *testing.T, p program, f krm.Function) {
		commented := regexp.MustCompile(`(?m)^ *(- )?(replicas: 1|mountPath: /etc/.*|EXT_ENDPOINT:.*|MYSQL_(HOST|USR):.*|- port: 80|port: 80)$`).
			ReplaceAllString(listFor(t, f, ""), "$0 # about the value")
		in := commented + functionConfig(example(t, f))
		stdout, _, _ := p(t, in)
		after := read1(t, stdout)
		count := 0
		for _, before := range read1(t, in).objects() {
			out := after.named(krm.Name(before))
			if out == nil {
				continue // taken away by the function
			}
			got := comments(out.YNode(), out.YNode())
			for _, c := range comments(before.YNode(), out.YNode()) {
				count++
				if !slices.Contains(got, c) {
					t.Errorf("%s has lost %q", krm.Name(before), c)
				}
			}
		}
		if count < 20 {
			t.Errorf("only %d comments were there to lose", count)
		}
	})

	// S17: internal annotations are not touched, whether we know them or not.
	row(t, "S17", func(t *testing.T, p program, f krm.Function) {
		internal := map[string]string{
			"internal.config.kubernetes.io/custom":                            "x",
			"internal.config.kubernetes.io/id":                                "3",
			"internal.config.kubernetes.io/annotations-migration-resource-id": "3",
			"internal.config.kubernetes.io/prefixes":                          "a-",
			"internal.config.kubernetes.io/suffixes":                          "-b",
			"internal.config.kubernetes.io/previousNames":                     "other",
			"internal.config.kubernetes.io/previousNamespaces":                "default",
			"internal.config.kubernetes.io/previousKinds":                     "Other",
			"internal.config.kubernetes.io/needsHashSuffix":                   "enabled",
			"internal.config.kubernetes.io/kpt-resource-id":                   "3",
			"internal.config.k8s.io/kpt-resource-id":                          "3",
			"config.k8s.io/id":                                                "3",
			"kustomize.config.k8s.io/id":                                      "|\n  kind: X\n",
		}
		in := resourceList(change(itemsFor(t, f), annotate(internal)...), example(t, f))
		stdout, _, exit := p(t, in)
		before := read1(t, in)
		for _, item := range read1(t, stdout).objects() {
			if before.named(krm.Name(item)) == nil {
				continue // added by the function
			}
			if d := cmp.Diff(internal, item.GetAnnotations()); d != "" || exit != 0 {
				t.Errorf("%s, exit status %d (-in +out):\n%s", krm.Name(item), exit, d)
			}
		}
	})

	// S18: neither are path and index; a new object gets the path, and an index that no
	// other object of the file has: kpt refuses two.
	row(t, "S18", func(t *testing.T, p program, f krm.Function) {
		place := map[string]string{
			"internal.config.kubernetes.io/path": "harbor/all.yaml", "internal.config.kubernetes.io/index": "7",
			"config.kubernetes.io/path": "harbor/all.yaml", "config.kubernetes.io/index": "7",
		}
		withoutVolumes := slices.DeleteFunc(itemsFor(t, f), func(item *yaml.RNode) bool { return item.GetKind() == "PersistentVolume" })
		in := resourceList(change(withoutVolumes, annotate(place)...), example(t, f))
		before := read1(t, in)
		stdout, _, _ := p(t, in)
		added := 0
		for _, item := range read1(t, stdout).objects() {
			want := place
			if before.named(krm.Name(item)) == nil {
				added++
				want = map[string]string{"internal.config.kubernetes.io/path": "harbor/all.yaml", "internal.config.kubernetes.io/index": strconv.Itoa(7 + added)}
			}
			if d := cmp.Diff(want, item.GetAnnotations()); d != "" {
				t.Errorf("%s (-want +got):\n%s", krm.Name(item), d)
			}
		}
		if adds := f.Name == "use-cephfs" || f.Name == "harbor-ha"; adds && added == 0 {
			t.Errorf("%d objects were added", added)
		}
	})

	// S19: objects that are there for tools only are neither seen nor edited.
	row(t, "S19", func(t *testing.T, p program, f krm.Function) {
		tools := []*yaml.RNode{
			yaml.MustParse("apiVersion: kpt.dev/v1\nkind: Kptfile\nmetadata: {name: x}\n"),
			yaml.MustParse("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"),
			yaml.MustParse("apiVersion: fn.kpt.dev/v1alpha1\nkind: ApplySetters\nmetadata: {name: x}\n"),
		}
		local := func(value string) string {
			return resourceList(append(change(itemsFor(t, f), yaml.SetAnnotation("config.kubernetes.io/local-config", value)), tools...), example(t, f))
		}
		for _, value := range []string{"true", ""} {
			stdout, _, exit := p(t, local(value))
			sameItems(t, local(value), stdout)
			if exit != 1 {
				t.Errorf("local-config %q: exit status %d", value, exit)
			}
		}
		want, _, _ := p(t, listFor(t, f, example(t, f)))
		got, stderr, exit := p(t, local("false"))
		if exit != 0 || len(read1(t, got).Results) != len(read1(t, want).Results) {
			t.Errorf("local-config false: exit status %d, %s", exit, stderr)
		}
	})

	// S20: the same input gives the same output; a second run on the output
	// changes nothing. Executables run without environment in an empty folder
	// (see executable) and still give the output of this process.
	row(t, "S20", func(t *testing.T, p program, f krm.Function) {
		in := listFor(t, f, example(t, f))
		first, _, _ := inProcess(t, in)
		for range 3 {
			if again, _, _ := p(t, in); again != first {
				t.Fatalf("another run gives another output:\n%s", cmp.Diff(first, again))
			}
		}
		second := resourceList(read1(t, first).objects(), example(t, f))
		stdout, _, exit := p(t, second)
		sameItems(t, second, stdout)
		if results := read1(t, stdout).Results; exit != 0 || len(edits(results)) != 0 {
			t.Errorf("the second run ends with exit status %d and %v", exit, results)
		}
	})

	// S21: what is no ResourceList is refused, never passed on, and a list with
	// nothing in it is no item of itself.
	row(t, "S21", func(t *testing.T, p program, _ krm.Function) {
		for _, in := range []string{"", "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"} {
			stdout, stderr, exit := p(t, in)
			if got := read1(t, stdout); exit != 1 || len(got.Items) != 0 || got.Results.ExitCode() != 1 || stderr == "" {
				t.Errorf("%q: exit status %d, %d items, stderr %q", in, exit, len(got.Items), stderr)
			}
		}
	})

	// S22: earlier results stay as they are, in front of ours.
	row(t, "S22", func(t *testing.T, p program, f krm.Function) {
		earlier := "results:\n- message: earlier\n  severity: warning\n  field: {path: a, other: kept}\n"
		in := listFor(t, f, example(t, f))
		without, _, _ := p(t, in)
		stdout, stderr, _ := p(t, in+earlier)
		if !strings.Contains(stdout, earlier) || strings.Contains(stderr, "earlier") {
			t.Errorf("earlier results are lost or told again: %s", stderr)
		}
		if d := cmp.Diff(read1(t, without).Results, read1(t, stdout).Results[1:]); d != "" {
			t.Errorf("our results (-without +with earlier ones):\n%s", d)
		}
		stdout, _, _ = p(t, resourceList(nil, example(t, f))+earlier)
		if results := read1(t, stdout).Results; !strings.Contains(stdout, earlier) || results.ExitCode() != 1 {
			t.Errorf("earlier results are lost in a failure:\n%s", stdout)
		}
	})
}

const placeholder = "functionConfig:\n  apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: function-input\n"

// row runs the test of one row: for every function in this process, and for one
// function in each other way to run it, the next one from row to row.
func row(t *testing.T, name string, test func(*testing.T, program, krm.Function)) {
	all := functions.Catalog.Functions
	number, err := strconv.Atoi(strings.TrimPrefix(name, "S"))
	if err != nil {
		t.Fatal(err)
	}
	next := number % len(all)
	t.Run(name, func(t *testing.T) {
		run := func(how string, p program, some []krm.Function) {
			for _, f := range some {
				t.Run(how+"/"+f.Name, func(t *testing.T) {
					t.Parallel()
					test(t, p, f)
				})
			}
		}
		if name == "S11" {
			run("container", nil, all)
			return
		}
		run("process", inProcess, all)
		run("executable", executable, all[next:next+1])
		if os.Getenv(containerCommand) != "" {
			run("container", containerOf(t), all[next:next+1])
		}
	})
}

// program is a way to run krmfn.
type program func(t *testing.T, stdin string, args ...string) (stdout, stderr string, exit int)

func inProcess(_ *testing.T, stdin string, args ...string) (string, string, int) {
	return krmfn(stdin, append([]string{}, args...)...) // cobra takes nil for the arguments of this process
}

// executable runs this test binary as krmfn (see TestMain), in an empty folder
// and with an empty environment.
func executable(t *testing.T, stdin string, args ...string) (string, string, int) {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env, cmd.Dir = []string{asProgram + "=1"}, t.TempDir()
	return runCommand(t, cmd, stdin)
}

// containerOf is the command in KRMFN_RUN; without it the test is skipped.
func containerOf(t *testing.T) program {
	command := strings.Fields(os.Getenv(containerCommand))
	if len(command) == 0 {
		t.Skipf("%s is not set: there is no image to run", containerCommand)
	}
	return func(t *testing.T, stdin string, args ...string) (string, string, int) {
		return runCommand(t, exec.Command(command[0], append(command[1:], args...)...), stdin)
	}
}

func runCommand(t *testing.T, cmd *exec.Cmd, stdin string) (string, string, int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// itemsFor are the objects that a function works on, for the caller to change:
// those of the base of its example; for one that checks what harbor-ha makes of
// them, and for one that spreads pods with several of each.
func itemsFor(t testing.TB, f krm.Function) []*yaml.RNode {
	var items []*yaml.RNode
	for _, item := range parsedFor(t, f).items {
		items = append(items, item.Copy())
	}
	return items
}

// listFor is the same as a ResourceList; a config of "" is left out.
func listFor(t testing.TB, f krm.Function, config string) string {
	return parsedFor(t, f).list + functionConfig(config)
}

func baseItems(t testing.TB) []*yaml.RNode { return itemsFor(t, krm.Function{}) }

func baseList(t testing.TB, config string) string { return listFor(t, krm.Function{}, config) }

// parsed are manifests as objects and as a ResourceList.
type parsed struct {
	items []*yaml.RNode
	list  string
}

var (
	parsedOnce sync.Once
	parsedBase map[string]parsed
)

// ready is the base as harbor-ha makes it, several is it with several replicas.
const (
	ready   = "ready"
	several = "several"
)

func parsedFor(t testing.TB, f krm.Function) parsed {
	parsedOnce.Do(func() {
		plain := golden.Base(t)
		made, stderr, exit := krmfn(plain, "harbor-ha", "../../testdata/harbor-ha/example/config.yaml", "-")
		if exit != 0 {
			t.Fatal(stderr)
		}
		parsedBase = map[string]parsed{}
		scaled, stderr, exit := krmfn(plain, "set-replicas", "../../testdata/set-replicas/example/config.yaml", "-")
		if exit != 0 {
			t.Fatal(stderr)
		}
		for name, text := range map[string]string{"harbor-1.2": plain, "harbor-2": golden.Base2(t), several: scaled, ready: made} {
			items, err := kio.FromBytes([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			parsedBase[name] = parsed{items, resourceList(items, "")}
		}
	})
	switch f.Name {
	case "validate-ha":
		return parsedBase[ready]
	case "spread-pods":
		return parsedBase[several]
	}
	return parsedBase[golden.BaseName(t, filepath.Join("../../testdata", f.Name, "example"))]
}

// example is the function config of the example.
func example(t testing.TB, f krm.Function) string {
	config, err := os.ReadFile(filepath.Join("../../testdata", f.Name, "example/config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(config)
}

// unknownField puts a field into the spec that no function knows.
func unknownField(config string) string {
	config = strings.Replace(config, "spec: {}\n", "spec:\n", 1)
	return strings.Replace(config, "spec:\n", "spec:\n  nonsense: 1\n", 1)
}

// resourceList is a ResourceList as text; a config of "" is left out.
func resourceList(items []*yaml.RNode, config string) string {
	text := strings.Builder{}
	text.WriteString("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n")
	for _, item := range items {
		text.WriteString("-" + indent(item.MustString())[1:])
	}
	text.WriteString(functionConfig(config))
	return text.String()
}

func functionConfig(config string) string {
	if config == "" {
		return ""
	}
	return "functionConfig:\n" + indent(config)
}

func indent(text string) string {
	return regexp.MustCompile(`(?m)^.`).ReplaceAllString(text, "  $0")
}

// change edits items in place.
func change(items []*yaml.RNode, edits ...yaml.Filter) []*yaml.RNode {
	for _, item := range items {
		if err := item.PipeE(edits...); err != nil {
			panic(err)
		}
	}
	return items
}

func annotate(annotations map[string]string) []yaml.Filter {
	var edits []yaml.Filter
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		edits = append(edits, yaml.Tee(yaml.SetAnnotation(key, annotations[key])))
	}
	return edits
}

// output is a ResourceList that was read back.
type output struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Items      []yaml.Node       `yaml:"items"`
	Results    framework.Results `yaml:"results"`
}

// read1 reads exactly one ResourceList.
func read1(t testing.TB, text string) output {
	t.Helper()
	var list, more output
	decoder := yaml.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(&list); err != nil {
		t.Fatalf("%v:\n%.2000s", err, text)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) || list.Kind != "ResourceList" {
		t.Fatalf("this is not one ResourceList (%v):\n%.2000s", err, text)
	}
	return list
}

func (o output) objects() []*yaml.RNode {
	var all []*yaml.RNode
	for i := range o.Items {
		all = append(all, yaml.NewRNode(&o.Items[i]))
	}
	return all
}

func (o output) named(name string) *yaml.RNode {
	for _, item := range o.objects() {
		if krm.Name(item) == name {
			return item
		}
	}
	return nil
}

func (o output) find(ref yaml.ResourceIdentifier) *yaml.RNode {
	return o.named(ref.Kind + " " + ref.Name)
}

// sameItems checks that the items are in the output as they were in the input.
func sameItems(t testing.TB, in, out string) {
	t.Helper()
	if d := cmp.Diff(itemTexts(t, in), itemTexts(t, out)); d != "" {
		t.Errorf("the items differ (-in +out):\n%s", d)
	}
}

func itemTexts(t testing.TB, list string) []string {
	var all []string
	for _, item := range read1(t, list).objects() {
		all = append(all, item.MustString())
	}
	return all
}

// generic reads a YAML document into maps and lists.
func generic(t testing.TB, text string) any {
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// allResults are the results of a run that ends well and of two that do not.
func allResults(t *testing.T, p program, f krm.Function) framework.Results {
	var all framework.Results
	for _, in := range []string{
		listFor(t, f, example(t, f)),
		listFor(t, f, unknownField(example(t, f))),
		resourceList(nil, example(t, f)),
	} {
		stdout, _, _ := p(t, in)
		results := read1(t, stdout).Results
		if len(results) == 0 {
			t.Error("a run has no results")
		}
		all = append(all, results...)
	}
	return all
}

var pathStep = regexp.MustCompile(`\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.\[\]]+)`)

// parsePath reads the path of a field in a result.
func parsePath(t *testing.T, path string) krm.Path {
	var steps krm.Path
	for _, step := range pathStep.FindAllStringSubmatch(path, -1) {
		switch {
		case step[1] != "":
			index, _ := strconv.Atoi(step[1])
			steps = append(steps, index)
		case step[2] != "":
			key, err := strconv.Unquote(step[2])
			if err != nil {
				t.Fatal(err)
			}
			steps = append(steps, key)
		default:
			steps = append(steps, step[3])
		}
	}
	return steps
}

// comments are the comments in a tree on what is in the other tree too.
func comments(node, other *yaml.Node) []string {
	all := slices.DeleteFunc([]string{node.HeadComment, node.LineComment, node.FootComment}, func(c string) bool { return c == "" })
	switch {
	case node.Kind != other.Kind:
	case node.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if value := krm.Lookup(yaml.NewRNode(other), node.Content[i].Value); value != nil {
				all = append(all, comments(node.Content[i], node.Content[i])...)
				all = append(all, comments(node.Content[i+1], value)...)
			}
		}
	case len(node.Content) == len(other.Content):
		for i := range node.Content {
			all = append(all, comments(node.Content[i], other.Content[i])...)
		}
	}
	return all
}
