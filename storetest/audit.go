package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
)

// AuditStore is a store that keeps the audit log, too.
type AuditStore interface {
	sparekey.Store
	audit.Store
}

// RunAudit tests a store of the audit log, as Run tests one of credentials.
func RunAudit(t *testing.T, open func(t *testing.T) AuditStore) {
	t.Helper()
	for _, c := range auditCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

type auditCase struct {
	name string
	run  func(testing.TB, AuditStore)
}

func auditCases() []auditCase {
	return []auditCase{
		{"AuditEmpty", testAuditEmpty},
		{"AuditAppend", testAuditAppend},
		{"AuditError", testAuditError},
		{"AuditQuery", testAuditQuery},
		{"AuditPrune", testAuditPrune},
		{"AuditCancelled", testAuditCancelled},
		{"AuditConcurrent", testAuditConcurrent},
		{"Atomically", testAtomically},
		{"Usage", testUsage},
		{"UsageAddresses", testUsageAddresses},
		{"UsageOfUnknown", testUsageOfUnknown},
		{"UsageOfDeleted", testUsageOfDeleted},
		{"UsageConcurrent", testUsageConcurrent},
	}
}

// line returns a line of the log. The stores know nothing of its hashes.
func line(r audit.Record) audit.Line { return audit.Line{Seq: r.Seq, Text: r.Line()} }

// numbered returns lines of a kind of their own each, a minute apart.
func numbered(to uint64) (lines []audit.Line) {
	for seq := uint64(1); seq <= to; seq++ {
		lines = append(lines, line(audit.Record{
			Seq: seq, Kind: sparekey.Kind(fmt.Sprint("kind", seq)), Time: created.Add(time.Duration(seq) * time.Minute),
		}))
	}
	return lines
}

func appendLines(tb testing.TB, s audit.Store, lines ...audit.Line) {
	tb.Helper()
	err := s.AppendAudit(tb.Context(), func(audit.Line) (audit.Addition, error) { return audit.Addition{Lines: lines}, nil })
	if err != nil {
		tb.Fatalf("AppendAudit: %v", err)
	}
}

func wantLines(tb testing.TB, s audit.Store, want ...audit.Line) {
	tb.Helper()
	got, err := s.ReadAudit(tb.Context(), audit.Query{})
	if err != nil || !slices.Equal(got, want) {
		tb.Errorf("ReadAudit:\ngot  %v, %v\nwant %v", got, err, want)
	}
}

func testAuditEmpty(tb testing.TB, s AuditStore) {
	wantLines(tb, s)
	called := false
	err := s.AppendAudit(tb.Context(), func(last audit.Line) (audit.Addition, error) {
		called = true
		if last != (audit.Line{}) {
			tb.Errorf("the last line of an empty log: %v", last)
		}
		return audit.Addition{}, nil
	})
	if err != nil || !called {
		tb.Errorf("AppendAudit of nothing: %v, build was called: %v", err, called)
	}
	wantLines(tb, s)
}

func testAuditAppend(tb testing.TB, s AuditStore) {
	lines := numbered(12)
	appendLines(tb, s, lines[0])
	appendLines(tb, s, lines[1:11]...)
	err := s.AppendAudit(tb.Context(), func(last audit.Line) (audit.Addition, error) {
		if last != lines[10] {
			tb.Errorf("the last line: got %v, want %v", last, lines[10])
		}
		return audit.Addition{Lines: lines[11:]}, nil
	})
	if err != nil {
		tb.Fatalf("AppendAudit: %v", err)
	}
	wantLines(tb, s, lines...)
}

func testAuditError(tb testing.TB, s AuditStore) {
	lines := numbered(2)
	appendLines(tb, s, lines[0])
	problem := errors.New("no")
	for _, err := range []error{problem, fmt.Errorf("wrapped: %w", sparekey.ErrForbidden)} {
		got := s.AppendAudit(tb.Context(), func(audit.Line) (audit.Addition, error) {
			return audit.Addition{Lines: lines[1:]}, err
		})
		wantError(tb, "AppendAudit", got, err)
	}
	wantLines(tb, s, lines[0])
}

func testAuditQuery(tb testing.TB, s AuditStore) {
	at := func(minute int) time.Time { return created.Add(time.Duration(minute) * time.Minute) }
	one := line(audit.Record{Seq: 1, Time: at(1), Kind: sparekey.KindCreated, User: alice, Actor: alice, Credential: "a", Name: `é "\` + "\x1b\U0001f511"})
	two := line(audit.Record{Seq: 2, Time: at(2), Kind: sparekey.KindRevoked, User: carol, Actor: alice, Credential: "b"})
	three := line(audit.Record{Seq: 3, Time: at(3), Kind: sparekey.KindRefused, User: bob, Credential: "A"})
	four := line(audit.Record{Seq: 4, Time: at(3), Kind: audit.KindUsed, User: carol, Credential: "a"})
	five := line(audit.Record{Seq: 5, Time: at(5), Kind: audit.KindCheckpoint})
	appendLines(tb, s, one, two, three, four, five)
	for _, c := range []struct {
		name  string
		query audit.Query
		want  []audit.Line
	}{
		{"all", audit.Query{}, []audit.Line{one, two, three, four, five}},
		{"after", audit.Query{After: 3}, []audit.Line{four, five}},
		{"after the end", audit.Query{After: 5}, nil},
		{"before", audit.Query{Before: 3}, []audit.Line{one, two}},
		{"the last before", audit.Query{Before: 4, Newest: true, Limit: 2}, []audit.Line{three, two}},
		{"owner or actor", audit.Query{User: alice}, []audit.Line{one, two}},
		{"owner", audit.Query{User: carol}, []audit.Line{two, four}},
		{"unknown user", audit.Query{User: "3"}, nil},
		{"credential", audit.Query{Credential: "a"}, []audit.Line{one, four}},
		{"kind", audit.Query{Kinds: []sparekey.Kind{sparekey.KindRevoked}}, []audit.Line{two}},
		{"kinds", audit.Query{Kinds: []sparekey.Kind{sparekey.KindRefused, audit.KindUsed}}, []audit.Line{three, four}},
		{"no kind", audit.Query{Kinds: []sparekey.Kind{"'"}}, nil},
		{"since", audit.Query{Since: at(3)}, []audit.Line{three, four, five}},
		{"since, within the second", audit.Query{Since: at(3).Add(1)}, []audit.Line{five}},
		{"until", audit.Query{Until: at(3)}, []audit.Line{one, two}},
		{"until, within the second", audit.Query{Until: at(3).Add(1)}, []audit.Line{one, two, three, four}},
		{"since and until elsewhere", audit.Query{Since: at(2).In(time.FixedZone("east", 7200)), Until: at(5)}, []audit.Line{two, three, four}},
		{"limit", audit.Query{Limit: 2}, []audit.Line{one, two}},
		{"newest", audit.Query{Newest: true, Limit: 2}, []audit.Line{five, four}},
		{"everything at once", audit.Query{
			After: 1, Before: 5, User: carol, Credential: "a", Kinds: []sparekey.Kind{audit.KindUsed}, Since: at(1), Until: at(5), Newest: true, Limit: 9,
		}, []audit.Line{four}},
	} {
		got, err := s.ReadAudit(tb.Context(), c.query)
		if err != nil || !slices.Equal(got, c.want) {
			tb.Errorf("ReadAudit, %s:\ngot  %v, %v\nwant %v", c.name, got, err, c.want)
		}
	}
}

func testAuditPrune(tb testing.TB, s AuditStore) {
	lines := numbered(6)
	appendLines(tb, s, lines[:5]...)
	checkpoint := line(audit.Record{Seq: 6, Time: created, Kind: audit.KindCheckpoint, Through: 3})
	prune := func(problem error) error {
		return s.AppendAudit(tb.Context(), func(audit.Line) (audit.Addition, error) {
			return audit.Addition{Lines: []audit.Line{checkpoint}, Through: 3}, problem
		})
	}
	problem := errors.New("no")
	wantError(tb, "AppendAudit", prune(problem), problem)
	wantLines(tb, s, lines[:5]...)
	if err := prune(nil); err != nil {
		tb.Fatalf("AppendAudit: %v", err)
	}
	wantLines(tb, s, lines[3], lines[4], checkpoint)
}

func testAuditCancelled(tb testing.TB, s AuditStore) {
	ctx := cancelled(tb)
	wantBroken(tb, "AppendAudit", s.AppendAudit(ctx, func(audit.Line) (audit.Addition, error) {
		return audit.Addition{Lines: numbered(1)}, nil
	}))
	_, err := s.ReadAudit(ctx, audit.Query{})
	wantBroken(tb, "ReadAudit", err)
	c := inserted(tb, s, alice, "Phone")[0]
	wantBroken(tb, "AddUsage", s.AddUsage(ctx, []audit.Usage{{User: alice, Credential: c.UUID, Count: 1}}, 1))
	_, err = s.Usage(ctx, c.UUID)
	wantBroken(tb, "Usage", err)
	wantLines(tb, s)
	wantUsage(tb, s, audit.Usage{Credential: c.UUID})
}

// testAuditConcurrent has several logs write into one store: their lines are one
// chain, and none is lost.
func testAuditConcurrent(tb testing.TB, s AuditStore) {
	const writers, each = 8, 20
	var wg sync.WaitGroup
	for w := range writers {
		log := audit.New(s, audit.Config{})
		wg.Go(func() {
			for i := range each {
				e := sparekey.Event{Kind: sparekey.KindCreated, Time: created, User: sparekey.User{ID: fmt.Sprint(w, "-", i)}}
				if err := log.Record(context.WithoutCancel(tb.Context()), e); err != nil {
					tb.Errorf("Record: %v", err)
				}
			}
		})
	}
	wg.Wait()
	report, err := audit.Verify(tb.Context(), s, nil)
	if err != nil || report.Lines != writers*each {
		tb.Errorf("Verify: got %+v, %v, want %d lines", report, err, writers*each)
	}
}

// testAtomically writes a credential together with its record.
func testAtomically(tb testing.TB, s AuditStore) {
	t, ok := s.(sparekey.Transactor)
	if !ok {
		tb.Skip("the store is not a Transactor")
	}
	appended := func(ctx context.Context, lines ...audit.Line) error {
		return s.AppendAudit(ctx, func(audit.Line) (audit.Addition, error) { return audit.Addition{Lines: lines}, nil })
	}
	phone, tablet, records := credential(alice, "Phone"), credential(alice, "Tablet"), numbered(3)
	err := t.Atomically(tb.Context(), func(ctx context.Context) error {
		return errors.Join(s.Insert(ctx, phone, nil), appended(ctx, records[0]), appended(ctx, records[1]))
	})
	if err != nil {
		tb.Fatalf("Atomically: %v", err)
	}
	wantList(tb, s, alice, phone)
	wantLines(tb, s, records[:2]...)

	problem := errors.New("no")
	for name, do := range map[string]func(ctx context.Context) error{
		"an error": func(ctx context.Context) error {
			_, err := s.Delete(ctx, alice, phone.UUID)
			return errors.Join(err, s.Insert(ctx, tablet, nil), appended(ctx, records[2]), problem)
		},
		"a write that failed": func(ctx context.Context) error {
			_ = s.Insert(ctx, tablet, func(sparekey.Credential, []sparekey.Credential) error { return problem })
			_, err := s.Update(ctx, alice, phone.UUID, rename("Other"), nil)
			return errors.Join(err, appended(ctx, records[2]))
		},
	} {
		wantError(tb, "Atomically, with "+name, t.Atomically(tb.Context(), do), problem)
		wantList(tb, s, alice, phone)
		wantLines(tb, s, records[:2]...)
	}

	ctx, cancel := context.WithCancel(tb.Context())
	wantBroken(tb, "Atomically, cancelled", t.Atomically(ctx, func(ctx context.Context) error {
		err := s.Insert(ctx, tablet, nil)
		cancel()
		return err
	}))
	wantList(tb, s, alice, phone)
}

func wantUsage(tb testing.TB, s audit.Store, want audit.Usage) {
	tb.Helper()
	got, err := s.Usage(tb.Context(), want.Credential)
	if err != nil || got.Credential != want.Credential || got.Count != want.Count || !slices.Equal(got.Addresses, want.Addresses) {
		tb.Errorf("Usage:\ngot  %+v, %v\nwant %+v", got, err, want)
	}
}

// addUsage adds to what is counted of alice's credentials.
func addUsage(tb testing.TB, s audit.Store, addresses int, all ...audit.Usage) {
	tb.Helper()
	for i := range all {
		all[i].User = alice
	}
	if err := s.AddUsage(tb.Context(), all, addresses); err != nil {
		tb.Fatalf("AddUsage: %v", err)
	}
}

// seen is an address that was seen between two minutes.
func seen(addr string, first, last int) audit.Address {
	at := func(minute int) time.Time { return created.Add(time.Duration(minute) * time.Minute) }
	return audit.Address{Addr: addr, First: at(first), Last: at(last)}
}

func testUsage(tb testing.TB, s AuditStore) {
	list := inserted(tb, s, alice, "Phone", "Tablet")
	phone, tablet := list[0].UUID, list[1].UUID
	wantUsage(tb, s, audit.Usage{Credential: phone})
	addUsage(tb, s, 5,
		audit.Usage{Credential: phone, Count: 3, Addresses: []audit.Address{seen("192.0.2.1", 1, 2)}},
		audit.Usage{Credential: tablet, Count: 1})
	addUsage(tb, s, 5, audit.Usage{Credential: phone, Count: 4})
	wantUsage(tb, s, audit.Usage{Credential: phone, Count: 7, Addresses: []audit.Address{seen("192.0.2.1", 1, 2)}})
	wantUsage(tb, s, audit.Usage{Credential: tablet, Count: 1})
	wantList(tb, s, alice, list...)
}

func testUsageAddresses(tb testing.TB, s AuditStore) {
	c := inserted(tb, s, alice, "Phone")[0].UUID
	addUsage(tb, s, 3, audit.Usage{Credential: c, Count: 2, Addresses: []audit.Address{seen("192.0.2.1", 1, 5), seen("192.0.2.2", 2, 3)}})
	addUsage(tb, s, 3, audit.Usage{Credential: c, Count: 3, Addresses: []audit.Address{
		seen("192.0.2.2", 1, 2), seen("2001:db8::1", 4, 4), seen("192.0.2.4", 7, 7),
	}})
	wantUsage(tb, s, audit.Usage{Credential: c, Count: 5, Addresses: []audit.Address{
		seen("192.0.2.4", 7, 7), seen("192.0.2.1", 1, 5), seen("2001:db8::1", 4, 4),
	}})
	addUsage(tb, s, 3, audit.Usage{Credential: c, Count: 1, Addresses: []audit.Address{seen("192.0.2.1", 9, 9)}})
	wantUsage(tb, s, audit.Usage{Credential: c, Count: 6, Addresses: []audit.Address{
		seen("192.0.2.1", 1, 9), seen("192.0.2.4", 7, 7), seen("2001:db8::1", 4, 4),
	}})
}

func testUsageOfUnknown(tb testing.TB, s AuditStore) {
	known := inserted(tb, s, alice, "Phone")[0].UUID
	unknown := newUUID()
	addUsage(tb, s, 3,
		audit.Usage{Credential: unknown, Count: 1, Addresses: []audit.Address{seen("192.0.2.1", 1, 1)}},
		audit.Usage{Credential: known, Count: 1})
	wantUsage(tb, s, audit.Usage{Credential: unknown})
	wantUsage(tb, s, audit.Usage{Credential: known, Count: 1})
	c := credential(alice, "Later")
	c.UUID = unknown
	insert(tb, s, c)
	wantUsage(tb, s, audit.Usage{Credential: unknown})
}

func testUsageOfDeleted(tb testing.TB, s AuditStore) {
	list := inserted(tb, s, alice, "Phone", "Tablet", "Laptop")
	for _, c := range list {
		addUsage(tb, s, 3, audit.Usage{Credential: c.UUID, Count: 1, Addresses: []audit.Address{seen("192.0.2.1", 1, 1)}})
	}
	if _, err := s.Delete(tb.Context(), alice, list[0].UUID); err != nil {
		tb.Fatalf("Delete: %v", err)
	}
	insert(tb, s, list[0])
	wantUsage(tb, s, audit.Usage{Credential: list[0].UUID})
	wantUsage(tb, s, audit.Usage{Credential: list[1].UUID, Count: 1, Addresses: []audit.Address{seen("192.0.2.1", 1, 1)}})
	if _, err := s.DeleteAll(tb.Context(), alice); err != nil {
		tb.Fatalf("DeleteAll: %v", err)
	}
	insert(tb, s, list...)
	for _, c := range list {
		wantUsage(tb, s, audit.Usage{Credential: c.UUID})
	}
}

func testUsageConcurrent(tb testing.TB, s AuditStore) {
	const writers, each = 8, 10
	c := inserted(tb, s, alice, "Phone")[0].UUID
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := s.AddUsage(context.WithoutCancel(tb.Context()), []audit.Usage{{User: alice, Credential: c, Count: 1}}, 1); err != nil {
					tb.Errorf("AddUsage: %v", err)
				}
			}
		})
	}
	wg.Wait()
	wantUsage(tb, s, audit.Usage{Credential: c, Count: writers * each})
}
