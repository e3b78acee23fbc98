package validateha

import (
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var readableJobLogs = Rule{
	ID: "N06", Severity: framework.Error,
	What: "The logs of jobs go where they can be read.",
	Why: "Where they go to the standard output alone, who asks for the log of a job gets an error (500; harbor#13011, seen with Harbor " +
		"2.15.1). With files of no folder every job fails (src/jobservice/logger/factory.go of Harbor v2.15).",
	Do:     "Keep them in the database, or on a volume that all jobservices share; set-job-logs does.",
	Remedy: []string{"jobLogs"},
	Of:     now,
	check: func(p *pass) {
		for _, c := range p.named(harbor.JobService) {
			checkJobLogs(p, c)
		}
	},
}

// checkJobLogs leaves a config that is none, or without loggers, to N04, and the
// folder of the files to L04.
func checkJobLogs(p *pass, c *part) {
	logs := c.JobLogs(p.list, c.env)
	switch {
	case len(logs.Loggers) == 0:
	case logs.Reader == "":
		p.warn(logs.Object, logs.Path, "job_loggers has %s alone, from which nobody can read: who asks for the log of a job gets an error",
			shown(kube.Value{Text: strings.Join(logs.Loggers, " and "), Secret: logs.Secret})).add(toJobLogs)
	case logs.InFiles() && logs.Folder.Text == "":
		p.error(logs.Object, logs.Path, "FILE of job_loggers has no settings.base_dir: every job fails").add(toJobLogs)
	}
}
