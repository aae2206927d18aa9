package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
)

// applicationPasswordCommands mirror those of wp-cli: the same arguments, flags,
// formats and exit codes.
type applicationPasswordCommands struct {
	Create      passwordCreateCommand      `cmd:"" help:"Create an application password and print it, this once."`
	List        passwordListCommand        `cmd:"" help:"List application passwords."`
	Get         passwordGetCommand         `cmd:"" help:"Show one application password."`
	Exists      passwordExistsCommand      `cmd:"" help:"Exit with 0 if an application password has this name, else with 1."`
	Update      passwordUpdateCommand      `cmd:"" help:"Rename an application password, or change its limits. An empty value removes a limit."`
	Rotate      passwordRotateCommand      `cmd:"" help:"Replace the secret of an application password and print the new one, this once."`
	Explain     passwordExplainCommand     `cmd:"" help:"Say what an application password can do, or whether a request is allowed, and why."`
	Delete      passwordDeleteCommand      `cmd:"" help:"Revoke application passwords."`
	Orphans     passwordOrphansCommand     `cmd:"" help:"List application passwords whose users are gone, or revoke them."`
	RecordUsage passwordRecordUsageCommand `cmd:"" help:"Record that an application password was used now."`
}

// owner is the user argument that every command on application passwords has.
type owner struct {
	User string `arg:"" help:"ID, login or e-mail address."`
}

// with opens the site and finds the user for the time of a command.
func (o owner) with(ctx context.Context, all *commands, do func(sparekey.Manager, sparekey.User) error) error {
	return o.withSite(ctx, all, func(_ *site, m sparekey.Manager, u sparekey.User) error { return do(m, u) })
}

// withSite is with, for what needs more than the manager.
func (o owner) withSite(ctx context.Context, all *commands, do func(*site, sparekey.Manager, sparekey.User) error) error {
	return all.with(ctx, o.manage(ctx, do))
}

// toChange is withSite, for what must be on record.
func (o owner) toChange(ctx context.Context, all *commands, do func(*site, sparekey.Manager, sparekey.User) error) error {
	return all.toChange(ctx, o.manage(ctx, do))
}

func (o owner) manage(ctx context.Context, do func(*site, sparekey.Manager, sparekey.User) error) func(*site) error {
	return func(s *site) error {
		u, err := s.findOwner(ctx, o.User)
		if err != nil {
			return err
		}
		return do(s, s.Service.AsOperator(), u)
	}
}

type passwordCreateCommand struct {
	owner
	Name  string `arg:"" name:"app-name" help:"The name of the application."`
	AppID string `name:"app-id" aliases:"app_id" help:"A UUID that the application chose for itself." placeholder:"UUID"`
	limitFlags
	newSecretFlags
}

func (c *passwordCreateCommand) Run(ctx context.Context, all *commands, t terminal) error {
	limits, err := c.limits(time.Now())
	if err != nil {
		return err
	}
	if err := c.confirmMethods(t); err != nil {
		return err
	}
	return c.toChange(ctx, all, func(s *site, m sparekey.Manager, u sparekey.User) error {
		secret, created, err := m.Create(ctx, u.ID, sparekey.NewCredential{Name: c.Name, AppID: c.AppID, Limits: limits})
		switch {
		case errors.Is(err, sparekey.ErrDuplicateName):
			return fmt.Errorf("%s has an application password named %q already: choose another name, or give --duplicate-names=allow", u.Login, c.Name)
		case errors.Is(err, sparekey.ErrNotCreator):
			return fmt.Errorf("%s has the role %s, and by the setting creators only users with one of these may have application passwords: %s. Give %[1]s another role, or change the setting",
				u.Login, cmp.Or(strings.Join(u.Roles, ", "), "none"), strings.Join(all.Creators, ", "))
		case err != nil:
			return c.suggestBundle(s.Service, flagNames(err))
		case c.isForPrograms():
			return c.print(t, s.Service, u, secret, created)
		}
		fmt.Fprintf(t.out, "Created an application password for %s. It is shown this once.\nPassword: %s\nUUID: %s\n", u.Login, secret.Reveal(), created.UUID)
		if !created.Limits.IsZero() {
			printExplanation(s, u, created, t)
		}
		return nil
	})
}

var passwordColumns = []string{"uuid", "app_id", "name", "password", "created", "last_used", "last_ip"}

// passwordListing lists credentials as wp-cli does: the hash as "password",
// times in Unix seconds, nothing for what never happened.
func passwordListing(svc *sparekey.Service, list []sparekey.Credential) listing {
	l := listing{id: "uuid", columns: passwordColumns, more: limitColumns, people: peopleReadCredentials(svc)}
	for _, c := range list {
		l.rows = append(l.rows, credentialRow(svc, c))
	}
	return l
}

func credentialRow(svc *sparekey.Service, c sparekey.Credential) row {
	r := row{
		"uuid": c.UUID, "app_id": c.AppID, "name": c.Name, "password": c.Hash,
		"created": unixOrNil(c.Created), "last_used": unixOrNil(c.LastUsed), "last_ip": textOrNil(c.LastIP),
		source: c,
	}
	maps.Copy(r, limitValues(svc, c))
	return r
}

func unixOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Unix()
}

func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

type passwordListCommand struct {
	User     string `arg:"" optional:"" help:"ID, login or e-mail address."`
	AllUsers bool   `help:"List those of all users."`
	listFlags
	OrderBy string `name:"orderby" help:"Sort by this field: ${enum}." enum:"uuid,app_id,name,password,created,last_used,last_ip" default:"created"`
	Order   string `help:"${enum}: ascending or descending." enum:"asc,desc" default:"desc"`

	UUID     *string `help:"Only the one with this UUID." group:"Filters (exact, empty for none)"`
	AppID    *string `name:"app_id" aliases:"app-id" help:"Only those of this application." group:"Filters (exact, empty for none)"`
	Name     *string `help:"Only those of this name." group:"Filters (exact, empty for none)"`
	Password *string `help:"Only the one with this hash." group:"Filters (exact, empty for none)"`
	Created  *string `help:"Only those created at this Unix time." group:"Filters (exact, empty for none)"`
	LastUsed *string `name:"last_used" aliases:"last-used" help:"Only those last used at this Unix time." group:"Filters (exact, empty for none)"`
	LastIP   *string `name:"last_ip" aliases:"last-ip" help:"Only those last used from this address." group:"Filters (exact, empty for none)"`
	stateFilters
}

// Validate is called by kong.
func (c *passwordListCommand) Validate() error {
	switch {
	case c.User == "" && !c.AllUsers:
		return errors.New("missing <user>, or --all-users for the application passwords of all users")
	case c.User != "" && c.AllUsers:
		return errors.New("give a user or --all-users, but not both")
	case c.AllUsers && (c.OrderBy != "created" || c.Order != "desc"):
		return errors.New("--orderby and --order are for the list of one user: --all-users prints rows as it reads them")
	}
	return c.stateFilters.Validate()
}

func (c *passwordListCommand) Run(ctx context.Context, all *commands, t terminal) error {
	if c.AllUsers {
		return c.listAll(ctx, all, t)
	}
	return owner{c.User}.withSite(ctx, all, func(s *site, m sparekey.Manager, u sparekey.User) error {
		list, err := m.List(ctx, u.ID)
		if err != nil {
			return err
		}
		now := time.Now()
		list = slices.DeleteFunc(list, func(found sparekey.Credential) bool { return !c.stateFilters.selects(s.Service, found, now) })
		l := passwordListing(s.Service, list)
		if err := s.addUsage(ctx, &l, c.outputFlags); err != nil {
			return err
		}
		l.rows = slices.DeleteFunc(l.rows, func(r row) bool { return !c.selects(r) })
		c.sort(l.rows)
		return c.print(t, l)
	})
}

// selects reports whether a row passes all filters.
func (c *passwordListCommand) selects(r row) bool {
	filters := map[string]*string{
		"uuid": c.UUID, "app_id": c.AppID, "name": c.Name, "password": c.Password,
		"created": c.Created, "last_used": c.LastUsed, "last_ip": c.LastIP,
	}
	for column, want := range filters {
		if want != nil && r.text(column) != *want {
			return false
		}
	}
	return true
}

func (c *passwordListCommand) sort(rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int {
		order := compareValues(a[c.OrderBy], b[c.OrderBy])
		if c.Order == "desc" {
			return -order
		}
		return order
	})
}

// compareValues orders the values of one column: none first, numbers by size,
// text by its bytes.
func compareValues(a, b any) int {
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	}
	return strings.Compare(row{"": a}.text(""), row{"": b}.text(""))
}

// credential are the arguments that name one application password.
type credential struct {
	owner
	UUID string `arg:"" help:"The UUID of the application password."`
}

// explain puts the argument into an error that lacks it, and what to do.
func (c credential) explain(err error) error {
	var inactive *sparekey.InactiveError
	if errors.As(err, &inactive) && inactive.Field != "" {
		return fmt.Errorf("%w: \"sparekey user application-password update %s %s --%s=…\" does that", err, config.ShellQuote(c.User), config.ShellQuote(c.UUID), limitFlag[inactive.Field])
	}
	if errors.Is(err, sparekey.ErrNotFound) && c.UUID == "" {
		return fmt.Errorf("the UUID is empty: \"sparekey user application-password list %s\" shows those of the user", config.ShellQuote(c.User))
	}
	if errors.Is(err, sparekey.ErrNotFound) {
		return fmt.Errorf("user %[1]s has no application password with the UUID %[2]q: \"sparekey user application-password list %[3]s\" shows them",
			c.User, c.UUID, config.ShellQuote(c.User))
	}
	return err
}

type passwordGetCommand struct {
	credential
	itemFlags
}

func (c *passwordGetCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return c.withSite(ctx, all, func(s *site, m sparekey.Manager, u sparekey.User) error {
		found, err := m.Get(ctx, u.ID, c.UUID)
		if err != nil {
			return c.explain(err)
		}
		l := passwordListing(s.Service, []sparekey.Credential{found})
		l.people = peopleReadOne(s.Service, u)
		if err := s.addUsage(ctx, &l, c.outputFlags); err != nil {
			return err
		}
		return c.print(t, l)
	})
}

type passwordExistsCommand struct {
	owner
	Name string `arg:"" name:"app-name" help:"The name of the application, in any case."`
}

func (c *passwordExistsCommand) Run(ctx context.Context, all *commands) error {
	return c.with(ctx, all, func(m sparekey.Manager, u sparekey.User) error {
		exists, err := m.NameExists(ctx, u.ID, c.Name)
		if err == nil && !exists {
			return exitCode(1)
		}
		return err
	})
}

type passwordUpdateCommand struct {
	credential
	Name *string `help:"The new name."`
	limitFlags
}

func (c *passwordUpdateCommand) Run(ctx context.Context, all *commands, t terminal) error {
	edit, err := c.edit(time.Now())
	if err != nil {
		return err
	}
	hasLimits := edit != sparekey.Edit{}
	edit.Name = c.Name
	if !hasLimits && c.Name == nil {
		fmt.Fprintln(t.err, "Warning: nothing to change was given: there are --name, --expires, --scope, --network and --max-uses")
	}
	if err := c.confirmMethods(t); err != nil {
		return err
	}
	return c.toChange(ctx, all, func(s *site, m sparekey.Manager, u sparekey.User) error {
		found, err := m.Edit(ctx, u.ID, c.UUID, edit)
		if err != nil {
			return c.explain(c.suggestBundle(s.Service, flagNames(err)))
		}
		fmt.Fprintf(t.out, "The application password is named %q.\n", found.Name)
		if hasLimits {
			printExplanation(s, u, found, t)
		}
		return nil
	})
}

type passwordRecordUsageCommand struct{ credential }

func (c *passwordRecordUsageCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return c.with(ctx, all, func(m sparekey.Manager, u sparekey.User) error {
		if _, err := m.RecordUse(ctx, u.ID, c.UUID, "127.0.0.1"); err != nil {
			return c.explain(err)
		}
		fmt.Fprintln(t.out, "The use is recorded.")
		return nil
	})
}

func count(conditions []bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
