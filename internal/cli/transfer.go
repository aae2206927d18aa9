package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/server"
	"github.com/sparekey-dev/sparekey/internal/visible"
	"github.com/sparekey-dev/sparekey/passhash"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/wordpress"
)

type importCommands struct {
	Wordpress importWordPressCommand `cmd:"" name:"wordpress" help:"Copy the users of a WordPress site, their main passwords and application passwords into a database of Sparekey's own."`
}

type exportCommands struct {
	Wordpress exportWordPressCommand `cmd:"" name:"wordpress" help:"Copy application passwords into the database of a WordPress site, to the users of the same login."`
}

type wordPressCommands struct {
	Schema wordPressSchemaCommand `cmd:"" help:"Print the statements that make Sparekey's own tables beside WordPress's, for an administrator of the database."`
}

// wordPressSchemaCommand needs no database, only its URL.
type wordPressSchemaCommand struct{}

func (wordPressSchemaCommand) Run(all *commands, t terminal) error {
	if !config.IsWordPress(all.Database) {
		return errors.New("--database must be that of a WordPress site: a URL such as wordpress://user:password@127.0.0.1:3306/database?prefix=wp_")
	}
	statements, err := server.WordPressSchema(all.Database)
	if err != nil {
		return err
	}
	fmt.Fprint(t.out, statements)
	return nil
}

// transferFlags are those of a copy from one database to another.
type transferFlags struct {
	From   string `required:"" help:"The database to read, which is not changed: a path or a URL. A URL with a password is safer as @FILE, which reads the first line of a file, than on the command line." type:"orfile" placeholder:"DATABASE"`
	To     string `required:"" help:"The database to write: a path or a URL. A URL with a password is safer as @FILE." type:"orfile" placeholder:"DATABASE"`
	DryRun bool   `help:"Change nothing, and report what would be done."`
}

type importWordPressCommand struct{ transferFlags }

func (c *importWordPressCommand) Run(ctx context.Context, all *commands, t terminal) error {
	if !config.IsWordPress(c.From) || config.IsWordPress(c.To) {
		return errors.New("--from must be the database of a WordPress site (wordpress://…), and --to one of Sparekey's own, such as sparekey.db")
	}
	return c.run(ctx, all, t, true)
}

type exportWordPressCommand struct{ transferFlags }

func (c *exportWordPressCommand) Run(ctx context.Context, all *commands, t terminal) error {
	if config.IsWordPress(c.From) || !config.IsWordPress(c.To) {
		return errors.New("--from must be a database of Sparekey's own, such as sparekey.db, and --to that of a WordPress site (wordpress://…)")
	}
	return c.run(ctx, all, t, false)
}

// transfer copies users and credentials. It leaves existing ones unchanged, so that it can be
// repeated.
type transfer struct {
	from, to   *site
	bundles    scope.Bundles // of this site, for the scopes of what is copied
	makesUsers bool
	dryRun     bool
	oldSite    bool // the WordPress that is written to cannot verify $generic$ hashes
	t          terminal
	progress   *progress
	report     transferReport
}

// transferReport counts what was done, or would be.
type transferReport struct {
	usersMade, usersThere int
	passwordsMade, there  int
	revoked, unverifiable int
	refused               int
}

func (f transferFlags) run(ctx context.Context, all *commands, t terminal, makesUsers bool) (err error) {
	from, err := f.open(ctx, all, f.From, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := f.open(ctx, all, f.To, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	x := &transfer{from: from, to: to, bundles: from.Service.Bundles(), makesUsers: makesUsers, dryRun: f.DryRun, t: t}
	if x.oldSite, err = verifiesNoGeneric(ctx, to); err != nil {
		return err
	}
	if err := x.users(ctx); err != nil {
		x.print()
		return fmt.Errorf("not everything was copied; run the same command again to continue: %w", err)
	}
	x.print()
	if x.report.refused > 0 {
		return exitCode(1)
	}
	return nil
}

// open opens one of the two databases. One that is yet to be made stays unmade
// where nothing is to be changed.
func (f transferFlags) open(ctx context.Context, all *commands, database string, create bool) (*site, error) {
	if err := server.CheckDatabase(database); err != nil {
		return nil, err
	}
	one := *all
	one.Database = database
	if _, err := os.Stat(database); create && f.DryRun && errors.Is(err, fs.ErrNotExist) && !config.IsWordPress(database) {
		one.Database = "memory:"
	}
	return one.open(ctx, server.Opening{Create: create && !f.DryRun})
}

// verifiesNoGeneric reports whether a database is of a WordPress that cannot verify
// $generic$ hashes.
func verifiesNoGeneric(ctx context.Context, s *site) (bool, error) {
	h, ok := s.Backend.(sparekey.Hasher)
	if !ok {
		return false, nil
	}
	hash, err := h.HashNew(ctx, sparekey.NewSecret())
	return !passhash.IsGeneric(hash), err
}

// users copies page by page, and shows people how far it is.
func (x *transfer) users(ctx context.Context) error {
	const page = 200
	x.progress = newProgress(x.t, "Copying users")
	defer x.progress.end()
	for offset := 0; ; offset += page {
		users, total, err := x.from.Users(ctx, sparekey.UserQuery{Offset: offset, Limit: page})
		if err != nil {
			return err
		}
		for i, u := range users {
			x.progress.at(offset+i, total)
			if err := x.user(ctx, u); err != nil {
				return fmt.Errorf("user %s (%s): %w", u.ID, u.Login, err)
			}
		}
		if done := min(offset+page, total); done == total {
			x.progress.end()
			fmt.Fprintf(x.t.err, "%d of %d users\n", done, total)
		}
		if len(users) < page {
			return nil
		}
	}
}

func (x *transfer) refuse(u sparekey.User, why string) {
	x.report.refused++
	x.progress.end()
	fmt.Fprintf(x.t.err, "Refused: user %s (%s): %s\n", visible.Escape(u.ID), visible.Escape(u.Login), visible.Escape(why))
}

// user copies one user. A problem of one user does not stop the copy of others.
func (x *transfer) user(ctx context.Context, u sparekey.User) error {
	target, made, err := x.target(ctx, u)
	if err != nil || target.Login == "" {
		return err
	}
	list, err := x.from.List(ctx, u.ID)
	if _, unreadable := errors.AsType[*wordpress.RowError](err); unreadable {
		x.refuse(u, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	have := map[string]bool{}
	if !made {
		there, err := x.to.List(ctx, target.ID)
		if _, unreadable := errors.AsType[*wordpress.RowError](err); unreadable {
			x.refuse(u, err.Error())
			return nil
		}
		if err != nil {
			return err
		}
		for _, c := range there {
			have[c.UUID] = true
		}
	}
	for _, c := range list {
		if err := x.credential(ctx, u, target, c, have[c.UUID]); err != nil {
			return err
		}
	}
	return nil
}

// target finds the user of the same login, or makes one. A user whose e-mail address equals the
// login is not taken for it.
func (x *transfer) target(ctx context.Context, u sparekey.User) (target sparekey.User, made bool, err error) {
	target, err = x.to.UserByLogin(ctx, u.Login)
	if err == nil && strings.EqualFold(target.Login, u.Login) {
		x.report.usersThere++
		return target, false, nil
	}
	if err != nil && !errors.Is(err, sparekey.ErrUserNotFound) {
		return sparekey.User{}, false, err
	}
	if !x.makesUsers {
		if list, err := x.from.List(ctx, u.ID); err == nil && len(list) > 0 {
			x.refuse(u, `WordPress has no user of this login: make one there first, with its dashboard or "wp user create"`)
		}
		return sparekey.User{}, false, nil
	}
	hash, err := x.from.PasswordHash(ctx, u.ID)
	if err != nil {
		return sparekey.User{}, false, err
	}
	if x.dryRun {
		x.report.usersMade++
		return u, true, nil
	}
	target, err = x.makeUser(ctx, u, hash)
	if errors.Is(err, sparekey.ErrUserExists) || errors.Is(err, sparekey.ErrInvalid) {
		x.refuse(u, err.Error())
		return sparekey.User{}, false, nil
	}
	if err == nil {
		x.report.usersMade++
	}
	return target, true, err
}

// credential copies one application password, unless it is there, or was and is
// revoked.
func (x *transfer) credential(ctx context.Context, u, target sparekey.User, c sparekey.Credential, there bool) error {
	if there {
		x.report.there++
		return nil
	}
	if c.Hash == "" {
		x.refuse(u, fmt.Sprintf("application password %s (%s) has no hash, so it could not be used", c.UUID, c.Name))
		return nil
	}
	if keeps, ok := x.to.Backend.(interface {
		WasRevoked(ctx context.Context, userID, uuid string) (bool, error)
	}); ok && target.ID != "" {
		revoked, err := keeps.WasRevoked(ctx, target.ID, c.UUID)
		if err != nil {
			return err
		}
		if revoked {
			x.report.revoked++
			return nil
		}
	}
	if why := x.limitsProblem(c.Limits); why != "" {
		x.refuse(u, fmt.Sprintf("application password %s (%s) has limits that cannot be read, so it is denied everything: %s. Give it other limits where it is, and repeat the command", c.UUID, c.Name, why))
		return nil
	}
	if x.oldSite && passhash.IsGeneric(c.Hash) {
		x.report.unverifiable++
	}
	if x.dryRun {
		x.report.passwordsMade++
		return nil
	}
	c.UserID, c.Name = target.ID, withoutNUL(c.Name)
	err := x.insert(ctx, target, c)
	switch {
	case errors.Is(err, sparekey.ErrConflict):
		x.refuse(u, fmt.Sprintf("application password %s (%s): %v", c.UUID, c.Name, err))
		return nil
	case err != nil:
		return err
	}
	x.report.passwordsMade++
	return nil
}

// limitsProblem says why limits cannot be copied, or nothing. Limits in another form than
// Sparekey's own are denied where they are; to copy them in that form would allow more.
func (x *transfer) limitsProblem(l sparekey.Limits) string {
	own, err := l.Checked(x.bundles)
	switch {
	case err != nil:
		return err.Error()
	case own.Scopes != l.Scopes:
		return fmt.Sprintf("scopes: write %q", string(own.Scopes))
	case own.Networks != l.Networks:
		return fmt.Sprintf("networks: write %q", string(own.Networks))
	}
	return ""
}

// withoutNUL is for texts that WordPress let have a NUL byte: no store is given one.
func withoutNUL(text string) string { return strings.ReplaceAll(text, "\x00", "") }

// makeUser adds a user, and puts that on record where there is a log.
func (x *transfer) makeUser(ctx context.Context, u sparekey.User, hash string) (made sparekey.User, err error) {
	u.DisplayName, u.Email = withoutNUL(u.DisplayName), withoutNUL(u.Email)
	err = x.to.Atomically(ctx, func(ctx context.Context) (err error) {
		if made, err = x.to.CreateUser(ctx, u, hash); err != nil || x.to.Log == nil {
			return err
		}
		return x.to.Log.Record(ctx, sparekey.Event{Kind: audit.KindUserCreated, Time: time.Now().UTC().Truncate(time.Second), User: made})
	})
	return made, err
}

// insert adds an application password, and puts that on record where there is a
// log.
func (x *transfer) insert(ctx context.Context, target sparekey.User, c sparekey.Credential) error {
	return x.to.Atomically(ctx, func(ctx context.Context) error {
		if err := x.to.Insert(ctx, c, nil); err != nil || x.to.Log == nil {
			return err
		}
		return x.to.Log.Record(ctx, sparekey.Event{
			Kind: sparekey.KindCreated, Time: time.Now().UTC().Truncate(time.Second), User: target, Credential: c,
		})
	})
}

func (x *transfer) print() {
	r, verb := x.report, "copied"
	if x.dryRun {
		verb = "would be copied"
	}
	fmt.Fprintf(x.t.out, "users: %d %s, %d were there\n", r.usersMade, verb, r.usersThere)
	fmt.Fprintf(x.t.out, "application passwords: %d %s, %d were there, %d were revoked there and stay so\n", r.passwordsMade, verb, r.there, r.revoked)
	fmt.Fprintf(x.t.out, "refused: %d\n", r.refused)
	if r.unverifiable > 0 {
		fmt.Fprintf(x.t.err, "Warning: %d of them have hashes that this WordPress cannot verify before it is 6.8: they work through Sparekey only.\n", r.unverifiable)
	}
}
