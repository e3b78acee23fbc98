package main

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

// printFindings prints a heading with the function and its config, and below it
// one line for each finding, errors first; errors and warnings that say the same
// about several objects share a line. This is all that kustomize shows its users,
// without the name of the function (kustomize#4398). Notices are printed always,
// other info findings only if verbose is set; without findings nothing is printed.
func (s streams) printFindings(o krm.Outcome, verbose bool) {
	lines := linesOf(o.Findings, o.Config)
	if !verbose {
		lines = slices.DeleteFunc(lines, func(l line) bool { return l.severity == framework.Info })
	}
	if len(lines) == 0 {
		return
	}
	heading := "krmfn"
	if o.Function != "" {
		heading += " " + o.Function
	}
	if o.Config != "" {
		heading += " (" + o.Config + ")"
	}
	s.say("%s:", heading)
	for _, severity := range []framework.Severity{framework.Error, framework.Warning, notice, framework.Info} {
		for _, l := range lines {
			if l.severity == severity {
				s.say("  %s", l)
			}
		}
	}
}

// notice stands for the severity of a notice, whose message says it all.
const notice framework.Severity = "notice"

// line is what is printed of findings that differ in the object only.
type line struct {
	severity             framework.Severity
	kind, field, message string
	objects              []string
	files                []string // of the objects, "" where there is none
}

// linesOf turns findings into lines. The function config is not named again: the
// heading names it.
func linesOf(findings framework.Results, config string) []line {
	var lines []line
	for _, r := range findings {
		if krm.IsNotice(r) {
			lines = append(lines, line{severity: notice, message: r.Message})
			continue
		}
		l := line{severity: r.Severity, message: r.Message}
		if rule := r.Tags["rule"]; rule != "" {
			l.message += " [" + rule + "]" // by which it can be looked up, and ignored
		}
		if r.Field != nil {
			l.field = r.Field.Path
		}
		object, file := "", ""
		if ref := r.ResourceRef; ref != nil && strings.TrimSpace(ref.Kind+" "+ref.Name) != config {
			l.kind, object = ref.Kind, ref.Name
			if ref.Namespace != "" {
				object = ref.Namespace + "/" + object
			}
		}
		if r.File != nil {
			file = r.File.Path
		}
		i := slices.IndexFunc(lines, l.saysTheSame)
		if i < 0 {
			i, lines = len(lines), append(lines, l)
		}
		lines[i].add(object, file)
	}
	return lines
}

// saysTheSame is false for infos: each of them is an edit.
func (l line) saysTheSame(other line) bool {
	return l.severity != framework.Info && l.severity == other.severity &&
		l.kind == other.kind && l.field == other.field && l.message == other.message
}

// add adds an object, once.
func (l *line) add(object, file string) {
	for i := range l.objects {
		if l.objects[i] == object && l.files[i] == file {
			return
		}
	}
	l.objects, l.files = append(l.objects, object), append(l.files, file)
}

// String is severity, objects, field and message.
func (l line) String() string {
	var where []string
	for _, part := range []string{l.kind, l.places(), l.field} {
		if part != "" {
			where = append(where, part)
		}
	}
	if len(where) == 0 {
		return fmt.Sprintf("%s: %s", l.severity, l.message)
	}
	return fmt.Sprintf("%s: %s: %s", l.severity, strings.Join(where, " "), l.message)
}

// places names the objects and, in brackets after them, their files: a file of
// several objects after the last of them.
func (l line) places() string {
	var all []string
	for i, object := range l.objects {
		last := i == len(l.objects)-1 || l.files[i+1] != l.files[i]
		if last && l.files[i] != "" {
			object = strings.TrimSpace(object + " (" + l.files[i] + ")")
		}
		if object != "" {
			all = append(all, object)
		}
	}
	return strings.Join(all, ", ")
}
