package movesecrets

import (
	"fmt"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// registryConfig moves secrets of the registry from config.yml to variables. The
// one that all replicas of the registry have to share is given to it in any case.
func (m *mover) registryConfig(c harbor.Component) error {
	if c.Name() != harbor.Registry && c.Name() != harbor.RegistryCtl {
		return nil
	}
	config := c.RegistryConfig(m.list, c.Environment(m.list))
	source := config.Value.Source
	switch {
	case source.Kind != "ConfigMap":
		return nil
	case source.Object == nil:
		return fmt.Errorf("%s reads ConfigMap %s, which is not among the resources", krm.Name(c.RNode), source.Name)
	case config.Value.Broken:
		return fmt.Errorf("%s has no key %s, which %s mounts as %s", krm.Name(source.Object), source.Key, krm.Name(c.RNode), config.File)
	}
	embedded, err := krm.Embed(config.Object, config.Path...)
	if err != nil {
		return err
	}
	for _, v := range m.before { // registryctl reads what the registry reads, and may come second
		if v.Component.RNode != c.RNode || v.Component.Name() != c.Name() || v.Variable == "" || !v.Open() {
			continue
		}
		if err := embedded.Remove(m.list, v.Place.Field...); err != nil {
			return err
		}
		if to := m.place(v.SecretUse); v.Read {
			if err := c.SetSecretVariable(m.list, v.Variable, to.Name, to.Key); err != nil {
				return err
			}
		}
	}
	if c.Name() != harbor.Registry {
		return nil
	}
	return m.shareSecrets(c)
}

// share gives the core the secrets that its replicas share.
func (m *mover) share(c harbor.Component) error {
	if c.Name() != harbor.Core {
		return nil
	}
	return m.shareSecrets(c)
}

// shareSecrets gives a part the secrets that its replicas share, and nobody else, where
// it has none.
func (m *mover) shareSecrets(c harbor.Component) error {
	for _, use := range m.harbor.Secrets {
		variable := use.Settings[0].Places[0].Variable
		if readers := m.harbor.Readers(use); !use.Shared || variable == "" || len(readers) != 1 || readers[0] != c.Name() {
			continue
		}
		if v, _ := c.Environment(m.list).Get(variable); v.Source.Kind == "Secret" {
			continue
		}
		to := m.place(use)
		if err := c.SetSecretVariable(m.list, variable, to.Name, to.Key); err != nil {
			return err
		}
	}
	return nil
}

// appConf empties the secrets in INI files, which nobody reads there.
func (m *mover) appConf(c harbor.Component) error {
	for _, v := range m.harbor.SecretsOf(c) {
		if v.Place.Key == "" {
			continue
		}
		if err := c.SetAppConf(m.list, v.Place.Section, v.Place.Key, "", true); err != nil {
			return err
		}
	}
	return nil
}
