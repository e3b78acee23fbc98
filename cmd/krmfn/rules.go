package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/report"
)

// newRules is the command that lists what validate-ha looks at.
func newRules(s streams) *cobra.Command {
	return &cobra.Command{
		Use:     "rules",
		Short:   "List what validate looks at",
		GroupID: "commands",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
			fmt.Fprintln(w, "RULE\tSEVERITY\tWHAT HAS TO BE SO")
			for _, r := range rules() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", r.ID, r.Severity, r.What)
			}
			return w.Flush()
		},
	}
}

// rules are those of validate-ha.
func rules() []report.Rule {
	var all []report.Rule
	for _, r := range validateha.Rules {
		all = append(all, report.Rule{ID: r.ID, Severity: r.Severity, What: r.What, Why: r.Why, Help: r.Do})
	}
	return all
}
