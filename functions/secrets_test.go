package functions_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions/movesecrets"
	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
	"krmfn.dev/harbor/internal/secrets"
)

// planted is a secret value put into manifests that hold no other one.
const planted = "pl4nted-s3cret-1"

// plant puts it somewhere.
type plant struct {
	name string
	do   func(t *testing.T, list *framework.ResourceList)
	read bool // by a program
}

// TestSecrets puts each secret of the table into each kind of place in which it can
// stand. L09 reports it, move-secrets removes it, so that it is nowhere in what
// comes out, L09 is silent then, and krmfn secrets takes it over from what went in,
// to where the pods then read it.
func TestSecrets(t *testing.T) {
	clean := &framework.ResourceList{Items: objects(t, golden.Base(t))}
	clean.Items = slices.DeleteFunc(clean.Items, func(obj *yaml.RNode) bool {
		return !slices.Contains([]string{"ConfigMap", "ReplicationController"}, obj.GetKind())
	})
	move(t, clean)
	known := openSecrets(t, clean)
	for _, p := range plants() {
		t.Run(p.name, func(t *testing.T) {
			list := copyOf(clean)
			p.do(t, list)
			list.Results = nil
			before := written(list)
			if !shows(before) {
				t.Fatal("the test has put nothing there")
			}
			found := openSecrets(t, list)
			if slices.Equal(found, known) {
				t.Error("no finding of L09")
			}
			taken := takenOver(t, before)
			move(t, list)
			for _, key := range taken {
				if !slices.Contains(readKeys(t, list), key) {
					t.Errorf("krmfn secrets --from takes it over to %s, which no pod reads", key)
				}
			}
			if p.read && len(taken) == 0 {
				t.Error("krmfn secrets --from does not take it over")
			}
			after := written(list)
			if shows(after) {
				t.Errorf("move-secrets leaves it:\n%s", after)
			}
			for _, f := range list.Results {
				found = append(found, fmt.Sprint(f, f.Field))
			}
			if strings.Contains(strings.Join(found, "\n"), planted) {
				t.Errorf("a finding shows it: %s", found)
			}
			if still := openSecrets(t, list); !slices.Equal(still, known) {
				t.Errorf("after move-secrets: %s", still)
			}
			list.Results = nil
			if move(t, list); len(list.Results) > 0 {
				t.Error("a second run changes something")
			}
		})
	}
}

// takenOver are the keys to which krmfn secrets --from takes over what was planted.
func takenOver(t *testing.T, in string) []string {
	t.Helper()
	existing, err := secrets.Read(secrets.Names{Harbor: "harbor-secrets"}, []byte(in))
	must(t, err)
	var all []string
	for _, v := range existing.Values {
		if strings.Contains(v.Text, planted) {
			all = append(all, v.Secret+"/"+v.Key)
		}
	}
	return all
}

// readKeys are the keys of Secrets that pods read.
func readKeys(t *testing.T, list *framework.ResourceList) []string {
	t.Helper()
	var all []string
	for _, w := range kube.Workloads(list) {
		for _, s := range w.Sources(list) {
			if s.Kind == "Secret" {
				all = append(all, s.Name+"/"+s.Key)
			}
		}
	}
	return all
}

// shows says whether a text shows what was planted.
func shows(text string) bool {
	return strings.Contains(text, planted) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(planted)))
}

func copyOf(list *framework.ResourceList) *framework.ResourceList {
	c := &framework.ResourceList{}
	for _, obj := range list.Items {
		c.Items = append(c.Items, obj.Copy())
	}
	return c
}

func move(t *testing.T, list *framework.ResourceList) {
	t.Helper()
	must(t, (&movesecrets.MoveSecrets{Name: "harbor-secrets", Database: "harbor-database", Redis: "harbor-redis"}).Run(list))
}

// openSecrets are the warnings and errors of L09.
func openSecrets(t *testing.T, list *framework.ResourceList) []string {
	t.Helper()
	looked := &framework.ResourceList{Items: list.Items}
	must(t, (&validateha.ValidateHA{}).Run(looked))
	var all []string
	for _, f := range looked.Results {
		if f.Tags["rule"] == "L09" && f.Severity != framework.Info {
			all = append(all, fmt.Sprint(f.ResourceRef, f.Field, f.Message))
		}
	}
	return all
}

// plants are all places of all secrets.
func plants() []plant {
	var all []plant
	for _, use := range harbor.SecretsOf(harbor.V1) {
		for i, s := range slices.Concat(use.Settings, use.Unread) {
			if use.Public() || s.Of == harbor.RedisServer {
				continue // anybody may see a certificate; there is no Redis in the base
			}
			for _, place := range s.Places {
				all = append(all, plantsOf(s.Of, place, use, i < len(use.Settings) && s.Of != harbor.MySQL)...)
			}
		}
	}
	return append(all,
		plant{"_REDIS_URL", inEnv(harbor.UI, "_REDIS_URL", "redis:6379,100,"+planted+",11"), true},
		plant{"REGISTRY_STORAGE_S3", inEnv(harbor.Registry, "REGISTRY_STORAGE_S3", "{bucket: a, secretkey: "+planted+"}"), true},
		plant{"REGISTRY_REDIS", inEnv(harbor.Registry, "REGISTRY_REDIS", `{"addr": "redis:6379", "password": "`+planted+`"}`), true},
		plant{"a variable that another one refers to", func(t *testing.T, list *framework.ResourceList) {
			inEnv(harbor.AdminServer, "DATABASE_PASSWORD", planted)(t, list)
			component(t, list, harbor.AdminServer).RemoveEnv(list, "MYSQL_PWD")
			inEnv(harbor.AdminServer, "MYSQL_PWD", "$(DATABASE_PASSWORD)")(t, list)
		}, true})
}

func plantsOf(part string, p harbor.Place, use harbor.SecretUse, read bool) []plant {
	name := func(kind string) string { return fmt.Sprintf("%s of %s %s", use.Key, part, kind) }
	value := planted
	if use.Holds != nil {
		value = "[{name: a, headers: {Authorization: [" + planted + "]}, options: {smtp: {password: " + planted + "}}}]"
	}
	switch {
	case p.Variable != "":
		return []plant{
			{name("as a variable"), inEnv(part, p.Variable, value), read},
			{name("in a ConfigMap"), inConfigMap(part, p.Variable, value, false), read},
			{name("in a ConfigMap of envFrom"), inConfigMap(part, p.Variable, value, true), read},
			{name("in a ConfigMap of envFrom with a prefix"), inPrefixed(part, p.Variable, value), read},
			{name("in a ConfigMap that nobody reads it from"), unread(part, p.Variable, value), false},
			{name("as it was applied"), applied(part, p.Variable, value), false},
			{name("in a ConfigMap as it was applied"), appliedConfigMap(part, p.Variable, value), false},
			{name("in a ConfigMap of a mounted folder"), inFolder(part, p.Variable, value), false},
		}
	case p.Names:
		return []plant{{name("as a file"), inFile(part, p.Field, "/etc/keys/mine.json"), read}}
	case p.Field != nil:
		return []plant{{name("in a file"), inConfig(p.Field, value), read}}
	case p.Key != "":
		return []plant{{name("in an INI file"), inINI(p), false}}
	}
	return []plant{
		{name("as a file"), asFile(part, p.File, ""), part != harbor.Nginx},
		{name("as a file of bytes"), func(t *testing.T, list *framework.ResourceList) {
			asFile(part, p.File, "")(t, list)
			obj := list.Items[len(list.Items)-1]
			must(t, obj.PipeE(yaml.Lookup("data"), yaml.Clear("a")))
			must(t, krm.Set(list, obj, base64.StdEncoding.EncodeToString([]byte(planted)), "binaryData", "a"))
		}, part != harbor.Nginx},
		{name("as a file of a path of its own"), asFile(part, p.File, "/elsewhere/secret"), part != harbor.Nginx},
	}
}

func component(t *testing.T, list *framework.ResourceList, part string) harbor.Component {
	t.Helper()
	h, err := harbor.In(list)
	if err != nil {
		t.Fatal(err)
	}
	found, err := h.Need(part)
	if err != nil {
		t.Fatal(err)
	}
	return found[0]
}

func inEnv(part, name, value string) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		must(t, component(t, list, part).SetEnv(list, krm.Map("name", name, "value", value)))
	}
}

// newConfigMap adds a ConfigMap with one key.
func newConfigMap(list *framework.ResourceList, key, value string) {
	list.Items = append(list.Items, yaml.NewRNode(krm.Map("apiVersion", "v1", "kind", "ConfigMap",
		"metadata", krm.Map("name", "planted"), "data", krm.Map(key, value, "other", "value"))))
}

func inConfigMap(part, name, value string, all bool) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		c := component(t, list, part)
		if all {
			newConfigMap(list, name, value)
			c.RemoveEnv(list, name)
			must(t, krm.Set(list, c.RNode, krm.List(krm.Map("configMapRef", krm.Map("name", "planted"))), c.Path.Append("envFrom")...))
			return
		}
		newConfigMap(list, "key-of-it", value)
		must(t, c.SetEnv(list, krm.Map("name", name, "valueFrom", krm.Map("configMapKeyRef", krm.Map("name", "planted", "key", "key-of-it")))))
	}
}

func inPrefixed(part, name, value string) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		c := component(t, list, part)
		newConfigMap(list, name[3:], value)
		c.RemoveEnv(list, name)
		must(t, krm.Set(list, c.RNode, krm.List(krm.Map("prefix", name[:3], "configMapRef", krm.Map("name", "planted"))), c.Path.Append("envFrom")...))
	}
}

func unread(part, name, value string) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		c := component(t, list, part)
		newConfigMap(list, name, value)
		must(t, c.SetEnv(list, krm.Map("name", "OTHER", "valueFrom", krm.Map("configMapKeyRef", krm.Map("name", "planted", "key", "other")))))
	}
}

func inFolder(part, name, value string) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		newConfigMap(list, name, value)
		mount(t, list, component(t, list, part), "/folder", krm.Map("name", "planted", "configMap", krm.Map("name", "planted")))
	}
}

// applied puts the secret into the annotation of kubectl apply, of a workload that
// reads it from elsewhere by now.
func applied(part, name, value string) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		c := component(t, list, part)
		was := &framework.ResourceList{Items: []*yaml.RNode{c.Copy()}}
		old := c
		old.RNode = was.Items[0]
		must(t, old.SetEnv(was, krm.Map("name", name, "value", value)))
		annotate(t, list, c.RNode, old.RNode)
	}
}

func appliedConfigMap(part, name, value string) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		unread(part, name, value)(t, list)
		obj := list.Items[len(list.Items)-1]
		was := obj.Copy()
		krm.Remove(list, obj, "data", name)
		annotate(t, list, obj, was)
	}
}

func annotate(t *testing.T, list *framework.ResourceList, obj, was *yaml.RNode) {
	t.Helper()
	text, err := was.MarshalJSON()
	must(t, err)
	must(t, krm.Set(list, obj, string(text), "metadata", "annotations", harbor.LastApplied))
}

func mount(t *testing.T, list *framework.ResourceList, c harbor.Component, at string, volume *yaml.Node) {
	t.Helper()
	mounts, volumes := c.Path.Append("volumeMounts"), c.Pod.Append("volumes")
	must(t, krm.Set(list, c.RNode, krm.Map("name", "planted", "mountPath", at), mounts.Append(len(krm.Elements(c.RNode, mounts...)))...))
	must(t, krm.Set(list, c.RNode, volume, volumes.Append(len(krm.Elements(c.RNode, volumes...)))...))
}

// inFile brings a file whose path stands in config.yml.
func inFile(part string, field krm.Path, at string) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		inConfig(field, at)(t, list)
		newConfigMap(list, "a", planted)
		mount(t, list, component(t, list, part), "/etc/keys", krm.Map("name", "planted", "configMap", krm.Map("name", "planted",
			"items", krm.List(krm.Map("key", "a", "path", "mine.json")))))
	}
}

// inConfig puts a field into the registry's config.yml.
func inConfig(field krm.Path, value string) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		c := component(t, list, harbor.Registry)
		c.RemoveEnv(list, "REGISTRY_HTTP_SECRET") // goes before the field
		config := c.RegistryConfig(list, c.Environment(list))
		embedded, err := krm.Embed(config.Object, config.Path...)
		must(t, err)
		var node any = value
		if strings.HasPrefix(value, "[") {
			node = yaml.MustParse(value).YNode()
		}
		must(t, embedded.Add(list, node, field...))
	}
}

func inINI(p harbor.Place) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		must(t, component(t, list, harbor.UI).SetAppConf(list, p.Section, p.Key, planted, true))
	}
}

// asFile brings a file from a ConfigMap, where the program looks for it or where a
// variable says.
func asFile(part, name, at string) func(*testing.T, *framework.ResourceList) {
	return func(t *testing.T, list *framework.ResourceList) {
		c := component(t, list, part)
		newConfigMap(list, "a", planted)
		file := name
		if at != "" {
			variable, ok := c.PathVariable(name)
			if !ok {
				file = "../elsewhere/" + name // the name alone says what it is
			} else {
				must(t, c.SetEnv(list, krm.Map("name", variable, "value", at)))
				file = at
			}
		}
		if part == harbor.Nginx {
			useTLS(t, list, c)
		}
		folder, base := "/planted", file
		if i := strings.LastIndex(file, "/"); i >= 0 {
			folder, base = strings.TrimPrefix(file[:i], ".."), file[i+1:]
		}
		mount(t, list, c, folder, krm.Map("name", "planted", "configMap", krm.Map("name", "planted",
			"items", krm.List(krm.Map("key", "a", "path", base)))))
	}
}

func useTLS(t *testing.T, list *framework.ResourceList, c harbor.Component) {
	t.Helper()
	config, err := c.ConfigFile(list, "nginx.conf")
	must(t, err)
	conf := strings.Replace(config.Text(), "listen 80;", "listen 443 ssl; ssl_certificate /etc/nginx/https.crt; ssl_certificate_key /etc/nginx/https.key;", 1)
	must(t, krm.Set(list, config.ConfigMap, conf, "data", config.Key))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func objects(t *testing.T, text string) []*yaml.RNode {
	t.Helper()
	items, err := (&kio.ByteReader{Reader: strings.NewReader(text), OmitReaderAnnotations: true}).Read()
	must(t, err)
	return items
}

func written(list *framework.ResourceList) string {
	var docs []string
	for _, obj := range list.Items {
		docs = append(docs, obj.MustString())
	}
	return strings.Join(docs, "---\n")
}
