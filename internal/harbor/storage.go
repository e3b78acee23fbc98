package harbor

import (
	"path"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/kube"
)

// Stored is a folder in which a component keeps files, and the volume that it is
// on.
type Stored struct {
	Component
	Use StorageUse
	// Folder is "" and known where the component keeps them in no folder, as with
	// images in an object storage.
	Folder kube.Value
	// Mount is the one that the folder is on, where it is Mounted.
	Mount   kube.Mount
	Mounted bool
	// Elsewhere says that what is asked for is read elsewhere, in the database.
	Elsewhere bool
}

// Purposes are those of the storage that any Harbor has.
func Purposes() []string {
	var all []string
	for _, l := range layouts {
		for _, use := range l.Storage {
			all = append(all, use.Purpose)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Stores says whether a part keeps files in the folder of the use.
func (u StorageUse) Stores(part string) bool { return u.Of == part || slices.Contains(u.With, part) }

// StorageOf is the storage for a purpose, false where this Harbor has none.
func (h *Harbor) StorageOf(purpose string) (StorageUse, bool) {
	i := slices.IndexFunc(h.Storage, func(u StorageUse) bool { return u.Purpose == purpose })
	if i < 0 {
		return StorageUse{}, false
	}
	return h.Storage[i], true
}

// Stored is where the component keeps what the use is about. It is the part of the
// use, or one of those that use the folder with it, and has that environment.
func (c Component) Stored(use StorageUse, env kube.Environment) Stored {
	switch use.Purpose {
	case ForImages:
		return c.RegistryConfig(c.Harbor.list, env).Stored(use)
	case ForJobLogs:
		logs := c.JobLogs(c.Harbor.list, env)
		s := c.stored(use, logs.Folder)
		s.Elsewhere = logs.Known && !logs.InFiles()
		return s
	}
	return c.stored(use, c.folder(use, env))
}

// Stored is where the images are. It is what Component.Stored returns.
func (r RegistryConfig) Stored(use StorageUse) Stored {
	folder := r.RootDirectory()
	if drivers, known := r.Drivers(); known && !slices.Contains(drivers, "filesystem") {
		folder = kube.Value{Known: true}
	}
	return r.registry.stored(use, folder)
}

func (c Component) stored(use StorageUse, folder kube.Value) Stored {
	s := Stored{Component: c, Use: use, Folder: folder}
	if folder.Known && folder.Text != "" {
		s.Mount, s.Mounted = c.MountOf(path.Join(folder.Text, use.Holds))
	}
	return s
}

// folder is the one that a variable names.
func (c Component) folder(use StorageUse, env kube.Environment) kube.Value {
	for _, p := range use.Places {
		if v, ok := given(env, p.Variable); ok {
			return v
		}
	}
	return kube.Value{Text: use.Default, Known: true}
}

// Same says whether both keep it in the same place.
func (s Stored) Same(t Stored) bool {
	if !s.Mounted || !t.Mounted || s.inVolume() != t.inVolume() {
		return false
	}
	if s.RNode == t.RNode {
		return s.Mount.Volume.String() == t.Mount.Volume.String()
	}
	return s.Claim() != "" && s.Claim() == t.Claim()
}

// Claim is the name of the claim that the volume uses, "" for another one.
func (s Stored) Claim() string { return s.ClaimOf(s.Mount.Volume) }

// inVolume is where the folder is in the volume.
func (s Stored) inVolume() string {
	inner := strings.TrimPrefix(path.Clean(s.Folder.Text), path.Clean(s.Mount.MountPath))
	return path.Join("/", s.Mount.SubPath, inner)
}
