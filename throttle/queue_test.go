package throttle_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/throttle"
)

// lookUps makes look-ups in a queue, each of which takes a millisecond, and keeps their order.
type lookUps struct {
	throttle.Queue
	mu    sync.Mutex
	order []string
	wait  sync.WaitGroup
}

// start begins a look-up of a network, and returns once it waits or runs.
func (l *lookUps) start(t *testing.T, name string) {
	t.Helper()
	addr := netip.AddrFrom4([4]byte{192, 0, 2, name[0]})
	l.wait.Go(func() {
		leave, err := l.Acquire(t.Context(), addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer leave()
		l.mu.Lock()
		l.order = append(l.order, name)
		l.mu.Unlock()
		time.Sleep(time.Millisecond)
	})
	synctest.Wait()
}

// TestNetworksTakeTurns has one network with many waiting look-ups, and others with few.
func TestNetworksTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lookUps{Queue: throttle.NewQueue(1, 1000)}
		for _, name := range []string{"a1", "a2", "a3", "a4", "a5", "b1", "b2", "c1"} {
			l.start(t, name)
		}
		l.wait.Wait()
		if got, want := strings.Join(l.order, " "), "a1 b1 c1 a2 b2 a3 a4 a5"; got != want {
			t.Errorf("the order is %s, want %s", got, want)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if l.Networks() != 0 || l.Waiting() != 0 {
			t.Errorf("%d networks and %d look-ups are left", l.Networks(), l.Waiting())
		}
	})
}

// TestRateOfOneNetwork has one network's look-ups keep the pause, however many places there are.
func TestRateOfOneNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lookUps{Queue: throttle.NewQueue(8, 1000)}
		begin := time.Now()
		for range 100 {
			l.start(t, "a")
		}
		l.wait.Wait()
		if took, least := time.Since(begin), 99*(time.Millisecond+throttle.LookUpPause); took < least {
			t.Errorf("100 look-ups took %v, want %v or more", took, least)
		}
	})
}

// TestQueueIsBounded has more look-ups come than may wait: they begin early, the first come first,
// and of the network that has most of them.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lookUps{Queue: throttle.NewQueue(1, 10)}
		l.start(t, "b1")
		l.start(t, "b2")
		for range 100 {
			l.start(t, "a")
			if l.Waiting() > 10 {
				t.Fatalf("%d look-ups wait", l.Waiting())
			}
		}
		l.wait.Wait()
		if len(l.order) != 102 {
			t.Errorf("%d look-ups were made of 102", len(l.order))
		}
		if i := slices.Index(l.order, "b2"); i < 2 || i > 95 {
			t.Errorf("b2 came as number %d", i)
		}
	})
}

// TestWaitersWhoLeave has clients hang up while they wait: the others move up.
func TestWaitersWhoLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lookUps{Queue: throttle.NewQueue(1, 1000)}
		l.start(t, "a")
		ctx, cancel := context.WithCancel(t.Context())
		for range 50 {
			l.wait.Go(func() {
				if _, err := l.Acquire(ctx, netip.MustParseAddr("192.0.2.9")); err == nil {
					t.Error("a client that hung up has a place")
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		if l.Waiting() != 0 {
			t.Errorf("%d look-ups wait", l.Waiting())
		}
		l.start(t, "b")
		l.wait.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if l.Networks() != 0 || len(l.order) != 2 {
			t.Errorf("%d networks are left; the order is %v", l.Networks(), l.order)
		}
	})
}

// TestFloodWaitsWhereItFailed floods from one address with a slow store. A credential that is
// presented there for the first time waits for its turn behind the flood, and passes; those that
// were right there do not wait, and neither does another address.
func TestFloodWaitsWhereItFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := throttle.New(throttle.Config{PerLogin: rates.PerLogin, PerAddress: rates.PerAddress})
		lookUp := func(secret, addr string) (time.Duration, error) {
			begin := time.Now()
			a := sparekey.Attempt{Login: "ann", Secret: sparekey.ParseSecret(secret), Addr: netip.MustParseAddr(addr)}
			err := l.AroundLookup(t.Context(), a, func(context.Context) (sparekey.User, error) {
				time.Sleep(time.Millisecond)
				if strings.HasPrefix(secret, "right") {
					return sparekey.User{ID: "1"}, nil
				}
				return sparekey.User{ID: "1"}, &sparekey.AuthError{Reason: wrong}
			})
			if err == nil {
				_ = l.Check(t.Context(), sparekey.Identity{}, a)
			}
			return time.Since(begin), err
		}
		if _, err := lookUp("right before", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
		_, _ = lookUp("wrong", "192.0.2.1")
		var flood sync.WaitGroup
		for i := range 200 {
			flood.Go(func() {
				if _, err := lookUp(strings.Repeat("x", i+1), "192.0.2.1"); err == nil {
					t.Error("a wrong secret is accepted")
				}
			})
		}
		synctest.Wait()
		for _, c := range []struct {
			secret, addr string
			least, most  time.Duration
		}{
			{"right before", "192.0.2.1", 0, 2 * time.Millisecond},
			{"right elsewhere", "192.0.2.2", 0, 2 * time.Millisecond},
			{"right, and new", "192.0.2.1", 100 * time.Millisecond, time.Second},
		} {
			if took, err := lookUp(c.secret, c.addr); err != nil || took < c.least || took > c.most {
				t.Errorf("%s from %s took %v, %v", c.secret, c.addr, took, err)
			}
		}
		flood.Wait()
		time.Sleep(time.Second)
	})
}
