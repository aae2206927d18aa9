package wordpress_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/lifecycle"
	"github.com/sparekey-dev/sparekey/store/wordpress"
)

// TestMaintenanceAfterARestart gives each notice once, whichever process does the maintenance.
func TestMaintenanceAfterARestart(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.exec(users)
	const day = 24 * time.Hour
	var now atomic.Pointer[time.Time]
	begin := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	now.Store(&begin)
	clock := func() time.Time { return *now.Load() }
	var warned []sparekey.Event
	maintain := func(after time.Duration, want int) {
		t.Helper()
		at := begin.Add(after)
		now.Store(&at)
		s := w.open(wordpress.Config{Now: clock})
		service := start(s, clock, func(e sparekey.Event) { warned = append(warned, e) })
		got, err := lifecycle.New(service, lifecycle.Config{Checkpoints: s, Now: clock}).RunOnce(t.Context())
		if err != nil || got.Expiring != want {
			t.Errorf("after %v: %+v, %v, want %d notices", after, got, err, want)
		}
	}
	maintain(0, 0)
	service := start(w.open(wordpress.Config{Now: clock}), clock, func(sparekey.Event) {})
	if _, _, err := service.AsOperator().Create(t.Context(), "1", sparekey.NewCredential{
		Name: "Phone", Limits: sparekey.Limits{Expires: begin.Add(20 * day)},
	}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{5 * day, 0}, {6 * day, 1}, {6*day + time.Second, 0}, {7 * day, 0}, {13*day + time.Hour, 1}, {13*day + 2*time.Hour, 0}, {19 * day, 1}, {19*day + time.Hour, 0}} {
		maintain(step.after, step.want)
	}
	if len(warned) != 3 || warned[0].User.Email != "k_admin@example.com" || !warned[0].Expires.Equal(begin.Add(20*day)) {
		t.Errorf("warned of %+v", warned)
	}
}

// start is a service of a process that was started just now.
func start(s *wordpress.Store, clock func() time.Time, warned func(sparekey.Event)) *sparekey.Service {
	return sparekey.New(s, s, sparekey.Config{Now: clock, Observe: func(_ context.Context, e sparekey.Event) {
		if e.Kind == sparekey.KindExpiring {
			warned(e)
		}
	}})
}

// TestCheckpoint has many processes begin at the same moment, on a site without an earlier
// maintenance, and later.
func TestCheckpoint(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	stores := make([]*wordpress.Store, 8)
	for i := range stores {
		stores[i] = w.open(wordpress.Config{})
	}
	if last, err := stores[0].Checkpoint(t.Context()); err != nil || !last.IsZero() {
		t.Errorf("before the first: %v, %v", last, err)
	}
	if got := w.text(`SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'wp\\_sparekey%'`); got != "0" {
		t.Errorf("reading made %s tables", got)
	}
	from, to := time.Time{}, time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for round := range 5 {
		var moved atomic.Int64
		var all sync.WaitGroup
		for _, s := range stores {
			all.Go(func() {
				ok, err := s.CompareAndSwapCheckpoint(t.Context(), from, to)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
				}
				if ok {
					moved.Add(1)
				}
			})
		}
		all.Wait()
		if moved.Load() != 1 {
			t.Errorf("round %d: %d moved it", round, moved.Load())
		}
		if last, err := stores[round].Checkpoint(t.Context()); err != nil || !last.Equal(to) {
			t.Errorf("round %d: %v, %v, want %v", round, last, err, to)
		}
		from, to = to, to.Add(time.Hour)
	}
	w.exec(`DELETE FROM {p}sparekey_sweeps`) // without the row, maintenance still runs
	if ok, err := stores[0].CompareAndSwapCheckpoint(t.Context(), time.Time{}, to); err != nil || !ok {
		t.Errorf("without the row: %v, %v", ok, err)
	}
}

// TestCheckpointOnEarlierTables makes the table that is new beside those of an earlier version.
func TestCheckpointOnEarlierTables(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	if ok, err := w.open(wordpress.Config{}).CompareAndSwapCheckpoint(t.Context(), time.Time{}, time.Unix(1, 0)); err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	w.exec(`DROP TABLE {p}sparekey_sweeps; UPDATE {p}sparekey_schema SET version = 7`)
	s := w.open(wordpress.Config{})
	if last, err := s.Checkpoint(t.Context()); err != nil || !last.IsZero() {
		t.Errorf("%v, %v", last, err)
	}
	if ok, err := s.CompareAndSwapCheckpoint(t.Context(), time.Time{}, time.Unix(2, 0)); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
}
