package login_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/throttle"
)

const strangers = 300

// stranger is the loopback address of a stranger, another one for each number.
func stranger(n int) netip.Addr { return netip.AddrFrom4([4]byte{127, 1, byte(n >> 8), byte(n)}) }

// order is which passwords were hashed, in their order. A hash of a stranger's password
// waits until release is closed or receives.
type order struct {
	mu      sync.Mutex
	hashed  []string
	release chan struct{}
	open    func() // closes release
}

func (o *order) watch(_, password string) {
	o.mu.Lock()
	o.hashed = append(o.hashed, password)
	o.mu.Unlock()
	if password == "stranger" {
		<-o.release
	}
}

func (o *order) position(password string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Index(o.hashed, password)
}

// answers counts what strangers were answered.
type answers struct {
	mu    sync.Mutex
	count map[string]int
}

func (a *answers) add(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count[outcomeOf(err)]++
}

func outcomeOf(err error) string {
	var refused *sparekey.AuthError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, login.BusyError{}):
		return "busy"
	case errors.As(err, &refused):
		return string(refused.Reason)
	}
	return err.Error()
}

// crowd has 300 strangers at the sign-in page while the page of a known address is opened.
// Each signs in through a server with its own session.
func crowd(t *testing.T, slots int, limiter *throttle.Limiter, test func(h *house, o *order, a *answers, all *sync.WaitGroup)) {
	t.Helper()
	now := time.Now()
	h := newHouseWith(t, memory.New(), false, &now, limiter)
	h.browser(t).want(right, "ok") // so that the address is known
	login.SetSlots(h.accounts, slots)
	o := &order{release: make(chan struct{})}
	o.open = sync.OnceFunc(func() { close(o.release) })
	t.Cleanup(o.open)
	time.AfterFunc(30*time.Second, o.open) // so that a test which fails comes to its end
	login.Watch(h.accounts, o.watch)
	a := &answers{count: map[string]int{}}
	var all sync.WaitGroup
	for n := range strangers {
		all.Go(func() {
			b := h.browser(t)
			a.add(b.answer(fmt.Sprintf("/in?login=ann&password=stranger&from=%s", stranger(n))))
		})
	}
	running := max(1, slots-1)
	busy := strangers - running - slots*login.WaitingPerSlot
	waitFor(t, func() bool {
		_, others := login.Waiting(h.accounts)
		a.mu.Lock()
		defer a.mu.Unlock()
		return others == slots*login.WaitingPerSlot && a.count["busy"] == busy
	})
	test(h, o, a, &all)
	if got := a.count; got["busy"] != busy || got["wrong_secret"] != strangers-busy || len(got) != 2 {
		t.Errorf("with %d slots, strangers were answered %v, want %d busy", slots, got, busy)
	}
	if !login.Free(h.accounts) {
		t.Error("places in the queue are lost")
	}
}

// answer is the refusal that a page answers.
func (b *browser) answer(page string) error {
	body := b.read(page)
	switch body {
	case "ok":
		return nil
	case "broken: " + login.BusyError{}.Error():
		return login.BusyError{}
	}
	return &sparekey.AuthError{Reason: sparekey.Reason(body)}
}

// waitFor waits until something is so.
func waitFor(t *testing.T, isSo func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !isSo(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it takes too long")
		}
	}
}

// TestCrowdOfStrangersHoldsUpNoKnownAddress has 300 strangers whose passwords are being
// hashed, for as long as the test wants. Strangers beyond the queue are refused at once. With
// more than one slot, a sign-in from a known address is served while all strangers wait; with
// one slot, right after the current hash.
func TestCrowdOfStrangersHoldsUpNoKnownAddress(t *testing.T) {
	t.Parallel()
	throttled := func() *throttle.Limiter { return throttle.New(throttle.Config{}) }
	unthrottled := func() *throttle.Limiter { return nil }
	for name, c := range map[string]struct {
		slots   int
		limiter func() *throttle.Limiter
	}{"2": {2, throttled}, "4": {4, throttled}, "not throttled": {2, unthrottled}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slots := c.slots
			crowd(t, slots, c.limiter(), func(h *house, o *order, _ *answers, all *sync.WaitGroup) {
				h.browser(t).want(right, "ok")
				if got := o.position("correct horse"); got != slots-1 {
					t.Errorf("hashed as number %d, want %d", got, slots-1)
				}
				o.open()
				all.Wait()
			})
		})
	}
	t.Run("1", func(t *testing.T) {
		t.Parallel()
		crowd(t, 1, throttled(), func(h *house, o *order, _ *answers, all *sync.WaitGroup) {
			all.Go(func() { h.browser(t).want(right, "ok") })
			waitFor(t, func() bool { good, _ := login.Waiting(h.accounts); return good == 1 })
			o.open()
			all.Wait()
			// A stranger's attempt is checked against the stored hash alone.
			if got := o.position("correct horse"); got != 1 {
				t.Errorf("hashed as number %d, want 1", got)
			}
		})
	})
}

// TestQueueIsFair has one address fill the queue. Others still get in, one by one in
// place of its newest attempts, and take turns with it.
func TestQueueIsFair(t *testing.T) {
	t.Parallel()
	for _, good := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			accounts := login.New(memory.New(), nil, time.Now)
			login.SetSlots(accounts, 1)
			leave, err := login.Enter(t.Context(), accounts, stranger(0), good)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var served []string
			busy := map[string]int{}
			enter := func(addr netip.Addr) {
				go func() {
					leave, err := login.Enter(t.Context(), accounts, addr, good)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						busy[addr.String()]++
						return
					}
					served = append(served, addr.String())
					leave()
				}()
				synctest.Wait()
			}
			for range login.WaitingPerSlot + 5 {
				enter(stranger(1))
			}
			enter(stranger(2))
			enter(stranger(2))
			enter(stranger(3))
			leave()
			synctest.Wait()
			if want := map[string]int{stranger(1).String(): 5 + 3}; fmt.Sprint(busy) != fmt.Sprint(want) {
				t.Errorf("busy: %v, want %v", busy, want)
			}
			first := strings.Join(served[:6], " ")
			if want := "127.1.0.1 127.1.0.2 127.1.0.3 127.1.0.1 127.1.0.2 127.1.0.1"; first != want || len(served) != login.WaitingPerSlot {
				t.Errorf("served %d, first %s, want %s", len(served), first, want)
			}
			if !login.Free(accounts) {
				t.Error("places in the queue are lost")
			}
		})
	}
}

// TestOneNetworkIsOneCaller has the addresses of one IPv6 network count as one.
func TestOneNetworkIsOneCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		accounts := login.New(memory.New(), nil, time.Now)
		login.SetSlots(accounts, 1)
		leave, err := login.Enter(t.Context(), accounts, stranger(0), false)
		if err != nil {
			t.Fatal(err)
		}
		outcomes := map[string]int{}
		var mu sync.Mutex
		enter := func(name, addr string) {
			go func() {
				leave, err := login.Enter(t.Context(), accounts, netip.MustParseAddr(addr), false)
				mu.Lock()
				defer mu.Unlock()
				if outcomes[name+" "+outcomeOf(err)]++; err == nil {
					leave()
				}
			}()
			synctest.Wait()
		}
		for n := range login.WaitingPerSlot {
			enter("neighbour", fmt.Sprintf("2001:db8::%x", n))
		}
		enter("other", "2001:db8:0:1::1")
		enter("mapped", "::ffff:192.0.2.1")
		enter("NAT64", "64:ff9b::192.0.2.2")
		leave()
		synctest.Wait()
		want := map[string]int{
			"neighbour busy": 3, "neighbour ok": login.WaitingPerSlot - 3, "other ok": 1, "mapped ok": 1, "NAT64 ok": 1,
		}
		if fmt.Sprint(outcomes) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", outcomes, want)
		}
	})
}

// TestWhoGivesUpLosesNoPlace ends the contexts of attempts that wait, and of some that
// get a slot at that moment.
func TestWhoGivesUpLosesNoPlace(t *testing.T) {
	t.Parallel()
	accounts := login.New(memory.New(), nil, time.Now)
	login.SetSlots(accounts, 2)
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%7)*time.Millisecond)
			defer cancel()
			leave, err := login.Enter(ctx, accounts, stranger(n%20), n%3 == 0)
			if err == nil {
				time.Sleep(time.Duration(n%3) * time.Millisecond)
				leave()
			} else if !errors.Is(err, login.BusyError{}) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if !login.Free(accounts) {
		t.Error("places in the queue are lost")
	}
}
