// Package applyharborcfg fills the ConfigMaps from harbor.cfg, the file that
// Harbor's installer reads.
//
// It does what upstream's k8s-prepare did, and what that script leaves out: the
// database, LDAP, email and authentication settings of the adminserver, which
// it wrote as if harbor.cfg had not mentioned them. What harbor.cfg does not
// mention stays as it is.
//
// harbor.cfg comes in a ConfigMap under the key harbor.cfg, made by kustomize's
// configMapGenerator and marked local-config, so that it is not applied to the
// cluster; or in the settings. With ui_url_protocol https, nginx ends TLS as
// set-endpoint makes it; the files that ssl_cert and ssl_cert_key name come in the
// same ConfigMap, under their names without the folder.
//
// A password that comes from a Secret already is left there. Keys that an
// installer needs and Kubernetes does not, and those of later Harbors, are
// warnings.
//
// It is about Harbor 1.2 to 1.5, and refuses others.
package applyharborcfg

import (
	"errors"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Function is apply-harbor-cfg.
var Function = krm.Function{Name: "apply-harbor-cfg", New: func() krm.Runner { return &ApplyHarborCfg{} }}

// ApplyHarborCfg is the settings: one of the two.
type ApplyHarborCfg struct {
	// Name of the ConfigMap that holds harbor.cfg.
	ConfigMap string `yaml:"configMap"`
	// harbor.cfg itself.
	Inline string `yaml:"inline"`

	// Decided are the keys that another section of harbor-ha decides. It is an
	// error when harbor.cfg says something else.
	Decided map[string]Decision `yaml:"-"`
	// NoCertificate says why ssl_cert and ssl_cert_key are not used; "" where they
	// are.
	NoCertificate string `yaml:"-"`
}

// Decision is a value that stands in another section.
type Decision struct {
	Field string // where
	Value string // "" when it cannot be known
	Kept  string // how the value of harbor.cfg gets there, "" when it does not
	Away  string // how an overlay takes the section away, "" when that is not enough
}

// Validate checks that harbor.cfg is given in one way.
func (s *ApplyHarborCfg) Validate() error {
	switch {
	case s.ConfigMap == "" && s.Inline == "":
		return krm.FieldErrorf("configMap", "is missing: name the ConfigMap that holds harbor.cfg")
	case s.ConfigMap != "" && s.Inline != "":
		return krm.FieldErrorf("inline", "stands beside configMap, want one of them")
	case s.ConfigMap != "":
		return krm.CheckName("configMap", s.ConfigMap)
	}
	return nil
}

// fileName is the key of harbor.cfg in its ConfigMap.
const fileName = "harbor.cfg"

// job is one application of harbor.cfg.
type job struct {
	*ApplyHarborCfg
	list   *framework.ResourceList
	harbor *harbor.Harbor
	cfg    harbor.Cfg

	// Where harbor.cfg stands: an object and a field, and the files beside it.
	object *yaml.RNode
	field  krm.Path
	files  map[string]string
}

// Run applies harbor.cfg.
func (s *ApplyHarborCfg) Run(list *framework.ResourceList) error {
	j := &job{ApplyHarborCfg: s, list: list}
	text, err := j.read()
	if err != nil {
		return err
	}
	parsed, errs := harbor.ParseCfg(text)
	for i, err := range errs {
		errs[i] = j.fault(err)
	}
	if j.cfg = parsed; len(errs) > 0 {
		return errors.Join(errs...)
	}
	if err := j.decide(); err != nil {
		return err
	}
	j.warn()
	return j.apply()
}

// read finds harbor.cfg.
func (j *job) read() (string, error) {
	if j.ConfigMap == "" {
		return j.Inline, nil
	}
	// Functions do not look at local-config objects otherwise.
	for _, obj := range j.list.Items {
		if obj.GetKind() != "ConfigMap" || !kube.Called(obj, obj.GetNamespace(), j.ConfigMap) {
			continue
		}
		j.object, j.field, j.files = obj, krm.Path{"data", fileName}, krm.Strings(obj, "data")
		text, ok := j.files[fileName]
		if !ok {
			return "", krm.Fault(obj, krm.Path{"data"}, "has no key %s: write files: [%s=NAME] in its configMapGenerator, NAME is what the file is called", fileName, fileName)
		}
		if krm.Editable(obj) {
			krm.Warn(j.list, obj, nil, `will be applied to the cluster with all that harbor.cfg holds: give it the annotation config.kubernetes.io/local-config: "true"`)
		}
		return text, nil
	}
	return "", krm.FieldErrorf("configMap", "there is no ConfigMap %s: make it from harbor.cfg with configMapGenerator", j.ConfigMap)
}

func (j *job) fault(err error) error {
	if j.object == nil {
		return krm.FieldErrorf("inline", "%v", err)
	}
	return krm.Fault(j.object, j.field, "%v", err)
}

// decide compares with what other sections decide, and takes away what they do
// not show.
func (j *job) decide() error {
	var errs []error
	var rest harbor.Cfg
	for _, e := range j.cfg {
		d, decided := j.Decided[e.Name]
		key, _ := e.Key()
		value := e.Value
		if e.Name == "redis_url" { // address,pool size,password,database
			value, _, _ = strings.Cut(value, ",")
		}
		switch {
		case decided && d.Value == value && key.Variable != "" && !key.Secret:
			// The other section writes it, and has to see what stands there now.
		case !decided, d.Value == value && !key.Secret:
			rest = append(rest, e)
		case d.Value != "" && d.Value != value && key.Secret:
			errs = append(errs, j.fault(e.Errorf("differs from %s: remove one of them", d.Field)))
		case d.Value != "" && d.Value != value:
			errs = append(errs, j.fault(e.Errorf("%s contradicts %s, which says %s: remove one of them%s",
				krm.Quoted(value), d.Field, krm.Quoted(d.Value), d.Away)))
		case d.Value == "" && value != "":
			krm.Warn(j.list, j.warnAbout(), j.field, "harbor.cfg line %d: %s is not used: %s decides%s", e.Line, e.Name, d.Field, d.Kept)
		}
	}
	j.cfg = rest
	return errors.Join(errs...)
}

func (j *job) warnAbout() *yaml.RNode {
	if j.object == nil {
		return j.list.FunctionConfig
	}
	return j.object
}

// warn reports the keys that have no effect.
func (j *job) warn() {
	var needless []string
	for _, e := range j.cfg {
		switch key, known := e.Key(); {
		case !known:
			krm.Warn(j.list, j.warnAbout(), j.field, "harbor.cfg line %d: %s", e.Line, e.Unknown())
		case key.Needless != "":
			needless = append(needless, e.Name+" ("+key.Needless+")")
		}
	}
	if len(needless) > 0 {
		krm.Warn(j.list, j.warnAbout(), j.field, "harbor.cfg has keys without effect on Kubernetes: %s", strings.Join(needless, ", "))
	}
}

// apply writes the values where Harbor reads them.
func (j *job) apply() error {
	h, err := harbor.In(j.list)
	if err != nil {
		return err
	}
	if err := h.Needs("what this function changes", (*harbor.Harbor).IsV1); err != nil {
		return err
	}
	j.harbor = h
	for _, e := range j.cfg {
		if err := j.applyEntry(e); err != nil {
			return err
		}
	}
	if err := j.applyURL(); err != nil {
		return err
	}
	return j.applyCertificate()
}

func (j *job) applyEntry(e harbor.CfgEntry) error {
	key, _ := e.Key()
	for _, s := range e.Settings() {
		if err := j.setVariable(s.Of, s.Places[0].Variable, e); err != nil {
			return err
		}
	}
	switch {
	case e.Name == "max_job_workers":
		return j.setJobWorkers(e)
	case key.Mail != "":
		return j.setMail(key, e)
	}
	return nil
}

// setVariable sets an environment variable of a component. A secret that comes
// from a Secret already is left there. MySQL may be gone.
func (j *job) setVariable(component, variable string, e harbor.CfgEntry) error {
	components, err := j.harbor.Need(component)
	if err != nil && component == harbor.MySQL {
		return nil
	}
	if err != nil {
		return err
	}
	key, _ := e.Key()
	for _, c := range components {
		if key.Secret && c.FromSecret(j.list, variable) {
			continue
		}
		if err := c.SetVariable(j.list, variable, e.Value, key.Secret); err != nil {
			return err
		}
	}
	return nil
}

// setJobWorkers sets the key that k8s-prepare gives the jobservice's ConfigMap.
// The jobservice asks the adminserver, so that it has no variable of the name.
func (j *job) setJobWorkers(e harbor.CfgEntry) error {
	components, err := j.harbor.Need(harbor.JobService)
	if err != nil {
		return err
	}
	for _, c := range components {
		if err := c.SetKey(j.list, "MAX_JOB_WORKERS", e.Value); err != nil {
			return err
		}
	}
	return nil
}

// setMail sets the section [mail] of the ui's app.conf, as k8s-prepare does. The
// password is left out where the adminserver reads it from a Secret: the ui
// asks the adminserver (Harbor v1.2.0, src/ui/config).
func (j *job) setMail(key harbor.CfgKey, e harbor.CfgEntry) error {
	if key.Secret {
		servers, err := j.harbor.Need(harbor.AdminServer)
		if err != nil || servers[0].FromSecret(j.list, key.Variable) {
			return err
		}
	}
	uis, err := j.harbor.Need(harbor.UI)
	if err != nil {
		return err
	}
	for _, ui := range uis {
		if err := ui.SetAppConf(j.list, "mail", key.Mail, e.Value, key.Secret); err != nil {
			return err
		}
	}
	return nil
}

// applyURL sets the external URL from hostname and ui_url_protocol, unless
// another section does.
func (j *job) applyURL() error {
	hostname, hasHost := j.cfg.Get("hostname")
	protocol, hasProtocol := j.cfg.Get("ui_url_protocol")
	_, decided := j.Decided["hostname"]
	switch {
	case decided || !hasHost && !hasProtocol:
		return nil
	case !hasHost:
		return j.fault(protocol.Errorf("makes an address together with hostname, which is missing"))
	case !hasProtocol:
		protocol.Value = "http"
	}
	address, err := harbor.ParseEndpoint("", protocol.Value+"://"+hostname.Value)
	if err != nil {
		return j.fault(hostname.Errorf("%v", err))
	}
	err = harbor.Exposure{Endpoint: address}.Apply(j.harbor)
	if misfit := (*harbor.ExposureError)(nil); errors.As(err, &misfit) {
		return j.fault(protocol.Errorf("%v", err))
	}
	return err
}

// applyCertificate gives nginx the certificate and key of https, or for http
// what k8s-prepare writes in their place.
func (j *job) applyCertificate() error {
	cert, given := j.cfg.Get("ssl_cert")
	protocol, ok := j.cfg.Get("ui_url_protocol")
	if d := j.Decided["ui_url_protocol"]; d.Value == "https" && given {
		protocol.Value, ok = d.Value, true
	}
	switch {
	case !ok:
		return nil
	case j.NoCertificate != "":
		if given && protocol.Value == "https" {
			krm.Warn(j.list, j.warnAbout(), j.field, "harbor.cfg line %d: ssl_cert and ssl_cert_key are not used: %s", cert.Line, j.NoCertificate)
		}
		return nil
	}
	proxies, err := j.harbor.Need(harbor.Nginx)
	if err != nil {
		return err
	}
	for _, c := range proxies {
		for _, f := range [][2]string{{"ssl_cert_key", "https.key"}, {"ssl_cert", "https.crt"}} {
			config, err := c.ConfigFile(j.list, f[1])
			if config.Name == "" {
				continue // from a Secret
			}
			if err != nil {
				return err
			}
			content, err := j.certificate(protocol.Value, f[0])
			if err != nil {
				return err
			}
			if err := krm.SetSecret(j.list, config.ConfigMap, content, "data", config.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *job) certificate(protocol, name string) (string, error) {
	if protocol == "http" {
		return "USE_HTTP", nil
	}
	e, ok := j.cfg.Get(name)
	if !ok || e.Value == "" {
		return "", j.fault(e.Errorf("is missing, ui_url_protocol https needs it"))
	}
	content, ok := j.files[path.Base(e.Value)]
	if !ok {
		return "", j.fault(e.Errorf("%q: there is no file %s beside harbor.cfg in the ConfigMap: add it to the configMapGenerator",
			e.Value, path.Base(e.Value)))
	}
	return content, nil
}
