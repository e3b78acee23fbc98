// Package usecephfs moves volumes to CephFS, so that pods on all nodes share them.
//
// A volume is told by the name of its claim, which works with every Harbor, or by
// what is kept on it: images (of the registry), jobLogs (of the jobservice),
// scanCache (of trivy, 2.x). Where that is, the part's own configuration says:
// rootdirectory in config.yml or REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY; LOG_DIR
// (1.x), or base_dir of the logger FILE in job_loggers (2.x);
// SCANNER_TRIVY_CACHE_DIR. The volume is the one that is mounted there. What is in
// an object storage or in the database is on no volume: leave it out.
//
// There are three ways to make volumes, and one of them has to be given, but where
// each volume names a claim that exists. csi makes a static volume of the ceph-csi
// driver, which wants a Secret with userID and userKey. storageClass lets a class
// make it, whose reclaimPolicy says what becomes of the data when the claim goes.
// inTree is the volume plugin inside Kubernetes, gone since 1.31 (kubernetes#124544).
//
// csi and inTree: the PersistentVolume of each claim is found through the claim's
// volumeName or selector or the volume's claimRef; a claim without one gets one.
// What is left of the old source goes. Both get ReadWriteMany and the size. The
// volume has no class, and the claim storageClassName "", without which a default
// StorageClass takes the claim and it never binds; the volume is retained when the
// claim is deleted. storageClass: the claim gets the class, ReadWriteMany and the
// size, and its PersistentVolume goes from the manifests. Annotations of claims
// stay, also the chart's helm.sh/resource-policy: keep. A claim cannot shrink: a
// size below what it asks for is refused, unless name makes a new one, or its volume
// was made by hand in another way and has to be made anew.
//
// The volume of a purpose need not be a claim yet: an emptyDir, or a folder of the
// node, becomes one, which is called like the workload and gets its labels. What
// was in it is not copied.
//
// claim takes one that exists, and all of it, or with subPath a folder of it, in
// every container that mounts the volume: registry and registryctl. The claim that
// was there goes from the manifests when nobody else uses it. What is on it is not
// copied, and a tool that prunes, as Argo CD may, deletes it.
//
// Each trivy keeps a cache of its own, which no two processes can open (BoltDB). So
// scanCache in an emptyDir becomes a volumeClaimTemplate of its StatefulSet, which
// needs storageClass; a volumeClaimTemplate that is there is left alone; and claim
// is for one trivy alone. It may be left out: what is in it is downloaded again.
//
// On a live cluster the source of a volume, the spec of a claim but for a larger
// size, and volumeClaimTemplates cannot be changed. There, name gives volume and
// claim a new name, which every pod template follows, and the data has to be
// copied; a StatefulSet has to be deleted with --cascade=orphan before it is applied.
package usecephfs

import (
	"errors"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/krm"
)

// Function is use-cephfs.
var Function = krm.Function{Name: "use-cephfs", New: func() krm.Runner { return &UseCephFS{} }}

// UseCephFS is the settings: volumes, and one of csi, storageClass and inTree, but
// where each volume names a claim that exists.
type UseCephFS struct {
	// What becomes of each volume, by the name of its PersistentVolumeClaim, or by
	// what is on it: images, jobLogs or scanCache.
	Volumes map[string]Volume `yaml:"volumes" required:"true"`
	// The ceph-csi driver, for volumes that are made by hand.
	CSI *CSI `yaml:"csi"`
	// Name of a StorageClass that makes volumes in CephFS.
	StorageClass string `yaml:"storageClass"`
	// The volume plugin inside Kubernetes up to 1.30.
	InTree *InTree `yaml:"inTree"`
}

// Volume is what becomes of one volume.
type Volume struct {
	// Folder in the file system, an absolute path, for csi and inTree. It has to
	// exist.
	Path string `yaml:"path"`
	// Size of the volume and the claim, e.g. `100Gi`; as it is when left out.
	Size string `yaml:"size"`
	// New name of both the PersistentVolume and the claim.
	Name string `yaml:"name"`
	// Claim that exists, in place of all that.
	Claim string `yaml:"claim"`
	// Folder in the volume of that claim, e.g. `registry`; as it is when left out.
	SubPath string `yaml:"subPath"`
}

// CSI is a static volume of the ceph-csi driver (ceph-csi docs/static-pvc.md).
type CSI struct {
	// Name of the driver; with Rook it begins with the operator's namespace.
	Driver string `yaml:"driver" default:"cephfs.csi.ceph.com"`
	// Cluster as the driver's configuration calls it.
	ClusterID string `yaml:"clusterID" required:"true"`
	// Name of the file system.
	FSName string `yaml:"fsName" required:"true"`
	// Secret with userID and userKey.
	Secret Secret `yaml:"secret" required:"true"`
	// Way to mount: kernel or fuse; the driver's own choice when left out.
	Mounter string `yaml:"mounter"`
}

// Secret is the name of a Secret.
type Secret struct {
	// Name of the Secret.
	Name string `yaml:"name" required:"true"`
	// Namespace of the Secret.
	Namespace string `yaml:"namespace" required:"true"`
}

// InTree is a volume of the plugin inside Kubernetes.
type InTree struct {
	// Ceph monitors, each host:port.
	Monitors []string `yaml:"monitors" required:"true"`
	// Ceph user.
	User string `yaml:"user" default:"admin"`
	// Secret with the user's key under `key`, in the namespace of the claim.
	SecretName string `yaml:"secretName" required:"true"`
	// Whether the volume is mounted read-only.
	ReadOnly bool `yaml:"readOnly" default:"false"`
}

// Run changes each volume.
func (s *UseCephFS) Run(list *framework.ResourceList) error {
	if s.InTree != nil {
		krm.Warn(list, list.FunctionConfig, nil,
			"inTree works up to Kubernetes 1.30: deprecated in 1.28 (kubernetes#118143), gone from 1.31 (kubernetes#124544); csi is its successor")
	}
	all, err := s.targets(list)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range all {
		errs = append(errs, krm.Under(field(t.setting), t.apply()))
	}
	return errors.Join(errs...)
}

// apply changes one volume.
func (t *target) apply() error {
	switch {
	case t.Claim != "":
		return t.take()
	case t.eachPod():
		return t.makeTemplates()
	}
	size, err := t.size()
	if err != nil {
		return err
	}
	if t.claim == nil {
		if err := t.addClaim(size); err != nil {
			return err
		}
	}
	if t.s.StorageClass != "" {
		return t.setDynamic(size)
	}
	return t.setStatic(size)
}
