package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

// findOwner is findUser, and also finds a deleted user by ID if application passwords of
// that user are left.
func (s *site) findOwner(ctx context.Context, name string) (sparekey.User, error) {
	u, err := s.findUser(ctx, name)
	if err == nil || name == "" || strings.Trim(name, "0123456789") != "" {
		return u, err
	}
	if left, listErr := s.Service.AsOperator().List(ctx, name); listErr == nil && len(left) > 0 {
		return goneUser(name), nil
	}
	return u, err
}

// goneUser stands for a user who is gone, in what a command prints.
func goneUser(id string) sparekey.User {
	return sparekey.User{ID: id, Login: id + " (this user is gone)"}
}

type passwordOrphansCommand struct {
	listFlags
	Delete bool `help:"Revoke them. With --format or --fields, what was revoked is listed."`
}

func (c *passwordOrphansCommand) Run(ctx context.Context, all *commands, t terminal) error {
	if c.Delete {
		return all.toChange(ctx, func(s *site) error { return c.revoke(ctx, s, t) })
	}
	return all.with(ctx, func(s *site) error {
		p := newProgress(t, "Reading application passwords")
		orphans, err := s.orphans(ctx, p)
		if err != nil {
			return err
		}
		return c.printOrphans(s, t, orphans)
	})
}

func (c *passwordOrphansCommand) printOrphans(s *site, t terminal, orphans []sparekey.Credential) error {
	l := passwordListing(s.Service, orphans)
	l.more = append(slices.Clone(l.columns), l.more...)
	l.columns = []string{"user", "uuid", "name", "created", "last_used", "last_ip"}
	l.people = peopleReadAll(s.Service)
	l.people.empty = "No application passwords of users who are gone."
	for i, o := range orphans {
		l.rows[i]["user"], l.rows[i]["user_login"] = o.UserID, o.UserID
	}
	return c.print(t, l)
}

// orphans are the application passwords whose users are gone. p shows how many were read.
func (s *site) orphans(ctx context.Context, p *progress) (orphans []sparekey.Credential, err error) {
	defer p.end()
	isOrphan, n := s.Service.OrphanCheck(ctx), 0
	for c, err := range s.Service.AsOperator().All(ctx) {
		if err != nil {
			return nil, err
		}
		n++
		p.at(n, 0)
		orphan, err := isOrphan(c)
		if err != nil {
			return nil, err
		}
		if orphan {
			orphans = append(orphans, c)
		}
	}
	return orphans, nil
}

// revoke revokes them. In a format that programs read it prints what it revoked, also
// where an error ends it.
func (c *passwordOrphansCommand) revoke(ctx context.Context, s *site, t terminal) error {
	p := newProgress(t, "Reading application passwords")
	orphans, err := s.orphans(ctx, p)
	if err != nil {
		return err
	}
	p = newProgress(t, "Revoking")
	defer p.end()
	m := s.Service.AsOperator()
	var revoked []sparekey.Credential
	for i, o := range orphans {
		p.at(i, len(orphans))
		_, err := m.Revoke(ctx, o.UserID, o.UUID)
		if errors.Is(err, sparekey.ErrNotFound) || errors.Is(err, sparekey.ErrUserNotFound) { // it was revoked meanwhile
			continue
		}
		if err != nil {
			return errors.Join(c.printRevoked(s, t, revoked), err)
		}
		revoked = append(revoked, o)
	}
	p.end()
	return c.printRevoked(s, t, revoked)
}

func (c *passwordOrphansCommand) printRevoked(s *site, t terminal, revoked []sparekey.Credential) error {
	if c.Format != autoFormat || c.Field != "" || len(c.Fields) > 0 {
		return c.printOrphans(s, t, revoked)
	}
	fmt.Fprintf(t.out, "Revoked the application passwords whose users are gone: %d.\n", len(revoked))
	return nil
}
