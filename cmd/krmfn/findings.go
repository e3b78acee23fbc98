package main

import (
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

// printFindings writes one line for each finding below a line that names the
// function and its config. kustomize shows its users nothing but this, and not
// which function it comes from (kustomize#4398). Info findings are printed when
// asked for only. Nothing to say is nothing printed.
func printFindings(w io.Writer, o krm.Outcome, verbose bool) {
	var lines []string
	for _, r := range o.Findings {
		if r.Severity != framework.Info || verbose {
			lines = append(lines, "  "+line(r, o.Config)+"\n")
		}
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
	fmt.Fprintf(w, "%s:\n%s", heading, strings.Join(lines, ""))
}

// line is severity, object, field and message of a finding. The function config
// stands in the heading already.
func line(r *framework.Result, config string) string {
	var where []string
	if ref := r.ResourceRef; ref != nil {
		name := ref.Name
		if ref.Namespace != "" {
			name = ref.Namespace + "/" + name
		}
		if object := ref.Kind + " " + name; object != config {
			where = append(where, object)
		}
	}
	if r.Field != nil {
		where = append(where, r.Field.Path)
	}
	if r.File != nil {
		where = append(where, "("+r.File.Path+")")
	}
	message := strings.ReplaceAll(r.Message, "\n", " ")
	if len(where) == 0 {
		return fmt.Sprintf("%s: %s", r.Severity, message)
	}
	return fmt.Sprintf("%s: %s: %s", r.Severity, strings.Join(where, " "), message)
}
