package sparekey_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

const day = 24 * time.Hour

func TestEdit(t *testing.T) {
	t.Parallel()
	clock := newClock()
	var kinds []sparekey.Kind
	s := newSite(t, sparekey.Config{UniqueNames: true, Now: clock.Now, Record: func(_ context.Context, e sparekey.Event) error {
		kinds = append(kinds, e.Kind)
		return nil
	}})
	_, c := s.limited(t, "app", sparekey.Limits{Expires: clock.Now().Add(time.Hour), Scopes: scopes(t, "read")})
	_, _ = s.limited(t, "other", sparekey.Limits{})
	m := s.AsOperator()
	name, taken, uses, none := "renamed", "other", 3, scopes(t)
	kinds = nil

	got, err := m.Edit(t.Context(), s.ann.ID, c.UUID, sparekey.Edit{Name: &name, MaxUses: &uses})
	want := c
	want.Name, want.Limits.MaxUses = name, uses
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if len(kinds) != 2 || kinds[0] != sparekey.KindRenamed || kinds[1] != sparekey.KindLimited {
		t.Errorf("recorded %v", kinds)
	}
	if _, err := m.Edit(t.Context(), s.ann.ID, c.UUID, sparekey.Edit{Name: &taken, Scopes: &none}); !errors.Is(err, sparekey.ErrDuplicateName) {
		t.Errorf("a taken name: %v", err)
	}
	if now, err := m.Get(t.Context(), s.ann.ID, c.UUID); err != nil || now != want {
		t.Errorf("half an edit was kept: %+v, %v", now, err)
	}

	clock.Pass(2 * time.Hour) // an expired credential can be edited, but its new expiry must be in the future
	past := clock.Now().Add(-time.Minute)
	if _, err := m.Edit(t.Context(), s.ann.ID, c.UUID, sparekey.Edit{Scopes: &none}); err != nil {
		t.Errorf("of one that expired: %v", err)
	}
	if _, err := m.Edit(t.Context(), s.ann.ID, c.UUID, sparekey.Edit{Expires: &past}); !errors.Is(err, sparekey.ErrInvalid) {
		t.Errorf("to a time that is over: %v", err)
	}
}

// TestEditUnderALaterPolicy changes one limit of a credential that the policy, which
// came later, would not allow any more.
func TestEditUnderALaterPolicy(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newSite(t, sparekey.Config{Now: clock.Now})
	expires := clock.Now().Add(365 * day)
	_, c := s.limited(t, "app", sparekey.Limits{Expires: expires})
	later := sparekey.New(s.store, s.store, sparekey.Config{Now: clock.Now, Policy: sparekey.Policy{MaxLifetime: 90 * day}})
	uses := 5
	got, err := later.AsOperator().Edit(t.Context(), s.ann.ID, c.UUID, sparekey.Edit{MaxUses: &uses})
	if err != nil || !got.Limits.Expires.Equal(expires) || !later.Expires(got).Equal(c.Created.Add(90*day)) {
		t.Errorf("got %+v, %v, in effect until %v", got.Limits, err, later.Expires(got))
	}
	beyond := expires.Add(-day)
	if _, err := later.AsOperator().Edit(t.Context(), s.ann.ID, c.UUID, sparekey.Edit{Expires: &beyond}); !errors.Is(err, sparekey.ErrInvalid) {
		t.Errorf("another time beyond the policy: %v", err)
	}
}

// swept counts the events of sweeps, by the name of the credential.
type swept map[string]int

func (s swept) observe(_ context.Context, e sparekey.Event) {
	if e.Kind == sparekey.KindExpiring {
		s["expiring "+e.Credential.Name]++
	}
	if e.Kind == sparekey.KindRevoked {
		s[string(e.Reason)+" "+e.Credential.Name]++
	}
}

func TestSweepWarns(t *testing.T) {
	t.Parallel()
	clock, seen := newClock(), swept{}
	config := sparekey.Config{Now: clock.Now, Observe: seen.observe}
	s := newSite(t, config)
	s.Service = sparekey.New(s.store, s.store, config) // that of newSite observes for itself
	_, month := s.limited(t, "month", sparekey.Limits{Expires: clock.Now().Add(30 * day)})
	s.limited(t, "day", sparekey.Limits{Expires: clock.Now().Add(day)})
	s.limited(t, "forever", sparekey.Limits{})
	sweep := func(svc *sparekey.Service, want int) {
		t.Helper()
		if got, err := svc.Sweep(t.Context()); err != nil || got.Expiring != want {
			t.Errorf("after %v: got %+v, %v, want %d warnings", clock.Now(), got, err, want)
		}
	}
	sweep(s.Service, 0)
	for hour := range 31 * 24 {
		svc := s.Service
		if hour%5 == 0 { // a restart, or a second process
			svc = sparekey.New(s.store, s.store, config)
		}
		if _, err := svc.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.Pass(time.Hour)
	}
	if len(seen) != 1 || seen["expiring month"] != 3 {
		t.Errorf("warned of %v, want three times of month", seen)
	}
	if got, err := s.AsOperator().Get(t.Context(), s.ann.ID, month.UUID); err != nil || s.Spent(got) != sparekey.ReasonExpired {
		t.Errorf("one that expired is not there any more, or not spent: %v", err)
	}

	// After a long time without a run there is one warning for all that was missed.
	s.limited(t, "late", sparekey.Limits{Expires: clock.Now().Add(20 * day)})
	clock.Pass(15 * day)
	sweep(s.Service, 1)
	sweep(s.Service, 0)
}

func TestSweepRevokes(t *testing.T) {
	t.Parallel()
	clock, seen := newClock(), swept{}
	config := sparekey.Config{Now: clock.Now, Observe: seen.observe, UsageInterval: -1, Policy: sparekey.Policy{
		RevokeUnused: 30 * day, KeepSpent: 10 * day,
	}}
	s := newSite(t, config)
	s.Service = sparekey.New(s.store, s.store, config)
	s.limited(t, "unused", sparekey.Limits{})
	used, _ := s.limited(t, "used", sparekey.Limits{})
	s.limited(t, "short", sparekey.Limits{Expires: clock.Now().Add(day)})
	once, _ := s.limited(t, "once", sparekey.Limits{MaxUses: 1})
	if _, err := s.Authenticate(t.Context(), attempt("ann", once)); err != nil {
		t.Fatal(err)
	}
	for range 45 {
		if _, err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Authenticate(t.Context(), attempt("ann", used)); err != nil {
			t.Fatal(err)
		}
		clock.Pass(day)
		switch list, err := s.AsOperator().List(t.Context(), s.ann.ID); {
		case err != nil:
			t.Fatal(err)
		case clock.Now().Before(newClock().Now().Add(10*day)) && len(list) != 4:
			t.Fatalf("%v: one is gone before its time: %v", clock.Now(), list)
		}
	}
	want := swept{"unused unused": 1, "expired short": 1, "used_up once": 1}
	if len(seen) != len(want) || seen["unused unused"] != 1 || seen["expired short"] != 1 || seen["used_up once"] != 1 {
		t.Errorf("got %v, want %v", seen, want)
	}
}

func TestRevokeSpent(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newSite(t, sparekey.Config{Now: clock.Now})
	s.limited(t, "stays", sparekey.Limits{})
	s.limited(t, "goes", sparekey.Limits{Expires: clock.Now().Add(time.Hour)})
	clock.Pass(time.Hour)
	revoked, err := s.AsOperator().RevokeSpent(t.Context(), s.ann.ID)
	if err != nil || len(revoked) != 1 || revoked[0].Name != "goes" {
		t.Errorf("got %v, %v", revoked, err)
	}
}

// brokenSearch is a store that cannot search while broken is set.
type brokenSearch struct {
	*memory.Store
	broken bool
}

func (b *brokenSearch) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	if b.broken {
		return nil, errors.New("down")
	}
	return b.Store.NextPage(ctx, after, limit)
}

func TestBrokenSweepIsMadeUpFor(t *testing.T) {
	t.Parallel()
	clock, seen := newClock(), swept{}
	store := &brokenSearch{Store: memory.New()}
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{Now: clock.Now, Observe: seen.observe})
	if _, _, err := svc.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{
		Name: "app", Limits: sparekey.Limits{Expires: clock.Now().Add(14*day + time.Hour)},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.broken = true
	clock.Pass(2 * time.Hour)
	if _, err := svc.Sweep(t.Context()); err == nil || sparekey.Refused(err) {
		t.Errorf("a store that is down: %v", err)
	}
	store.broken = false
	clock.Pass(time.Hour)
	if _, err := svc.Sweep(t.Context()); err != nil || seen["expiring app"] != 1 {
		t.Errorf("got %v, %v: the warning is lost", seen, err)
	}
}

func TestExpiresSoonIsTold(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newSite(t, sparekey.Config{Now: clock.Now})
	expires := clock.Now().Add(20 * day)
	secret, _ := s.limited(t, "app", sparekey.Limits{Expires: expires})
	for _, want := range []time.Time{{}, expires} {
		id, err := s.Authenticate(t.Context(), attempt("ann", secret))
		if err != nil || !id.ExpiresSoon.Equal(want) {
			t.Errorf("got %v, %v, want %v", id.ExpiresSoon, err, want)
		}
		clock.Pass(6*day + time.Second)
	}
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

// TestSweepWhileOthersWrite sweeps more credentials than are read at once, while others
// are made and revoked: each of those that stay is warned of once.
func TestSweepWhileOthersWrite(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := &busy{Store: memory.New(), t: t}
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	store.user = ann.ID
	const many = 12_000
	for i := range many {
		c := sparekey.Credential{
			UUID: fmt.Sprintf("%08x-0000-4000-8000-000000000000", i*2654435761&0xefffffff), UserID: ann.ID, Name: strconv.Itoa(i),
			Hash: "$generic$" + strconv.Itoa(i), Created: clock.Now().AddDate(0, -1, 0), Limits: sparekey.Limits{Expires: clock.Now().Add(7*day - time.Hour)},
		}
		if i%5000 == 0 {
			c.Name, c.Limits.Expires = "spare", time.Time{}
			store.spare = append(store.spare, c)
		}
		if err := store.Insert(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
	}
	want, seen := many-len(store.spare), swept{}
	svc := sparekey.New(store, store, sparekey.Config{Now: clock.Now, Observe: seen.observe})
	got, err := svc.Sweep(t.Context())
	if err != nil || got.Expiring != want || len(seen) != want {
		t.Errorf("got %+v, %v, of %d credentials, want %d", got, err, len(seen), want)
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%d times: %s", n, name)
		}
	}
}
