package harborha_test

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/meaning"
)

// aboutServers are the differences that redis and database make.
var aboutServers = regexp.MustCompile(`^[^>]+ > [^>]+ (env > (POSTGRESQL|HARBOR_DATABASE)_|(env|files) > [^:]*(REDIS|redis))`)

// pair is one chart, rendered for a single node and highly available, with the
// config that leads from one to the other (corpus/harbor-helm/README.md).
type pair struct {
	name, single, ha, secrets string
	config                    map[string]any
	expect                    expectation
}

// expectation is what comes of a pair, where it is not the same as the chart's.
type expectation struct {
	Outcome string // refused, or equal
	Says    string
	Warns   []string
	Allowed []allowed
}

type allowed struct{ Line, Reason string }

func pairs(t *testing.T) []pair {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(golden.Corpus(t, "harbor-helm"), "h*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("%d pairs, %v", len(folders), err)
	}
	var all []pair
	for _, dir := range folders {
		read := func(name string) string { return golden.Read(t, filepath.Join(dir, name)) }
		p := pair{name: filepath.Base(dir), single: read("single.yaml"), ha: read("ha.yaml"), secrets: read("secrets.yaml")}
		decode(t, read("harbor-ha.yaml"), &p.config)
		// yaml takes no ? in a plain scalar inside [ ]: what matches ignores case.
		decode(t, strings.ReplaceAll(golden.ReadOptional(t, filepath.Join(dir, "expect.yaml")), "(?i)", ""), &p.expect)
		all = append(all, p)
	}
	return all
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// TestOracle makes the chart's single node highly available, which has to mean what
// the chart itself makes of the same wish.
func TestOracle(t *testing.T) {
	for _, p := range pairs(t) {
		t.Run(p.name, p.meansTheSame)
	}
}

// TestOracleWithoutUser leaves out the user name of Redis, for which a pair is refused:
// what else it wishes has to come out too.
func TestOracleWithoutUser(t *testing.T) {
	tried := 0
	for _, p := range pairs(t) {
		redis := maps.Clone(p.config["spec"].(map[string]any)["redis"].(map[string]any))
		if redis["username"] == nil || p.expect.Outcome != "refused" {
			continue
		}
		delete(redis, "username")
		p.config = maps.Clone(p.config)
		p.config["spec"] = maps.Clone(p.config["spec"].(map[string]any))
		p.config["spec"].(map[string]any)["redis"] = redis
		p.expect = expectation{Allowed: []allowed{{Line: "want redis://harbor:", Reason: "the chart's own names the user"}}}
		t.Run(p.name, p.meansTheSame)
		tried++
	}
	if tried == 0 {
		t.Error("no pair names a user")
	}
}

func (p pair) meansTheSame(t *testing.T) {
	o := p.run(t, p.single)
	findings := o.Findings.Error()
	warnings := findingsOf(o, framework.Warning)
	if p.expect.Outcome == "refused" {
		if errs := findingsOf(o, framework.Error); !o.Failed() || !matches(p.expect.Says, errs) || string(o.Output) != p.single {
			t.Errorf("it is not refused with %q:\n%s", p.expect.Says, errs)
		}
		return
	}
	if o.Failed() {
		t.Fatalf("it fails:\n%s", findings)
	}
	for _, warning := range p.expect.Warns {
		if !matches(warning, warnings) {
			t.Errorf("nothing warns of %q:\n%s", warning, warnings)
		}
	}
	if again := p.run(t, p.single); string(again.Output) != string(o.Output) {
		t.Errorf("a second run gives something else:\n%s", golden.Diff(t, string(o.Output), string(again.Output)))
	}
	if onOwn := p.run(t, string(o.Output)); string(onOwn.Output) != string(o.Output) {
		t.Errorf("it changes its own output:\n%s", golden.Diff(t, string(o.Output), string(onOwn.Output)))
	}
	p.checkSecrets(t, string(o.Output)+findings)
	p.checkChecksums(t, string(o.Output))
	p.checkValid(t, string(o.Output))
	for _, d := range p.differences(t, string(o.Output)) {
		if !p.allowed(d) {
			t.Error(d)
		}
	}
}

// TestOracleOfAnyServers gives Harbors with and without an external Redis and
// database other ones: what they had before must not show.
func TestOracleOfAnyServers(t *testing.T) {
	all := pairs(t)
	for _, from := range all {
		for _, to := range all {
			p := from
			p.config = maps.Clone(to.config)
			wish := to.config["spec"].(map[string]any)
			p.config["spec"] = map[string]any{"redis": wish["redis"], "database": wish["database"]}
			p.secrets = from.secrets + "\n---\n" + to.secrets
			t.Run(from.name+" as "+to.name, p.ignoresServersBefore)
		}
	}
}

// rightlyRefused is what a Harbor cannot do, and the Secret of the chart's own
// database, which lacks the key.
var rightlyRefused = regexp.MustCompile(`the registry of Harbor \S+ (logs in|speaks no TLS)|Secret harbor-database, which is among the resources, has no key`)

func (p pair) ignoresServersBefore(t *testing.T) {
	internal, external := p.run(t, p.single), p.run(t, p.ha)
	for _, o := range []krm.Outcome{internal, external} {
		if o.Failed() && !rightlyRefused.MatchString(o.Findings.Error()) {
			t.Fatalf("it fails:\n%s", o.Findings.Error())
		}
	}
	if internal.Failed() || external.Failed() {
		return
	}
	p.checkSecrets(t, string(external.Output), "harbor-redis")
	if again := p.run(t, string(external.Output)); string(again.Output) != string(external.Output) {
		t.Errorf("it changes its own output:\n%s", golden.Diff(t, string(external.Output), string(again.Output)))
	}
	p.ha = string(internal.Output)
	for _, d := range p.differences(t, string(external.Output)) {
		if aboutServers.MatchString(d.String()) && !p.allowed(d) {
			t.Error(d)
		}
	}
}

// TestGoldenHarbor2 makes a Harbor of our own highly available, and compares what
// that means with a golden: got is what was before. The password has characters
// that a URL does not take.
func TestGoldenHarbor2(t *testing.T) {
	var p pair
	p.secrets = `{kind: Secret, metadata: {name: harbor-redis}, stringData: {password: "a/b %", url: "a%2Fb%20%25"}}`
	decode(t, `
apiVersion: harbor.krmfn.dev/v1alpha1
kind: HarborHA
metadata: {name: harbor-ha}
spec:
  replicas: {core: 3, jobservice: 3, nginx: 3, portal: 3, registry: 3, trivy: 3}
  cephFS:
    storageClass: cephfs
    volumes: {images: {size: 500Gi}, jobLogs: {claim: job-logs, subPath: harbor}}
  redis:
    sentinels: {master: mymaster, addresses: [s1.example.com:26379, s2.example.com:26379]}
    tls: true
    username: harbor
    password: {secretName: harbor-redis, secretKey: password, urlSecretKey: url}
    databases: {registry: 12}
`, &p.config)
	base := golden.Base2(t)
	o := p.run(t, base)
	if o.Failed() {
		t.Fatalf("it fails:\n%s", o.Findings.Error())
	}
	p.checkSecrets(t, string(o.Output))
	p.ha = string(o.Output)
	var lines strings.Builder
	for _, d := range p.differences(t, base) {
		lines.WriteString(d.String() + "\n")
	}
	golden.Compare(t, "../../testdata/harbor-ha/harbor-2.txt", lines.String())
}

func findingsOf(o krm.Outcome, severity framework.Severity) string {
	var all []string
	for _, f := range o.Findings {
		if f.Severity == severity {
			all = append(all, f.String())
		}
	}
	return strings.Join(all, "\n")
}

func matches(pattern, text string) bool {
	return regexp.MustCompile("(?i)" + pattern).MatchString(text)
}

// run runs harbor-ha with the config of the pair.
func (p pair) run(t *testing.T, manifests string) krm.Outcome {
	t.Helper()
	config, err := yaml.Marshal(p.config)
	if err != nil {
		t.Fatal(err)
	}
	return functions.Catalog.RunFiles("harbor-ha", krm.File{Name: "harbor-ha.yaml", Content: config},
		[]krm.File{{Name: "single.yaml", Content: []byte(manifests)}})
}

// checkValid demands that validate-ha finds no error in a cluster with the Secrets.
func (p pair) checkValid(t *testing.T, output string) {
	t.Helper()
	config := "apiVersion: harbor.krmfn.dev/v1alpha1\nkind: ValidateHA\nmetadata: {name: validate-ha}\n"
	o := functions.Catalog.RunFiles("validate-ha", krm.File{Name: "validate-ha.yaml", Content: []byte(config)},
		[]krm.File{{Name: "ha.yaml", Content: []byte(output)}, {Name: "secrets.yaml", Content: []byte(p.secrets)}})
	if o.Failed() {
		t.Errorf("it is not valid:\n%s", findingsOf(o, framework.Error))
	}
}

// checkChecksums looks at an annotation of the chart that stands for what every
// config changes, and at one that stands for what none does.
func (p pair) checkChecksums(t *testing.T, output string) {
	t.Helper()
	before, after := checksumsOf(t, p.single), checksumsOf(t, output)
	if is := after["core"]; is == "" || is == before["core"] {
		t.Errorf("checksum/configmap of core stays %q", is)
	}
	if is := after["portal"]; is != before["portal"] {
		t.Errorf("checksum/configmap of portal becomes %q", is)
	}
}

// checksumsOf are the annotations checksum/configmap of pods by their component.
func checksumsOf(t *testing.T, text string) map[string]string {
	t.Helper()
	objects, err := krm.Objects([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, obj := range objects {
		template := krm.Path{"spec", "template", "metadata"}
		if component := krm.Text(obj.RNode, template.Append("labels", "component")...); component != "" {
			all[component] = krm.Text(obj.RNode, template.Append("annotations", "checksum/configmap")...)
		}
	}
	return all
}

// checkSecrets looks for the values that only the Secrets of the cluster may hold:
// of the one that is named, or of all.
func (p pair) checkSecrets(t *testing.T, output string, only ...string) {
	t.Helper()
	secrets, err := meaning.Parse(p.secrets)
	if err != nil || len(secrets) == 0 && strings.Contains(p.secrets, "kind:") {
		t.Fatalf("%d Secrets, %v", len(secrets), err)
	}
	for _, secret := range secrets {
		if name := secret["metadata"].(map[string]any)["name"].(string); len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		values, _ := secret["stringData"].(map[string]any)
		for key, value := range values {
			if strings.Contains(output, value.(string)) {
				t.Errorf("the value of %s stands in the output or in a finding", key)
			}
		}
	}
}

func (p pair) allowed(d meaning.Difference) bool {
	return slices.ContainsFunc(p.expect.Allowed, func(a allowed) bool { return matches(a.Line, d.String()) })
}

// differences are those to the chart's own result, in a cluster with the Secrets.
func (p pair) differences(t *testing.T, manifests string) []meaning.Difference {
	t.Helper()
	got, err := meaning.Parse(manifests, p.secrets)
	if err != nil {
		t.Fatal(err)
	}
	want, err := meaning.Parse(p.ha, p.secrets)
	if err != nil {
		t.Fatal(err)
	}
	return meaning.Compare(got, want)
}
