package validateha

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

var sharedStorage = Rule{
	ID: "L04", Severity: framework.Error,
	What: "Images are on a volume, and a volume that several pods use can be reached from every node.",
	Why:  "A replica that sees another folder, or an empty one, has no images; the ui then deletes their entries from the database too (harbor#3637, harbor#20098; harbor v1.2.0 src/ui/api/utils.go, SyncRegistry).",
	Do:   "Take a PersistentVolume that can be ReadWriteMany; use-cephfs makes one.",
	check: func(k *checker) {
		for _, c := range k.all {
			if c.Name() == harbor.Registry {
				k.checkImages(k.registry(c))
			}
		}
		for _, u := range k.storage {
			k.checkClaim(u)
		}
		for _, c := range k.all {
			k.checkInlineVolumes(c)
		}
		for _, c := range k.old(harbor.JobService) {
			k.checkLogs(c)
		}
	},
}

// claimUse is a claim, and the components of Harbor whose pods mount it.
type claimUse struct {
	name      string
	claim     *yaml.RNode // nil: not in the list
	volumes   []*yaml.RNode
	users     []harbor.Component
	reference place // of the first user
}

// claimUses finds the claims that Harbor mounts.
func (k *checker) claimUses() []claimUse {
	var all []claimUse
	for _, c := range k.all {
		for _, s := range k.sources(c.Workload) {
			if s.Kind != "PersistentVolumeClaim" {
				continue
			}
			i := slices.IndexFunc(all, func(u claimUse) bool {
				return u.name == s.Name && u.reference.obj.GetNamespace() == c.GetNamespace()
			})
			if i < 0 {
				u := claimUse{name: s.Name, claim: s.Object, reference: place{c.RNode, s.Path}}
				if s.Object != nil {
					u.volumes = k.fitting(s.Object)
				}
				i, all = len(all), append(all, u)
			}
			if !all[i].uses(c) {
				all[i].users = append(all[i].users, c)
			}
		}
	}
	return all
}

// uses says whether the component is known as a user.
func (u claimUse) uses(c harbor.Component) bool {
	return slices.ContainsFunc(u.users, func(other harbor.Component) bool { return other.RNode == c.RNode })
}

// volume is the volume that the claim is bound to, nil when that cannot be seen.
func (u claimUse) volume() *yaml.RNode {
	if len(u.volumes) == 1 {
		return u.volumes[0]
	}
	return nil
}

// shared says in words which pods use the claim together, "" when only one does.
func (k *checker) shared(u claimUse) string {
	var names []string
	pods, alone := 0, ""
	for _, c := range u.users {
		if s := k.scale(c.Workload); s.n > 0 {
			names, pods = append(names, krm.Name(c.RNode)), pods+s.n
			alone = fmt.Sprintf("%s has %s", c.Name(), s.word)
		}
	}
	switch {
	case pods < 2:
		return ""
	case len(names) == 1:
		return alone
	}
	return strings.Join(names, " and ") + " use it together"
}

const rwx = "ReadWriteMany"

func modes(obj *yaml.RNode) []string {
	all := []string{}
	for _, n := range krm.Elements(obj, "spec", "accessModes") {
		all = append(all, n.Value)
	}
	return all
}

// checkClaim looks at a claim and its volume.
func (k *checker) checkClaim(u claimUse) {
	together := k.shared(u)
	if together != "" {
		k.checkModes(u, together)
	}
	if pv := u.volume(); pv != nil {
		k.checkSource(u, pv, together)
	}
}

func (k *checker) checkModes(u claimUse, together string) {
	accessModes := krm.Path{"spec", "accessModes"}
	if u.claim == nil {
		if k.hasElsewhere("PersistentVolumeClaim", u.users[0].Workload, u.name) == nil {
			k.note(u.reference.obj, u.reference.path, "claim %s is not among the resources: check that it is %s, since %s", u.name, rwx, together)
		}
		return
	}
	if !slices.Contains(modes(u.claim), rwx) {
		k.error(u.claim, accessModes, "is not %s, but %s: pods on other nodes wait for the volume, or see one of their own", rwx, together).
			is(modes(u.claim)).want([]string{rwx})
		return
	}
	pv := u.volume()
	switch {
	case pv != nil && !slices.Contains(modes(pv), rwx):
		k.error(pv, accessModes, "is not %s, but %s", rwx, together).is(modes(pv)).want([]string{rwx})
	case pv == nil && len(u.volumes) == 0:
		k.checkClass(u, together)
	}
}

// Drivers and preinstalled classes of disks, to whose file systems one node can
// write.
var (
	diskDrivers = []string{"ebs.csi.aws.com", "kubernetes.io/aws-ebs", "disk.csi.azure.com", "kubernetes.io/azure-disk", "pd.csi.storage.gke.io",
		"kubernetes.io/gce-pd", "cinder.csi.openstack.org", "kubernetes.io/cinder", "rbd.csi.ceph.com", "rook-ceph.rbd.csi.ceph.com", "kubernetes.io/rbd",
		"dobs.csi.digitalocean.com", "csi.hetzner.cloud", "kubernetes.io/vsphere-volume"}
	diskClasses = []string{"gp2", "gp3", "standard-rwo", "premium-rwo", "managed-csi", "managed-csi-premium", "managed-premium",
		"local-path", "do-block-storage", "hcloud-volumes"}
)

// checkClass looks at the class that makes the volume.
func (k *checker) checkClass(u claimUse, together string) {
	name, set := kube.Class(u.claim)
	class := kube.Find(k.list, "StorageClass", "", name)
	provisioner := ""
	if class != nil {
		provisioner = krm.Text(class, "provisioner")
	}
	switch {
	case set && name == "":
		// Static: the volume is not among the resources, which L14 says.
	case slices.Contains(diskDrivers, provisioner):
		k.error(u.claim, className, "StorageClass %s makes disks (%s), which one node can use, but %s", name, provisioner, together).is(name)
	case class == nil && slices.Contains(diskClasses, name):
		k.warn(u.claim, className, "StorageClass %s makes disks on the clusters that bring it, which one node can use, but %s", name, together).is(name)
	case name == "":
		k.note(u.claim, className, "the default StorageClass makes the volume: check that its volumes can be %s, since %s", rwx, together)
	default:
		k.note(u.claim, className, "StorageClass %s makes the volume: check that its volumes can be %s, since %s", name, rwx, together)
	}
}

// disks are the sources that one node can write to.
var disks = []string{"awsElasticBlockStore", "azureDisk", "gcePersistentDisk", "cinder", "vsphereVolume", "photonPersistentDisk", "scaleIO", "storageos", "iscsi", "fc", "rbd"}

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

func (k *checker) checkSource(u claimUse, pv *yaml.RNode, together string) {
	spec := krm.Path{"spec"}
	k.checkPlugin(pv, spec)
	driver := krm.Text(pv, "spec", "csi", "driver")
	switch {
	case krm.Lookup(pv, "spec", "hostPath") != nil:
		k.checkHostPath(u, pv, spec.Append("hostPath"))
	case together == "":
	case krm.Lookup(pv, "spec", "local") != nil:
		k.error(pv, spec.Append("local"), "is a disk of one node, but %s", together)
	case ofOneNode(pv):
		k.error(pv, spec.Append("nodeAffinity"), "lets one node use the volume, but %s", together)
	case modeOf(pv) == "Block":
	case slices.Contains(diskDrivers, driver):
		k.error(pv, spec.Append("csi", "driver"), "%s makes disks, which one node can use, but %s", driver, together).is(driver)
	default:
		for _, d := range disks {
			if krm.Lookup(pv, "spec", d) != nil {
				k.error(pv, spec.Append(d), "is a disk, which one node can use, but %s", together)
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

func (k *checker) checkPlugin(obj *yaml.RNode, at krm.Path) {
	for _, p := range plugins {
		field := at.Append(p.field)
		switch {
		case krm.Lookup(obj, field...) == nil:
		case k.version.minor >= p.removed:
			k.error(obj, field, "this volume plugin is gone since Kubernetes 1.%d: no pod that uses the volume starts; take %s", p.removed, p.instead)
		case k.version.minor >= p.deprecated:
			k.warn(obj, field, "this volume plugin is deprecated and gone from Kubernetes 1.%d on: take %s", p.removed, p.instead)
		}
	}
}

// checkHostPath reports a folder of a node. That of logs is worth a warning;
// that of images and of a database an error, also for one pod, which finds it
// empty on another node unless the volume keeps it on this one.
func (k *checker) checkHostPath(u claimUse, pv *yaml.RNode, at krm.Path) {
	if k.shared(u) == "" && krm.Lookup(pv, "spec", "nodeAffinity") != nil {
		return
	}
	say := k.error
	if k.shared(u) == "" && !slices.ContainsFunc(u.users, func(c harbor.Component) bool {
		return slices.Contains([]string{harbor.Registry, harbor.MySQL, "database"}, c.Name())
	}) {
		say = k.warn
	}
	say(pv, at, "is a folder of one node: what %s keeps there is not on the others", strings.Join(harbor.Names(u.users), " and "))
}

// checkImages looks at where the registry keeps its images.
func (k *checker) checkImages(r registry) {
	drivers, known := r.drivers()
	switch {
	case !known:
	case len(drivers) == 0:
		k.error(r.obj, r.path, "config.yml names no storage: the registry does not start")
	case len(drivers) > 1:
		all := shown(kube.Value{Text: strings.Join(drivers, " and "), Secret: r.value.Secret})
		k.error(r.obj, r.path, "storage has settings for %s, and the registry takes one kind: it does not start", all)
	case drivers[0] == "filesystem":
		k.checkRoot(r)
	case drivers[0] == "inmemory":
		k.error(r.obj, r.path, "storage is inmemory: images are gone when the registry restarts").is(drivers[0])
	}
}

// rootDirectory is where the filesystem driver keeps what it stores (distribution
// v2.6.2 registry/storage/driver/filesystem).
func (r registry) rootDirectory() kube.Value {
	v := r.get("storage", "filesystem", "rootdirectory")
	if v.Text == "" {
		v.Text = "/var/lib/registry"
	}
	return v
}

// images is the mount that images are on. They are all below one folder of the
// root directory (distribution v2.6.2 registry/storage/paths.go).
func (r registry) images() (m kube.Mount, mounted bool) {
	return r.MountOf(path.Join(r.rootDirectory().Text, "docker/registry/v2"))
}

func (k *checker) checkRoot(r registry) {
	v, at := r.rootDirectory(), r.placeOf("storage", "filesystem", "rootdirectory")
	if !v.Known {
		return
	}
	s := k.replicas(r.Component)
	m, mounted := r.images()
	switch {
	case !mounted:
		f := k.error(at.obj, at.path, "storage.filesystem.rootdirectory is %s, where no volume is mounted: images are in the container and lost with it", shown(v)).is(shown(v))
		if claims := k.claimMounts(r.Component); len(claims) == 1 {
			f.want(claims[0].MountPath)
		}
		return
	case ephemeral(r.RNode, m.Volume):
		k.error(r.RNode, m.Volume, "images are kept in this volume, which is no PersistentVolumeClaim: they are lost with the pod")
	case m.Template && s.n > 1:
		k.error(r.RNode, m.Volume, "images are on a volume that each of %s has for itself", s.word)
	case s.n > 1 && k.folderOfPod(r, m):
		k.error(r.RNode, m.Path.Append("subPathExpr"), "images are in a folder that each of %s has for itself", s.word)
	}
	k.checkWritable(r, m)
	k.checkApart(r, m)
}

// folderOfPod says whether each pod mounts another folder of the volume, named by
// something that differs between pods.
func (k *checker) folderOfPod(r registry, m kube.Mount) bool {
	expression := krm.Text(r.RNode, m.Path.Append("subPathExpr")...)
	for i := range krm.Elements(r.RNode, r.Path.Append("env")...) {
		at := r.Path.Append("env", i)
		field := krm.Text(r.RNode, at.Append("valueFrom", "fieldRef", "fieldPath")...)
		if slices.Contains([]string{"metadata.name", "metadata.uid", "status.podIP", "status.hostIP", "spec.nodeName"}, field) &&
			strings.Contains(expression, "$("+krm.Text(r.RNode, at.Append("name")...)+")") {
			return true
		}
	}
	return false
}

// checkApart compares the claim with those of other registries behind the same
// Service.
func (k *checker) checkApart(r registry, m kube.Mount) {
	claimName := m.Volume.Append("persistentVolumeClaim", "claimName")
	claim := krm.Text(r.RNode, claimName...)
	for _, c := range k.peers(r.Component) {
		peer := k.registry(c)
		other, _ := peer.images()
		if name := krm.Text(c.RNode, other.Volume.Append("persistentVolumeClaim", "claimName")...); name != "" && claim != "" && name != claim {
			k.error(r.RNode, claimName, "keeps images on another claim than %s, which serves the same clients: neither has those of the other", krm.Name(c.RNode)).is(claim)
			return
		}
	}
}

// ephemeral says whether a volume goes with its pod.
func ephemeral(obj *yaml.RNode, volume krm.Path) bool {
	return hasAny(obj, volume, "emptyDir", "configMap", "secret", "projected", "downwardAPI", "ephemeral")
}

// outlives says whether what is written to the path is kept when the pod goes.
func (k *checker) outlives(c harbor.Component, file string) bool {
	m, mounted := c.MountOf(file)
	return mounted && !ephemeral(c.RNode, m.Volume)
}

// claimMounts are the mounts of claims.
func (k *checker) claimMounts(c harbor.Component) []kube.Mount {
	return slices.DeleteFunc(c.Mounts(), func(m kube.Mount) bool {
		return krm.Lookup(c.RNode, m.Volume.Append("persistentVolumeClaim")...) == nil
	})
}

// checkWritable reports what makes the images read-only.
func (k *checker) checkWritable(r registry, m kube.Mount) {
	check := func(obj *yaml.RNode, at krm.Path) {
		if krm.Text(obj, at.Append("readOnly")...) == "true" {
			k.error(obj, at.Append("readOnly"), "nothing can be pushed to a registry whose storage is read-only").is(true).want(false)
		}
	}
	check(r.RNode, m.Path)
	pv := k.volumeOf(r.Component, krm.Text(r.RNode, m.Volume.Append("persistentVolumeClaim", "claimName")...))
	for _, source := range []string{"persistentVolumeClaim", "csi", "cephfs", "nfs", "glusterfs", "rbd"} {
		check(r.RNode, m.Volume.Append(source))
		if pv != nil {
			check(pv, krm.Path{"spec", source})
		}
	}
}

func (k *checker) volumeOf(c harbor.Component, claim string) *yaml.RNode {
	for _, u := range k.storage {
		if u.name == claim && u.users[0].GetNamespace() == c.GetNamespace() {
			return u.volume()
		}
	}
	return nil
}

// checkInlineVolumes looks at volumes that pods have without a claim.
func (k *checker) checkInlineVolumes(c harbor.Component) {
	volumes := c.Pod.Append("volumes")
	for i := range krm.Elements(c.RNode, volumes...) {
		at := volumes.Append(i)
		k.checkPlugin(c.RNode, at)
		if krm.Lookup(c.RNode, at.Append("hostPath")...) == nil {
			continue
		}
		switch folder := krm.Text(c.RNode, at.Append("hostPath", "path")...); {
		case folder == "/etc/localtime" || strings.HasPrefix(folder, "/usr/share/zoneinfo"):
		case c.Name() == harbor.Registry && k.keepsImages(c, at):
			k.error(c.RNode, at.Append("hostPath"), "is a folder of one node: the images in it are not on the others")
		default:
			k.warn(c.RNode, at.Append("hostPath"), "is a folder of one node: what %s keeps there is not on the others", c.Name())
		}
	}
}

func (k *checker) keepsImages(c harbor.Component, volume krm.Path) bool {
	r := k.registry(c)
	drivers, _ := r.drivers()
	m, ok := r.images()
	return ok && slices.Contains(drivers, "filesystem") && m.Volume.String() == volume.String()
}

// checkLogs looks at where the jobservice keeps the logs of its jobs.
func (k *checker) checkLogs(c harbor.Component) {
	dir := c.Setting(k.env(c.Container), harbor.LogDir)
	if !dir.Known {
		return
	}
	if !k.outlives(c, dir.Text) {
		k.warn(c.RNode, c.Path.Append("volumeMounts"), "job logs are in %s, which is on no PersistentVolumeClaim: they are lost with the pod (harbor#3919)", shown(dir))
	}
}
