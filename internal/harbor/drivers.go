package harbor

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/internal/krm"
)

// Driver is a way in which the registry keeps images in an object storage.
type Driver struct {
	// Name under storage in config.yml; Aliases are others that old configs have.
	Name    string
	Aliases []string
	// Parameters are those that the driver takes, in the order of its documentation.
	Parameters []Parameter
	// Together are those of which none or all have to be given.
	Together []string
	// Endpoint is the parameter with the address to which clients are sent.
	Endpoint string
}

// Parameter is a parameter of a driver.
type Parameter struct {
	Name string
	Kind ParameterKind
	// Needed says that the driver does not start without it.
	Needed bool
	// Least is the smallest number that the driver starts with, Step what it has to be
	// a multiple of, 0 where that does not matter.
	Least, Step int
	// Secret says that nobody may see it.
	Secret bool
	// New says that the registry of Harbor 1.x does not know it, and Unread that none
	// does any more.
	New, Unread bool
}

// ParameterKind is what a parameter holds.
type ParameterKind int

// Of a KeyFile the parameter is the path, and the file is the secret.
const (
	Text ParameterKind = iota
	URLOrHost
	Number
	Switch
	KeyFile
)

// drivers are those of the registry of Harbor 1.x and 2.x (distribution v2.6.2 and
// v2.8.3, registry/storage/driver; Harbor's fork of it). Credentials of S3 and GCS
// may be left out where the cloud gives them to pods.
var drivers = []Driver{
	{Name: "s3", Aliases: []string{"s3aws", "s3goamz"}, Endpoint: "regionendpoint", Together: []string{"accesskey", "secretkey"},
		Parameters: slices.Concat(
			needed(texts("region", "bucket")),
			[]Parameter{{Name: "regionendpoint", Kind: URLOrHost}},
			parameters(Switch, "v4auth", "secure", "encrypt"), []Parameter{{Name: "skipverify", Kind: Switch, New: true}},
			texts("keyid", "rootdirectory", "storageclass", "objectacl", "useragent"),
			[]Parameter{number("chunksize", 5<<20), number("multipartcopychunksize", 5<<20), number("multipartcopymaxconcurrency", 1),
				number("multipartcopythresholdsize", 0)},
			secretTexts("accesskey", "secretkey"), []Parameter{{Name: "sessiontoken", Secret: true, Unread: true}})},
	{Name: "azure", Endpoint: "realm",
		Parameters: slices.Concat(
			needed(texts("accountname", "container")), []Parameter{{Name: "realm", Kind: URLOrHost}}, needed(secretTexts("accountkey")))},
	{Name: "swift",
		Parameters: slices.Concat(
			[]Parameter{{Name: "authurl", Kind: URLOrHost, Needed: true}}, needed(texts("container", "username")),
			texts("region", "tenant", "tenantid", "domain", "domainid", "tenantdomain", "tenantdomainid", "trustid", "prefix", "endpointtype"),
			parameters(Switch, "insecureskipverify", "tempurlcontainerkey"), []Parameter{number("authversion", 0), number("chunksize", 1<<20)},
			needed(secretTexts("password")), secretTexts("secretkey", "accesskey"))},
	{Name: "oss", Endpoint: "endpoint",
		Parameters: slices.Concat(
			needed(texts("region", "bucket")), []Parameter{{Name: "endpoint", Kind: URLOrHost}},
			parameters(Switch, "internal", "encrypt", "secure"), texts("rootdirectory"), []Parameter{number("chunksize", 5<<20)},
			needed(secretTexts("accesskeyid", "accesskeysecret")))},
	{Name: "gcs",
		Parameters: slices.Concat(
			needed(texts("bucket")), texts("rootdirectory"),
			[]Parameter{{Name: "chunksize", Kind: Number, Least: 256 << 10, Step: 256 << 10},
				{Name: "maxconcurrency", Kind: Number, New: true}, {Name: "keyfile", Kind: KeyFile, Secret: true}})},
}

func number(name string, least int) Parameter {
	return Parameter{Name: name, Kind: Number, Least: least}
}

func parameters(kind ParameterKind, names ...string) []Parameter {
	var all []Parameter
	for _, name := range names {
		all = append(all, Parameter{Name: name, Kind: kind})
	}
	return all
}

func texts(names ...string) []Parameter { return parameters(Text, names...) }

func secretTexts(names ...string) []Parameter {
	all := texts(names...)
	for i := range all {
		all[i].Secret = true
	}
	return all
}

func needed(all []Parameter) []Parameter {
	for i := range all {
		all[i].Needed = true
	}
	return all
}

// Drivers are the names of the drivers.
func Drivers() []string {
	var all []string
	for _, d := range drivers {
		all = append(all, d.Name)
	}
	return all
}

// DriverNamed finds a driver by its name.
func DriverNamed(name string) (Driver, bool) {
	i := slices.IndexFunc(drivers, func(d Driver) bool { return d.Name == name })
	if i < 0 {
		return Driver{}, false
	}
	return drivers[i], true
}

// Parameter finds a parameter by its name.
func (d Driver) Parameter(name string) (Parameter, bool) {
	i := slices.IndexFunc(d.Parameters, func(p Parameter) bool { return p.Name == name && !p.Unread })
	if i < 0 {
		return Parameter{}, false
	}
	return d.Parameters[i], true
}

// Known are the names of the parameters, of the secrets alone or of all.
func (d Driver) Known(secrets bool) []string {
	var all []string
	for _, p := range d.Parameters {
		if !p.Unread && (p.Secret || !secrets) {
			all = append(all, p.Name)
		}
	}
	return all
}

// plainParameter is what stands in config.yml and in the error about it without
// quotes and escapes.
var plainParameter = regexp.MustCompile(`^[A-Za-z0-9._/:@+=~-]+$`)

// Check refuses a value that the driver does not take.
func (p Parameter) Check(field string, value any) error {
	text, isText := value.(string)
	switch p.Kind {
	case Number:
		switch n, err := strconv.Atoi(fmt.Sprint(value)); {
		case err != nil || n < 0:
			return krm.FieldErrorf(field, "is not a whole number")
		case n < p.Least:
			return krm.FieldErrorf(field, "%d is too small, and the registry would not start: want %d or more", n, p.Least)
		case p.Step > 0 && n%p.Step != 0:
			return krm.FieldErrorf(field, "%d is no multiple of %d, and the registry would not start", n, p.Step)
		}
		return nil
	case Switch:
		if _, ok := value.(bool); !ok && text != "true" && text != "false" {
			return krm.FieldErrorf(field, "is neither true nor false")
		}
		return nil
	case URLOrHost:
		return checkURLOrHost(field, value)
	}
	switch {
	case !isText:
		return krm.FieldErrorf(field, "is not a string: put it in quotes")
	case !plainParameter.MatchString(text):
		return krm.FieldErrorf(field, "%s is not a value for %s: want letters, digits and . _ / : @ + = ~ -", krm.Quoted(text), p.Name)
	}
	return nil
}

func checkURLOrHost(field string, value any) error {
	text, ok := value.(string)
	switch {
	case !ok:
		return krm.FieldErrorf(field, "is not a string: put it in quotes")
	case strings.Contains(text, "://"):
		_, err := krm.CheckURL(field, text, "https", "http")
		return err
	case strings.Contains(text, ":"):
		return krm.CheckHostPort(field, text)
	}
	return krm.CheckHost(field, text)
}

// node is a value that has been checked as YAML of the type that the driver wants.
func (p Parameter) node(value any) *yaml.Node {
	text, isText := value.(string)
	tag := yaml.NodeTagString
	switch v := value.(type) {
	case int:
		text = strconv.Itoa(v)
	case bool:
		text = strconv.FormatBool(v)
	}
	switch p.Kind {
	case Number:
		tag = yaml.NodeTagInt
	case Switch:
		tag = yaml.NodeTagBool
	}
	if isText && tag == yaml.NodeTagString {
		return krm.List(text).Content[0]
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

// variable is the one that the registry takes the parameter from.
func (d Driver) variable(parameter string) string {
	return registryVariable([]string{"storage", d.Name, parameter})
}

// storageSecrets are the secrets among the parameters of all drivers.
func storageSecrets() []SecretUse {
	var all []SecretUse
	for _, d := range drivers {
		for _, name := range append([]string{d.Name}, d.Aliases...) {
			for _, p := range d.Parameters {
				switch {
				case p.Kind == KeyFile:
					all = append(all, registryKeyFile("storage", name, p.Name))
				case p.Secret:
					all = append(all, registrySecret("", "storage", name, p.Name))
				}
			}
		}
	}
	return all
}
