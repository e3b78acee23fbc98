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
	add := func(kind string, hosts []Setting) {
		for _, setting := range hosts {
			for _, e := range h.Get(setting) {
				s := Server{kind, HostOf(e.Text)}
				_, _, _, named := kube.ServiceName(s.Host)
				inside := named && kube.ServiceOf(h.list, e.GetNamespace(), s.Host) != nil
				if !inside && s.Host != "" && e.Source.Kind != "Secret" && !slices.Contains(all, s) {
					all = append(all, s)
				}
			}
		}
	}
	add("Redis", h.RedisHosts())
	add(map[string]string{MySQL: "MySQL", Database: "PostgreSQL"}[h.DatabaseServer], h.DatabaseHosts())
	return all
}
