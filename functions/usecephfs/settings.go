package usecephfs

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"krmfn.dev/harbor/internal/krm"
)

// Validate checks the settings.
func (s *UseCephFS) Validate() error {
	var errs []error
	switch {
	case s.CSI == nil && s.InTree == nil:
		errs = append(errs, krm.FieldErrorf("csi", "is missing, or inTree for Kubernetes up to 1.30"))
	case s.CSI != nil && s.InTree != nil:
		errs = append(errs, krm.FieldErrorf("inTree", "stands beside csi, want one of them"))
	case s.CSI != nil:
		errs = append(errs, s.CSI.validate())
	default:
		errs = append(errs, s.InTree.validate())
	}
	if len(s.Volumes) == 0 {
		errs = append(errs, krm.FieldErrorf("volumes", "is empty, want at least one PersistentVolumeClaim"))
	}
	paths, names := map[string]string{}, map[string]string{}
	for _, claim := range s.claims() {
		v := s.Volumes[claim]
		errs = append(errs, krm.CheckName(field(claim), claim), v.validate(field(claim)))
		if first, ok := paths[v.Path]; ok {
			errs = append(errs, krm.FieldErrorf(field(claim)+".path", "%s is the path of %s already: two volumes would write over each other",
				v.Path, first))
		}
		if first, ok := names[v.Name]; ok && v.Name != "" {
			errs = append(errs, krm.FieldErrorf(field(claim)+".name", "%s is the name of %s already", v.Name, first))
		}
		paths[v.Path], names[v.Name] = claim, claim
	}
	return errors.Join(errs...)
}

// field is the setting of a claim.
func field(claim string) string { return krm.Path{"volumes", claim}.String() }

func (s *UseCephFS) claims() []string { return slices.Sorted(maps.Keys(s.Volumes)) }

func (v Volume) validate(field string) error {
	var errs []error
	errs = append(errs, krm.CheckPath(field+".path", v.Path))
	if v.Size != "" {
		errs = append(errs, krm.CheckQuantity(field+".size", v.Size))
	}
	if v.Name != "" {
		errs = append(errs, krm.CheckName(field+".name", v.Name))
	}
	return errors.Join(errs...)
}

func (c *CSI) validate() error {
	var errs []error
	if c.Mounter != "" && c.Mounter != "kernel" && c.Mounter != "fuse" {
		errs = append(errs, krm.FieldErrorf("csi.mounter", "%q is neither kernel nor fuse", c.Mounter))
	}
	return errors.Join(append(errs,
		krm.CheckName("csi.driver", c.Driver),
		krm.CheckIdentifier("csi.clusterID", c.ClusterID),
		krm.CheckIdentifier("csi.fsName", c.FSName),
		krm.CheckName("csi.secret.name", c.Secret.Name),
		krm.CheckLabel("csi.secret.namespace", c.Secret.Namespace))...)
}

func (t *InTree) validate() error {
	var errs []error
	if len(t.Monitors) == 0 {
		errs = append(errs, krm.FieldErrorf("inTree.monitors", "is empty, want at least one host:port"))
	}
	for i, m := range t.Monitors {
		errs = append(errs, krm.CheckHostPort(fmt.Sprintf("inTree.monitors[%d]", i), m))
	}
	return errors.Join(append(errs, krm.CheckIdentifier("inTree.user", t.User), krm.CheckName("inTree.secretName", t.SecretName))...)
}
