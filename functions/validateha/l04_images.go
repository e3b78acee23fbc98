package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// checkImages looks at where the registry keeps its images.
func checkImages(p *pass, c *part) {
	r := c.registry
	drivers, known := r.Drivers()
	switch {
	case !known:
		checkUnknownStorage(p, c)
	case len(drivers) == 0:
		p.error(r.Object, r.Path, "config.yml names no storage: the registry does not start")
	case len(drivers) > 1:
		all := shown(kube.Value{Text: strings.Join(drivers, " and "), Secret: r.Value.Secret})
		p.error(r.Object, r.Path, "storage has settings for %s, and the registry takes one kind: it does not start", all)
	case drivers[0] == "filesystem":
		checkRoot(p, c)
	case drivers[0] == "inmemory":
		p.error(r.Object, r.Path, "storage is inmemory: images are gone when the registry restarts").is(drivers[0])
	}
}

// checkUnknownStorage looks at a registry whose configuration cannot be seen: one
// in object storage needs no volume.
func checkUnknownStorage(p *pass, c *part) {
	s := p.replicas(c)
	shared := slices.ContainsFunc(c.Mounts(), func(m kube.Mount) bool {
		return !c.OfPod(m) && !hasAny(c.RNode, m.Volume, "hostPath")
	})
	told := slices.ContainsFunc(c.env.Names(), func(name string) bool { return strings.HasPrefix(name, "REGISTRY_STORAGE") })
	if s.several() && !shared && !told && c.registry.Err == nil {
		p.warn(c.RNode, c.Path.Append("volumeMounts"),
			"the registry has %s, and no volume that pods on all nodes share: unless its configuration, which cannot be seen, names "+
				"object storage, each has images of its own", s.word)
	}
}

func checkRoot(p *pass, c *part) {
	r := c.registry
	v, at := r.RootDirectory(), r.LocationOf("storage", "filesystem", "rootdirectory")
	if !v.Known {
		return
	}
	s := p.replicas(c)
	images := c.keeps(harbor.ForImages)
	m := images.Mount
	switch {
	case !images.Mounted:
		f := p.error(at.Object, at.Path,
			"storage.filesystem.rootdirectory is %s, where no volume is mounted: images are in the container and lost with it",
			shown(v)).is(shown(v))
		if claims := claimMounts(c); len(claims) == 1 {
			f.want(claims[0].MountPath)
		}
		return
	case c.OfPod(m):
		p.error(c.RNode, m.Volume, "images are stored in this volume, which is not a PersistentVolumeClaim: they are lost with the pod").
			add(toVolume(c, harbor.ForImages))
	case m.Template && s.several():
		p.error(c.RNode, m.Volume, "images are on a volume that each of %s has to itself", s.word)
	case s.several() && folderOfPod(c, m):
		p.error(c.RNode, m.Path.Append("subPathExpr"), "images are in a folder that each of %s has to itself", s.word)
	}
	checkWritable(p, c, m)
	checkApart(p, c, m)
}

// folderOfPod says whether each pod mounts another folder of the volume, named by
// something that differs between pods.
func folderOfPod(c *part, m kube.Mount) bool {
	expression := krm.Text(c.RNode, m.Path.Append("subPathExpr")...)
	for i := range krm.Elements(c.RNode, c.Path.Append("env")...) {
		at := c.Path.Append("env", i)
		field := krm.Text(c.RNode, at.Append("valueFrom", "fieldRef", "fieldPath")...)
		if slices.Contains([]string{"metadata.name", "metadata.uid", "status.podIP", "status.hostIP", "spec.nodeName"}, field) &&
			strings.Contains(expression, "$("+krm.Text(c.RNode, at.Append("name")...)+")") {
			return true
		}
	}
	return false
}

// checkApart compares the claim with those of other registries behind the same
// Service.
func checkApart(p *pass, c *part, m kube.Mount) {
	claim := c.ClaimOf(m.Volume)
	for _, peer := range p.peers(c) {
		if name := peer.keeps(harbor.ForImages).Claim(); name != "" && claim != "" && name != claim {
			p.error(c.RNode, m.Volume.Append("persistentVolumeClaim", "claimName"),
				"keeps images on another claim than %s, which serves the same clients: neither has those of the other",
				krm.Name(peer.RNode)).is(claim)
			return
		}
	}
}

// outlives says whether what is written to the path is kept when the pod goes.
func outlives(c *part, file string) bool {
	m, mounted := c.MountOf(file)
	return mounted && !c.OfPod(m)
}

// claimMounts are the mounts of claims.
func claimMounts(c *part) []kube.Mount {
	return slices.DeleteFunc(c.Mounts(), func(m kube.Mount) bool {
		return krm.Lookup(c.RNode, m.Volume.Append("persistentVolumeClaim")...) == nil
	})
}

// checkWritable reports what makes the images read-only.
func checkWritable(p *pass, c *part, m kube.Mount) {
	check := func(obj *yaml.RNode, at krm.Path, remedy string) {
		if krm.Text(obj, at.Append("readOnly")...) == "true" {
			p.error(obj, at.Append("readOnly"),
				"nothing can be pushed to a registry whose storage is read-only").add(remedy).is(true).want(false)
		}
	}
	check(c.RNode, m.Path, "")
	claim := p.claimOf(c, c.ClaimOf(m.Volume))
	for _, source := range []string{"persistentVolumeClaim", "csi", "cephfs", "nfs", "glusterfs", "rbd"} {
		check(c.RNode, m.Volume.Append(source), "")
		if pv := claim.volume(); pv != nil {
			check(pv, krm.Path{"spec", source}, claim.remedy())
		}
	}
}
