package bounded

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// endless is a device without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestLimit(t *testing.T) {
	exact, err := ReadAll(io.LimitReader(endless{}, Limit), "x")
	if err != nil || len(exact) != Limit {
		t.Errorf("%d bytes, %v", len(exact), err)
	}
	if _, err := ReadAll(endless{}, "x"); !errors.Is(err, ErrTooLarge) || err.Error() != "reading x: is larger than the limit of 64 MiB" {
		t.Errorf("error %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	pipe(t, "pipe.yaml")
	if err := os.WriteFile("text", []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("text", "link"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"none":        "reading none: no such file or directory",
		".":           "reading .: is a directory, want a regular file",
		"pipe.yaml":   "reading pipe.yaml: is a named pipe, want a regular file",
		os.DevNull:    "reading /dev/null: is a device, want a regular file",
		"text":        "",
		"link":        "",
		"text/within": "reading text/within: not a directory",
	} {
		content, err := ReadRegular(path)
		if want == "" {
			if string(content) != "text" || err != nil {
				t.Errorf("%s: %q, %v", path, content, err)
			}
		} else if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	if _, err := Read("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := Read("."); err == nil || err.Error() != "reading .: is a directory, want a regular file" {
		t.Errorf("error %v", err)
	}
}

// TestNamedPipe: one that a person names is read.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	pipe(t, path)
	go func() {
		if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
			t.Error(err)
		}
	}()
	if content, err := Read(path); string(content) != "text" || err != nil {
		t.Errorf("%q, %v", content, err)
	}
}

func TestCheckRegular(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		0o644:                             "",
		fs.ModeDir:                        "a directory",
		fs.ModeNamedPipe:                  "a named pipe",
		fs.ModeSocket:                     "a socket",
		fs.ModeDevice | fs.ModeCharDevice: "a device",
	} {
		err := CheckRegular(mode)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", mode, err, want)
		}
	}
}

func pipe(t *testing.T, path string) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
