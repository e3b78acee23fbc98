package validateha

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var registryStarts = Rule{
	ID: "L03", Severity: framework.Error,
	What: "The registry is started past its image's entrypoint where its config is mounted at /etc/registry.",
	Why: "The entrypoint does a chown on that folder, and ConfigMaps are mounted read-only since Kubernetes 1.9.4, 1.8.9 and 1.7.14: " +
		"the registry never starts (harbor#4496, harbor#5568).",
	Do:     "Pin command and args; fix-registry-mount does.",
	Remedy: []string{"registryMount"},
	Of:     old,
	check: func(p *pass) {
		for _, c := range p.named(harbor.Registry) {
			checkEntrypoint(p, c)
		}
	},
}

func checkEntrypoint(p *pass, c *part) {
	certain, possible := p.version.ReadOnlyConfig()
	if !possible || !c.registry.Chowns() {
		return
	}
	readOnly := slices.ContainsFunc(c.Mounts(), func(m kube.Mount) bool {
		at := path.Clean(m.MountPath)
		return (at == harbor.RegistryDir || strings.HasPrefix(at, harbor.RegistryDir+"/")) &&
			hasAny(c.RNode, m.Volume, "configMap", "secret", "projected", "downwardAPI")
	})
	if readOnly {
		say := p.error
		if !certain {
			say = p.warn
		}
		say(c.RNode, c.Path.Append("command"),
			"leaves the start to the image's entrypoint, which does a chown on %s, and Kubernetes %s mounts that read-only: the "+
				"registry never starts (harbor#4496)", harbor.RegistryDir, p.version).add(toMount).
			want([]string{"/usr/bin/registry"})
	}
}
