package usecephfs

import (
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// eachPod says whether each pod needs a volume of its own.
func (t *target) eachPod() bool { return t.use != nil && t.use.Each != "" }

// leaveTemplates says that the volumeClaimTemplates stay.
func (t *target) leaveTemplates() {
	for _, v := range t.volumes {
		if v.template {
			krm.Notice(t.list, v.RNode, "left volumeClaimTemplate %s of %s: each pod has a volume of its own with it, and a cluster changes none",
				krm.Text(v.RNode, v.at.Append("metadata", "name")...), krm.Name(v.RNode))
		}
	}
}

// checkOne refuses several pods that would share a volume.
func (t *target) checkOne() error {
	for _, v := range t.volumes {
		n, given := kube.Integer(v.RNode, "spec", "replicas")
		if given && n > 1 || v.GetKind() == "DaemonSet" {
			return krm.FieldErrorf("", "%s has several pods, and %s: leave it out, or give a StatefulSet an emptyDir and storageClass, which makes a volume for each pod",
				krm.Name(v.RNode), t.use.Each)
		}
	}
	return nil
}

// makeTemplates makes a volume of its own for each pod, where it is an emptyDir.
func (t *target) makeTemplates() error {
	t.leaveTemplates()
	for _, v := range t.volumes {
		if v.template {
			continue
		}
		name := krm.Text(v.RNode, v.at.Append("name")...)
		switch {
		case v.GetKind() != "StatefulSet":
			return krm.FieldErrorf("", "%s makes no volume for each of its pods, and %s: leave it out, or take a StatefulSet", krm.Name(v.RNode), t.use.Each)
		case t.s.StorageClass == "":
			return krm.FieldErrorf("", "each pod of %s needs a volume of its own, which storageClass alone makes: leave it out, or take storageClass",
				krm.Name(v.RNode))
		case v.ClaimOf(v.at) != "":
			return krm.FieldErrorf("", "%s uses PersistentVolumeClaim %s for all its pods, and %s: leave it out, or make the volume an emptyDir first",
				krm.Name(v.RNode), v.ClaimOf(v.at), t.use.Each)
		case t.Size == "":
			return krm.FieldErrorf("size", "is missing, and there is no volumeClaimTemplate yet that asks for one")
		case t.Name != "":
			return krm.FieldErrorf("name", "is for one claim, and each pod of %s gets its own", krm.Name(v.RNode))
		}
		krm.Remove(t.list, v.RNode, v.at...)
		if volumes := v.Pod.Append("volumes"); len(krm.Elements(v.RNode, volumes...)) == 0 {
			krm.Remove(t.list, v.RNode, volumes...)
		}
		templates := krm.Path{"spec", "volumeClaimTemplates"}
		at := templates.Append(len(krm.Elements(v.RNode, templates...)))
		if err := krm.Set(t.list, v.RNode, krm.Map("metadata", krm.Map("name", name), "spec", krm.Map(
			"accessModes", krm.List("ReadWriteOnce"), "storageClassName", t.s.StorageClass,
			"resources", krm.Map("requests", krm.Map("storage", t.Size)))), at...); err != nil {
			return err
		}
	}
	return nil
}
