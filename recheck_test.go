package sparekey_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/testclock"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// accept makes an attempt that succeeds.
func (s *site) accept(t *testing.T, a sparekey.Attempt) sparekey.Identity {
	t.Helper()
	id, err := s.Authenticate(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// reasonOf is the reason of a refusal, "ok" or "broken".
func reasonOf(err error) sparekey.Reason {
	var refused *sparekey.AuthError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refused):
		return refused.Reason
	}
	return "broken"
}

// TestRecheck accepts a request with an application password, changes something, and asks
// whether the request still is accepted. Each service is asked twice: one that answers from
// memory, and one that looks everything up.
func TestRecheck(t *testing.T) {
	t.Parallel()
	type changed struct {
		*site
		c     sparekey.Credential
		clock *testclock.Clock
	}
	limit := func(l sparekey.Limits) func(*testing.T, changed) {
		return func(t *testing.T, s changed) {
			t.Helper()
			if _, err := s.AsOperator().Limit(t.Context(), s.ann.ID, s.c.UUID, l); err != nil {
				t.Fatal(err)
			}
		}
	}
	rotate := func(grace time.Duration) func(*testing.T, changed) {
		return func(t *testing.T, s changed) {
			t.Helper()
			if _, _, err := s.AsOperator().Rotate(t.Context(), s.ann.ID, s.c.UUID, grace); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		limits sparekey.Limits
		config sparekey.Config
		change func(t *testing.T, s changed)
		pass   time.Duration
		want   sparekey.Reason
	}{
		"nothing":       {want: "ok"},
		"another's use": {change: func(t *testing.T, s changed) { t.Helper(); s.create(t, "Another") }, want: "ok"},
		"revoked": {change: func(t *testing.T, s changed) {
			t.Helper()
			if _, err := s.AsOperator().Revoke(t.Context(), s.ann.ID, s.c.UUID); err != nil {
				t.Fatal(err)
			}
		}, want: sparekey.ReasonWrongSecret},
		"revoked, but another has its secret": {change: func(t *testing.T, s changed) {
			t.Helper()
			twin := s.c
			twin.UUID = "00000000-0000-4000-8000-000000000009"
			if err := s.store.Insert(t.Context(), twin, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := s.AsOperator().Revoke(t.Context(), s.ann.ID, s.c.UUID); err != nil {
				t.Fatal(err)
			}
		}, want: sparekey.ReasonWrongSecret},
		"user deleted": {change: func(t *testing.T, s changed) {
			t.Helper()
			if _, err := s.store.DeleteUser(t.Context(), s.ann.ID); err != nil {
				t.Fatal(err)
			}
		}, want: sparekey.ReasonUnknownLogin},
		"login is another user's": {change: func(t *testing.T, s changed) {
			t.Helper()
			for _, u := range [][2]string{{s.ann.ID, "anna"}, {s.admin.ID, "ann"}} {
				if _, err := s.store.UpdateUser(t.Context(), u[0], func(user *sparekey.User) error { user.Login = u[1]; return nil }); err != nil {
					t.Fatal(err)
				}
			}
		}, want: sparekey.ReasonWrongSecret},
		"renamed": {change: func(t *testing.T, s changed) {
			t.Helper()
			s.AsOperator().Rename(t.Context(), s.ann.ID, s.c.UUID, "Other")
		}, want: "ok"},
		"narrowed, within":   {change: limit(sparekey.Limits{Scopes: "GET /a"}), want: "ok"},
		"narrowed, outside":  {change: limit(sparekey.Limits{Scopes: "GET /b"}), want: sparekey.ReasonOutOfScope},
		"another network":    {change: limit(sparekey.Limits{Networks: "198.51.100.0/24"}), want: sparekey.ReasonOutOfNetwork},
		"expired":            {limits: sparekey.Limits{Expires: newClock().Now().Add(time.Hour)}, pass: time.Hour, want: sparekey.ReasonExpired},
		"not yet expired":    {limits: sparekey.Limits{Expires: newClock().Now().Add(time.Hour)}, pass: time.Hour - time.Second, want: "ok"},
		"policy's lifetime":  {config: sparekey.Config{Policy: sparekey.Policy{MaxLifetime: time.Hour}}, pass: time.Hour, want: sparekey.ReasonExpired},
		"unused":             {config: sparekey.Config{Policy: sparekey.Policy{RevokeUnused: 48 * time.Hour}}, pass: 48 * time.Hour, want: sparekey.ReasonUnused},
		"rotated":            {change: rotate(0), want: sparekey.ReasonWrongSecret},
		"rotated, grace":     {change: rotate(time.Hour), pass: time.Hour - time.Second, want: "ok"},
		"rotated, grace end": {change: rotate(time.Hour), pass: time.Hour, want: sparekey.ReasonWrongSecret},
		"last use":           {limits: sparekey.Limits{MaxUses: 1}, want: "ok"},
		"fewer uses than it had": {limits: sparekey.Limits{MaxUses: 5}, change: func(t *testing.T, s changed) {
			t.Helper()
			s.store.Update(t.Context(), s.ann.ID, s.c.UUID, func(c *sparekey.Credential) error { c.Uses = 3; return nil }, nil)
			limit(sparekey.Limits{MaxUses: 2})(t, s)
		}, want: sparekey.ReasonUsedUp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, remembers := range []bool{true, false} {
				clock := newClock()
				config := c.config
				config.Now = clock.Now
				s := newSite(t, config)
				if !remembers {
					config.Observe = s.events.observe
					s.Service = sparekey.New(uncached{s.store}, s.store, config)
				}
				secret, credential := s.limited(t, "App", c.limits)
				a := attempt("ann", secret)
				a.Request = request("GET", "/a")
				id := s.accept(t, a)
				if c.change != nil {
					c.change(t, changed{s, credential, clock})
				}
				clock.Pass(c.pass)
				before, _ := s.store.List(t.Context(), s.ann.ID)
				s.events.take()
				for range 2 {
					if err := s.Recheck(t.Context(), id, a); reasonOf(err) != c.want {
						t.Errorf("remembers=%v: %v", remembers, err)
					}
				}
				if told := s.events.take(); len(told) > 0 {
					t.Errorf("remembers=%v: it reported %v", remembers, told)
				}
				after, _ := s.store.List(t.Context(), s.ann.ID)
				for i := range after {
					if after[i] != before[i] {
						t.Errorf("remembers=%v: it changed %v to %v", remembers, before[i], after[i])
					}
				}
			}
		})
	}
}

// TestRecheckLegacy has requests with a secret whose hash is a slow one: upgraded
// meanwhile or kept, rotated, revoked. No check tries the secret on a slow hash.
func TestRecheckLegacy(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		clock := newClock()
		s := newSite(t, sparekey.Config{Now: clock.Now, KeepHashes: keep})
		_, c := s.create(t, "App")
		setHash := func(hash string) {
			if _, err := s.store.Update(t.Context(), s.ann.ID, c.UUID, func(c *sparekey.Credential) error { c.Hash = hash; return nil }, nil); err != nil {
				t.Fatal(err)
			}
		}
		secret := sparekey.ParseSecret(legacySecret)
		setHash(legacyHash)
		a := attempt("ann", secret)
		id := s.accept(t, a)
		svc := sparekey.New(uncached{noLegacy{s.store, t}}, s.store, sparekey.Config{Now: clock.Now, KeepHashes: keep})
		check := func(what string, want sparekey.Reason) {
			t.Helper()
			if err := svc.Recheck(t.Context(), id, a); reasonOf(err) != want {
				t.Errorf("keep=%v, %s: %v", keep, what, err)
			}
		}
		check("unchanged", "ok")
		before := id
		before.Credential.Hash = legacyHash // as one has it who was accepted before the upgrade
		setHash(secret.Hash())
		if err := svc.Recheck(t.Context(), before, a); err != nil {
			t.Errorf("keep=%v: an upgrade of the hash: %v", keep, err)
		}
		setHash(id.Credential.Hash)
		if _, _, err := s.AsOperator().Rotate(t.Context(), s.ann.ID, c.UUID, time.Hour); err != nil {
			t.Fatal(err)
		}
		check("rotated", "ok")
		clock.Pass(time.Hour)
		check("rotated, past its grace", sparekey.ReasonWrongSecret)
	}
}

// noLegacy is a store of which nothing asks for legacy hashes.
type noLegacy struct {
	sparekey.Store
	t *testing.T
}

func (n noLegacy) Legacy(context.Context, string) ([]sparekey.Credential, error) {
	n.t.Error("legacy hashes were asked for")
	return nil, nil
}

// countsFinds is a store that counts look-ups, and can break.
type countsFinds struct {
	sparekey.Store
	finds  atomic.Int64
	broken atomic.Bool
}

func (c *countsFinds) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	c.finds.Add(1)
	if c.broken.Load() {
		return sparekey.Credential{}, errors.New("no disk")
	}
	return c.Store.Find(ctx, userID, hash)
}

// TestShareLookups has many requests with the same secret checked in one round: one
// look-up, but each request is judged by itself.
func TestShareLookups(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	store := &countsFinds{Store: s.store}
	var asked atomic.Int64
	svc := sparekey.New(store, s.store, sparekey.Config{Check: func(context.Context, sparekey.Identity, sparekey.Attempt) error {
		asked.Add(1)
		return nil
	}})
	secret, c := s.create(t, "App")
	other, _ := s.create(t, "Other")
	inside, outside, another := attempt("ann", secret), attempt("ann", secret), attempt("ann", other)
	inside.Request, outside.Request = request("GET", "/a"), request("GET", "/b")
	id, idOther := s.accept(t, inside), s.accept(t, another)
	if _, err := s.AsOperator().Limit(t.Context(), s.ann.ID, c.UUID, sparekey.Limits{Scopes: "GET /a"}); err != nil {
		t.Fatal(err)
	}
	ctx := sparekey.ShareLookups(t.Context())
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for a, want := range map[*sparekey.Attempt]sparekey.Reason{&inside: "ok", &outside: sparekey.ReasonOutOfScope} {
				if err := svc.Recheck(ctx, id, *a); reasonOf(err) != want {
					t.Errorf("%s: %v", a.Request.Target, err)
				}
			}
			if err := svc.Recheck(ctx, idOther, another); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := store.finds.Load(); n != 2 {
		t.Errorf("%d look-ups for two application passwords", n)
	}
	if n := asked.Load(); n != 200 {
		t.Errorf("the hook was asked %d times about 200 requests that the limits allow", n)
	}
	store.broken.Store(true)
	if err := svc.Recheck(ctx, id, inside); err != nil {
		t.Errorf("the same round looks up again: %v", err)
	}
	err := svc.Recheck(t.Context(), id, inside)
	if reasonOf(err) != "broken" || sparekey.Refused(err) {
		t.Errorf("a broken store: %v", err)
	}
}

// TestRecheckAsksTheHooks is about the hooks that say no after a request was accepted.
func TestRecheckAsksTheHooks(t *testing.T) {
	t.Parallel()
	var off, offFor, checked atomic.Bool
	s := newSite(t, sparekey.Config{
		Available:    func(context.Context) (bool, error) { return !off.Load(), nil },
		AvailableFor: func(_ context.Context, u sparekey.User) (bool, error) { return u.Login != "ann" || !offFor.Load(), nil },
		Admit: func(context.Context, sparekey.Attempt) error {
			if checked.Load() {
				t.Error("Admit was asked again")
			}
			return nil
		},
		Check: func(_ context.Context, id sparekey.Identity, _ sparekey.Attempt) error {
			if checked.Load() && id.Credential.Name == "App" {
				return sparekey.Refuse("office hours", "Come back tomorrow.")
			}
			return nil
		},
	})
	secret, _ := s.create(t, "App")
	a := attempt("ann", secret)
	id := s.accept(t, a)
	for _, c := range []struct {
		hook *atomic.Bool
		want sparekey.Reason
	}{{&off, sparekey.ReasonDisabled}, {&offFor, sparekey.ReasonDisabledForUser}, {&checked, "office hours"}} {
		c.hook.Store(true)
		if err := s.Recheck(t.Context(), id, a); reasonOf(err) != c.want {
			t.Errorf("%s: %v", c.want, err)
		}
		c.hook.Store(false)
		if err := s.Recheck(t.Context(), id, a); err != nil {
			t.Errorf("%s taken back: %v", c.want, err)
		}
	}
}

// still is a store and directory whose revision never changes, as if only uses were
// recorded.
type still struct{ *memory.Store }

func (still) Revision() (uint64, bool) { return 1, true }

// TestRecheckAfterAnUnseenUse has another process record a use that the revision does not
// tell of: what is in memory says that the credential was not used for too long.
func TestRecheckAfterAnUnseenUse(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newSite(t, sparekey.Config{Now: clock.Now})
	svc := sparekey.New(still{s.store}, still{s.store}, sparekey.Config{
		Now: clock.Now, Policy: sparekey.Policy{RevokeUnused: 48 * time.Hour},
	})
	secret, c := s.create(t, "App")
	a := attempt("ann", secret)
	var id sparekey.Identity
	for range 2 { // the second one is answered from memory
		var err error
		if id, err = svc.Authenticate(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	clock.Pass(49 * time.Hour)
	if _, err := s.store.Update(t.Context(), s.ann.ID, c.UUID, func(c *sparekey.Credential) error {
		c.LastUsed = clock.Now()
		return nil
	}, nil); err != nil {
		t.Fatal(err)
	}
	if err := svc.Recheck(t.Context(), id, a); err != nil {
		t.Error(err)
	}
}
