package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// disks are the sources that one node can write to.
var disks = []string{"awsElasticBlockStore", "azureDisk", "gcePersistentDisk", "cinder", "vsphereVolume",
	"photonPersistentDisk", "scaleIO", "storageos", "iscsi", "fc", "rbd"}

// plugin is a kind of volume that Kubernetes had built in.
type plugin struct {
	field               string
	deprecated, removed int // minor releases
	instead             string
}

var plugins = []plugin{
	{"cephfs", 28, 31, "its CSI driver (kubernetes#118143, kubernetes#124544)"},
	{"rbd", 28, 31, "its CSI driver"},
	{"glusterfs", 25, 26, "another volume"},
}

func checkSource(p *pass, u *claimUse, pv *yaml.RNode, together string) {
	spec := krm.Path{"spec"}
	checkPlugin(p, pv, spec, u.remedy())
	driver := krm.Text(pv, "spec", "csi", "driver")
	switch {
	case krm.Lookup(pv, "spec", "hostPath") != nil:
		checkHostPath(p, u, pv, spec.Append("hostPath"))
	case together == "":
	case krm.Lookup(pv, "spec", "local") != nil:
		p.error(pv, spec.Append("local"), "is a disk of one node, but %s", together).add(u.remedy())
	case ofOneNode(pv):
		p.error(pv, spec.Append("nodeAffinity"), "lets one node use the volume, but %s", together).add(u.remedy())
	case kube.VolumeMode(pv) == "Block":
	case slices.Contains(diskDrivers, driver):
		p.error(pv, spec.Append("csi", "driver"),
			"%s makes disks, which one node can use, but %s", driver, together).add(u.remedy()).is(driver)
	default:
		for _, d := range disks {
			if krm.Lookup(pv, "spec", d) != nil {
				p.error(pv, spec.Append(d), "is a disk, which one node can use, but %s", together).add(u.remedy())
			}
		}
	}
}

// ofOneNode says whether only one node can mount the volume, by its name.
func ofOneNode(pv *yaml.RNode) bool {
	terms := krm.Path{"spec", "nodeAffinity", "required", "nodeSelectorTerms"}
	var nodes []string
	for i := range krm.Elements(pv, terms...) {
		named := false
		for j := range krm.Elements(pv, terms.Append(i, "matchExpressions")...) {
			at := terms.Append(i, "matchExpressions", j)
			if krm.Text(pv, at.Append("key")...) == "kubernetes.io/hostname" && krm.Text(pv, at.Append("operator")...) == "In" {
				named = true
				for _, n := range krm.Elements(pv, at.Append("values")...) {
					nodes = append(nodes, n.Value)
				}
			}
		}
		if !named {
			return false
		}
	}
	slices.Sort(nodes)
	return len(slices.Compact(nodes)) == 1
}

func checkPlugin(p *pass, obj *yaml.RNode, at krm.Path, remedy string) {
	for _, plugin := range plugins {
		field := at.Append(plugin.field)
		switch {
		case krm.Lookup(obj, field...) == nil:
		case p.version.Minor >= plugin.removed:
			p.error(obj, field,
				"this volume plugin is gone since Kubernetes 1.%d: no pod that uses the volume starts; use %s",
				plugin.removed, plugin.instead).add(remedy)
		case p.version.Minor >= plugin.deprecated:
			p.warn(obj, field,
				"this volume plugin is deprecated and gone from Kubernetes 1.%d on: use %s", plugin.removed, plugin.instead).add(remedy)
		}
	}
}

// keepsData are the parts whose data cannot be made again.
var keepsData = []string{harbor.Registry, harbor.MySQL, harbor.Database}

// checkHostPath reports a folder of a node. That of logs is worth a warning;
// that of images and of a database an error, also for one pod, which finds it
// empty on another node unless the volume keeps it on this one.
func checkHostPath(p *pass, u *claimUse, pv *yaml.RNode, at krm.Path) {
	if u.shared() == "" && krm.Lookup(pv, "spec", "nodeAffinity") != nil {
		return
	}
	say := p.error
	if u.shared() == "" && !slices.ContainsFunc(u.users, func(c *part) bool {
		return slices.Contains(keepsData, c.Name())
	}) {
		say = p.warn
	}
	say(pv, at,
		"is a folder of one node: pods on other nodes do not see what the %s stores there",
		strings.Join(names(u.users), " and ")).add(u.remedy())
}
