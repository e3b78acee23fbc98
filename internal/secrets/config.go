package secrets

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Configure takes over the names and keys of Secrets that the settings of HarborHA
// ask for. The findings tell of the Secrets among them that are not made here.
func (n *Names) Configure(spec *yaml.RNode) Findings {
	set := func(to *string, path ...any) {
		if text := krm.Text(spec, path...); text != "" {
			*to = text
		}
	}
	set(&n.Harbor, "secrets", "name")
	set(&n.Database.Name, "secrets", "database")
	set(&n.Redis.Name, "secrets", "redis")
	set(&n.Database.Name, "database", "password", "secretName")
	set(&n.Database.Key, "database", "password", "secretKey")
	set(&n.Redis.Name, "redis", "password", "secretName")
	set(&n.Redis.Key, "redis", "password", "secretKey")
	set(&n.RedisURLKey, "redis", "password", "urlSecretKey")
	n.NoRedis = krm.Lookup(spec, "redis") != nil && krm.Lookup(spec, "redis", "password") == nil
	set(&n.CephFS, "cephFS", "csi", "secret", "name")
	set(&n.CephFSNamespace, "cephFS", "csi", "secret", "namespace")

	var found Findings
	if krm.Lookup(spec, "cephFS", "csi") != nil {
		found.add(framework.Warning, n.CephFS, CephFSUserKey, "is not made unless --cephfs-key-from gives it: Ceph knows it (ceph auth get-key client.USER)")
	}
	if name := krm.Text(spec, "objectStorage", "secret", "name"); name != "" {
		var keys []string
		for _, key := range krm.Strings(spec, "objectStorage", "secret", "keys") {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		found.add(framework.Warning, name, "", "is not made, the object storage has its keys: kubectl create secret generic %s with %s", name, strings.Join(keys, ", "))
	}
	return found
}

// ParseGeneration reads a release of Harbor, such as 2 or 1.2.
func ParseGeneration(text string) (harbor.Generation, error) {
	switch major, minor, _ := strings.Cut(strings.TrimPrefix(text, "v"), "."); {
	case major == "2":
		return harbor.V2, nil
	case major == "1" && (minor == "" || minor == "x" || len(minor) > 0 && minor[0] >= '2' && minor[0] <= '5' && (len(minor) == 1 || minor[1] == '.')):
		return harbor.V1, nil
	}
	return 0, fmt.Errorf("%q is neither Harbor 1.2 to 1.5 nor 2.x", text)
}
