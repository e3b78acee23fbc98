package krm

import (
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// FieldError says what is wrong with one setting.
type FieldError struct {
	// Field is the path of the setting: as a function makes it, relative to
	// spec; as a finding shows it, from the root of the function config.
	Field   string
	Message string
	rooted  bool
}

// FieldErrorf makes a FieldError for a path relative to the settings.
func FieldErrorf(field, format string, args ...any) *FieldError {
	return &FieldError{Field: field, Message: fmt.Sprintf(format, args...)}
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

func (e *FieldError) inConfig() *FieldError {
	e.rooted = true
	return e
}

// ObjectError says what is wrong with one of the items.
type ObjectError struct {
	Object  *yaml.RNode
	Field   Path // nil: the object as a whole
	Message string
}

// Fault makes an ObjectError.
func Fault(obj *yaml.RNode, field Path, format string, args ...any) *ObjectError {
	return &ObjectError{Object: obj, Field: field, Message: fmt.Sprintf(format, args...)}
}

func (e *ObjectError) Error() string {
	return strings.TrimSpace(Name(e.Object)+" "+e.Field.String()) + ": " + e.Message
}

// Under puts the FieldErrors in err below a section of the settings.
func Under(section string, err error) error {
	return eachFieldError(err, func(e *FieldError) {
		if !e.rooted {
			e.Field = join(section, e.Field)
		}
	})
}

func eachFieldError(err error, change func(*FieldError)) error {
	for _, single := range Split(err) {
		if field := (*FieldError)(nil); errors.As(single, &field) {
			change(field)
		}
	}
	return err
}

// Split takes joined errors apart: none for nil.
func Split(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, Split(e)...)
	}
	return all
}
