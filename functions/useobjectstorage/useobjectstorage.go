// Package useobjectstorage keeps the images in an object storage, which every replica of the registry reaches.
//
// In the registry's config.yml the driver takes the place of the one that is there,
// as a rule filesystem; cache, delete and maintenance stay. The credentials are
// read from a Secret into REGISTRY_STORAGE_… of the registry and, in Harbor 2.x, of
// registryctl, which deletes what garbage collection finds; the key file of GCS is
// mounted into both. They stand in no ConfigMap. The registry reads such a variable
// as YAML: a password that YAML takes for something else, such as one that begins
// with a zero and is all digits, has to be another one.
//
// The volume of the images becomes an emptyDir, and its claim goes unless somebody
// else uses it. So do the settings and credentials of the driver before. Images
// are not copied: docs/object-storage.md says how.
//
// Unless redirect is false, the registry sends clients to the storage for each
// layer, and so they have to reach its address, too: that of a Service inside of
// the cluster is none (harbor-helm, persistence.imageChartStorage.disableredirect).
//
// Pods that have credentials from their cloud, by a role of AWS or the workload
// identity of Google, need no secret.
//
// It knows Harbor 1.2 to 1.5 and 2.x, and refuses others.
package useobjectstorage

import (
	"errors"
	"maps"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Function is use-object-storage.
var Function = krm.Function{Name: "use-object-storage", New: func() krm.Runner { return &UseObjectStorage{} }}

// UseObjectStorage is the settings.
type UseObjectStorage struct {
	// Driver of the registry: s3, which Ceph RGW and most others speak, azure, gcs,
	// swift or oss.
	Driver string `yaml:"driver" required:"true"`
	// Parameters of the driver by their names, e.g. `bucket: harbor`. Those of the
	// driver that config.yml has and that are left out stay as they are.
	Parameters map[string]any `yaml:"parameters"`
	// Secret with the credentials; left out where the cloud gives them to pods.
	Secret *Secret `yaml:"secret"`
	// Whether the registry sends clients to the storage; as it is when left out.
	Redirect *bool `yaml:"redirect"`
}

// Secret is the Secret with the credentials.
type Secret struct {
	// Name of the Secret.
	Name string `yaml:"name" required:"true"`
	// Keys of the Secret by parameters of the driver, e.g. `accesskey:
	// AWS_ACCESS_KEY_ID`. That of `keyfile` (gcs) holds the file.
	Keys map[string]string `yaml:"keys" required:"true"`
}

// Validate checks the parameters against those of the driver.
func (s *UseObjectStorage) Validate() error {
	driver, known := harbor.DriverNamed(s.Driver)
	switch {
	case s.Driver == "filesystem":
		return krm.FieldErrorf("driver", "%q is no object storage: leave objectStorage out, and write cephFS for images on a volume", s.Driver)
	case !known:
		return krm.FieldErrorf("driver", "%s is not a driver, %s", krm.Quoted(s.Driver), krm.Nearest(s.Driver, harbor.Drivers()))
	}
	return errors.Join(append(s.checkParameters(driver), s.checkSecret(driver), s.checkMissing(driver))...)
}

func (s *UseObjectStorage) checkParameters(driver harbor.Driver) []error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
		field := krm.Path{"parameters", name}.String()
		switch p, known := driver.Parameter(name); {
		case !known:
			errs = append(errs, krm.FieldErrorf(field, "is not a parameter of %s, %s", driver.Name, krm.Nearest(name, driver.Known(false))))
		case p.Secret:
			errs = append(errs, krm.FieldErrorf(field, "is a secret, which a ConfigMap would show: name the key of a Secret in secret.keys.%s", name))
		default:
			errs = append(errs, p.Check(field, s.Parameters[name]))
		}
	}
	return errs
}

func (s *UseObjectStorage) checkSecret(driver harbor.Driver) error {
	if s.Secret == nil {
		return nil
	}
	errs := []error{krm.CheckName("secret.name", s.Secret.Name)}
	if len(s.Secret.Keys) == 0 {
		errs = append(errs, krm.FieldErrorf("secret.keys", "is empty, want the keys by parameters, e.g. %s", driver.Known(true)[0]))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secret.Keys)) {
		field := krm.Path{"secret", "keys", name}.String()
		_, known := driver.Parameter(name)
		_, twice := s.Parameters[name]
		switch {
		case !known:
			errs = append(errs, krm.FieldErrorf(field, "is not a parameter of %s, %s", driver.Name, krm.Nearest(name, driver.Known(true))))
		case twice:
			errs = append(errs, krm.FieldErrorf(field, "is in parameters too, want it in one of them"))
		default:
			errs = append(errs, krm.CheckKey(field, s.Secret.Keys[name]))
		}
	}
	return errors.Join(errs...)
}

// checkMissing refuses settings with which the driver does not start.
func (s *UseObjectStorage) checkMissing(driver harbor.Driver) error {
	var errs []error
	for _, p := range driver.Parameters {
		switch {
		case !p.Needed || s.has(p.Name):
		case p.Secret:
			errs = append(errs, krm.FieldErrorf(krm.Path{"secret", "keys", p.Name}.String(), "is missing: %s does not work without it", driver.Name))
		default:
			errs = append(errs, krm.FieldErrorf(krm.Path{"parameters", p.Name}.String(), "is missing: %s does not work without it", driver.Name))
		}
	}
	for _, name := range driver.Together {
		if !s.has(name) && slices.ContainsFunc(driver.Together, s.has) {
			errs = append(errs, krm.FieldErrorf(krm.Path{"secret", "keys", name}.String(), "is missing: without it %s does not use the others", driver.Name))
		}
	}
	return errors.Join(errs...)
}

// has says whether a parameter is given.
func (s *UseObjectStorage) has(name string) bool {
	_, given := s.Parameters[name]
	return given || s.Secret != nil && s.Secret.Keys[name] != ""
}

// Run tells all who read and write images.
func (s *UseObjectStorage) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	if err := h.Needs("who reads and writes the images", func(h *harbor.Harbor) bool { return h.ObjectStorage != nil }); err != nil {
		return err
	}
	driver, _ := harbor.DriverNamed(s.Driver)
	if err := errors.Join(s.check(h, driver)...); err != nil {
		return err
	}
	storage := harbor.ObjectStorage{Driver: driver, Parameters: s.Parameters, Redirect: s.Redirect}
	if s.Secret != nil {
		storage.Secret, storage.Keys = s.Secret.Name, s.Secret.Keys
	}
	return h.SetObjectStorage(storage)
}

// check refuses what this Harbor has no place for, and keys that a Secret of the
// list lacks.
func (s *UseObjectStorage) check(h *harbor.Harbor, driver harbor.Driver) []error {
	var errs []error
	for _, p := range driver.Parameters {
		errs = append(errs, h.Only(harbor.Option{Field: krm.Path{"parameters", p.Name}.String(), Given: p.New && s.has(p.Name), Of: harbor.V2})...)
	}
	if s.Secret == nil {
		return errs
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secret.Keys)) {
		errs = append(errs, h.CheckSecretKey(krm.Path{"secret", "keys", name}.String(), harbor.SecretKey{Name: s.Secret.Name, Key: s.Secret.Keys[name]}))
	}
	return errs
}
