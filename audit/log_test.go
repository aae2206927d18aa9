package audit_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/testclock"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// site is a service with a log.
type site struct {
	*sparekey.Service
	log   *audit.Log
	store *memory.Store
	clock *testclock.Clock
	ann   sparekey.User
}

func newSite(tb testing.TB, config audit.Config) *site {
	tb.Helper()
	s := &site{store: memory.New(), clock: testclock.New(noon)}
	config.Now = s.clock.Now
	s.log = audit.New(s.store, config)
	s.Service = sparekey.New(s.store, s.store, sparekey.Config{Record: s.log.Record, Observe: s.log.Observe, Now: s.clock.Now})
	var err error
	if s.ann, err = s.store.CreateUser(tb.Context(), sparekey.User{Login: "ann"}, ""); err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s *site) create(tb testing.TB, limits sparekey.Limits) (sparekey.Secret, sparekey.Credential) {
	tb.Helper()
	secret, c, err := s.As(s.ann).Create(tb.Context(), s.ann.ID, sparekey.NewCredential{Name: "Phone", Limits: limits})
	if err != nil {
		tb.Fatal(err)
	}
	return secret, c
}

func (s *site) flush(tb testing.TB) {
	tb.Helper()
	if err := s.log.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// records returns what is in the log after a number.
func (s *site) records(tb testing.TB, after uint64) (all []audit.Record) {
	tb.Helper()
	for _, line := range lines(tb, s.store) {
		if r := parsed(tb, line); r.Seq > after {
			r.Prev, r.Hash = audit.Hash{}, audit.Hash{}
			all = append(all, r)
		}
	}
	return all
}

// attempt is one from an address, that came as GET of a target.
func (s *site) attempt(secret sparekey.Secret, addr, target string) {
	_, _ = s.Authenticate(context.Background(), sparekey.Attempt{
		Login: "ann", Secret: secret, Addr: netip.MustParseAddr(addr), Secure: true,
		Request: sparekey.Request{Method: "GET", Target: target},
	})
}

func wantRecords(tb testing.TB, got []audit.Record, want ...audit.Record) {
	tb.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		tb.Errorf("records:\ngot  %s\nwant %s", strings.ReplaceAll(g, "} {", "}\n     {"), strings.ReplaceAll(w, "} {", "}\n     {"))
	}
}

func TestManagementIsOnRecord(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{Operator: "root"})
	networks, err := sparekey.ParseNetworks([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	scopes, err := scope.Parse([]string{"GET /x*"})
	if err != nil {
		t.Fatal(err)
	}
	_, c := s.create(t, sparekey.Limits{Expires: noon.Add(time.Hour), MaxUses: 3, Networks: networks, Scopes: scopes})
	m := s.AsOperator()
	if _, err := m.Rename(t.Context(), s.ann.ID, c.UUID, "Tablet"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Limit(t.Context(), s.ann.ID, c.UUID, sparekey.Limits{MaxUses: 5}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Rotate(t.Context(), s.ann.ID, c.UUID, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Revoke(t.Context(), s.ann.ID, c.UUID); err != nil {
		t.Fatal(err)
	}
	by := func(seq uint64, kind sparekey.Kind, change func(*audit.Record)) audit.Record {
		r := audit.Record{
			Version: 1, Seq: seq, Time: noon, Kind: kind, User: s.ann.ID, Login: "ann", Credential: c.UUID, Name: "Tablet", Operator: "root",
		}
		change(&r)
		return r
	}
	wantRecords(t, s.records(t, 0),
		by(1, sparekey.KindCreated, func(r *audit.Record) {
			r.Name, r.Operator, r.Actor, r.ActorLogin = "Phone", "", s.ann.ID, "ann"
			r.Expires, r.MaxUses, r.Scopes, r.Networks = noon.Add(time.Hour), 3, []string{"GET /x*"}, []string{"10.0.0.0/8"}
		}),
		by(2, sparekey.KindRenamed, func(*audit.Record) {}),
		by(3, sparekey.KindLimited, func(r *audit.Record) { r.MaxUses = 5 }),
		by(4, sparekey.KindRotated, func(r *audit.Record) { r.OldUntil = noon.Add(time.Minute) }),
		by(5, sparekey.KindRevoked, func(*audit.Record) {}))
}

// TestActingCredential tells who managed with an application password.
func TestActingCredential(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{})
	_, acting := s.create(t, sparekey.Limits{})
	_, _, err := s.AsCaller(sparekey.Identity{User: s.ann, Credential: acting}).Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "Another"})
	if err != nil {
		t.Fatal(err)
	}
	if r := s.records(t, 1); len(r) != 1 || r[0].By != acting.UUID || r[0].Actor != s.ann.ID {
		t.Errorf("got %+v", r)
	}
}

// TestUsesAndRefusals are one record for each group, at first soon and then
// once in a while.
func TestUsesAndRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{})
	secret, c := s.create(t, sparekey.Limits{})
	tick := func(d time.Duration) {
		s.clock.Pass(d)
		if err := audit.FlushDue(t.Context(), s.log); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		s.clock.Pass(time.Second)
		s.attempt(secret, "192.0.2.1", fmt.Sprintf("/first/%d?secret=1", i))
	}
	s.attempt(sparekey.NewSecret(), "192.0.2.9", "/login")
	use := audit.Record{
		Version: 1, Seq: 2, Time: noon.Add(3 * time.Second), Kind: audit.KindUsed, User: s.ann.ID, Login: "ann", Credential: c.UUID, Name: "Phone",
		Addr: netip.MustParseAddr("192.0.2.1"), Method: "GET", Path: "/first/0", Count: 3, Since: noon.Add(time.Second),
	}
	refusal := audit.Record{
		Version: 1, Seq: 3, Time: noon.Add(3 * time.Second), Kind: sparekey.KindRefused, User: s.ann.ID, Login: "ann",
		Addr: netip.MustParseAddr("192.0.2.9"), Method: "GET", Path: "/login", Reason: sparekey.ReasonWrongSecret,
	}
	if got := s.records(t, 1); len(got) > 0 {
		t.Errorf("written before they were flushed: %+v", got)
	}
	tick(7 * time.Second)
	refusal.Seq, use.Seq = 2, 3
	wantRecords(t, s.records(t, 1), refusal, use)

	s.attempt(secret, "192.0.2.1", "/second")
	tick(time.Minute)
	wantRecords(t, s.records(t, 3)) // not yet
	s.attempt(secret, "192.0.2.1", "/third")
	tick(time.Hour)
	use.Seq, use.Count, use.Path = 4, 2, "/second"
	use.Since, use.Time = noon.Add(10*time.Second), noon.Add(70*time.Second)
	wantRecords(t, s.records(t, 3), use)
	tick(2 * time.Hour)
	wantRecords(t, s.records(t, 4))
	if n := audit.Groups(s.log); n != 0 {
		t.Errorf("%d quiet callers are counted separately", n)
	}
	if _, err := audit.Verify(t.Context(), s.store, nil); err != nil {
		t.Error(err)
	}
}

// TestOneCredentialHidesNoOther uses credentials of little worth from 2,000 addresses
// each, so that the use and the refusal of a stolen one would go under.
func TestOneCredentialHidesNoOther(t *testing.T) {
	t.Parallel()
	const callers, addresses = 200, 2000
	for _, low := range []int{1, 10} {
		s := newSite(t, audit.Config{Callers: callers})
		stolen, stolenToo := sparekey.Event{}, 0
		c := sparekey.Credential{UUID: "stolen", Name: "Phone"}
		use := func(kind sparekey.Kind, credential sparekey.Credential, addr string, reason sparekey.Reason) {
			s.log.Observe(t.Context(), sparekey.Event{
				Kind: kind, Time: noon, Reason: reason, User: s.ann, Credential: credential, Addr: netip.MustParseAddr(addr), Rule: addr,
			})
		}
		for n := range low {
			cheap := sparekey.Credential{UUID: fmt.Sprint(n), Name: "Phone"}
			for i := range addresses {
				addr := fmt.Sprintf("10.%d.%d.%d", n, i/250, i%250+1)
				use(sparekey.KindAuthenticated, cheap, addr, "")
				use(sparekey.KindRefused, cheap, addr, sparekey.Reason(fmt.Sprint("moon ", i)))
			}
		}
		use(sparekey.KindAuthenticated, c, "192.0.2.66", "")
		use(sparekey.KindRefused, c, "192.0.2.66", sparekey.ReasonExpired)
		if n := audit.Groups(s.log); n > 2*(low+1)*(50+9) { // of uses and of refusals
			t.Errorf("%d entries are in memory", n)
		}
		s.flush(t)
		total, of := 0, map[string]int{}
		for _, r := range s.records(t, 0) {
			total += max(r.Count, 1)
			of[r.Credential]++
			if r.Credential == "" || r.User != s.ann.ID || r.Login != "ann" || r.Name != "Phone" || r.Overflow && (r.Addr.IsValid() || r.Rule != "") {
				t.Errorf("%+v", r)
			}
			if r.Credential == c.UUID {
				stolenToo++
				stolen.Addr = r.Addr
			}
		}
		if total != 2*(low*addresses+1) || stolenToo != 2 || len(of) != low+1 {
			t.Errorf("%d cheap ones: %d events, %d of the stolen one, of %d credentials", low, total, stolenToo, len(of))
		}
		if low == 1 && stolen.Addr != netip.MustParseAddr("192.0.2.66") {
			t.Errorf("the stolen one was used from %v", stolen.Addr)
		}
		s.clock.Pass(2 * time.Hour)
		s.flush(t)
		if n := audit.Groups(s.log); n != 0 {
			t.Errorf("%d entries are in memory when all are quiet", n)
		}
	}
}

// TestCredentialsBeyondTheBound uses more credentials than are counted separately.
func TestCredentialsBeyondTheBound(t *testing.T) {
	t.Parallel()
	const callers, credentials = 4, 1000
	s := newSite(t, audit.Config{Callers: callers})
	for i := range credentials {
		s.log.Observe(t.Context(), sparekey.Event{
			Kind: sparekey.KindAuthenticated, Time: noon, User: s.ann, Credential: sparekey.Credential{UUID: fmt.Sprint(i)}, Addr: netip.MustParseAddr("192.0.2.1"),
		})
	}
	if n := audit.Groups(s.log); n != callers+10*callers+1 {
		t.Errorf("%d entries are in memory", n)
	}
	s.flush(t)
	total := 0
	for _, r := range s.records(t, 0) {
		total += max(r.Count, 1)
	}
	if total != credentials {
		t.Errorf("%d of %d are on record", total, credentials)
	}
}

// TestNetworksOfIPv6 uses one credential from many addresses of a network, which are
// one caller's, and from another network.
func TestNetworksOfIPv6(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{})
	secret, c := s.create(t, sparekey.Limits{})
	for i := range 100 {
		s.attempt(secret, fmt.Sprintf("2001:db8::1:%x", i), "/")
	}
	s.attempt(secret, "2001:db8:0:1::1", "/")
	s.attempt(secret, "192.0.2.1", "/")
	s.attempt(secret, "::ffff:192.0.2.1", "/")
	s.flush(t)
	counts := map[string]int{}
	for _, r := range s.records(t, 1) {
		if r.Credential != c.UUID || r.Overflow {
			t.Errorf("%+v", r)
		}
		counts[r.Addr.String()] = max(r.Count, 1)
	}
	if fmt.Sprint(counts) != "map[192.0.2.1:2 2001:db8:0:1::1:1 2001:db8::1:0:100]" {
		t.Errorf("%v", counts)
	}
}

// TestFlood has attempts from 10,000 addresses. Memory and log stay bounded, all attempts
// are counted, and callers with a right secret are still counted separately.
func TestFlood(t *testing.T) {
	t.Parallel()
	const callers, attempts = 100, 10_000
	s := newSite(t, audit.Config{Callers: callers})
	right, c := s.create(t, sparekey.Limits{Expires: noon.Add(time.Second)})
	wrong := sparekey.NewSecret()
	s.attempt(right, "192.0.2.1", "/")
	for i := range attempts {
		s.attempt(wrong, fmt.Sprintf("10.0.%d.%d", i/256, i%256), "/")
		s.log.Observe(t.Context(), sparekey.Event{ // a hook that makes reasons up
			Kind: sparekey.KindRefused, Time: noon, Reason: sparekey.Reason(fmt.Sprint(i)), Addr: netip.MustParseAddr("10.9.9.9"),
		})
	}
	s.clock.Pass(time.Second)
	s.attempt(right, "192.0.2.1", "/")
	if n := audit.Groups(s.log); n > callers+64+2+2 {
		t.Errorf("%d entries are in memory", n)
	}
	s.flush(t)
	counted, overflowed, records := 0, 0, s.records(t, 1)
	kinds := map[sparekey.Kind]int{}
	for _, r := range records {
		n := max(r.Count, 1)
		kinds[r.Kind]++
		if r.Credential == "" {
			counted += n
		}
		if r.Overflow {
			overflowed += n
			if r.Addr.IsValid() || r.User != "" || r.Path != "" {
				t.Errorf("a record of many has one's: %+v", r)
			}
		}
	}
	if counted != 2*attempts || overflowed < 2*attempts-callers || len(records) > callers+64+2+2 {
		t.Errorf("%d records of %d attempts, %d of them in an overflow", len(records), counted, overflowed)
	}
	if last := records[len(records)-1]; last.Reason != sparekey.ReasonExpired || last.Credential != c.UUID || kinds[audit.KindUsed] != 1 {
		t.Errorf("the good client: %+v, %v", last, kinds)
	}
}

// TestReconciled has a store that reconciles what another program overwrote.
func TestReconciled(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{})
	for _, kind := range []sparekey.Kind{sparekey.KindReRevoked, sparekey.KindRestored, sparekey.KindConflict} {
		for range 2 {
			s.log.Observe(t.Context(), sparekey.Event{
				Kind: kind, Time: noon, User: sparekey.User{ID: "1"}, Credential: sparekey.Credential{UUID: "c", Name: "Phone"},
			})
		}
	}
	s.flush(t)
	one := func(seq uint64, kind sparekey.Kind) audit.Record {
		return audit.Record{Version: 1, Seq: seq, Time: noon, Kind: kind, User: "1", Credential: "c", Name: "Phone", Count: 2, Since: noon}
	}
	wantRecords(t, s.records(t, 0), one(1, sparekey.KindConflict), one(2, sparekey.KindRestored), one(3, sparekey.KindReRevoked))
}

// TestUsage counts exactly, and keeps the last addresses.
func TestUsage(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{Addresses: 2, Callers: 2})
	secret, c := s.create(t, sparekey.Limits{})
	for i := range 9 {
		s.clock.Pass(time.Second)
		s.attempt(secret, fmt.Sprintf("192.0.2.%d", i), "/")
		if i%2 == 0 {
			s.flush(t)
		}
	}
	s.attempt(secret, "192.0.2.7", "/")
	s.flush(t)
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	got, err := s.store.Usage(t.Context(), c.UUID)
	want := audit.Usage{Credential: c.UUID, Count: 10, Addresses: []audit.Address{
		{Addr: "192.0.2.7", First: at(8), Last: at(9)}, {Addr: "192.0.2.8", First: at(9), Last: at(9)},
	}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v, %v\nwant %v", got, err, want)
	}
}

// TestManyAddresses keeps the last addresses of a caller with a right secret and many
// addresses, and still counts all uses.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{Addresses: 3})
	secret, c := s.create(t, sparekey.Limits{})
	for i := range 1000 {
		s.clock.Pass(time.Second)
		s.attempt(secret, fmt.Sprintf("2001:db8::%x", i), "/")
	}
	if n := audit.AddressesOf(s.log, c.UUID); n != 3 {
		t.Errorf("%d addresses are in memory", n)
	}
	s.flush(t)
	u, err := s.store.Usage(t.Context(), c.UUID)
	if err != nil || u.Count != 1000 || len(u.Addresses) != 3 || u.Addresses[0].Addr != "2001:db8::3e7" || u.Addresses[2].Addr != "2001:db8::3e5" {
		t.Errorf("got %+v, %v", u, err)
	}
}

// failing is a store that cannot be written to at times.
type failing struct {
	*memory.Store
	broken bool
}

var errFull = errors.New("the disk is full")

func (s *failing) AppendAudit(ctx context.Context, build func(audit.Line) (audit.Addition, error)) error {
	if s.broken {
		return errFull
	}
	return s.Store.AppendAudit(ctx, build)
}

func (s *failing) AddUsage(ctx context.Context, all []audit.Usage, addresses int) error {
	if s.broken {
		return errFull
	}
	return s.Store.AddUsage(ctx, all, addresses)
}

// TestFullDisk loses nothing of what was counted, and acknowledges nothing that is
// not on record.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{})
	secret, c := s.create(t, sparekey.Limits{})
	store := &failing{Store: s.store, broken: true}
	s.log = audit.New(store, audit.Config{Now: s.clock.Now})
	s.Service = sparekey.New(s.store, s.store, sparekey.Config{Record: s.log.Record, Observe: s.log.Observe, Now: s.clock.Now})
	if _, err := s.As(s.ann).Revoke(t.Context(), s.ann.ID, c.UUID); err == nil || sparekey.Refused(err) {
		t.Errorf("revoked without a record: %v", err)
	}
	if err := s.store.Insert(t.Context(), c, nil); err != nil && !errors.Is(err, sparekey.ErrConflict) {
		t.Fatal(err)
	}
	for range 3 {
		s.attempt(secret, "192.0.2.1", "/")
		if err := s.log.Flush(t.Context()); !errors.Is(err, errFull) {
			t.Errorf("Flush: %v", err)
		}
		s.clock.Pass(time.Second)
	}
	store.broken = false
	s.flush(t)
	got := s.records(t, 1)
	if len(got) != 1 || got[0].Count != 3 || !got[0].Since.Equal(noon) || !got[0].Time.Equal(noon.Add(2*time.Second)) {
		t.Errorf("got %+v", got)
	}
	if u, err := s.store.Usage(t.Context(), c.UUID); err != nil || u.Count != 3 || len(u.Addresses) != 1 {
		t.Errorf("got %+v, %v", u, err)
	}
}

// TestNoSecrets looks for all that must not be in a log.
func TestNoSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{})
	secret, c := s.create(t, sparekey.Limits{})
	if _, _, err := s.As(s.ann).Rotate(t.Context(), s.ann.ID, c.UUID, time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{
		"/path?token=query-secret", "/path#query-secret", "https://user:query-secret@example.org/path?x", "https://query-secret", "query-secret",
		"*", "//query-host/path",
	} {
		s.attempt(secret, "192.0.2.1", target)
		s.flush(t)
	}
	_, err := s.Authenticate(t.Context(), sparekey.Attempt{Login: "query-secret", Secret: secret, Secure: true})
	if !sparekey.Refused(err) {
		t.Fatal(err)
	}
	s.flush(t)
	list, err := s.store.List(t.Context(), s.ann.ID)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines(t, s.store), "\n")
	for _, never := range []string{secret.Reveal(), "query-secret", list[0].Hash, list[0].OldHash, list[0].Hash[9:]} {
		if strings.Contains(all, never) {
			t.Errorf("the log has %q:\n%s", never, all)
		}
	}
	if !strings.Contains(all, `"path":"/path"`) {
		t.Errorf("the log has no path:\n%s", all)
	}
}

// TestLongText keeps lines short, whatever callers send.
func TestLongText(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{})
	long := strings.Repeat("é\U0001f511", 1<<20)
	s.log.Observe(t.Context(), sparekey.Event{
		Kind: sparekey.KindRefused, Time: noon, Reason: sparekey.Reason(long), Rule: long, Request: sparekey.Request{Method: long, Target: "/" + long},
		User: sparekey.User{ID: long, Login: long}, Credential: sparekey.Credential{UUID: long, Name: long},
	})
	s.flush(t)
	if all := lines(t, s.store); len(all) != 1 || len(all[0]) > 32<<10 {
		t.Errorf("%d lines, the first of %d bytes", len(all), len(all[0]))
	}
}

func TestRunFlushesAtTheEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{FlushInterval: time.Hour, Failed: func(err error) { t.Errorf("Run: %v", err) }})
	secret, _ := s.create(t, sparekey.Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.log.Run(ctx)
	}()
	s.attempt(secret, "192.0.2.1", "/")
	cancel()
	<-done
	if got := s.records(t, 1); len(got) != 1 || got[0].Kind != audit.KindUsed {
		t.Errorf("got %+v", got)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	for _, key := range []audit.Key{nil, audit.Key("k")} {
		s := recorded(t, audit.Config{Key: key}, 5000) // a minute apart
		before, err := audit.Verify(t.Context(), s, key)
		if err != nil {
			t.Fatal(err)
		}
		log := audit.New(s, audit.Config{Key: key, Now: func() time.Time { return noon.AddDate(1, 0, 0) }})
		if err := log.Prune(t.Context(), noon.Add(4000*time.Minute)); err != nil {
			t.Fatal(err)
		}
		report, err := audit.Verify(t.Context(), s, key, before.Head)
		if err != nil || report.First != 4001 || report.Lines != 1000+2 {
			t.Errorf("%+v, %v", report, err)
		}
		if err := log.Prune(t.Context(), noon.Add(4000*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if again, err := audit.Verify(t.Context(), s, key); err != nil || again != report {
			t.Errorf("nothing to remove: %+v, %v", again, err)
		}
		if err := log.Prune(t.Context(), noon.AddDate(9, 0, 0)); err != nil {
			t.Fatal(err)
		}
		report, err = audit.Verify(t.Context(), s, key, report.Head)
		if err != nil || report.Lines > 2 || report.Lines == 0 {
			t.Errorf("all of it is old: %+v, %v", report, err)
		}
		if _, err := audit.Verify(t.Context(), s, key, before.Head); !errors.Is(err, audit.ErrPruned) {
			t.Errorf("a head that was removed: %v", err)
		}
		all := lines(t, s)
		if _, err := verify(key, all[1:]); len(all) > 1 && brokenAt(err) != 1 {
			t.Errorf("one line more than the checkpoint says: %v", err)
		}
	}
}

// TestPruneBroken keeps the traces of a person who changed the log.
func TestPruneBroken(t *testing.T) {
	t.Parallel()
	good := lines(t, recorded(t, audit.Config{}, 9))
	s := memory.New()
	err := s.AppendAudit(t.Context(), func(audit.Line) (audit.Addition, error) {
		var a audit.Addition
		for i, line := range good {
			a.Lines = append(a.Lines, audit.Line{Seq: uint64(i + 1), Text: strings.Replace(line, `"user":"3"`, `"user":"4"`, 1)})
		}
		return a, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = audit.New(s, audit.Config{}).Prune(t.Context(), noon.AddDate(1, 0, 0))
	if brokenAt(err) != 4 || len(lines(t, s)) != 9 {
		t.Errorf("%v, %d lines are left", err, len(lines(t, s)))
	}
}

func BenchmarkObserve(b *testing.B) {
	log := audit.New(memory.New(), audit.Config{})
	e := sparekey.Event{
		Kind: sparekey.KindAuthenticated, Time: noon, User: sparekey.User{ID: "1"}, Addr: netip.MustParseAddr("192.0.2.1"),
		Credential: sparekey.Credential{UUID: "2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d"}, Request: sparekey.Request{Method: "GET", Target: "/posts?x"},
	}
	b.ReportAllocs()
	for b.Loop() {
		log.Observe(b.Context(), e)
	}
}
