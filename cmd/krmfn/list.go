package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"krmfn.dev/harbor/functions"
)

// newList is the command that lists the functions.
func newList(s streams) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the functions and the kinds of their configs",
		GroupID: "commands",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
			fmt.Fprintln(w, "FUNCTION\tKIND\tWHAT IT DOES")
			for _, f := range functions.Catalog.Functions {
				fmt.Fprintf(w, "%s\t%s\t%s\n", f.Name, f.Kind(), f.Summary())
			}
			return w.Flush()
		},
	}
}
