package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/term"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/show"
)

// streams are what a command reads and writes: the result goes to stdout, and
// everything said about it to stderr.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// say prints a line for people on stderr. Nothing else prints there, because what
// is printed may come from manifests that others have written.
func (s streams) say(format string, args ...any) { fmt.Fprintln(s.err, printable(format, args...)) }

// printable is a line for people: with nothing in it that a terminal or GitHub Actions
// would obey, and without passwords in URLs and in what YAML readers quote.
func printable(format string, args ...any) string {
	return show.Line(krm.WithoutUserinfo(krm.WithoutText(fmt.Sprintf(format, args...))))
}

// stdout is standard output. It keeps the first error, so that no command ends well that
// could not write all it had to.
type stdout struct {
	io.Writer
	failed error
}

func (o *stdout) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err == nil {
		return n, nil
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if o.failed == nil {
		o.failed = fmt.Errorf("writing stdout: %w", err)
	}
	return n, o.failed
}

// terminal returns the file descriptor of a stream that is a terminal, and whether
// it is one.
func terminal(stream any) (fd int, ok bool) {
	if out, wrapped := stream.(*stdout); wrapped {
		stream = out.Writer
	}
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// colored says whether the output is for eyes: see no-color.org.
func colored(out io.Writer, env func(string) string) bool {
	_, ok := terminal(out)
	return ok && env("NO_COLOR") == "" && env("TERM") != "dumb"
}
