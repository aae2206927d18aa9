package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

// fullUUID is the UUID of the user's application password that an argument names: itself, or,
// from 8 characters on, the beginning of exactly one of the user's UUIDs. It is the argument
// itself where no UUID begins with it.
func fullUUID(ctx context.Context, m sparekey.Manager, userID, argument string) (string, error) {
	beginning := strings.ToLower(argument)
	if len(beginning) < shortUUID || len(beginning) >= wholeUUID || strings.Trim(beginning, "0123456789abcdef-") != "" {
		return argument, nil
	}
	list, err := m.List(ctx, userID)
	if err != nil {
		return "", err
	}
	var found []string
	for _, c := range list {
		if strings.HasPrefix(c.UUID, beginning) {
			found = append(found, c.UUID)
		}
	}
	switch len(found) {
	case 0:
		return argument, nil
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%d application passwords have UUIDs that begin with %q: name one of %s", len(found), argument, strings.Join(found, ", "))
}

// withSite is that of owner, with the whole UUID.
func (c *credential) withSite(ctx context.Context, all *commands, do func(*site, sparekey.Manager, sparekey.User) error) error {
	return c.owner.withSite(ctx, all, c.named(ctx, do))
}

// with is that of owner, with the whole UUID.
func (c *credential) with(ctx context.Context, all *commands, do func(sparekey.Manager, sparekey.User) error) error {
	return c.withSite(ctx, all, func(_ *site, m sparekey.Manager, u sparekey.User) error { return do(m, u) })
}

// toChange is that of owner, with the whole UUID.
func (c *credential) toChange(ctx context.Context, all *commands, do func(*site, sparekey.Manager, sparekey.User) error) error {
	return c.owner.toChange(ctx, all, c.named(ctx, do))
}

func (c *credential) named(ctx context.Context, do func(*site, sparekey.Manager, sparekey.User) error) func(*site, sparekey.Manager, sparekey.User) error {
	return func(s *site, m sparekey.Manager, u sparekey.User) (err error) {
		if c.UUID, err = fullUUID(ctx, m, u.ID, c.UUID); err != nil {
			return err
		}
		return do(s, m, u)
	}
}
