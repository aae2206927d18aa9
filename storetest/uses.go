package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

// testUses counts uses and gives some back at the same moment, through a Service, with
// which the numbers must add up and never exceed the limit; then it gives back the last
// use of a credential while that is deleted.
func testUses(tb testing.TB, s sparekey.Store) {
	const limit, n = 6, 48
	svc := sparekey.New(s, onlyAlice{}, sparekey.Config{})
	secret := sparekey.NewSecret()
	c := credential(alice, "counted")
	c.Hash, c.Limits.MaxUses = secret.Hash(), limit
	insert(tb, s, c)
	use := func() (sparekey.Identity, error) {
		return svc.Authenticate(tb.Context(), sparekey.Attempt{Login: "alice", Secret: secret, Secure: true})
	}
	kept := make(chan sparekey.Identity, n)
	atOnce(n, func(i int) {
		id, err := use()
		switch {
		case isUsedUp(err):
		case err != nil:
			tb.Errorf("count a use: %v", err)
		case i%2 == 0:
			kept <- id
		default:
			if err := svc.ReturnUse(tb.Context(), id); err != nil {
				tb.Errorf("give a use back: %v", err)
			}
		}
	})
	for len(kept) < limit { // as many as were not asked for while others were held
		id, err := use()
		if err != nil {
			tb.Fatalf("use %d of %d: %v", len(kept)+1, limit, err)
		}
		kept <- id
	}
	if len(kept) > limit {
		tb.Errorf("%d uses of %d were allowed", len(kept), limit)
	}
	if got := list(tb, s, alice); len(got) != 1 || got[0].Uses != limit {
		tb.Fatalf("after %d uses, the store has %+v", limit, got)
	}
	if _, err := use(); !isUsedUp(err) {
		tb.Errorf("use %d of %d: %v", limit+1, limit, err)
	}
	last := <-kept
	if err := svc.ReturnUse(tb.Context(), last); err != nil {
		tb.Errorf("give a use back: %v", err)
	}
	if got := list(tb, s, alice); len(got) != 1 || got[0].Uses != limit-1 {
		tb.Errorf("after a use was given back, the store has %+v", got)
	}
	testReturnRaces(tb, s, svc, last)
}

// testReturnRaces deletes a credential while uses of it are given back: it stays deleted.
func testReturnRaces(tb testing.TB, s sparekey.Store, svc *sparekey.Service, id sparekey.Identity) {
	tb.Helper()
	atOnce(5, func(i int) {
		if i == 2 {
			if _, err := s.Delete(tb.Context(), alice, id.Credential.UUID); err != nil {
				tb.Errorf("Delete: %v", err)
			}
			return
		}
		if err := svc.ReturnUse(tb.Context(), id); err != nil {
			tb.Errorf("give a use back while the credential is deleted: %v", err)
		}
	})
	wantList(tb, s, alice)
	if err := svc.ReturnUse(tb.Context(), id); err != nil {
		tb.Errorf("give a use of a deleted credential back: %v", err)
	}
	wantList(tb, s, alice)
}

func isUsedUp(err error) bool {
	refused, ok := errors.AsType[*sparekey.AuthError](err)
	return ok && refused.Reason == sparekey.ReasonUsedUp
}

// onlyAlice is a directory of one user.
type onlyAlice struct{}

// UserByLogin implements [sparekey.Directory].
func (onlyAlice) UserByLogin(_ context.Context, login string) (sparekey.User, error) {
	if login != "alice" {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return sparekey.User{ID: alice, Login: "alice"}, nil
}

// UserByID implements [sparekey.Directory].
func (d onlyAlice) UserByID(ctx context.Context, id string) (sparekey.User, error) {
	if id != alice {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return d.UserByLogin(ctx, "alice")
}
