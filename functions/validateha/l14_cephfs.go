package validateha

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// checkCephFS looks at what the CephFS driver wants of a static volume (ceph-csi
// docs/static-pvc.md).
func checkCephFS(p *pass, u *claimUse, pv *yaml.RNode) {
	const fails = "without it the driver cannot mount a static volume"
	static := krm.Lookup(pv, attributes.Append("staticVolume")...)
	switch {
	case static == nil || static.Value != "true":
		p.error(pv, attributes.Append("staticVolume"), "is not \"true\": %s", fails).add(u.remedy()).want("true")
	case static.ShortTag() != yaml.NodeTagString:
		p.error(pv, attributes.Append("staticVolume"),
			"is not a string, which Kubernetes refuses: put it in quotes").add(u.remedy()).want("true")
	}
	for _, name := range []string{"clusterID", "rootPath"} {
		if krm.Text(pv, attributes.Append(name)...) == "" {
			p.error(pv, attributes.Append(name), "is missing: %s", fails).add(u.remedy())
		}
	}
	if krm.Text(pv, attributes.Append("fsName")...) == "" {
		p.warn(pv, attributes.Append("fsName"), "is missing, which the documentation of the driver asks for").add(u.remedy())
	}
	for _, name := range []string{"name", "namespace"} {
		if krm.Text(pv, stageSecret.Append(name)...) == "" {
			p.error(pv, stageSecret.Append(name), "is missing: %s", fails).add(u.remedy())
			return
		}
	}
}

// checkCephSecrets looks at the Secrets that the driver mounts volumes with.
func checkCephSecrets(p *pass) {
	for _, u := range p.claims {
		pv := u.volume()
		if pv == nil || !isCephFS(pv) || provisioned(pv) {
			continue
		}
		name, namespace := krm.Text(pv, stageSecret.Append("name")...), krm.Text(pv, stageSecret.Append("namespace")...)
		if name != "" && namespace != "" {
			checkCephSecret(p, pv, name, namespace)
		}
	}
}

// cephFSDriver ends the name of the driver: with Rook it begins with the operator's
// namespace.
const cephFSDriver = "cephfs.csi.ceph.com"

func isCephFS(pv *yaml.RNode) bool {
	return strings.HasSuffix(krm.Text(pv, "spec", "csi", "driver"), cephFSDriver)
}

func checkCephSecret(p *pass, pv *yaml.RNode, name, namespace string) {
	secret := kube.FindSource(p.list, "Secret", namespace, name)
	if secret == nil {
		p.note(pv, stageSecret,
			"Secret %s in namespace %s is not among the resources: check that it is there and holds userID and userKey", name, namespace).
			about("Secret", namespace, name)
		return
	}
	if secret.GetName() != name || secret.GetNamespace() != namespace {
		p.warn(pv, stageSecret,
			"refers to Secret %s in namespace %s, which is now %s: kustomize does not change references in a PersistentVolume",
			name, namespace, krm.Name(secret)).
			about("Secret", namespace, name)
	}
	for _, key := range []string{"userID", "userKey"} {
		if !slices.Contains(kube.Keys(secret), key) {
			p.error(secret, kube.KeyPath(secret, key),
				"is missing: without it the driver cannot mount a static volume, adminID and adminKey are not enough (ceph-csi#4467)")
		}
	}
}
