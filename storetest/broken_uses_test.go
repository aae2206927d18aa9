package storetest_test

import (
	"context"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// countsUp takes no use back.
type countsUp struct{ *memory.Store }

func (s countsUp) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	return s.Store.Update(ctx, userID, uuid, func(c *sparekey.Credential) error {
		before := c.Uses
		err := change(c)
		c.Uses = max(c.Uses, before)
		return err
	}, check)
}

// countsTwice runs each change twice without undoing the first, and keeps both.
type countsTwice struct{ *memory.Store }

func (s countsTwice) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	return s.Store.Update(ctx, userID, uuid, func(c *sparekey.Credential) error {
		if err := change(c); err != nil {
			return err
		}
		return change(c)
	}, check)
}
