package harbor

import (
	"slices"

	"krmfn.dev/harbor/internal/kube"
)

// Server is a Redis or database that is not among the objects.
type Server struct {
	// Kind is Redis, PostgreSQL or MySQL.
	Kind string
	Host string
}

// Outside are the servers outside of the list that the parts are told about, each once. What
// a Secret says of them is left out.
func (h *Harbor) Outside() []Server {
	var all []Server
	add := func(kind string, e Effective) {
		s := Server{kind, hostOf(e.Text)}
		_, _, _, named := kube.ServiceName(s.Host)
		inside := named && kube.ServiceOf(h.list, e.GetNamespace(), s.Host) != nil
		if !inside && s.Host != "" && e.Source.Kind != "Secret" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, use := range h.Redis {
		if !use.Host {
			continue
		}
		for _, e := range h.Get(use.Setting) {
			add("Redis", e)
		}
	}
	kind := "MySQL"
	if h.DatabaseServer == Database {
		kind = "PostgreSQL"
	}
	for _, use := range h.Database {
		if use.Field != DatabaseHost {
			continue
		}
		for _, e := range h.Get(use.Setting) {
			add(kind, e)
		}
	}
	return all
}
