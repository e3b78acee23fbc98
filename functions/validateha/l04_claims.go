package validateha

import (
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

const rwx = "ReadWriteMany"

// checkClaim looks at a claim and its volume.
func checkClaim(p *pass, u *claimUse) {
	together := u.shared()
	if together != "" {
		checkModes(p, u, together)
	}
	if pv := u.volume(); pv != nil {
		checkSource(p, u, pv, together)
	}
}

func checkModes(p *pass, u *claimUse, together string) {
	accessModes := krm.Path{"spec", "accessModes"}
	if u.claim == nil {
		if p.elsewhere("PersistentVolumeClaim", u.users[0].Workload, u.name) == nil {
			p.note(u.reference.Object, u.reference.Path,
				"claim %s is not among the resources: check that it is %s, since %s", u.name, rwx, together)
		}
		return
	}
	if !slices.Contains(kube.Modes(u.claim), rwx) {
		p.error(u.claim, accessModes,
			"is not %s, but %s: pods on other nodes wait for the volume, or see one of their own", rwx, together).add(u.remedy()).
			is(kube.Modes(u.claim)).want([]string{rwx})
		return
	}
	pv := u.volume()
	switch {
	case pv != nil && !slices.Contains(kube.Modes(pv), rwx):
		p.error(pv, accessModes, "is not %s, but %s", rwx, together).add(u.remedy()).is(kube.Modes(pv)).want([]string{rwx})
	case pv == nil && len(u.volumes) == 0:
		checkClass(p, u, together)
	}
}

// Drivers and preinstalled classes of disks, to whose file systems one node can
// write.
var (
	diskDrivers = []string{"ebs.csi.aws.com", "kubernetes.io/aws-ebs", "disk.csi.azure.com", "kubernetes.io/azure-disk",
		"pd.csi.storage.gke.io", "kubernetes.io/gce-pd", "cinder.csi.openstack.org", "kubernetes.io/cinder", "rbd.csi.ceph.com",
		"rook-ceph.rbd.csi.ceph.com", "kubernetes.io/rbd", "dobs.csi.digitalocean.com", "csi.hetzner.cloud", "kubernetes.io/vsphere-volume"}
	diskClasses = []string{"gp2", "gp3", "standard-rwo", "premium-rwo", "managed-csi", "managed-csi-premium", "managed-premium",
		"local-path", "do-block-storage", "hcloud-volumes"}
)

// checkClass looks at the class that makes the volume.
func checkClass(p *pass, u *claimUse, together string) {
	name, set := kube.Class(u.claim)
	class := kube.Find(p.list, "StorageClass", "", name)
	provisioner := ""
	if class != nil {
		provisioner = krm.Text(class, "provisioner")
	}
	switch {
	case set && name == "":
		// Static: the volume is not among the resources, which L14 says.
	case slices.Contains(diskDrivers, provisioner):
		p.error(u.claim, className,
			"StorageClass %s makes disks (%s), which one node can use, but %s", name, provisioner, together).add(u.remedy()).is(name)
	case strings.HasSuffix(provisioner, cephFSDriver):
	case class == nil && slices.Contains(diskClasses, name):
		p.warn(u.claim, className,
			"StorageClass %s makes disks on the clusters that come with it, which one node can use, but %s",
			name, together).add(u.remedy()).is(name)
	case name == "":
		p.note(u.claim, className, "the default StorageClass makes the volume: check that its volumes can be %s, since %s", rwx, together)
	default:
		p.note(u.claim, className, "StorageClass %s makes the volume: check that its volumes can be %s, since %s", name, rwx, together)
	}
}
