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

// ReservedConnections are those that PostgreSQL keeps for itself
// (superuser_reserved_connections), DefaultConnections what it allows as it comes.
const (
	ReservedConnections = 3
	DefaultConnections  = 100
)

// Budget is the number of connections to the database that all pods together may
// open.
type Budget struct {
	Total int
	Parts []string // 3 x 900 of the core
	Location
}

// Exceeds says whether a server that allows so many connections runs out of them: then
// requests fail, and no further core starts (seen with Harbor 2.15.1).
func (b Budget) Exceeds(allowed int) bool { return b.Total > allowed-ReservedConnections }

// Budget adds up what each pod may open, 900 in Harbor's own manifests, given the
// number of pods of each component.
func (h *Harbor) Budget(pods func(Component) int) Budget {
	var b Budget
	for _, use := range h.Database {
		if use.Field != DatabaseMaxOpen {
			continue
		}
		for _, c := range h.Of(use.Of) {
			v := h.get(c, use.Setting)
			each, err := strconv.Atoi(v.Text)
			n := pods(c)
			if err != nil || each <= 0 || n == 0 {
				continue
			}
			if b.Total += each * n; b.Object == nil {
				b.Location = v.At
			}
			b.Parts = append(b.Parts, fmt.Sprintf("%d x %d of the %s", n, each, c.Name()))
		}
	}
	return b
}

// WarnConnections holds the connections that all pods may open against the number
// that the server allows.
func (h *Harbor) WarnConnections(allowed int) {
	if b := h.Budget(Component.Replicas); b.Exceeds(allowed) {
		krm.Warn(h.list, b.Object, b.Path,
			"lets the pods open %d connections (%s), and the server allows %d, %d of them reserved: requests fail once they are used up, "+
				"and no further core starts; set maxOpenConnections, or serverConnections to what the server allows (max_connections of PostgreSQL)",
			b.Total, strings.Join(b.Parts, ", "), allowed, ReservedConnections)
	}
}

// Connections is the number of connections that a database inside of the manifests
// allows, false where it is not Harbor's own.
func (h *Harbor) Connections(c Component) (int, bool) {
	if c.Name() != h.DatabaseServer || c.ByUse || h.DatabaseAllows == 0 {
		return 0, false
	}
	v := h.get(c, h.DatabaseLimit)
	if !v.Set {
		return h.DatabaseAllows, true
	}
	n, err := strconv.Atoi(v.Text)
	return n, err == nil && n > 0
}

// QuotaProvider is the variable that says where the core counts what projects hold, db
// or redis, which Harbor knows since QuotaProviderSince (harbor#18871).
const QuotaProvider = "QUOTA_UPDATE_PROVIDER"

// QuotaProviderSince is the first release that has QuotaProvider.
var QuotaProviderSince = Release{2, 9}
