package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/internal/server"
	"github.com/sparekey-dev/sparekey/internal/visible"
)

type userCommands struct {
	Create              userCreateCommand           `cmd:"" help:"Create a user."`
	List                userListCommand             `cmd:"" help:"List users."`
	Get                 userGetCommand              `cmd:"" help:"Show one user."`
	Delete              userDeleteCommand           `cmd:"" help:"Delete users, with their application passwords."`
	Update              userUpdateCommand           `cmd:"" help:"Change users: e-mail address, name or main password."`
	SetRole             userSetRoleCommand          `cmd:"" help:"Give a user another role."`
	ResetPassword       userResetPasswordCommand    `cmd:"" help:"Give users a new main password."`
	ApplicationPassword applicationPasswordCommands `cmd:"" help:"Manage the application passwords of users."`
}

// findUser finds the user that an argument names: by ID if it is a number, else
// by login or e-mail address.
func (s *site) findUser(ctx context.Context, name string) (sparekey.User, error) {
	if strings.TrimSpace(name) == "" {
		return sparekey.User{}, errors.New("the user is empty: give an ID, login or e-mail address")
	}
	find := s.UserByLogin
	if strings.Trim(name, "0123456789") == "" {
		find = s.UserByID
	}
	u, err := find(ctx, name)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		return sparekey.User{}, fmt.Errorf("no user with the ID, login or e-mail address %q: \"sparekey user list\" shows all", name)
	}
	return u, err
}

type userCreateCommand struct {
	Login        string `arg:"" help:"The login, which the user signs in with."`
	Email        string `arg:"" help:"The e-mail address."`
	Role         string `help:"One of ${roles}." default:"${defaultRole}" predictor:"role"`
	UserPass     string `name:"user_pass" help:"The main password, or - to read it from standard input. Other accounts of the machine can see a password on the command line in ps: use - or --user_pass_file. Default: a random one is made and printed." placeholder:"PASSWORD" xor:"user_pass"`
	UserPassFile string `name:"user_pass_file" aliases:"user-pass-file" help:"Read the main password from the first line of this file." placeholder:"FILE" xor:"user_pass"`
	DisplayName  string `name:"display_name" help:"The name to show. Default: the login." placeholder:"NAME"`
	Porcelain    bool   `help:"Print the new user's ID alone."`
}

func (c *userCreateCommand) Run(ctx context.Context, all *commands, t terminal) error {
	password, isRandom, err := mainPassword(c.UserPass, c.UserPassFile, t)
	if err != nil {
		return err
	}
	warnIfShort(password, t)
	how := server.Opening{Create: true, Made: func(path string) {
		if full, err := filepath.Abs(path); err == nil {
			path = full
		}
		fmt.Fprintf(t.err, "made a new database %s\n", visible.Escape(path))
	}}
	return all.withDatabase(ctx, how, func(s *site) error {
		u, err := s.Accounts.Create(ctx, login.NewAccount{
			Login: c.Login, Email: c.Email, DisplayName: c.DisplayName, Role: c.Role, Password: password,
		})
		if err != nil {
			return err
		}
		if c.Porcelain {
			fmt.Fprintln(t.out, u.ID)
			return nil
		}
		fmt.Fprintf(t.out, "Created user %s.\n", u.ID)
		if isRandom {
			fmt.Fprintf(t.out, "Password: %s\n", password)
		}
		return nil
	})
}

// mainPassword is the password that a flag gives, or that standard input gives
// where the flag is -, or the first line of a file, or a random one where there is none
// of these.
func mainPassword(flag, file string, t terminal) (password string, isRandom bool, err error) {
	if file != "" {
		password, err = config.FirstLine(file)
		return password, false, err
	}
	switch flag {
	case "":
		return login.RandomPassword(), true, nil
	case "-":
		line, err := bufio.NewReader(t.in).ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			if err != nil && !errors.Is(err, io.EOF) {
				return "", false, fmt.Errorf("read the password from standard input: %w", err)
			}
			return "", false, errors.New("no password on standard input")
		}
		return line, false, nil
	}
	if name, ok := strings.CutPrefix(flag, "@"); ok && name != "" {
		if _, err := os.Stat(name); err == nil {
			fmt.Fprintln(t.err, "Warning: the main password is the text of --user_pass, @ included, and not what the file has: to read a file, give --user_pass_file=FILE")
		}
	}
	return flag, false, nil
}

// warnIfShort tells of a main password that is soon guessed. It is taken all the
// same, as wp-cli takes it.
func warnIfShort(password string, t terminal) {
	const short = 8
	if utf8.RuneCountInString(password) < short {
		fmt.Fprintf(t.err, "Warning: the main password has fewer than %d characters, so it is soon guessed\n", short)
	}
}

// userListing lists users as wp-cli does.
func userListing(users []sparekey.User) listing {
	l := listing{
		id:      "ID",
		columns: []string{"ID", "user_login", "display_name", "user_email", "user_registered", "roles"},
		people:  peopleReadUsers(),
	}
	for _, u := range users {
		registered := ""
		if !u.Registered.IsZero() {
			registered = u.Registered.UTC().Format("2006-01-02 15:04:05")
		}
		l.rows = append(l.rows, row{
			"ID": u.ID, "user_login": u.Login, "display_name": u.DisplayName, "user_email": u.Email,
			"user_registered": registered, "roles": strings.Join(u.Roles, ","), source: u,
		})
	}
	return l
}

type userListCommand struct {
	listFlags
	Role   string `help:"Only users with this role." predictor:"role"`
	Search string `help:"Only users with this in their login, e-mail address or display name." placeholder:"TEXT"`
}

func (c *userListCommand) Run(ctx context.Context, all *commands, t terminal) error {
	if config.HasOwnRoles(all.Database) && c.Role != "" && !slices.Contains(login.Roles(), c.Role) {
		return fmt.Errorf("--role: unknown role %q: the roles are %s", c.Role, strings.Join(login.Roles(), ", "))
	}
	return all.with(ctx, func(s *site) error {
		users, _, err := s.Users(ctx, sparekey.UserQuery{Role: c.Role, Search: c.Search})
		if err != nil {
			return err
		}
		return c.print(t, userListing(users))
	})
}

type userGetCommand struct {
	User string `arg:"" help:"ID, login or e-mail address."`
	itemFlags
}

func (c *userGetCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return all.with(ctx, func(s *site) error {
		u, err := s.findUser(ctx, c.User)
		if err != nil {
			return err
		}
		l := userListing([]sparekey.User{u})
		l.people = peopleReadUser()
		return c.printAlone(t, l)
	})
}

type userDeleteCommand struct {
	Users []string `arg:"" name:"user" help:"IDs, logins or e-mail addresses."`
	Yes   bool     `help:"Do not ask."`
	lastAdministratorFlag
}

func (c *userDeleteCommand) Run(ctx context.Context, all *commands, t terminal) error {
	if config.IsWordPress(all.Database) { // before their application passwords are revoked
		return errors.New("the users of this database are WordPress's: delete them in its dashboard, or with \"wp user delete\"; nothing was done")
	}
	return all.toChange(ctx, func(s *site) error {
		failed := false
		for _, name := range c.Users {
			if err := c.deleteOne(ctx, s, t, name); err != nil {
				fmt.Fprintf(t.err, "Warning: %v\n", err)
				failed = true
			}
		}
		if failed {
			return exitCode(1)
		}
		return nil
	})
}

func (c *userDeleteCommand) deleteOne(ctx context.Context, s *site, t terminal, name string) error {
	u, err := s.findUser(ctx, name)
	if err != nil {
		return err
	}
	if err := c.check(ctx, s, u.ID, "delete"); err != nil { // before anybody is asked
		return err
	}
	if !c.Yes && !confirm(t, fmt.Sprintf("Delete user %s (%s) and all their application passwords?", u.ID, u.Login)) {
		return fmt.Errorf("user %s was not deleted: answer y, or give --yes", u.Login)
	}
	err = c.keeping(ctx, s, u.ID, "delete", func(ctx context.Context) error {
		if _, err := s.Service.AsOperator().RevokeAll(ctx, u.ID); err != nil { // so that it is on record
			return err
		}
		_, err := s.Accounts.Delete(ctx, u.ID)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Deleted user %s (%s).\n", u.ID, u.Login)
	return nil
}

// confirm asks a question, to which only y and yes mean yes.
func confirm(t terminal, question string) bool {
	fmt.Fprintf(t.out, "%s [y/n] ", question)
	answer, err := bufio.NewReader(t.in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(t.out) // the input ended without Enter
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}

// lastAdministratorFlag is that of commands that can leave a site without an
// administrator.
type lastAdministratorFlag struct {
	LastAdministrator bool `help:"Do it also where no administrator is left."`
}

// keeping makes a change to a user in one transaction with check, so that two commands at the
// same moment do not each rely on the administrator that the other removes.
func (f lastAdministratorFlag) keeping(ctx context.Context, s *site, userID, verb string, change func(context.Context) error) error {
	return s.Atomically(ctx, func(ctx context.Context) error {
		if err := f.check(ctx, s, userID, verb); err != nil {
			return err
		}
		return change(ctx)
	})
}

// check refuses to take the last administrator away, unless that is wanted.
func (f lastAdministratorFlag) check(ctx context.Context, s *site, userID, verb string) error {
	if f.LastAdministrator {
		return nil
	}
	u, err := s.UserByID(ctx, userID)
	if err != nil || !u.HasRole(sparekey.RoleAdministrator) {
		return err
	}
	_, administrators, err := s.Users(ctx, sparekey.UserQuery{Role: sparekey.RoleAdministrator, Limit: 1})
	if err != nil || administrators > 1 {
		return err
	}
	return fmt.Errorf("user %s (%s) is the last administrator: give another user the role first (\"sparekey user set-role <user> %s\"), or give --last-administrator to %s them all the same",
		u.ID, u.Login, sparekey.RoleAdministrator, verb)
}

type userSetRoleCommand struct {
	User string `arg:"" help:"ID, login or e-mail address."`
	Role string `arg:"" optional:"" help:"One of ${roles}." default:"${defaultRole}" predictor:"role"`
	lastAdministratorFlag
}

func (c *userSetRoleCommand) Run(ctx context.Context, all *commands, t terminal) error {
	if config.HasOwnRoles(all.Database) && !slices.Contains(login.Roles(), c.Role) {
		return fmt.Errorf("role must be one of %s", strings.Join(login.Roles(), ", "))
	}
	return all.toChange(ctx, func(s *site) error {
		u, err := s.findUser(ctx, c.User)
		if err != nil {
			return err
		}
		if c.Role == sparekey.RoleAdministrator {
			c.LastAdministrator = true // since they stay one
		}
		id := u.ID
		err = c.keeping(ctx, s, id, "demote", func(ctx context.Context) (err error) {
			u, err = s.Accounts.SetRole(ctx, id, c.Role)
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "User %s (%s) now has the role %s.\n", u.ID, u.Login, strings.Join(u.Roles, ","))
		return nil
	})
}

type userResetPasswordCommand struct {
	Users        []string `arg:"" name:"user" help:"IDs, logins or e-mail addresses."`
	UserPass     string   `name:"user_pass" help:"The new main password, or - to read it from standard input. Other accounts of the machine can see a password on the command line in ps: use - or --user_pass_file. Default: a random one for each is made and printed." placeholder:"PASSWORD" xor:"user_pass"`
	UserPassFile string   `name:"user_pass_file" aliases:"user-pass-file" help:"Read the main password from the first line of this file." placeholder:"FILE" xor:"user_pass"`
	Porcelain    bool     `help:"Print the new passwords alone."`
}

func (c *userResetPasswordCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return all.toChange(ctx, func(s *site) error {
		for _, name := range c.Users {
			if err := c.resetOne(ctx, s, t, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *userResetPasswordCommand) resetOne(ctx context.Context, s *site, t terminal, name string) error {
	u, err := s.findUser(ctx, name)
	if err != nil {
		return err
	}
	password, isRandom, err := mainPassword(c.UserPass, c.UserPassFile, t)
	if err != nil {
		return err
	}
	warnIfShort(password, t)
	if err := s.Accounts.SetPassword(ctx, u.ID, password); err != nil {
		return err
	}
	if err := s.afterPassword(ctx, u, t); err != nil {
		return err
	}
	switch {
	case c.Porcelain:
		fmt.Fprintln(t.out, password)
	case isRandom:
		fmt.Fprintf(t.out, "User %s (%s) has a new main password.\nPassword: %s\n", u.ID, u.Login, password)
	default:
		fmt.Fprintf(t.out, "User %s (%s) has a new main password.\n", u.ID, u.Login)
	}
	return nil
}

// afterPassword says what the site's policy revoked once a user had another main
// password.
func (s *site) afterPassword(ctx context.Context, u sparekey.User, t terminal) error {
	revoked, err := s.PasswordChanged(ctx, u)
	if revoked > 0 {
		fmt.Fprintf(t.err, "Revoked all application passwords of %s: %d.\n", u.Login, revoked)
	}
	return err
}

// userUpdateCommand is "wp user update", as far as there is something to update. The
// login of a user stays.
type userUpdateCommand struct {
	Users        []string `arg:"" name:"user" help:"IDs, logins or e-mail addresses."`
	UserEmail    *string  `name:"user_email" aliases:"user-email" help:"The new e-mail address." placeholder:"EMAIL"`
	DisplayName  *string  `name:"display_name" aliases:"display-name" help:"The new name to show. Empty: the login." placeholder:"NAME"`
	UserPass     *string  `name:"user_pass" aliases:"user-pass" help:"The new main password, or - to read it from standard input. Other accounts of the machine can see a password on the command line in ps: use - or --user_pass_file. It ends the user's sessions." placeholder:"PASSWORD" xor:"user_pass"`
	UserPassFile string   `name:"user_pass_file" aliases:"user-pass-file" help:"Read the new main password from the first line of this file." placeholder:"FILE" xor:"user_pass"`
}

// Validate is called by kong.
func (c *userUpdateCommand) Validate() error {
	switch {
	case c.UserEmail == nil && c.DisplayName == nil && c.UserPass == nil && c.UserPassFile == "":
		return errors.New("nothing to change: give --user_email, --display_name, --user_pass or --user_pass_file; \"user set-role\" changes the role")
	case c.UserEmail != nil && len(c.Users) > 1:
		return errors.New("--user_email is for one user: each has an e-mail address of their own")
	case c.UserPass != nil && *c.UserPass == "":
		return errors.New("--user_pass must not be empty: \"user reset-password\" makes a random password")
	}
	return nil
}

func (c *userUpdateCommand) Run(ctx context.Context, all *commands, t terminal) error {
	if config.IsWordPress(all.Database) {
		return errors.New("the users of this database are WordPress's: change them in its dashboard, or with \"wp user update\"; nothing was done")
	}
	change := sparekey.UserChange{Email: c.UserEmail, DisplayName: c.DisplayName}
	if c.UserPass != nil || c.UserPassFile != "" {
		var flag string
		if c.UserPass != nil {
			flag = *c.UserPass
		}
		password, _, err := mainPassword(flag, c.UserPassFile, t)
		if err != nil {
			return err
		}
		warnIfShort(password, t)
		change.Password = &password
	}
	return all.toChange(ctx, func(s *site) error {
		for _, name := range c.Users {
			if err := updateOne(ctx, s, t, name, change); err != nil {
				return err
			}
		}
		return nil
	})
}

func updateOne(ctx context.Context, s *site, t terminal, name string, change sparekey.UserChange) error {
	u, err := s.findUser(ctx, name)
	if err != nil {
		return err
	}
	if u, err = s.Accounts.Change(ctx, u.ID, change, sparekey.Identity{}); err != nil {
		return err
	}
	if change.Password != nil {
		if err := s.afterPassword(ctx, u, t); err != nil {
			return err
		}
	}
	fmt.Fprintf(t.out, "Updated user %s (%s).\n", u.ID, u.Login)
	return nil
}
