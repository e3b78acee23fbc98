package validateha

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// secretName is what variables and fields end in that hold secrets, where they are
// not settings of Harbor.
var secretName = regexp.MustCompile(`(?i)(password|passwd|[_-]pwd|[_-]pass|secret|secretkey|accesskey|accountkey|apikey|privatekey|[_-]key|[_-]token)$`)

// checkLookalikes reports what looks like a secret in Harbor's own pods, and is none
// that Harbor knows: users put their own there.
func checkLookalikes(p *pass) {
	for _, c := range p.parts {
		if c.ByUse {
			continue
		}
		for _, name := range c.env.Names() {
			v, _ := c.env.Get(name)
			if _, known := c.Harbor.SecretVariable(name); !known && !c.Harbor.HoldsRedis(name) && !v.Secret && !v.Maybe && v.Known {
				lookalike(p, c, v, name)
			}
		}
		keyFiles(p, c)
		if c.registry != nil && c.registry.Readable && !c.registry.Value.Secret {
			lookalikeFields(p, c, c.registry.Lookup(), nil)
		}
	}
}

// keyFiles looks at files that hold a private key.
func keyFiles(p *pass, c *part) {
	for _, d := range c.Delivered(p.list) {
		source := d.Value.Source
		if source.Kind != "ConfigMap" || !strings.Contains(d.Value.Text, "PRIVATE KEY-----") {
			continue
		}
		if !slices.ContainsFunc(c.Harbor.SecretsOf(c.Component), func(s harbor.SecretValue) bool { return s.Value.Source.Same(source) }) {
			tellLookalike(p, source.Object, source.Key, "a private key")
		}
	}
}

// lookalike looks at a variable.
func lookalike(p *pass, c *part, v kube.Value, name string) {
	obj, called := c.RNode, name
	if v.Source.Object != nil {
		obj, called = v.Source.Object, v.Source.Key
	}
	switch {
	case harbor.URLWithPassword.MatchString(v.Text):
		tellLookalike(p, obj, called, "a URL with a password")
	case secretName.MatchString(name) && secretLike(v.Text):
		tellLookalike(p, obj, called, "a password or key by its name")
	}
}

// lookalikeFields looks at the fields of config.yml that the table does not have.
func lookalikeFields(p *pass, c *part, node *yaml.Node, at krm.Path) {
	switch {
	case node == nil:
	case node.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			lookalikeFields(p, c, node.Content[i+1], at.Append(node.Content[i].Value))
		}
	case node.Kind == yaml.SequenceNode:
		for i, element := range node.Content {
			lookalikeFields(p, c, element, at.Append(i))
		}
	case len(at) == 0 || c.Harbor.SecretField(at):
	case harbor.URLWithPassword.MatchString(node.Value):
		tellLookalike(p, c.registry.Object, c.registry.Value.Source.Key+" "+at.String(), "a URL with a password")
	default:
		name, ok := at[len(at)-1].(string)
		if ok && secretName.MatchString("_"+name) && secretLike(node.Value) {
			tellLookalike(p, c.registry.Object, c.registry.Value.Source.Key+" "+at.String(), "a password or key by its name")
		}
	}
}

// secretLike leaves out what is no secret whatever it is called: paths, numbers, yes
// and no, and references that nobody replaces.
func secretLike(text string) bool {
	text = strings.TrimSpace(text)
	_, notNumber := strconv.ParseFloat(text, 64)
	_, notBool := strconv.ParseBool(text)
	return text != "" && notNumber != nil && notBool != nil && !slices.Contains([]string{"on", "off", "yes", "no", "none", "NA"}, text) &&
		!strings.HasPrefix(text, "/") && !strings.Contains(text, "$(")
}

func tellLookalike(p *pass, obj *yaml.RNode, name, what string) {
	if obj != nil {
		p.warn(obj, nil, "%s", fmt.Sprintf("shows %s, %s, to everybody who can read it: put it into a Secret", name, what))
	}
}
