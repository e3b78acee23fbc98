package harbor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"krmfn.dev/harbor/internal/krm"
)

// Connection is how Harbor reaches its database.
type Connection struct {
	Host           string
	Port           int
	User, Database string
	// SSLMode and MaxOpen, the largest number of connections of each pod, stay as
	// they are where they are empty. Harbor 2.x.
	SSLMode string
	MaxOpen int
	// Reset is whether each start of an adminserver reads all settings from the
	// manifests again. Harbor 1.x.
	Reset    bool
	Password Password
}

// text is what a field of the connection says, "" where that stays as it is.
func (c Connection) text(field DatabaseField) string {
	switch field {
	case DatabaseHost:
		return c.Host
	case DatabasePort:
		return strconv.Itoa(c.Port)
	case DatabaseUser:
		return c.User
	case DatabaseName:
		return c.Database
	case DatabaseSSLMode:
		return c.SSLMode
	case DatabaseReset:
		return strconv.FormatBool(c.Reset)
	case DatabaseMaxOpen:
		if c.MaxOpen > 0 {
			return strconv.Itoa(c.MaxOpen)
		}
	}
	return ""
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
		components, err := h.Need(part)
		if err != nil && h.partNamed(part).Needed {
			return err
		}
		for _, c := range components {
			if err := h.setDatabase(c, connection); err != nil {
				return err
			}
		}
	}
	h.warnLeftAlone(OwnDatabase)
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
		case connection.text(use.Field) != "":
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
	return c.warnLiteral(h.list, password.Places[0].Variable)
}

// reserved are the connections that PostgreSQL keeps for itself
// (superuser_reserved_connections).
const reserved = 3

// WarnConnections holds the connections that all pods may open against the number
// that the server allows: once they are used up, requests fail and no further core
// starts. A pod may open 900 in Harbor's own manifests.
func (h *Harbor) WarnConnections(allowed int) {
	total := 0
	var parts []string
	var at Location
	for _, use := range h.Database {
		if use.Field != DatabaseMaxOpen {
			continue
		}
		for _, c := range h.Of(use.Of) {
			v := h.get(c, use.Setting)
			each, err := strconv.Atoi(v.Text)
			pods := c.Replicas()
			if err != nil || pods == 0 {
				continue
			}
			if total += each * pods; at.Object == nil {
				at = v.At
			}
			parts = append(parts, fmt.Sprintf("%d x %d of the %s", pods, each, c.Name()))
		}
	}
	if total > allowed-reserved {
		krm.Warn(h.list, at.Object, at.Path,
			"lets the pods open %d connections (%s), and the server allows %d, %d of them reserved: requests fail once they are used up, "+
				"and no further core starts; set maxOpenConnections, or serverConnections to what the server allows (max_connections of PostgreSQL)",
			total, strings.Join(parts, ", "), allowed, reserved)
	}
}
