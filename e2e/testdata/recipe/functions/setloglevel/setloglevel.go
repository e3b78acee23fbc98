// Package setloglevel sets the level of Harbor's logs.
//
// The level is the variable LOG_LEVEL of the ui, jobservice and adminserver, in
// the ConfigMap from which they take it.
package setloglevel

import (
	"errors"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Function is set-log-level.
var Function = krm.Function{Name: "set-log-level", New: func() krm.Runner { return &SetLogLevel{} }}

// SetLogLevel is the settings.
type SetLogLevel struct {
	// Level is debug, info, warning or error.
	Level string `yaml:"level" default:"info"`
}

// Validate checks the level.
func (s *SetLogLevel) Validate() error {
	switch s.Level {
	case "debug", "info", "warning", "error":
		return nil
	}
	return krm.FieldErrorf("level", "%s is not debug, info, warning or error", krm.Quoted(s.Level))
}

// Run sets LOG_LEVEL in every ConfigMap that has it.
func (s *SetLogLevel) Run(list *framework.ResourceList) error {
	found := false
	for _, obj := range kube.OfKind(list, "ConfigMap") {
		if krm.Text(obj, "data", "LOG_LEVEL") != "" {
			found = true
			if err := krm.Set(list, obj, s.Level, "data", "LOG_LEVEL"); err != nil {
				return err
			}
		}
	}
	if !found {
		return errors.New("no ConfigMap of these manifests has LOG_LEVEL")
	}
	return nil
}
