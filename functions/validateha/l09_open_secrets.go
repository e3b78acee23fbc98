package validateha

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// sensitive are the variables and files that nobody else may see. The keys of
// ConfigMaps are often called the same.
var (
	sensitive = []string{"UI_SECRET", "JOBSERVICE_SECRET", "SECRET_KEY", "HARBOR_ADMIN_PASSWORD", "LDAP_SEARCH_PWD",
		"EMAIL_PWD", "MYSQL_PWD", "MYSQL_ROOT_PASSWORD", "CLAIR_DB_PASSWORD", "UAA_CLIENTSECRET", "REGISTRY_HTTP_SECRET", harbor.RedisPassword}
	// The certificates are no secrets, but have to be filled in too.
	sensitiveFiles = map[string]bool{"key": true, path.Base(harbor.TokenKeyFile): true, "https.key": true,
		"root.crt": false, "https.crt": false}
)

// exposed are the values of an object that are secret, or to be filled in, by
// key.
type exposed struct{ secrets, placeholders map[string]bool }

// checkOpen reports secrets that stand in ConfigMaps and pods, and placeholders.
func checkOpen(p *pass) {
	found, order := map[*yaml.RNode]exposed{}, []*yaml.RNode{}
	add := func(obj *yaml.RNode, key, value string, isSecret bool) {
		value = strings.TrimSpace(value)
		if obj == nil || value == "" || !isSecret && !harbor.Placeholder(value) {
			return
		}
		if _, known := found[obj]; !known {
			found[obj], order = exposed{map[string]bool{}, map[string]bool{}}, append(order, obj)
		}
		if harbor.Placeholder(value) {
			found[obj].placeholders[key] = true
		}
		if isSecret && obj.GetKind() != "Secret" {
			found[obj].secrets[key] = true
		}
	}
	for _, c := range p.parts {
		openVariables(p, c, add)
		openFiles(p, c, add)
	}
	for _, obj := range order {
		reportOpen(p, obj, found[obj])
	}
}

// addSecret takes note of a value of an object.
type addSecret func(obj *yaml.RNode, key, value string, isSecret bool)

func openVariables(p *pass, c *part, add addSecret) {
	env := c.env
	for _, name := range slices.Concat(sensitive, []string{harbor.RedisURL}) {
		v, ok := env.Get(name)
		if name == harbor.RedisURL {
			s, _ := harbor.ParseSession(v.Text, kube.Hidden)
			v.Text = unresolved.ReplaceAllString(s.Password, "")
		}
		switch {
		case !ok || strings.Contains(v.Text, kube.Hidden):
		case v.Source.Object != nil:
			add(v.Source.Object, v.Source.Key, v.Text, true)
		case v.Source.Name == "" && !v.Secret:
			add(c.RNode, name, v.Text, true)
		}
	}
	for _, name := range c.ConfigMaps(p.list) {
		// Upstream's ConfigMaps hold some that nobody reads.
		configMap := kube.Find(p.list, "ConfigMap", c.GetNamespace(), name)
		for _, key := range sensitive {
			if configMap != nil {
				add(configMap, key, krm.Text(configMap, "data", key), true)
			}
		}
	}
}

func openFiles(p *pass, c *part, add addSecret) {
	if c.Name() == harbor.Nginx && !harbor.ReadsHTTPSKey(c.nginx.Directives) {
		return // the files are not read
	}
	for _, d := range c.Delivered(p.list) {
		if isSecret, known := sensitiveFiles[path.Base(d.Path)]; known {
			add(d.Value.Source.Object, d.Value.Source.Key, d.Value.Text, isSecret)
		}
	}
}

// reportOpen says what is wrong with the values of an object, in one finding.
func reportOpen(p *pass, obj *yaml.RNode, e exposed) {
	var says []string
	if len(e.secrets) > 0 {
		says = append(says, fmt.Sprintf("shows %s to everybody who can read it: put them into a Secret (move-secrets)", keysIn(e.secrets)))
	}
	if len(e.placeholders) > 0 {
		says = append(says, fmt.Sprintf("placeholders have to be replaced in %s (krmfn secrets makes values)", keysIn(e.placeholders)))
	}
	if len(says) > 0 {
		p.warn(obj, nil, "%s", strings.Join(says, "; "))
	}
}

func keysIn(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}
