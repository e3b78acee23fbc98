package movesecrets

import (
	"fmt"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// registryConfig moves secrets of the registry from config.yml to variables. The
// one that all replicas of the registry have to share is given to it in any case.
func (m *mover) registryConfig(c harbor.Component) error {
	if c.Name() != harbor.Registry {
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
	for _, v := range m.harbor.SecretsOf(c) {
		if v.Variable == "" || !v.Open() {
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
	return m.shareSecret(c)
}

// shareSecret gives the registry the secrets that its replicas share, where it has
// none.
func (m *mover) shareSecret(c harbor.Component) error {
	for _, use := range m.harbor.Secrets {
		for _, s := range use.Settings {
			if !use.Shared || s.Of != harbor.Registry || c.FromSecret(m.list, s.Places[0].Variable) {
				continue
			}
			to := m.place(use)
			if err := c.SetSecretVariable(m.list, s.Places[0].Variable, to.Name, to.Key); err != nil {
				return err
			}
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
