package validateha_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// storageMutations2 are mistakes in where images and job logs are.
var storageMutations2 = []mutation{
	{"images in an emptyDir", "L04", e, volume2("harbor-registry", "images", "emptyDir", krm.Map())},
	{"images on a volume without source", "L04", e, volume2("harbor-registry", "images", "secret", &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull})},
	{"images in a hostPath", "L04", e, volume2("harbor-registry", "images", "hostPath", krm.Map("path", "/data"))},
	{"images on a volume of each pod", "L04", e, eachPod2("harbor-registry", "images")},
	{"images elsewhere", "L04", e, text("ConfigMap", "harbor-registry", "rootdirectory: /storage", "rootdirectory: /data", "data", "config.yml")},
	{"images elsewhere by variable", "L04", e, tell("registry", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/data")},
	{"images on a claim of one node", "L04", e, both(set("PersistentVolumeClaim", "harbor-registry", krm.List("ReadWriteOncePod"), claimModes...),
		drop("PersistentVolume", "harbor-registry"), cut("PersistentVolumeClaim", "harbor-registry", "spec", "volumeName"))},
	{"registryctl without the images", "L04", e, cut("Deployment", "harbor-registry", "spec", "template", "spec", "containers", 1, "volumeMounts", 0)},
	{"registryctl with a volume of its own", "L04", e, both(
		set("Deployment", "harbor-registry", "other", "spec", "template", "spec", "containers", 1, "volumeMounts", 0, "name"),
		addVolume2("harbor-registry", krm.Map("name", "other", "persistentVolumeClaim", krm.Map("claimName", "harbor-jobservice"))))},
	{"registryctl in another folder", "L04", e, put("Deployment", "harbor-registry", "images", "spec", "template", "spec", "containers", 1, "volumeMounts", 0, "subPath")},
	{"registryctl on the registry's old folder", "L04", e, tell("registryctl", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/storage/old")},
	{"registryctl with another storage", "L04", e, tell("registryctl", "REGISTRY_STORAGE", "inmemory")},
	{"claim without class", "L14", e, cut("PersistentVolumeClaim", "harbor-registry", "spec", "storageClassName")},
	{"volume too small", "L14", e, set("PersistentVolume", "harbor-registry", "5Gi", "spec", "capacity", "storage")},
	{"volume goes with the claim", "L14", e, set("PersistentVolume", "harbor-registry", "Delete", "spec", "persistentVolumeReclaimPolicy")},
	{"job logs in an emptyDir", "L04", w, volume2("harbor-jobservice", "job-logs", "emptyDir", krm.Map())},
	{"job logs on the node", "L04", w, volume2("harbor-jobservice", "job-logs", "hostPath", krm.Map("path", "/data"))},
	{"job logs on a volume of each pod", "L04", w, eachPod2("harbor-jobservice", "job-logs")},
	{"job logs in the container", "L04", w, text("ConfigMap", "harbor-jobservice", "base_dir: /var/log/jobs", "base_dir: /logs", "data", "config.yml")},
	{"job logs on a claim of one node", "L04", e, set("PersistentVolumeClaim", "harbor-jobservice", krm.List("ReadWriteOnce"), claimModes...)},
}

// at2 is the path to a volume of a Deployment, by name.
func at2(m *manifests, workload, name string) krm.Path {
	volumes := krm.Path{"spec", "template", "spec", "volumes"}
	for i := range krm.Elements(m.object("Deployment", workload), volumes...) {
		if krm.Text(m.object("Deployment", workload), volumes.Append(i, "name")...) == name {
			return volumes.Append(i)
		}
	}
	return nil
}

// volume2 gives a volume another source.
func volume2(workload, name, source string, value *yaml.Node) change {
	return func(m *manifests) bool {
		at := at2(m, workload, name)
		return at != nil && put("Deployment", workload, krm.Map("name", name, source, yaml.CopyYNode(value)), at...)(m)
	}
}

func addVolume2(workload string, volume *yaml.Node) change {
	return func(m *manifests) bool {
		at := krm.Path{"spec", "template", "spec", "volumes"}
		return put("Deployment", workload, yaml.CopyYNode(volume), at.Append(len(krm.Elements(m.object("Deployment", workload), at...)))...)(m)
	}
}

// eachPod2 makes a Deployment a StatefulSet that gives each pod a volume.
func eachPod2(workload, name string) change {
	return func(m *manifests) bool {
		at := at2(m, workload, name)
		return at != nil && cut("Deployment", workload, at...)(m) && put("Deployment", workload, krm.List(krm.Map("metadata", krm.Map("name", name),
			"spec", krm.Map("accessModes", krm.List("ReadWriteOnce")))), "spec", "volumeClaimTemplates")(m) &&
			set("Deployment", workload, "StatefulSet", "kind")(m)
	}
}

// TestStorage2IsRight shows what is right: job logs of which the database has a copy,
// and a volume without source, which is an emptyDir and no Secret without a name.
func TestStorage2IsRight(t *testing.T) {
	for name, c := range map[string]change{
		"job logs in the database too": both(volume2("harbor-jobservice", "job-logs", "emptyDir", krm.Map()),
			text("ConfigMap", "harbor-jobservice", "job_loggers:\n", "job_loggers:\n- {name: DB, level: INFO}\n", "data", "config.yml")),
		"a volume without source": addVolume2("harbor-core", krm.Map("name", "ca-download", "secret", &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull})),
		"images in a folder of the volume": both(put("Deployment", "harbor-registry", "images", "spec", "template", "spec", "containers", 0, "volumeMounts", 0, "subPath"),
			put("Deployment", "harbor-registry", "images", "spec", "template", "spec", "containers", 1, "volumeMounts", 0, "subPath")),
		"a class that makes volumes in CephFS": both(drop("PersistentVolume", "harbor-registry"), cut("PersistentVolumeClaim", "harbor-registry", "spec", "volumeName"),
			set("PersistentVolumeClaim", "harbor-registry", "cephfs", "spec", "storageClassName"),
			add("apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: cephfs}\nprovisioner: rook-ceph.cephfs.csi.ceph.com\n")),
	} {
		m := starts2(t)["clean"].copy()
		before := m.copy().validate(today)
		if !c(m) {
			t.Errorf("%s does not apply", name)
			continue
		}
		if after := m.validate(today); len(after) > len(before) {
			t.Errorf("%s: there are findings:\n%s", name, strings.Join(after, "\n"))
		}
	}
}
