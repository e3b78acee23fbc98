package validateha

import (
	"sigs.k8s.io/kustomize/kyaml/fn/framework"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
)

var externalDatabase = Rule{
	ID: "L12", Severity: framework.Error,
	What: "Harbor's database is one that outlives a node, which all parts find, and nothing is left of another one.",
	Why: "The database of the manifests is one server on one data directory: it goes down with its node, and a second replica destroys " +
		"it (harbor#724; harbor v1.4.0 make/prepare --ha refuses it too; with Harbor 2.15.1, while it is away, half of the requests " +
		"fail); and half of a Harbor that finds another database has other users, projects and images.",
	Do:     "Take a database that is highly available itself; use-external-database does, and takes the one inside away.",
	Remedy: []string{"database"},
	Of:     known,
	check: func(p *pass) {
		for _, c := range p.named(harbor.MySQL) {
			checkServer(p, c)
		}
		for _, h := range p.harbors() {
			checkDatabase(p, h)
			checkOwn(p, h, h.DatabaseServer, toDatabase)
		}
	},
}

// checkServer looks at a database inside.
func checkServer(p *pass, c *part) {
	if c.ByUse {
		return // L19 says what is wrong with somebody else's
	}
	if s := c.scale; s.several() {
		p.error(s.obj, s.path, "the database has %s on one data directory, which destroy it", s.word).add(toDatabase).want(1)
	}
	if !outlives(c, harbor.DatabaseDir) {
		p.error(c.RNode, c.Path.Append("volumeMounts"),
			"no volume is mounted at %s: the database is lost with the pod", harbor.DatabaseDir).add(toDatabase)
	}
}

// checkDatabase looks at what the parts of a Harbor are told of the database.
func checkDatabase(p *pass, h *harbor.Harbor) {
	other := map[*part]bool{} // told of another kind of database
	first := map[harbor.DatabaseField]told{}
	for _, use := range h.Database {
		for _, c := range p.named(use.Of) {
			if c.Harbor != h || other[c] {
				continue
			}
			t := told{c, c.Read(c.env, use.Setting)}
			switch {
			case use.Field == harbor.DatabaseKind:
				other[c] = t.Known && t.Text != "" && t.Text != h.DatabaseServer
			case checkConnection(p, t, use) && alike[use.Field] != "":
				if one, known := first[use.Field]; known {
					checkAlike(p, one, t, use.Field)
				} else {
					first[use.Field] = t
				}
			}
		}
	}
}

// told is what a part is told of the database.
type told struct {
	*part
	harbor.Effective
}

// checkConnection looks at one setting of the connection. It is true where the value
// is known and can be one.
func checkConnection(p *pass, t told, use harbor.DatabaseUse) bool {
	v, at, name := t.Value, t.At, use.Places[0].Variable
	switch {
	case use.Field == harbor.DatabasePassword:
		if lineBreak(v) {
			p.error(at.Object, at.Path, "%s holds a line break: the database refuses it", name)
		}
		return false
	case v.Broken, use.Field == harbor.DatabaseReset, use.Field == harbor.DatabaseMaxOpen, !v.Known && v.Text != "":
		return false
	case v.Text == "":
		switch taken := t.part.Setting(t.env, name).Text; {
		case taken == "" && use.Field != harbor.DatabaseSSLMode:
			p.database(t, "%s is not set: the %s does not find its database", name, t.part.Name())
		case use.Field == harbor.DatabaseHost && p.nowhere(t.part, taken):
			p.database(t, "%s is not set: the %s asks %s, and there is no such Service among the resources", name, t.part.Name(), taken)
		}
		return false
	case use.Field == harbor.DatabasePort && !isPort(v.Text):
		p.database(t, "%s is not a port: the %s does not start", name, t.part.Name()).is(shown(v))
		return false
	case use.Field == harbor.DatabaseHost && (v.Text == "localhost" || isLoopback(v.Text)):
		p.database(t, "points each pod at itself, where there is no database").is(shown(v))
		return false
	}
	return true
}

// database reports a connection that leads to nothing, or elsewhere than others do.
func (p *pass) database(t told, format string, args ...any) *finding {
	return p.error(t.At.Object, t.At.Path, format, args...).add(toDatabase)
}

// alike are the fields that all parts have to be told alike, and what they are
// called.
var alike = map[harbor.DatabaseField]string{
	harbor.DatabaseHost: "host", harbor.DatabasePort: "port", harbor.DatabaseName: "database", harbor.DatabaseSSLMode: "encryption",
}

// checkAlike holds what two parts are told against each other.
func checkAlike(p *pass, one, t told, field harbor.DatabaseField) {
	same := one.Text == t.Text
	if field == harbor.DatabaseHost {
		same = p.address(one.part, one.Text) == p.address(t.part, t.Text)
	}
	switch {
	case same, field == harbor.DatabaseHost && (p.nowhere(one.part, one.Text) || p.nowhere(t.part, t.Text)): // L17 says so
	case field == harbor.DatabaseSSLMode:
		p.warn(t.At.Object, t.At.Path, "encrypts the connection to the database otherwise than %s, which has %s: the server may refuse one of them, "+
			"or the password is sent in the clear", krm.Name(one.part.RNode), shown(one.Value)).is(shown(t.Value)).add(toDatabase)
	case t.part.Name() == harbor.Exporter:
		p.warn(t.At.Object, t.At.Path, "is another %s of the database than %s has, %s: its figures are of another Harbor, or it does not start",
			alike[field], krm.Name(one.part.RNode), shown(one.Value)).is(shown(t.Value)).add(toDatabase)
	default:
		p.database(t, "is another %s of the database than %s has, %s: what one stores the other does not find",
			alike[field], krm.Name(one.part.RNode), shown(one.Value)).is(shown(t.Value))
	}
}
