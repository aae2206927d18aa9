package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/testclock"
	"github.com/sparekey-dev/sparekey/lifecycle"
	"github.com/sparekey-dev/sparekey/store/memory"
)

const day = 24 * time.Hour

func newClock() *testclock.Clock {
	return testclock.New(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
}

// seen counts the events of maintenance, by the name of the credential.
type seen map[string]int

func (s seen) observe(_ context.Context, e sparekey.Event) {
	if e.Kind == sparekey.KindExpiring {
		s["expiring "+e.Credential.Name]++
	}
	if e.Kind == sparekey.KindRevoked {
		s[string(e.Reason)+" "+e.Credential.Name]++
	}
}

// site is a service with a user, whose events are counted.
type site struct {
	*sparekey.Service
	store *memory.Store
	clock *testclock.Clock
	seen  seen
	ann   sparekey.User
}

func newSite(t *testing.T, config sparekey.Config) *site {
	t.Helper()
	s := &site{store: memory.New(), clock: newClock(), seen: seen{}}
	var err error
	if s.ann, err = s.store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, ""); err != nil {
		t.Fatal(err)
	}
	config.Now, config.Observe = s.clock.Now, s.seen.observe
	s.Service = sparekey.New(s.store, s.store, config)
	return s
}

// create makes an application password of ann's with limits.
func (s *site) create(t *testing.T, name string, l sparekey.Limits) (sparekey.Secret, sparekey.Credential) {
	t.Helper()
	secret, c, err := s.AsOperator().Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: name, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	return secret, c
}

func (s *site) use(t *testing.T, secret sparekey.Secret) {
	t.Helper()
	if _, err := s.Authenticate(t.Context(), sparekey.Attempt{Login: "ann", Secret: secret, Secure: true}); err != nil {
		t.Fatal(err)
	}
}

// maintenance is that of a process that has just been started, with a checkpoint in the store.
func (s *site) maintenance() *lifecycle.Maintenance {
	return lifecycle.New(s.Service, lifecycle.Config{Checkpoints: s.store, Now: s.clock.Now})
}

func TestNotices(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	_, month := s.create(t, "month", sparekey.Limits{Expires: s.clock.Now().Add(30 * day)})
	s.create(t, "day", sparekey.Limits{Expires: s.clock.Now().Add(day)})
	s.create(t, "forever", sparekey.Limits{})
	m := s.maintenance()
	run := func(want int) {
		t.Helper()
		if got, err := m.RunOnce(t.Context()); err != nil || got.Expiring != want {
			t.Errorf("at %v: got %+v, %v, want %d notices", s.clock.Now(), got, err, want)
		}
	}
	run(0)
	for hour := range 31 * 24 {
		process := m
		if hour%5 == 0 { // a restart, or a second process
			process = s.maintenance()
		}
		if _, err := process.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.clock.Pass(time.Hour)
	}
	if len(s.seen) != 1 || s.seen["expiring month"] != 3 {
		t.Errorf("got %v, want three notices for month", s.seen)
	}
	if got, err := s.AsOperator().Get(t.Context(), s.ann.ID, month.UUID); err != nil || s.InactiveReason(got) != sparekey.ReasonExpired {
		t.Errorf("an expired credential is missing, or active: %v", err)
	}

	// After a long time without a run there is one notice for all that were missed.
	s.create(t, "late", sparekey.Limits{Expires: s.clock.Now().Add(20 * day)})
	s.clock.Pass(15 * day)
	run(1)
	run(0)
}

// TestWithoutCheckpoints has the process keep the time of the last run.
func TestWithoutCheckpoints(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	s.create(t, "recent", sparekey.Limits{Expires: s.clock.Now().Add(14*day + time.Hour)})
	s.create(t, "earlier", sparekey.Limits{Expires: s.clock.Now().Add(14*day + time.Minute)})
	s.clock.Pass(day + 30*time.Minute)
	m := lifecycle.New(s.Service, lifecycle.Config{Now: s.clock.Now})
	for _, want := range []int{1, 0} { // the first run looks back for a day
		if got, err := m.RunOnce(t.Context()); err != nil || got.Expiring != want {
			t.Errorf("got %+v, %v, want %d notices", got, err, want)
		}
	}
	if s.seen["expiring recent"] != 1 {
		t.Errorf("got %v", s.seen)
	}
}

// TestGoneUser has credentials of a user who no longer exists: they get no notice, and are
// revoked like others.
func TestGoneUser(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{Policy: sparekey.Policy{KeepInactive: day}})
	for name, lifetime := range map[string]time.Duration{"expiring": 8 * day, "expired": time.Hour} {
		c := sparekey.Credential{
			UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", len(name)), UserID: "gone", Name: name, Hash: "$generic$" + name,
			Created: s.clock.Now(), Limits: sparekey.Limits{Expires: s.clock.Now().Add(lifetime)},
		}
		if err := s.store.Insert(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.clock.Pass(2 * day)
	if got, err := s.maintenance().RunOnce(t.Context()); err != nil || got.Revoked != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if len(s.seen) != 1 || s.seen["expired expired"] != 1 {
		t.Errorf("got %v", s.seen)
	}
}

func TestRevocations(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{UsageInterval: -1, Policy: sparekey.Policy{RevokeUnused: 30 * day, KeepInactive: 10 * day}})
	s.create(t, "unused", sparekey.Limits{})
	used, _ := s.create(t, "used", sparekey.Limits{})
	s.create(t, "short", sparekey.Limits{Expires: s.clock.Now().Add(day)})
	once, _ := s.create(t, "once", sparekey.Limits{MaxUses: 1})
	s.use(t, once)
	m := s.maintenance()
	for range 45 {
		if _, err := m.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.use(t, used)
		s.clock.Pass(day)
		switch list, err := s.AsOperator().List(t.Context(), s.ann.ID); {
		case err != nil:
			t.Fatal(err)
		case s.clock.Now().Before(newClock().Now().Add(10*day)) && len(list) != 4:
			t.Fatalf("%v: one was revoked too early: %v", s.clock.Now(), list)
		}
	}
	if s.seen["unused unused"] != 1 || s.seen["expired short"] != 1 || s.seen["used_up once"] != 1 || len(s.seen) != 3 {
		t.Errorf("got %v", s.seen)
	}
}

// paging is a store that calls a function before each page that it reads.
type paging struct {
	*memory.Store
	before func() error
}

func (s *paging) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	if err := s.before(); err != nil {
		return nil, err
	}
	return s.Store.NextPage(ctx, after, limit)
}

// TestFailedRun has a run fail: the next one begins where that one began.
func TestFailedRun(t *testing.T) {
	t.Parallel()
	for name, checkpoints := range map[string]lifecycle.Checkpointer{"in the store": memory.New(), "in the process": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, sparekey.Config{})
			s.create(t, "app", sparekey.Limits{Expires: s.clock.Now().Add(14*day + time.Hour)})
			var broken error
			store := &paging{s.store, func() error { return broken }}
			svc := sparekey.New(store, store, sparekey.Config{Now: s.clock.Now, Observe: s.seen.observe})
			m := lifecycle.New(svc, lifecycle.Config{Checkpoints: checkpoints, Now: s.clock.Now})
			if _, err := m.RunOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
			broken = errors.New("down")
			s.clock.Pass(2 * time.Hour)
			if _, err := m.RunOnce(t.Context()); !errors.Is(err, broken) || sparekey.Refused(err) {
				t.Errorf("a store that is down: %v", err)
			}
			broken = nil
			s.clock.Pass(time.Hour)
			if _, err := m.RunOnce(t.Context()); err != nil || s.seen["expiring app"] != 1 {
				t.Errorf("got %v, %v: the notice is lost", s.seen, err)
			}
		})
	}
}

// stuck is a store that cannot delete the first credential that it is asked to delete.
type stuck struct {
	*memory.Store
	uuid *string
}

var errStuck = errors.New("cannot delete")

func (s stuck) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	if *s.uuid == "" {
		*s.uuid = uuid
	}
	if *s.uuid == uuid {
		return sparekey.Credential{}, errStuck
	}
	return s.Store.Delete(ctx, userID, uuid)
}

// TestFailedRevocation has runs fail to revoke one of two: they revoke the other, repeat only
// the first, and repeat no notice.
func TestFailedRevocation(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	s.create(t, "app", sparekey.Limits{Expires: s.clock.Now().Add(14*day + time.Hour)})
	s.create(t, "expired", sparekey.Limits{Expires: s.clock.Now().Add(time.Minute)})
	s.create(t, "expired, too", sparekey.Limits{Expires: s.clock.Now().Add(time.Minute)})
	store := stuck{s.store, new(string)}
	svc := sparekey.New(store, store, sparekey.Config{Now: s.clock.Now, Observe: s.seen.observe, Policy: sparekey.Policy{KeepInactive: time.Minute}})
	m := lifecycle.New(svc, lifecycle.Config{Checkpoints: s.store, Now: s.clock.Now})
	for range 3 {
		s.clock.Pass(time.Hour)
		if _, err := m.RunOnce(t.Context()); !errors.Is(err, errStuck) {
			t.Errorf("got %v", err)
		}
	}
	if s.seen["expiring app"] != 1 || s.seen["expired expired"]+s.seen["expired expired, too"] != 1 {
		t.Errorf("got %v, want one notice and one revocation", s.seen)
	}
}

// TestFailedRunBesideAnother has another process make a run while one fails: what was due before
// that began gets its notice.
func TestFailedRunBesideAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	s.create(t, "app", sparekey.Limits{Expires: s.clock.Now().Add(14*day + time.Minute)})
	other := s.maintenance()
	run := func() {
		t.Helper()
		if _, err := other.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run()
	s.clock.Pass(time.Hour)
	down := errors.New("down")
	store := &paging{s.store, func() error {
		s.clock.Pass(time.Minute)
		run()
		return down
	}}
	svc := sparekey.New(store, store, sparekey.Config{Now: s.clock.Now, Observe: s.seen.observe})
	m := lifecycle.New(svc, lifecycle.Config{Checkpoints: s.store, Now: s.clock.Now})
	if _, err := m.RunOnce(t.Context()); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	s.clock.Pass(time.Hour)
	run()
	if s.seen["expiring app"] != 1 {
		t.Errorf("got %v: the notice is lost", s.seen)
	}
}

// TestCanceledRun ends the context during a run: the next one begins where that one began.
func TestCanceledRun(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	if _, err := s.maintenance().RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := s.store.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.clock.Pass(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store := &paging{s.store, func() error { cancel(); return nil }}
	svc := sparekey.New(store, store, sparekey.Config{Now: s.clock.Now})
	if _, err := lifecycle.New(svc, lifecycle.Config{Checkpoints: store, Now: s.clock.Now}).RunOnce(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cancellation", err)
	}
	if after, err := s.store.Checkpoint(t.Context()); err != nil || !after.Equal(before) {
		t.Errorf("the checkpoint is %v, %v, want %v", after, err, before)
	}
}

// TestUnsearchable has a store that cannot be searched.
func TestUnsearchable(t *testing.T) {
	t.Parallel()
	store := memory.New()
	m := lifecycle.New(sparekey.New(struct{ sparekey.Store }{store}, store, sparekey.Config{}), lifecycle.Config{Checkpoints: store})
	if _, err := m.RunOnce(t.Context()); !errors.Is(err, sparekey.ErrUnavailable) {
		t.Errorf("RunOnce: %v", err)
	}
	if err := m.Run(t.Context()); !errors.Is(err, sparekey.ErrUnavailable) {
		t.Errorf("Run: %v", err)
	}
	if at, err := store.Checkpoint(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("the checkpoint is %v, %v", at, err)
	}
}

// TestRun does the maintenance at once and every hour, whether or not it fails.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &paging{memory.New(), nil}
		broken := errors.New("down")
		runs := 0
		store.before = func() error {
			if runs == 1 {
				return broken
			}
			return nil
		}
		svc := sparekey.New(store, store, sparekey.Config{})
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := lifecycle.New(svc, lifecycle.Config{Report: func(_ context.Context, _ lifecycle.Result, err error) {
			if after := time.Since(begin); after != time.Duration(runs)*time.Hour {
				t.Errorf("run %d after %v", runs, after)
			}
			if failed := errors.Is(err, broken); failed != (runs == 1) {
				t.Errorf("run %d: %v", runs, err)
			}
			if runs++; runs == 3 {
				cancel()
			}
		}}).Run(ctx)
		if !errors.Is(err, context.Canceled) || runs != 3 {
			t.Errorf("%d runs, %v", runs, err)
		}
	})
}

// busy is a store that inserts and deletes credentials between the pages that a caller reads.
type busy struct {
	*memory.Store
	t     *testing.T
	user  string
	spare []sparekey.Credential // to delete, one after each page
}

func (s *busy) meanwhile() {
	c := sparekey.Credential{UUID: fmt.Sprintf("ffffffff-0000-4000-8000-%012d", len(s.spare)), UserID: s.user, Name: "new", Hash: "$generic$new"}
	if err := s.Insert(s.t.Context(), c, nil); err != nil && !errors.Is(err, sparekey.ErrConflict) {
		s.t.Error(err)
	}
	if len(s.spare) == 0 {
		return
	}
	if _, err := s.Delete(s.t.Context(), s.spare[0].UserID, s.spare[0].UUID); err != nil {
		s.t.Error(err)
	}
	s.spare = s.spare[1:]
}

func (s *busy) Search(ctx context.Context, q sparekey.CredentialQuery) ([]sparekey.Credential, int, error) {
	defer s.meanwhile()
	return s.Store.Search(ctx, q)
}

func (s *busy) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	defer s.meanwhile()
	return s.Store.NextPage(ctx, after, limit)
}

// TestRunWhileOthersWrite has more credentials than are read at once, while others are created
// and revoked: each of those that stay gets one notice.
func TestRunWhileOthersWrite(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	store := &busy{Store: s.store, t: t, user: s.ann.ID}
	const many = 12_000
	for i := range many {
		c := sparekey.Credential{
			UUID: fmt.Sprintf("%08x-0000-4000-8000-000000000000", i*2654435761&0xefffffff), UserID: s.ann.ID, Name: strconv.Itoa(i),
			Hash: "$generic$" + strconv.Itoa(i), Created: s.clock.Now().AddDate(0, -1, 0), Limits: sparekey.Limits{Expires: s.clock.Now().Add(7*day - time.Hour)},
		}
		if i%5000 == 0 {
			c.Name, c.Limits.Expires = "spare", time.Time{}
			store.spare = append(store.spare, c)
		}
		if err := store.Insert(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := many - len(store.spare)
	svc := sparekey.New(store, store, sparekey.Config{Now: s.clock.Now, Observe: s.seen.observe})
	got, err := lifecycle.New(svc, lifecycle.Config{Checkpoints: store, Now: s.clock.Now}).RunOnce(t.Context())
	if err != nil || got.Expiring != want || len(s.seen) != want {
		t.Errorf("got %+v, %v, of %d credentials, want %d", got, err, len(s.seen), want)
	}
	for name, n := range s.seen {
		if n != 1 {
			t.Errorf("%d times: %s", n, name)
		}
	}
}
