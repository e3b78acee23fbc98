package harbor

import (
	"path"
	"slices"
)

// files looks at the files that ConfigMaps and Secrets bring.
func (f *secretFinder) files(h *Harbor) {
	for _, d := range f.delivered {
		if use, place, ok := f.fileUse(h, []string{d.Path}, path.Base(d.Name), d.Value.Source.Key); ok {
			f.add(SecretValue{SecretUse: use, Place: place, Value: d.Value, Read: place.File != ""})
		}
	}
}

// SecretFiles returns a function that says which secret a file of a volume is, if
// any: by the paths where the component sees it, its name in the volume, and the
// key that it comes from.
func (h *Harbor) SecretFiles(c Component) func(paths []string, name, key string) (SecretUse, bool) {
	f := h.finder(c)
	return func(paths []string, name, key string) (SecretUse, bool) {
		use, _, ok := f.fileUse(h, paths, name, key)
		return use, ok
	}
}

// fileUse is the secret that a file is: because the program reads the path, or the
// file is called like one that it reads, or the key that it comes from is called
// like a secret variable.
func (f *secretFinder) fileUse(h *Harbor, paths []string, name, key string) (SecretUse, Place, bool) {
	for _, use := range h.Secrets {
		for _, s := range use.Settings {
			for _, p := range s.Places {
				if s.Of == f.Name() && (p.isFile() && f.is(h, p, paths, name)) {
					return use, p, true
				}
			}
		}
	}
	use, ok := h.SecretVariable(key)
	return use, Place{}, ok
}

// is says whether a file is the one of the place.
func (f *secretFinder) is(h *Harbor, p Place, paths []string, name string) bool {
	called := func(file string) bool { return path.Base(file) == p.File }
	return p.isWhole() && (called(name) || slices.ContainsFunc(paths, called)) || slices.Contains(paths, f.pathOf(h, p))
}

// pathOf is the path of the file that a place is, "" when it is not known.
func (f *secretFinder) pathOf(h *Harbor, p Place) string {
	if p.Names && f.config != nil {
		return path.Clean(f.config.Get(words(p.Field)...).Text)
	}
	for _, file := range h.Files {
		if file.Of != f.Name() || file.Name != p.File {
			continue
		}
		if v := f.Setting(f.env, file.Variable); file.Variable != "" && v.Known && v.Text != "" {
			return path.Clean(v.Text)
		}
		return file.Path
	}
	return ""
}

// PathVariable is the variable that says where the component looks for a file.
func (c Component) PathVariable(file string) (string, bool) {
	for _, f := range c.Harbor.Files {
		if f.Of == c.Name() && f.Name == file && f.Variable != "" {
			return f.Variable, true
		}
	}
	return "", false
}
