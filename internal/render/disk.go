package render

import (
	"errors"
	"io/fs"
	"os"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"krmfn.dev/harbor/internal/bounded"
)

// regularFiles is a file system whose files end: a named pipe would keep
// kustomize waiting, a device fill the memory. It keeps the first refusal, which
// kustomize does not always report: it goes on looking for a kustomization under
// another name.
type regularFiles struct {
	filesys.FileSystem
	refusal error
}

func (f *regularFiles) ReadFile(path string) ([]byte, error) {
	content, err := bounded.ReadRegular(path)
	isPath := errors.Is(err, fs.ErrNotExist) || f.IsDir(path) // kustomize tries all it is given as a file
	if err != nil && f.refusal == nil && !isPath {
		f.refusal = err
	}
	return content, err
}

func (f *regularFiles) Open(path string) (filesys.File, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = bounded.CheckRegular(info.Mode())
	}
	if err != nil {
		return nil, err
	}
	return f.FileSystem.Open(path)
}
