package validateha

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// exposed are the values of an object that are secret, or to be filled in, by
// what they are called there.
type exposed struct{ secrets, placeholders, defaults map[string]bool }

// checkOpen reports secrets that stand in ConfigMaps and pods, and placeholders.
func checkOpen(p *pass) {
	found, order := map[*yaml.RNode]exposed{}, []*yaml.RNode{}
	for _, v := range p.secrets() {
		value := strings.TrimSpace(v.Value.Text)
		placeholder, open := harbor.Placeholder(value), v.Open() && !v.Public()
		isDefault := harbor.WellKnown(value) && v.Read && !placeholder && v.Form != harbor.YAMLText // L05 tells
		if v.Object == nil || value == "" || isKnownHTTPSecret(v) || !placeholder && !open && !isDefault {
			continue
		}
		if _, known := found[v.Object]; !known {
			found[v.Object], order = exposed{map[string]bool{}, map[string]bool{}, map[string]bool{}}, append(order, v.Object)
		}
		if placeholder {
			found[v.Object].placeholders[v.Name] = true
		}
		if isDefault {
			found[v.Object].defaults[v.Name] = true
		}
		if open {
			found[v.Object].secrets[v.Name] = true
		}
	}
	for _, obj := range order {
		reportOpen(p, obj, found[obj])
	}
	for _, a := range harbor.AppliedSecrets(p.list) {
		p.warn(a.Object, krm.Path{"metadata", "annotations", harbor.LastApplied},
			"shows %s to everybody who can read it: take the annotation away",
			strings.Join(slices.Sorted(slices.Values(a.Names)), ", ")).add(toSecrets)
	}
}

// isKnownHTTPSecret says whether the value is upstream's http.secret, of which L05
// tells.
func isKnownHTTPSecret(v harbor.SecretValue) bool {
	return v.Key == harbor.HTTPSecret && v.Place.Field != nil && v.Value.Text == "placeholder"
}

// secrets are those of all parts, but for files that nginx does not read without
// https.
func (p *pass) secrets() []harbor.SecretValue {
	var all []harbor.SecretValue
	for _, c := range p.parts {
		if c.nginx == nil || harbor.ReadsHTTPSKey(c.nginx.Directives) {
			all = append(all, c.Harbor.SecretsOf(c.Component)...)
		}
	}
	return all
}

// reportOpen says what is wrong with the values of an object, in one finding.
func reportOpen(p *pass, obj *yaml.RNode, e exposed) {
	var says []string
	if len(e.secrets) > 0 {
		says = append(says, fmt.Sprintf("shows %s to everybody who can read it: put them into a Secret", keysIn(e.secrets)))
	}
	if len(e.placeholders) > 0 {
		says = append(says, fmt.Sprintf("placeholders have to be replaced in %s (krmfn secrets makes values)", keysIn(e.placeholders)))
	}
	if len(e.defaults) > 0 {
		says = append(says, fmt.Sprintf("everybody can look up the default in %s: choose another value before Harbor first runs (krmfn secrets makes some)", keysIn(e.defaults)))
	}
	if len(says) > 0 {
		f := p.warn(obj, nil, "%s", strings.Join(says, "; "))
		if len(e.secrets) > 0 {
			f.add(toSecrets)
		}
	}
}

func keysIn(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}
