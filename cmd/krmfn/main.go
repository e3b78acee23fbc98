// Command krmfn is a set of KRM functions for Harbor: as the program of a
// container image or an executable it reads a ResourceList on stdin and writes
// one to stdout; for people it has the commands that krmfn help lists.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are what a command reads and writes. stdout carries nothing but the
// result, stderr what there is to say about it.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// terminal returns the file descriptor of a stream that is a terminal, and whether
// it is one.
func terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// errFindings ends a command whose error findings are printed already.
var errFindings = errors.New("there are error findings")

// run returns the exit status: 0, 1 for every failure, 2 where validate could
// not say anything.
func run(args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	switch err := root.Execute(); {
	case err == nil:
		return 0
	case errors.As(err, &notRun{}):
		fmt.Fprintf(s.err, "krmfn: %v\n", err)
		return 2
	case !errors.Is(err, errFindings):
		fmt.Fprintf(s.err, "krmfn: %v\n", err)
	}
	return 1
}
