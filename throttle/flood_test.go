package throttle_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/throttle"
)

// TestMemoryIsBounded floods a limiter from far more addresses than it may store, with a
// login for each, and as many successes.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("a flood")
	}
	const keys, addresses = 5_000, 50_000
	config := rates
	config.Keys = keys
	h := newHouse(t, config)
	before := heap()
	for i := range addresses {
		addr := fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff)
		h.try(fmt.Sprint(i), "wrong", addr)
		a := sparekey.Attempt{Login: fmt.Sprint(i), Secret: sparekey.ParseSecret(fmt.Sprint(i)), Addr: netip.MustParseAddr(addr)}
		if err := h.limiter.Check(t.Context(), sparekey.Identity{}, a); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.limiter.Size(); n > 5*keys+1 { // networks, logins there, wrong secrets, successes, sightings
		t.Errorf("%d keys are held, of %d allowed", n, 5*keys+1)
	}
	if grown := heap() - before; grown > keys*700 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	h.want("ok", "ann", h.secret, "192.0.2.1")
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestOffendersAreNotWashedAway floods the limiter to make it evict the keys that failed
// most.
func TestOffendersAreNotWashedAway(t *testing.T) {
	t.Parallel()
	config := rates
	config.Keys = 200
	h := newHouse(t, config)
	for i := range 6 {
		h.guess(unknown, fmt.Sprint("user", i), "192.0.2.1")
	}
	for i := range 2000 {
		h.try("ann", "wrong", fmt.Sprintf("198.18.%d.%d", i>>8, i&0xff))
	}
	h.guess(throttled, "user9", "192.0.2.1")
}

func BenchmarkRight(b *testing.B) {
	l := throttle.New(throttle.Config{})
	a := sparekey.Attempt{Login: "ann", Secret: sparekey.NewSecret(), Addr: netip.MustParseAddr("192.0.2.1")}
	found := func(context.Context) (sparekey.User, error) { return sparekey.User{ID: "1"}, nil }
	b.ReportAllocs()
	for b.Loop() {
		if l.AroundLookup(b.Context(), a, found) != nil || l.Check(b.Context(), sparekey.Identity{}, a) != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkWrong(b *testing.B) {
	l := throttle.New(throttle.Config{})
	wrong := func(context.Context) (sparekey.User, error) {
		return sparekey.User{ID: "1"}, &sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a := sparekey.Attempt{Login: "ann", Secret: sparekey.ParseSecret("x"), Addr: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
		if l.AroundLookup(b.Context(), a, wrong) == nil {
			b.Fatal("accepted")
		}
	}
}
