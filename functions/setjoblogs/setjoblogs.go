// Package setjoblogs decides where the logs of Harbor's jobs are kept, so that each jobservice can read those of all.
//
// As Harbor comes, each jobservice writes them into files. With several of them,
// each on a volume of its own, the portal finds no log of a job that another one
// has run; the jobs themselves are right (harbor#13011; seen with Harbor 2.15.1).
//
// With database they are rows in Harbor's database and no jobservice needs a
// volume: its claim goes, unless somebody else uses it, and an emptyDir takes the
// place of the volume. Rows are deleted after as many days as files were. With volume
// they are files on a volume that all share, which use-cephfs makes; logs that the
// database holds are not read any more then.
//
// What logs to the standard output too goes on doing so. That alone is not enough:
// who asks for a log gets an error then. Logs that were written before are not
// moved.
//
// It knows Harbor 2.x, and refuses others: the jobservice of Harbor 1.2 to 1.5
// keeps logs in files alone.
package setjoblogs

import (
	"fmt"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Function is set-job-logs.
var Function = krm.Function{Name: "set-job-logs", New: func() krm.Runner { return &SetJobLogs{} }}

// SetJobLogs is the settings.
type SetJobLogs struct {
	// Where the logs of jobs are kept: `database` or `volume`.
	Store string `yaml:"store" required:"true"`
}

const (
	inDatabase = "database"
	onVolume   = "volume"
)

// Validate checks the store.
func (s *SetJobLogs) Validate() error {
	if s.Store != inDatabase && s.Store != onVolume {
		return krm.FieldErrorf("store", "%s is neither %s nor %s", krm.Quoted(s.Store), inDatabase, onVolume)
	}
	return nil
}

// InDatabase says whether the database keeps them.
func (s *SetJobLogs) InDatabase() bool { return s.Store == inDatabase }

// Run changes the loggers of every jobservice.
func (s *SetJobLogs) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	if err := h.Needs("where the jobservice is told to keep the logs of jobs", func(h *harbor.Harbor) bool { return h.JobLogs != nil }); err != nil {
		return fmt.Errorf("%w; put their files on a volume that all jobservices share: add cephFS.volumes", err)
	}
	return h.KeepJobLogs(s.InDatabase())
}
