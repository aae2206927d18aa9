package sparekey_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// brokenUpdates is a store that cannot be written while it is broken.
type brokenUpdates struct {
	*memory.Store

	is bool
}

func (b *brokenUpdates) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	if b.is {
		return sparekey.Credential{}, errors.New("no disk")
	}
	return b.Store.Update(ctx, userID, uuid, change, check)
}

// TestReturnUse gives uses back at every moment at which that can happen.
func TestReturnUse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit int // of uses
		again func(t *testing.T, use func() (sparekey.Identity, error), svc *sparekey.Service, store *brokenUpdates)
	}{
		"the last use": {1, func(t *testing.T, use func() (sparekey.Identity, error), svc *sparekey.Service, _ *brokenUpdates) {
			for range 3 {
				id, err := use()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := use(); !isRefusedAs(err, sparekey.ReasonUsedUp) {
					t.Fatalf("one more than allowed: %v", err)
				}
				if err := svc.ReturnUse(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
		}},
		"the client has gone": {1, func(t *testing.T, use func() (sparekey.Identity, error), svc *sparekey.Service, _ *brokenUpdates) {
			id, err := use()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := errors.Join(err, svc.ReturnUse(ctx, id)); err != nil {
				t.Fatal(err)
			}
			if _, err := use(); err != nil {
				t.Error(err)
			}
		}},
		"never below none": {2, func(t *testing.T, use func() (sparekey.Identity, error), svc *sparekey.Service, store *brokenUpdates) {
			id, err := use()
			for range 3 {
				err = errors.Join(err, svc.ReturnUse(t.Context(), id))
			}
			if list, _ := store.List(t.Context(), id.User.ID); err != nil || list[0].Uses != 0 {
				t.Errorf("%d uses, %v", list[0].Uses, err)
			}
		}},
		"revoked": {1, func(t *testing.T, use func() (sparekey.Identity, error), svc *sparekey.Service, store *brokenUpdates) {
			id, err := use()
			_, revokeErr := svc.AsOperator().Revoke(t.Context(), id.User.ID, id.Credential.UUID)
			if err := errors.Join(err, revokeErr, svc.ReturnUse(t.Context(), id)); err != nil {
				t.Fatal(err)
			}
			if list, err := store.List(t.Context(), id.User.ID); err != nil || len(list) > 0 {
				t.Errorf("%v %v", list, err)
			}
			if _, err := use(); !isRefusedAs(err, sparekey.ReasonWrongSecret) {
				t.Error(err)
			}
		}},
		"broken": {1, func(t *testing.T, use func() (sparekey.Identity, error), svc *sparekey.Service, store *brokenUpdates) {
			id, err := use()
			if err != nil {
				t.Fatal(err)
			}
			store.is = true
			if err := svc.ReturnUse(t.Context(), id); err == nil || sparekey.Refused(err) {
				t.Errorf("a broken store: %v", err)
			}
			store.is = false
			if _, err := use(); !isRefusedAs(err, sparekey.ReasonUsedUp) {
				t.Errorf("what could not be given back: %v", err)
			}
		}},
		"not counted": {0, func(t *testing.T, use func() (sparekey.Identity, error), svc *sparekey.Service, store *brokenUpdates) {
			id, err := use()
			store.is = true // nothing is written
			if err := errors.Join(err, svc.ReturnUse(t.Context(), id)); err != nil {
				t.Error(err)
			}
		}},
		"a limit that was lowered meanwhile": {5, func(t *testing.T, use func() (sparekey.Identity, error), svc *sparekey.Service, _ *brokenUpdates) {
			var last sparekey.Identity
			for range 3 {
				id, err := use()
				if err != nil {
					t.Fatal(err)
				}
				last = id
			}
			_, err := svc.AsOperator().Limit(t.Context(), last.User.ID, last.Credential.UUID, sparekey.Limits{MaxUses: 2})
			if err := errors.Join(err, svc.ReturnUse(t.Context(), last)); err != nil {
				t.Fatal(err)
			}
			if _, err := use(); !isRefusedAs(err, sparekey.ReasonUsedUp) {
				t.Errorf("2 of 2 were used: %v", err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &brokenUpdates{Store: memory.New()}
			user, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
			if err != nil {
				t.Fatal(err)
			}
			svc := sparekey.New(store, store, sparekey.Config{})
			secret, _, err := svc.AsOperator().Create(t.Context(), user.ID, sparekey.NewCredential{Name: "App", Limits: sparekey.Limits{MaxUses: c.limit}})
			if err != nil {
				t.Fatal(err)
			}
			c.again(t, func() (sparekey.Identity, error) {
				return svc.Authenticate(t.Context(), sparekey.Attempt{Login: "ann", Secret: secret, Secure: true})
			}, svc, store)
		})
	}
}

func isRefusedAs(err error, reason sparekey.Reason) bool {
	refused, ok := errors.AsType[*sparekey.AuthError](err)
	return ok && refused.Reason == reason
}
