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
	"testing/synctest"
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
	guesses atomic.Int64
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
	store := memory.New()
	config.Users = store
	h.limiter = throttle.New(config)
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
	ok        = "ok"
	throttled = sparekey.ReasonThrottled
	wrong     = sparekey.ReasonWrongSecret
	unknown   = sparekey.ReasonUnknownLogin
)

// guess makes an attempt with a wrong secret that was not tried before.
func (h *house) guess(want sparekey.Reason, login, addr string) {
	h.t.Helper()
	h.want(want, login, h.newGuess(), addr)
}

func (h *house) newGuess() string { return fmt.Sprint("guess ", h.guesses.Add(1)) }

func TestLoginAtAnAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for range 3 {
		h.guess(wrong, "ann", "192.0.2.1")
	}
	h.guess(throttled, "ann", "192.0.2.1")
	h.want(ok, "ann", h.secret, "192.0.2.1") // what is right passes, also here for the first time
	h.guess(throttled, "ann", "192.0.2.1")
	h.guess(wrong, "ann", "192.0.2.2") // never from elsewhere
	h.guess(unknown, "bob", "192.0.2.1")
	h.wait(20 * time.Second)
	h.guess(wrong, "ann", "192.0.2.1")
}

// TestLoginCountsByItsUser tries spellings of one user's login, and then of a login that does not
// exist.
func TestLoginCountsByItsUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for _, login := range []string{"ann", "ANN", "Ann@Example.com"} {
		h.guess(wrong, login, "192.0.2.1")
	}
	for _, login := range []string{"ann", "Ann", "ann@example.com", "ANN@EXAMPLE.COM"} {
		h.guess(throttled, login, "192.0.2.1")
	}
	for _, login := range []string{"bob", " BOB", "Bob "} {
		h.guess(unknown, login, "192.0.2.2")
	}
	h.guess(throttled, "bOb", "192.0.2.2")
	h.guess(sparekey.ReasonUnknownEmail, "bob@example.com", "192.0.2.2")

	signIn := func(login string) bool {
		done, err := h.limiter.Try(t.Context(), login, h.newGuess(), netip.MustParseAddr("192.0.2.3"))
		if err == nil {
			done(&sparekey.AuthError{Reason: wrong})
		}
		return err == nil
	}
	for i, login := range []string{"ann", "Ann@Example.com", "ANN", "ann", "ann@example.com"} {
		if got := signIn(login); got != (i < 3) {
			t.Errorf("sign-in %d as %s is tried: %v", i, login, got)
		}
	}
}

// TestSameSecretIsOneGuess has one device that continues to send a revoked password, and
// another with a right one.
func TestSameSecretIsOneGuess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // in which the pauses of the queue take no time
		h := newHouse(t, throttle.Config{})
		for range 1000 {
			h.want(wrong, "ann", "revoked", "192.0.2.1")
			h.want(ok, "ann", h.secret, "192.0.2.1")
			h.wait(time.Second)
		}
		h.want(wrong, "ANN ", "revoked", "192.0.2.1") // not another guess
		for range 9 {
			h.guess(wrong, "ann", "192.0.2.1") // one of the allowance is used up
			h.wait(time.Millisecond)
		}
		h.want(unknown, "bob", "revoked", "192.0.2.1") // another login is another guess
		h.want(wrong, "ann", "revoked", "192.0.2.2")   // and so is another address
	})
}

func TestSecretsOfDifferentLengthsAreDifferentGuesses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for i, pair := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", "d"}, {"a", "bcd"}, {"x", "y"}, {"y", "x"}} {
		if got := h.try(pair[0], pair[1], "192.0.2.1"); got != unknown {
			t.Errorf("guess %d: %s", i, got)
		}
	}
	h.want(throttled, "z", "z", "192.0.2.1") // so all six counted
}

// TestUnknownLoginIsThrottledAlike has the same attempts answered in the same
// way for a login that exists and for one that does not.
func TestUnknownLoginIsThrottledAlike(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for i := range 12 {
		secret := h.newGuess()
		if i%3 == 2 {
			secret = "again"
		}
		known, missing := h.try("ann", secret, "192.0.2.1"), h.try("bob", secret, "192.0.2.2")
		if (known == throttled) != (missing == throttled) {
			t.Errorf("attempt %d: %s, and %s for an unknown login", i, known, missing)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for i := range 6 {
		h.guess(unknown, fmt.Sprint("user", i), "192.0.2.1")
	}
	h.guess(throttled, "user9", "192.0.2.1")
	h.want(ok, "ann", h.secret, "192.0.2.1")
	h.guess(wrong, "ann", "192.0.2.2")
	h.wait(10 * time.Second)
	h.guess(unknown, "user9", "192.0.2.1")
	h.guess(throttled, "user9", "192.0.2.1")
}

func TestNeighboursInAnIPv6NetworkCountTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for i := range 6 {
		h.guess(unknown, fmt.Sprint("user", i), fmt.Sprintf("2001:db8::%x", i+1))
	}
	h.guess(throttled, "user9", "2001:db8::ffff:0:0:1")
	h.guess(unknown, "user9", "2001:db8:0:1::1")
}

// TestWideNetworks guesses from every /64 of a /56 and of a /48, as long as that is not
// refused.
func TestWideNetworks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		addr string // of the n-th /64
		want int
	}{
		"a /64": {"2001:db8:0:1::%x", 6},
		"a /56": {"2001:db8:0:%x::1", 4 * 6},
		"a /48": {"2001:db8:0:%x00::1", 16 * 6},
		"more":  {"2001:db8:%x::1", 255},
	} {
		for _, kind := range []string{"application passwords", "sign-in"} {
			config := rates
			config.Site = throttle.Rate{Failures: 10000, Within: time.Minute}
			h := newHouse(t, config)
			allowed := 0
			for n := range 255 {
				addr := fmt.Sprintf(c.addr, n+1)
				if kind == "sign-in" {
					if done, err := h.limiter.Try(t.Context(), fmt.Sprint("user", n), "x", netip.MustParseAddr(addr)); err == nil {
						done(&sparekey.AuthError{Reason: wrong})
						allowed++
					}
				} else if h.try(fmt.Sprint("user", n), h.newGuess(), addr) != throttled {
					allowed++
				}
			}
			if allowed != c.want {
				t.Errorf("%s, %s: %d guesses, want %d", name, kind, allowed, c.want)
			}
		}
	}
}

// TestOneLoginFromAWideNetwork guesses at one login from every /64 of a /48.
func TestOneLoginFromAWideNetwork(t *testing.T) {
	t.Parallel()
	config := rates
	config.Site = throttle.Rate{Failures: 10000, Within: time.Minute}
	h := newHouse(t, config)
	allowed := 0
	for n := range 255 {
		if h.try("ann", h.newGuess(), fmt.Sprintf("2001:db8:0:%x00::1", n+1)) != throttled {
			allowed++
		}
	}
	if allowed != 16*3 {
		t.Errorf("%d guesses, want %d", allowed, 16*3)
	}
}

// TestTheSameAddressInAnotherForm tries to get another allowance by writing an
// address differently.
func TestTheSameAddressInAnotherForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for i := range 6 {
		h.guess(unknown, fmt.Sprint("user", i), []string{"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1"}[i%3])
	}
	for _, addr := range []string{"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1"} {
		h.guess(throttled, "user9", addr)
	}
	h.guess(unknown, "user9", "64:ff9b::192.0.2.2")
}

// TestRightIsNeverRefused fails in every way that there is a bound for, and presents what is right
// where it never was before.
func TestRightIsNeverRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	for _, addr := range []string{"192.0.2.1", "2001:db8::1", ""} {
		for i := range 40 {
			h.try("ann", h.newGuess(), addr)
			h.try(fmt.Sprint("user", i), h.newGuess(), addr)
			h.want(ok, []string{"ann", "ANN", "ann@example.com"}[i%3], h.secret, addr)
		}
		h.guess(throttled, "ann", addr)
		h.guess(throttled, "dora", addr)
	}
	h.guess(throttled, "ann", "2001:db8::2")
	h.want(ok, "ann", h.secret, "2001:db8::2")
	h.wait(8 * 24 * time.Hour) // the successes have expired
	for i := range 6 {
		h.guess(unknown, fmt.Sprint("user", i), "192.0.2.1")
	}
	h.want(ok, "ann", h.secret, "192.0.2.1")
}

// TestRevokedIsNotRight uses a credential that was right, and is revoked, to get past the limiter.
func TestRevokedIsNotRight(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	h.want(ok, "ann", h.secret, "192.0.2.1")
	if _, err := h.svc.AsOperator().Revoke(t.Context(), h.user, h.credential); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		h.want(wrong, "ann", h.secret, "192.0.2.1") // one guess, however often
	}
	for range 2 {
		h.guess(wrong, "ann", "192.0.2.1")
	}
	h.want(throttled, "ann", h.secret, "192.0.2.1")
}

// TestCeiling floods the site from many addresses.
func TestCeiling(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	h.want(ok, "ann", h.secret, "198.51.100.1")
	for i := range 20 {
		h.guess(unknown, fmt.Sprint("user", i), fmt.Sprintf("192.0.2.%d", i))
	}
	h.guess(throttled, "user0", "192.0.2.1")                // failed before
	h.want(ok, "ann", h.secret, "192.0.2.1")                // and has what is right as well
	h.want(ok, "ann@example.com", h.secret, "198.51.100.2") // nothing failed here
	h.guess(wrong, "ann", "192.0.3.1")                      // nor here
	h.guess(throttled, "ann", "192.0.3.1")
	h.guess(wrong, "ann", "198.51.100.1") // known good, but mistyped
	h.guess(wrong, "ann", "198.51.100.1")
	h.wait(3 * time.Second)
	h.guess(unknown, "user2", "192.0.2.2")
}

// TestUnknownAddresses are those behind a proxy that does not name its clients: none may be locked
// out by the others.
func TestUnknownAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	h.want(ok, "ann", h.secret, "")
	for range 20 {
		h.guess(unknown, "bob", "")
	}
	h.guess(throttled, "bob", "")
	h.want(ok, "ann", h.secret, "")
	h.want(ok, "ann@example.com", h.secret, "192.0.2.1")
}

func TestNotAGuess(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	a := sparekey.Attempt{Login: "ann", Addr: netip.MustParseAddr("192.0.2.1")}
	guesses := []sparekey.Reason{wrong, sparekey.ReasonUnknownEmail, unknown}
	outcomes := []error{errors.New("store down"), context.Canceled, sparekey.ErrForbidden}
	for _, r := range sparekey.Reasons() {
		if !slices.Contains(guesses, r) {
			outcomes = append(outcomes, &sparekey.AuthError{Reason: r})
		}
	}
	for _, outcome := range outcomes {
		for range 30 {
			a.Secret = sparekey.ParseSecret(h.newGuess())
			err := h.limiter.AroundLookup(t.Context(), a, func(context.Context) (sparekey.User, error) { return sparekey.User{}, outcome })
			if !errors.Is(err, outcome) {
				t.Fatalf("%v became %v", outcome, err)
			}
		}
	}
	h.guess(wrong, "ann", "192.0.2.1")
}

// TestKindsCountApart uses up what the one kind has, and then the other.
func TestKindsCountApart(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"application passwords", "sign-in"} {
		h := newHouse(t, rates)
		tries := map[string]func() bool{
			"application passwords": func() bool { return h.try("ann", h.newGuess(), "192.0.2.1") == wrong },
			"sign-in": func() bool {
				done, err := h.limiter.Try(t.Context(), "ann", h.newGuess(), netip.MustParseAddr("192.0.2.1"))
				if err == nil {
					done(&sparekey.AuthError{Reason: wrong})
				}
				return err == nil
			},
		}
		for range 3 {
			if !tries[first]() {
				t.Fatalf("%s: refused too early", first)
			}
		}
		if tries[first]() {
			t.Errorf("%s: a guess too many", first)
		}
		delete(tries, first)
		for second, try := range tries {
			for i := range 4 {
				if got := try(); got != (i < 3) {
					t.Errorf("%s after %s: guess %d allowed: %v", second, first, i, got)
				}
			}
		}
	}
}

// TestBrokenProgramLeavesTheOthersRoom has one program go on for an hour with an
// old secret, every second, at an address that others sign in from.
func TestBrokenProgramLeavesTheOthersRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // in which the pauses of the queue take no time
		h := newHouse(t, throttle.Config{})
		for second := range 3600 {
			h.try("robot", "old", "192.0.2.1")
			if second%600 == 599 {
				h.guess(wrong, "ann", "192.0.2.1")
				h.want(ok, "ann", h.secret, "192.0.2.1")
			}
			h.wait(time.Second)
		}
	})
}

func TestProtectKeepsHooks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rates)
	calls := ""
	config := h.limiter.Protect(sparekey.Config{
		AroundLookup: func(ctx context.Context, _ sparekey.Attempt, lookUp sparekey.Lookup) error {
			calls += "l"
			_, err := lookUp(ctx)
			return err
		},
		Check: func(context.Context, sparekey.Identity, sparekey.Attempt) error {
			calls += "c"
			return sparekey.Refuse("moon", "Not at night.")
		},
	})
	a := sparekey.Attempt{Login: "ann", Secret: sparekey.ParseSecret("x"), Addr: netip.MustParseAddr("192.0.2.9")}
	err := config.AroundLookup(t.Context(), a, func(context.Context) (sparekey.User, error) {
		return sparekey.User{ID: h.user}, &sparekey.AuthError{Reason: wrong}
	})
	if err == nil {
		t.Error("the refusal is lost")
	}
	if err := config.Check(t.Context(), sparekey.Identity{}, a); err == nil || calls != "lc" {
		t.Errorf("calls %s, %v", calls, err)
	}
	h.guess(wrong, "ann", "192.0.2.9")
	h.guess(wrong, "ann@example.com", "192.0.2.9")
	h.guess(throttled, "ann", "192.0.2.9") // so the user of the inner look-up counted
	var none *throttle.Limiter
	if c := none.Protect(sparekey.Config{}); c.AroundLookup != nil || c.Check != nil || c.Observe != nil || none.IsKnown(a.Addr) {
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
		if !attempt(h.newGuess(), guess) {
			t.Fatal("refused too early")
		}
	}
	if attempt(h.newGuess(), guess) {
		t.Error("a guess too many")
	}
	if !attempt("right", nil) {
		t.Error("what was right here is refused")
	}
	if !h.limiter.IsKnown(addr) || h.limiter.IsKnown(netip.MustParseAddr("192.0.2.2")) {
		t.Error("it is not known where something was right")
	}
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
				h.try(fmt.Sprint("user", n), "wrong", fmt.Sprintf("192.0.2.%d", n%200))
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
