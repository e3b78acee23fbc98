package harbor

import (
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// layout is all that is known of one generation of Harbor, as data: which parts
// it has, and where each keeps what. Functions write through these tables, and
// rules read through them. A table that is empty is one that nobody has looked
// into: functions that need it refuse.
type layout struct {
	Generation Generation
	// Releases in words, e.g. 1.2 to 1.5.
	Releases string
	Parts    []Part
	Calls    []Call
	// Proxied are the locations whose requests nginx, or an Ingress in its place,
	// passes on to Harbor, and the parts that answer them: the one that is meant
	// first. Other locations may be of Notary or of somebody else.
	Proxied map[string][]string
	Files   []File
	// Necessary are the settings that parts cannot do without, but for secrets, Redis and
	// the database, which have tables of their own.
	Necessary []Need
	// Listens are the ports that parts listen on, where no nginx.conf or config.yml of
	// the registry says it.
	Listens []Listen
	// Defaults are what parts take for variables that are not set, by part, but for
	// those that name one of the Files.
	Defaults map[string]map[string]string
	Endpoint []EndpointUse
	// RealmHost is the release since which docker is sent for its token to the host
	// and port that it asked for, with the scheme of the address; the zero one: to
	// the address as it is told.
	RealmHost Release
	// Protocols are the versions of TLS that its nginx speaks, of those that are safe.
	Protocols string
	Redis     []RedisUse
	Database  []DatabaseUse
	// DatabaseServer is the part that is the database, where it is inside of the
	// manifests.
	DatabaseServer string
	// DatabasePort is the port of such a database, and DatabaseLimit the setting with
	// the number of connections that Harbor's own allows, DatabaseAllows without it.
	DatabasePort   int
	DatabaseLimit  Setting
	DatabaseAllows int
	Secrets        []SecretUse
	// JobLogs is where the logs of jobs go, nil where a variable names a folder.
	JobLogs *JobLogUse
	// ObjectStorage is who is told where the images are, nil where nobody has looked.
	ObjectStorage *ObjectStorageUse
	Storage       []StorageUse
}

// Call is an address by which a part calls another one.
type Call struct {
	Setting
	// Default is the address where the setting has none; it stands in the program
	// up to the release DefaultUntil, where that is known.
	Default      string
	DefaultUntil Release
	// To are the parts that may answer: the one that is meant first, then those
	// that pass requests on to it.
	To []string
	// Port is the variable that has the port, where the setting is the host alone.
	Port string
	// If says whether the part is called at all.
	If Condition
	// Asked says that the other part is only asked whether it is there.
	Asked bool
}

// Listen is a port that a part listens on: a number, or an address that ends with
// one.
type Listen struct {
	Setting
	// Default is the port where the setting has none.
	Default string
	// If and Unless say whether the part listens there, TLS whether it speaks TLS.
	If, Unless, TLS Condition
}

// Condition is a setting that has a value: Is, or any where that is "".
type Condition struct {
	Setting
	Is string
}

// File is a configuration file of a part.
type File struct {
	Of string
	// Name is the last part of its path, under which ConfigMaps have it.
	Name string
	// Path is where the program looks for it, unless the Variable names another
	// path.
	Path, Variable string
	// Needed says that the program does not start without it, and that no image has
	// one.
	Needed bool
}

// Need is a setting that a part cannot do without.
type Need struct {
	Setting
	// Otherwise says what the part does where it is not set.
	Otherwise string
}

// EndpointUse is a place in which a part is told the address of Harbor. nginx and
// routes have it in a form of their own (Exposure).
type EndpointUse struct {
	Setting
	Encode func(Endpoint) string
}

// RedisUse is a place in which a part is told about a Redis.
type RedisUse struct {
	Setting
	// Purpose is what is kept there, and Database the number of its database where
	// nobody says another one.
	Purpose  string
	Database int
	// Encode writes the server; it gets what stands there now. It is false where
	// nothing is to stand there.
	Encode func(r Redis, before string) (string, bool)
	// Decode reads what stands there, as far as it can be seen, and says why Harbor
	// cannot.
	Decode func(p *RedisPlace, v kube.Value) error
	// Password is the variable that gets the password from a Secret.
	Password string
	// Host says that the value names the host, Numbered that it names the number of
	// the database.
	Host     bool
	Numbered bool
	// Optional says that a Harbor may not have it: then it is left out. Without says
	// what happens where one that is not optional is missing.
	Optional bool
	Without  string
	// Since is the release that reads it first, Before what the part does up to then,
	// and Option the setting of inject-redis that needs it.
	Since          Release
	Before, Option string
}

// DatabaseField is what one setting says of a database.
type DatabaseField string

// The fields of a connection.
const (
	DatabaseHost     DatabaseField = "host"
	DatabasePort     DatabaseField = "port"
	DatabaseUser     DatabaseField = "user"
	DatabaseName     DatabaseField = "database"
	DatabasePassword DatabaseField = "password"
	DatabaseReset    DatabaseField = "reset" // see Connection
	DatabaseKind     DatabaseField = "kind"  // the name of the part that is the database
	DatabaseSSLMode  DatabaseField = "sslMode"
	DatabaseMaxOpen  DatabaseField = "maxOpen"
)

// DatabaseUse is a place in which a part is told about the database.
type DatabaseUse struct {
	Setting
	Field DatabaseField
}

// StorageUse is a folder in which a part keeps files.
type StorageUse struct {
	// Setting names the folder.
	Setting
	// Purpose is what is kept there.
	Purpose string
	// Default is the folder where no place names one: "" where there is none then.
	Default string
	// Holds is the one folder in it that everything is in, "" where there is none.
	Holds string
	// With are the parts that use the very same folder, in pods of the part.
	With []string
	// Each says why each pod needs a folder of its own, "" where they share one.
	Each string
}

// Purposes of storage.
const (
	ForImages    = "images"
	ForJobLogs   = "jobLogs"
	ForScanCache = "scanCache"
)

// Variable is the place of an environment variable.
func Variable(name string) Place { return Place{Variable: name} }

// Field is the place of a field in a YAML file.
func Field(file string, path ...any) Place { return Place{File: file, Field: krm.Path(path)} }

// Key is the place of a key in a section of an INI file.
func Key(file, section, key string) Place { return Place{File: file, Section: section, Key: key} }
