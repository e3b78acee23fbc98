package harbor

import (
	"cmp"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// JobLogUse is how a part is told where the logs of its jobs go.
type JobLogUse struct {
	// Jobs are the loggers of jobs, Own those of the part itself: two lists in its
	// config.
	Of        string
	Jobs, Own Place
	// Folder is where Harbor's own manifests mount the volume for the logs.
	Folder string
}

// Loggers of a jobservice of 2.x (src/jobservice/logger/known_loggers.go).
const (
	loggerDB   = "DB"
	loggerFile = "FILE"
)

// readers are the loggers from which somebody who asks gets the log of a job: the
// first of them that is there. Without one the answer is 500 (seen with Harbor
// 2.15.1; src/jobservice/logger/base.go, GetLogDataGetter, sorts them by name).
var readers = []string{loggerDB, loggerFile}

// sweepAfter is after how many days logs are deleted in Harbor's own manifests, and
// sweepByDefault after how many where the config says nothing
// (src/jobservice/logger/sweeper_factory.go).
const (
	sweepAfter     = 14
	sweepByDefault = 1
)

// JobLogs is where a jobservice keeps the logs of its jobs.
type JobLogs struct {
	// Known says that the manifests show it.
	Known bool
	// Reader is the logger from which logs are read, "" when there is none.
	Reader string
	// Loggers are all.
	Loggers []string
	// Folder is where FILE writes them.
	Folder kube.Value
	// Secret says that all this stands in a Secret.
	Secret bool
	// Location is where all this can be changed.
	Location
	// Err is why the config is none.
	Err error
}

// InFiles says whether logs are read from files.
func (l JobLogs) InFiles() bool { return l.Known && l.Reader == loggerFile }

// JobLogs reads where the jobservice keeps the logs of jobs: up to Harbor 1.5 in
// files, in a folder that a variable names, and since then where its config.yml
// says.
func (c Component) JobLogs(list *framework.ResourceList, env kube.Environment) JobLogs {
	use := c.Harbor.JobLogs
	if use == nil {
		folder, known := c.Harbor.StorageOf(ForJobLogs)
		if !known {
			return JobLogs{}
		}
		return JobLogs{Known: true, Reader: loggerFile, Loggers: []string{loggerFile}, Folder: c.folder(folder, env)}
	}
	config, embedded, err := c.Harbor.yaml(c, use.Jobs)
	at, hidden := Location{config.ConfigMap, krm.Path{"data", config.Key}}, false
	if config.ConfigMap == nil || krm.Lookup(config.ConfigMap, "data", config.Key) == nil {
		var v kube.Value
		if v, embedded, _, err = c.Harbor.mounted(c, use.Jobs); !v.Known {
			return JobLogs{} // not among the resources
		}
		at, hidden = c.WhereSet(v, ""), v.Secret
	}
	if err != nil {
		return JobLogs{Location: at, Err: err}
	}
	loggers := jobLoggers{use, list, embedded}
	logs := JobLogs{Known: true, Loggers: loggers.names(), Folder: kube.Value{Known: true, Secret: hidden}, Secret: hidden, Location: at}
	for _, reader := range slices.Backward(readers) {
		if slices.Contains(logs.Loggers, reader) {
			logs.Reader = reader
		}
	}
	if i := slices.Index(logs.Loggers, loggerFile); i >= 0 {
		logs.Folder.Text = loggers.text(i, "settings", "base_dir")
	}
	return logs
}

// jobLoggers is the list of the loggers of jobs in a config.
type jobLoggers struct {
	*JobLogUse
	list   *framework.ResourceList
	config krm.Embedded
}

func (l jobLoggers) at(i int, field ...any) krm.Path {
	return l.Jobs.Field.Append(i).Append(field...)
}

func (l jobLoggers) text(i int, field ...any) string { return l.config.Text(l.at(i, field...)...) }

func (l jobLoggers) names() []string {
	node := l.config.Lookup(l.Jobs.Field...)
	if node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	var all []string
	for i := range node.Content {
		all = append(all, l.text(i, "name"))
	}
	return all
}

// folder is where FILE writes the logs, or would.
func (l jobLoggers) folder() string {
	if i := slices.Index(l.names(), loggerFile); i >= 0 {
		return cmp.Or(l.text(i, "settings", "base_dir"), l.Folder)
	}
	return l.Folder
}

// KeepJobLogs makes every jobservice keep the logs of jobs in the database, or
// in files on a volume that all of them share, which has to be there. What logs
// elsewhere too goes on doing so. A volume that nobody keeps anything in any more
// goes.
func (h *Harbor) KeepJobLogs(inDatabase bool) error {
	components, err := h.Need(h.JobLogs.Of)
	if err != nil {
		return err
	}
	for _, c := range components {
		_, embedded, err := h.yaml(c, h.JobLogs.Jobs)
		if err != nil {
			return err
		}
		loggers := jobLoggers{h.JobLogs, h.list, embedded}
		folder := loggers.folder()
		if inDatabase {
			if err = loggers.toDatabase(); err == nil {
				err = h.freeJobLogs(c, loggers, folder)
			}
		} else if err = h.checkShared(c, folder); err == nil {
			err = loggers.toFiles(folder)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// toDatabase makes FILE to DB. A file would not be read any more.
func (l jobLoggers) toDatabase() error {
	files := slices.Index(l.names(), loggerFile)
	switch {
	case slices.Contains(l.names(), loggerDB):
	case files < 0:
		return l.add(krm.Map("name", loggerDB, "level", l.level(), "sweeper", krm.Map("duration", sweepAfter)))
	default:
		if err := l.rename(files, loggerDB); err != nil {
			return err
		}
		if err := l.config.Remove(l.list, l.at(files, "settings")...); err != nil {
			return err
		}
		if err := l.config.Remove(l.list, l.at(files, "sweeper", "settings")...); err != nil {
			return err
		}
	}
	return l.drop(loggerFile)
}

// toFiles makes DB to FILE. DB would be read before it.
func (l jobLoggers) toFiles(folder string) error {
	files, database := slices.Index(l.names(), loggerFile), slices.Index(l.names(), loggerDB)
	if files < 0 && database < 0 {
		return l.add(krm.Map("name", loggerFile, "level", l.level(), "settings", krm.Map("base_dir", folder),
			"sweeper", krm.Map("duration", sweepAfter, "settings", krm.Map("work_dir", folder))))
	}
	if files < 0 {
		files = database
		if err := l.rename(files, loggerFile); err != nil {
			return err
		}
	}
	if err := l.config.Add(l.list, folder, l.at(files, "settings", "base_dir")...); err != nil {
		return err
	}
	// Without a folder for the sweeper the jobservice does not start.
	if l.config.Lookup(l.at(files, "sweeper")...) != nil && l.text(files, "sweeper", "settings", "work_dir") == "" {
		if err := l.config.Add(l.list, folder, l.at(files, "sweeper", "settings", "work_dir")...); err != nil {
			return err
		}
	}
	return l.drop(loggerDB)
}

// rename makes a logger to another one, whose sweeper deletes logs after as many
// days.
func (l jobLoggers) rename(i int, name string) error {
	if err := l.config.Add(l.list, name, l.at(i, "name")...); err != nil {
		return err
	}
	if l.config.Lookup(l.at(i, "sweeper")...) == nil || l.text(i, "sweeper", "duration") != "" {
		return nil
	}
	return l.config.Add(l.list, sweepByDefault, l.at(i, "sweeper", "duration")...)
}

func (l jobLoggers) level() string { return cmp.Or(l.text(0, "level"), "INFO") }

func (l jobLoggers) add(logger *yaml.Node) error {
	return l.config.Add(l.list, logger, l.at(len(l.names()))...)
}

func (l jobLoggers) drop(name string) error {
	for i := slices.Index(l.names(), name); i >= 0; i = slices.Index(l.names(), name) {
		if err := l.config.Remove(l.list, l.at(i)...); err != nil {
			return err
		}
	}
	return nil
}

// checkShared refuses a folder that is on no volume of all jobservices.
func (h *Harbor) checkShared(c Component, folder string) error {
	m, mounted := c.MountOf(folder)
	if mounted && c.Shares(h.list, m) {
		return nil
	}
	return krm.FieldErrorf("store", "is volume, and %s mounts no volume at %s that pods on all nodes share: add cephFS.volumes.jobLogs, or write database",
		krm.Name(c.RNode), folder)
}

// freeJobLogs takes the volume away that logs were on, unless the jobservice writes
// its own log there.
func (h *Harbor) freeJobLogs(c Component, l jobLoggers, folder string) error {
	m, mounted := c.MountOf(folder)
	if !mounted {
		return nil
	}
	if own := l.config.Lookup(l.Own.Field...); own != nil {
		for i := range own.Content {
			base := l.config.Text(l.Own.Field.Append(i, "settings", "base_dir")...)
			if other, ok := c.MountOf(base); ok && base != "" && other.Volume.String() == m.Volume.String() {
				krm.Notice(h.list, c.RNode, "left the volume at %s of %s: its own log is there", m.MountPath, krm.Name(c.RNode))
				return nil
			}
		}
	}
	return h.freeVolume(c, m, "the logs of jobs are in the database")
}
