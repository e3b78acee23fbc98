// Package useexternaldatabase makes Harbor use a database outside of its manifests, and takes the one inside away.
//
// Harbor 2.x uses PostgreSQL: the core and the exporter are told. The database may be
// empty, the first core makes its tables. All pods together must not open more
// connections than the server allows, or no further core starts.
//
// Harbor 1.2 to 1.5 uses MySQL. The adminserver reads the connection from its
// environment and hands it to the others. It keeps its settings in a file of its own
// once it has started, and reads most of them from there afterwards, MYSQL_HOST among
// them; several adminservers would drift apart. RESET "true" makes each start read
// everything from the manifests again: settings are then changed there, no longer in
// the web page (Harbor v1.2.0, src/adminserver).
//
// The database of 1.x has to exist with its tables and character set utf8. Harbor 1.2
// speaks to MySQL 5.7 and MariaDB; accounts of MySQL 8 need mysql_native_password.
//
// It refuses other releases.
package useexternaldatabase

import (
	"errors"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Function is use-external-database.
var Function = krm.Function{Name: "use-external-database", New: func() krm.Runner { return &UseExternalDatabase{} }}

// UseExternalDatabase is the settings.
type UseExternalDatabase struct {
	// Host name or IP address of the server: MySQL for Harbor 1.x, PostgreSQL for 2.x.
	Host string `yaml:"host" required:"true"`
	// Port of the server; left out, that of MySQL, 3306, or of PostgreSQL, 5432.
	Port int `yaml:"port"`
	// User that Harbor logs in as.
	User string `yaml:"user" required:"true"`
	// Name of the database.
	Database string `yaml:"database" required:"true"`
	// Password of the user.
	Password harbor.Password `yaml:"password"`
	// How the connection is encrypted: disable, require, verify-ca or verify-full; as
	// it is when left out. Harbor 2.x.
	SSLMode string `yaml:"sslMode"`
	// Largest number of connections that each core and exporter opens; as it is when
	// left out. Harbor 2.x.
	MaxOpenConnections int `yaml:"maxOpenConnections"`
	// Number of connections that the server allows, 100 as PostgreSQL comes: what
	// all pods may open together is held against it. Harbor 2.x.
	ServerConnections int `yaml:"serverConnections" default:"100"`
	// Whether each start of an adminserver reads all settings from the manifests
	// (RESET). Several adminservers need it. Harbor 1.x.
	Reset bool `yaml:"reset" default:"true"`
	// Whether the database inside the cluster stays, e.g. until its data has moved.
	KeepInternal bool `yaml:"keepInternal" default:"false"`
}

// Validate checks the connection.
func (s *UseExternalDatabase) Validate() error {
	errs := []error{
		harbor.CheckDatabaseHost("host", s.Host),
		s.checkNumbers(),
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

// sslModes are those of PostgreSQL that encrypt everything or nothing, which
// Harbor takes (Harbor v2.15, src/lib/config/metadata).
var sslModes = []string{"disable", "require", "verify-ca", "verify-full"}

func (s *UseExternalDatabase) checkNumbers() error {
	var errs []error
	if s.Port != 0 {
		errs = append(errs, krm.CheckPort("port", s.Port))
	}
	if s.SSLMode != "" && !slices.Contains(sslModes, s.SSLMode) {
		errs = append(errs, krm.FieldErrorf("sslMode", "%q is none of %s", s.SSLMode, strings.Join(sslModes, ", ")))
	}
	if s.MaxOpenConnections < 0 {
		errs = append(errs, krm.FieldErrorf("maxOpenConnections", "%d is negative", s.MaxOpenConnections))
	}
	if s.ServerConnections < 1 {
		errs = append(errs, krm.FieldErrorf("serverConnections", "%d is not positive", s.ServerConnections))
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
	if err := h.Needs("which settings hold the address of the database", func(h *harbor.Harbor) bool { return len(h.Database) > 0 }); err != nil {
		return err
	}
	old := h.Replace(h.DatabaseServer, h.DatabaseHosts(), s.Host)
	if old.Own && !s.KeepInternal {
		return krm.FieldErrorf("host",
			"%q is the Service of the database inside the cluster, which this function removes: name another server or set keepInternal: true", s.Host)
	}
	if err := errors.Join(s.check(h)...); err != nil {
		return err
	}
	connection := harbor.Connection{
		Host: s.Host, Port: s.port(h), User: s.User, Database: s.Database, Password: s.Password,
		SSLMode: s.SSLMode, MaxOpen: s.MaxOpenConnections, Reset: s.Reset,
	}
	if err := h.SetDatabase(connection); err != nil {
		return err
	}
	old.Remove(s.KeepInternal)
	h.WarnConnections(s.ServerConnections)
	return nil
}

// port is the one of the server that this Harbor wants.
func (s *UseExternalDatabase) port(h *harbor.Harbor) int {
	if s.Port == 0 {
		return h.DatabasePort
	}
	return s.Port
}

// check refuses what this Harbor has no place for.
func (s *UseExternalDatabase) check(h *harbor.Harbor) []error {
	errs := h.Only(
		harbor.Option{Field: "sslMode", Given: s.SSLMode != "", Of: harbor.V2},
		harbor.Option{Field: "maxOpenConnections", Given: s.MaxOpenConnections != 0, Of: harbor.V2},
		harbor.Option{Field: "serverConnections", Given: s.ServerConnections != harbor.DefaultConnections, Of: harbor.V2},
		harbor.Option{Field: "reset", Given: !s.Reset, Of: harbor.V1, Instead: ", which has no adminserver: leave it out"},
		s.Password.Literal(),
	)
	return append(errs, h.CheckSecretKey("password.secretKey", harbor.SecretKey{Name: s.Password.SecretName, Key: s.Password.SecretKey}))
}
