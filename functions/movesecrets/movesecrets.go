// Package movesecrets moves passwords and keys out of the manifests: pods read
// them from Secrets that are named here and not contained in the manifests.
//
// Environment variables become references to a Secret, files in volumes come
// from it, and keys of ConfigMaps that nobody reads any more go. krmfn secrets
// makes the Secret. Its keys are named like the variables: for Harbor 1.2 to 1.5
// UI_SECRET, JOBSERVICE_SECRET, SECRET_KEY, HARBOR_ADMIN_PASSWORD,
// LDAP_SEARCH_PWD, EMAIL_PWD and HTTP_SECRET, and like the files, private_key.pem
// and root.crt, and https.key and https.crt, which an nginx.conf that names a
// certificate needs; for Harbor 2.x CORE_SECRET, JOBSERVICE_SECRET, CSRF_KEY,
// HARBOR_ADMIN_PASSWORD, REGISTRY_HTTP_SECRET, REGISTRY_CREDENTIAL_PASSWORD,
// REGISTRY_HTPASSWD and SCANNER_TRIVY_GITHUB_TOKEN, and like the chart's keys of
// files, secretKey, tls.key and tls.crt. The passwords of the database and of Redis
// come from Secrets of their own.
//
// A Secret that the manifests contain is no place for a secret either: what Harbor
// reads of it comes from the Secrets that are named here, and it goes, with a
// notice. So two renders of harbor-helm, which makes other values each time, give
// the same (harbor-helm#2139, #2263). One that holds more than Harbor's own stays,
// with a warning. One with a certificate for TLS goes too, and what refers to it
// does so by the same name. What comes from a Secret outside of the manifests stays
// there, and so does one that is among them under a name and key that pods are to
// read.
//
// A password in a URL of Redis comes from the variable REDIS_PASSWORD
// (harbor-helm#2136, #2235): of the key password, or password-url where a URL has
// to have it in another form, percent-encoded.
//
// Secrets of the registry's config.yml come from variables that the registry takes
// instead, and from keys that are called like these: of
// storage.s3.secretkey it is REGISTRY_STORAGE_S3_SECRETKEY. Nobody can make up
// such a value, nor the password of Clair, the secret of UAA and what Notary reads:
// a warning names the keys, and krmfn secrets --from takes the values over from the
// manifests as they were.
//
// The annotation in which kubectl apply keeps the object as it was goes where it
// shows secrets.
//
// The jobservice of 1.x also gets the file /etc/jobservice/key, which upstream's
// manifests forgot and without which no replication to a registry with a
// password works (Harbor v1.2.0, src/jobservice).
//
// It knows Harbor 1.2 to 1.5 and 2.x, and refuses others.
package movesecrets

import (
	"errors"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Function is move-secrets.
var Function = krm.Function{Name: "move-secrets", New: func() krm.Runner { return &MoveSecrets{} }}

// MoveSecrets is the settings.
type MoveSecrets struct {
	// Name of the Secret with Harbor's own secrets and keys.
	Name string `yaml:"name" default:"harbor-secrets"`
	// Name of the Secret with the password of the database, under `password`.
	Database string `yaml:"database" default:"harbor-database"`
	// Name of the Secret with the password of Redis, under `password`.
	Redis string `yaml:"redis" default:"harbor-redis"`
}

// Validate checks the names.
func (s *MoveSecrets) Validate() error {
	errs := []error{krm.CheckName("name", s.Name), krm.CheckName("database", s.Database), krm.CheckName("redis", s.Redis)}
	if s.Database == s.Redis {
		errs = append(errs, krm.FieldErrorf("redis", "is %s, and so is database: both passwords would come from its key %s; name another Secret",
			s.Redis, harbor.SecretPassword))
	}
	return errors.Join(errs...)
}

// Run moves the secrets of every component.
func (s *MoveSecrets) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	if err := h.Needs("which settings hold its secrets", func(h *harbor.Harbor) bool { return len(h.Secrets) > 0 }); err != nil {
		return err
	}
	m := newMover(s, h, list)
	if err := m.check(); err != nil {
		return err
	}
	applied := harbor.AppliedSecrets(list)
	for _, c := range h.Components {
		for _, move := range []func(harbor.Component) error{m.variables, m.files, m.registryConfig, m.share, m.appConf} {
			if err := move(c); err != nil {
				return err
			}
		}
	}
	m.dropUnread()
	m.dropSecrets()
	for _, a := range applied {
		krm.Remove(list, a.Object, "metadata", "annotations", harbor.LastApplied)
	}
	m.tell()
	return nil
}

// place is the Secret and the key that a value comes from.
func (s *MoveSecrets) place(u harbor.SecretUse) harbor.SecretKey {
	return harbor.SecretKey{Name: s.names()[u.In], Key: u.Key}
}

func (s *MoveSecrets) names() map[harbor.SecretObject]string {
	return map[harbor.SecretObject]string{harbor.OwnSecret: s.Name, harbor.DatabaseSecret: s.Database, harbor.RedisSecret: s.Redis}
}

// field is the setting that names the Secret.
func (s *MoveSecrets) field(in harbor.SecretObject) string {
	return map[harbor.SecretObject]string{harbor.OwnSecret: "name", harbor.DatabaseSecret: "database", harbor.RedisSecret: "redis"}[in]
}

// mover moves the secrets of one Harbor.
type mover struct {
	*MoveSecrets
	harbor *harbor.Harbor
	list   *framework.ResourceList
	// before are the secrets as they were.
	before []harbor.SecretValue
	// contained are the Secrets among the resources that Harbor reads, and known the
	// keys of them that it reads as something of the model.
	contained []*yaml.RNode
	known     []kube.Source
}

func newMover(s *MoveSecrets, h *harbor.Harbor, list *framework.ResourceList) *mover {
	m := &mover{MoveSecrets: s, harbor: h, list: list, before: h.SecretValues(), known: h.RedisSources()}
	for _, v := range m.before {
		m.known = append(m.known, v.Value.Source)
	}
	m.contained = m.secretsRead()
	return m
}

// moves says whether the value is to come from another Secret: everybody who reads
// the manifests can read it, in a Secret among them too.
func (m *mover) moves(v harbor.SecretValue) bool {
	source, to := v.Value.Source, m.place(v.SecretUse)
	return v.Open() || v.Contained() != nil && (source.Name != to.Name || source.Key != to.Key)
}
