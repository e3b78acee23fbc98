package validateha_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/functions/validateha"
)

// TestRules checks that each rule says what it should, in a sentence each, and
// that the tests know a mistake of its severity.
func TestRules(t *testing.T) {
	var ids []string
	sentence := regexp.MustCompile(`^[A-Z][^\n]*[^.]\.$`)
	for _, r := range validateha.Rules {
		ids = append(ids, r.ID)
		for _, text := range []string{r.What, r.Why, r.Do} {
			if !sentence.MatchString(text) {
				t.Errorf("%s: %q is no sentence", r.ID, text)
			}
		}
		gravest := framework.Warning
		for _, m := range mutations {
			if m.rule == r.ID && m.severity == framework.Error {
				gravest = framework.Error
			}
		}
		if !slices.ContainsFunc(mutations, func(m mutation) bool { return m.rule == r.ID }) || gravest != r.Severity {
			t.Errorf("%s is of severity %s, the gravest mistake that it finds in the tests %s", r.ID, r.Severity, gravest)
		}
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("the rules are not in order: %v", ids)
	}
}

// TestDocument derives docs/rules.md.
func TestDocument(t *testing.T) {
	var b strings.Builder
	b.WriteString(strings.Replace(introduction, "EXAMPLE", read(t, "../../testdata/validate-ha/example/config.yaml"), 1))
	b.WriteString("| rule | severity | what must be so |\n|---|---|---|\n")
	for _, r := range validateha.Rules {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, strings.ToLower(r.ID), r.Severity, r.What)
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
			lines := strings.Split(read(t, "../../testdata/validate-ha/"+c.name+".txt"), "\n")
			b.WriteString(" " + count(lines, r.ID) + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString(explanation)
	compareGolden(t, "../../docs/rules.md", b.String())
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

const introduction = `# The rules of validate-ha

What [validate-ha](../functions/validateha/README.md) looks at. ` + "`krmfn rules`" + ` lists it too.

An error is something that does not work or loses data. A warning is something that works until a node fails or somebody looks.
What the manifests do not show, a Secret that is named and not contained or a StorageClass, is an info that says what to check: give it along with ` + "`krmfn validate --with FILE`" + `.

A finding carries the number of its rule as the tag ` + "`rule`" + `. A rule that does not matter for you is ignored with a reason:

` + "```yaml" + `
EXAMPLE` + "```" + `

L04, L13, L14, L15 and L16 are for Harbor 1.x and 2.x, the others for Harbor 1.x.
The severity is that of the gravest finding of the rule.

`

const found = `
# What they find

The single-node manifests of ` + "`base/harbor-1.2`" + `, the end of [the article of 2017](https://tonybai.com/2017/12/08/deploy-high-availability-harbor-on-kubernetes-cluster/), and what this project makes of them:

`

const explanation = `
The findings themselves stand in ` + "`testdata/validate-ha`" + `.

What the article fixes of the base: the registry's config mount (L01), folders of a node instead of shared volumes (L04), the database on one node (L12), the address (L13), one replica of everything (L15). With three uis it also needs, and has, sessions in Redis: L07 finds nothing.

What it misses: http.secret, which protects uploads, is a word that everybody knows (L05); each registry has a cache of its own (L06); the jobservice lacks the file of SECRET_KEY, so that no replication to a registry with a password works, and all secrets stand in ConfigMaps (L09); three adminservers each have settings of their own, which only RESET keeps equal, so that a change in the portal reaches one of them (L11); where the cluster has a default StorageClass its claims, as the base's, are never bound (L14, which the overlay of the article sets right); its ReplicationControllers do not roll out changes, and nothing keeps the replicas off one node (L15).

It passes on Kubernetes 1.7, for which it was written, and fails today: CephFS as a volume plugin is gone since 1.31 (L04).
`
