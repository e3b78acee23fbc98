package report

import "sigs.k8s.io/kustomize/kyaml/fn/framework"

// Input is a text that was validated.
type Input struct {
	Name    string // as the findings call it
	Objects Places
	// Origins is nil for the text of a file, whose findings know their lines. For
	// what a tool has built from files it returns those that may hold an object,
	// given as it was built or the zero Place, and last the file to name if none of
	// them does.
	Origins func(built Place) []string
}

// Locator finds the files and lines that findings are about.
type Locator struct {
	inputs map[string]Input
	read   func(path string) ([]byte, error)
	files  map[string]Places // those read so far, by path
}

// NewLocator makes a Locator. It reads other files than the inputs with read; one
// that cannot be read holds no objects.
func NewLocator(inputs []Input, read func(path string) ([]byte, error)) Locator {
	l := Locator{map[string]Input{}, read, map[string]Places{}}
	for _, in := range inputs {
		l.inputs[in.Name] = in
	}
	return l
}

// Locate adds the file and line, where they can be found, to a result about an
// object of an input, in this line of it, or of another file that an annotation
// names.
func (l Locator) Locate(r framework.Result, line int) Finding {
	f := Finding{Result: r}
	if r.File == nil || r.ResourceRef == nil {
		return f
	}
	in, isInput := l.inputs[r.File.Path]
	if isInput && in.Origins == nil {
		f.Line = line
		return f
	}
	built, _ := in.Objects.Find(*r.ResourceRef)
	candidates := []string{r.File.Path}
	if in.Origins != nil {
		candidates = in.Origins(built)
		f.File = &framework.File{Path: candidates[len(candidates)-1]}
	}
	var places Places
	for _, path := range candidates {
		places = append(places, l.objects(path)...)
	}
	if place, found := places.Find(*r.ResourceRef); found {
		f.File, f.Line = &place.File, lineOf(place, built, r.Field)
	}
	return f
}

// lineOf is the line of a field in a file. The path of the field is that of the
// object as it was validated, if that is known to be another one.
func lineOf(place, validated Place, field *framework.Field) int {
	if field == nil {
		return place.Line("")
	}
	if validated.Known() {
		return place.LineFrom(validated, field.Path)
	}
	return place.Line(field.Path)
}

// objects returns what is in a file, read once.
func (l Locator) objects(path string) Places {
	places, known := l.files[path]
	if !known {
		if content, err := l.read(path); err == nil {
			places = Read(path, content)
		}
		l.files[path] = places
	}
	return places
}
