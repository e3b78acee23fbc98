package movesecrets

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// secretsRead are the Secrets among the resources that Harbor's pods read, and those
// with the certificates of its Ingresses.
func (m *mover) secretsRead() []*yaml.RNode {
	all := m.harbor.SecretsRead()
	for _, obj := range m.harbor.TLSSecrets() {
		if !slices.Contains(all, obj) {
			all = append(all, obj)
		}
	}
	return all
}

// dropSecrets takes the Secrets among the resources away whose contents pods read
// from others now.
func (m *mover) dropSecrets() {
	tls := m.harbor.TLSSecrets()
	for _, obj := range m.contained {
		unknown := m.unknown(obj)
		switch names := m.names(); {
		case names[harbor.OwnSecret] == obj.GetName() || names[harbor.DatabaseSecret] == obj.GetName() || names[harbor.RedisSecret] == obj.GetName():
			krm.Notice(m.list, obj, "left %s: it is named as the one that pods read, so what it holds stands in the manifests", krm.Name(obj))
		case slices.Contains(tls, obj):
			krm.Delete(m.list, obj, "what refers to it goes on by its name, and krmfn secrets --from takes it over; "+
				"where Helm or Argo CD made it, keep it from being deleted (helm.sh/resource-policy: keep, argocd.argoproj.io/sync-options: Prune=false)")
		case len(unknown) > 0:
			m.dropKeys(obj)
			krm.Warn(m.list, obj, nil, "stays, and shows %s to everybody who can read the manifests: nothing of Harbor's own is known by that name. "+
				"Make the Secret in the cluster, and leave it out of the manifests", strings.Join(unknown, ", "))
		default:
			m.dropSecret(obj)
		}
	}
}

// unknown are the keys that hold something that is none of Harbor's secrets.
func (m *mover) unknown(obj *yaml.RNode) []string {
	return slices.DeleteFunc(kube.Keys(obj), func(key string) bool {
		return krm.Text(obj, kube.KeyPath(obj, key)...) == "" || m.isKnown(obj, key)
	})
}

// isKnown says whether Harbor reads the key as something of the model, or it is
// called like that: the chart's Secrets hold some that nobody reads.
func (m *mover) isKnown(obj *yaml.RNode, key string) bool {
	_, isVariable := m.harbor.SecretVariable(key)
	return isVariable ||
		slices.ContainsFunc(m.harbor.Secrets, func(u harbor.SecretUse) bool { return u.Key == key }) ||
		slices.ContainsFunc(m.known, func(s kube.Source) bool { return s.Object == obj && s.Key == key })
}

// dropSecret takes a Secret away of which Harbor needs nothing any more.
func (m *mover) dropSecret(obj *yaml.RNode) {
	for _, c := range m.harbor.Components {
		m.dropEnvFrom(c, obj)
		m.dropUnmounted(c, obj)
	}
	for _, w := range kube.Workloads(m.list) {
		if w.Reads(obj, "") {
			m.dropKeys(obj)
			krm.Warn(m.list, obj, nil, "stays, and shows %s to everybody who can read the manifests, because %s reads it: make that read Secret %s",
				strings.Join(kube.Keys(obj), ", "), krm.Name(w.RNode), m.Name)
			return
		}
	}
	krm.Delete(m.list, obj, "Harbor reads its values from outside of the manifests now (krmfn secrets --from takes them over)")
}

// dropEnvFrom takes the reference to all keys of a Secret out of a component.
func (m *mover) dropEnvFrom(c harbor.Component, obj *yaml.RNode) {
	at := c.Path.Append("envFrom")
	for i := len(krm.Elements(c.RNode, at...)) - 1; i >= 0; i-- {
		if name := krm.Text(c.RNode, at.Append(i, "secretRef", "name")...); name != "" && kube.Called(obj, c.GetNamespace(), name) {
			krm.Remove(m.list, c.RNode, at.Append(i)...)
		}
	}
	if krm.Lookup(c.RNode, at...) != nil && len(krm.Elements(c.RNode, at...)) == 0 {
		krm.Remove(m.list, c.RNode, at...)
	}
}

// dropUnmounted takes out the volumes of a Secret that no container mounts: the
// chart's exporter has one.
func (m *mover) dropUnmounted(c harbor.Component, obj *yaml.RNode) {
	at := c.Pod.Append("volumes")
	for i := len(krm.Elements(c.RNode, at...)) - 1; i >= 0; i-- {
		name := krm.Text(c.RNode, at.Append(i, "secret", "secretName")...)
		if name != "" && kube.Called(obj, c.GetNamespace(), name) && len(c.MountsOf(at.Append(i))) == 0 {
			krm.Remove(m.list, c.RNode, at.Append(i)...)
		}
	}
	if krm.Lookup(c.RNode, at...) != nil && len(krm.Elements(c.RNode, at...)) == 0 {
		krm.Remove(m.list, c.RNode, at...)
	}
}

// dropKeys takes those of Harbor's secrets out of a Secret that nobody reads there
// any more: what all keys become as variables of its parts, these have from
// elsewhere.
func (m *mover) dropKeys(obj *yaml.RNode) {
	for _, key := range kube.Keys(obj) {
		needed := slices.ContainsFunc(kube.Readers(m.list, obj, key), func(r kube.Reader) bool {
			return r.File != "" || r.Variable != key || !m.isPart(r)
		})
		if m.isKnown(obj, key) && !needed {
			krm.Remove(m.list, obj, kube.KeyPath(obj, key)...)
		}
	}
}

func (m *mover) isPart(r kube.Reader) bool {
	return slices.ContainsFunc(m.harbor.Components, func(c harbor.Component) bool { return c.RNode == r.RNode })
}
