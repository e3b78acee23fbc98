package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/bounded"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/render"
	"krmfn.dev/harbor/internal/report"
	"krmfn.dev/harbor/internal/show"
)

// read reads a file that an argument names, or standard input for -.
func read(s streams, path string) (krm.File, error) {
	file := krm.File{Name: path}
	var err error
	if path == krm.Stdin {
		file.Content, err = bounded.ReadAll(s.in, file.String())
	} else {
		file.Content, err = bounded.Read(path)
	}
	return file, err
}

// readManifests reads a file of manifests, or standard input for -. Of a directory
// the error says what to write in its place.
func readManifests(s streams, path string) (krm.File, error) {
	file, err := read(s, path)
	if info, statErr := os.Stat(path); err == nil || statErr != nil || !info.IsDir() {
		return file, err
	}
	if render.KustomizationIn(path) != "" {
		return file, fmt.Errorf("%w: it holds a kustomization, write - and pipe krmfn render %s into it", err, path)
	}
	return file, fmt.Errorf("%w: for the files in it write %s", err, filepath.Join(path, "*.yaml"))
}

// source is one argument of validate, or one file of a directory, and what it
// holds.
type source struct {
	krm.File
	dir     string // of the kustomization that was built; "" for a file
	objects report.Places
}

func files(inputs []source) []krm.File {
	var all []krm.File
	for _, in := range inputs {
		all = append(all, in.File)
	}
	return all
}

// standsFor returns the file to name for findings that have none.
func (in source) standsFor() string {
	switch {
	case in.dir != "":
		return render.KustomizationIn(in.dir)
	case in.Name == krm.Stdin:
		return "stdin"
	}
	return in.Name
}

// located is the source as a Locator wants it. An object of a kustomization is
// looked for in the file that kustomize names as its origin, otherwise in the
// files of the resources; failing that, the finding is about the kustomization.
func (in source) located() report.Input {
	located := report.Input{Name: in.Name, Objects: in.objects}
	if in.dir != "" {
		located.Origins = func(built report.Place) []string {
			if path := render.Origin(built.Annotation("config.kubernetes.io/origin")); path != "" {
				return []string{filepath.Join(in.dir, path)}
			}
			return append(render.Files(in.dir), render.KustomizationIn(in.dir))
		}
	}
	return located
}

// readAll reads the arguments and the files of --with.
func (v *validation) readAll(args []string) ([]source, error) {
	if len(args) == 0 {
		if _, ok := terminal(v.in); ok {
			return nil, errors.New("give a directory or files, or pipe manifests into it: krmfn validate --help")
		}
		args = []string{krm.Stdin}
	}
	var all []source
	for _, path := range slices.Concat(args, v.with) {
		inputs, err := v.open(path)
		if err != nil {
			return nil, err
		}
		all = append(all, inputs...)
	}
	return all, nil
}

// open reads one argument: several files if it is a plain directory.
func (v *validation) open(path string) ([]source, error) {
	info, err := os.Stat(path)
	switch isDir := path != krm.Stdin && err == nil && info.IsDir(); {
	case isDir && render.KustomizationIn(path) != "":
		content, err := v.build(path)
		if err != nil {
			return nil, err
		}
		dir := relative(path)
		return []source{{File: krm.File{Name: dir, Content: content}, dir: dir, objects: report.Read(dir, content)}}, nil
	case isDir:
		return readFolder(path)
	}
	file, err := v.read(path)
	return []source{newSource(file)}, err
}

func newSource(file krm.File) source {
	return source{File: file, objects: report.Read(file.Name, file.Content)}
}

// read reads a file, or stdin for -, once. An empty stdin is an error: what was
// to write to it has failed.
func (v *validation) read(path string) (krm.File, error) {
	if path != krm.Stdin {
		file, err := read(v.streams, path)
		file.Name = relative(path)
		return file, err
	}
	if v.stdinTaken {
		return krm.File{}, errors.New("- means standard input and can be given only once")
	}
	v.stdinTaken = true
	file, err := read(v.streams, path)
	if err == nil && len(bytes.TrimSpace(file.Content)) == 0 {
		err = errors.New("standard input is empty")
	}
	return file, err
}

// readFolder reads the files in a directory that kubectl apply would read. A pipe
// or device with such a name is an error: to skip it might hide an object.
func readFolder(dir string) ([]source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %w", err)
	}
	var all []source
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, ext) {
			continue
		}
		path := relative(filepath.Join(dir, e.Name()))
		content, err := bounded.ReadRegular(path)
		if err != nil {
			return nil, err
		}
		all = append(all, newSource(krm.File{Name: path, Content: content}))
	}
	if all == nil {
		return nil, fmt.Errorf("%s holds neither a kustomization nor a file *.yaml, *.yml or *.json", dir)
	}
	return all, nil
}

// relative is the path as seen from the working directory, if it is below it.
func relative(path string) string {
	path = filepath.Clean(path)
	if wd, err := os.Getwd(); err == nil && filepath.IsAbs(path) {
		if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}

// checkInputs refuses inputs without a single object, which would pass every rule,
// and two inputs with the same object, which are two Harbors.
func checkInputs(inputs []source) error {
	var names []string
	objects := 0
	for i, in := range inputs {
		names = append(names, in.String())
		objects += len(in.objects)
		for _, other := range inputs[:i] {
			if place, found := other.objects.Shared(in.objects); found {
				return fmt.Errorf("%s %s is both in %s and in %s: validate one Harbor at a time",
					show.Line(place.Ref.Kind), show.Line(place.Ref.Name), other, in)
			}
		}
	}
	if objects == 0 {
		return fmt.Errorf("there are no objects in %s", strings.Join(names, ", "))
	}
	return nil
}
