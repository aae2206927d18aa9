package sparekey_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// leaving is a store whose caller leaves as soon as something was written.
type leaving struct {
	*memory.Store
	leave context.CancelFunc
}

func (s *leaving) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	err := s.Store.Insert(ctx, c, check)
	s.leave()
	return err
}

func (s *leaving) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	c, err := s.Store.Delete(ctx, userID, uuid)
	s.leave()
	return c, err
}

func (s *leaving) DeleteAll(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	all, err := s.Store.DeleteAll(ctx, userID)
	s.leave()
	return all, err
}

// transacting is a leaving store that deletes nothing until a transaction ends well.
type transacting struct{ leaving }

type pendingKey struct{}

type pending struct {
	mu sync.Mutex
	do []func(context.Context) error
}

func (s *transacting) Atomically(ctx context.Context, do func(context.Context) error) error {
	p := &pending{}
	if err := do(context.WithValue(ctx, pendingKey{}, p)); err != nil {
		return err
	}
	for _, apply := range p.do {
		if err := apply(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *transacting) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	p, ok := ctx.Value(pendingKey{}).(*pending)
	if !ok {
		return s.leaving.Delete(ctx, userID, uuid)
	}
	list, err := s.List(ctx, userID)
	if err != nil {
		return sparekey.Credential{}, err
	}
	defer s.leave()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range list {
		if c.UUID == uuid {
			p.do = append(p.do, func(ctx context.Context) error { _, err := s.leaving.Delete(ctx, userID, uuid); return err })
			return c, nil
		}
	}
	return sparekey.Credential{}, sparekey.ErrNotFound
}

func (s *transacting) DeleteAll(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	p, ok := ctx.Value(pendingKey{}).(*pending)
	if !ok {
		return s.leaving.DeleteAll(ctx, userID)
	}
	defer s.leave()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.do = append(p.do, func(ctx context.Context) error { _, err := s.leaving.DeleteAll(ctx, userID); return err })
	return s.List(ctx, userID)
}

// TestCallerLeaves has a caller leave between a write and its record. A credential that was
// created is deleted again; one that was revoked stays revoked.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		transacts bool
		do        func(context.Context, sparekey.Manager, sparekey.Credential) error
		left      int // of one that was there before
	}{
		"create": {false, func(ctx context.Context, m sparekey.Manager, c sparekey.Credential) error {
			_, _, err := m.Create(ctx, c.UserID, sparekey.NewCredential{Name: "other"})
			return err
		}, 1},
		"revoke": {true, func(ctx context.Context, m sparekey.Manager, c sparekey.Credential) error {
			_, err := m.Revoke(ctx, c.UserID, c.UUID)
			return err
		}, 0},
		"revoke all": {true, func(ctx context.Context, m sparekey.Manager, c sparekey.Credential) error {
			_, err := m.RevokeAll(ctx, c.UserID)
			return err
		}, 0},
		"revoke, in one step with nothing": {false, func(ctx context.Context, m sparekey.Manager, c sparekey.Credential) error {
			_, err := m.Revoke(ctx, c.UserID, c.UUID)
			return err
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			users := memory.New()
			ann, err := users.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
			if err != nil {
				t.Fatal(err)
			}
			_, before, err := sparekey.New(users, users, sparekey.Config{}).AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "app"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var store sparekey.Store = &leaving{users, cancel}
			if c.transacts {
				store = &transacting{leaving{users, cancel}}
			}
			svc := sparekey.New(store, users, sparekey.Config{Record: func(ctx context.Context, _ sparekey.Event) error { return ctx.Err() }})
			if err := c.do(ctx, svc.AsOperator(), before); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the caller's cancellation", err)
			}
			if list, err := users.List(t.Context(), ann.ID); err != nil || len(list) != c.left {
				t.Errorf("left are %+v, %v, want %d", list, err, c.left)
			}
		})
	}
}
