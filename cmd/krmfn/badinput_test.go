package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

const (
	frame  = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
	one    = "items:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: one\n"
	config = "functionConfig:\n  apiVersion: harbor.krmfn.dev/v1alpha1\n  kind: SetReplicas\n  metadata:\n    name: set-replicas\n  spec:\n    replicas:\n      ui: 3\n"

	// secret stands for a password that must not show up in any message.
	secret = "hunter2"
)

type badInput struct {
	name string
	in   string
	args []string
	// items is how many objects come back: all of the input, or none where it is
	// no ResourceList that can be read.
	items int
}

// badInputs are inputs that cannot work. What is printed for each stands in
// testdata/badinput. The fuzz tests begin with them too.
func badInputs(t testing.TB) []badInput {
	harbor := baseList(t, "")
	objects := len(baseItems(t))
	// ha is the base with a config of harbor-ha with this spec.
	ha := func(spec string) string {
		return harbor + functionConfig("apiVersion: harbor.krmfn.dev/v1alpha1\nkind: HarborHA\nmetadata:\n  name: harbor-ha\nspec:\n"+indent(spec))
	}
	// replaced is the base with a change, which has to be one.
	replaced := func(old, by string) string {
		if strings.Count(harbor, old) != 1 {
			t.Fatalf("the base holds %q %d times", old, strings.Count(harbor, old))
		}
		return strings.Replace(harbor, old, by, 1)
	}
	database := "database:\n  host: db.example.com\n  user: u\n  database: d\n  password: "
	fix := functionConfig("apiVersion: harbor.krmfn.dev/v1alpha1\nkind: FixRegistryMount\nmetadata:\n  name: fix\n")

	return []badInput{
		{name: "empty", in: ""},
		{name: "blank", in: "\n \n"},
		{name: "comment-only", in: "# nothing\n"},
		{name: "empty-documents", in: "---\n---\n"},
		{name: "text", in: "hello\n"},
		{name: "not-yaml", in: frame + "items: [\n"},
		{name: "not-yaml-first-line", in: "a: b: c\n"},
		{name: "tab", in: frame + "items:\n\t- a\n"},
		{name: "json-cut-off", in: `{"apiVersion":"config.kubernetes.io/v1","kind":"ResourceList","items":[{`},
		{name: "sequence", in: "- a\n"},
		{name: "manifest", in: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\n"},
		{name: "kind-missing", in: "apiVersion: config.kubernetes.io/v1\n" + one + config},
		{name: "list-version", in: strings.Replace(frame, "/v1", "/v2", 1) + one + config},
		{name: "two-documents", in: frame + one + config + "---\n" + frame + one + config},
		{name: "list-and-manifest", in: frame + one + config + "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: two\n"},

		{name: "items-missing", in: frame + config},
		{name: "items-null", in: frame + "items:\n" + config},
		{name: "items-scalar", in: frame + "items: 5\n" + config},
		{name: "items-mapping", in: frame + "items:\n  a: b\n" + config},
		{name: "item-scalar", in: frame + one + "- just text\n" + config},
		{name: "item-null", in: frame + one + "-\n" + config},
		{name: "item-list", in: frame + one + "- []\n" + config},
		{name: "results-scalar", in: frame + one + "results: 5\n" + config},

		{name: "object-without-name", in: frame + one + "- apiVersion: v1\n  kind: Service\n  metadata: {}\n" + config, items: 2},
		{name: "object-without-name-in-file", in: frame + one + "- apiVersion: v1\n  kind: Service\n  metadata:\n    annotations:\n      internal.config.kubernetes.io/path: a/b.yaml\n" + config, items: 2},
		{name: "object-without-kind", in: frame + one + "- apiVersion: v1\n  metadata:\n    name: two\n" + config, items: 2},
		{name: "object-without-apiVersion", in: frame + one + "- kind: Service\n  metadata:\n    name: two\n" + config, items: 2},
		{name: "object-empty", in: frame + one + "- {}\n" + config, items: 2},
		{name: "metadata-list", in: frame + one + "- apiVersion: v1\n  kind: Service\n  metadata: [name]\n" + config, items: 2},
		{name: "annotations-list", in: frame + one + "    annotations: [a]\n" + config, items: 1},
		{name: "labels-text", in: frame + one + "    labels: a\n" + config, items: 1},

		{name: "no-functionConfig", in: frame + one, items: 1},
		{name: "functionConfig-null", in: frame + one + "functionConfig:\n", items: 1},
		{name: "functionConfig-empty", in: frame + one + "functionConfig: {}\n", items: 1},
		{name: "functionConfig-text", in: frame + one + "functionConfig: " + secret + "\n"},
		{name: "functionConfig-list", in: frame + one + "functionConfig: [a]\n"},
		{name: "functionConfig-metadata-list", in: frame + one + "functionConfig:\n  metadata: [a]\n", items: 1},
		{name: "functionConfig-ConfigMap", in: frame + one + placeholder + "  data:\n    replicas.ui: \"3\"\n", items: 1},

		{name: "group", in: frame + one + strings.Replace(config, "harbor.krmfn.dev/", "harbor.krmfn.io/", 1), items: 1},
		{name: "version", in: frame + one + strings.Replace(config, "v1alpha1", "v1", 1), items: 1},
		{name: "apiVersion-missing", in: frame + one + strings.Replace(config, "  apiVersion: harbor.krmfn.dev/v1alpha1\n", "", 1), items: 1},
		{name: "kind-misspelt", in: frame + one + strings.Replace(config, "SetReplicas", "SetReplica", 1), items: 1},
		{name: "kind-unknown", in: frame + one + strings.Replace(config, "SetReplicas", "Deployment", 1), items: 1},
		{name: "functionConfig-kind-missing", in: frame + one + strings.Replace(config, "  kind: SetReplicas\n", "", 1), items: 1},
		{name: "kind-of-another-function", in: frame + one + config, args: []string{"inject-redis"}, items: 1},
		{name: "version-for-named-function", in: frame + one + strings.Replace(config, "v1alpha1", "v1beta1", 1), args: []string{"set-replicas"}, items: 1},

		{name: "field-beside-spec", in: frame + one + strings.Replace(config, "  spec:", "  specs:", 1), items: 1},
		{name: "field-in-spec", in: ha("databse: {}\n"), items: objects},
		{name: "fields-deep", in: ha("cephFS:\n  csi:\n    clusterID: a\n    fsName: a\n    secret:\n      nam: a\n      namespace: a\n  volumes:\n    log-pvc:\n      path: /a\n      sizes: 1Gi\n"), items: objects},
		{name: "field-that-looks-like-none", in: ha("replicas:\n  ui: 3\nwhatever.this is: 1\n"), items: objects},
		{name: "type-number", in: ha("replicas:\n  adminserver: three\n  nginx: 3.5\n  registry: \"3\"\n  ui: [3]\n"), items: objects},
		{name: "type-number-missing", in: ha("replicas:\n  ui:\n"), items: objects},
		{name: "type-number-too-large", in: ha("replicas:\n  ui: 99999999999999999999\n"), items: objects},
		{name: "type-boolean", in: ha("registryMount:\n  pinCommand: \"yes\"\n"), items: objects},
		{name: "type-string", in: ha("endpoint:\n  url: 2001-01-01\n"), items: objects},
		{name: "type-mapping", in: ha("replicas: 3\nnodePort: [31777]\n"), items: objects},
		{name: "type-list", in: ha("cephFS:\n  inTree:\n    monitors: a:6789\n    secretName: b\n  volumes:\n    log-pvc:\n      path: /a\n"), items: objects},
		{name: "section-null", in: ha("registryMount:\n"), items: objects},
		{name: "spec-null", in: ha(""), items: objects},
		{name: "spec-text", in: frame + one + strings.Replace(config, "spec:\n    replicas:\n      ui: 3", "spec: text", 1), items: 1},
		{name: "required-missing", in: ha("redis: {}\ndatabase: {}\nnodePort: {}\nendpoint: {}\ncephFS: {}\n"), items: objects},

		{name: "password-number", in: ha(database + "\n    value: 4711" + "\n"), items: objects},
		{name: "password-not-in-value", in: ha(database + secret + "\n"), items: objects},
		{name: "password-in-list", in: ha(database + "[" + secret + "]\n"), items: objects},
		{name: "password-twice", in: ha(database + "\n    value: " + secret + "\n    secretName: a\n    secretKey: b\n"), items: objects},
		{name: "password-with-comma", in: ha("redis:\n  address: a:1\n  password:\n    value: a," + secret + "\n"), items: objects},
		{name: "password-in-address", in: ha("redis:\n  address: user:" + secret + "@redis:6379\n"), items: objects},

		{name: "duplicate-key", in: frame + one + "    name: two\n" + config},
		{name: "duplicate-key-in-config", in: frame + one + config + "      ui: 5\n"},
		{name: "key-is-a-list", in: frame + one + "  data:\n    ? [a, b]\n    : c\n" + config},
		{name: "alias-bomb-in-item", in: frame + one + "  data:\n" + indent(indent(aliasBomb)) + config},
		{name: "alias-bomb-in-config", in: frame + one + config + indent(aliasBomb)},
		{name: "alias-of-itself", in: frame + one + "  data: &a\n    b: *a\n" + config},
		{name: "alias-of-nothing", in: frame + one + config + "      x: *" + secret + "\n"},
		{name: "merge-of-text", in: frame + one + "  data: &a text\n  more:\n    <<: *a\n" + config},
		{name: "nested-10000", in: frame + one + "  data: " + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "\n" + config},
		{name: "nested-2000", in: frame + one + "  data: " + strings.Repeat("{a: ", 2000) + strings.Repeat("}", 2000) + "\n" + config},
		{name: "not-utf8", in: frame + one + "  data:\n    text: \xff\n" + config},
		{name: "utf16", in: "\xff\xfea\x00:\x00 \x00b\x00"},
		{name: "nul", in: frame + one + "  data:\n    text: a\x00b\n" + config},
		{name: "control-character", in: frame + one + "  data:\n    text: a\x01b\n" + config},

		{name: "registry-config-not-yaml", in: replaced("    version: 0.1\n", "    version: [\n") + fix, items: objects},
		{name: "registry-config-a-list", in: regexp.MustCompile(`(?m)^    config: \|\n      version: 0.1\n(      .*\n)*`).ReplaceAllString(harbor, "    config: |\n      - a\n") + fix, items: objects},
		{name: "registry-config-missing", in: replaced("  kind: ConfigMap\n  metadata:\n    name: harbor-registry-config\n", "  kind: ConfigMap\n  metadata:\n    name: another\n") + fix, items: objects},
		{name: "target-component", in: ha("replicas:\n  core: 3\n"), items: objects},
		{name: "target-claim", in: ha("cephFS:\n  csi:\n    clusterID: a\n    fsName: a\n    secret:\n      name: a\n      namespace: a\n  volumes:\n    data-pvc:\n      path: /a\n"), items: objects},
		{name: "target-service", in: ha("nodePort:\n  port: 31777\n  service: gateway\n"), items: objects},
		{name: "target-harbor", in: frame + one + strings.Replace(config, "SetReplicas", "InjectRedis", 1)[:strings.Index(config, "  spec:")] + "  spec:\n    address: redis:6379\n", items: 1},
	}
}

// aliasBomb stands for 10^9 nodes.
var aliasBomb = func() string {
	bomb := "b0: &b0 [x]\n"
	for i := 1; i <= 9; i++ {
		bomb += fmt.Sprintf("b%d: &b%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*b%d, ", i-1), 10), ", "))
	}
	return bomb
}()

// TestGoldenBadInput checks that each ends with exit status 1, a message that can be
// read on stderr, the same as results, and the items as they came in.
func TestGoldenBadInput(t *testing.T) {
	var all []string
	for _, f := range functions.Catalog.Functions {
		all = append(all, f.Kind())
	}
	kinds := strings.Join(all, ", ")
	var names []string
	for _, b := range badInputs(t) {
		names = append(names, b.name)
		t.Run(b.name, func(t *testing.T) {
			stdout, stderr, exit := inProcess(t, b.in, b.args...)
			if exit != 1 {
				t.Errorf("exit status %d", exit)
			}
			// A new function changes no file.
			golden.Compare(t, filepath.Join("testdata/badinput", b.name+".txt"), strings.Replace(stderr, kinds, "{kinds}", 1))

			out := read1(t, stdout)
			if len(out.Items) != b.items {
				t.Errorf("%d items come back, want %d", len(out.Items), b.items)
			}
			if b.items > 0 {
				sameItems(t, b.in, stdout)
			}
			for _, r := range out.Results {
				if r.Severity != framework.Error || !strings.Contains(stderr, r.Message) {
					t.Errorf("%s: %q is not on stderr", r.Severity, r.Message)
				}
			}
			if lines := strings.Count(stderr, "\n  error: "); lines != len(out.Results) || lines == 0 {
				t.Errorf("%d errors on stderr, %d results", lines, len(out.Results))
			}
			for _, password := range []string{secret, "4711"} {
				if strings.Contains(stderr, password) || slices.ContainsFunc(out.Results, func(r *framework.Result) bool { return strings.Contains(fmt.Sprintf("%+v %+v", r, r.Field), password) }) {
					t.Errorf("the password is told:\n%s\n%s", stderr, stdout)
				}
			}
		})
	}
	files, err := filepath.Glob("testdata/badinput/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.Contains(names, strings.TrimSuffix(filepath.Base(file), ".txt")) {
			t.Errorf("%s belongs to no input", file)
		}
	}
}

// TestBadFiles checks that plain manifests that cannot be read give no output,
// and that others come back.
func TestBadFiles(t *testing.T) {
	good := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(good, []byte(example(t, namedFunction(t, "set-replicas"))), 0o644); err != nil {
		t.Fatal(err)
	}
	const nameless = "apiVersion: v1\nkind: Service\n"
	for _, c := range []struct {
		in, config, out, says string
	}{
		{"a: [\n", good, "", "standard input: reading YAML: "},
		{"text\n", good, "", "standard input: document 1: is a string, want an object"},
		{nameless, good, nameless, "standard input: document 1: Service metadata.name: is missing"},
		{"", good, "", "found no component of Harbor"},
		{nameless, os.DevNull, nameless, os.DevNull + ": holds 0 documents, want one function config"},
	} {
		stdout, stderr, exit := krmfn(c.in, "set-replicas", c.config, "-")
		if stdout != c.out || exit != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("%q gives exit status %d, stdout %q and stderr\n%s", c.in, exit, stdout, stderr)
		}
	}
}

// TestConfigMap checks flat configs, as kpt fn eval -- key=value sends them: the
// function has to be named.
func TestConfigMap(t *testing.T) {
	for _, c := range []struct {
		function string
		data     string
		typed    string // the same as a config of the function's own kind
	}{
		{"set-replicas", "replicas.ui: \"3\"\nreplicas.nginx: \"2\"\n", "replicas: {ui: 3, nginx: 2}\n"},
		{"fix-registry-mount", "pinCommand: \"false\"\n", "pinCommand: false\n"},
		{"inject-redis", "address: redis:6379\npoolSize: \"50\"\npassword.secretName: \"1234\"\npassword.secretKey: \"true\"\n",
			"address: redis:6379\npoolSize: 50\npassword: {secretName: \"1234\", secretKey: \"true\"}\n"},
		{"use-cephfs", "csi.clusterID: \"1\"\ncsi.fsName: fs\ncsi.secret.name: a\ncsi.secret.namespace: b\nvolumes.log-pvc.path: /log\nvolumes.log-pvc.size: 1Gi\n",
			"csi: {clusterID: \"1\", fsName: fs, secret: {name: a, namespace: b}}\nvolumes: {log-pvc: {path: /log, size: 1Gi}}\n"},
		{"harbor-ha", "nodePort.port: \"31777\"\nendpoint.url: http://a:31777\nvalidate.ignore.L01: a\nvalidate.ignore.L04: b\nvalidate.ignore.L14: c\n",
			"nodePort: {port: 31777}\nendpoint: {url: http://a:31777}\nvalidate: {ignore: {L01: a, L04: b, L14: c}}\n"},
	} {
		t.Run(c.function, func(t *testing.T) {
			f := namedFunction(t, c.function)
			flat := baseList(t, "") + placeholder + "  data:\n" + indent(indent(c.data))
			typed := baseList(t, "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: "+f.Kind()+"\nmetadata:\n  name: x\nspec:\n"+indent(c.typed))
			want, warnings, exit := inProcess(t, typed)
			if exit != 0 {
				t.Fatalf("exit status %d: %s", exit, warnings)
			}
			got, stderr, exit := krmfn(flat, f.Name)
			// The config stands in the first line.
			_, warnings, _ = strings.Cut(warnings, "\n")
			if _, said, _ := strings.Cut(stderr, "\n"); exit != 0 || said != warnings {
				t.Errorf("exit status %d: %s\nwant %s", exit, stderr, warnings)
			}
			sameItems(t, want, got)
		})
	}

	for data, says := range map[string]string{
		"replicas.ui: three\n":                    `error: data["replicas.ui"]: "three" is a string, want a whole number`,
		"replica.ui: \"3\"\n":                     `error: data.replica: is not a known field, did you mean replicas?`,
		"replicas: \"3\"\n":                       `error: data.replicas: does not fit a flat string: write a function config of its own kind (krmfn help NAME shows one)`,
		"replicas: \"3\"\nreplicas.ui: \"3\"\n":   `error: data["replicas.ui"]: stands beside a key replicas that holds a value`,
		"replicas.ui: \"3\"\nreplicas: \"3\"\n":   `error: data.replicas: stands beside a key that goes further down`,
		"replicas.ui: \"-1\"\n":                   `error: data["replicas.ui"]: -1 is negative, want 0 or more`,
		"replicas.core: \"3\"\nreplicas.ui: \"\"": `error: data["replicas.ui"]: "" is a string, want a whole number`,
	} {
		in := baseList(t, "") + placeholder + "  data:\n" + indent(indent(data))
		stdout, stderr, exit := krmfn(in, "set-replicas")
		if exit != 1 || !strings.Contains(stderr, says) {
			t.Errorf("%q: exit status %d\n%swant %s", data, exit, stderr, says)
		}
		sameItems(t, in, stdout)
	}
}

func namedFunction(t testing.TB, name string) krm.Function {
	f, ok := functions.Catalog.ByName(name)
	if !ok {
		t.Fatalf("there is no function %s", name)
	}
	return f
}

// bigList is a ResourceList of 20 MB: the base and many ConfigMaps.
func bigList(t testing.TB) string {
	item := yaml.MustParse("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: big\ndata:\n  text: |\n" + strings.Repeat("    a line of text, one of many\n", 400))
	items := baseItems(t)
	for range 350 {
		items = append(items, item)
	}
	return resourceList(items, example(t, namedFunction(t, "set-replicas")))
}

// TestBig checks that a list of 4 MB, in more pieces than are written at once,
// simply works.
func TestBig(t *testing.T) {
	in := bigList(t)
	if len(in) < 4_000_000 {
		t.Fatalf("the list has %d bytes only", len(in))
	}
	stdout, stderr, exit := inProcess(t, in)
	if exit != 0 || stderr != "" {
		t.Errorf("exit status %d, stderr %s", exit, stderr)
	}
	before, after := read1(t, in), read1(t, stdout)
	if len(before.Items) != len(after.Items) || len(after.Results) != 4 {
		t.Errorf("%d items become %d with %d results", len(before.Items), len(after.Items), len(after.Results))
	}
	if last := after.objects()[len(after.Items)-1]; last.MustString() != before.objects()[len(before.Items)-1].MustString() {
		t.Error("the last item has changed")
	}
}

// TestSIGTERM kills krmfn while it reads, works on and writes 4 MB: it is gone
// within a second, and what it has written is no complete ResourceList.
func TestSIGTERM(t *testing.T) {
	in := bigList(t)
	for _, environment := range [][]string{nil, {"GOMAXPROCS=1"}} {
		for _, c := range []struct {
			name  string
			input string
			wait  func(stdout io.Reader) error
			close bool
		}{
			{name: "reading", input: in[:len(in)/2]},
			{name: "working", input: in, close: true, wait: func(io.Reader) error { time.Sleep(50 * time.Millisecond); return nil }},
			// The pipe is full after 64 KB: a reader that reads the first bytes
			// and then nothing more is a slow one.
			{name: "writing", input: in, close: true, wait: func(stdout io.Reader) error {
				_, err := io.ReadFull(stdout, make([]byte, 1000))
				return err
			}},
		} {
			t.Run(strings.Join(append(environment, c.name), "/"), func(t *testing.T) {
				t.Parallel()
				cmd := exec.Command(os.Args[0])
				cmd.Env = slices.Concat(environment, []string{asProgram + "=1"})
				stdin, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				stdout, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(stdin, c.input); err != nil {
					t.Fatal(err)
				}
				if c.close {
					if err := stdin.Close(); err != nil {
						t.Fatal(err)
					}
				}
				seen := &strings.Builder{}
				if c.wait != nil {
					if err := c.wait(io.TeeReader(stdout, seen)); err != nil {
						t.Fatal(err)
					}
				}

				killed := time.Now()
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				state, err := cmd.Process.Wait()
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(killed); took > time.Second || state.Success() {
					t.Errorf("it took %v to go: %v", took, state)
				}
				rest, err := io.ReadAll(stdout)
				if err != nil {
					t.Fatal(err)
				}
				written := seen.String() + string(rest)
				if (c.name == "writing") != (len(written) > 0) {
					t.Errorf("%d bytes were written", len(written))
				}
				var list output
				if err := yaml.Unmarshal([]byte(written), &list); err == nil && list.Kind == "ResourceList" {
					t.Errorf("%d bytes pass for a complete ResourceList", len(written))
				}
			})
		}
	}
}
