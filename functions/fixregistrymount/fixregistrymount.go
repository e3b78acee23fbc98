// Package fixregistrymount makes the registry read the configuration that is
// mounted for it.
//
// Harbor 1.2's manifests mount it at /etc/docker/registry, but images of the tag
// 2.6.2-photon that were built since November 2017 read /etc/registry. Such a
// registry starts with its built-in configuration: it asks nobody for a password
// and keeps the images in the container, where they are lost with the pod
// (harbor#3637, harbor#4200).
//
// The mount and auth.token.rootcertbundle in config.yml, which has to move with
// it, go to /etc/registry. command and args are pinned, because the entrypoint
// of these images does a chown on the mount, which is read-only since Kubernetes
// 1.9.4, and the registry never starts (harbor#4496, harbor#5568). Pinned, the
// registry runs as the user of the image, root.
//
// It is about Harbor 1.2 to 1.5, and refuses others.
package fixregistrymount

import (
	"errors"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Function is fix-registry-mount.
var Function = krm.Function{Name: "fix-registry-mount", New: func() krm.Runner { return &FixRegistryMount{} }}

// FixRegistryMount is the settings.
type FixRegistryMount struct {
	// Whether command and args of the container are pinned, so that it no longer
	// matters what the image's entrypoint does.
	PinCommand bool `yaml:"pinCommand" default:"true"`
}

// program is where all builds of the image have the registry (harbor,
// make/photon/registry).
const program = "/usr/bin/registry"

// Run moves the mounts, changes config.yml and pins the command.
func (s *FixRegistryMount) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	if err := h.Needs("what this function changes", (*harbor.Harbor).IsV1); err != nil {
		return err
	}
	registries, err := h.Need(harbor.Registry)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range registries {
		errs = append(errs, s.fix(list, c))
	}
	return errors.Join(errs...)
}

func (s *FixRegistryMount) fix(list *framework.ResourceList, c harbor.Component) error {
	config, err := c.ConfigFile(list, harbor.RegistryConfigFile)
	if err != nil {
		return err
	}
	old := path.Dir(config.File)
	if err := moveMounts(list, c, old); err != nil {
		return err
	}
	if err := moveCertificate(list, c, config, old); err != nil || !s.PinCommand {
		return err
	}
	if err := krm.Set(list, c.RNode, krm.List(program), c.Path.Append("command")...); err != nil {
		return err
	}
	return krm.Set(list, c.RNode, krm.List("serve", path.Join(harbor.RegistryDir, harbor.RegistryConfigFile)), c.Path.Append("args")...)
}

// moveMounts moves what is mounted at or below the old directory.
func moveMounts(list *framework.ResourceList, c harbor.Component, old string) error {
	for _, m := range c.Mounts() {
		below, found := strings.CutPrefix(path.Clean(m.MountPath), old)
		if !found || below != "" && below[0] != '/' {
			continue
		}
		if err := krm.Set(list, c.RNode, harbor.RegistryDir+below, m.Path.Append("mountPath")...); err != nil {
			return err
		}
	}
	return nil
}

// moveCertificate makes rootcertbundle name a file that the mounts deliver.
func moveCertificate(list *framework.ResourceList, c harbor.Component, config harbor.ConfigFile, old string) error {
	embedded, err := krm.Embed(config.ConfigMap, "data", config.Key)
	if err != nil {
		return err
	}
	certificate := embedded.Text("auth", "token", "rootcertbundle")
	if certificate == "" {
		krm.Warn(list, config.ConfigMap, krm.Path{"data", config.Key},
			"has no auth.token.rootcertbundle: a registry without token authentication lets everybody push and pull")
		return nil
	}
	moved := path.Join(harbor.RegistryDir, path.Base(certificate))
	if below, found := strings.CutPrefix(certificate, old+"/"); found {
		moved = path.Join(harbor.RegistryDir, below)
	}
	for _, wanted := range []kube.State{kube.Present, kube.Unsure} { // e.g. in a Secret that is not in the list
		switch {
		case c.At(list, certificate).State == wanted:
			return nil
		case c.At(list, moved).State == wanted:
			return embedded.Set(list, moved, "auth", "token", "rootcertbundle")
		}
	}
	return krm.Fault(config.ConfigMap, krm.Path{"data", config.Key},
		"auth.token.rootcertbundle is %s, which no mount of %s provides", certificate, krm.Name(c.RNode))
}
