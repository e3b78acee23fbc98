// Command krmfn is a set of KRM functions for Harbor: as the program of a
// container image or an executable it reads a ResourceList on stdin and writes
// one to stdout; for people it has the commands that krmfn help lists.
package main

import (
	"errors"
	"os"

	"krmfn.dev/harbor/internal/krm"
)

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// errFindings ends a command whose error findings are printed already.
var errFindings = errors.New("there are error findings")

// exitError is an error with an exit status of its own.
type exitError struct {
	status int
	error
}

func (e exitError) Unwrap() error { return e.error }

// run returns the exit status: 0, 1 for every failure, 2 where validate could
// not say anything.
func run(args []string, s streams) int {
	out := &stdout{Writer: s.out}
	s.out = out
	root := newRoot(s)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		err = out.failed // help and the like look at no errors
	}
	if err == nil {
		return 0
	}
	exit := exitError{1, err}
	errors.As(err, &exit)
	if !errors.Is(err, errFindings) {
		for _, single := range krm.Split(exit.error) {
			s.say("krmfn: %v", single)
		}
	}
	return exit.status
}
