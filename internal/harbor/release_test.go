package harbor

import (
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/kube"
)

func TestRelease(t *testing.T) {
	for image, want := range map[string]Release{
		"vmware/harbor-ui:v1.2.0": {1, 2}, "goharbor/harbor-ui:1.6.3@sha256:00": {1, 6}, "host:5000/harbor-ui:v1.10.0-dev": {1, 10},
		"goharbor/harbor-ui:v2.0.0": {2, 0}, "harbor-ui": {}, "harbor-ui:latest": {}, "host:1.2/harbor-ui": {},
		"bitnami/harbor-core:2.11.0-debian-12-r0": {2, 11}, "goharbor/registry-photon:v2.6.2-v1.7.5": {1, 7},
		"goharbor/registry-photon:v2.15.1": {2, 15}, "vmware/nginx-photon:1.11.13": {}, "vmware/registry:2.6.2-photon": {},
		"goharbor/nginx-photon:v1.5.3": {1, 5}, "mirror/harbor-core:20.04": {}, "harbor-db:2024-01-01": {},
	} {
		if got := releaseOf(containerOf(t, "labels: {}", "image: '"+image+"'")); got != want {
			t.Errorf("%s: %s, want %s", image, got, want)
		}
	}
	if got := releaseOf(containerOf(t, "labels: {app.kubernetes.io/version: 2.14.0}", "image: mirror/core@sha256:00")); got != (Release{2, 14}) {
		t.Errorf("by label: %s", got)
	}
}

// containerOf is the container of a pod made from a line of its metadata and one
// of the container.
func containerOf(t *testing.T, metadata, container string) kube.Container {
	t.Helper()
	obj := yaml.MustParse("apiVersion: v1\nkind: Pod\nmetadata: {name: p, " + metadata + "}\nspec: {containers: [{name: c, " + container + "}]}\n")
	return kube.Workloads(&framework.ResourceList{Items: []*yaml.RNode{obj}})[0].Containers()[0]
}
