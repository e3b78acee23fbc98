package validateha

import (
	"errors"
	"path"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var registryReadsConfig = Rule{
	ID: "L01", Severity: framework.Error,
	What: "The registry reads the config.yml that is mounted for it.",
	Why: "Otherwise it runs on the image's own: nobody is asked for a password, and images are in the container and lost with it " +
		"(harbor#3637, harbor#4200; cmd/registry/config-example.yml of distribution v2.6.2).",
	Do:     "Mount it at /etc/registry and name it in args; fix-registry-mount does both for Harbor 1.x.",
	Remedy: []string{"registryMount"},
	Of:     known,
	check: func(p *pass) {
		for _, c := range p.named(harbor.Registry) {
			checkConfigPath(p, c)
		}
	},
}

func checkConfigPath(p *pass, c *part) {
	r := c.registry
	elsewhere := r.File != "" && r.File != r.Reads
	switch {
	case r.File == "" && r.Readable: // byVariables
	case r.Reads == "":
		p.note(c.RNode, c.Path.Append("image"),
			"which configuration this image reads cannot be seen: check that it is the mounted one, or name that in args").is(c.Image())
	case r.At.State == kube.Unsure:
		p.note(c.RNode, r.At.Mount.Path.Append("mountPath"),
			"the contents of this volume are not among the resources: check that it holds %s", path.Base(r.Reads))
	case r.At.State == kube.Absent && !r.Plain() && !elsewhere:
		p.note(c.RNode, c.Path.Append("volumeMounts"), "no mount provides %s: check that the image does", r.Reads)
	case r.At.State == kube.Absent && !r.HasDefault():
		f := p.error(c.RNode, c.Path.Append("args"),
			"the registry is told to read %s, which no mount provides: it does not start", r.Reads).is(r.Reads)
		if elsewhere {
			f.want(r.File).add(c.toMount())
		}
	case r.At.State == kube.Absent && elsewhere:
		misplaced(p, c)
	case r.At.State == kube.Absent:
		p.error(c.RNode, c.Path.Append("volumeMounts"),
			"no mount provides %s, the configuration that the registry reads: it starts with the image's own, which asks nobody for a "+
				"password and keeps images in the container", r.Reads)
	case len(r.At.Value.Unseen) > 0:
		p.note(c.RNode, r.At.Mount.Path,
			"config.yml comes from %s, which is not among the resources: its content is not checked", sources(r.At.Value.Unseen))
	case r.Err != nil:
		p.error(r.Object, r.Path, "is not a configuration of a registry: %s", message(r.Err))
	case r.Readable && r.Text("version") != harbor.RegistryConfigVersion:
		p.error(r.Object, r.Path, "version is not %s in config.yml: the registry does not start", harbor.RegistryConfigVersion)
	}
}

// toMount is the section that mounts the config where the registry reads it, "" where
// there is none: Harbor 2.x has never had that mistake.
func (c *part) toMount() string {
	if c.Harbor.IsV1() {
		return toMount
	}
	return ""
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
func misplaced(p *pass, c *part) {
	r := c.registry
	m, _ := c.MountOf(r.File)
	at := m.MountPath
	f := p.error(c.RNode, m.Path.Append("mountPath"),
		"config.yml is mounted as %s and the registry reads %s: it runs on the image's own configuration, which asks nobody for a "+
			"password and keeps images in the container (harbor#3637)", r.File, r.Reads).add(c.toMount()).is(at)
	if path.Join(at, path.Base(r.Reads)) == r.File {
		f.want(path.Dir(r.Reads))
	}
}
