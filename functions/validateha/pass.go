package validateha

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// pass is one rule that looks at the facts, and what it finds.
type pass struct {
	*facts
	found []*finding
}

// finding is something that a rule has found.
type finding struct {
	severity framework.Severity
	obj      *yaml.RNode
	path     krm.Path // nil: the object as a whole
	message  string
	// The values that the field holds and should hold, where they may be shown.
	current, proposed any
	section           string // of HarborHA
	subject           string
}

// error reports what does not work or loses data.
func (p *pass) error(obj *yaml.RNode, path krm.Path, format string, args ...any) *finding {
	return p.report(framework.Error, obj, path, format, args...)
}

// warn reports what works until a node fails or somebody looks.
func (p *pass) warn(obj *yaml.RNode, path krm.Path, format string, args ...any) *finding {
	return p.report(framework.Warning, obj, path, format, args...)
}

// note reports what the list does not show and has to be checked by hand.
func (p *pass) note(obj *yaml.RNode, path krm.Path, format string, args ...any) *finding {
	return p.report(framework.Info, obj, path, format, args...)
}

func (p *pass) report(severity framework.Severity, obj *yaml.RNode, path krm.Path, format string, args ...any) *finding {
	f := &finding{severity: severity, obj: obj, path: path, message: fmt.Sprintf(format, args...)}
	p.found = append(p.found, f)
	return f
}

// is adds the value that the field holds, which must not be a secret.
func (f *finding) is(value any) *finding {
	f.current = value
	return f
}

// want adds the value that the field should hold.
func (f *finding) want(value any) *finding {
	f.proposed = value
	return f
}

// add names the section of HarborHA that sets it right, as it is written there;
// "" for none.
func (f *finding) add(section string) *finding {
	f.section = section
	return f
}

// Sections of HarborHA.
const (
	toMount    = "registryMount: {}"
	toRedis    = "redis.address"
	toDatabase = "database.host"
	toSecrets  = "secrets: {}"
	toSpread   = "spread: {}"
	toJobLogs  = "jobLogs: {store: database}"
	noRedirect = "objectStorage.redirect: false"
)

// about says what the finding is about, where several would be one too many:
// the field alone without anything.
func (f *finding) about(what ...string) *finding {
	f.subject = fmt.Sprint("about ", what)
	if len(what) == 0 {
		f.subject = "field " + f.field()
	}
	return f
}

// field is the same for two findings about one field of one object.
func (f *finding) field() string { return fmt.Sprintf("%p %s", f.obj, f.path) }

// unique drops findings that say what another one has said: the same of the same
// field, which parts may share, or something about the same subject.
func unique(all []*finding) []*finding {
	said := map[string]bool{}
	return slices.DeleteFunc(all, func(f *finding) bool {
		same := "same " + f.field() + " " + f.message
		known := said[same] || f.subject != "" && said[f.subject]
		said[same], said[f.subject], said["field "+f.field()] = true, true, true
		return known
	})
}

// tell adds the finding to the results.
func (f *finding) tell(list *framework.ResourceList, r Rule) {
	message := f.message
	if f.section != "" && f.severity != framework.Info {
		message += "; add " + f.section + " to HarborHA"
	}
	result := krm.Report(list, f.severity, f.obj, f.path, message)
	result.Tags = map[string]string{"rule": r.ID}
	if result.Field != nil {
		result.Field.CurrentValue, result.Field.ProposedValue = f.current, f.proposed
	}
}
