package usecephfs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Validate checks the settings.
func (s *UseCephFS) Validate() error {
	errs := []error{s.checkWay()}
	if len(s.Volumes) == 0 {
		errs = append(errs, krm.FieldErrorf("volumes", "is empty, want at least one PersistentVolumeClaim or one of %s", krm.Joined(harbor.Purposes())))
	}
	paths, names, folders := map[string]string{}, map[string]string{}, map[[2]string]string{}
	for _, key := range s.keys() {
		v := s.Volumes[key]
		errs = append(errs, checkKey(key), s.checkVolume(field(key), v))
		if first, ok := paths[v.Path]; ok && v.Path != "" {
			errs = append(errs, krm.FieldErrorf(field(key)+".path", "%s is the path of %s already: two volumes would write over each other",
				v.Path, first))
		}
		if first, ok := names[v.Name]; ok && v.Name != "" {
			errs = append(errs, krm.FieldErrorf(field(key)+".name", "%s is the name of %s already", v.Name, first))
		}
		folder := [2]string{v.Claim, v.SubPath}
		if first, ok := folders[folder]; ok && v.Claim != "" {
			errs = append(errs, krm.FieldErrorf(field(key)+".claim", "%s is the claim of %s already, with the same subPath: give each a subPath of its own",
				v.Claim, first))
		}
		paths[v.Path], names[v.Name], folders[folder] = key, key, key
	}
	return errors.Join(errs...)
}

// checkWay wants one way to make volumes, where any is to be made.
func (s *UseCephFS) checkWay() error {
	var given []string
	var errs []error
	if s.CSI != nil {
		given, errs = append(given, "csi"), append(errs, s.CSI.validate())
	}
	if s.StorageClass != "" {
		given, errs = append(given, "storageClass"), append(errs, krm.CheckName("storageClass", s.StorageClass))
	}
	if s.InTree != nil {
		given, errs = append(given, "inTree"), append(errs, s.InTree.validate())
	}
	switch {
	case len(given) > 1:
		return krm.FieldErrorf(given[1], "stands beside %s, want one of csi, storageClass and inTree", given[0])
	case len(given) == 0 && slices.ContainsFunc(s.keys(), func(key string) bool { return s.Volumes[key].Claim == "" }):
		return krm.FieldErrorf("csi", "is missing, want it, or storageClass, or inTree for Kubernetes up to 1.30, or for each volume a claim that exists")
	}
	return errors.Join(errs...)
}

// field is the setting of a volume.
func field(key string) string { return krm.Path{"volumes", key}.String() }

func (s *UseCephFS) keys() []string { return slices.Sorted(maps.Keys(s.Volumes)) }

// checkKey wants the name of a claim, or a purpose.
func checkKey(key string) error {
	if slices.Contains(harbor.Purposes(), key) || krm.CheckName("", key) == nil {
		return nil
	}
	return krm.FieldErrorf(field(key), "%q is neither a purpose nor the name of a PersistentVolumeClaim, %s", key, krm.Nearest(key, harbor.Purposes()))
}

func (s *UseCephFS) checkVolume(field string, v Volume) error {
	var errs []error
	wrong := func(name, format string, args ...any) {
		errs = append(errs, krm.FieldErrorf(field+"."+name, format, args...))
	}
	if v.Claim != "" {
		errs = append(errs, krm.CheckName(field+".claim", v.Claim))
		for _, other := range [][2]string{{"path", v.Path}, {"size", v.Size}, {"name", v.Name}} {
			if other[1] != "" {
				wrong(other[0], "stands beside claim, which has a volume of its own")
			}
		}
	} else {
		errs = append(errs, s.checkNewVolume(field, v))
	}
	switch {
	case v.SubPath == "":
	case v.Claim == "":
		wrong("subPath", "is missing its claim: it is a folder of a claim that exists")
	case strings.HasPrefix(v.SubPath, "/"):
		wrong("subPath", "%q is absolute, want a folder in the volume of the claim, such as registry", v.SubPath)
	case krm.CheckPath("", "/"+v.SubPath) != nil:
		wrong("subPath", "%q is not a folder in a volume, want letters, digits and / . _ - + = @ ~, and no ..", v.SubPath)
	}
	return errors.Join(errs...)
}

// checkNewVolume looks at a volume that is to be made.
func (s *UseCephFS) checkNewVolume(field string, v Volume) error {
	var errs []error
	static := s.CSI != nil || s.InTree != nil
	switch {
	case static && v.Path == "":
		errs = append(errs, krm.FieldErrorf(field+".path", "is missing"))
	case v.Path != "" && s.StorageClass != "":
		errs = append(errs, krm.FieldErrorf(field+".path", "stands beside storageClass, which chooses the folder itself"))
	case v.Path != "":
		errs = append(errs, krm.CheckPath(field+".path", v.Path))
	}
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
