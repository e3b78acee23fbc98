package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sarifschema "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/golden"
)

func ref(apiVersion, kind, namespace, name string) *yaml.ResourceIdentifier {
	return &yaml.ResourceIdentifier{
		TypeMeta: yaml.TypeMeta{APIVersion: apiVersion, Kind: kind},
		NameMeta: yaml.NameMeta{Namespace: namespace, Name: name},
	}
}

func rule(id string) map[string]string { return map[string]string{"rule": id} }

var rules = []Rule{
	{"L01", framework.Error, "the registry finds its config", "it starts with an open, empty default otherwise", "mount it where it is read"},
	{"L04", framework.Error, "all replicas of the registry write to one storage", "images are lost otherwise", "use a claim that is ReadWriteMany"},
	{"L15", framework.Warning, "workloads roll out changes", "a ReplicationController does not", "use a Deployment"},
}

// example has one of everything, not in order.
func example() Report {
	registry := ref("v1", "ReplicationController", "", "registry-rc")
	return Report{
		Objects: 24, Rules: rules, Version: "v1.2.3", Input: "overlays/ha/kustomization.yaml",
		Unseen: []yaml.ResourceIdentifier{*ref("", "Redis", "", "redis.example.com"), *ref("", "Secret", "harbor", "harbor-redis"),
			*ref("", "Secret", "harbor", "harbor-secrets")},
		Findings: []Finding{
			{Line: 3, Result: framework.Result{
				Severity: framework.Warning, Message: "a ReplicationController does not roll out changes",
				ResourceRef: registry, File: &framework.File{Path: "base/registry.yaml", Index: 1}, Tags: rule("L15"),
			}},
			{Line: 57, Result: framework.Result{
				Severity: framework.Warning, Message: "a ReplicationController does not roll out changes",
				ResourceRef: ref("v1", "ReplicationController", "", "ui-rc"), File: &framework.File{Path: "base/registry.yaml", Index: 2}, Tags: rule("L15"),
			}},
			{Line: 31, Result: framework.Result{
				Severity: framework.Error, Message: "the config is not mounted where the registry reads it",
				ResourceRef: registry, File: &framework.File{Path: "base/registry.yaml", Index: 1}, Tags: rule("L01"),
				Field: &framework.Field{
					Path:         "spec.template.spec.containers[0].volumeMounts[0].mountPath",
					CurrentValue: "/etc/docker/registry", ProposedValue: "/etc/registry",
				},
			}},
			{Line: 104, Result: framework.Result{
				Severity: framework.Error, Message: "3 replicas write to a claim that is ReadWriteOnce",
				ResourceRef: registry, File: &framework.File{Path: "base/registry.yaml", Index: 1}, Tags: rule("L04"),
				Field: &framework.Field{Path: "spec.replicas", CurrentValue: 3},
			}},
			{Result: framework.Result{
				Severity: framework.Error, Message: "holds a key that no program reads",
				ResourceRef: ref("v1", "ConfigMap", "harbor", "harbor-ui-config"),
				Field:       &framework.Field{Path: `data["config.yml"]`, CurrentValue: map[any]any{1: math.Inf(1)}},
				File:        &framework.File{Path: "a dir/100%.yaml"}, Tags: rule("X01"),
			}},
			{Result: framework.Result{
				Severity: framework.Info, Message: "Secret harbor-redis is not among the objects: see that it has the key password",
				ResourceRef: ref("v1", "Secret", "harbor", "harbor-redis"), Tags: rule("L07"),
			}},
			{Result: framework.Result{Severity: framework.Warning, Message: "there is no PodDisruptionBudget"}},
		},
	}
}

// hostile holds names and messages that would steer a terminal or a CI.
func hostile() Report {
	return Report{Objects: 1, Version: "dev", Input: "stdin", Findings: []Finding{
		{Line: 2, Result: framework.Result{
			Severity:    framework.Error,
			Message:     "one\ntwo\r\n::warning::three\tfour 100% \x1b]0;title\a\x1b[2J \u202eback\u2028 \xff ##[add-mask]x \"quoted\" 'single' \\ <b>&amp;",
			ResourceRef: ref("v1", "::error file=x::Kind", "ns\x1b[31m", "name\n::stop-commands::x,y:z"),
			Field:       &framework.Field{Path: "data[\"a\\nb\x1b[0m\"]", CurrentValue: "\x1b[31m\n::error::x"},
			File:        &framework.File{Path: "dir\n/a,b:c::d\x1b[1m 'q' \"%41\".yaml"},
			Tags:        rule("L01\n::error::x"),
		}},
		{Result: framework.Result{
			Severity: "weird\n::error::x", Message: "", ResourceRef: ref("v1", " ::debug::Kind", "", "n"),
		}},
	}}
}

func reports() map[string]Report {
	return map[string]Report{"example": example(), "hostile": hostile(), "clean": {Objects: 1, Rules: rules, Input: "stdin"}}
}

func TestGoldenFormats(t *testing.T) {
	for name, r := range reports() {
		for _, c := range []struct {
			file, format string
			style        Style
		}{
			{"txt", "text", Style{}},
			{"verbose.txt", "text", Style{Infos: true}},
			{"color.txt", "text", Style{Infos: true, Color: true}},
			{"json", "json", Style{}},
			{"yaml", "yaml", Style{}},
			{"sarif", "sarif", Style{}},
			{"github", "github", Style{}},
			{"verbose.github", "github", Style{Infos: true}},
		} {
			got := write(t, r, c.format, c.style)
			golden.Compare(t, filepath.Join("testdata", name+"."+c.file), got)

			shuffled := r
			shuffled.Findings = slices.Clone(r.Findings)
			slices.Reverse(shuffled.Findings)
			if d := cmp.Diff(got, write(t, shuffled, c.format, c.style)); d != "" {
				t.Errorf("%s %s: the order of the findings matters:\n%s", name, c.format, d)
			}
		}
	}
}

func write(t testing.TB, r Report, format string, style Style) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.Write(&out, format, style); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestHostile looks at what reaches a terminal or the log of a CI: no control
// characters but line breaks, as many lines as there have to be, and no line
// that begins like a command but our own.
func TestHostile(t *testing.T) {
	for _, format := range []string{"text", "github"} {
		out := write(t, hostile(), format, Style{Infos: true})
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if want := map[string]int{"text": 7, "github": 3}[format]; len(lines) != want {
			t.Errorf("%s: %d lines, want %d:\n%s", format, len(lines), want, out)
		}
		for _, l := range lines {
			if strings.ContainsFunc(l, func(r rune) bool {
				return r < ' ' && r != '\t' || r == 0x7f || r == '\u202e' || r == '\u2028' || r == '\ufffd'
			}) {
				t.Errorf("%s: %q holds a control character", format, l)
			}
			command := strings.HasPrefix(strings.TrimSpace(l), "::")
			if format == "text" && (command || strings.Contains(l, "##[")) {
				t.Errorf("%s: %q is a command", format, l)
			}
		}
	}
}

// TestSARIF validates every log with the schema of OASIS, SARIF 2.1.0 errata 01.
func TestSARIF(t *testing.T) {
	for name, r := range reports() {
		log := write(t, r, "sarif", Style{})
		if err := validSARIF(log); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		checkLog(t, log)
	}
	log := write(t, example(), "sarif", Style{})
	for _, change := range [][2]string{
		{`"startLine": 31`, `"startLine": 0`},
		{`"level": "error"`, `"level": "bad"`},
		{`"ruleIndex":`, `"ruleindices":`},
	} {
		wrong := strings.Replace(log, change[0], change[1], 1)
		if wrong == log || validSARIF(wrong) == nil {
			t.Errorf("valid with %s", change[1])
		}
	}
}

// validSARIF checks that a log has no unknown field and is valid.
func validSARIF(log string) error {
	decoder := json.NewDecoder(strings.NewReader(log))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&sarifschema.Report{}); err != nil {
		return err
	}
	r, err := sarifschema.FromString(log)
	if err != nil {
		return err
	}
	for _, run := range r.Runs {
		// The library writes these also where a log leaves them to their defaults.
		run.Language, run.Tool.Driver.Language, run.NewlineSequences = "en-US", "en-US", []string{"\n"}
	}
	return r.Validate()
}

// checkLog looks at what the schema does not: rules that exist, a file for each
// result (GitHub wants one), fingerprints of their own.
func checkLog(t *testing.T, log string) {
	var l sarifLog
	if err := json.Unmarshal([]byte(log), &l); err != nil {
		t.Fatal(err)
	}
	run := l.Runs[0]
	fingerprints := map[string]bool{}
	for _, r := range run.Results {
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("ruleIndex %d is not that of %s", r.RuleIndex, r.RuleID)
		}
		if len(r.Locations) != 1 || r.Locations[0].Physical.Artifact.URI == "" {
			t.Errorf("%s stands nowhere", r.Message.Text)
		}
		fingerprints[r.Fingerprints["krmfn/v1"]] = true
	}
	if len(fingerprints) != len(run.Results) {
		t.Errorf("%d results have %d fingerprints", len(run.Results), len(fingerprints))
	}
}

// The fingerprint of a finding stays when lines, files and messages change.
func TestFingerprint(t *testing.T) {
	before := example().Findings[1]
	after := before
	after.Line, after.File, after.Message = 99, nil, "other words"
	if fingerprint(before, map[string]int{}) != fingerprint(after, map[string]int{}) {
		t.Error("the fingerprint changed")
	}
	seen := map[string]int{}
	if first := fingerprint(before, seen); first == fingerprint(before, seen) {
		t.Error("two findings have one fingerprint")
	}
}

// JSON and YAML say the same, and what went in comes out.
func TestDocuments(t *testing.T) {
	for name, r := range reports() {
		var fromJSON, fromYAML any
		if err := json.Unmarshal([]byte(write(t, r, "json", Style{})), &fromJSON); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(write(t, r, "yaml", Style{})), &fromYAML); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(fromYAML)
		if err != nil {
			t.Fatal(err)
		}
		var normal any
		if err := json.Unmarshal(again, &normal); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(fromJSON, normal); d != "" && name != "hostile" { // bytes that are not UTF-8 are binary in YAML
			t.Errorf("%s: JSON and YAML differ:\n%s", name, d)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	err := Report{}.Write(&bytes.Buffer{}, "xml", Style{})
	if want := `format "xml" is not known, known are github, json, sarif, text, yaml`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteError(t *testing.T) {
	if err := example().Write(full{}, "text", Style{}); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
}

func TestColumns(t *testing.T) {
	long := Finding{Line: 7, Result: framework.Result{Severity: framework.Error, Message: "m", Field: &framework.Field{Path: "ä.b"}, Tags: rule("L1")}}
	short := Finding{Line: 1234, Result: framework.Result{Severity: framework.Warning, Message: "n", Field: &framework.Field{Path: "longer"}, Tags: rule("L10")}}
	got := write(t, Report{Findings: []Finding{long, short}}, "text", Style{})
	want := "All objects\n     7  error    L1   ä.b     m\n  1234  warning  L10  longer  n\n\n1 error, 1 warning in 0 objects\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestGoldensAreUsed(t *testing.T) {
	entries, err := fs.ReadDir(os.DirFS("testdata"), ".")
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * 8; len(entries) != want {
		t.Errorf("testdata holds %d files, want %d", len(entries), want)
	}
}
