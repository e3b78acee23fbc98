// Package bounded reads files, and streams, that others have written: at most
// Limit bytes of each, so that a device or a pipe without an end does not fill
// the memory.
package bounded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Limit is how many bytes one file or stream may hold. All manifests of a large
// Harbor are less than one hundredth of it.
const Limit = 64 << 20

// ErrTooLarge is about an input of more than Limit bytes.
var ErrTooLarge = fmt.Errorf("is larger than the limit of %d MiB", Limit>>20)

// Read reads a file that a person has named. It may be a pipe or a device, as in
//
//	krmfn validate /dev/stdin <(helm template harbor)
//
// The error names the path.
func Read(path string) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ReadAll(file, path)
}

// Open opens a file that a person has named, for what can read it bit by bit. The
// error names the path.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = CheckRegular(info.Mode())
	}
	if err != nil {
		return nil, failed(path, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, failed(path, err)
	}
	return file, nil
}

// ReadRegular reads a file that is named by another file, or found in a folder.
// A pipe, over which nobody may ever write, is refused, and so is a device. The
// error names the path.
func ReadRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = CheckRegular(info.Mode())
	}
	if err != nil {
		return nil, failed(path, err)
	}
	return Read(path)
}

// CheckRegular returns an error about a mode that is not of a regular file.
func CheckRegular(mode fs.FileMode) error {
	what := "a device"
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	}
	return fmt.Errorf("is %s, want a regular file", what)
}

// ReadAll reads a stream to its end. The error begins with its name.
func ReadAll(r io.Reader, name string) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, Limit+1))
	if err == nil && len(content) > Limit {
		err = ErrTooLarge
	}
	if err != nil {
		return nil, failed(name, err)
	}
	return content, nil
}

// failed names the path once: the errors of package os begin with what was done,
// and name it too.
func failed(path string, err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	return fmt.Errorf("reading %s: %w", path, err)
}
