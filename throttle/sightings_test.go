package throttle_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/throttle"
)

// record are Sightings in memory, which may fail.
type record struct {
	mu     sync.Mutex
	seen   map[[16]byte]time.Time
	writes int
	broken bool
	key    string // of 32 bytes, or empty for one that is always the same
}

func (r *record) LoadSightings(context.Context, int) ([]byte, map[[16]byte]time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return nil, nil, errors.New("on fire")
	}
	return []byte(cmp.Or(r.key, "0123456789abcdef0123456789abcdef")), maps.Clone(r.seen), nil
}

func (r *record) SaveSightings(_ context.Context, seen map[[16]byte]time.Time, _ int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return errors.New("on fire")
	}
	if r.seen == nil {
		r.seen = map[[16]byte]time.Time{}
	}
	maps.Copy(r.seen, seen)
	r.writes += len(seen)
	return nil
}

// stop has a limiter write what it would write when its process ends.
func stop(t *testing.T, l *throttle.Limiter) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.Run(ctx)
}

// restart is a limiter of a later process on the same record.
func restart(t *testing.T, r *record, now func() time.Time) *throttle.Limiter {
	t.Helper()
	config := rates
	config.Sightings, config.Now = r, now
	l := throttle.New(config)
	if err := l.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// right has something be right at an address.
func right(t *testing.T, l *throttle.Limiter, login, secret, addr string) {
	t.Helper()
	a := sparekey.Attempt{Login: login, Secret: sparekey.ParseSecret(secret), Addr: netip.MustParseAddr(addr)}
	if err := l.Check(t.Context(), sparekey.Identity{}, a); err != nil {
		t.Fatal(err)
	}
}

func TestRightFromWhereSurvivesARestart(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	clock := func() time.Time { return now }
	r := &record{}
	l := restart(t, r, clock)
	for range 100 {
		right(t, l, "ann", "secret", "192.0.2.1")
		right(t, l, "ann", "secret", "2001:db8::1")
	}
	done, err := l.Try(t.Context(), "bob", "main password", netip.MustParseAddr("192.0.2.7"))
	if err != nil {
		t.Fatal(err)
	}
	done(nil)
	stop(t, l)
	if r.writes != 6 {
		t.Errorf("%d sightings were written, want a network and a login for each of three", r.writes)
	}
	now = now.Add(2 * time.Hour)
	right(t, l, "ann", "secret", "192.0.2.1")
	if stop(t, l); r.writes != 6 {
		t.Errorf("%d sightings were written within a day", r.writes)
	}
	l = restart(t, r, clock)
	for addr, want := range map[string]bool{
		"192.0.2.1": true, "192.0.2.7": true, "2001:db8::ffff": true, "192.0.2.2": false, "2001:db8:0:1::1": false,
	} {
		if got := l.IsKnown(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is known: %v", addr, got)
		}
	}
	right(t, l, "ann", "secret", "192.0.2.1")
	if stop(t, l); r.writes != 6 {
		t.Errorf("%d sightings were written; a restart writes what is there already", r.writes)
	}
	now = now.Add(8 * 24 * time.Hour)
	if l.IsKnown(netip.MustParseAddr("192.0.2.1")) {
		t.Error("an address is known for longer than GoodFor")
	}
	right(t, l, "ann", "secret", "192.0.2.1")
	if stop(t, l); r.writes != 8 || !l.IsKnown(netip.MustParseAddr("192.0.2.1")) {
		t.Errorf("%d sightings were written after a week", r.writes)
	}
}

// TestSightingsAreKeyed has nothing of what was presented in the record, and other hashes for
// another key.
func TestSightingsAreKeyed(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return time.Unix(1_700_000_000, 0) }
	hashes := func(key, login, secret string) [][16]byte {
		r := &record{key: key}
		l := restart(t, r, clock)
		right(t, l, login, secret, "192.0.2.1")
		stop(t, l)
		return slices.SortedFunc(maps.Keys(r.seen), func(a, b [16]byte) int { return slices.Compare(a[:], b[:]) })
	}
	one := hashes("", "ann", "secret")
	if !slices.Equal(one, hashes("", " ANN", "another")) {
		t.Error("the hashes depend on the secret, or on the spelling")
	}
	if slices.Equal(one, hashes("", "bob", "secret")) || len(one) != 2 {
		t.Errorf("%d hashes for a login", len(one))
	}
	for _, h := range hashes(strings.Repeat("k", 32), "ann", "secret") {
		if slices.Contains(one, h) {
			t.Error("another key makes the same hash")
		}
	}
}

// TestSightingsThatCannotBeKept goes on without the record, and writes what is missing later.
func TestSightingsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return time.Unix(1_700_000_000, 0) }
	r := &record{broken: true}
	config := rates
	config.Sightings, config.Now = r, clock
	l := throttle.New(config)
	if l.Load(t.Context()) == nil {
		t.Error("the error is lost")
	}
	right(t, l, "ann", "secret", "192.0.2.1")
	stop(t, l)
	r.broken = false
	l = restart(t, r, clock)
	r.broken = true
	right(t, l, "ann", "secret", "192.0.2.1")
	if stop(t, l); r.writes != 0 || !l.IsKnown(netip.MustParseAddr("192.0.2.1")) {
		t.Error("it was written to a broken record")
	}
	r.broken = false
	if stop(t, l); r.writes != 2 {
		t.Errorf("%d sightings were written once that was possible", r.writes)
	}
}
