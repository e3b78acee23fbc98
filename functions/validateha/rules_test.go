package validateha_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/golden"
)

// TestRules checks that each rule says what it should, in a sentence each, and
// that the tests know a mistake of its severity.
func TestRules(t *testing.T) {
	var ids []string
	sentence := regexp.MustCompile(`^[A-Z][^\n]*[^.]\.$`)
	all := slices.Concat(mutations, mutations2)
	for _, r := range validateha.Rules {
		ids = append(ids, r.ID)
		for _, text := range []string{r.What, r.Why, r.Do} {
			if !sentence.MatchString(text) {
				t.Errorf("%s: %q is no sentence", r.ID, text)
			}
		}
		gravest := framework.Warning
		for _, m := range all {
			if m.rule == r.ID && m.severity == framework.Error {
				gravest = framework.Error
			}
		}
		if !slices.ContainsFunc(all, func(m mutation) bool { return m.rule == r.ID }) || gravest != r.Severity {
			t.Errorf("%s is of severity %s, the gravest mistake that it finds in the tests %s", r.ID, r.Severity, gravest)
		}
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("the rules are not in order: %v", ids)
	}
}

// TestGoldenDocument derives docs/rules.md.
func TestGoldenDocument(t *testing.T) {
	var b strings.Builder
	b.WriteString(strings.Replace(introduction, "EXAMPLE", golden.Read(t, "../../testdata/validate-ha/example/config.yaml"), 1))
	b.WriteString("| rule | Harbor | severity | what must be so |\n|---|---|---|---|\n")
	for _, r := range validateha.Rules {
		var releases []string
		for _, g := range r.Of {
			releases = append(releases, g.String())
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", r.ID, strings.ToLower(r.ID), cmp.Or(strings.Join(releases, ", "), "all"), r.Severity, r.What)
	}
	for _, r := range validateha.Rules {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nWhy: %s\n\nWhat to do: %s\n", r.ID, r.What, r.Why, r.Do)
	}
	b.WriteString(found)
	columns := []struct{ name, heading string }{
		{"base", "base"}, {"harbor-1.2-article-1.7", "article, Kubernetes 1.7"}, {"harbor-1.2-article", "article, today"},
		{"secrets-in-configmaps", "highly available, secrets in ConfigMaps"}, {"harbor-1.2-ha", "harbor-1.2-ha"},
	}
	b.WriteString("| rule |")
	for _, c := range columns {
		b.WriteString(" " + c.heading + " |")
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(columns)) + "|\n")
	for _, r := range validateha.Rules {
		fmt.Fprintf(&b, "| %s |", r.ID)
		for _, c := range columns {
			lines := strings.Split(golden.Read(t, "../../testdata/validate-ha/"+c.name+".txt"), "\n")
			b.WriteString(" " + count(lines, r.ID) + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString(remedies(t))
	golden.Compare(t, "../../docs/rules.md", b.String())
}

// count says how many findings of a rule there are: 2 errors, 1 warning.
func count(lines []string, rule string) string {
	var parts []string
	for _, severity := range []string{"error", "warning", "info"} {
		switch n := len(startingWith(lines, severity+" "+rule+" ")); {
		case n == 1:
			parts = append(parts, "1 "+severity)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, severity))
		}
	}
	return strings.Join(parts, ", ")
}

// note is a part of a finding: some say several things about an object.
type note struct {
	rule     string
	severity framework.Severity
	text     string // without the names of keys and of other objects
	object   string
	subject  string // what it is about: a finding in other words is not set right
}

// notes takes findings apart.
func notes(findings framework.Results) []note {
	var all []note
	for _, f := range findings {
		message := section.ReplaceAllString(f.Message, "")
		parts := []string{message}
		if id := f.Tags["rule"]; id == "L09" || id == "L15" {
			parts = strings.Split(message, "; ")
		}
		for _, p := range parts {
			for _, n := range names {
				p = n.pattern.ReplaceAllString(p, n.by)
			}
			n := note{rule: f.Tags["rule"], severity: f.Severity, text: p, object: f.ResourceRef.Kind + " " + f.ResourceRef.Name}
			switch {
			case n.rule == "L11":
				n.subject = n.rule // the adminserver
			case len(parts) > 1 || f.Field == nil:
				n.subject = n.rule + n.object + n.text
			default:
				n.subject = n.rule + n.object + f.Field.Path
			}
			all = append(all, n)
		}
	}
	return all
}

// names are the parts of messages that differ between objects.
var names = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`shows .* to everybody`), "shows secrets to everybody"},
	{regexp.MustCompile(`replaced in .* \(`), "replaced ("},
	{regexp.MustCompile(`bound to PersistentVolume [a-z-]+`), "bound to its PersistentVolume"},
}

// about says whether there is a note of the same subject.
func about(all []note, n note) bool {
	return slices.ContainsFunc(all, func(other note) bool { return other.subject == n.subject })
}

// remedies says of each finding in the base which function sets it right, and
// whether the article did, by running one after the other; and what the article
// brings with its replicas.
func remedies(t *testing.T) string {
	t.Helper()
	before := notes(parse(t, golden.Base(t)).findings(today))
	inArticle := notes(parse(t, article(t)).findings("1.7"))
	fixed := map[note]string{}
	manifests := golden.Base(t)
	for _, function := range []string{"set-replicas", "use-cephfs", "fix-registry-mount", "inject-redis", "use-external-database", "expose-node-port", "set-endpoint", "move-secrets"} {
		manifests = mustRun(t, function, golden.Read(t, "../../overlays/harbor-1.2-ha-stepwise/functions/"+function+".yaml"), manifests)
		left := notes(parse(t, manifests).findings(today))
		for _, n := range before {
			if fixed[n] == "" && !about(left, n) {
				fixed[n] = function
			}
		}
	}
	after := notes(parse(t, manifests).findings(today))
	var b strings.Builder
	b.WriteString(byFunction)
	table(&b, before, func(n note) string {
		did := "yes"
		// Our overlay of the article also gives claims a class and pins the command.
		ours := n.rule == "L14" && fixed[n] == "use-cephfs" || strings.HasPrefix(n.text, "has a tag")
		if about(inArticle, n) || ours {
			did = "no"
		}
		return cmp.Or(fixed[n], "nothing") + " | " + did
	})
	b.WriteString(brought)
	table(&b, without(inArticle, before), func(n note) string {
		if slices.Contains(after, n) {
			return "stays"
		}
		return "gone"
	})
	b.WriteString(explanation)
	return b.String()
}

// table puts notes that say the same of several objects into one line.
func table(b *strings.Builder, all []note, say func(note) string) {
	var lines []string
	objects := map[string][]string{}
	for _, n := range all {
		line := fmt.Sprintf("| %s | %s | %s | %%s | %s |\n", n.rule, n.severity, n.text, say(n))
		if objects[line] == nil {
			lines = append(lines, line)
		}
		object := n.object
		if kind, name, _ := strings.Cut(object, " "); len(objects[line]) > 0 && strings.HasPrefix(objects[line][0], kind+" ") {
			object = name
		}
		objects[line] = append(objects[line], object)
	}
	for _, l := range lines {
		fmt.Fprintf(b, l, strings.Join(objects[l], ", "))
	}
}

const introduction = `# The rules of validate-ha

What [validate-ha](../functions/validateha/README.md) looks at. ` + "`krmfn rules`" + ` lists it too.

An error is something that does not work or loses data. A warning is something that works until a node fails or somebody looks.
What the manifests do not show, a Secret that is named and not contained or a StorageClass, is an info that says what to check: give it along with ` + "`krmfn validate --with FILE`" + `.

A finding carries the number of its rule as the tag ` + "`rule`" + `. A rule that does not matter for you is ignored with a reason:

` + "```yaml" + `
EXAMPLE` + "```" + `

L01 to L15, L19 and L20 are what Harbor needs to be highly available; L16 to L18 are what these rest on, that names and addresses lead somewhere and no part is missing.
A finding that a section of HarborHA sets right ends with what to write there.
Numbers with N are those of Harbor 2.x alone.
The severity is that of the gravest finding of the rule.

`

const found = `
# What they find

The single-node manifests of ` + "`base/harbor-1.2`" + `, the end of [the article of 2017](https://tonybai.com/2017/12/08/deploy-high-availability-harbor-on-kubernetes-cluster/), and what this project makes of them:

`

const byFunction = `
The findings themselves stand in ` + "`testdata/validate-ha`" + `.

Each finding of the base, the function that sets it right in harbor-1.2-ha (a section of harbor-ha runs the same one), and whether the article did:

| rule | severity | finding | where | set right by | article |
|---|---|---|---|---|---|
`

const brought = `
What the article brings with its replicas, and whether it is gone in harbor-1.2-ha:

| rule | severity | finding | where | harbor-1.2-ha |
|---|---|---|---|---|
`

const explanation = `
So the article sets right the registry's config mount (L01), folders of a node instead of shared volumes (L04), the database on one node (L12), the address (L13) and one replica of everything (L15). With three uis it also needs, and has, sessions in Redis: L07 finds nothing.

It misses that http.secret, which protects uploads, is a word that everybody knows (L05); that each registry has a cache of its own (L06); that the jobservice lacks the file of SECRET_KEY, so that no replication to a registry with a password works, and that all secrets stand in ConfigMaps (L09); that three adminservers each have settings of their own, which only RESET keeps equal, so that a change in the portal reaches one of them (L11); that its claims, which are the base's, are never bound where the cluster has a default StorageClass (L14; the overlay of the article sets this right); that ReplicationControllers do not roll out changes, and nothing keeps the replicas off one node (L15).

It passes on Kubernetes 1.7, for which it was written, and fails today: CephFS as a volume plugin is gone since 1.31 (L04).

Of what stays in harbor-1.2-ha nothing is an error. A cache in Redis (L06), one adminserver with a volume (L11), Deployments with probes, spread and budgets (L15) are for your own overlay: the functions do not choose them for you.
`
