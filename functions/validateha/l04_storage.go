package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

var sharedStorage = Rule{
	ID: "L04", Severity: framework.Error,
	What: "Images are on a volume, the same one for registry and registryctl, and a volume that several pods use can be reached from every node.",
	Why: "A replica that sees another folder, or an empty one, has no images, and pushes and pulls fail (seen with Harbor 2.15.1); the ui of 1.x " +
		"then deletes their entries from the database too (harbor#3637, harbor#20098; harbor v1.2.0 src/ui/api/utils.go, SyncRegistry); " +
		"what registryctl does not see, garbage collection takes for deleted (harbor src/jobservice/job/impl/gc/util.go, ignoreNotFound).",
	Do:     "Take a volume that can be ReadWriteMany, for all of them; use-cephfs makes one.",
	Remedy: []string{"cephFS", "database", "jobLogs"},
	check: func(p *pass) {
		for _, c := range p.named(harbor.Registry) {
			checkImages(p, c)
		}
		for _, u := range p.claims {
			checkClaim(p, u)
		}
		for _, c := range p.parts {
			checkInlineVolumes(p, c)
		}
		for _, c := range p.named(harbor.JobService) {
			checkLogs(p, c)
		}
		for _, c := range p.named(harbor.RegistryCtl) {
			checkSameImages(p, c)
		}
	},
}

// keeps is where the part keeps what the purpose says, the zero Stored where it has
// no such storage.
func (c *part) keeps(purpose string) harbor.Stored {
	for _, s := range c.stored {
		if s.Use.Purpose == purpose {
			return s
		}
	}
	return harbor.Stored{}
}

// toVolume is the section of HarborHA that takes a volume of that purpose elsewhere,
// "" for none.
func toVolume(c *part, purpose string) string {
	switch {
	case purpose == "":
		return ""
	case purpose == harbor.ForJobLogs && c.Harbor.JobLogs != nil:
		return toJobLogs // needs no volume
	}
	return krm.Path{"cephFS", "volumes", purpose}.String()
}

// checkInlineVolumes looks at volumes that pods have without a claim.
func checkInlineVolumes(p *pass, c *part) {
	volumes := c.Pod.Append("volumes")
	for i := range krm.Elements(c.RNode, volumes...) {
		at := volumes.Append(i)
		switch source := c.SourceOf(at); {
		case slices.ContainsFunc(plugins, func(p plugin) bool { return p.field == source }):
			checkPlugin(p, c.RNode, at, toVolume(c, purposeOf(c, at)))
		case source == "hostPath" && p.uses(c, at):
			checkFolder(p, c, at)
		}
	}
}

// checkFolder looks at a folder of the node.
func checkFolder(p *pass, c *part, volume krm.Path) {
	at := volume.Append("hostPath")
	purpose := purposeOf(c, volume)
	switch folder := krm.Text(c.RNode, at.Append("path")...); {
	case folder == "/etc/localtime" || strings.HasPrefix(folder, "/usr/share/zoneinfo"):
	case purpose == harbor.ForImages:
		p.error(c.RNode, at, "is a folder of one node: pods on other nodes do not see the images in it").add(toVolume(c, purpose))
	default:
		p.warn(c.RNode, at, "is a folder of one node: pods on other nodes do not see what the %s stores there", c.Name()).add(toVolume(c, purpose))
	}
}

// purposeOf is what a part keeps on the volume, "" for nothing that is known.
func purposeOf(c *part, volume krm.Path) string {
	for _, s := range c.stored {
		if s.Mounted && s.Mount.Volume.String() == volume.String() {
			return s.Use.Purpose
		}
	}
	return ""
}

// checkLogs looks at where the jobservice keeps the logs of its jobs.
func checkLogs(p *pass, c *part) {
	logs := c.keeps(harbor.ForJobLogs)
	switch {
	case !logs.Folder.Known || logs.Folder.Text == "" || logs.Elsewhere:
	case !logs.Mounted, c.OfPod(logs.Mount):
		f := p.warn(c.RNode, c.Path.Append("volumeMounts"),
			"job logs are in %s, which is on no PersistentVolumeClaim: they are lost with the pod (harbor#3919)%s", shown(logs.Folder), apart(p, c))
		if logs.Mounted || c.Harbor.JobLogs != nil {
			f.add(toVolume(c, harbor.ForJobLogs))
		}
	case logs.Mount.Template && p.replicas(c).several():
		f := p.warn(c.RNode, logs.Mount.Volume, "job logs are on a volume that each of %s has to itself%s", p.replicas(c).word, apart(p, c))
		if c.Harbor.JobLogs != nil {
			f.add(toJobLogs)
		}
	}
}

// apart says what comes of job logs that each pod has to itself (seen with Harbor
// 2.15.1).
func apart(p *pass, c *part) string {
	if !p.replicas(c).several() {
		return ""
	}
	return "; users get 404 for those of other pods than the one that is asked"
}

// checkSameImages looks at registryctl, through which garbage collection deletes.
// What it does not find there it takes for deleted (harbor
// src/jobservice/job/impl/gc/util.go, ignoreNotFound).
func checkSameImages(p *pass, c *part) {
	const harm = "garbage collection takes them for deleted, and the storage is never freed"
	own := c.keeps(harbor.ForImages)
	for _, registry := range p.beside(c, harbor.Registry) {
		images := registry.keeps(harbor.ForImages)
		switch {
		case !own.Folder.Known || !images.Folder.Known:
		case (own.Folder.Text == "") != (images.Folder.Text == ""):
			p.error(c.RNode, c.Path.Append("volumeMounts"), "reads a config.yml with another storage than %s keeps images in: %s",
				krm.Name(registry.RNode), harm)
		case !images.Mounted || own.Same(images):
		case !own.Mounted:
			p.error(c.RNode, c.Path.Append("volumeMounts"), "the registryctl mounts no volume at %s, where the images of %s are: %s",
				shown(own.Folder), krm.Name(registry.RNode), harm)
		default:
			p.error(c.RNode, own.Mount.Path, "is not the volume on which %s keeps its images: %s", krm.Name(registry.RNode), harm)
		}
	}
}
