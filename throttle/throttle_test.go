package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/throttle"
)

// house is a service with a limiter, and a user "ann" with a credential.
type house struct {
	t       *testing.T
	svc     *sparekey.Service
	limiter *throttle.Limiter
	secret  string
	credential,
	user string
	clock   atomic.Int64
	refused atomic.Int64
}

// rates are small, and easy to reckon with.
var rates = throttle.Config{
	PerAddress: throttle.Rate{Failures: 6, Within: time.Minute},
	PerLogin:   throttle.Rate{Failures: 3, Within: time.Minute},
	Site:       throttle.Rate{Failures: 20, Within: time.Minute},
}

func newHouse(t *testing.T, config throttle.Config) *house {
	t.Helper()
	h := &house{t: t}
	h.clock.Store(time.Unix(1_700_000_000, 0).UnixNano())
	config.Now = h.now
	h.limiter = throttle.New(config)
	store := memory.New()
	h.svc = sparekey.New(store, store, h.limiter.Protect(sparekey.Config{
		Now:     h.now,
		Observe: func(context.Context, sparekey.Event) { h.refused.Add(1) },
	}))
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann", Email: "ann@example.com"}, "")
	if err != nil {
		t.Fatal(err)
	}
	secret, c, err := h.svc.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "Phone"})
	if err != nil {
		t.Fatal(err)
	}
	h.secret, h.credential, h.user = secret.Reveal(), c.UUID, ann.ID
	return h
}

func (h *house) now() time.Time { return time.Unix(0, h.clock.Load()) }

func (h *house) wait(d time.Duration) { h.clock.Add(int64(d)) }

// try is the reason for which an attempt is refused, or "ok".
func (h *house) try(login, secret, addr string) sparekey.Reason {
	a := sparekey.Attempt{Login: login, Secret: sparekey.ParseSecret(secret), Secure: true}
	if addr != "" {
		a.Addr = netip.MustParseAddr(addr)
	}
	_, err := h.svc.Authenticate(h.t.Context(), a)
	var refused *sparekey.AuthError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refused):
		return refused.Reason
	}
	h.t.Error(err)
	return "broken"
}

func (h *house) want(want sparekey.Reason, login, secret, addr string) {
	h.t.Helper()
	if got := h.try(login, secret, addr); got != want {
		h.t.Errorf("%s from %s: %s, want %s", login, addr, got, want)
	}
}

const (
	wrong     = "wrong"
	throttled = sparekey.ReasonThrottled
)

func TestLoginAtAnAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for range 3 {
		h.want(sparekey.ReasonWrongSecret, "ann", wrong, "192.0.2.1")
	}
	h.want(throttled, "ann", wrong, "192.0.2.1")
	h.want(throttled, " ANN ", wrong, "192.0.2.1")
	h.want(throttled, "ann", h.secret, "192.0.2.1")
	h.want("ok", "ann", h.secret, "192.0.2.2") // never from elsewhere
	h.want(sparekey.ReasonUnknownLogin, "bob", wrong, "192.0.2.1")
	h.wait(20 * time.Second)
	h.want("ok", "ann", h.secret, "192.0.2.1")
}

// TestUnknownLoginIsThrottledAlike has the same attempts answered in the same
// way for a login that exists and for one that does not.
func TestUnknownLoginIsThrottledAlike(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for i := range 8 {
		known, unknown := h.try("ann", wrong, "192.0.2.1"), h.try("bob", wrong, "192.0.2.2")
		if (known == throttled) != (unknown == throttled) {
			t.Errorf("attempt %d: %s, and %s for nobody", i, known, unknown)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for i := range 6 {
		h.want(sparekey.ReasonUnknownLogin, fmt.Sprint("user", i), wrong, "192.0.2.1")
	}
	h.want(throttled, "user9", wrong, "192.0.2.1")
	h.want(throttled, "ann", h.secret, "192.0.2.1")
	h.want("ok", "ann", h.secret, "192.0.2.2")
	h.wait(10 * time.Second)
	h.want(sparekey.ReasonUnknownLogin, "user9", wrong, "192.0.2.1")
	h.want(throttled, "user9", wrong, "192.0.2.1")
}

func TestNeighboursInAnIPv6NetworkCountTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for i := range 6 {
		h.want(sparekey.ReasonUnknownLogin, fmt.Sprint("user", i), wrong, fmt.Sprintf("2001:db8::%x", i+1))
	}
	h.want(throttled, "user9", wrong, "2001:db8::ffff:0:0:1")
	h.want("ok", "ann", h.secret, "2001:db8:0:1::1")
}

// TestTheSameAddressInAnotherForm tries to get another allowance by writing an
// address differently.
func TestTheSameAddressInAnotherForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for i := range 6 {
		h.want(sparekey.ReasonUnknownLogin, fmt.Sprint("user", i), wrong, []string{"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1"}[i%3])
	}
	for _, addr := range []string{"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1"} {
		h.want(throttled, "user9", wrong, addr)
	}
	h.want("ok", "ann", h.secret, "64:ff9b::192.0.2.2")
}

// TestRightKeepsWorkingBehindNAT has a stranger fail at the address of somebody
// whose credential works.
func TestRightKeepsWorkingBehindNAT(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	h.want("ok", "ann", h.secret, "192.0.2.1")
	for range 10 {
		h.try("ann", wrong, "192.0.2.1")
		h.try("bob", wrong, "192.0.2.1")
		h.try("carl", wrong, "192.0.2.1")
	}
	h.want(throttled, "dora", wrong, "192.0.2.1")
	for range 500 {
		h.want("ok", "ann", h.secret, "192.0.2.1")
	}
	h.want(throttled, "ann", h.secret+"x", "192.0.2.1")
	h.want(throttled, "ann@example.com", h.secret, "192.0.2.1") // which was never used here
	h.wait(8 * 24 * time.Hour)
	for i := range 6 {
		h.want(sparekey.ReasonUnknownLogin, fmt.Sprint("user", i), wrong, "192.0.2.1")
	}
	h.want(throttled, "ann", h.secret, "192.0.2.1") // too long ago
}

// TestRevokedLosesItsPreference uses a credential that was right, and is not any
// more, to get past the limiter.
func TestRevokedLosesItsPreference(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	h.want("ok", "ann", h.secret, "192.0.2.1")
	if _, err := h.svc.AsOperator().Revoke(t.Context(), h.user, h.credential); err != nil {
		t.Fatal(err)
	}
	tries := 0
	for h.try("ann", h.secret, "192.0.2.1") != throttled {
		if tries++; tries > 64 {
			t.Fatal("a revoked credential is never turned away")
		}
	}
}

// TestCeiling floods the site from many addresses.
func TestCeiling(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	h.want("ok", "ann", h.secret, "198.51.100.1")
	for i := range 20 {
		h.want(sparekey.ReasonUnknownLogin, fmt.Sprint("user", i), wrong, fmt.Sprintf("192.0.2.%d", i))
	}
	h.want(throttled, "user0", wrong, "192.0.2.1")                // failed before
	h.want("ok", "ann", h.secret, "198.51.100.1")                 // was right here
	h.want("ok", "ann@example.com", h.secret, "198.51.100.2")     // nothing failed here
	h.want(sparekey.ReasonWrongSecret, "ann", wrong, "192.0.3.1") // nor here
	h.want(throttled, "ann", wrong, "192.0.3.1")
	h.want(sparekey.ReasonWrongSecret, "ann", wrong, "198.51.100.1") // known good, but somebody mistypes
	h.want("ok", "ann@example.com", h.secret, "198.51.100.1")
	h.wait(3 * time.Second)
	h.want(sparekey.ReasonUnknownLogin, "user0", wrong, "192.0.2.1")
}

// TestUnknownAddresses are those behind a proxy that does not say whom it passes
// on: nobody may be locked out by the others.
func TestUnknownAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	h.want("ok", "ann", h.secret, "")
	for range 20 {
		h.want(sparekey.ReasonUnknownLogin, "bob", wrong, "")
	}
	h.want(throttled, "bob", wrong, "")
	h.want("ok", "ann", h.secret, "")
	h.want("ok", "ann@example.com", h.secret, "192.0.2.1")
}

func TestWhatIsNoGuessDoesNotCount(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	addr := netip.MustParseAddr("192.0.2.1")
	for _, r := range sparekey.Reasons() {
		if slices.Contains([]sparekey.Reason{sparekey.ReasonWrongSecret, sparekey.ReasonUnknownEmail, sparekey.ReasonUnknownLogin}, r) {
			continue
		}
		for range 30 {
			h.limiter.Observe(t.Context(), sparekey.Event{Kind: sparekey.KindRefused, Reason: r, Addr: addr, Login: "ann"})
		}
	}
	for _, k := range []sparekey.Kind{sparekey.KindAuthenticated, sparekey.KindCreated, sparekey.KindRevoked} {
		for range 30 {
			h.limiter.Observe(t.Context(), sparekey.Event{Kind: k, Addr: addr, Login: "ann"})
		}
	}
	h.want("ok", "ann", h.secret, "192.0.2.1")
}

// TestBrokenProgramLeavesTheOthersRoom has one program go on for an hour with an
// old secret, every second, at an address that others sign in from.
func TestBrokenProgramLeavesTheOthersRoom(t *testing.T) {
	t.Parallel()
	h := newHouse(t, throttle.Config{})
	for second := range 3600 {
		h.try("robot", wrong, "192.0.2.1")
		if second%600 == 599 {
			h.want(sparekey.ReasonWrongSecret, "ann", wrong, "192.0.2.1")
			h.want("ok", "ann", h.secret, "192.0.2.1")
		}
		h.wait(time.Second)
	}
}

func TestProtectKeepsHooks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	h.want(sparekey.ReasonWrongSecret, "ann", wrong, "192.0.2.1")
	if h.refused.Load() == 0 {
		t.Error("the observer of the configuration is not told")
	}
	calls := ""
	config := h.limiter.Protect(sparekey.Config{
		Admit: func(context.Context, sparekey.Attempt) error { calls += "a"; return nil },
		Check: func(context.Context, sparekey.Identity, sparekey.Attempt) error {
			calls += "c"
			return sparekey.Refuse("moon", "Not at night.")
		},
	})
	a := sparekey.Attempt{Login: "ann", Secret: sparekey.ParseSecret("x"), Addr: netip.MustParseAddr("192.0.2.9")}
	if err := config.Admit(t.Context(), a); err != nil {
		t.Error(err)
	}
	if err := config.Check(t.Context(), sparekey.Identity{}, a); err == nil || calls != "ac" {
		t.Errorf("calls %s, %v", calls, err)
	}
	var none *throttle.Limiter
	if c := none.Protect(sparekey.Config{}); c.Admit != nil || c.Check != nil || c.Observe != nil {
		t.Error("no limiter changes nothing")
	}
}

func TestTry(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	addr := netip.MustParseAddr("192.0.2.1")
	guess := &sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}
	attempt := func(secret string, outcome error) bool {
		done, err := h.limiter.Try(t.Context(), "ann", secret, addr)
		if err != nil {
			return false
		}
		done(outcome)
		return true
	}
	for _, outcome := range []error{nil, errors.New("store down"), context.Canceled} {
		for range 10 {
			if !attempt("right", outcome) {
				t.Fatalf("%v: what did not fail counts", outcome)
			}
		}
	}
	for range 3 {
		if !attempt("wrong", guess) {
			t.Fatal("refused too early")
		}
	}
	if attempt("wrong", guess) {
		t.Error("a guess too many")
	}
	if !attempt("right", nil) {
		t.Error("what was right here is turned away")
	}
	h.want(throttled, "ann", wrong, "192.0.2.1") // the entry points count together
	var none *throttle.Limiter
	if done, err := none.Try(t.Context(), "ann", "x", addr); err != nil {
		t.Error(err)
	} else {
		done(guess)
	}
}

// TestTriesAtTheSameMoment begins many sign-ins before any of them fails.
func TestTriesAtTheSameMoment(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	var begun atomic.Int64
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if _, err := h.limiter.Try(t.Context(), "ann", fmt.Sprint(i), netip.MustParseAddr("192.0.2.1")); err == nil {
				begun.Add(1)
			}
		})
	}
	wg.Wait()
	if begun.Load() != 3 {
		t.Errorf("%d were begun, want 3", begun.Load())
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	h.want("ok", "ann", h.secret, "192.0.2.1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 200 {
				h.try(fmt.Sprint("user", n), wrong, fmt.Sprintf("192.0.2.%d", n%200))
				if got := h.try("ann", h.secret, "192.0.2.1"); got != "ok" {
					t.Errorf("goroutine %d: %s", i, got)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestRateThatCannotBeCountedWith(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("it is taken")
		}
	}()
	throttle.New(throttle.Config{PerLogin: throttle.Rate{Failures: 10, Within: 0}})
}
