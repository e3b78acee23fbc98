package validateha

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var sharedSessions = Rule{
	ID: "L07", Severity: framework.Error,
	What: "Each part that keeps something in Redis, such as sessions, is told of one in a form that it can read.",
	Why: "Without _REDIS_URL each ui of Harbor 1.x keeps sessions in its memory, and people are logged out at random; with a value that " +
		"it cannot use it panics or takes another database (harbor#2171, harbor#6299; harbor v1.2.0 src/ui/main.go); with a URL that it " +
		"cannot read no core or jobservice of 2.x starts, and the registry runs without its cache (seen with Harbor 2.15.1); and " +
		"where the chart cannot read redis.external.existingSecret it writes an empty password (harbor-helm#2390).",
	Do:     "Set _REDIS_URL to host:port,pool,password,database in the ui's environment, and all places of 2.x; inject-redis does.",
	Remedy: []string{"redis"},
	Of:     known,
	check: func(p *pass) {
		for _, c := range p.parts {
			for _, place := range c.redis {
				checkRedisPlace(p, c, place)
			}
		}
	},
}

func checkRedisPlace(p *pass, c *part, r harbor.RedisPlace) {
	v, at, name := r.Read.Value, r.Read.At, r.Read.Place.String()
	unset := unresolved.FindString(v.Text + " " + r.Login.Text)
	switch {
	case v.Broken, v.Maybe && r.Use.Optional: // L16 says what is missing
	case v.Known && v.Text == "":
		missingRedis(p, c, r)
	case lineBreak(v), lineBreak(r.Login):
		f := p.redis(c, r, "%s holds a line break: Redis refuses the password, or the %s does not find its database", name, c.Name())
		if v.Secret || r.Login.Secret {
			f.add("")
		}
	case unset != "":
		p.redis(c, r, "refers to %s, which is not expanded: only in the value of an entry of env is it, and only variables before that one are "+
			"known", unset)
	case r.Err != nil:
		f := p.redis(c, r, "%s %v", name, r.Err)
		if v.Secret && errors.Is(r.Err, harbor.ErrPassword) {
			f.add("")
		}
	case slices.ContainsFunc(r.Redis.Hosts(), func(host string) bool { return host == "localhost" || isLoopback(host) }):
		p.redis(c, r, "%s points each pod at itself: what is kept there is not shared", name)
	case len(v.Unseen) == 0 && r.Empty:
		p.warn(at.Object, at.Path, "%s logs in with an empty password, as the chart writes it where it cannot read the Secret of "+
			"redis.external.existingSecret: Harbor does not start where Redis wants one (harbor-helm#2390)", name).add(toRedis)
	case len(v.Unseen) > 0:
		p.note(at.Object, at.Path, "holds %s, which cannot be seen: check that it is what Redis wants%s", sources(v.Unseen), wanted(r)).about(sources(v.Unseen), wanted(r))
	}
}

// redis reports a Redis of which nothing comes: the registry runs without one
// (seen with Harbor 2.15.1), no other part does.
func (p *pass) redis(c *part, r harbor.RedisPlace, format string, args ...any) *finding {
	say := p.error
	if c.Name() == harbor.Registry {
		say, format = p.warn, format+": it runs without its cache"
	}
	return say(r.Read.At.Object, r.Read.At.Path, format, args...).add(toRedis)
}

// wanted is what a password has to be like in that place.
func wanted(r harbor.RedisPlace) string {
	if _, inParts := r.Read.Harbor.SecretOfForm(harbor.RedisPass); inParts {
		return " and holds no comma"
	}
	return ", with each / % ? # and space in it percent-encoded, as a URL wants it"
}

// unresolved is a reference that the kubelet leaves as it is.
var unresolved = regexp.MustCompile(`\$\([A-Za-z_][A-Za-z0-9_.-]*\)`)

func missingRedis(p *pass, c *part, r harbor.RedisPlace) {
	name := r.Use.Places[0].String()
	if r.Use.Without != "" {
		p.error(c.RNode, c.Path.Append("env"), "%s is not set: %s", name, r.Use.Without).add(toRedis)
	}
	s := p.replicas(c)
	if c.Name() != harbor.UI || !s.several() {
		return
	}
	hint := ""
	for _, obj := range p.objects["ConfigMap"] {
		if slices.Contains(kube.Keys(obj), name) && obj.GetNamespace() == c.GetNamespace() {
			hint = "; ConfigMap " + obj.GetName() + " holds it, but no variable is read from there"
		}
	}
	p.error(c.RNode, c.Path.Append("env"),
		"%s is not set and the ui has %s: each keeps sessions in its memory, and people are logged out at random%s",
		name, strings.TrimSpace(s.word), hint).add(toRedis)
}
