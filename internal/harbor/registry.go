package harbor

import (
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Where the builds of the registry's image look for their configuration: those of
// Harbor, since 6f335bdb1a (2017-11-02), in the first.
const (
	RegistryDir        = "/etc/registry"
	oldRegistryDir     = "/etc/docker/registry"
	RegistryConfigFile = "config.yml"
	// RegistryConfigVersion is the only one (distribution v2.6.2 configuration).
	RegistryConfigVersion = "0.1"
)

// imageWithChown is the image whose builds look in different places, and whose
// later ones do a chown on RegistryDir.
const imageWithChown = "registry:2.6.2-photon"

// imageConfig is what matters here of the configuration that the images have
// (distribution v2.6.2 cmd/registry/config-example.yml).
const imageConfig = `version: 0.1
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: /var/lib/registry}
http: {addr: ":5000"}
`

// imageConfigs are where images have a configuration of their own.
var imageConfigs = []string{RegistryDir + "/" + RegistryConfigFile, oldRegistryDir + "/" + RegistryConfigFile}

// RegistryConfig is what a registry really reads: variables REGISTRY_* over a
// config.yml. The latter is the mounted one even where the registry reads another
// one: that is one mistake, not many.
type RegistryConfig struct {
	Reads    string     // path of the config.yml that it reads, "" when that cannot be known
	At       kube.Place // what is there
	File     string     // path of the config.yml that is mounted, "" when there is none
	Value    kube.Value // its text
	Location            // where the text can be changed
	Readable bool       // settings can be looked at
	Err      error      // why the text is no configuration

	registry Component
	env      kube.Environment
	config   krm.Embedded
}

// RegistryConfig reads the configuration of a registry with that environment.
func (c Component) RegistryConfig(list *framework.ResourceList, env kube.Environment) RegistryConfig {
	r := RegistryConfig{registry: c, env: env}
	r.Reads = r.configPath()
	for _, file := range append([]string{r.Reads}, imageConfigs...) {
		if at := c.At(list, file); file != "" && at.State == kube.Present {
			r.File, r.Value = file, at.Value
			break
		}
	}
	if r.Reads != "" {
		r.At = c.At(list, r.Reads)
	}
	for _, d := range c.Delivered(list) {
		if r.File == "" && r.At.State != kube.Unsure && path.Base(d.Path) == RegistryConfigFile {
			r.File, r.Value = d.Path, d.Value
		}
	}
	if r.File == "" && r.At.State == kube.Absent && r.byVariables() {
		r.Value = kube.Value{Text: imageConfig, Known: true}
	}
	r.Location = c.WhereSet(r.Value, "")
	if r.Value.Known {
		text := yaml.NewRNode(krm.Map("text", r.Value.Text))
		r.config, r.Err = krm.Embed(text, "text")
		r.Readable = r.Err == nil
	}
	return r
}

// configPath is the path of the configuration that the registry reads: what its
// arguments say, else REGISTRY_CONFIGURATION_PATH, else the image's (distribution
// v2.6.2 registry/registry.go, resolveConfiguration; harbor v1.2.0
// make/photon/registry/entrypoint.sh). It is "" when that cannot be known.
func (r RegistryConfig) configPath() string {
	command, args := r.words("command"), r.words("args")
	words := slices.Concat(command, args)
	if len(command) > 0 && !slices.Contains([]string{"registry", "entrypoint.sh"}, path.Base(command[0])) {
		return "" // a shell, or a program of somebody else's
	}
	for _, word := range words {
		if strings.Contains(word, kube.Hidden) {
			return ""
		}
		if ext := path.Ext(word); (ext == ".yml" || ext == ".yaml") && path.IsAbs(word) {
			return word
		}
	}
	if v, ok := r.env.Get("REGISTRY_CONFIGURATION_PATH"); ok && slices.Contains(words, "serve") {
		if v.Known {
			return v.Text
		}
		return ""
	}
	if len(words) == 0 && r.photon() {
		return path.Join(RegistryDir, RegistryConfigFile)
	}
	return ""
}

// words are command or args as the program gets them.
func (r RegistryConfig) words(field string) []string {
	var all []string
	for _, n := range krm.Elements(r.registry.RNode, r.registry.Path.Append(field)...) {
		all = append(all, r.env.Expand(n.Value).Text)
	}
	return all
}

// photon says whether the image is one of Harbor's that read the configuration in
// RegistryDir. A digest may be any build, and those before 2.6.2 look elsewhere.
func (r RegistryConfig) photon() bool {
	name, tag, digest := r.registry.SplitImage()
	return digest == "" && (name == "registry-photon" || name+":"+tag == imageWithChown)
}

// Chowns says whether the registry is started by an entrypoint that does a chown
// on RegistryDir (harbor#4496).
func (r RegistryConfig) Chowns() bool {
	name, tag, _ := r.registry.SplitImage()
	command := r.words("command")
	return name+":"+tag == imageWithChown && (len(command) == 0 || path.Base(command[0]) == "entrypoint.sh")
}

// Plain says whether the image holds no files for Harbor: that is not certain of
// one that somebody has built.
func (r RegistryConfig) Plain() bool {
	name, _, _ := r.registry.SplitImage()
	return name == "registry" || name == "registry-photon"
}

// HasDefault says whether images have a configuration of their own at the path
// that the registry reads.
func (r RegistryConfig) HasDefault() bool { return slices.Contains(imageConfigs, r.Reads) }

// byVariables says whether the registry is told by variables to ask for tokens:
// then it is meant to read the image's configuration for the rest.
func (r RegistryConfig) byVariables() bool {
	return r.HasDefault() && r.Plain() && slices.ContainsFunc(r.env.Names(), func(name string) bool {
		return strings.HasPrefix(name, registryVariable([]string{"auth", "token"}))
	})
}

// Get returns a setting. A variable named after it goes before config.yml, and one
// named after what it is in replaces all of that (distribution v2.6.2
// configuration/parser.go). The text is "" for one that is not set.
func (r RegistryConfig) Get(setting ...string) kube.Value {
	v, set := r.Variable(setting...)
	if set {
		return v
	}
	for i := 1; i < len(setting); i++ {
		if whole, replaced := r.Variable(setting[:i]...); replaced {
			if isMapping(whole) {
				return kube.Value{Text: kube.Hidden}
			}
			return kube.Value{Known: true}
		}
	}
	if !r.Readable {
		return kube.Value{Text: kube.Hidden}
	}
	inner := make([]any, len(setting))
	for i, s := range setting {
		inner[i] = s
	}
	if text := r.Text(inner...); text != "" || len(v.Unseen) == 0 {
		return kube.Value{Text: text, Known: true, Secret: r.Value.Secret}
	}
	return v // an object that is not in the list may set it
}

// Text returns a scalar of config.yml, whatever variables say.
func (r RegistryConfig) Text(inner ...any) string {
	if !r.Readable {
		return ""
	}
	return r.config.Text(inner...)
}

// Lookup returns a node of config.yml, nil where there is none.
func (r RegistryConfig) Lookup(inner ...any) *yaml.Node {
	if !r.Readable {
		return nil
	}
	return r.config.Lookup(inner...)
}

// isMapping says whether a variable may hold settings, and not a name alone.
func isMapping(v kube.Value) bool { return !v.Known || strings.ContainsAny(v.Text, ":{") }

// LocationOf is where a setting can be changed: in its variable, else in config.yml.
func (r RegistryConfig) LocationOf(setting ...string) Location {
	v, set := r.Variable(setting...)
	switch {
	case !set:
		return r.Location
	case v.Source.Object != nil:
		return Location{v.Source.Object, kube.KeyPath(v.Source.Object, v.Source.Key)}
	}
	at, _ := r.registry.Env(registryVariable(setting))
	return Location{r.registry.RNode, at}
}

// Variable is the variable that overrides a setting, and whether it is certain to
// be set: a variable may also come from an object that is not in the list.
func (r RegistryConfig) Variable(setting ...string) (v kube.Value, set bool) {
	v, set = r.env.Get(registryVariable(setting))
	return v, set && slices.Contains(r.env.Names(), registryVariable(setting))
}

func registryVariable(setting []string) string {
	return "REGISTRY_" + strings.ToUpper(strings.Join(setting, "_"))
}

// notDrivers are the settings of storage beside the one of the driver.
var notDrivers = []string{"maintenance", "cache", "delete", "redirect", "tag"}

// Drivers are the storage drivers that are configured, of which there has to be
// one; it is false when that cannot be known. Like the registry, it takes what is
// no other setting for a driver (distribution v2.6.2 configuration, Storage).
func (r RegistryConfig) Drivers() ([]string, bool) {
	found := map[string]bool{}
	switch v, set := r.Variable("storage"); {
	case !r.Readable:
		return nil, false
	case set && isMapping(v):
		return nil, false
	case set:
		found[v.Text] = true
	case r.Text("storage") != "":
		found[r.Text("storage")] = true
	case r.Lookup("storage") != nil:
		for name := range krm.Strings(yaml.NewRNode(r.Lookup("storage"))) {
			found[name] = true
		}
	}
	for _, name := range r.env.Names() {
		if rest, ok := strings.CutPrefix(name, registryVariable([]string{"storage", ""})); ok {
			driver, _, _ := strings.Cut(strings.ToLower(rest), "_")
			found[driver] = true
		}
	}
	for _, other := range append(notDrivers, "") {
		delete(found, other)
	}
	_, open := r.env.Get(registryVariable([]string{"storage"}))
	return slices.Sorted(maps.Keys(found)), len(found) > 0 || !open
}

// CachesInRedis says whether the registry is known to keep its cache of blobs in Redis
// (docs/configuration.md of distribution; layerinfo is the old name).
func (r RegistryConfig) CachesInRedis() bool {
	cache := r.Get("storage", "cache", "blobdescriptor").Text
	if cache == "" {
		cache = r.Get("storage", "cache", "layerinfo").Text
	}
	return cache == "redis"
}

// images is where the filesystem driver keeps what it stores (distribution v2.6.2
// registry/storage/driver/filesystem), and the folder of it that all images are in
// (registry/storage/paths.go).
var images = StorageUse{
	Setting: of(Registry, Field(RegistryConfigFile, "storage", "filesystem", "rootdirectory")),
	Purpose: ForImages, Default: "/var/lib/registry", Holds: "docker/registry/v2",
}

// RootDirectory is where the filesystem driver keeps what it stores.
func (r RegistryConfig) RootDirectory() kube.Value {
	var setting []string
	for _, step := range images.Places[0].Field {
		setting = append(setting, step.(string))
	}
	v := r.Get(setting...)
	if v.Text == "" {
		v.Text = images.Default
	}
	return v
}
