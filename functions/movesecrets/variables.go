package movesecrets

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"krmfn.dev/harbor/internal/harbor"
	"krmfn.dev/harbor/internal/krm"
	"krmfn.dev/harbor/internal/kube"
)

// variables makes variables come from the Secret, and addresses of Redis refer to
// one that does.
func (m *mover) variables(c harbor.Component) error {
	for _, v := range m.harbor.SecretsOf(c) {
		if v.Place.Variable == "" || v.Address || !m.moves(v) {
			continue
		}
		if err := m.variable(c, v); err != nil {
			return err
		}
	}
	return m.harbor.HideRedisPasswords(c, m.place)
}

func (m *mover) variable(c harbor.Component, v harbor.SecretValue) error {
	to, name := m.place(v.SecretUse), v.Place.Variable
	switch at, inEnv := c.Env(name); {
	case m.isOthers(v):
		krm.Warn(m.list, c.RNode, at, "%s stays in %s: others read key %s of Secret %s already, which is for another %s: "+
			"give spec another name for it", name, krm.Name(v.Object), to.Key, to.Name, c.Name())
		return nil
	case v.Contained() != nil && v.Value.Known && v.Value.Text == "" && inEnv:
		return c.SetEnv(m.list, krm.Map("name", name, "value", "")) // nothing is secret in it
	case v.Contained() != nil && v.Value.Known && v.Value.Text == "":
		return nil // it leaves with the Secret
	}
	other := m.passedOn(c, name)
	if err := c.SetSecretVariable(m.list, name, to.Name, to.Key); err != nil || other == "" {
		return err
	}
	return c.SetSecretVariable(m.list, other, to.Name, to.Key)
}

// isOthers says whether the value is the password of a server inside of the
// manifests that Harbor does not use, and the key for it holds that of the one that
// it uses.
func (m *mover) isOthers(v harbor.SecretValue) bool {
	to := m.place(v.SecretUse)
	return v.Component.Part().Stateful && !m.harbor.Serves(v.Component) && slices.ContainsFunc(m.before, func(other harbor.SecretValue) bool {
		s := other.Value.Source
		return !other.Component.Part().Stateful && other.In == v.In && s.Kind == "Secret" && s.Name == to.Name && s.Key == to.Key && other.Contained() == nil
	})
}

var onlyReference = regexp.MustCompile(`^\$\(([^()]+)\)$`)

// passedOn is the variable that another one gets its value from, as in
// MYSQL_PWD: $(PASSWORD); "" for none.
func (m *mover) passedOn(c harbor.Component, name string) string {
	at, ok := c.Env(name)
	if !ok {
		return ""
	}
	found := onlyReference.FindStringSubmatch(krm.Text(c.RNode, at.Append("value")...))
	if found == nil || !slices.Contains(c.Environment(m.list).Names(), found[1]) {
		return ""
	}
	return found[1]
}

// dropUnread removes secrets that nobody reads from the ConfigMaps of the
// components. Upstream's hold some that nobody ever read.
func (m *mover) dropUnread() {
	for _, v := range m.harbor.SecretValues() {
		if v.Leftover {
			v.Component.DropKey(m.list, v.Value.Source)
		}
	}
}

// check refuses to make one key of values that differ: one of them would be lost.
// Those that have to be the same are made the same.
func (m *mover) check() error {
	first := map[harbor.SecretKey]harbor.SecretValue{}
	var errs []error
	for _, v := range m.before {
		to := m.place(v.SecretUse)
		if !m.moves(v) || m.isOthers(v) {
			continue
		}
		if v.Value.Text != "" && !m.isUsed(to.Name) {
			errs = append(errs, m.harbor.CheckSecretKey(m.field(v.In), to))
		}
		if v.Shared || v.Public() || !v.Read || !v.Value.Known || v.Value.Text == "" || harbor.Placeholder(v.Value.Text) {
			continue
		}
		if one, ok := first[to]; ok && one.Value.Text != v.Value.Text {
			return krm.Fault(v.Object, nil,
				"%s differs from %s of %s, and both would come from key %s of Secret %s: read one of them from a Secret of its own",
				v.Name, one.Name, krm.Name(one.Object), to.Key, to.Name)
		}
		first[to] = v
	}
	return errors.Join(errs...)
}

// isUsed says whether Harbor reads the Secret as the one that is meant: not as one of
// a chart that has the same name.
func (m *mover) isUsed(name string) bool {
	return slices.ContainsFunc(m.before, func(v harbor.SecretValue) bool {
		to := m.place(v.SecretUse)
		return v.Value.Source.Kind == "Secret" && to.Name == name && v.Value.Source.Name == name && v.Value.Source.Key == to.Key
	})
}

// tell names the keys that krmfn secrets cannot make up.
func (m *mover) tell() {
	for _, c := range m.harbor.Components {
		var keys []string
		for _, v := range m.before {
			if v.Component.RNode == c.RNode && v.Component.Name() == c.Name() && v.Form == harbor.Given && m.moves(v) && !slices.Contains(keys, v.Key) {
				keys = append(keys, v.Key)
			}
		}
		if len(keys) > 0 {
			krm.Warn(m.list, c.RNode, nil,
				"reads %s from Secret %s now, which nobody can make up: krmfn secrets --from takes them over from these manifests as they were",
				strings.Join(keys, ", "), m.Name)
		}
	}
	m.tellLeft()
}

// tellLeft names the keys of ConfigMaps that cannot go because others read them.
func (m *mover) tellLeft() {
	for _, v := range m.harbor.SecretValues() {
		source := v.Value.Source
		if !v.Leftover || !v.Open() {
			continue
		}
		for _, r := range kube.Readers(m.list, source.Object, source.Key) {
			krm.Warn(m.list, source.Object, kube.KeyPath(source.Object, source.Key),
				"stays, because it is read as %s: make that read key %s of Secret %s",
				r, m.place(v.SecretUse).Key, m.place(v.SecretUse).Name)
		}
	}
}
