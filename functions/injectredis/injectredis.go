// Package injectredis makes all replicas of the ui keep their sessions in one
// Redis.
//
// Without it each ui keeps sessions in its own memory, and with more than one
// replica users are logged out at every other click (harbor#2171). The ui of
// Harbor 1.x reads the environment variable _REDIS_URL, which is no URL but
// address,pool size,password,database.
//
// A password from a Secret is read into REDIS_PASSWORD, and Kubernetes puts it
// into _REDIS_URL when the pod starts. A literal password goes to the ui's
// ConfigMap. It must not hold a comma; a wrong one makes the ui panic at start
// (harbor#6299).
package injectredis

import (
	"errors"
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
	Address string `yaml:"address" required:"true"`
	// Number of connections that each ui keeps open.
	PoolSize int `yaml:"poolSize" default:"100"`
	// Number of the Redis database, 0 to 15.
	Database int `yaml:"database" default:"0"`
	// Password of the Redis server; left out for one without.
	Password harbor.Password `yaml:"password"`
}

// Validate checks that the parts fit the grammar of _REDIS_URL: the session
// store silently takes 100 connections or database 0 for what it cannot read
// (beego, session/redis).
func (s *InjectRedis) Validate() error {
	var errs []error
	if strings.Contains(s.Address, "://") {
		errs = append(errs, krm.FieldErrorf("address", "%s has a scheme, want host:port", krm.Quoted(s.Address)))
	} else if err := krm.CheckHostPort("address", s.Address); err != nil {
		errs = append(errs, err)
	}
	if s.PoolSize < 1 {
		errs = append(errs, krm.FieldErrorf("poolSize", "%d is not positive", s.PoolSize))
	}
	if s.Database < 0 || s.Database > 15 {
		errs = append(errs, krm.FieldErrorf("database", "%d is outside 0-15", s.Database))
	}
	if err := s.Password.Validate(); err != nil {
		errs = append(errs, err)
	}
	if strings.Contains(s.Password.Value, ",") {
		errs = append(errs, krm.FieldErrorf("password.value", "holds a comma, which %s cannot carry: choose another password", harbor.RedisURL))
	}
	return errors.Join(errs...)
}

// Run tells every part that uses Redis.
func (s *InjectRedis) Run(list *framework.ResourceList) error {
	h, err := harbor.In(list)
	if err != nil {
		return err
	}
	if len(h.Redis) == 0 {
		return h.Unknown("where the address of Redis stands")
	}
	server := harbor.Redis{Address: s.Address, Pool: s.PoolSize, Database: s.Database}
	for _, use := range h.Redis {
		if err := h.SetRedis(use, server, s.Password); err != nil {
			return err
		}
	}
	return nil
}
