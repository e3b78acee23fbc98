package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/bounded"
	"krmfn.dev/harbor/internal/database"
	"krmfn.dev/harbor/internal/krm"
)

// databaseOptions are the flags of database.
type databaseOptions struct {
	account                          database.Account
	config, passwordFrom, dump, from string
}

// newDatabase is the command about Harbor's external database.
func newDatabase(s streams) *cobra.Command {
	o := databaseOptions{}
	cmd := &cobra.Command{
		Use:   "database",
		Short: "Print the SQL that makes Harbor's database, or rename the database in a dump",
		Long: `database prints the SQL that makes a database for Harbor 1.2 and a user who may
do everything in it and nothing outside of it. It fits MySQL 5.7 and 8 and
MariaDB, and can be applied again. Without --password-from the password is asked
for; the SQL holds its hash.

With --dump it prints a dump that mysqldump --databases made, under the new name
of the database. A dump without --databases needs no renaming: load it into the
database that you give to mysql.`,
		Example: `  krmfn database --config overlays/harbor-1.2-ha/functions/harbor-ha.yaml --password-from env:PASSWORD | mysql -u root -p
  krmfn render overlays/example-production/functions | krmfn database --config - --password-from env:PASSWORD
  krmfn database --database registry_k8s --dump registry.sql | mysql -u root -p`,
		GroupID: "commands",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 { // not repeated: one may be a password
				return errors.New("database takes flags only")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd.Flags()); err != nil {
				return err
			}
			if err := o.complete(s); err != nil {
				return err
			}
			if o.dump != "" {
				return o.rename(s)
			}
			return o.print(s)
		},
	}
	cmd.SetFlagErrorFunc(redact)
	flags := cmd.Flags()
	flags.StringVar(&o.account.Database, "database", "", "`NAME` of the database")
	flags.StringVar(&o.account.User, "user", "", "`NAME` of the user that Harbor logs in as")
	flags.StringVar(&o.account.Host, "host", "%", "`HOST` that the user may come from, in which % and _ stand for any characters")
	flags.StringVar(&o.config, "config", "", "take database and user from this function config, a HarborHA or UseExternalDatabase in `FILE`, - is stdin")
	flags.StringVar(&o.passwordFrom, "password-from", "", "`SOURCE` of the password of the user: env:NAME, file:PATH or -")
	flags.StringVar(&o.dump, "dump", "", "print this dump with its database renamed, `FILE`, - is stdin")
	flags.StringVar(&o.from, "from", "registry", "`NAME` of the database in the dump")
	return cmd
}

// check looks at the flags before anything is read.
func (o *databaseOptions) check(flags *pflag.FlagSet) error {
	misplaced, why := []string{"from"}, "goes with --dump only"
	if flags.Changed("dump") {
		misplaced, why = []string{"user", "host", "password-from"}, "does not go with --dump"
	}
	for _, flag := range misplaced {
		if flags.Changed(flag) {
			return fmt.Errorf("--%s %s", flag, why)
		}
	}
	return checkFlags(flags)
}

// complete takes what the flags leave open from the function config.
func (o *databaseOptions) complete(s streams) error {
	if o.config != "" {
		file, err := readManifests(s, o.config)
		if err != nil {
			return err
		}
		user, name, err := configured(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if o.account.Database == "" {
			o.account.Database = name
		}
		if o.account.User == "" {
			o.account.User = user
		}
	}
	if o.account.Database == "" {
		return errors.New("--database is missing, or --config, which names it")
	}
	if o.account.User == "" && o.dump == "" {
		return errors.New("--user is missing, or --config, which names it")
	}
	return nil
}

// configured finds the one function config in the file that is about the
// database, and returns the user and the database that it names.
func configured(file krm.File) (user, name string, err error) {
	objects, err := krm.Objects(file.Content)
	if err != nil {
		return "", "", err
	}
	found := 0
	for _, obj := range objects {
		if krm.Text(obj.RNode, "apiVersion") != functions.Catalog.APIVersion {
			continue
		}
		path := []any{"spec"}
		switch krm.Text(obj.RNode, "kind") {
		case "HarborHA":
			path = append(path, "database")
		case "UseExternalDatabase":
		default:
			continue
		}
		if krm.Lookup(obj.RNode, path...) == nil {
			continue
		}
		found++
		for _, field := range []string{"sslMode", "maxOpenConnections"} {
			if krm.Lookup(obj.RNode, append(path, field)...) != nil {
				return "", "", fmt.Errorf("%s is for Harbor 2.x, whose database is PostgreSQL, and krmfn database knows the MySQL of Harbor 1.2: "+
					"docs/chart.md has the SQL for PostgreSQL", krm.Path(append(path, field)))
			}
		}
		user, name = krm.Text(obj.RNode, append(path, "user")...), krm.Text(obj.RNode, append(path, "database")...)
	}
	if found != 1 {
		return "", "", fmt.Errorf("there are %d function configs with settings of the database, want one: "+
			"a UseExternalDatabase, or a HarborHA with spec.database (a patch has to be rendered first)", found)
	}
	return user, name, nil
}

// print prints the SQL. The password goes nowhere but into it.
func (o *databaseOptions) print(s streams) error {
	var err error
	if o.account.Password, err = o.password(s); err != nil {
		return err
	}
	sql, err := o.account.SQL()
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.out, sql)
	return err
}

func (o *databaseOptions) password(s streams) (string, error) {
	if o.passwordFrom != "" {
		password, err := readPassword(s, o.passwordFrom)
		if err != nil {
			err = fmt.Errorf("--password-from: %w", err)
		}
		return password, err
	}
	fd, ok := terminal(s.in)
	if !ok {
		return "", errors.New("--password-from is missing, and there is no terminal to ask on")
	}
	fmt.Fprint(s.err, printable("Password of %s:", o.account.User), " ")
	password, err := term.ReadPassword(fd)
	fmt.Fprintln(s.err)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	return string(password), nil
}

// rename prints the dump with its database renamed, and warns of what looks
// wrong with it.
func (o *databaseOptions) rename(s streams) error {
	in := s.in
	if o.dump != krm.Stdin {
		file, err := bounded.Open(o.dump) // and read as a stream, of any size
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	report, err := database.Rename(s.out, in, o.from, o.account.Database)
	if err != nil {
		return fmt.Errorf("%s: %w", krm.File{Name: o.dump}, err)
	}
	var warnings []string
	if report.Renamed == 0 {
		warnings = append(warnings, fmt.Sprintf("the dump does not name database %s and is unchanged: load it into the database that you give to mysql", o.from))
	}
	if report.Other != "" {
		warnings = append(warnings, fmt.Sprintf("the dump also creates or uses database %s, which keeps its name", report.Other))
	}
	if !report.Complete {
		warnings = append(warnings, `the dump does not end with "-- Dump completed", as those of mysqldump do: it may be cut off`)
	}
	if len(warnings) > 0 {
		s.say("krmfn database (%s):", krm.File{Name: o.dump})
	}
	for _, w := range warnings {
		s.say("  warning: %s", w)
	}
	return nil
}
