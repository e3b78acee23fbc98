package harbor

import (
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// ObjectStorageUse is who is told where the images are.
type ObjectStorageUse struct {
	// Of are the parts that read storage of the registry's config.yml, and the
	// variables that go before it.
	Of []string
	// Provider is the setting with the name of the driver, which Harbor shows, since
	// the release Since.
	Provider Setting
	Since    Release
}

const storageProvider = "REGISTRY_STORAGE_PROVIDER_NAME"

// ObjectStorage is an object storage for the images.
type ObjectStorage struct {
	Driver Driver
	// Parameters are values that have been checked (Parameter.Check).
	Parameters map[string]any
	// Secret holds the parameters in Keys: its key by the name of the parameter.
	Secret string
	Keys   map[string]string
	// Redirect is whether clients are sent to the storage, nil: as it is.
	Redirect *bool
}

// Where the key file of a driver is in the containers that read it: in a folder of
// its own, since a file cannot be mounted into the volume of a ConfigMap.
const (
	keyFileVolume = "gcs-key"
	keyFileDir    = "/etc/gcs-key"
	keyFileName   = "gcs-key.json"
)

// SetObjectStorage makes the registry keep images in an object storage, in place of
// what it keeps them in now. The credentials are read from the Secret. What was
// there before goes: its settings, variables and, unless somebody else uses it, its
// volume.
func (h *Harbor) SetObjectStorage(o ObjectStorage) error {
	registries, err := h.Need(Registry)
	if err != nil {
		return err
	}
	for _, c := range registries {
		if err := h.setObjectStorage(c, o); err != nil {
			return err
		}
	}
	for _, c := range h.Of(h.ObjectStorage.Provider.Of) {
		if c.Release().AtLeast(h.ObjectStorage.Since) || h.get(c, h.ObjectStorage.Provider).Set || !h.ObjectStorage.Since.Known() {
			if err := h.set(c, h.ObjectStorage.Provider, Value{Text: o.Driver.Name}); err != nil {
				return err
			}
		}
	}
	h.warnLeftAlone(OwnStorage)
	return nil
}

func (h *Harbor) setObjectStorage(c Component, o ObjectStorage) error {
	readers := slices.DeleteFunc(h.Of(h.ObjectStorage.Of...), func(other Component) bool { return other.RNode != c.RNode })
	config := c.RegistryConfig(h.list, c.Environment(h.list))
	stored := config.Stored(images)
	inFiles, _ := config.Drivers()
	keyFile := func() string {
		return path.Clean(c.RegistryConfig(h.list, c.Environment(h.list)).Get("storage", "gcs", "keyfile").Text)
	}
	before := keyFile()

	if err := h.setStorageFields(c, o); err != nil {
		return err
	}
	if err := h.setStorageVariables(readers, o); err != nil {
		return err
	}
	if before != keyFile() && path.IsAbs(before) {
		for _, reader := range readers {
			h.dropKeyFile(reader, readers, before)
		}
	}
	if err := h.setKeyFile(readers, o); err != nil {
		return err
	}
	if stored.Mounted && slices.Contains(inFiles, "filesystem") {
		return h.freeVolume(c, stored.Mount, "images are in "+o.Driver.Name+" from now on, and those in it are not copied (docs/object-storage.md)")
	}
	return nil
}

// setStorageFields writes storage of config.yml: the driver in place of every other
// one. Parameters of the driver that nobody gives stay.
func (h *Harbor) setStorageFields(c Component, o ObjectStorage) error {
	_, config, err := h.yaml(c, Field(RegistryConfigFile, "storage"))
	if err != nil {
		return err
	}
	driver := krm.Path{"storage", o.Driver.Name}
	fields := krm.Map()
	for _, p := range o.Driver.Parameters {
		if value, given := o.Parameters[p.Name]; given {
			fields.Content = append(fields.Content, krm.Map(p.Name, p.node(value)).Content...)
		}
	}
	if o.Keys["keyfile"] != "" {
		fields.Content = append(fields.Content, krm.Map("keyfile", path.Join(keyFileDir, keyFileName)).Content...)
	}
	storage := config.Lookup("storage")
	switch now := config.Lookup(driver...); {
	case storage == nil || storage.Kind != yaml.MappingNode: // storage: filesystem
		err = config.Add(h.list, krm.Map(o.Driver.Name, fields), "storage")
	case now == nil || now.Kind != yaml.MappingNode:
		err = config.Add(h.list, fields, driver...)
	default:
		for i := 0; i+1 < len(fields.Content) && err == nil; i += 2 {
			err = config.Add(h.list, fields.Content[i+1], driver.Append(fields.Content[i].Value)...)
		}
	}
	if err != nil {
		return err
	}
	for _, p := range o.Driver.Parameters {
		if o.Keys[p.Name] != "" && p.Kind != KeyFile {
			if err := config.Remove(h.list, driver.Append(p.Name)...); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(krm.Strings(yaml.NewRNode(config.Lookup("storage"))))) {
		if name != o.Driver.Name && !slices.Contains(notDrivers, name) {
			if err := config.Remove(h.list, "storage", name); err != nil {
				return err
			}
		}
	}
	if o.Redirect == nil {
		return nil
	}
	return config.Add(h.list, !*o.Redirect, "storage", "redirect", "disable")
}

// setStorageVariables makes all readers take the credentials from the Secret, and
// removes every other variable that says something about the storage.
func (h *Harbor) setStorageVariables(readers []Component, o ObjectStorage) error {
	var before []kube.Source
	gone := map[string]bool{}
	for _, c := range readers {
		env := c.Environment(h.list)
		for _, name := range env.Names() {
			if o.replaces(name) || o.gives(name) {
				v, _ := env.Get(name)
				before = append(before, v.Source)
				gone[name] = o.replaces(name)
			}
		}
	}
	for _, c := range readers {
		for _, name := range slices.Sorted(maps.Keys(gone)) {
			if gone[name] {
				c.RemoveEnv(h.list, name)
			}
		}
		for _, p := range o.Driver.Parameters {
			if key := o.Keys[p.Name]; key != "" && p.Kind != KeyFile {
				if err := c.SetSecretVariable(h.list, o.Driver.variable(p.Name), o.Secret, key); err != nil {
					return err
				}
			}
		}
	}
	for _, source := range before {
		h.dropUnread(readers, source, gone)
	}
	for _, c := range readers {
		env := c.Environment(h.list)
		for _, name := range env.Names() {
			if o.replaces(name) {
				v, _ := env.Get(name)
				at := c.WhereSet(v, name)
				return krm.Fault(at.Object, at.Path, "is read as %s by %s and by others, and contradicts objectStorage: take it out, or give the others a copy",
					name, krm.Name(c.RNode))
			}
		}
	}
	return nil
}

// dropUnread takes a key out of a ConfigMap or Secret of the list which the readers
// alone have as one of the variables that are to go, or nobody reads.
func (h *Harbor) dropUnread(readers []Component, source kube.Source, gone map[string]bool) {
	if source.Object == nil || source.Key == "" {
		return
	}
	needed := slices.ContainsFunc(kube.Readers(h.list, source.Object, source.Key), func(r kube.Reader) bool {
		return !gone[r.Variable] || !slices.ContainsFunc(readers, func(c Component) bool { return c.RNode == r.RNode })
	})
	if !needed {
		krm.Remove(h.list, source.Object, kube.KeyPath(source.Object, source.Key)...)
	}
}

// gives says whether the variable is one that is read from the Secret.
func (o ObjectStorage) gives(name string) bool {
	return slices.ContainsFunc(o.Driver.Parameters, func(p Parameter) bool {
		return o.Keys[p.Name] != "" && p.Kind != KeyFile && o.Driver.variable(p.Name) == name
	})
}

// replaces says whether a variable of the registry is about what the settings
// decide.
func (o ObjectStorage) replaces(name string) bool {
	rest, about := strings.CutPrefix(name, registryVariable([]string{"storage"}))
	if !about || rest != "" && rest[0] != '_' || name == storageProvider {
		return false
	}
	words := strings.Split(strings.ToLower(strings.TrimPrefix(rest, "_")), "_")
	switch {
	case words[0] == "redirect":
		return o.Redirect != nil
	case slices.Contains(notDrivers, words[0]):
		return false
	case words[0] != o.Driver.Name || len(words) == 1:
		return true
	}
	_, plain := o.Parameters[words[1]]
	p, _ := o.Driver.Parameter(words[1])
	return plain || p.Kind == KeyFile && o.Keys[p.Name] != ""
}

// setKeyFile mounts the key file of the driver into the containers of all readers.
func (h *Harbor) setKeyFile(readers []Component, o ObjectStorage) error {
	if o.Keys["keyfile"] == "" {
		return nil
	}
	secret := krm.Map("secretName", o.Secret, "items", krm.List(krm.Map("key", o.Keys["keyfile"], "path", keyFileName)))
	for _, c := range readers {
		if err := c.mountSecret(h.list, keyFileVolume, keyFileDir, secret); err != nil {
			return err
		}
	}
	return nil
}

// dropKeyFile takes away the mount of a key file, the volume that is there for it
// alone, and what a Secret of the list holds of it.
func (h *Harbor) dropKeyFile(c Component, readers []Component, file string) {
	found := c.At(h.list, file)
	if found.Mount == nil || krm.Lookup(c.RNode, found.Mount.Volume.Append("secret")...) == nil {
		return
	}
	volume := found.Mount.Volume
	if len(krm.Elements(c.RNode, volume.Append("secret", "items")...)) != 1 {
		return
	}
	krm.Remove(h.list, c.RNode, found.Mount.Path...)
	if len(c.MountsOf(volume)) > 0 {
		return
	}
	krm.Remove(h.list, c.RNode, volume...)
	h.dropUnread(readers, found.Value.Source, map[string]bool{found.Value.Source.Key: true})
}
