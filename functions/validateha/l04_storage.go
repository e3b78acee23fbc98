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
	What: "Images are on a volume, and a volume that several pods use can be reached from every node.",
	Why: "A replica that sees another folder, or an empty one, has no images; the ui then deletes their entries from the database too " +
		"(harbor#3637, harbor#20098; harbor v1.2.0 src/ui/api/utils.go, SyncRegistry).",
	Do:     "Take a PersistentVolume that can be ReadWriteMany; use-cephfs makes one.",
	Remedy: []string{"cephFS", "database"},
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
	},
}

// checkInlineVolumes looks at volumes that pods have without a claim.
func checkInlineVolumes(p *pass, c *part) {
	volumes := c.Pod.Append("volumes")
	for i := range krm.Elements(c.RNode, volumes...) {
		at := volumes.Append(i)
		checkPlugin(p, c.RNode, at, "")
		if krm.Lookup(c.RNode, at.Append("hostPath")...) == nil || !p.uses(c, at) {
			continue
		}
		switch folder := krm.Text(c.RNode, at.Append("hostPath", "path")...); {
		case folder == "/etc/localtime" || strings.HasPrefix(folder, "/usr/share/zoneinfo"):
		case c.Name() == harbor.Registry && keepsImages(c, at):
			p.error(c.RNode, at.Append("hostPath"), "is a folder of one node: pods on other nodes do not see the images in it")
		default:
			p.warn(c.RNode, at.Append("hostPath"),
				"is a folder of one node: pods on other nodes do not see what the %s stores there", c.Name())
		}
	}
}

func keepsImages(c *part, volume krm.Path) bool {
	r := c.registry
	drivers, _ := r.Drivers()
	m, ok := r.Images()
	return ok && slices.Contains(drivers, "filesystem") && m.Volume.String() == volume.String()
}

// checkLogs looks at where the jobservice keeps the logs of its jobs.
func checkLogs(p *pass, c *part) {
	logs := c.JobLogs(p.list, c.env)
	if dir := logs.Folder; c.Generation() == harbor.V1 && dir.Known && !outlives(c, dir.Text) {
		p.warn(c.RNode, c.Path.Append("volumeMounts"),
			"job logs are in %s, which is on no PersistentVolumeClaim: they are lost with the pod (harbor#3919)", shown(dir))
	}
}
