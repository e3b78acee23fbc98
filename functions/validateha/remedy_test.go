package validateha_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions/validateha"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// TestRemedy makes each mistake whose rule names a section of HarborHA as remedy,
// and runs HarborHA with the overlay's config on the broken manifests. A finding
// that says what to add is set right by it, or the section refuses and says why;
// one that says nothing is not set right by any section: people have to know what
// to do, and what will not help.
func TestRemedy(t *testing.T) {
	t.Parallel()
	for generation, f := range families {
		t.Run(generation, func(t *testing.T) {
			applied := map[string]bool{}
			for _, name := range f.order {
				s := f.starts(t)[name]
				before := s.copy().findings(s.version)
				for _, mut := range f.mutations {
					m := s.copy()
					// The first and the clean start differ in kinds; the others add to the time alone.
					if len(rule(mut.rule).Remedy) == 0 || applied[mut.name] && name != "clean" || !mut.apply(m) {
						continue
					}
					applied[mut.name] = true
					checkRemedy(t, f, name, mut, m, s.version, before)
				}
			}
		})
	}
}

func rule(id string) validateha.Rule {
	return validateha.Rules[slices.IndexFunc(validateha.Rules, func(r validateha.Rule) bool { return r.ID == id })]
}

func checkRemedy(t *testing.T, fam family, name string, mut mutation, broken *manifests, version string, before framework.Results) {
	t.Helper()
	var found framework.Results
	for _, f := range broken.copy().findings(version) {
		if f.Tags["rule"] == mut.rule && f.Severity != framework.Info && !slices.ContainsFunc(before, func(g *framework.Result) bool { return g.Message == f.Message && same(f, g) }) {
			found = append(found, f)
		}
	}
	after := run(t, "harbor-ha", withSections(t, fam.overlay, found), broken.text()+"---\n"+fam.more(t)).Findings
	for _, f := range found {
		section := sectionOf(f)
		left := slices.ContainsFunc(after, func(g *framework.Result) bool {
			return same(f, g) && (g.Severity == f.Severity || g.Severity == framework.Error)
		})
		refused := slices.ContainsFunc(after, func(g *framework.Result) bool { return g.Severity == framework.Error && g.Tags["rule"] == "" })
		switch {
		case section != "" && !slices.Contains(rule(mut.rule).Remedy, strings.FieldsFunc(section, func(r rune) bool { return r == '.' || r == ':' })[0]):
			t.Errorf("%s: %s: %s is no remedy of %s", name, mut.name, section, mut.rule)
		case section != "" && refused && !slices.ContainsFunc(after, func(g *framework.Result) bool { return g.Tags["rule"] == "" && concerns(f, g) }):
			t.Errorf("%s: %s: HarborHA refuses about something else than\n%s\nit says\n%s", name, mut.name, lines(framework.Results{f})[0], strings.Join(startingWith(lines(after), "error "), "\n"))
		case section != "" && left && !refused:
			t.Errorf("%s: %s: HarborHA does not help against\n%s", name, mut.name, lines(framework.Results{f})[0])
		case section == "" && !left && !refused && unnamed[mut.name] == "":
			t.Errorf("%s: %s: a section of HarborHA helps, and the finding does not say so:\n%s", name, mut.name, lines(framework.Results{f})[0])
		case section == "" && left && f.Severity == framework.Warning && byHand[mut.name] == "":
			t.Errorf("%s: %s: nothing helps against\n%s", name, mut.name, lines(framework.Results{f})[0])
		}
	}
}

// byHand are the warnings that no section sets right, and why.
var byHand = map[string]string{
	"a registry of somebody's own without a volume": "what it reads and where it stores is not known",
	"logs in the container":                         "where the jobservice mounts a volume is not for use-cephfs, which changes claims",
	"logs elsewhere by variable":                    "where the jobservice mounts a volume is not for use-cephfs, which changes claims",
	"cache of each replica":                         "the cache may go or move to Redis, and only its owner knows whether there is one",
	"cache of each replica, by the image":           "the cache may go or move to Redis, and only its owner knows whether there is one",
	"settings kept and discarded":                   "either is a wish: changes in the portal, or all settings in the manifests",
	"Ingress with certificate":                      "the address in the config is not the one of the Ingress, and only people know which is meant",
	"password that Harbor does not know":            "only its owner knows the Secret that it belongs in, and whether it is one",
	"token that Harbor does not know":               "only its owner knows the Secret that it belongs in, and whether it is one",
	"password in the URL of a proxy":                "only its owner knows the Secret that it belongs in",
	"password of a proxy in config.yml":             "only its owner knows the Secret that it belongs in, and whether it is one",
	"password of a Secret with a line break":        "nobody but its owner can change what a Secret holds",
	"password that a URL reads otherwise":           "nobody but its owner can change what a Secret holds",
	"a password that everybody knows":               "nobody but its owner knows what belongs there; krmfn secrets makes values",
	"the chart's password of the registry":          "nobody but its owner knows what belongs there; krmfn secrets makes values",
	"placeholder in a Secret":                       "nobody but its owner knows what belongs there; krmfn secrets makes values",
	"Secret of the driver renamed by kustomize":     "the name in the config has to follow",
	"no probe":                 "what a part answers, its manifests say",
	"portal without probe":     "what a part answers, its manifests say",
	"tag that moves":           "which release is meant, only people know",
	"all cores on one node":    "which nodes are meant, only people know",
	"no tag":                   "which release is meant, only people know",
	"images of development":    "which release is meant, only people know",
	"an image without tag":     "which release is meant, only people know",
	"two budgets for the core": "which of the two is meant, only people know",
}

// unnamed are the findings that some section sets right in passing, and why they
// do not name it.
var unnamed = map[string]string{
	"Ingress to a Service that is not there": "the node port of the config is another way in, and the Ingress leads nowhere all the same",
	"volume of a pool":                       "the pool may well be shared storage: use-cephfs is one answer of several",
	"settings in an emptyDir":                "with the three adminservers of the config another warning takes its place",
	"settings elsewhere":                     "with the three adminservers of the config another warning takes its place",
}

// same says whether two findings are of one rule and about one field.
func same(f, g *framework.Result) bool {
	bare := func(r *framework.Result) string { return section.ReplaceAllString(r.Message, "") }
	sameField := f.Field == nil && g.Field == nil || f.Field != nil && g.Field != nil && f.Field.Path == g.Field.Path
	return f.Tags["rule"] == g.Tags["rule"] && *f.ResourceRef == *g.ResourceRef && (sameField || bare(f) == bare(g))
}

// concerns says whether an error of a section is about what a rule has found: it names
// the object, or what the finding names.
func concerns(f, g *framework.Result) bool {
	field := ""
	if g.Field != nil {
		field = g.Field.Path
	}
	return g.ResourceRef != nil && g.ResourceRef.Name == f.ResourceRef.Name || strings.Contains(g.Message, f.ResourceRef.Name) ||
		sectionOf(f) != "" && strings.HasPrefix(field, "spec."+sectionOf(f))
}

var (
	section = regexp.MustCompile(`; add (.*) to HarborHA$`)
	// Of endpoint messages say in their midst what to write.
	url   = regexp.MustCompile(`write (\S+) in endpoint\.url`)
	whole = regexp.MustCompile(`write endpoint: (\{[^}]*\})`)
)

// sectionOf is the section of HarborHA that a finding names, "" for none.
func sectionOf(f *framework.Result) string {
	if m := section.FindStringSubmatch(f.Message); m != nil {
		return m[1]
	}
	if strings.Contains(f.Message, "endpoint.") || whole.MatchString(f.Message) {
		return "endpoint.url"
	}
	return ""
}

// withSections is the overlay's config with what findings say to write.
func withSections(t *testing.T, overlay string, found framework.Results) string {
	t.Helper()
	config := yaml.MustParse(golden.Read(t, filepath.Join("../../overlays", overlay, "functions/harbor-ha.yaml")))
	write := func(value string, path ...any) {
		if err := krm.Set(&framework.ResourceList{}, config, yaml.MustParse(value).YNode(), path...); err != nil {
			t.Fatal(err)
		}
	}
	nodePort := slices.ContainsFunc(found, func(f *framework.Result) bool { return sectionOf(f) == "nodePort.port" })
	for _, f := range found {
		field, value, _ := strings.Cut(sectionOf(f), ": ")
		switch name, isClaim := strings.CutPrefix(field, "cephFS.volumes."); {
		case url.MatchString(f.Message) && nodePort: // the address of the config is right then
		case url.MatchString(f.Message):
			// The address that the message names is one of the manifests as they are.
			if err := config.PipeE(yaml.Lookup("spec"), yaml.Clear("nodePort")); err != nil {
				t.Fatal(err)
			}
			write(url.FindStringSubmatch(f.Message)[1], "spec", "endpoint", "url")
		case whole.MatchString(f.Message):
			write(whole.FindStringSubmatch(f.Message)[1], "spec", "endpoint")
		case isClaim && krm.Lookup(config, "spec", "cephFS", "volumes", name) == nil:
			write("{path: /apps/harbor-k8s/more, size: 1Gi}", "spec", "cephFS", "volumes", name)
		case field == "spread.budget":
			write(value, "spec", "spread", "budget")
		case field == "jobLogs":
			write(value, "spec", "jobLogs")
		case field == "objectStorage.redirect":
			write("{driver: s3, parameters: {region: default, bucket: harbor}, redirect: false}", "spec", "objectStorage")
		case strings.HasPrefix(field, "redis.databases."):
			write(value, "spec", "redis", "databases", strings.TrimPrefix(field, "redis.databases."))
		case field == "replicas.jobservice":
			write(value, "spec", "replicas", "jobservice")
		case field == "database.reset":
			write(value, "spec", "database", "reset")
		}
	}
	return config.MustString()
}

// harborCfg is the ConfigMap that the overlay generates.
func harborCfg(t *testing.T) string {
	obj := krm.Map("apiVersion", "v1", "kind", "ConfigMap",
		"metadata", krm.Map("name", "harbor-cfg", "annotations", krm.Map("config.kubernetes.io/local-config", "true")),
		"data", krm.Map("harbor.cfg", golden.Read(t, "../../overlays/harbor-cfg/harbor.cfg")))
	return yaml.NewRNode(obj).MustString()
}
