package secrets

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Running is a Harbor that runs, as far as objects show it.
type Running struct {
	// Shown names what shows that it runs, "" for nothing.
	Shown string
	// Namespace is the one of its objects.
	Namespace string
	// Lacks says what has to be given too, by Secret/key: where its pods read it from.
	Lacks map[string]string
	// RegistryUser is who the core of 2.x logs in to the registry as, "" when that is
	// not known.
	RegistryUser string
	// TLS are the Secrets with certificates, which are kept as they are.
	TLS []Secret
	// secrets are the names of those that values come from.
	secrets []string
	// unfilled are the placeholders for values, by Secret/key.
	unfilled map[string]Value
}

// addRunning takes over what the pods of a Harbor read, by the workloads among the
// objects, or without any by what ConfigMaps and Secrets hold.
func (e *Existing) addRunning(n Names, objects []*yaml.RNode) error {
	list := &framework.ResourceList{}
	for _, obj := range objects {
		namespace := krm.Text(obj, "metadata", "namespace")
		if n.Namespace == "" || namespace == "" || namespace == n.Namespace {
			list.Items = append(list.Items, obj)
		}
	}
	e.Running.Lacks, e.Running.unfilled = map[string]string{}, map[string]Value{}
	all := harbor.FindAll(list)
	switch len(all) {
	case 0:
		for _, obj := range list.Items {
			e.addByKeys(n, obj)
		}
		return nil
	case 1:
		return e.addHarbor(n, all[0], list)
	}
	var names []string
	for _, h := range all {
		names = append(names, h.String())
	}
	return fmt.Errorf("there are %d Harbors: %s: choose one with --namespace, or give the objects of one", len(all), strings.Join(names, "; "))
}

// addHarbor takes over what the parts of a Harbor read.
func (e *Existing) addHarbor(n Names, h *harbor.Harbor, list *framework.ResourceList) error {
	if err := h.Needs("which secrets it reads", func(h *harbor.Harbor) bool { return len(h.Secrets) > 0 }); err != nil {
		return err
	}
	e.Running.Shown, e.Running.Namespace, e.Generation = krm.Name(h.Components[0].RNode), h.Components[0].GetNamespace(), h.Generation
	for _, user := range h.Get(harbor.RegistryUserSetting) {
		if user.Known {
			e.Running.RegistryUser = user.Text
		}
	}
	for _, c := range h.Components {
		for _, s := range c.Sources(list) {
			if s.Kind == "Secret" && s.Object != nil && len(kube.Keys(s.Object)) == 0 {
				e.Running.secrets = append(e.Running.secrets, s.Name) // the chart's registryctl has one
			}
		}
	}
	e.addTLS(h)
	for _, v := range h.SecretValues() {
		source := v.Value.Source
		if source.Kind == "Secret" && v.Value.Known {
			e.Running.secrets = append(e.Running.secrets, source.Name)
		}
		switch {
		case !v.Read || v.Value.Broken || v.Component.Part().Stateful: // a server is told once, what the others say counts
		case v.Value.Text == kube.Hidden && renamed(list, source) != nil:
			obj := renamed(list, source)
			e.take(n, v.SecretUse, krm.Text(obj, "data", source.Key), obj)
		case strings.Contains(v.Value.Text, kube.Hidden):
			e.Running.Lacks[n.nameOf(v.In)+"/"+n.keyOf(v.SecretUse)] = fmt.Sprintf("key %s of %s %s", source.Key, source.Kind, source.Name)
		default:
			e.take(n, v.SecretUse, v.Value.Text, v.Object)
			if plain, err := url.PathUnescape(v.Value.Text); v.In == harbor.RedisSecret && v.Key == harbor.SecretPasswordURL && err == nil {
				v.Key = harbor.SecretPassword
				e.take(n, v.SecretUse, plain, v.Object)
			}
		}
	}
	return nil
}

// addTLS keeps the Secrets with certificates that Harbor's pods and Ingresses name:
// the chart's render contains them, and move-secrets leaves them to the cluster.
func (e *Existing) addTLS(h *harbor.Harbor) {
	for _, obj := range h.TLSSecrets() {
		e.Running.TLS = append(e.Running.TLS, e.secret(obj.GetName(), obj.GetNamespace()))
	}
}

// renamed is the one ConfigMap that a pod means by a name without the prefix or
// suffix that it has: kustomize renames it, and changes no reference in a
// ReplicationController. It is nil where there is none, or several.
func renamed(list *framework.ResourceList, source kube.Source) *yaml.RNode {
	var found []*yaml.RNode
	for _, obj := range kube.OfKind(list, "ConfigMap") {
		named := source.Kind == "ConfigMap" && source.Name != "" && strings.Contains(obj.GetName(), source.Name)
		if named && krm.Lookup(obj, "data", source.Key) != nil {
			found = append(found, obj)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// take adds a value that is in use. What upstream's manifests put in place of a
// value is none, nor is a placeholder outside of Secrets.
func (e *Existing) take(n Names, use harbor.SecretUse, text string, from *yaml.RNode) {
	isHTTPS := use.Form == harbor.TLSKey || use.Form == harbor.TLSCert
	if text == "" || isHTTPS && !strings.HasPrefix(text, "-----BEGIN") || use.Form == harbor.YAMLText && text == "placeholder" {
		return
	}
	v := Value{Secret: n.nameOf(use.In), Key: n.keyOf(use), Text: text, Source: krm.Name(from)}
	if harbor.Placeholder(strings.TrimSpace(text)) && krm.Text(from, "kind") != "Secret" {
		e.Running.unfilled[v.Secret+"/"+v.Key] = v
		return
	}
	e.Values = append(e.Values, v)
}

// upstream are the names of the ConfigMaps of Harbor's own manifests of 1.2, which
// may have a prefix and a suffix.
var upstream = []string{
	"harbor-adminserver-config", "harbor-ui-config", "harbor-jobservice-config", "harbor-registry-config", "harbor-nginx-config",
}

// coreSecret and csrfKey are keys that Harbor 2.x alone has.
var (
	coreSecret = Names{Generation: harbor.V2}.Key(harbor.HeaderSecret)
	csrfKey    = Names{Generation: harbor.V2}.Key(harbor.CSRFKey)
)

// addByKeys takes over what a ConfigMap of Harbor's own manifests of 1.2 holds, or a
// Secret, also under other names: known by the keys that they alone have.
func (e *Existing) addByKeys(n Names, obj *yaml.RNode) {
	name, data := krm.Text(obj, "metadata", "name"), krm.Strings(obj, "data")
	known := false
	switch krm.Text(obj, "kind") {
	case "ConfigMap":
		known = slices.ContainsFunc(upstream, func(one string) bool { return strings.Contains(name, one) })
	case "Secret":
		s := e.secret(name, krm.Text(obj, "metadata", "namespace"))
		if n.known(s) {
			return
		}
		data = s.Data
		e.addPassword(n, obj, data)
	default:
		return
	}
	if _, isCore := data[csrfKey]; isCore && krm.Text(obj, "kind") == "Secret" {
		// The chart's, whose others have keys that they share with anybody's: see lacksKey.
		e.Running.Shown, e.Running.Namespace, e.Generation = krm.Name(obj), krm.Text(obj, "metadata", "namespace"), harbor.V2
		return
	}
	_, hasKey := data["SECRET_KEY"]
	if known || hasKey || data["UI_SECRET"] != "" || data["pkey"] != "" && data["cert"] != "" {
		e.takeAll(n, obj, data)
	}
}

// secret is the Secret of that name.
func (e *Existing) secret(name, namespace string) Secret {
	i := slices.IndexFunc(e.Secrets, func(s Secret) bool { return s.Name == name && s.Namespace == namespace })
	return e.Secrets[i]
}

// addPassword takes over the password of a database or Redis whose Secret has a
// prefix or suffix, where there is none without.
func (e *Existing) addPassword(n Names, obj *yaml.RNode, data map[string]string) {
	for _, use := range harbor.SecretsOf(harbor.V1) {
		name := n.nameOf(use.In)
		alone := !slices.ContainsFunc(e.Secrets, func(s Secret) bool { return s.Name == name })
		if use.In != harbor.OwnSecret && alone && strings.Contains(krm.Text(obj, "metadata", "name"), name) {
			e.take(n, use, data[use.Key], obj)
			e.Running.secrets = append(e.Running.secrets, krm.Text(obj, "metadata", "name"))
		}
	}
}

// takeAll takes over all that a ConfigMap or Secret of a Harbor holds.
func (e *Existing) takeAll(n Names, obj *yaml.RNode, data map[string]string) {
	if e.Running.Shown == "" {
		e.Running.Shown, e.Running.Namespace = krm.Name(obj), krm.Text(obj, "metadata", "namespace")
	}
	if krm.Text(obj, "kind") == "Secret" {
		e.Running.secrets = append(e.Running.secrets, krm.Text(obj, "metadata", "name"))
	}
	for _, use := range harbor.SecretsOf(harbor.V1) {
		for _, key := range keysByName(use, data) {
			e.take(n, use, data[key], obj)
		}
		if use.In == harbor.RedisSecret {
			_, password, _ := harbor.SplitRedis(data[harbor.RedisURL])
			e.take(n, use, password, obj)
		}
	}
}

// keysByName are the keys of a ConfigMap or Secret that hold the secret: those that
// are called like it or a variable, and pkey and cert, which nginx has both, of the
// ui and the registry.
func keysByName(use harbor.SecretUse, data map[string]string) []string {
	_, hasKey := data["pkey"]
	_, hasCert := data["cert"]
	var all []string
	for key := range data {
		of, ok := harbor.SecretOfClient(key)
		named := ok && of.Key == use.Key && of.In == use.In || use.In == harbor.OwnSecret && key == use.Key
		both := hasKey && hasCert
		switch {
		case named,
			key == "pkey" && (use.Form == harbor.TLSKey && both || use.Form == harbor.TokenKey && !both),
			key == "cert" && (use.Form == harbor.TLSCert && both || use.Form == harbor.TokenCert && !both):
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}
