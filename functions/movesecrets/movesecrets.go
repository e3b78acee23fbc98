// Package movesecrets moves passwords and keys out of the ConfigMaps: pods read
// them from Secrets that are named here and not contained in the manifests.
//
// Environment variables become references to a Secret, files in volumes come
// from it, and keys of ConfigMaps that nobody reads any more go. krmfn secrets
// makes the Secret; its keys are named like the variables, UI_SECRET,
// JOBSERVICE_SECRET, SECRET_KEY, HARBOR_ADMIN_PASSWORD, LDAP_SEARCH_PWD,
// EMAIL_PWD and HTTP_SECRET, and like the files, private_key.pem and root.crt,
// and https.key and https.crt, which an nginx.conf that names a certificate needs.
// The passwords of MySQL and Redis come from Secrets of their own. What comes from
// a Secret already stays there.
//
// Secrets of the registry's config.yml come from variables that the registry takes
// instead, and from keys that are called like these: of
// storage.s3.secretkey it is REGISTRY_STORAGE_S3_SECRETKEY. Nobody can make up
// such a value, nor the password of Clair and the secret of UAA: a warning names
// the keys, and krmfn secrets --from takes the values over from the manifests as
// they were.
//
// The annotation in which kubectl apply keeps the object as it was goes where it
// shows secrets.
//
// The jobservice also gets the file /etc/jobservice/key, which upstream's
// manifests forgot and without which no replication to a registry with a
// password works (Harbor v1.2.0, src/jobservice).
//
// It knows Harbor 1.2 to 1.5, and refuses others.
package movesecrets

import (
	"errors"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Function is move-secrets.
var Function = krm.Function{Name: "move-secrets", New: func() krm.Runner { return &MoveSecrets{} }}

// MoveSecrets is the settings.
type MoveSecrets struct {
	// Name of the Secret with Harbor's own secrets and keys.
	Name string `yaml:"name" default:"harbor-secrets"`
	// Name of the Secret with the password of MySQL, under `password`.
	Database string `yaml:"database" default:"harbor-database"`
	// Name of the Secret with the password of Redis, under `password`.
	Redis string `yaml:"redis" default:"harbor-redis"`
}

// Validate checks the names.
func (s *MoveSecrets) Validate() error {
	return errors.Join(krm.CheckName("name", s.Name), krm.CheckName("database", s.Database), krm.CheckName("redis", s.Redis))
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
	before := h.SecretValues()
	if err := s.check(before); err != nil {
		return err
	}
	m := &mover{s, h, list}
	applied := harbor.AppliedSecrets(list)
	for _, c := range h.Components {
		for _, move := range []func(harbor.Component) error{m.variables, m.files, m.registryConfig, m.appConf} {
			if err := move(c); err != nil {
				return err
			}
		}
	}
	m.dropUnread()
	for _, a := range applied {
		krm.Remove(list, a.Object, "metadata", "annotations", harbor.LastApplied)
	}
	m.tell(before)
	return nil
}

// place is the Secret and the key that a value comes from.
func (s *MoveSecrets) place(u harbor.SecretUse) harbor.SecretKey {
	name := map[harbor.SecretObject]string{harbor.OwnSecret: s.Name, harbor.DatabaseSecret: s.Database, harbor.RedisSecret: s.Redis}[u.In]
	return harbor.SecretKey{Name: name, Key: u.Key}
}

// mover moves the secrets of one Harbor.
type mover struct {
	*MoveSecrets
	harbor *harbor.Harbor
	list   *framework.ResourceList
}
