package movesecrets

import (
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
		if v.Place.Variable == "" || !v.Open() {
			continue
		}
		if err := m.variable(c, v); err != nil {
			return err
		}
	}
	return nil
}

func (m *mover) variable(c harbor.Component, v harbor.SecretValue) error {
	to := m.place(v.SecretUse)
	for _, use := range m.harbor.Redis {
		if use.Of == c.Name() && use.Places[0].Variable == v.Place.Variable {
			return m.harbor.HideRedisPassword(c, use, to)
		}
	}
	other := m.passedOn(c, v.Place.Variable)
	if err := c.SetSecretVariable(m.list, v.Place.Variable, to.Name, to.Key); err != nil || other == "" {
		return err
	}
	return c.SetSecretVariable(m.list, other, to.Name, to.Key)
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
func (m *MoveSecrets) check(all []harbor.SecretValue) error {
	first := map[harbor.SecretKey]harbor.SecretValue{}
	for _, v := range all {
		if v.Shared || v.Public() || !v.Read || !v.Open() || !v.Value.Known || harbor.Placeholder(v.Value.Text) {
			continue
		}
		to := m.place(v.SecretUse)
		if one, ok := first[to]; ok && one.Value.Text != v.Value.Text {
			return krm.Fault(v.Object, nil,
				"%s differs from %s of %s, and both would come from key %s of Secret %s: read one of them from a Secret of its own",
				v.Name, one.Name, krm.Name(one.Object), to.Key, to.Name)
		}
		first[to] = v
	}
	return nil
}

// tell names the keys that krmfn secrets cannot make up.
func (m *mover) tell(before []harbor.SecretValue) {
	for _, c := range m.harbor.Components {
		var keys []string
		for _, v := range before {
			if v.Component.RNode == c.RNode && v.Component.Name() == c.Name() && v.Form == harbor.Given && v.Open() && !slices.Contains(keys, v.Key) {
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
