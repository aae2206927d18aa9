package sparekey_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

// around is a Config.AroundLookup that keeps what it sees, and returns what edit makes of it.
type around struct {
	users []string // IDs that look-ups returned
	edit  func(error) error
}

func (a *around) hook(ctx context.Context, _ sparekey.Attempt, lookUp sparekey.Lookup) error {
	user, err := lookUp(ctx)
	a.users = append(a.users, user.ID)
	if a.edit != nil {
		return a.edit(err)
	}
	return err
}

// TestAroundLookup has the hook see each look-up with the user that was found, and none of what the
// cache answers.
func TestAroundLookup(t *testing.T) {
	t.Parallel()
	a := &around{}
	s := newSite(t, sparekey.Config{AroundLookup: a.hook})
	secret, _ := s.create(t, "Phone")
	for range 3 { // the first records the use; the last is in the cache
		if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(a.users); n == 0 || n > 2 || a.users[0] != s.ann.ID {
		t.Errorf("three attempts led to look-ups of %v", a.users)
	}
	for login, want := range map[string]struct {
		reason sparekey.Reason
		user   string
	}{
		"ann":             {sparekey.ReasonWrongSecret, s.ann.ID},
		"Ann@Example.com": {sparekey.ReasonWrongSecret, s.ann.ID},
		"bob":             {sparekey.ReasonUnknownLogin, ""},
	} {
		a.users = nil
		_, err := s.Authenticate(t.Context(), attempt(login, sparekey.NewSecret()))
		if reason(err) != want.reason || len(a.users) != 1 || a.users[0] != want.user {
			t.Errorf("%s: %v, with the look-ups of %v", login, err, a.users)
		}
	}
}

// TestAroundLookupDecidesNothingRight has hooks that are wrong in every way: none of them makes a
// wrong secret right.
func TestAroundLookupDecidesNothingRight(t *testing.T) {
	t.Parallel()
	broken := errors.New("the queue is on fire")
	for name, c := range map[string]struct {
		hook   func(context.Context, sparekey.Attempt, sparekey.Lookup) error
		right  sparekey.Reason // of a right secret; empty: no answer
		refuse sparekey.Reason // of a wrong one
	}{
		"accepts all":    {(&around{edit: func(error) error { return nil }}).hook, "ok", ""},
		"throttles all":  {(&around{edit: func(error) error { return sparekey.Throttled(1) }}).hook, "throttled", "throttled"},
		"breaks":         {(&around{edit: func(error) error { return broken }}).hook, "", ""},
		"looks up never": {func(context.Context, sparekey.Attempt, sparekey.Lookup) error { return nil }, "", ""},
		"looks up twice": {func(ctx context.Context, _ sparekey.Attempt, lookUp sparekey.Lookup) error {
			_, _ = lookUp(ctx)
			_, err := lookUp(ctx)
			return err
		}, "ok", "wrong_secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, sparekey.Config{AroundLookup: c.hook})
			secret, _ := s.create(t, "Phone")
			for _, try := range []struct {
				secret sparekey.Secret
				want   sparekey.Reason
			}{{secret, c.right}, {sparekey.NewSecret(), c.refuse}} {
				id, err := s.Authenticate(t.Context(), attempt("ann", try.secret))
				got := reason(err)
				if err == nil {
					got = "ok"
				}
				if got != try.want || err != nil && id.User.ID != "" {
					t.Errorf("got %q (%v), want %q", got, err, try.want)
				}
			}
		})
	}
}
