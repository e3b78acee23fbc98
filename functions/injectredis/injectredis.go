// Package injectredis makes every part of Harbor that uses Redis use the same one.
//
// Without it each ui of Harbor 1.x keeps sessions in its own memory, and with
// more than one replica users are logged out at every other click (harbor#2171).
// It reads the environment variable _REDIS_URL, which is no URL but
// address,pool size,password,database. A wrong password makes it panic at start
// (harbor#6299).
//
// In Harbor 2.x the core, the jobservice, the registry, Trivy and the exporter
// are told, each in the way it reads: URLs in variables, fields of config.yml.
// The core clears the registry's cache, and has to find it in the very database
// that the registry uses: else images that were deleted once cannot be pushed
// again. All parts log in as the same user.
//
// A password from a Secret is read into REDIS_PASSWORD, and Kubernetes puts it
// into the address when the pod starts; the registry reads it as it is. It stands
// in no ConfigMap (harbor-helm#2136, harbor-helm#2235). Sentinels must not want a
// password of their own: Harbor has no place for it (harbor#14757).
//
// The registry takes the value of a variable for YAML: a password that ends with a
// colon keeps it from starting, and of one with a blank before a # it reads the
// first part (seen with distribution 2.8.2). Choose another.
//
// It knows Harbor 1.2 to 1.5 and 2.x, and refuses others.
package injectredis

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

// Function is inject-redis.
var Function = krm.Function{Name: "inject-redis", New: func() krm.Runner { return &InjectRedis{} }}

// InjectRedis is the settings.
type InjectRedis struct {
	// Redis server as host:port, without a scheme.
	Address string `yaml:"address"`
	// Sentinels that name the server, in place of the address. Harbor 2.x.
	Sentinels *Sentinels `yaml:"sentinels"`
	// Whether Redis is spoken to over TLS. Harbor 2.x, from 2.13.
	TLS bool `yaml:"tls" default:"false"`
	// User that logs in to Redis, where it is not the default one. Harbor 2.x, from
	// 2.15.
	Username string `yaml:"username"`
	// Password of the Redis server; left out for one without.
	Password Password `yaml:"password"`
	// Number of the Redis database, 0 to 15. Harbor 1.x.
	Database int `yaml:"database" default:"0"`
	// Numbers of the Redis databases by purpose: core, jobservice, registry, trivy,
	// harbor and cache. Those left out stay as they are. Harbor 2.x.
	Databases map[string]int `yaml:"databases"`
	// Number of connections that each ui keeps open. Harbor 1.x.
	PoolSize int `yaml:"poolSize" default:"100"`
	// Whether the Redis inside the cluster stays.
	KeepInternal bool `yaml:"keepInternal" default:"false"`
}

// Sentinels are Redis Sentinels.
type Sentinels struct {
	// Name of the master, as the Sentinels call it.
	Master string `yaml:"master" required:"true"`
	// Sentinels, each host:port.
	Addresses []string `yaml:"addresses" required:"true"`
}

// Password is the password of Redis.
type Password struct {
	harbor.Password `yaml:",inline"`
	// Key in that Secret of the password as a URL wants it, percent-encoded, where
	// the password holds one of `/ % ? #` or a space: the registry wants it as it
	// is. Harbor 2.x.
	URLSecretKey string `yaml:"urlSecretKey"`
}

// Validate checks that the parts fit the grammar of what Harbor reads: the session
// store of 1.x silently takes 100 connections or database 0 for what it cannot
// read (beego, session/redis).
func (s *InjectRedis) Validate() error {
	errs := []error{s.checkServer()}
	if s.PoolSize < 1 {
		errs = append(errs, krm.FieldErrorf("poolSize", "%d is not positive", s.PoolSize))
	}
	if s.Database < 0 || s.Database > 15 {
		errs = append(errs, krm.FieldErrorf("database", "%d is outside 0-15", s.Database))
	}
	for _, purpose := range slices.Sorted(maps.Keys(s.Databases)) {
		field := krm.Path{"databases", purpose}.String()
		if known := harbor.RedisPurposes(); !slices.Contains(known, purpose) {
			errs = append(errs, krm.FieldErrorf(field, "is not a purpose, %s", krm.Nearest(purpose, known)))
		}
		if n := s.Databases[purpose]; n < 0 || n > 15 {
			errs = append(errs, krm.FieldErrorf(field, "%d is outside 0-15", n))
		}
	}
	if s.Username != "" && !plain.MatchString(s.Username) {
		errs = append(errs, krm.FieldErrorf("username", "%s is not the name of a user: want letters, digits, . _ and -", krm.Quoted(s.Username)))
	}
	if s.Username != "" && s.Password == (Password{}) {
		errs = append(errs, krm.FieldErrorf("username", "is missing its password: a name alone in a URL is taken for the password of the default user "+
			"(redigo, DialURL); set password.secretName and password.secretKey"))
	}
	return errors.Join(append(errs, s.Password.validate())...)
}

func (s *InjectRedis) checkServer() error {
	switch {
	case s.Address == "" && s.Sentinels == nil:
		return krm.FieldErrorf("address", "is missing: want host:port, or sentinels")
	case s.Address != "" && s.Sentinels != nil:
		return krm.FieldErrorf("sentinels", "stands beside address, want one of them")
	case s.Sentinels != nil:
		return s.Sentinels.validate()
	case strings.Contains(s.Address, "://"):
		return krm.FieldErrorf("address", "%s has a scheme, want host:port", krm.Quoted(s.Address))
	}
	return krm.CheckHostPort("address", s.Address)
}

// plain is what goes into a URL and a YAML field as it is.
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (s *Sentinels) validate() error {
	var errs []error
	if !plain.MatchString(s.Master) {
		errs = append(errs, krm.FieldErrorf("sentinels.master", "%s is not the name of a master: want letters, digits, . _ and -",
			krm.Quoted(s.Master)))
	}
	if len(s.Addresses) == 0 {
		errs = append(errs, krm.FieldErrorf("sentinels.addresses", "is empty, want at least one host:port"))
	}
	for i, address := range s.Addresses {
		field := krm.Path{"sentinels", "addresses", i}.String()
		errs = append(errs, krm.CheckHostPort(field, address))
		if slices.Contains(s.Addresses[:i], address) {
			errs = append(errs, krm.FieldErrorf(field, "%s is listed twice", address))
		}
		if len(s.Addresses) > 1 && strings.HasPrefix(address, "[") {
			errs = append(errs, krm.FieldErrorf(field, "%s is an IPv6 address, which no URL takes in a list (Go, net/url): give a DNS name that leads to it", address))
		}
	}
	return errors.Join(errs...)
}

func (p Password) validate() error {
	errs := []error{p.Password.Validate()}
	if strings.Contains(p.Value, ",") {
		errs = append(errs, krm.FieldErrorf("password.value", "holds a comma, which %s cannot carry: choose another password", harbor.RedisURL))
	}
	switch {
	case p.URLSecretKey == "":
	case p.SecretName == "":
		errs = append(errs, krm.FieldErrorf("password.secretName", "is missing beside urlSecretKey"))
	default:
		errs = append(errs, krm.CheckKey("password.urlSecretKey", p.URLSecretKey))
	}
	return errors.Join(errs...)
}

// Run tells every part that uses Redis.
func (s *InjectRedis) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	if err := h.Needs("which settings hold the address of Redis", func(h *harbor.Harbor) bool { return len(h.Redis) > 0 }); err != nil {
		return err
	}
	server := s.server()
	if err := errors.Join(append(s.check(h), h.CheckRedis(server))...); err != nil {
		return err
	}
	numbers := s.Databases
	if h.IsV1() {
		numbers = map[string]int{harbor.Core: s.Database}
	}
	old := h.Replace(harbor.RedisServer, h.RedisHosts(), server.Hosts()...)
	if old.Own && !s.KeepInternal {
		return krm.FieldErrorf("address",
			"%q is the Service of the Redis inside the cluster, which this function removes: name another server or set keepInternal: true", s.Address)
	}
	if err := h.SetRedis(server, numbers); err != nil {
		return err
	}
	for _, purpose := range slices.Sorted(maps.Keys(s.Databases)) {
		if places, used := h.RedisPlaces(purpose); !used {
			krm.Notice(list, nil, "databases.%s changes nothing: no part is told %s", purpose, strings.Join(places, ", "))
		}
	}
	old.Remove(s.KeepInternal)
	return nil
}

func (s *InjectRedis) server() harbor.Redis {
	server := harbor.Redis{
		Addresses: []string{s.Address}, TLS: s.TLS, Username: s.Username,
		Pool: s.PoolSize, Password: s.Password.Password, URLSecretKey: s.Password.URLSecretKey,
	}
	if s.Sentinels != nil {
		server.Addresses, server.Master = s.Sentinels.Addresses, s.Sentinels.Master
	}
	return server
}

// check refuses what this Harbor has no place for.
func (s *InjectRedis) check(h *harbor.Harbor) []error {
	errs := h.Only(
		harbor.Option{Field: "database", Given: s.Database != 0, Of: harbor.V1, Instead: ": write databases"},
		harbor.Option{Field: "poolSize", Given: s.PoolSize != 100, Of: harbor.V1, Instead: ", where the size of the pools is set in config.yml"},
		s.Password.Literal(),
		harbor.Option{Field: "sentinels", Given: s.Sentinels != nil, Of: harbor.V2},
		harbor.Option{Field: "tls", Given: s.TLS, Of: harbor.V2},
		harbor.Option{Field: "username", Given: s.Username != "", Of: harbor.V2},
		harbor.Option{Field: "databases", Given: len(s.Databases) > 0, Of: harbor.V2},
		harbor.Option{Field: "password.urlSecretKey", Given: s.Password.URLSecretKey != "", Of: harbor.V2},
	)
	return append(errs,
		h.CheckSecretKey("password.secretKey", harbor.SecretKey{Name: s.Password.SecretName, Key: s.Password.SecretKey}),
		h.CheckSecretKey("password.urlSecretKey", harbor.SecretKey{Name: s.Password.SecretName, Key: s.Password.URLSecretKey}))
}
