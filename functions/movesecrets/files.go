package movesecrets

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// files makes volumes that hold secrets as files take them from the Secret.
func (m *mover) files(c harbor.Component) error {
	missing, err := m.missingKey(c)
	if err != nil {
		return err
	}
	f := &volumeFiles{mover: m, component: c, secret: m.harbor.SecretFiles(c), missing: missing}
	f.optional = c.Name() == harbor.Nginx && !harbor.ReadsHTTPSKey(c.NginxConfig(m.list).Directives)
	for _, mount := range c.Mounts() {
		if err := f.move(mount.Volume); err != nil {
			return err
		}
	}
	return nil
}

// missingFile is a file that a volume lacks.
type missingFile struct {
	volume krm.Path
	name   string // in the volume
	key    string // of the Secret
}

// missingKey is the jobservice's file of SECRET_KEY, which upstream's manifests
// forgot: it belongs into the volume of app.conf. Where app.conf alone is mounted,
// or in another folder, the file gets a mount too.
func (m *mover) missingKey(c harbor.Component) (missingFile, error) {
	file := c.Setting(c.Environment(m.list), harbor.KeyPath)
	config, err := c.ConfigFile(m.list, harbor.AppConfFile)
	if c.Name() != harbor.JobService || err != nil || !file.Known || c.At(m.list, file.Text).State != kube.Absent {
		return missingFile{}, nil //nolint:nilerr // app.conf is delivered in another way: validate-ha tells
	}
	use, ok := m.harbor.SecretFiles(c)([]string{file.Text}, path.Base(file.Text), "")
	if !ok {
		return missingFile{}, nil
	}
	missing := missingFile{config.Volume, path.Base(file.Text), use.Key}
	if config.SubPath == "" && path.Clean(config.MountPath) == path.Dir(file.Text) {
		return missing, nil
	}
	mounts := c.Path.Append("volumeMounts")
	return missing, krm.Set(m.list, c.RNode,
		krm.Map("name", krm.Text(c.RNode, config.Volume.Append("name")...), "mountPath", file.Text, "subPath", missing.name),
		mounts.Append(len(krm.Elements(c.RNode, mounts...)))...)
}

// volumeFiles moves files of the volumes of one component.
type volumeFiles struct {
	*mover
	component harbor.Component
	secret    func(paths []string, name, key string) (harbor.SecretUse, bool)
	optional  bool // whether keys of the Secret may be missing
	missing   missingFile
}

// move splits the ConfigMaps of a volume into what stays and what comes from
// Secrets. A volume without either is left alone.
func (f *volumeFiles) move(volume krm.Path) error {
	node := yaml.NewRNode(krm.Lookup(f.component.RNode, volume...))
	sources, mode := krm.Elements(node, "projected", "sources"), krm.Lookup(node, "projected", "defaultMode")
	for _, kind := range []string{"configMap", "secret"} {
		ref := krm.Lookup(node, kind)
		if ref == nil || ref.Kind != yaml.MappingNode {
			continue
		}
		mode = krm.Lookup(node, kind, "defaultMode")
		ref = yaml.CopyYNode(ref)
		if err := yaml.NewRNode(ref).PipeE(yaml.Clear("defaultMode")); err != nil {
			return err
		}
		if name := krm.Lookup(yaml.NewRNode(ref), "secretName"); name != nil {
			if err := yaml.NewRNode(ref).PipeE(yaml.Tee(yaml.Clear("secretName")), yaml.SetField("name", yaml.NewRNode(name))); err != nil {
				return err
			}
		}
		sources = krm.List(krm.Map(kind, ref)).Content
	}
	s := split{volumeFiles: f, volume: volume}
	for _, source := range sources {
		if err := s.source(source); err != nil {
			return err
		}
	}
	if f.missing.volume.String() == volume.String() && f.missing.key != "" {
		s.take(harbor.SecretKey{Name: f.Name, Key: f.missing.key}, krm.Map("key", f.missing.key, "path", f.missing.name))
		f.missing = missingFile{}
	}
	if len(s.secrets) == 0 {
		return nil
	}
	if err := krm.Set(f.list, f.component.RNode, s.written(krm.Text(node, "name"), mode), volume...); err != nil {
		return err
	}
	for _, key := range s.taken {
		f.component.DropKey(f.list, key)
	}
	return nil
}

// split is what becomes of the sources of a volume.
type split struct {
	*volumeFiles
	volume  krm.Path
	stay    []*yaml.Node  // sources
	secrets []secretItems // by Secret
	taken   []kube.Source // keys of ConfigMaps
}

// secretItems are the files that come from one Secret.
type secretItems struct {
	name  string
	items *yaml.Node
}

// take adds an item that comes from a Secret from now on.
func (s *split) take(from harbor.SecretKey, item *yaml.Node) {
	i := slices.IndexFunc(s.secrets, func(one secretItems) bool { return one.name == from.Name })
	if i < 0 {
		i = len(s.secrets)
		s.secrets = append(s.secrets, secretItems{from.Name, krm.List()})
	}
	s.secrets[i].items.Content = append(s.secrets[i].items.Content, item)
}

// source splits one source.
func (s *split) source(source *yaml.Node) error {
	kind, from := "ConfigMap", krm.Lookup(yaml.NewRNode(source), "configMap")
	if from == nil {
		kind, from = "Secret", krm.Lookup(yaml.NewRNode(source), "secret")
	}
	if from == nil || from.Kind != yaml.MappingNode {
		s.stay = append(s.stay, source)
		return nil
	}
	ref := yaml.NewRNode(yaml.CopyYNode(from))
	name, all := krm.Text(ref, "name"), krm.Elements(ref, "items")
	obj := kube.Find(s.list, kind, s.component.GetNamespace(), name)
	if kind == "Secret" && obj == nil {
		s.stay = append(s.stay, source)
		return nil
	}
	if obj != nil && len(all) == 0 {
		for _, key := range kube.Keys(obj) {
			if kind == "ConfigMap" || s.isSeen(key) {
				all = append(all, krm.Map("key", key, "path", key))
			}
		}
	}
	left, taken := krm.List(), len(s.taken)
	for _, node := range all {
		item := yaml.NewRNode(node)
		from, file := krm.Text(item, "key"), krm.Text(item, "path")
		use, ok := s.secret(s.paths(file), path.Base(file), from)
		to := s.place(use)
		if !ok || from == "" || file == "" || kind == "Secret" && to == (harbor.SecretKey{Name: name, Key: from}) {
			left.Content = append(left.Content, node)
			continue
		}
		s.taken = append(s.taken, kube.Source{Kind: kind, Name: name, Key: from, Object: obj})
		krm.Lookup(item, "key").Value = to.Key
		s.take(to, node)
	}
	switch {
	case len(s.taken) == taken:
		s.stay = append(s.stay, source)
	case len(left.Content) > 0:
		field := strings.ToLower(kind[:1]) + kind[1:]
		s.stay = append(s.stay, krm.Map(field, ref.YNode()))
		return ref.PipeE(yaml.SetField("items", yaml.NewRNode(left)))
	}
	return nil
}

// isSeen says whether any container of the pod sees the file of the volume.
func (s *split) isSeen(file string) bool {
	return slices.ContainsFunc(s.component.MountsOf(s.volume), func(m kube.Mount) bool {
		sub := path.Clean(m.SubPath)
		return sub == "." || sub == file || strings.HasPrefix(file, sub+"/")
	})
}

// paths are where the component sees a file of the volume.
func (s *split) paths(file string) []string {
	var all []string
	for _, mount := range s.component.Mounts() {
		if mount.Volume.String() != s.volume.String() {
			continue
		}
		inner, within := file, true
		if mount.SubPath != "" {
			inner, within = strings.CutPrefix(file, path.Clean(mount.SubPath))
		}
		if within {
			all = append(all, path.Join(mount.MountPath, inner))
		}
	}
	return all
}

// written is the volume as it is from now on: a Secret if nothing else is left.
func (s *split) written(name string, mode *yaml.Node) *yaml.Node {
	var volumeMode []any
	if mode != nil {
		volumeMode = []any{"defaultMode", mode}
	}
	one := func(secret secretItems, field string) []any {
		content := []any{field, secret.name, "items", secret.items}
		if s.optional {
			content = append(content, "optional", true)
		}
		return content
	}
	if len(s.stay) == 0 && len(s.secrets) == 1 {
		return krm.Map("name", name, "secret", krm.Map(append(one(s.secrets[0], "secretName"), volumeMode...)...))
	}
	sources := krm.List()
	sources.Content = append(sources.Content, s.stay...)
	for _, secret := range s.secrets {
		sources.Content = append(sources.Content, krm.Map("secret", krm.Map(one(secret, "name")...)))
	}
	return krm.Map("name", name, "projected", krm.Map(append([]any{"sources", sources}, volumeMode...)...))
}
