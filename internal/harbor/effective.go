package harbor

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// Location is a field of an object: where a value can be changed.
type Location struct {
	Object *yaml.RNode
	Path   krm.Path
}

// WhereSet says where a value that the component reads can be changed: in its
// ConfigMap or Secret, else where the pod refers to it, else in the variable of
// that name.
func (c Component) WhereSet(v kube.Value, variable string) Location {
	switch {
	case v.Source.Object != nil:
		return Location{v.Source.Object, kube.KeyPath(v.Source.Object, v.Source.Key)}
	case v.Source.Path != nil:
		return Location{c.RNode, v.Source.Path}
	case v.Entry != nil:
		return Location{c.RNode, v.Entry}
	}
	if at, ok := c.Env(variable); ok {
		return Location{c.RNode, at}
	}
	return Location{c.RNode, c.Path.Append("env")}
}

// Setting returns a variable of the component, or what it takes when that is
// not set or empty. A Secret outside of the list may hold any variable, but is
// not the place for these.
func (c Component) Setting(env kube.Environment, name string) kube.Value {
	if v, ok := given(env, name); ok {
		return v
	}
	return kube.Value{Text: c.Harbor.defaultOf(c.Name(), name), Known: true}
}

// given is a variable that is set and not empty, as Setting takes it.
func given(env kube.Environment, name string) (kube.Value, bool) {
	v, ok := env.Get(name)
	elsewhere := !slices.Contains(env.Names(), name) && v.Source.Kind == "Secret"
	return v, ok && v.Text != "" && !elsewhere
}

// defaultOf is what a part takes for a variable that is not set: the path of the
// file that it names, else what Defaults say.
func (l layout) defaultOf(part, variable string) string {
	for _, f := range l.Files {
		if f.Of == part && f.Variable == variable {
			return f.Path
		}
	}
	return l.Defaults[part][variable]
}

// NginxConfig is the nginx.conf that an nginx reads.
type NginxConfig struct {
	Location
	Directives []Directive // none when not all of it can be seen
	Secret     bool        // it is not to be shown
	Unclear    string      // why it cannot be looked at

	harbor *Harbor
}

// NginxConfig reads nginx.conf where nginx looks for it.
func (c Component) NginxConfig(list *framework.ResourceList) NginxConfig {
	found := c.At(list, NginxConf)
	conf := NginxConfig{Location: c.WhereSet(found.Value, ""), Secret: found.Value.Secret, harbor: c.Harbor}
	if found.State != kube.Present || !found.Value.Known {
		return conf
	}
	all, err := ParseNginx(found.Value.Text)
	if err != nil {
		conf.Unclear = err.Error()
	}
	All(all, "include", func(d Directive, _ []Directive) {
		if path.Base(d.Arg(0)) != "mime.types" {
			conf.Unclear = fmt.Sprintf("line %d: includes another file", d.Line)
		}
	})
	if conf.Unclear == "" {
		conf.Directives = all
	}
	return conf
}

// AppSetting is a setting of the app.conf that the ui or jobservice reads, "" when
// it is not there or cannot be seen.
func (c Component) AppSetting(list *framework.ResourceList, env kube.Environment, name string) string {
	file := c.Setting(env, ConfigPath)
	found := c.At(list, file.Text)
	if !found.Value.Known {
		return ""
	}
	return appConfValue(found.Value.Text, name)
}

// ListenPort is the port of listen 80, listen 0.0.0.0:80, listen [::]:80, "" of a
// socket of Unix.
func (d Directive) ListenPort() string {
	address := d.Arg(0)
	if strings.HasPrefix(address, "unix:") {
		return ""
	}
	if i := strings.LastIndexByte(address, ':'); i >= 0 && !strings.HasSuffix(address, "]") {
		address = address[i+1:]
	}
	if !isPort(address) {
		return "80"
	}
	return address
}
