package harbor

import (
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// SetEndpoint makes the external URL known to the three that tell it to
// clients: the adminserver (EXT_ENDPOINT), the registry (auth.token.realm) and
// nginx (server_name). The URL is scheme, host and port.
func SetEndpoint(list *framework.ResourceList, url string) error {
	for _, step := range []struct {
		component string
		set       func(Component) error
	}{
		{AdminServer, func(c Component) error { return c.SetVariable(list, "EXT_ENDPOINT", url, false) }},
		{Registry, func(c Component) error { return setRealm(list, c, url) }},
		{Nginx, func(c Component) error { return setServerName(list, c, url) }},
	} {
		components, err := Find(list, step.component)
		if err != nil {
			return err
		}
		for _, c := range components {
			if err := step.set(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func setRealm(list *framework.ResourceList, c Component, url string) error {
	config, err := c.ConfigFile(list, "config.yml")
	if err != nil {
		return err
	}
	embedded, err := krm.Embed(config.ConfigMap, "data", config.Key)
	if err != nil {
		return err
	}
	return embedded.Set(list, url+"/service/token", "auth", "token", "realm")
}

var serverName = regexp.MustCompile(`(?m)^(\s*server_name\s+)([^;]*[^;\s])(\s*;)`)

// setServerName writes host and port, as the templates of Harbor do: nginx
// compares without the port, but its only server answers whatever the name.
func setServerName(list *framework.ResourceList, c Component, url string) error {
	config, err := c.ConfigFile(list, "nginx.conf")
	if err != nil {
		return err
	}
	old := serverName.FindStringSubmatch(config.Text())
	if old == nil {
		return krm.Fault(config.ConfigMap, krm.Path{"data", config.Key}, "has no server_name")
	}
	_, host, _ := strings.Cut(url, "://")
	text := serverName.ReplaceAllString(config.Text(), fmt.Sprintf("${1}%s${3}", host))
	krm.SetWithin(list, config.ConfigMap, text, "server_name", old[2], host, "data", config.Key)
	return nil
}

// Entry returns the Service through which clients reach Harbor: the one in
// front of nginx.
func Entry(list *framework.ResourceList) (*yaml.RNode, error) {
	all := Components(list)
	for _, c := range all {
		if c.Name() != Nginx {
			continue
		}
		services := kube.Services(list, c.Workload)
		switch len(services) {
		case 1:
			return services[0], nil
		case 0:
			return nil, fmt.Errorf("no Service selects the pods of %s", krm.Name(c.RNode))
		}
		return nil, fmt.Errorf("%d Services select the pods of %s, the first ones are %s and %s: name the one that is meant",
			len(services), krm.Name(c.RNode), services[0].GetName(), services[1].GetName())
	}
	return nil, fmt.Errorf("found no nginx of Harbor, %s", Present(all))
}
