// Package harborha makes a Harbor highly available from one config.
//
// It runs the other functions, each with a section of the settings, in one
// process and in a fixed order, and validate-ha last: a Harbor that would lose
// images or log people out is not rendered.
//
// A section that is left out is not run, one that is {} runs with its defaults;
// validate is always run. All settings are checked before anything is edited,
// and all that is wrong is reported at once. In a kustomize patch, null takes a
// section away that the config has.
//
// Harbor 1.2 to 1.5 knows all sections but jobLogs, and Harbor 2.x all but
// harborCfg and registryMount. Of 1.6 to 1.10, replicas, cephFS, nodePort and
// spread work. The others are refused.
package harborha

import (
	"cmp"
	"errors"
	"net"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/functions/applyharborcfg"
	"krmfn.dev/harbor/functions/exposenodeport"
	"krmfn.dev/harbor/functions/fixregistrymount"
	"krmfn.dev/harbor/functions/injectredis"
	"krmfn.dev/harbor/functions/movesecrets"
	"krmfn.dev/harbor/functions/setendpoint"
	"krmfn.dev/harbor/functions/setjoblogs"
	"krmfn.dev/harbor/functions/setreplicas"
	"krmfn.dev/harbor/functions/spreadpods"
	"krmfn.dev/harbor/functions/usecephfs"
	"krmfn.dev/harbor/functions/useexternaldatabase"
	"krmfn.dev/harbor/functions/useobjectstorage"
	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Function is harbor-ha.
var Function = krm.Function{Name: "harbor-ha", New: func() krm.Runner { return &HarborHA{} }}

// HarborHA is the settings. The sections run in this order.
type HarborHA struct {
	// Version of Kubernetes that the manifests are for, e.g. `1.31`, that of today,
	// 1.37, when left out. Each section that depends on it can name another one.
	KubernetesVersion string `yaml:"kubernetesVersion"`
	// The settings of apply-harbor-cfg. What other sections set must not stand in
	// harbor.cfg with another value. With secrets, its passwords and certificate
	// are not used: pods have them from Secrets.
	HarborCfg *applyharborcfg.ApplyHarborCfg `yaml:"harborCfg"`
	// The settings of set-replicas.
	SetReplicas setreplicas.SetReplicas `yaml:",inline"`
	// The settings of use-cephfs.
	CephFS *usecephfs.UseCephFS `yaml:"cephFS"`
	// The settings of use-object-storage.
	ObjectStorage *useobjectstorage.UseObjectStorage `yaml:"objectStorage"`
	// The settings of set-job-logs.
	JobLogs *setjoblogs.SetJobLogs `yaml:"jobLogs"`
	// The settings of fix-registry-mount.
	RegistryMount *fixregistrymount.FixRegistryMount `yaml:"registryMount"`
	// The settings of inject-redis.
	Redis *injectredis.InjectRedis `yaml:"redis"`
	// The settings of use-external-database.
	Database *useexternaldatabase.UseExternalDatabase `yaml:"database"`
	// The settings of expose-node-port.
	NodePort *exposenodeport.ExposeNodePort `yaml:"nodePort"`
	// The settings of set-endpoint.
	Endpoint *setendpoint.SetEndpoint `yaml:"endpoint"`
	// The settings of spread-pods.
	Spread *spreadpods.SpreadPods `yaml:"spread"`
	// The settings of move-secrets.
	Secrets *movesecrets.MoveSecrets `yaml:"secrets"`
	// The settings of validate-ha, which runs with its defaults where they are
	// left out.
	Validation validateha.ValidateHA `yaml:"validate"`
}

type section struct {
	name string
	krm.Runner
}

// sections are those that the settings hold, in the order in which they run,
// without validate.
func (h *HarborHA) sections() []section {
	h.setVersion()
	var all []section
	if h.HarborCfg != nil {
		h.HarborCfg.Decided, h.HarborCfg.NoCertificate = h.decided(), h.noCertificate()
		all = append(all, section{"harborCfg", h.HarborCfg})
	}
	if len(h.SetReplicas.Replicas) > 0 {
		all = append(all, section{"", &h.SetReplicas})
	}
	if h.CephFS != nil {
		all = append(all, section{"cephFS", h.CephFS})
	}
	if h.ObjectStorage != nil {
		all = append(all, section{"objectStorage", h.ObjectStorage})
	}
	if h.JobLogs != nil {
		all = append(all, section{"jobLogs", h.JobLogs})
	}
	if h.RegistryMount != nil {
		all = append(all, section{"registryMount", h.RegistryMount})
	}
	if h.Redis != nil {
		all = append(all, section{"redis", h.Redis})
	}
	if h.Database != nil {
		all = append(all, section{"database", h.Database})
	}
	if h.NodePort != nil {
		all = append(all, section{"nodePort", h.NodePort})
	}
	if h.Endpoint != nil {
		all = append(all, section{"endpoint", h.Endpoint})
	}
	if h.Spread != nil {
		all = append(all, section{"spread", h.Spread})
	}
	if h.Secrets != nil {
		all = append(all, section{"secrets", h.Secrets})
	}
	return all
}

// setVersion gives the version of Kubernetes to the sections that name none.
func (h *HarborHA) setVersion() {
	h.Validation.KubernetesVersion = cmp.Or(h.Validation.KubernetesVersion, h.KubernetesVersion)
	if h.Spread != nil {
		h.Spread.KubernetesVersion = cmp.Or(h.Spread.KubernetesVersion, h.KubernetesVersion)
	}
}

// What harbor-ha says of a value in harbor.cfg.
const (
	keptBySecrets = "; krmfn secrets --harbor-cfg harbor.cfg takes it over"
	endpointAway  = " (endpoint: null in a patch takes an inherited one away)"
)

// noCertificate says why nginx does not have the certificate of harbor.cfg, ""
// where it does.
func (h *HarborHA) noCertificate() string {
	switch {
	case h.Endpoint != nil && h.Endpoint.Behind != "":
		return "with spec.endpoint.behind TLS ends in front of nginx"
	case h.Endpoint != nil && h.Endpoint.TLS != nil:
		return "spec.endpoint.tls names a Secret"
	case h.Secrets != nil:
		return "spec.secrets takes them from a Secret; krmfn secrets --harbor-cfg harbor.cfg takes them over"
	}
	return ""
}

// decided are the keys of harbor.cfg that the sections endpoint, database,
// redis and secrets set. Those of Redis came with later Harbors.
func (h *HarborHA) decided() map[string]applyharborcfg.Decision {
	decided := map[string]applyharborcfg.Decision{}
	if h.Secrets != nil {
		for _, use := range harbor.CfgSecrets() {
			decided[use.Cfg] = applyharborcfg.Decision{Field: "spec.secrets", Kept: keptBySecrets}
		}
	}
	if h.Endpoint != nil {
		if e, err := harbor.ParseEndpoint("url", h.Endpoint.URL); err == nil {
			decided["hostname"] = applyharborcfg.Decision{Field: "spec.endpoint.url", Value: e.Address(), Away: endpointAway}
			decided["ui_url_protocol"] = applyharborcfg.Decision{Field: "spec.endpoint.url", Value: e.Scheme, Away: endpointAway}
		}
	}
	if d := h.Database; d != nil {
		decided["db_host"] = applyharborcfg.Decision{Field: "spec.database.host", Value: d.Host}
		decided["db_port"] = applyharborcfg.Decision{Field: "spec.database.port", Value: strconv.Itoa(cmp.Or(d.Port, 3306))}
		decided["db_user"] = applyharborcfg.Decision{Field: "spec.database.user", Value: d.User}
		decided["db_password"] = applyharborcfg.Decision{Field: "spec.database.password", Value: d.Password.Value, Kept: keptBySecrets}
	}
	if h.Redis != nil {
		decided["redis_url"] = applyharborcfg.Decision{Field: "spec.redis.address", Value: h.Redis.Address}
		if host, port, err := net.SplitHostPort(h.Redis.Address); err == nil {
			decided["redis_host"] = applyharborcfg.Decision{Field: "spec.redis.address", Value: host}
			decided["redis_port"] = applyharborcfg.Decision{Field: "spec.redis.address", Value: port}
		}
	}
	return decided
}

// Validate checks the settings of every section.
func (h *HarborHA) Validate() error {
	var errs []error
	if _, err := kube.ParseVersion(h.KubernetesVersion); err != nil {
		errs, h.KubernetesVersion = append(errs, err), ""
	}
	sections := h.sections()
	if len(sections) == 0 {
		return errors.New("spec: there is nothing to do, want at least one section (krmfn help harbor-ha lists them)")
	}
	for _, s := range append(sections, section{"validate", &h.Validation}) {
		if v, ok := s.Runner.(krm.Validator); ok {
			errs = append(errs, krm.Under(s.name, v.Validate()))
		}
	}
	return errors.Join(append(errs, h.storedTwice()...)...)
}

// storedTwice refuses a volume for what another section keeps elsewhere.
func (h *HarborHA) storedTwice() []error {
	if h.CephFS == nil {
		return nil
	}
	var errs []error
	for _, s := range []struct {
		purpose, section string
		elsewhere        bool
	}{
		{harbor.ForImages, "objectStorage", h.ObjectStorage != nil},
		{harbor.ForJobLogs, "jobLogs.store: database", h.JobLogs != nil && h.JobLogs.InDatabase()},
	} {
		if _, named := h.CephFS.Volumes[s.purpose]; named && s.elsewhere {
			errs = append(errs, krm.FieldErrorf(krm.Path{"cephFS", "volumes", s.purpose}.String(),
				"contradicts spec.%s, which keeps them elsewhere: remove one of them (%s: null in a patch takes an inherited one away)", s.section, s.purpose))
		}
	}
	return errs
}

// Run runs the sections. What comes out is validated when all others could do
// their work.
func (h *HarborHA) Run(list *framework.ResourceList) error {
	var errs []error
	for _, s := range h.sections() {
		errs = append(errs, krm.Under(s.name, s.Run(list)))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return krm.Under("validate", h.Validation.Run(list))
}
