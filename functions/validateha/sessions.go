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
	Why:  "Without _REDIS_URL each keeps them in its memory, and people are logged out at random; with a value that it cannot use the ui panics or takes another database (harbor#2171, harbor#6299; harbor v1.2.0 src/ui/main.go).",
	Do:   "Set _REDIS_URL to host:port,pool,password,database in the ui's environment; inject-redis does.",
	check: func(k *checker) {
		for _, c := range k.old(harbor.UI) {
			k.checkSessions(c)
		}
	},
}

func (k *checker) checkSessions(c harbor.Component) {
	v, ok := k.env(c.Container).Get(harbor.RedisURL)
	if !ok || v.Text == "" && !v.Broken {
		k.missingSessions(c)
		return
	}
	at := k.of(v, c.Container, harbor.RedisURL)
	s, err := harbor.ParseSession(v.Text, kube.Hidden)
	host, _, _ := net.SplitHostPort(s.Address)
	unset := unresolved.FindString(v.Text)
	switch {
	case v.Broken: // L16 says so
	case lineBreak(v):
		k.error(at.obj, at.path, "%s holds a line break: Redis refuses the password, or the ui takes another database", harbor.RedisURL)
	case unset != "":
		k.error(at.obj, at.path, "refers to %s, which stays as it is written: only the value of an entry of env is expanded, by variables before it", unset)
	case err != nil:
		k.error(at.obj, at.path, "%s %v", harbor.RedisURL, err)
	case host == "localhost" || isLoopback(host):
		k.error(at.obj, at.path, "%s leads each pod to itself: sessions are not shared", harbor.RedisURL)
	case len(v.Unseen) > 0:
		k.note(at.obj, at.path, "a part comes from %s: check that it is what Redis wants and holds no comma", sources(v.Unseen))
	}
}

// unresolved is a reference that the kubelet leaves as it is.
var unresolved = regexp.MustCompile(`\$\([A-Za-z_][A-Za-z0-9_.-]*\)`)

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (k *checker) missingSessions(c harbor.Component) {
	s := k.replicas(c)
	if s.n < 2 {
		return
	}
	hint := ""
	for _, obj := range k.ofKind("ConfigMap") {
		if slices.Contains(kube.Keys(obj), harbor.RedisURL) && obj.GetNamespace() == c.GetNamespace() {
			hint = "; ConfigMap " + obj.GetName() + " holds it, but no variable is read from there"
		}
	}
	k.error(c.RNode, c.Path.Append("env"), "%s is not set and the ui has %s: each keeps sessions in its memory, and people are logged out at random%s",
		harbor.RedisURL, strings.TrimSpace(s.word), hint)
}
