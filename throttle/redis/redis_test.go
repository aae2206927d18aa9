package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/throttle"
	"github.com/sparekey-dev/sparekey/throttle/redis"
)

// rates are large enough in time that nothing comes back during a test.
var rates = throttle.Config{
	PerLogin:   throttle.Rate{Failures: 4, Within: time.Hour},
	PerAddress: throttle.Rate{Failures: 8, Within: time.Hour},
	Site:       throttle.Rate{Failures: 12, Within: time.Hour},
}

// process is what one of several processes has.
type process struct {
	*throttle.Limiter
	t     *testing.T
	log   *bytes.Buffer
	clock atomic.Int64 // ahead of the real one, in nanoseconds
}

func newProcess(t *testing.T, url string) *process {
	t.Helper()
	counts, err := redis.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = counts.Close() })
	p := &process{t: t, log: &bytes.Buffer{}}
	config := rates
	config.Shared = counts
	config.Log = slog.New(slog.NewTextHandler(p.log, nil))
	config.Now = func() time.Time { return time.Now().Add(time.Duration(p.clock.Load())) }
	p.Limiter = throttle.New(config)
	return p
}

// guesses makes each secret another one.
var guesses atomic.Int64

func attempt(login, addr string) sparekey.Attempt {
	secret := sparekey.ParseSecret(fmt.Sprint("wrong", guesses.Add(1)))
	return sparekey.Attempt{Login: login, Secret: secret, Addr: netip.MustParseAddr(addr), Secure: true}
}

// isWrong is what a look-up finds of a wrong secret.
func isWrong(context.Context) (sparekey.User, error) {
	return sparekey.User{ID: "42"}, &sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}
}

// isUnknown is what a look-up finds of an unknown login.
func isUnknown(context.Context) (sparekey.User, error) {
	return sparekey.User{}, &sparekey.AuthError{Reason: sparekey.ReasonUnknownLogin}
}

// fails makes an attempt that fails, and reports whether it was not throttled.
func (p *process) fails(login, addr string) bool {
	return p.failsIn(p.t.Context(), login, addr, isUnknown)
}

func (p *process) failsIn(ctx context.Context, login, addr string, lookUp sparekey.Lookup) bool {
	p.t.Helper()
	var refused *sparekey.AuthError
	if err := p.AroundLookup(ctx, attempt(login, addr), lookUp); !errors.As(err, &refused) {
		p.t.Errorf("%s from %s: %v", login, addr, err)
		return false
	}
	return refused.Reason != sparekey.ReasonThrottled
}

func TestProcessesCountTogether(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t)
	a, b := newProcess(t, server.URL), newProcess(t, server.URL)
	a.clock.Store(int64(-3 * time.Hour)) // whose clock is wrong
	for range 2 {
		if !a.fails("ann", "192.0.2.1") || !b.fails("ann", "192.0.2.1") {
			t.Fatal("refused too early")
		}
	}
	if a.fails("ann", "192.0.2.1") || b.fails("ann", "192.0.2.1") {
		t.Error("four failures of a login are allowed; a fifth was let through")
	}
	for i := range 4 {
		if p := []*process{a, b}[i%2]; !p.fails(fmt.Sprint("user", i), "192.0.2.1") {
			t.Error("refused too early")
		}
	}
	if a.fails("user9", "192.0.2.1") || b.fails("user9", "192.0.2.1") {
		t.Error("eight failures of an address are allowed; a ninth was let through")
	}
	for i := range 4 {
		if !a.fails("ann", fmt.Sprint("192.0.3.", i)) {
			t.Error("refused elsewhere")
		}
	}
	if b.fails("ann", "192.0.3.0") {
		t.Error("past the ceiling of the site, an address that failed is let through")
	}
	if !b.fails("ann", "192.0.3.9") {
		t.Error("past the ceiling of the site, an address that did not fail is refused")
	}
}

func TestTryTakesBackEverywhere(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t)
	a, b := newProcess(t, server.URL), newProcess(t, server.URL)
	addr := netip.MustParseAddr("192.0.2.1")
	for i := range 20 {
		done, err := []*process{a, b}[i%2].Try(t.Context(), "ann", fmt.Sprint(i), addr)
		if err != nil {
			t.Fatalf("try %d: %v", i, err)
		}
		done(nil)
	}
	var begun atomic.Int64
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if _, err := []*process{a, b}[i%2].Try(t.Context(), "ann", fmt.Sprint("guess", i), addr); err == nil {
				begun.Add(1)
			}
		})
	}
	wg.Wait()
	if begun.Load() != 4 {
		t.Errorf("%d tries at the same moment, want 4", begun.Load())
	}
}

// TestServerGoesAndComesBack kills the server: each process continues with its own counts,
// neither allows nor refuses all callers, and reports it once.
func TestServerGoesAndComesBack(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t)
	a, b := newProcess(t, server.URL), newProcess(t, server.URL)
	for range 4 {
		a.fails("ann", "192.0.2.1")
	}
	if b.fails("ann", "192.0.2.1") {
		t.Error("let through while the server runs")
	}
	server.Kill()
	if a.fails("ann", "192.0.2.1") {
		t.Error("open without limit while the server is away")
	}
	for range 4 {
		if !b.fails("bob", "192.0.2.2") {
			t.Error("closed while the server is away")
		}
	}
	if b.fails("bob", "192.0.2.2") || b.IsShared() {
		t.Errorf("open without limit while the server is away (noticed: %v)", !b.IsShared())
	}
	server.Restart(t)
	b.clock.Add(int64(2 * time.Second)) // the pause between tries to reach it
	if b.fails("bob", "192.0.2.2") {
		t.Error("what this process counted is forgotten when the server begins anew")
	}
	for range 4 {
		b.fails("carl", "192.0.2.3")
	}
	if !b.IsShared() {
		t.Error("the server is back, and not asked")
	}
	a.clock.Add(int64(2 * time.Second))
	if a.fails("carl", "192.0.2.3") {
		t.Error("the processes do not count together again")
	}
	log := b.log.String()
	if strings.Count(log, "does not answer") != 1 || strings.Count(log, "answers again") != 1 {
		t.Errorf("the log is\n%s", log)
	}
}

// TestServerThatHangs stops answering without closing connections.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t)
	p := newProcess(t, server.URL)
	if !p.fails("ann", "192.0.2.1") {
		t.Fatal("refused too early")
	}
	options, err := goredis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(options)
	defer client.Close()
	if err := client.Do(t.Context(), "CLIENT", "PAUSE", "600000", "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	for i := range 500 { // which would take minutes if each waited
		if got := p.fails("ann", "192.0.2.1"); got != (i < 3) {
			t.Errorf("failure %d let through: %v", i+2, got)
		}
	}
	if p.IsShared() {
		t.Error("the failure was not reported")
	}
}

// TestCallersWhoLeave must not treat a caller who left as a server that failed.
func TestCallersWhoLeave(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t)
	a, b := newProcess(t, server.URL), newProcess(t, server.URL)
	for range 4 { // the client hangs up during the look-up
		gone, cancel := context.WithCancel(t.Context())
		a.failsIn(gone, "ann", "192.0.2.1", func(ctx context.Context) (sparekey.User, error) {
			cancel()
			return isUnknown(ctx)
		})
	}
	if b.fails("ann", "192.0.2.1") {
		t.Error("a caller who hangs up is not counted")
	}
	if !a.IsShared() {
		t.Error("a caller who hangs up switches the counts off")
	}
}

// TestKeysExpireAndTellNothing looks at what is in the server.
func TestKeysExpireAndTellNothing(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t)
	p := newProcess(t, server.URL)
	p.fails("Correct Horse Battery\r\nFLUSHALL\r\n", "2001:db8::1")
	options, err := goredis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(options)
	defer client.Close()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 7 { // the site, three networks, the login in each
		t.Fatalf("%q, %v", keys, err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "{sparekey}:throttle:") || strings.Contains(strings.ToLower(key), "horse") {
			t.Errorf("key %q", key)
		}
		if ttl, err := client.PTTL(t.Context(), key).Result(); err != nil || ttl <= 0 || ttl > time.Hour {
			t.Errorf("%q expires in %v, %v", key, ttl, err)
		}
	}
	zero := []throttle.Slot{{Key: throttle.Key{}}}
	counts, err := redis.Open(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer counts.Close()
	for _, n := range []int{-1, 0, 1} {
		if owed, err := counts.Add(t.Context(), n, zero); err != nil || owed[0] != 0 {
			t.Errorf("owed %v, %v", owed, err)
		}
	}
	if left, err := client.DBSize(t.Context()).Result(); left != 7 || err != nil {
		t.Errorf("a slot without a rate changed something: %d keys, %v", left, err)
	}
	// Whatever another program writes there, no caller is locked out for longer than the rate
	// says.
	for _, key := range keys {
		if err := client.Set(t.Context(), key, "99999999999999999999", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	slot := throttle.Slot{Rate: throttle.Rate{Failures: 4, Within: time.Hour}} // of the site
	if owed, err := counts.Add(t.Context(), 0, []throttle.Slot{slot}); err != nil || owed[0] != time.Hour {
		t.Errorf("owed %v, %v", owed, err)
	}
}

// TestListAndClear shows and clears what processes count together, in all of them.
func TestListAndClear(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t)
	a, b := newProcess(t, server.URL), newProcess(t, server.URL)
	for range 2 {
		a.failsIn(t.Context(), "ann", "192.0.2.1", isWrong)
		b.failsIn(t.Context(), "ann", "192.0.2.1", isWrong)
		a.fails("bob", "2001:db8::1")
		b.fails("bob", "2001:db8::1")
	}
	list := func(p *process) string {
		t.Helper()
		entries, err := p.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, e := range entries {
			texts = append(texts, fmt.Sprintf("%s %s %v %q", e.Kind, e.Network, e.Login, e.UserID))
		}
		slices.Sort(texts)
		return strings.Join(texts, "; ")
	}
	const ann, bob = `application password 192.0.2.1 true "42"`, `application password 2001:db8::/64 true ""`
	if got, other := list(a), list(b); got != ann+"; "+bob || other != got {
		t.Errorf("throttled are %s, and %s", got, other)
	}
	if _, err := newProcess(t, server.URL).Clear(t.Context(), throttle.Selection{UserID: "42"}); err != nil {
		t.Fatal(err)
	}
	if got := list(b); got != bob {
		t.Errorf("throttled are %s", got)
	}
	if _, err := a.Clear(t.Context(), throttle.Selection{}); err != nil {
		t.Fatal(err)
	}
	if got := list(b); got != "" {
		t.Errorf("throttled are %s", got)
	}
	server.Kill()
	if _, err := a.List(t.Context()); err == nil {
		t.Error("the server is gone, and its counts are listed without an error")
	}
}

// TestSightingsAreShared has one process know what was right from where in another.
func TestSightingsAreShared(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t)
	start := func() *throttle.Limiter {
		counts, err := redis.Open(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = counts.Close() })
		config := rates
		config.Shared, config.Sightings = counts, counts
		l := throttle.New(config)
		if err := l.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		return l
	}
	a := start()
	if err := a.Check(t.Context(), sparekey.Identity{}, attempt("ann", "192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	a.Run(ended)
	b := start()
	if !b.IsKnown(netip.MustParseAddr("192.0.2.1")) || b.IsKnown(netip.MustParseAddr("192.0.2.2")) {
		t.Error("it is not known what was right from where")
	}
	counts, err := redis.Open(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer counts.Close()
	key, before, err := counts.LoadSightings(t.Context(), 100)
	if err != nil || len(before) != 2 {
		t.Fatalf("%d sightings, %v", len(before), err)
	}
	newer := map[[16]byte]time.Time{{1}: time.Now().Add(time.Minute), {2}: time.Now().Add(time.Hour)}
	if err := counts.SaveSightings(t.Context(), newer, 3); err != nil {
		t.Fatal(err)
	}
	again, after, err := counts.LoadSightings(t.Context(), 100)
	if err != nil || len(after) != 3 || after[[16]byte{2}].Unix() != newer[[16]byte{2}].Unix() || !bytes.Equal(key, again) {
		t.Errorf("%d sightings are kept of four, want the latest three; %v", len(after), err)
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "redis", "http://127.0.0.1", "redis://u:hunter2@%zz/0", "redis://u:hunter2@host:port/x", "://"} {
		if _, err := redis.Open(url); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, url := range []string{"redis://127.0.0.1:6379/0", "rediss://u:p@keys.example:6380/1", "unix:///run/redis.sock?db=1"} {
		counts, err := redis.Open(url)
		if err != nil {
			t.Errorf("%q: %v", url, err)
			continue
		}
		_ = counts.Close()
	}
}

func BenchmarkShared(b *testing.B) {
	counts, err := redis.Open(testdb.StartRedis(b).URL)
	if err != nil {
		b.Fatal(err)
	}
	defer counts.Close()
	config := rates
	config.Shared = counts
	l := throttle.New(config)
	for b.Loop() {
		_ = l.AroundLookup(b.Context(), attempt("ann", "192.0.2.1"), isWrong)
	}
}
