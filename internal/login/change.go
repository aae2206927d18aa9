package login

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/passhash"
)

// minPassword is how many characters a main password has that a user chooses (NIST SP
// 800-63B, section 3.1.1.2). The operator and the API may set shorter ones, as in
// WordPress.
const minPassword = 8

// Change changes a user. by is who does it, for the record; the zero Identity is the
// operator. A new main password ends all sessions of the user. Change refuses with an
// [*sparekey.InvalidError], [sparekey.ErrEmailTaken] or [sparekey.ErrUserNotFound], and
// then nothing is changed, as far as the store can undo it.
func (a *Accounts) Change(ctx context.Context, id string, change sparekey.UserChange, by sparekey.Identity) (sparekey.User, error) {
	u, _, err := a.change(ctx, id, change, by, nil)
	return u, err
}

// ChangeIf is Change, provided that precondition returns nil in the same step. A new main
// password has been hashed by then, which takes time.
func (a *Accounts) ChangeIf(ctx context.Context, id string, change sparekey.UserChange, by sparekey.Identity,
	precondition func(context.Context) error,
) (sparekey.User, error) {
	u, _, err := a.change(ctx, id, change, by, precondition)
	return u, err
}

// change is ChangeIf, where precondition may be nil. It returns the hash of a new main
// password as well.
func (a *Accounts) change(ctx context.Context, id string, change sparekey.UserChange, by sparekey.Identity,
	precondition func(context.Context) error,
) (u sparekey.User, hash string, err error) {
	if err := validateChange(change); err != nil {
		return u, "", err
	}
	if change.Password != nil {
		if hash, err = a.hash(ctx, *change.Password); err != nil {
			return u, "", err
		}
	}
	err = a.atomically(ctx, func(ctx context.Context) error {
		if precondition != nil {
			if err := precondition(ctx); err != nil {
				return err
			}
		}
		u, err = a.write(ctx, id, change, hash, by)
		return err
	})
	if err != nil {
		return sparekey.User{}, "", fmt.Errorf("change user %s: %w", id, err)
	}
	return u, hash, nil
}

// write stores a change and puts it on record. The main password comes last, so that a
// store without transactions keeps the old one where the e-mail address is refused.
func (a *Accounts) write(ctx context.Context, id string, change sparekey.UserChange, hash string, by sparekey.Identity) (sparekey.User, error) {
	kinds, u, err := a.writeDetails(ctx, id, change)
	if err != nil {
		return u, err
	}
	if hash != "" {
		if err := a.store.SetPasswordHash(ctx, id, hash); err != nil {
			return u, err
		}
		kinds = append(kinds, audit.KindPasswordReset)
	}
	if a.log == nil {
		return u, nil
	}
	e := sparekey.Event{Time: a.time(), User: u, Actor: by.User, Acting: by.Credential.UUID}
	if by.User.ID != "" {
		e.Addr, e.Request = sparekey.CallerFrom(ctx)
	}
	for _, e.Kind = range kinds {
		if err := a.log.Record(ctx, e); err != nil {
			return u, err
		}
	}
	return u, nil
}

// writeDetails stores another e-mail address and another name, and returns what it
// changed.
func (a *Accounts) writeDetails(ctx context.Context, id string, change sparekey.UserChange) (kinds []sparekey.Kind, u sparekey.User, err error) {
	if change.Email == nil && change.DisplayName == nil {
		u, err = a.store.UserByID(ctx, id)
		return nil, u, err
	}
	u, err = a.store.UpdateUser(ctx, id, func(u *sparekey.User) error {
		kinds = nil
		if change.Email != nil && *change.Email != u.Email {
			u.Email = *change.Email
			kinds = append(kinds, audit.KindEmailSet)
		}
		if change.DisplayName == nil {
			return nil
		}
		name := *change.DisplayName
		if name == "" {
			name = u.Login
		}
		if name != u.DisplayName {
			u.DisplayName = name
			kinds = append(kinds, audit.KindDisplayNameSet)
		}
		return nil
	})
	return kinds, u, err
}

func validateChange(c sparekey.UserChange) error {
	var problems []error
	if c.Email != nil {
		problems = append(problems, validateEmail(*c.Email))
	}
	if c.DisplayName != nil {
		problems = append(problems, validateDisplayName(*c.DisplayName))
	}
	if c.Password != nil {
		problems = append(problems, validatePassword(*c.Password))
	}
	return errors.Join(problems...)
}

// Change changes the user who is signed in. A new e-mail address or main password needs the
// present main password. A new main password ends all other sessions of the user; this one
// continues with a new token. Change refuses as [Accounts.Change] and [Gate.SignIn] do, and
// with [sparekey.ErrConflict] if the main password was changed or all sessions were ended
// meanwhile.
func (g *Gate) Change(ctx context.Context, present string, change sparekey.UserChange, addr netip.Addr) (sparekey.User, error) {
	u, err := g.viewer(ctx)
	if err != nil {
		return sparekey.User{}, err
	}
	if u.ID == "" {
		return sparekey.User{}, &sparekey.AuthError{Reason: sparekey.ReasonMalformed}
	}
	if change.Email != nil && *change.Email == u.Email {
		change.Email = nil
	}
	if err := errors.Join(validateChange(change), validateChosen(change.Password)); err != nil {
		return sparekey.User{}, err
	}
	by := sparekey.Identity{User: u}
	if change.Email == nil && change.Password == nil {
		return g.accounts.Change(ctx, u.ID, change, by)
	}
	one, err := g.verify(ctx, u.Login, present, addr)
	if err != nil {
		g.tell(ctx, one, addr, err)
		return sparekey.User{}, err
	}
	u, hash, err := g.accounts.change(ctx, u.ID, change, by, g.accounts.unchanged(one, u.ID))
	if err != nil || hash == "" {
		return u, err
	}
	return u, g.goOn(ctx, u, hash)
}

// unchanged refuses if the account has changed since the password was checked: a new main
// password, perhaps set against a thief, must not be overwritten.
func (a *Accounts) unchanged(proved account, id string) func(context.Context) error {
	return func(ctx context.Context) error {
		epoch, err := a.store.SessionEpoch(ctx, id)
		if err == nil && (proved.user.ID != id || epoch != proved.epoch) {
			err = sparekey.ErrConflict
		}
		return err
	}
}

// goOn begins the session anew with the main password that it has set, unless that is
// another one by now.
func (g *Gate) goOn(ctx context.Context, u sparekey.User, hash string) error {
	one := account{user: u}
	var err error
	if one.epoch, err = g.accounts.store.SessionEpoch(ctx, u.ID); err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	if one.hash, err = g.accounts.store.PasswordHash(ctx, u.ID); err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	if one.hash != hash {
		return g.end(ctx)
	}
	return g.begin(ctx, one)
}

func validateChosen(password *string) error {
	if password != nil && *password != "" && utf8.RuneCountInString(*password) < minPassword {
		return &sparekey.InvalidError{Field: "password", Problem: fmt.Sprintf("must have at least %d characters", minPassword)}
	}
	return nil
}

// hash is what is stored of a main password.
func (a *Accounts) hash(ctx context.Context, password string) (string, error) {
	leave, err := a.queue.enter(ctx, caller{good: true})
	if err != nil {
		return "", err
	}
	defer leave()
	return passhash.Argon2id(password), nil
}
