package validateha

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var oneRedis = Rule{
	ID: "N01", Severity: framework.Error,
	What: "What is kept in Redis for one purpose is kept in one database of one server, and all log in to it in the same way.",
	Why: "With another server, or another number of a database, sessions are not found, jobs wait where nobody looks, and a garbage " +
		"collection clears a cache that the registry does not use: what is pushed again afterwards answers 404 for good (all seen with " +
		"Harbor 2.15.1); and the chart forgets sentinelMasterSet of the registry where Sentinels come with TLS (harbor-helm " +
		"templates/registry/registry-cm.yaml).",
	Do:     "Write the same server and number in all places of a purpose; inject-redis does.",
	Remedy: []string{"redis"},
	Of:     now,
	check: func(p *pass) {
		for _, h := range p.harbors() {
			checkOneRedis(p, p.redisOf(h))
		}
	},
}

// redisUse is a place of a part, and the servers by what answers there.
type redisUse struct {
	*part
	harbor.RedisPlace
	addresses []string
}

// redisOf are the places of a Harbor of which the server is known. A registry that has
// its cache elsewhere does not use the one that it is told.
func (f *facts) redisOf(h *harbor.Harbor) []redisUse {
	var all []redisUse
	for _, c := range f.parts {
		for _, r := range c.redis {
			if c.Harbor != h || !r.Known() || c.registry != nil && !c.registry.CachesInRedis() {
				continue
			}
			u := redisUse{part: c, RedisPlace: r}
			for _, text := range r.Redis.Addresses {
				u.addresses = append(u.addresses, f.address(c, text))
			}
			all = append(all, u)
		}
	}
	return all
}

// isOf says whether the purpose is named after the part: what it is told is right.
func (u redisUse) isOf(purpose string) bool { return u.part.Name() == purpose }

// sameServer says whether both lead to one server: of Sentinels, one in common is
// enough.
func (u redisUse) sameServer(other redisUse) bool {
	return u.Redis.Master == other.Redis.Master && slices.ContainsFunc(u.addresses, func(a string) bool { return slices.Contains(other.addresses, a) })
}

func checkOneRedis(p *pass, all []redisUse) {
	for _, purpose := range harbor.RedisPurposes() {
		of := slices.DeleteFunc(slices.Clone(all), func(u redisUse) bool { return u.Use.Purpose != purpose })
		i := max(0, slices.IndexFunc(of, func(u redisUse) bool { return u.isOf(purpose) }))
		for j, u := range of {
			if j != i {
				checkPurpose(p, of[i], u)
			}
		}
	}
	for i, u := range all {
		first := slices.IndexFunc(all, u.sameServer)
		if first < i {
			checkLogin(p, all[first], u)
		}
		for _, other := range all[:i] {
			checkPurposes(p, other, u)
		}
	}
}

// elsewhere are what it means that two places of a purpose differ.
var elsewhere = map[string]string{
	"cache":      "what one clears the other goes on serving",
	"core":       "sessions of one are unknown to the other, and people are logged out",
	"harbor":     "what one keeps the other does not find",
	"jobservice": "the queue is split, and jobs of one are unknown to the other",
	"registry":   "what was deleted is not cleared from the cache, and images that are pushed again answer 404 for good",
	"trivy":      "scans of one are unknown to the other",
}

// checkPurpose holds two places of one purpose against each other.
func checkPurpose(p *pass, one, u redisUse) {
	say := p.error
	means := elsewhere[u.Use.Purpose]
	switch {
	case u.part.Name() == harbor.Exporter:
		say, means = p.warn, "its figures are of another queue"
	case one.part == u.part && u.part.Name() == harbor.Trivy:
		say = p.warn // which of its variables count depends on the release
	}
	at := u.Read.At
	where := fmt.Sprintf("%s of the %s", one.Read.Place, one.part.Name())
	switch {
	case !one.sameServer(u) && p.missing(one, u): // L17 says so
	case (one.Redis.Master == "") != (u.Redis.Master == "") && !p.unrelated(one, u):
		checkSentinels(p, one, u)
	case !one.sameServer(u):
		say(at.Object, at.Path, "%s leads to %s, and %s to %s: %s", u.Read.Place, u, where, one, means).add(toRedis)
	case one.Redis.Database != u.Redis.Database:
		say(at.Object, at.Path, "%s names database %d, and %s database %d: %s",
			u.Read.Place, u.Redis.Database, where, one.Redis.Database, means).add(fmt.Sprintf("redis.databases.%s: %d", u.Use.Purpose, one.Redis.Database))
	}
}

// missing says whether one of the two leads to a Service that is not there.
func (f *facts) missing(all ...redisUse) bool {
	return slices.ContainsFunc(all, func(u redisUse) bool {
		return slices.ContainsFunc(u.Redis.Hosts(), func(host string) bool { return f.nowhere(u.part, host) })
	})
}

// unrelated says whether the one that asks no Sentinels leads to another machine than
// these, outside of the cluster: a Service may be one that an operator keeps on the
// master.
func (f *facts) unrelated(one, u redisUse) bool {
	if one.Redis.Master != "" {
		one, u = u, one
	}
	return !slices.ContainsFunc(one.Redis.Hosts(), func(host string) bool {
		_, _, _, service := kube.ServiceName(host)
		return service || slices.Contains(u.Redis.Hosts(), host)
	})
}

// checkSentinels reports two places of which one alone asks Sentinels.
func checkSentinels(p *pass, one, u redisUse) {
	if one.Redis.Master != "" {
		one, u = u, one
	}
	at := one.Read.At
	if one.part.Name() == harbor.Registry {
		p.warn(at.Object, at.Path, "has no sentinelMasterSet beside redis.addr, and %s of the %s asks Sentinels for %s: the registry takes a Sentinel "+
			"for Redis, or follows no failover, and runs without its cache", u.Read.Place, u.part.Name(), u).add(toRedis)
		return
	}
	p.warn(at.Object, at.Path, "%s leads to %s, and %s of the %s asks Sentinels for %s: the first follows no failover, and may be another server",
		one.Read.Place, one, u.Read.Place, u.part.Name(), u).add(toRedis)
}

// checkLogin holds how two places of one server log in against each other. A registry
// that cannot log in runs without its cache.
func checkLogin(p *pass, one, u redisUse) {
	where := fmt.Sprintf("%s of the %s", one.Read.Place, one.part.Name())
	a, b := one.password(), u.password()
	report := func(blame redisUse, format string, args ...any) *finding {
		say, end := p.error, ""
		if blame.part.Name() == harbor.Registry {
			say, end = p.warn, ": where Redis refuses it, the registry runs without its cache"
		}
		at := u.Read.At
		return say(at.Object, at.Path, "%s "+format+end, append([]any{u.Read.Place}, args...)...).add(toRedis)
	}
	switch {
	case one.Redis.TLS != u.Redis.TLS:
		report(u, "speaks %s to %s, and %s %s: the server refuses one of them", tls(u), u, where, tls(one))
	case one.user() != u.user():
		report(u, "logs in to %s as the %s, and %s as the %s", u, u.user(), where, one.user())
	case a == none && b == some:
		report(one, "logs in to %s with a password, and %s with none", u, where)
	case a == some && b == none:
		report(u, "logs in to %s with no password, and %s with one", u, where)
	case a == some && b == some && one.Login.Known && u.Login.Known && one.Login.Text != u.Login.Text:
		f := report(u, "logs in to %s with another password than %s", u, where)
		if one.fromSecret() && u.fromSecret() { // what a Secret holds, only its owner can change
			f.message += "; where it has to be percent-encoded in a URL, write redis.password.urlSecretKey"
			f.add("")
		}
	}
}

// What is known of a password.
const (
	none = iota + 1
	some
	maybe
)

func (u redisUse) password() int {
	switch v := u.Login; {
	case v.Maybe, v.Broken, unresolved.MatchString(v.Text): // L16 and L07 say so
		return maybe
	case v.Known && v.Text == "":
		return none
	}
	return some
}

// fromSecret says whether its password comes from a Secret.
func (u redisUse) fromSecret() bool { return u.Read.Value.Secret || u.Login.Secret }

// user is whom the place logs in as.
func (u redisUse) user() string {
	if u.Redis.Username == "" || u.Redis.Username == "default" {
		return "default user"
	}
	return "user " + u.Redis.Username
}

func tls(u redisUse) string {
	if u.Redis.TLS {
		return "TLS"
	}
	return "no TLS"
}

// checkPurposes reports two purposes in one database: it works, since keys do not meet,
// until somebody empties one of them.
func checkPurposes(p *pass, one, u redisUse) {
	if one.Use.Purpose != u.Use.Purpose && one.sameServer(u) && one.Redis.Database == u.Redis.Database {
		both := []string{one.Use.Purpose, u.Use.Purpose}
		slices.Sort(both)
		p.note(u.Read.At.Object, u.Read.At.Path, "database %d of %s holds what is kept for %s: who empties it for one loses the other too",
			u.Redis.Database, u, strings.Join(both, " and ")).about(append(both, u.addresses...)...)
	}
}
