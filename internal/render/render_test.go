package render

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/fn/framework/command"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/golden"
)

const (
	ourGroup     = "ours.example.com"
	foreignGroup = "foreign.example.com"

	// runLog names the file to which the test function writes a line per run.
	runLog = "RENDER_TEST_RUN_LOG"
)

// TestMain makes the test binary the test function where it is started: as this
// program and as any other executable, docker included.
func TestMain(m *testing.M) {
	golden.Main(m, func() int { return function(os.Getenv(runLog)) })
}

// function marks every object with the value of the config. It fails if there
// is none.
func function(log string) int {
	f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return 3
	}
	defer f.Close()
	var config struct {
		yaml.ResourceMeta `yaml:",inline"`
		Value             string `yaml:"value"`
	}
	mark := kio.FilterFunc(func(items []*yaml.RNode) ([]*yaml.RNode, error) {
		fmt.Fprintf(f, "%s %q sees %d by %s %q\n", config.Kind, config.Name, len(items), filepath.Base(os.Args[0]), os.Args[1:])
		if config.Value == "" {
			return nil, fmt.Errorf("value is missing")
		}
		for _, item := range items {
			if err := item.PipeE(yaml.SetAnnotation("marked-by-"+config.Name, config.Value)); err != nil {
				return nil, err
			}
		}
		return items, nil
	})
	cmd := command.Build(framework.SimpleProcessor{Config: &config, Filter: mark}, command.StandaloneDisabled, false)
	cmd.SetArgs([]string{}) // nil would be those of the process
	if err := cmd.Execute(); err != nil {
		return 1
	}
	return 0
}

// stage is a directory of files and a way to see which functions ran.
type stage struct {
	dir, log string
}

// newStage writes the files. SELF in them is the test binary, which PATH also
// holds as docker.
func newStage(t *testing.T, files map[string]string) stage {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := stage{dir: t.TempDir(), log: filepath.Join(t.TempDir(), "log")}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "docker")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv(runLog, s.log)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else every run takes a second under -race
	for name, content := range files {
		s.write(t, name, strings.ReplaceAll(content, "SELF", self))
	}
	return s
}

func (s stage) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// runs returns the lines of the log and empties it.
func (s stage) runs(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(s.log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	os.Remove(s.log)
	return string(b)
}

// kustomize builds as kustomize build does with both flags.
func (s stage) kustomize() ([]byte, error) {
	o := krusty.MakeDefaultOptions()
	o.Reorder = krusty.ReorderOptionUnspecified
	o.PluginConfig = types.EnabledPluginConfig(types.BploUseStaticallyLinked)
	o.PluginConfig.FnpLoadingOptions.EnableExec = true
	m, err := krusty.MakeKustomizer(o).Run(filesys.MakeFsOnDisk(), s.dir)
	if err != nil {
		return nil, err
	}
	return m.AsYaml()
}

func options(alpha, exec bool) Options {
	return Options{Group: ourGroup, EnableAlphaPlugins: alpha, Functions: types.FnPluginLoadingOptions{EnableExec: exec}}
}

// equal builds with kustomize and with Build, and compares the output, the error
// and what each function saw. It returns the runs of Build.
func (s stage) equal(t *testing.T, o Options) (runs string) {
	t.Helper()
	want, wantErr := s.kustomize()
	wantRuns := s.runs(t)
	got, err := Build(s.dir, o)
	runs = s.runs(t)
	if wantErr != nil {
		wantErr = fmt.Errorf("building %s: %w", s.dir, wantErr)
	}
	if address.ReplaceAllString(fmt.Sprint(err), "") != address.ReplaceAllString(fmt.Sprint(wantErr), "") {
		t.Fatalf("error %v, want %v", err, wantErr)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-kustomize +Build\n%s", diff)
	}
	if diff := cmp.Diff(runAs.ReplaceAllString(wantRuns, ""), runAs.ReplaceAllString(runs, "")); diff != "" {
		t.Errorf("runs: -kustomize +Build\n%s", diff)
	}
	return runs
}

var (
	address = regexp.MustCompile(`0x[0-9a-f]+`) // of an object, in some errors of kustomize
	runAs   = regexp.MustCompile(` by .*`)      // the end of a line of the log
)

const configMap = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  a: b
`

// config is a function config without an annotation: its name is mark.
const config = `
apiVersion: GROUP/v1
kind: Mark
metadata:
  name: mark
value: x
`

// annotated is a function config with one annotation or another field of
// metadata.
func annotated(field string) string {
	return strings.Replace(config, "  name: mark\n", "  name: mark\n  "+field+"\n", 1)
}

// routes are the ways in which a function annotation with the value SPEC can
// reach a function config in the group GROUP.
func routes() map[string]map[string]string {
	const transformers = "resources: [cm.yaml]\ntransformers: [fn.yaml]\n"
	const folder = "resources: [cm.yaml]\ntransformers: [fns]\n"
	plain := annotated(`annotations: {config.kubernetes.io/function: 'SPEC'}`)
	routes := map[string]map[string]string{
		"file":             {"kustomization.yaml": transformers, "fn.yaml": plain},
		"folder":           {"kustomization.yaml": folder, "fns/kustomization.yaml": "resources: [fn.yaml]\n", "fns/fn.yaml": plain},
		"generator":        {"kustomization.yaml": "resources: [cm.yaml]\ngenerators: [fn.yaml]\n", "fn.yaml": plain},
		"validator":        {"kustomization.yaml": "resources: [cm.yaml]\nvalidators: [fn.yaml]\n", "fn.yaml": plain},
		"old annotation":   {"kustomization.yaml": transformers, "fn.yaml": annotated(`annotations: {config.k8s.io/function: 'SPEC'}`)},
		"configFn":         {"kustomization.yaml": transformers, "fn.yaml": annotated(`configFn: SPEC`)},
		"escaped key":      {"kustomization.yaml": transformers, "fn.yaml": annotated(`annotations: {"config.kubernetes.io\u002ffunctio\x6e": 'SPEC'}`)},
		"block scalar":     {"kustomization.yaml": transformers, "fn.yaml": annotated("annotations:\n    config.kubernetes.io/function: |\n      SPEC")},
		"list":             {"kustomization.yaml": transformers, "fn.yaml": "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(plain), "\n", "\n  ")},
		"scoped by a path": {"kustomization.yaml": transformers, "fn.yaml": annotated(`annotations: {config.kubernetes.io/function: 'SPEC', config.kubernetes.io/path: a/b.yaml}`)},
		"json": {"kustomization.yaml": "resources: [cm.yaml]\ntransformers: [fn.json]\n",
			"fn.json": `{"apiVersion":"GROUP\u002fv1","kind":"Mark","metadata":{"name":"mark","annotations":{"config.kubernetes.io\u002ffunction":JSONSPEC}},"value":"x"}`},
		"anchors": {"kustomization.yaml": transformers, "fn.yaml": `
x: &metadata
  annotations: &annotations
    ? &key config.kubernetes.io/function
    : &spec 'SPEC'
apiVersion: &version GROUP/v1
kind: Mark
metadata: {<<: *metadata, name: mark}
value: x
`},
		"merged identity": {"kustomization.yaml": transformers, "fn.yaml": `
<<: {apiVersion: GROUP/v1, kind: Mark}
metadata:
  name: mark
  annotations: {config.kubernetes.io/function: 'SPEC'}
value: x
`},
		"inline":           {"kustomization.yaml": "resources: [cm.yaml]\ntransformers:\n- |-" + strings.ReplaceAll(plain, "\n", "\n  ")},
		"inline generator": {"kustomization.yaml": "resources: [cm.yaml]\ngenerators:\n- |-" + strings.ReplaceAll(plain, "\n", "\n  ")},
		"component": {"kustomization.yaml": "resources: [cm.yaml]\ncomponents: [comp]\n",
			"comp/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ntransformers: [fn.yaml]\n", "comp/fn.yaml": plain},
		"base": {"kustomization.yaml": "resources: [base]\nnamePrefix: p-\n", "base/cm.yaml": configMap,
			"base/kustomization.yaml": transformers, "base/fn.yaml": plain},
		"origin": {"kustomization.yaml": transformers + "buildMetadata: [originAnnotations, transformerAnnotations, managedByLabel]\n", "fn.yaml": plain},
		"twice": {"kustomization.yaml": folder, "fns/kustomization.yaml": "resources: [fn.yaml]\ntransformers: [gn.yaml]\n",
			"fns/fn.yaml": strings.Replace(plain, "name: mark", "name: second", 1), "fns/gn.yaml": plain},
		"sorted": {"kustomization.yaml": "resources: [cm.yaml, ns.yaml]\nsortOptions: {order: fifo}\ntransformers: [fn.yaml]\n",
			"ns.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n", "fn.yaml": plain},
	}
	// The config itself says nothing: a kustomization adds the annotation.
	for name, k := range map[string]string{
		"strategic merge patch": `
patches:
- patch: |
    apiVersion: GROUP/v1
    kind: Mark
    metadata: {name: mark, annotations: {config.kubernetes.io/function: 'SPEC'}}
`,
		"patchesStrategicMerge": `
patchesStrategicMerge:
- |-
  apiVersion: GROUP/v1
  kind: Mark
  metadata: {name: mark, annotations: {config.kubernetes.io/function: 'SPEC'}}
`,
		"json patch": `
patches:
- target: {kind: Mark}
  patch: |
    - {op: add, path: /metadata/annotations, value: {}}
    - {op: add, path: /metadata/annotations/config.kubernetes.io~1function, value: 'SPEC'}
`,
		"json patch file": `
patchesJson6902:
- target: {group: GROUP, version: v1, kind: Mark, name: mark}
  path: patch.json
`,
		"commonAnnotations": `
commonAnnotations: {config.kubernetes.io/function: 'SPEC'}
`,
		"annotations transformer": `
transformers:
- |-
  apiVersion: builtin
  kind: AnnotationsTransformer
  metadata: {name: a}
  annotations: {config.kubernetes.io/function: 'SPEC'}
  fieldSpecs: [{path: metadata/annotations, create: true}]
`,
		"replacement": `
replacements:
- sourceValue: 'SPEC'
  targets:
  - select: {kind: Mark}
    fieldPaths: ['metadata.annotations.[config.kubernetes.io/function]']
    options: {create: true}
`,
		"patched identity": `
patches:
- target: {name: mark}
  options: {allowKindChange: true}
  patch: |
    - {op: replace, path: /apiVersion, value: GROUP/v1}
    - {op: add, path: /metadata/annotations, value: {config.kubernetes.io/function: 'SPEC'}}
`,
	} {
		routes[name] = map[string]string{
			"kustomization.yaml":     folder,
			"fns/kustomization.yaml": "resources: [fn.yaml]" + k,
			"fns/fn.yaml":            config,
			"fns/patch.json":         `[{"op": "add", "path": "/metadata/annotations", "value": {"config.kubernetes.io/function": JSONSPEC}}]`,
		}
	}
	routes["patched identity"]["fns/fn.yaml"] = strings.Replace(config, "GROUP", "OTHER", 1)
	for _, files := range routes {
		if _, ok := files["base/cm.yaml"]; !ok {
			files["cm.yaml"] = configMap
		}
	}
	return routes
}

// fill puts a group and a function spec into the files of a route. The other
// group must not matter.
func fill(route map[string]string, group, spec string) map[string]string {
	other := ourGroup
	if group == ourGroup {
		other = foreignGroup
	}
	files := maps.Clone(route)
	for name, content := range files {
		content = strings.ReplaceAll(content, "JSONSPEC", fmt.Sprintf("%q", spec))
		content = strings.ReplaceAll(content, "SPEC", spec)
		content = strings.ReplaceAll(content, "GROUP", group)
		files[name] = strings.ReplaceAll(content, "OTHER", other)
	}
	return files
}

const (
	execSpec      = `{"exec": {"path": "SELF"}}`
	containerSpec = `{"container": {"image": "example.com/mark:v1"}}`
	bothSpec      = `{"exec": {"path": "/none"}, "container": {"image": "example.com/mark:v1"}}`
)

func TestOurFunctionsRunWithoutFlags(t *testing.T) {
	for name, route := range routes() {
		for _, spec := range []string{execSpec, containerSpec, bothSpec} {
			t.Run(name+spec, func(t *testing.T) {
				s := newStage(t, fill(route, ourGroup, spec))
				runs := s.equal(t, options(false, false))
				if runs == "" || strings.Contains(runs, "by docker") {
					t.Errorf("ran %q, want a run of this binary", runs)
				}
				// kustomize cannot run functions as validators.
				if _, err := Build(s.dir, options(false, false)); err != nil && name != "validator" {
					t.Error(err)
				}
			})
		}
	}
}

// foreignCases are the flags and what a build with a foreign function does.
var foreignCases = []struct {
	spec        string
	alpha, exec bool
	want        string // end of the error, "" is a build like that of kustomize
}{
	{execSpec, false, false, " needs --enable-alpha-plugins and --enable-exec"},
	{execSpec, true, false, " needs --enable-exec"},
	{execSpec, false, true, " needs --enable-alpha-plugins"},
	{execSpec, true, true, ""},
	{containerSpec, false, false, "image example.com/mark:v1 needs --enable-alpha-plugins"},
	{containerSpec, false, true, "image example.com/mark:v1 needs --enable-alpha-plugins"},
	{containerSpec, true, false, ""},
	{bothSpec, false, true, "image example.com/mark:v1 needs --enable-alpha-plugins"},
	{bothSpec, true, false, ""},
}

func TestForeignFunctionsNeedFlags(t *testing.T) {
	for name, route := range routes() {
		for _, c := range foreignCases {
			t.Run(fmt.Sprint(name, c.spec, c.alpha, c.exec), func(t *testing.T) {
				s := newStage(t, fill(route, foreignGroup, c.spec))
				if c.want != "" {
					s.refused(t, options(c.alpha, c.exec), c.want)
				} else if s.equal(t, options(c.alpha, c.exec)) == "" {
					t.Error("did not run")
				}
			})
		}
	}
}

// refused builds, expects an error about the foreign config and no run.
func (s stage) refused(t *testing.T, o Options, why string) {
	t.Helper()
	want := "building " + s.dir + `: Mark "mark" (foreign.example.com/v1) is not a function of ours.example.com: running `
	_, err := Build(s.dir, o)
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), why) {
		t.Errorf("error %v\nwant %s...%s", err, want, why)
	}
	if runs := s.runs(t); runs != "" {
		t.Errorf("ran %s", runs)
	}
}

// A legacy annotation names an image only.
func TestLegacyAnnotation(t *testing.T) {
	route := map[string]string{
		"kustomization.yaml": "resources: [cm.yaml]\ntransformers: [fn.yaml]\n",
		"cm.yaml":            configMap,
		"fn.yaml":            annotated(`annotations: {config.kubernetes.io/container: example.com/mark:v1}`),
	}
	if newStage(t, fill(route, ourGroup, "")).equal(t, options(false, false)) == "" {
		t.Error("ours did not run")
	}
	s := newStage(t, fill(route, foreignGroup, ""))
	s.refused(t, options(false, true), "image example.com/mark:v1 needs --enable-alpha-plugins")
	if s.equal(t, options(true, false)) == "" {
		t.Error("foreign did not run")
	}
}

func TestRemoteFile(t *testing.T) {
	var served map[string]string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, served[strings.TrimPrefix(r.URL.Path, "/")])
	}))
	defer server.Close()
	route := map[string]string{
		"kustomization.yaml": "resources: [" + server.URL + "/cm.yaml]\ntransformers: [" + server.URL + "/fn.yaml]\n",
		"cm.yaml":            configMap,
		"fn.yaml":            annotated(`annotations: {config.kubernetes.io/function: 'SPEC'}`),
	}
	served = fill(route, ourGroup, containerSpec)
	if newStage(t, served).equal(t, options(false, false)) == "" {
		t.Error("ours did not run")
	}
	served = fill(route, foreignGroup, containerSpec)
	newStage(t, served).refused(t, options(false, false), "image example.com/mark:v1 needs --enable-alpha-plugins")
}

func TestRemoteBase(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil && os.Getenv("CI") == "" {
		t.Skip("git is not on PATH")
	}
	route := map[string]string{
		"base/kustomization.yaml": "resources: [cm.yaml]\ntransformers: [fn.yaml]\n",
		"base/cm.yaml":            configMap,
		"base/fn.yaml":            annotated(`annotations: {config.kubernetes.io/function: 'SPEC'}`),
	}
	ours := newStage(t, fill(route, ourGroup, containerSpec))
	url := "file://" + ours.commit(t) + "//base?ref=main"
	ours.write(t, "kustomization.yaml", "resources: ['"+url+"']\nbuildMetadata: [originAnnotations]\n")
	if ours.equal(t, options(false, false)) == "" {
		t.Error("ours did not run")
	}
	ours.dir = url
	if ours.equal(t, options(false, false)) == "" {
		t.Error("ours did not run")
	}
	foreign := newStage(t, fill(route, foreignGroup, containerSpec))
	foreign.write(t, "kustomization.yaml", "resources: ['file://"+foreign.commit(t)+"//base?ref=main']\n")
	foreign.refused(t, options(false, false), "image example.com/mark:v1 needs --enable-alpha-plugins")
}

// commit makes a git repository of the stage and returns its path.
func (s stage) commit(t *testing.T) string {
	t.Helper()
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "."},
		{"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "t"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = s.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return s.dir
}

// What is not run passes untouched.
func TestFunctionsAsData(t *testing.T) {
	fn := annotated(`annotations: {config.kubernetes.io/function: 'SPEC'}`)
	for _, group := range []string{ourGroup, foreignGroup} {
		s := newStage(t, fill(map[string]string{
			"kustomization.yaml": `
resources: [fn.yaml]
configMapGenerator:
- name: data
  files: [fn.yaml]
  options: {disableNameSuffixHash: true}
`,
			"fn.yaml": fn,
		}, group, execSpec))
		if runs := s.equal(t, options(false, false)); runs != "" {
			t.Errorf("ran %s", runs)
		}
	}
}

// The older plugins of kustomize are found by the kind of their config, which can
// lead anywhere.
func TestPluginsNeedFlag(t *testing.T) {
	home := t.TempDir()
	for _, version := range []string{"v1", "../../elsewhere"} {
		s := newStage(t, map[string]string{
			"kustomization.yaml": "resources: [cm.yaml]\ntransformers: [fn.yaml]\n",
			"cm.yaml":            configMap,
			"fn.yaml":            "apiVersion: some/" + version + "\nkind: Plugin\nmetadata: {name: p}\n",
		})
		t.Setenv("KUSTOMIZE_PLUGIN_HOME", home)
		plugin := filepath.Join(home, "some", version, "plugin", "Plugin")
		if err := os.MkdirAll(filepath.Dir(plugin), 0o755); err != nil {
			t.Fatal(err)
		}
		script := "#!/bin/sh\necho plugin >>" + s.log + "\ncat\n"
		if err := os.WriteFile(plugin, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := Build(s.dir, options(false, true))
		want := fmt.Sprintf("building %s: Plugin \"p\" (some/%s) has no function annotation: "+
			"running it as a plugin needs --enable-alpha-plugins", s.dir, version)
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if runs := s.runs(t); runs != "" {
			t.Errorf("ran %s", runs)
		}
		if runs := s.equal(t, options(true, false)); runs != "plugin\n" {
			t.Errorf("ran %q", runs)
		}
	}
}

func TestUnusableConfigs(t *testing.T) {
	for _, c := range []struct{ fn, want string }{
		{config, `Mark "mark" (ours.example.com/v1): annotation config.kubernetes.io/function is missing`},
		{annotated(`annotations: {config.kubernetes.io/function: '{}'}`),
			`Mark "mark" (ours.example.com/v1): function annotation names neither a container image nor an exec path`},
		{annotated(`annotations: {config.kubernetes.io/function: '{"exce": {}}'}`),
			`Mark "mark" (ours.example.com/v1): config.kubernetes.io/function unmarshal error: ` +
				`error unmarshaling JSON: while decoding JSON: json: unknown field "exce"`},
	} {
		s := newStage(t, fill(map[string]string{
			"kustomization.yaml": "resources: [cm.yaml]\ntransformers: [fn.yaml]\n",
			"cm.yaml":            configMap,
			"fn.yaml":            c.fn,
		}, ourGroup, ""))
		_, err := Build(s.dir, options(true, true))
		if want := "building " + s.dir + ": " + c.want; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestFailingFunction(t *testing.T) {
	for _, spec := range []string{
		containerSpec,
		`{"deferFailure": true, "container": {"image": "example.com/mark:v1"}}`,
		`{"deferFailure": true, "exec": {"path": "SELF"}}`,
	} {
		fn := annotated(`annotations: {config.kubernetes.io/function: 'SPEC'}`)
		s := newStage(t, fill(map[string]string{
			"kustomization.yaml": "resources: [cm.yaml]\ntransformers: [fn.yaml]\n",
			"cm.yaml":            configMap,
			"fn.yaml":            strings.Replace(fn, "value: x\n", "", 1),
		}, ourGroup, spec))
		s.equal(t, options(false, false))
		if _, err := Build(s.dir, options(false, false)); err == nil {
			t.Errorf("%s: no error", spec)
		}
	}
}

func TestOptions(t *testing.T) {
	s := newStage(t, map[string]string{
		"k/kustomization.yaml": "resources: [../cm.yaml]\n",
		"cm.yaml":              configMap,
		"h/kustomization.yaml": "helmCharts: [{name: c, version: v1}]\n",
	})
	for _, c := range []struct {
		dir  string
		o    Options
		want string // part of the error
	}{
		{"k", Options{}, "is not in or below"},
		{"k", Options{LoadRestrictor: "LoadRestrictionsRootOnly"}, "is not in or below"},
		{"k", Options{LoadRestrictor: "LoadRestrictionsNone"}, ""},
		{"k", Options{LoadRestrictor: "none"}, `load restrictor "none" is neither`},
		{"h", Options{}, "must specify --enable-helm"},
		{"h", Options{Helm: types.HelmConfig{Enabled: true, Command: "no-such-helm"}}, `"no-such-helm": executable file not found`},
		{"h", Options{EnableAlphaPlugins: true, Helm: types.HelmConfig{Command: "no-such-helm"}}, `"no-such-helm": executable file not found`},
	} {
		out, err := Build(filepath.Join(s.dir, c.dir), c.o)
		if err == nil && (c.want != "" || !strings.Contains(string(out), "name: settings")) ||
			err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %+v: error %v, want %q\n%s", c.dir, c.o, err, c.want, out)
		}
	}
}

func TestArgs(t *testing.T) {
	s := newStage(t, fill(routes()["file"], ourGroup, containerSpec))
	o := options(false, false)
	o.Args = []string{"--verbose", "a b"}
	if _, err := Build(s.dir, o); err != nil {
		t.Fatal(err)
	}
	if runs := s.runs(t); !strings.Contains(runs, `["--verbose" "a b"]`) {
		t.Errorf("ran %s", runs)
	}
}

// Builds wait for each other and leave kyaml as it was.
func TestConcurrentBuilds(t *testing.T) {
	route := routes()["file"]
	s := newStage(t, fill(route, foreignGroup, execSpec))
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if _, err := Build(s.dir, options(false, false)); err == nil {
				t.Error("no error")
			}
		})
	}
	wait.Wait()
	if _, err := s.kustomize(); err != nil {
		t.Error(err)
	}
}
