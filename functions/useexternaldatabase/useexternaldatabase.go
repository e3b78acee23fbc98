// Package useexternaldatabase makes Harbor 1.x use a MySQL server outside of its
// manifests, and takes the one inside away.
//
// The adminserver reads the connection from its environment and hands it to the
// others. It keeps its settings in a file of its own once it has started, and
// reads most of them from there afterwards, MYSQL_HOST among them; several
// adminservers would drift apart. RESET "true" makes each start read everything
// from the manifests again: settings are then changed there, no longer in the
// web page (Harbor v1.2.0, src/adminserver).
//
// The database has to exist with its tables and character set utf8. Harbor 1.2
// speaks to MySQL 5.7 and MariaDB; accounts of MySQL 8 need
// mysql_native_password.
package useexternaldatabase

import (
	"errors"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Function is use-external-database.
var Function = krm.Function{Name: "use-external-database", New: func() krm.Runner { return &UseExternalDatabase{} }}

// UseExternalDatabase is the settings.
type UseExternalDatabase struct {
	// Host name or IP address of the MySQL server.
	Host string `yaml:"host" required:"true"`
	// Port of the MySQL server.
	Port int `yaml:"port" default:"3306"`
	// User that Harbor logs in as.
	User string `yaml:"user" required:"true"`
	// Name of the database.
	Database string `yaml:"database" required:"true"`
	// Password of the user.
	Password harbor.Password `yaml:"password"`
	// Whether each start of an adminserver reads all settings from the manifests
	// (RESET). Several adminservers need it.
	Reset bool `yaml:"reset" default:"true"`
	// Whether the MySQL inside the cluster stays, e.g. until its data has moved.
	KeepInternal bool `yaml:"keepInternal" default:"false"`
}

// Validate checks the connection.
func (s *UseExternalDatabase) Validate() error {
	errs := []error{
		harbor.CheckDatabaseHost("host", s.Host),
		krm.CheckPort("port", s.Port),
		krm.CheckDatabaseUser("user", s.User),
		krm.CheckDatabase("database", s.Database),
	}
	if s.Password == (harbor.Password{}) {
		errs = append(errs, krm.FieldErrorf("password", "is missing: set password.secretName and password.secretKey"))
	} else if err := s.Password.Validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Run changes the connection of every part that has one, and removes the internal
// database.
func (s *UseExternalDatabase) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	if len(h.Database) == 0 {
		return h.Unknown("where the address of the database stands")
	}
	old := h.Replace(h.DatabaseServer, h.DatabaseHosts(), s.Host)
	if old.Own != nil && !s.KeepInternal {
		return krm.FieldErrorf("host",
			"%q is the Service of the database inside the cluster, which this function removes: name another server or set keepInternal: true", s.Host)
	}
	if err := h.SetDatabase(harbor.Connection{
		Host: s.Host, Port: s.Port, User: s.User, Database: s.Database, Reset: s.Reset, Password: s.Password,
	}); err != nil {
		return err
	}
	if s.KeepInternal {
		old.Remove("keepInternal")
	} else {
		old.Remove("")
	}
	return nil
}
