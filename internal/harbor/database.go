package harbor

import (
	"slices"
	"strconv"
)

// Connection is how Harbor reaches its database.
type Connection struct {
	Host           string
	Port           int
	User, Database string
	// Reset is whether each start of an adminserver reads all settings from the
	// manifests again. Harbor 1.x.
	Reset    bool
	Password Password
}

// text is what a field of the connection says.
func (c Connection) text(field DatabaseField) string {
	return map[DatabaseField]string{
		DatabaseHost: c.Host, DatabasePort: strconv.Itoa(c.Port), DatabaseUser: c.User, DatabaseName: c.Database,
		DatabaseReset: strconv.FormatBool(c.Reset), DatabasePassword: c.Password.Value,
	}[field]
}

// DatabaseHosts are the settings that hold the host of the database.
func (h *Harbor) DatabaseHosts() []Setting {
	var all []Setting
	for _, use := range h.Database {
		if use.Field == DatabaseHost {
			all = append(all, use.Setting)
		}
	}
	return all
}

// SetDatabase tells every part that uses the database how to reach it.
func (h *Harbor) SetDatabase(connection Connection) error {
	for _, part := range h.databaseParts() {
		components := h.Of(part)
		if _, err := h.Need(part); err != nil && h.partNamed(part).Needed {
			return err
		}
		for _, c := range components {
			if err := h.setDatabase(c, connection); err != nil {
				return err
			}
		}
	}
	return nil
}

// databaseParts are the parts that use the database, in the order of the table.
func (h *Harbor) databaseParts() []string {
	var parts []string
	for _, use := range h.Database {
		if !slices.Contains(parts, use.Of) {
			parts = append(parts, use.Of)
		}
	}
	return parts
}

// setDatabase writes all fields at once: two of them may be read from one key.
func (h *Harbor) setDatabase(c Component, connection Connection) error {
	var all []Assignment
	var password *DatabaseUse
	for _, use := range h.Database {
		switch {
		case use.Of != c.Name():
		case use.Field == DatabasePassword:
			password = &use
		default:
			all = append(all, Assignment{Component: c, Name: use.Places[0].Variable, Value: connection.text(use.Field)})
		}
	}
	if err := Assign(h.list, all...); err != nil || password == nil {
		return err
	}
	p := connection.Password
	if p.FromSecret() {
		return h.set(c, password.Setting, Value{From: &SecretKey{p.SecretName, p.SecretKey}})
	}
	if err := h.set(c, password.Setting, Value{Text: p.Value}); err != nil {
		return err
	}
	return c.WarnLiteral(h.list, password.Places[0].Variable)
}
