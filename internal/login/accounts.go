// Package login has the accounts of the standalone server: its own users and their main
// passwords. An application that mounts Sparekey has its own users and does not need it.
//
// It depends on the domain, audit and passhash, and works with any store.
package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/mail"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/loginname"
	"github.com/sparekey-dev/sparekey/passhash"
)

// Store keeps users and their main password hashes. Its errors are those of a
// [sparekey.Directory], [sparekey.ErrLoginTaken] and [sparekey.ErrEmailTaken].
type Store interface {
	sparekey.Directory
	sparekey.UserLister
	CreateUser(ctx context.Context, u sparekey.User, passwordHash string) (sparekey.User, error)
	UpdateUser(ctx context.Context, id string, change func(*sparekey.User) error) (sparekey.User, error)
	DeleteUser(ctx context.Context, id string) (sparekey.User, error)
	PasswordHash(ctx context.Context, id string) (string, error)
	SetPasswordHash(ctx context.Context, id, hash string) error // of a Rehasher, makes the epoch another one as well
	SessionEpoch(ctx context.Context, id string) (int64, error)
	EndSessions(ctx context.Context, id string) error // makes the epoch another one
}

// Log receives sign-ins and changes to users and their main passwords, in the kinds of
// package audit.
type Log interface {
	// Record receives a change before it is acknowledged, in the same transaction if the
	// store is a [sparekey.Transactor]. If it returns an error, the change fails with it.
	Record(ctx context.Context, e sparekey.Event) error
	// Observe receives sign-ins and refused sign-ins.
	Observe(ctx context.Context, e sparekey.Event)
}

// DefaultRole is the role of a user who is created without one.
const DefaultRole = "subscriber"

// Roles are the roles a user can have, the mightiest first. They are those of a
// new WordPress site, since clients look for them.
func Roles() []string {
	return []string{sparekey.RoleAdministrator, "editor", "author", "contributor", DefaultRole}
}

const (
	maxLogin    = 60   // characters, as WordPress's column holds
	maxPassword = 4096 // bytes; longer ones are a load rather than a password

	maxEmail       = 254 // bytes, as mail can have (RFC 5321, section 4.5.3.1.3)
	maxDisplayName = 250 // characters, as WordPress's column holds
)

// Accounts applies the rules of users and main passwords to a [Store]. It is safe
// for concurrent use.
type Accounts struct {
	store Store
	log   Log // nil: none
	now   func() time.Time
	queue hashQueue
	costs costs

	verify func(hash, password string) bool // passhash.Verify
}

// New returns the accounts in store. log may be nil; now is the clock.
func New(store Store, log Log, now func() time.Time) *Accounts {
	return &Accounts{
		store:  store,
		log:    log,
		now:    now,
		queue:  hashQueue{slots: runtime.GOMAXPROCS(0)},
		verify: passhash.Verify,
	}
}

// NewAccount is what a user is made from.
type NewAccount struct {
	Login       string // required
	Email       string // required
	DisplayName string // default: the login
	Role        string // one of Roles, or empty for none
	Password    string // required
}

// Create makes a user. It refuses with an [*sparekey.InvalidError], or with
// [sparekey.ErrLoginTaken] or [sparekey.ErrEmailTaken].
func (a *Accounts) Create(ctx context.Context, n NewAccount) (sparekey.User, error) {
	n.Login = loginname.Compose(n.Login)
	if err := n.validate(); err != nil {
		return sparekey.User{}, err
	}
	u := sparekey.User{
		Login: n.Login, Email: n.Email, DisplayName: n.DisplayName,
		Registered: a.time(),
	}
	if u.DisplayName == "" {
		u.DisplayName = n.Login
	}
	if n.Role != "" {
		u.Roles = []string{n.Role}
	}
	hash, err := a.hash(ctx, n.Password)
	if err != nil {
		return sparekey.User{}, err
	}
	u, err = a.recorded(ctx, audit.KindUserCreated, func(ctx context.Context) (sparekey.User, error) {
		return a.store.CreateUser(ctx, u, hash)
	})
	if err != nil {
		return sparekey.User{}, fmt.Errorf("create user %s: %w", n.Login, err)
	}
	return u, nil
}

func (n NewAccount) validate() error {
	return errors.Join(
		validateLogin(n.Login, n.Email), validateEmail(n.Email), validateDisplayName(n.DisplayName),
		validateRole(n.Role), validatePassword(n.Password))
}

// validateLogin allows logins that Basic authentication can carry (RFC 7617: no colon, no
// control character), that people can tell apart, and that name one user: a number could be
// an ID, and an address could be another user's.
func validateLogin(login, email string) error {
	bad := func(c rune) bool { return c == ':' || c == '<' || c == '>' || !unicode.IsPrint(c) }
	switch {
	case login == "":
		return &sparekey.InvalidError{Field: "login", Problem: "must not be empty"}
	case !utf8.ValidString(login) || strings.ContainsFunc(login, bad):
		return &sparekey.InvalidError{Field: "login", Problem: "must not contain a colon, an angle bracket or a control character"}
	case strings.Trim(login, "0123456789") == "":
		return &sparekey.InvalidError{Field: "login", Problem: "must not be a number, which could be an ID"}
	case strings.Contains(login, "@") && !strings.EqualFold(login, email):
		return &sparekey.InvalidError{Field: "login", Problem: "must not contain an @, unless it is the user's own e-mail address"}
	case loginname.Clean(login) != login:
		return &sparekey.InvalidError{Field: "login", Problem: "must not begin or end with a blank or an invisible character"}
	case utf8.RuneCountInString(login) > maxLogin:
		return &sparekey.InvalidError{Field: "login", Problem: fmt.Sprintf("must have at most %d characters", maxLogin)}
	}
	return nil
}

// validateEmail keeps to addresses that people can tell apart, as validateLogin does:
// without invisible characters and those that turn a line around.
func validateEmail(email string) error {
	a, err := mail.ParseAddress(email)
	isHidden := func(c rune) bool { return !unicode.IsPrint(c) }
	if err != nil || a.Address != email || len(email) > maxEmail || strings.ContainsFunc(email, isHidden) {
		return &sparekey.InvalidError{Field: "email", Problem: "must be an address such as ann@example.com"}
	}
	return nil
}

func validateDisplayName(name string) error {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return &sparekey.InvalidError{Field: "display name", Problem: "must not contain control characters"}
	}
	if utf8.RuneCountInString(name) > maxDisplayName {
		return &sparekey.InvalidError{Field: "display name", Problem: fmt.Sprintf("must have at most %d characters", maxDisplayName)}
	}
	return nil
}

func validateRole(role string) error {
	if role != "" && !slices.Contains(Roles(), role) {
		return &sparekey.InvalidError{Field: "role", Problem: "must be one of " + strings.Join(Roles(), ", ")}
	}
	return nil
}

func validatePassword(password string) error {
	if password == "" || len(password) > maxPassword {
		return &sparekey.InvalidError{Field: "password", Problem: fmt.Sprintf("must have 1 to %d bytes", maxPassword)}
	}
	return nil
}

// SetRole gives a user one role in place of those it had, or none if role is
// empty. It refuses with an [*sparekey.InvalidError] or
// [sparekey.ErrUserNotFound].
func (a *Accounts) SetRole(ctx context.Context, id, role string) (sparekey.User, error) {
	if err := validateRole(role); err != nil {
		return sparekey.User{}, err
	}
	u, err := a.recorded(ctx, audit.KindRoleSet, func(ctx context.Context) (sparekey.User, error) {
		return a.store.UpdateUser(ctx, id, func(u *sparekey.User) error {
			u.Roles = nil
			if role != "" {
				u.Roles = []string{role}
			}
			return nil
		})
	})
	if err != nil {
		return sparekey.User{}, fmt.Errorf("set the role of user %s: %w", id, err)
	}
	return u, nil
}

// SetPassword gives a user another main password, for the operator. It refuses with an
// [*sparekey.InvalidError] or [sparekey.ErrUserNotFound].
func (a *Accounts) SetPassword(ctx context.Context, id, password string) error {
	_, err := a.Change(ctx, id, sparekey.UserChange{Password: &password}, sparekey.Identity{})
	return err
}

// Delete removes a user together with the user's application passwords. It
// refuses with [sparekey.ErrUserNotFound].
func (a *Accounts) Delete(ctx context.Context, id string) (sparekey.User, error) {
	u, err := a.recorded(ctx, audit.KindUserDeleted, func(ctx context.Context) (sparekey.User, error) {
		return a.store.DeleteUser(ctx, id)
	})
	if err != nil {
		return sparekey.User{}, fmt.Errorf("delete user %s: %w", id, err)
	}
	return u, nil
}

// recorded makes a change to a user and puts it on record, in one transaction if the store
// can. The actor is the operator at the command line.
func (a *Accounts) recorded(ctx context.Context, kind sparekey.Kind, change func(context.Context) (sparekey.User, error)) (u sparekey.User, err error) {
	err = a.atomically(ctx, func(ctx context.Context) (err error) {
		if u, err = change(ctx); err != nil || a.log == nil {
			return err
		}
		return a.log.Record(ctx, sparekey.Event{Kind: kind, Time: a.time(), User: u})
	})
	return u, err
}

// atomically makes one step of what do writes, as far as the store can.
func (a *Accounts) atomically(ctx context.Context, do func(context.Context) error) error {
	if t, ok := a.store.(sparekey.Transactor); ok {
		return t.Atomically(ctx, do)
	}
	return do(ctx)
}

// time is now: UTC in whole seconds, as records have it.
func (a *Accounts) time() time.Time { return a.now().UTC().Truncate(time.Second) }

// Verify returns the user with this login or e-mail address and main password. It is for the
// operator, who does not wait in the queue. It refuses with [sparekey.ErrUnauthenticated],
// for an unknown user as for a wrong password, after the same work and at the same instants.
func (a *Accounts) Verify(ctx context.Context, login, password string) (sparekey.User, error) {
	one, err := a.prove(ctx, login, password, caller{good: true})
	if err != nil {
		return sparekey.User{}, err
	}
	return one.user, nil
}

// RandomPassword makes a main password of some 130 random bits.
func RandomPassword() string { return rand.Text() }
