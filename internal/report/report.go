// Package report shows the findings of a validation: as text for people, and as
// JSON, YAML, SARIF 2.1.0 and commands of GitHub Actions for machines. It knows
// no Harbor, and no files but the texts that it is given.
package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/show"
)

// Finding is a result and the line that it is about.
type Finding struct {
	framework.Result `yaml:",inline"`
	// Line of the field, or of the nearest field around it, in the file: from 1,
	// 0 where it is not known.
	Line int `json:"line,omitempty" yaml:"line,omitempty"`
}

// Rule is what the findings with its id in the tag "rule" come from.
type Rule struct {
	ID       string
	Severity framework.Severity
	// What must be so, why, and what to do where it is not: a sentence each.
	What, Why, Help string
}

// Report is the outcome of one validation.
type Report struct {
	Findings []Finding
	Objects  int // how many were validated
	// Unseen are the objects and servers that these need and that are not among them, so
	// that nobody has looked at them. A server has a kind and its host as name.
	Unseen []yaml.ResourceIdentifier

	Rules   []Rule // of the validator, whether they found something or not
	Version string // of this program
	Input   string // the file to name for findings whose file is not known
}

// Style is what people may choose.
type Style struct {
	Color bool // the text is for a terminal
	Infos bool // text and GitHub show info findings too
}

var formats = map[string]func(Report, Style) ([]byte, error){
	"text":   text,
	"json":   toJSON,
	"yaml":   toYAML,
	"sarif":  sarif,
	"github": github,
}

// CheckFormat returns an error that names the known formats if this one is not
// among them.
func CheckFormat(format string) error {
	if formats[format] == nil {
		return fmt.Errorf("format %q is not known, known are %s", format, strings.Join(slices.Sorted(maps.Keys(formats)), ", "))
	}
	return nil
}

// Write writes the report in the format: text, json, yaml, sarif or github. The
// order of the findings does not matter: they are sorted by file, object,
// severity and rule.
func (r Report) Write(w io.Writer, format string, style Style) error {
	if err := CheckFormat(format); err != nil {
		return err
	}
	r.Findings = slices.Clone(r.Findings)
	slices.SortStableFunc(r.Findings, compare)
	out, err := formats[format](r, style)
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

func compare(a, b Finding) int {
	refA, refB := a.ref(), b.ref()
	return cmp.Or(
		cmp.Compare(a.path(), b.path()),
		cmp.Compare(refA.Kind, refB.Kind),
		cmp.Compare(refA.Namespace, refB.Namespace),
		cmp.Compare(refA.Name, refB.Name),
		cmp.Compare(refA.APIVersion, refB.APIVersion),
		cmp.Compare(rank(a.Severity), rank(b.Severity)),
		cmp.Compare(a.rule(), b.rule()),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.field(), b.field()),
		cmp.Compare(a.Message, b.Message),
	)
}

// rank is the place of a severity among errors, warnings and all others.
func rank(s framework.Severity) int {
	switch s {
	case framework.Error:
		return 0
	case framework.Warning:
		return 1
	}
	return 2
}

func (f Finding) rule() string { return f.Tags["rule"] }

func (f Finding) path() string {
	if f.File == nil {
		return ""
	}
	return f.File.Path
}

func (f Finding) field() string {
	if f.Field == nil {
		return ""
	}
	return f.Field.Path
}

func (f Finding) ref() yaml.ResourceIdentifier {
	if f.ResourceRef == nil {
		return yaml.ResourceIdentifier{}
	}
	return *f.ResourceRef
}

// object names the object for people: ConfigMap harbor/ui, "" where there is
// none.
func (f Finding) object() string { return strings.TrimSpace(f.ref().Kind + " " + f.name()) }

// name is the object without its kind: harbor/ui.
func (f Finding) name() string {
	if ref := f.ref(); ref.Namespace != "" {
		return ref.Namespace + "/" + ref.Name
	}
	return f.ref().Name
}

// counts is how many there are of what.
type counts struct {
	Objects  int `json:"objects" yaml:"objects"`
	Errors   int `json:"errors" yaml:"errors"`
	Warnings int `json:"warnings" yaml:"warnings"`
	Infos    int `json:"infos" yaml:"infos"`
}

func (r Report) counts() counts {
	c := counts{Objects: r.Objects}
	for _, f := range r.Findings {
		switch rank(f.Severity) {
		case 0:
			c.Errors++
		case 1:
			c.Warnings++
		default:
			c.Infos++
		}
	}
	return c
}

// summary is one line: 3 errors, 2 warnings in 24 objects.
func (r Report) summary(style Style) string {
	c := r.counts()
	s := number(c.Errors, "error") + ", " + number(c.Warnings, "warning")
	if c.Infos > 0 {
		s += ", " + number(c.Infos, "info")
		if !style.Infos {
			s += " (--verbose shows them)"
		}
	}
	return s + " in " + number(c.Objects, "object") + r.unseen()
}

// unseen is a sentence about what was not looked at, "" where there is nothing to say.
func (r Report) unseen() string {
	var kinds []string
	named := map[string][]string{}
	for _, u := range r.Unseen {
		if named[u.Kind] == nil {
			kinds = append(kinds, u.Kind)
		}
		if !slices.Contains(named[u.Kind], u.Name) {
			named[u.Kind] = append(named[u.Kind], show.Line(u.Name))
		}
	}
	slices.SortStableFunc(kinds, func(a, b string) int { return cmp.Compare(len(named[b]), len(named[a])) })
	if len(kinds) == 0 {
		return ""
	}
	var parts []string
	for _, kind := range kinds {
		parts = append(parts, kind+" "+strings.Join(named[kind], ", "))
	}
	return "\nnot among them, and so not looked at: " + strings.Join(parts, "; ")
}

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// shown are the findings for people.
func (r Report) shown(style Style) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool {
		return rank(f.Severity) == rank(framework.Info) && !style.Infos
	})
}
