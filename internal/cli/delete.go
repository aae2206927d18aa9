package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/sparekey-dev/sparekey"
)

type passwordDeleteCommand struct {
	User  string   `arg:"" optional:"" help:"ID, login or e-mail address."`
	UUIDs []string `arg:"" optional:"" name:"uuid" help:"The UUIDs of the application passwords, or the first 8 characters of each."`
	All   bool     `help:"Revoke all of the user's application passwords."`

	Expired  bool `help:"Revoke those that no longer work, because they expired, are used up, or were not used for too long."`
	AllUsers bool `help:"With --expired: revoke those of all users."`
}

// Validate is called by kong.
func (c *passwordDeleteCommand) Validate() error {
	switch {
	case c.AllUsers && (c.User != "" || c.All || !c.Expired):
		return errors.New("--all-users goes with --expired alone: \"delete --expired --all-users\" revokes what no longer works")
	case c.User == "" && !c.AllUsers:
		return errors.New("missing <user>, or --expired and --all-users")
	}
	return nil
}

func (c *passwordDeleteCommand) Run(ctx context.Context, all *commands, t terminal) error {
	if c.AllUsers {
		return all.toChange(ctx, func(s *site) error { return revokeInactive(ctx, s, t) })
	}
	if chosen := []bool{c.All, c.Expired, len(c.UUIDs) > 0}; count(chosen) != 1 {
		return errors.New("name the application passwords to revoke by their UUIDs, or give --all or --expired, but not both")
	}
	return owner{c.User}.with(ctx, all, func(m sparekey.Manager, u sparekey.User) error {
		if c.All {
			revoked, err := m.RevokeAll(ctx, u.ID)
			if err != nil {
				return err
			}
			fmt.Fprintf(t.out, "Revoked all application passwords of %s: %d.\n", u.Login, len(revoked))
			return nil
		}
		if c.Expired {
			revoked, err := m.RevokeInactive(ctx, u.ID)
			if err != nil {
				return err
			}
			fmt.Fprintf(t.out, "Revoked the application passwords of %s that no longer worked: %d.\n", u.Login, len(revoked))
			return nil
		}
		return c.revokeEach(ctx, m, u, t)
	})
}

// revokeInactive revokes the application passwords of all users that no longer work. It reads
// them all before it revokes any.
func revokeInactive(ctx context.Context, s *site, t terminal) error {
	m := s.Service.AsOperator()
	users, err := s.usersWithInactive(ctx, newProgress(t, "Reading application passwords"))
	if err != nil {
		return searchAdvice(err)
	}
	p := newProgress(t, "Revoking those of users")
	defer p.end()
	revoked := 0
	for i, id := range users {
		p.at(i, len(users))
		list, err := m.RevokeInactive(ctx, id)
		if err != nil && !errors.Is(err, sparekey.ErrUserNotFound) { // without any that are left
			return err
		}
		revoked += len(list)
	}
	p.end()
	fmt.Fprintf(t.out, "Revoked the application passwords that no longer worked: %d of %d users.\n", revoked, len(users))
	return nil
}

// usersWithInactive are the IDs of the users who have application passwords that no longer
// work.
func (s *site) usersWithInactive(ctx context.Context, p *progress) (users []string, err error) {
	defer p.end()
	found, n := map[string]bool{}, 0
	for c, err := range s.Service.AsOperator().All(ctx) {
		if err != nil {
			return nil, err
		}
		n++
		p.at(n, 0)
		if s.Service.InactiveReason(c) != "" && !found[c.UserID] {
			found[c.UserID] = true
			users = append(users, c.UserID)
		}
	}
	return users, nil
}

func revokeOne(ctx context.Context, m sparekey.Manager, userID, uuid string) error {
	uuid, err := fullUUID(ctx, m, userID, uuid)
	if err != nil {
		return err
	}
	_, err = m.Revoke(ctx, userID, uuid)
	return err
}

func (c *passwordDeleteCommand) revokeEach(ctx context.Context, m sparekey.Manager, u sparekey.User, t terminal) error {
	revoked := 0
	for _, uuid := range c.UUIDs {
		if err := revokeOne(ctx, m, u.ID, uuid); err != nil {
			fmt.Fprintf(t.err, "Warning: %v\n", credential{owner{c.User}, uuid}.explain(err))
			continue
		}
		revoked++
	}
	fmt.Fprintf(t.out, "Revoked %d of %d application passwords.\n", revoked, len(c.UUIDs))
	if revoked < len(c.UUIDs) {
		return exitCode(1)
	}
	return nil
}
