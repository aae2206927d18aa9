package storetest_test

import (
	"context"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/storetest"
)

// TestStoreWithLocalTimes runs the suite on a store whose driver returns times in the
// location of the database. They are the same times, so the store is right.
func TestStoreWithLocalTimes(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) sparekey.Store { return local{memory.New()} })
}

// local returns times in another location than UTC, also the zero time.
type local struct{ *memory.Store }

func inLocation(c sparekey.Credential) sparekey.Credential {
	east := time.FixedZone("east", 2*60*60)
	for _, t := range []*time.Time{&c.Created, &c.LastUsed, &c.Limits.Expires, &c.OldUntil} {
		*t = t.In(east)
	}
	return c
}

func eachInLocation(list []sparekey.Credential) []sparekey.Credential {
	for i := range list {
		list[i] = inLocation(list[i])
	}
	return list
}

func (local) check(check sparekey.Check) sparekey.Check {
	if check == nil {
		return nil
	}
	return func(c sparekey.Credential, others []sparekey.Credential) error {
		return check(inLocation(c), eachInLocation(others))
	}
}

func (s local) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	list, err := s.Store.List(ctx, userID)
	return eachInLocation(list), err
}

func (s local) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	c, err := s.Store.Find(ctx, userID, hash)
	return inLocation(c), err
}

func (s local) Legacy(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	list, err := s.Store.Legacy(ctx, userID)
	return eachInLocation(list), err
}

func (s local) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	return s.Store.Insert(ctx, c, s.check(check))
}

func (s local) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	c, err := s.Store.Update(ctx, userID, uuid, func(c *sparekey.Credential) error {
		*c = inLocation(*c)
		return change(c)
	}, s.check(check))
	return inLocation(c), err
}

func (s local) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	c, err := s.Store.Delete(ctx, userID, uuid)
	return inLocation(c), err
}

func (s local) DeleteAll(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	list, err := s.Store.DeleteAll(ctx, userID)
	return eachInLocation(list), err
}

func (s local) Search(ctx context.Context, q sparekey.CredentialQuery) (found []sparekey.Credential, total int, err error) {
	list, total, err := s.Store.Search(ctx, q)
	return eachInLocation(list), total, err
}

func (s local) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	list, err := s.Store.NextPage(ctx, after, limit)
	return eachInLocation(list), err
}
