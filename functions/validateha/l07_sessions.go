package validateha

import (
	"net"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/kube"
)

var sharedSessions = Rule{
	ID: "L07", Severity: framework.Error,
	What: "All replicas of the ui keep their sessions in one Redis.",
	Why: "Without _REDIS_URL each keeps them in its memory, and people are logged out at random; with a value that it cannot use the " +
		"ui panics or takes another database (harbor#2171, harbor#6299; harbor v1.2.0 src/ui/main.go).",
	Do:     "Set _REDIS_URL to host:port,pool,password,database in the ui's environment; inject-redis does.",
	Remedy: []string{"redis"},
	Of:     old,
	check: func(p *pass) {
		for _, c := range p.named(harbor.UI) {
			checkSessions(p, c)
		}
	},
}

func checkSessions(p *pass, c *part) {
	v, ok := c.env.Get(harbor.RedisURL)
	if !ok || v.Text == "" && !v.Broken {
		missingSessions(p, c)
		return
	}
	at := c.WhereSet(v, harbor.RedisURL)
	s, err := harbor.ParseSession(v.Text, kube.Hidden)
	host, _, _ := net.SplitHostPort(s.Address)
	unset := unresolved.FindString(v.Text)
	switch {
	case v.Broken: // L16 says so
	case lineBreak(v):
		f := p.error(at.Object, at.Path,
			"%s holds a line break: Redis refuses the password, or the ui takes another database", harbor.RedisURL)
		if !v.Secret {
			f.add(toRedis)
		}
	case unset != "":
		p.error(at.Object, at.Path,
			"refers to %s, which is not expanded: only in the value of an entry of env is it, and only variables before that one are "+
				"known", unset).add(toRedis)
	case err != nil:
		p.error(at.Object, at.Path, "%s %v", harbor.RedisURL, err).add(toRedis)
	case host == "localhost" || isLoopback(host):
		p.error(at.Object, at.Path, "%s points each pod at itself: sessions are not shared", harbor.RedisURL).add(toRedis)
	case len(v.Unseen) > 0:
		p.note(at.Object, at.Path, "a part comes from %s: check that it is what Redis wants and holds no comma", sources(v.Unseen))
	}
}

// unresolved is a reference that the kubelet leaves as it is.
var unresolved = regexp.MustCompile(`\$\([A-Za-z_][A-Za-z0-9_.-]*\)`)

func missingSessions(p *pass, c *part) {
	s := p.replicas(c)
	if !s.several() {
		return
	}
	hint := ""
	for _, obj := range p.objects["ConfigMap"] {
		if slices.Contains(kube.Keys(obj), harbor.RedisURL) && obj.GetNamespace() == c.GetNamespace() {
			hint = "; ConfigMap " + obj.GetName() + " holds it, but no variable is read from there"
		}
	}
	p.error(c.RNode, c.Path.Append("env"),
		"%s is not set and the ui has %s: each keeps sessions in its memory, and people are logged out at random%s",
		harbor.RedisURL, strings.TrimSpace(s.word), hint).add(toRedis)
}
