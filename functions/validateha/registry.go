package validateha

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var registryReadsConfig = Rule{
	ID: "L01", Severity: framework.Error,
	What: "The registry reads the config.yml that is mounted for it.",
	Why:  "Otherwise it runs on the image's own: nobody is asked for a password, and images are in the container and lost with it (harbor#3637, harbor#4200; cmd/registry/config-example.yml of distribution v2.6.2).",
	Do:   "Mount it at /etc/registry and name it in args; fix-registry-mount does both.",
	check: func(k *checker) {
		for _, c := range k.old(harbor.Registry) {
			k.checkConfigPath(k.registry(c))
		}
	},
}

var registryAsksForTokens = Rule{
	ID: "L02", Severity: framework.Error,
	What:  "The registry accepts the tokens of Harbor's ui, and the certificate that it checks them with is mounted where config.yml says.",
	Why:   "Without auth everybody can push and delete; with another issuer or service, or without the certificate, nobody can log in or the registry does not start (distribution v2.6.2 registry/auth/token/accesscontroller.go; harbor v1.2.0 src/ui/service/token).",
	Do:    "Set auth.token with realm, issuer, service and rootcertbundle; fix-registry-mount moves rootcertbundle along with the mount.",
	check: ofReadable((*checker).checkAuth),
}

var registryStarts = Rule{
	ID: "L03", Severity: framework.Error,
	What: "The registry is started past its image's entrypoint where its config is mounted at /etc/registry.",
	Why:  "The entrypoint does a chown on that folder, and ConfigMaps are mounted read-only since Kubernetes 1.9.4, 1.8.9 and 1.7.14: the registry never starts (harbor#4496, harbor#5568).",
	Do:   "Pin command and args; fix-registry-mount does.",
	check: func(k *checker) {
		for _, c := range k.old(harbor.Registry) {
			k.checkEntrypoint(k.registry(c))
		}
	},
}

var registrySecret = Rule{
	ID: "L05", Severity: framework.Error,
	What:  "All replicas of the registry have the same http.secret, and nobody else knows it.",
	Why:   "Where it is empty each process makes up its own, and a push that goes to two replicas fails (distribution v2.6.2 registry/handlers/app.go, configureSecret).",
	Do:    "Set REGISTRY_HTTP_SECRET from a Secret; move-secrets does.",
	check: ofReadable((*checker).checkHTTPSecret),
}

var registryCache = Rule{
	ID: "L06", Severity: framework.Error,
	What:  "Replicas of the registry do not each have a cache of their own.",
	Why:   "With inmemory a replica serves what another one has deleted; with redis and no address the registry panics at its start (distribution v2.6.2 registry/handlers/app.go; harbor v1.4.0 make/common/templates/registry/config_ha.yml takes redis).",
	Do:    "Set storage.cache to redis together with redis.addr, or leave the cache out.",
	check: ofReadable((*checker).checkCache),
}

// ofReadable is a check of each registry whose configuration can be looked at.
func ofReadable(check func(*checker, registry)) func(*checker) {
	return func(k *checker) {
		for _, c := range k.old(harbor.Registry) {
			if r := k.registry(c); r.readable {
				check(k, r)
			}
		}
	}
}

// Where the builds of the image look for their configuration: those with a chown
// in the entrypoint, since 6f335bdb1a of harbor (2017-11-02), at the first.
const (
	registryDir    = "/etc/registry"
	oldRegistryDir = "/etc/docker/registry"
	configFile     = "config.yml"
	chowns         = "registry:2.6.2-photon"
)

// configVersion is the only one (distribution v2.6.2 configuration).
const configVersion = "0.1"

// imageConfig is what matters here of the configuration that the images have
// (distribution v2.6.2 cmd/registry/config-example.yml).
const imageConfig = `version: 0.1
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: /var/lib/registry}
http: {addr: ":5000"}
`

// imageConfigs are where images have a configuration of their own.
var imageConfigs = []string{registryDir + "/" + configFile, oldRegistryDir + "/" + configFile}

// registry is a registry and the configuration that is meant for it.
type registry struct {
	harbor.Component
	env kube.Environment

	reads    string     // path of the configuration that it reads, "" when that cannot be known
	at       kube.Place // what is there
	file     string     // path of the config.yml that is mounted, "" when there is none
	value    kube.Value // what that holds
	place               // where it stands in the list
	config   krm.Embedded
	readable bool // config can be looked at
	broken   error
}

// registry reads the configuration of a registry. It is the mounted one even
// where the registry does not read it: that is one mistake, not many.
func (k *checker) registry(c harbor.Component) registry {
	if r, ok := k.registries[c.RNode]; ok {
		return r
	}
	r := registry{Component: c, env: k.env(c.Container)}
	r.reads = r.configPath()
	for _, file := range append([]string{r.reads}, imageConfigs...) {
		if at := c.At(k.list, file); file != "" && at.State == kube.Present {
			r.file, r.value = file, at.Value
			break
		}
	}
	if r.reads != "" {
		r.at = c.At(k.list, r.reads)
	}
	for _, d := range c.Delivered(k.list) {
		if r.file == "" && r.at.State != kube.Unsure && path.Base(d.Path) == configFile {
			r.file, r.value = d.Path, d.Value
		}
	}
	if r.file == "" && r.at.State == kube.Absent && r.byVariables() {
		r.value = kube.Value{Text: imageConfig, Known: true}
	}
	r.place = k.of(r.value, c.Container, "")
	if r.value.Known {
		text := yaml.NewRNode(krm.Map("text", r.value.Text))
		r.config, r.broken = krm.Embed(text, "text")
		r.readable = r.broken == nil
	}
	k.registries[c.RNode] = r
	return r
}

// configPath is the path of the configuration that the registry reads: what its
// arguments say, else REGISTRY_CONFIGURATION_PATH, else the image's (distribution
// v2.6.2 registry/registry.go, resolveConfiguration; harbor v1.2.0
// make/photon/registry/entrypoint.sh). It is "" when that cannot be known.
func (r registry) configPath() string {
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
		return path.Join(registryDir, configFile)
	}
	return ""
}

// words are command or args as the program gets them.
func (r registry) words(field string) []string {
	var all []string
	for _, n := range krm.Elements(r.RNode, r.Path.Append(field)...) {
		all = append(all, r.env.Expand(n.Value).Text)
	}
	return all
}

// photon says whether the image is one of Harbor's that read the configuration in
// registryDir. A digest may be any build, and those before 2.6.2 look elsewhere.
func (r registry) photon() bool {
	name, tag, digest := r.SplitImage()
	return digest == "" && (name == "registry-photon" || name+":"+tag == chowns)
}

// bare says whether the image brings no files for Harbor: not so sure of one that
// somebody has built.
func (r registry) bare() bool {
	name, _, _ := r.SplitImage()
	return name == "registry" || name == "registry-photon"
}

// byVariables says whether the registry is told by variables to ask for tokens:
// then it is meant to read the image's configuration for the rest.
func (r registry) byVariables() bool {
	return slices.Contains(imageConfigs, r.reads) && r.bare() && slices.ContainsFunc(r.env.Names(), func(name string) bool {
		return strings.HasPrefix(name, variableOf([]string{"auth", "token"}))
	})
}

func (k *checker) checkConfigPath(r registry) {
	elsewhere := r.file != "" && r.file != r.reads
	switch {
	case r.file == "" && r.readable: // byVariables
	case r.reads == "":
		k.note(r.RNode, r.Path.Append("image"), "which configuration this image reads cannot be seen: check that it is the mounted one, or name that in args").is(r.Image())
	case r.at.State == kube.Unsure:
		k.note(r.RNode, r.at.Mount.Path.Append("mountPath"), "what is in this volume cannot be seen: check that it holds %s", path.Base(r.reads))
	case r.at.State == kube.Absent && !r.bare() && !elsewhere:
		k.note(r.RNode, r.Path.Append("volumeMounts"), "no mount brings %s: check that the image does", r.reads)
	case r.at.State == kube.Absent && !slices.Contains(imageConfigs, r.reads):
		f := k.error(r.RNode, r.Path.Append("args"), "the registry is told to read %s, which no mount brings: it does not start", r.reads).is(r.reads)
		if elsewhere {
			f.want(r.file)
		}
	case r.at.State == kube.Absent && elsewhere:
		k.misplaced(r)
	case r.at.State == kube.Absent:
		k.error(r.RNode, r.Path.Append("volumeMounts"), "no mount brings %s, the configuration that the registry reads: it starts with the image's own, which asks nobody for a password and keeps images in the container", r.reads)
	case len(r.at.Value.Unseen) > 0:
		k.note(r.RNode, r.at.Mount.Path, "config.yml comes from %s, which is not among the resources: its content is not checked", sources(r.at.Value.Unseen))
	case r.broken != nil:
		k.error(r.obj, r.path, "is no configuration of a registry: %s", message(r.broken))
	case r.readable && r.config.Text("version") != configVersion:
		k.error(r.obj, r.path, "version is not %s in config.yml: the registry does not start", configVersion)
	}
}

// message is what is wrong, without the object and the path, which the finding
// has.
func message(err error) string {
	var fault *krm.ObjectError
	if errors.As(err, &fault) {
		return fault.Message
	}
	return err.Error()
}

// misplaced reports a config.yml that is mounted where nobody reads it.
func (k *checker) misplaced(r registry) {
	m, _ := r.MountOf(r.file)
	at := m.MountPath
	f := k.error(r.RNode, m.Path.Append("mountPath"),
		"config.yml is mounted as %s and the registry reads %s: it runs on the image's own configuration, which asks nobody for a password and keeps images in the container (harbor#3637)", r.file, r.reads).is(at)
	if path.Join(at, path.Base(r.reads)) == r.file {
		f.want(path.Dir(r.reads))
	}
}

// tokenSettings are the settings of auth.token that Harbor's ui decides.
var tokenSettings = [][2]string{{"issuer", harbor.TokenIssuer}, {"service", harbor.TokenService}}

func (k *checker) checkAuth(r registry) {
	if r.get("auth", "token", "realm").Text == "" && r.get("auth", "token", "rootcertbundle").Text == "" {
		at, missing := r.placeOf("auth"), "config.yml has no auth.token"
		if _, replaced := r.variable([]string{"auth"}); replaced {
			missing = "REGISTRY_AUTH takes the place of auth in config.yml, and no variable sets auth.token"
		}
		k.error(at.obj, at.path, "%s: everybody who reaches the registry can push and delete, or Harbor's users cannot log in", missing)
		return
	}
	for _, s := range tokenSettings {
		switch v := r.get("auth", "token", s[0]); {
		case v.Text == "":
			k.error(r.obj, r.path, "config.yml has no auth.token.%s, without which the registry does not start: set it to %s", s[0], s[1])
		case v.Known && v.Text != s[1]:
			at := r.placeOf("auth", "token", s[0])
			k.error(at.obj, at.path, "auth.token.%s is %s, Harbor's tokens have %s: nobody can log in", s[0], shown(v), s[1]).is(shown(v)).want(s[1])
		}
	}
	k.checkCertificate(r)
}

func (k *checker) checkCertificate(r registry) {
	v := r.get("auth", "token", "rootcertbundle")
	at := r.placeOf("auth", "token", "rootcertbundle")
	found := r.At(k.list, v.Text)
	switch {
	case v.Text == "":
		k.error(at.obj, at.path, "config.yml has no auth.token.rootcertbundle, without which the registry does not start: set it to the certificate of the ui's private_key.pem")
	case !v.Known || found.State == kube.Present:
	case found.State == kube.Unsure:
		k.note(r.RNode, found.Mount.Path, "auth.token.rootcertbundle is %s, and what is in this volume cannot be seen: check that it holds that file", shown(v))
	case r.file != "" && r.file != r.reads && path.Dir(v.Text) == path.Dir(r.reads):
		// It moves with the mount of the config, which is reported already.
	case !r.bare():
		k.note(at.obj, at.path, "auth.token.rootcertbundle is %s, which no mount brings: check that the image does", shown(v))
	default:
		f := k.error(at.obj, at.path, "auth.token.rootcertbundle is %s, which no mount brings: the registry does not start", shown(v)).is(shown(v))
		if beside := path.Join(path.Dir(r.file), path.Base(v.Text)); r.At(k.list, beside).State == kube.Present {
			f.want(beside)
		}
	}
}

func (k *checker) checkEntrypoint(r registry) {
	certain, possible := k.version.readOnlyConfig()
	name, tag, _ := r.SplitImage()
	command := r.words("command")
	byEntrypoint := len(command) == 0 || path.Base(command[0]) == "entrypoint.sh"
	if !possible || name+":"+tag != chowns || !byEntrypoint {
		return
	}
	readOnly := slices.ContainsFunc(r.Mounts(), func(m kube.Mount) bool {
		at := path.Clean(m.MountPath)
		return (at == registryDir || strings.HasPrefix(at, registryDir+"/")) && hasAny(r.RNode, m.Volume, "configMap", "secret", "projected", "downwardAPI")
	})
	if readOnly {
		say := k.error
		if !certain {
			say = k.warn
		}
		say(r.RNode, r.Path.Append("command"), "leaves the start to the image's entrypoint, which does a chown on %s, and Kubernetes %s mounts that read-only: the registry never starts (harbor#4496)", registryDir, k.version).
			want([]string{"/usr/bin/registry"})
	}
}

func (k *checker) checkHTTPSecret(r registry) {
	v, at := r.get("http", "secret"), r.placeOf("http", "secret")
	s := k.replicas(r.Component)
	switch {
	case v.Text == "" && s.n > 1:
		k.error(at.obj, at.path, "the registry has no http.secret and %s: each makes up its own, and a push that goes to two of them fails", s.word)
	case v.Text == "placeholder" || harbor.Placeholder(v.Text):
		k.warn(at.obj, at.path, "http.secret of the registry is a placeholder that everybody knows: with it uploads of others can be taken over")
	}
}

func (k *checker) checkCache(r registry) {
	setting := []string{"storage", "cache", "blobdescriptor"}
	if r.get(setting...).Text == "" {
		setting[2] = "layerinfo" // its old name
	}
	v, at := r.get(setting...), r.placeOf(setting...)
	s := k.replicas(r.Component)
	switch {
	case v.Text == "inmemory" && s.n > 1:
		k.warn(at.obj, at.path, "%s is inmemory and there are %s: each serves for a while what another one has deleted", strings.Join(setting, "."), s.word)
	case v.Text == "redis" && r.get("redis", "addr").Text == "":
		k.error(at.obj, at.path, "%s is redis, but redis.addr is not set: the registry panics when it starts", strings.Join(setting, "."))
	}
}

// get returns a setting: a variable named after it goes before config.yml, and one
// named after what it is in replaces all of that (distribution v2.6.2
// configuration/parser.go).
func (r registry) get(setting ...string) kube.Value {
	v, set := r.variable(setting)
	if set {
		return v
	}
	for i := 1; i < len(setting); i++ {
		if whole, replaced := r.variable(setting[:i]); replaced {
			return kube.Value{Text: map[bool]string{true: kube.Hidden}[isMapping(whole)], Known: !isMapping(whole)}
		}
	}
	if !r.readable {
		return kube.Value{Text: kube.Hidden}
	}
	inner := make([]any, len(setting))
	for i, s := range setting {
		inner[i] = s
	}
	if text := r.config.Text(inner...); text != "" || len(v.Unseen) == 0 {
		return kube.Value{Text: text, Known: true, Secret: r.value.Secret}
	}
	return v // an object that is not in the list may set it
}

// isMapping says whether a variable may hold settings, and not a name alone.
func isMapping(v kube.Value) bool { return !v.Known || strings.ContainsAny(v.Text, ":{") }

// placeOf is where a setting stands: in its variable or in config.yml.
func (r registry) placeOf(setting ...string) place {
	v, set := r.variable(setting)
	switch {
	case !set:
		return r.place
	case v.Source.Object != nil:
		return place{v.Source.Object, kube.KeyPath(v.Source.Object, v.Source.Key)}
	}
	at, _ := r.Env(variableOf(setting))
	return place{r.RNode, at}
}

// variable is the variable that overrides a setting, and whether it is certain
// to be set: a variable may also come from an object that is not in the list.
func (r registry) variable(setting []string) (v kube.Value, set bool) {
	v, set = r.env.Get(variableOf(setting))
	return v, set && slices.Contains(r.env.Names(), variableOf(setting))
}

func variableOf(setting []string) string {
	return "REGISTRY_" + strings.ToUpper(strings.Join(setting, "_"))
}

// drivers are the storage drivers that are configured, of which there has to be
// one; it is false when that cannot be known. Like the registry, they take what
// is no other setting for a driver (distribution v2.6.2 configuration, Storage).
func (r registry) drivers() ([]string, bool) {
	found := map[string]bool{}
	switch v, set := r.variable([]string{"storage"}); {
	case !r.readable:
		return nil, false
	case set && isMapping(v):
		return nil, false
	case set:
		found[v.Text] = true
	case r.config.Text("storage") != "":
		found[r.config.Text("storage")] = true
	case r.config.Lookup("storage") != nil:
		for name := range krm.Strings(yaml.NewRNode(r.config.Lookup("storage"))) {
			found[name] = true
		}
	}
	for _, name := range r.env.Names() {
		if rest, ok := strings.CutPrefix(name, variableOf([]string{"storage", ""})); ok {
			driver, _, _ := strings.Cut(strings.ToLower(rest), "_")
			found[driver] = true
		}
	}
	for _, other := range []string{"maintenance", "cache", "delete", "redirect", "tag", ""} {
		delete(found, other)
	}
	_, open := r.env.Get(variableOf([]string{"storage"}))
	return slices.Sorted(maps.Keys(found)), len(found) > 0 || !open
}
