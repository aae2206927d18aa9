package sparekey_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// legacyHash is a phpass hash of legacySecret, as WordPress 6.7 wrote it.
const (
	legacySecret = "abcdEFGH1234ijklMNOP5678"
	legacyHash   = "$P$BsparekeyYemPS2rbHGt6ELecHmMsK0"
)

// site is a service over a memory store with two users.
type site struct {
	*sparekey.Service
	store      *memory.Store
	ann, admin sparekey.User
	events     *events
}

// events collects what Config.Observe receives.
type events struct {
	mu   sync.Mutex
	list []sparekey.Event
}

func (e *events) observe(_ context.Context, event sparekey.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// take returns what happened since it was last asked.
func (e *events) take() []sparekey.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.list
	e.list = nil
	return list
}

func newSite(t *testing.T, config sparekey.Config) *site {
	t.Helper()
	s := &site{store: memory.New(), events: &events{}}
	var err error
	if s.ann, err = s.store.CreateUser(t.Context(), sparekey.User{Login: "ann", Email: "ann@example.com"}, ""); err != nil {
		t.Fatal(err)
	}
	admin := sparekey.User{Login: "admin", Email: "admin@example.com", Roles: []string{sparekey.RoleAdministrator}}
	if s.admin, err = s.store.CreateUser(t.Context(), admin, ""); err != nil {
		t.Fatal(err)
	}
	config.Observe = s.events.observe
	if config.Bundles == nil {
		config.Bundles = scope.BuiltIn().WithWordPress("/wp-json")
	}
	s.Service = sparekey.New(s.store, s.store, config)
	return s
}

// create makes an application password of ann's.
func (s *site) create(t *testing.T, name string) (sparekey.Secret, sparekey.Credential) {
	t.Helper()
	secret, c, err := s.As(s.ann).Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return secret, c
}

func attempt(login string, secret sparekey.Secret) sparekey.Attempt {
	return sparekey.Attempt{Login: login, Secret: secret, Addr: netip.MustParseAddr("192.0.2.1"), Secure: true}
}

// reason returns why an attempt was refused.
func reason(err error) sparekey.Reason {
	var refused *sparekey.AuthError
	if errors.As(err, &refused) && errors.Is(err, sparekey.ErrUnauthenticated) && sparekey.Refused(err) {
		return refused.Reason
	}
	return ""
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, c := s.create(t, "Phone")
	for _, login := range []string{"ann", "ANN", " ann ", "ann@example.com"} {
		id, err := s.Authenticate(t.Context(), attempt(login, secret))
		if err != nil || id.User.ID != s.ann.ID || id.Credential.UUID != c.UUID {
			t.Errorf("as %q: %v, %v", login, id, err)
		}
	}
	insecure := attempt("ann", secret)
	insecure.Secure = false
	for name, c := range map[string]struct {
		attempt sparekey.Attempt
		want    sparekey.Reason
	}{
		"unknown login":  {attempt("bob", secret), sparekey.ReasonUnknownLogin},
		"unknown e-mail": {attempt("bob@example.com", secret), sparekey.ReasonUnknownEmail},
		"wrong secret":   {attempt("ann", sparekey.NewSecret()), sparekey.ReasonWrongSecret},
		"other user":     {attempt("admin", secret), sparekey.ReasonWrongSecret},
		"no secret":      {attempt("ann", sparekey.Secret{}), sparekey.ReasonMalformed},
		"no login":       {attempt("", secret), sparekey.ReasonMalformed},
		"in the clear":   {insecure, sparekey.ReasonInsecure},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := s.Authenticate(t.Context(), c.attempt)
			if reason(err) != c.want || id.User.ID != "" {
				t.Errorf("got %v, %v, want %s", id, err, c.want)
			}
		})
	}
}

func TestAuthenticateRecordsUse(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("", 3600))
	s := newSite(t, sparekey.Config{Now: func() time.Time { return now }})
	secret, _ := s.create(t, "Phone")
	first := now.UTC().Truncate(time.Second)
	use := func(after time.Duration, ip string, wantUsed time.Time, wantIP string) {
		t.Helper()
		now = first.Add(after)
		a := attempt("ann", secret)
		a.Addr = netip.MustParseAddr(ip)
		id, err := s.Authenticate(t.Context(), a)
		if err != nil || !id.Credential.LastUsed.Equal(wantUsed) || id.Credential.LastIP != wantIP {
			t.Errorf("after %v: last used %v from %s, %v", after, id.Credential.LastUsed, id.Credential.LastIP, err)
		}
	}
	day := 24 * time.Hour
	use(0, "192.0.2.1", first, "192.0.2.1")
	use(day-time.Second, "192.0.2.2", first, "192.0.2.1")
	use(day, "192.0.2.3", first.Add(day), "192.0.2.3")
	use(day-time.Hour, "192.0.2.4", first.Add(day), "192.0.2.3") // the clock went back
}

func TestAuthenticateRevoked(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, c := s.create(t, "Phone")
	other, _ := s.create(t, "Tablet")
	for range 2 { // from the store, and from memory
		if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.As(s.ann).Revoke(t.Context(), s.ann.ID, c.UUID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); reason(err) != sparekey.ReasonWrongSecret {
		t.Errorf("revoked: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), attempt("ann", other)); err != nil {
		t.Errorf("the other one: %v", err)
	}
}

func TestAuthenticateDeletedUser(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, _ := s.create(t, "Phone")
	if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.DeleteUser(t.Context(), s.ann.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); reason(err) != sparekey.ReasonUnknownLogin {
		t.Errorf("deleted user: %v", err)
	}
}

// insertLegacy stores a credential of ann's as a site from before 6.8 would have.
func insertLegacy(t *testing.T, s *site, name, hash string) sparekey.Credential {
	t.Helper()
	c := sparekey.Credential{
		UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", len(name)), UserID: s.ann.ID, Name: name, Hash: hash,
		Created: time.Unix(1700000000, 0).UTC(),
	}
	if err := s.store.Insert(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAuthenticateLegacyHash(t *testing.T) {
	t.Parallel()
	secret := sparekey.ParseSecret(legacySecret)
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep=%v", keep), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, sparekey.Config{KeepHashes: keep})
			insertLegacy(t, s, "broken", "$P$B")
			c := insertLegacy(t, s, "old", legacyHash)
			for range 2 {
				id, err := s.Authenticate(t.Context(), attempt("ann", secret))
				if err != nil || id.Credential.UUID != c.UUID {
					t.Fatalf("%v, %v", id, err)
				}
			}
			if _, err := s.Authenticate(t.Context(), attempt("ann", sparekey.NewSecret())); reason(err) != sparekey.ReasonWrongSecret {
				t.Errorf("wrong secret: %v", err)
			}
			kept, err := s.As(s.ann).Get(t.Context(), s.ann.ID, c.UUID)
			if err != nil || kept.IsLegacy() != keep || !secret.Matches(kept.Hash) {
				t.Errorf("afterwards the hash is %q, %v", kept.Hash, err)
			}
		})
	}
}

// upgraded is a store in which another request has just proved a legacy hash right
// whenever the legacy ones are asked for.
type upgraded struct {
	*memory.Store
	uuid, hash string
}

func (u upgraded) Legacy(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	_, err := u.Update(ctx, userID, u.uuid, func(c *sparekey.Credential) error {
		c.Hash = u.hash
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return u.Store.Legacy(ctx, userID)
}

// TestAuthenticateWhileAnotherUpgrades has two requests use a legacy hash for the first
// time.
func TestAuthenticateWhileAnotherUpgrades(t *testing.T) {
	t.Parallel()
	for _, remembers := range []bool{true, false} {
		s := newSite(t, sparekey.Config{})
		secret := sparekey.ParseSecret(legacySecret)
		c := insertLegacy(t, s, "imported", legacyHash)
		var store sparekey.Store = upgraded{s.store, c.UUID, secret.Hash()}
		if !remembers {
			store = uncached{store}
		}
		svc := sparekey.New(store, s.store, sparekey.Config{})
		if id, err := svc.Authenticate(t.Context(), attempt("ann", secret)); err != nil || id.Credential.UUID != c.UUID {
			t.Errorf("remembers %v: %v", remembers, err)
		}
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	broken := errors.New("the plan service is down")
	type outcome struct {
		reason sparekey.Reason
		broken bool
	}
	for name, c := range map[string]struct {
		config sparekey.Config
		want   outcome
	}{
		"off for the site":     {sparekey.Config{Available: func(context.Context) (bool, error) { return false, nil }}, outcome{reason: sparekey.ReasonDisabled}},
		"site question broken": {sparekey.Config{Available: func(context.Context) (bool, error) { return true, broken }}, outcome{broken: true}},
		"off for the user":     {sparekey.Config{AvailableFor: func(context.Context, sparekey.User) (bool, error) { return false, nil }}, outcome{reason: sparekey.ReasonDisabledForUser}},
		"user question broken": {sparekey.Config{AvailableFor: func(context.Context, sparekey.User) (bool, error) { return true, broken }}, outcome{broken: true}},
		"not admitted":         {sparekey.Config{Admit: func(context.Context, sparekey.Attempt) error { return sparekey.Refuse("throttled", "Wait.") }}, outcome{reason: "throttled"}},
		"admission broken":     {sparekey.Config{Admit: func(context.Context, sparekey.Attempt) error { return broken }}, outcome{broken: true}},
		"denied by Check": {sparekey.Config{Check: func(context.Context, sparekey.Identity, sparekey.Attempt) error {
			return sparekey.Refuse("moon", "Not at night.")
		}}, outcome{reason: "moon"}},
		"last word broken":          {sparekey.Config{Check: func(context.Context, sparekey.Identity, sparekey.Attempt) error { return broken }}, outcome{broken: true}},
		"nothing is in the way":     {sparekey.Config{Check: func(context.Context, sparekey.Identity, sparekey.Attempt) error { return nil }}, outcome{}},
		"available to all, by hook": {sparekey.Config{Available: func(context.Context) (bool, error) { return true, nil }}, outcome{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.config)
			secret, _, err := s.AsOperator().Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "Phone"})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Authenticate(t.Context(), attempt("ann", secret))
			if got := (outcome{reason(err), errors.Is(err, broken) && !sparekey.Refused(err)}); got != c.want {
				t.Errorf("got %+v (%v), want %+v", got, err, c.want)
			}
			used, err := s.AsOperator().List(t.Context(), s.ann.ID)
			if err != nil {
				t.Fatal(err)
			}
			if succeeded := c.want == (outcome{}); used[0].LastUsed.IsZero() == succeeded {
				t.Errorf("last used %v", used[0].LastUsed)
			}
		})
	}
}

// counting is a store that counts how often it is asked for a credential.
type counting struct {
	*memory.Store
	asked atomic.Int64
}

// RevisionOf says that it gives the answers of the store within.
func (c *counting) RevisionOf() any { return c }

func (c *counting) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	c.asked.Add(1)
	return c.Store.Find(ctx, userID, hash)
}

// TestSpellingsAreNotRemembered spells a login in many ways, which must not fill the cache.
func TestSpellingsAreNotRemembered(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, _ := s.create(t, "app")
	store := &counting{Store: s.store}
	svc := sparekey.New(store, s.store, sparekey.Config{})
	for _, c := range []struct {
		login string
		asked int64 // in three attempts
	}{{"ann", 1}, {"ann@example.com", 1}, {"Ann", 3}, {"ANN@example.com", 3}, {" ann", 3}} {
		before := store.asked.Load()
		for range 3 {
			if _, err := svc.Authenticate(t.Context(), attempt(c.login, secret)); err != nil {
				t.Fatalf("%q: %v", c.login, err)
			}
		}
		if asked := store.asked.Load() - before; asked != c.asked {
			t.Errorf("%q: the store was asked %d times, want %d", c.login, asked, c.asked)
		}
	}
}

// failing is a store and a directory that cannot be asked. A real one cannot be
// made to fail at one call and not at another.
type failing struct {
	*memory.Store
	method string
	err    error
}

func (f failing) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	if f.method == "Find" {
		return sparekey.Credential{}, f.err
	}
	return f.Store.Find(ctx, userID, hash)
}

func (f failing) Legacy(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	if f.method == "Legacy" {
		return nil, f.err
	}
	return f.Store.Legacy(ctx, userID)
}

func (f failing) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	if f.method == "UserByLogin" {
		return sparekey.User{}, f.err
	}
	return f.Store.UserByLogin(ctx, login)
}

func (f failing) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	if f.method == "Update" {
		return sparekey.Credential{}, f.err
	}
	return f.Store.Update(ctx, userID, uuid, change, check)
}

func TestBrokenStoreIsNeverAnAnswer(t *testing.T) {
	t.Parallel()
	down := errors.New("the disk is gone")
	for _, method := range []string{"UserByLogin", "Find", "Legacy"} {
		s := newSite(t, sparekey.Config{})
		right, _ := s.create(t, "Phone")
		f := failing{s.store, method, down}
		svc := sparekey.New(f, f, sparekey.Config{})
		attempts := []sparekey.Attempt{attempt("ann", sparekey.NewSecret()), attempt("bob", right)}
		if method != "Legacy" { // which is not asked for a secret that is found
			attempts = append(attempts, attempt("ann", right))
		}
		for _, a := range attempts {
			if id, err := svc.Authenticate(t.Context(), a); !errors.Is(err, down) || sparekey.Refused(err) || id.User.ID != "" {
				t.Errorf("%s fails, as %s: %v, %v", method, a.Login, id, err)
			}
		}
	}
}

func TestUseThatCannotBeKept(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, _ := s.create(t, "Phone")
	s.events.take()
	down := errors.New("the disk is full")
	f := failing{s.store, "Update", down}
	svc := sparekey.New(f, f, sparekey.Config{Observe: s.events.observe})
	if _, err := svc.Authenticate(t.Context(), attempt("ann", secret)); err != nil {
		t.Errorf("refused because a use cannot be recorded: %v", err)
	}
	got := s.events.take()
	if len(got) != 2 || got[0].Kind != sparekey.KindUsageWriteFailed || !errors.Is(got[0].Err, down) || got[1].Kind != sparekey.KindAuthenticated {
		t.Errorf("events %+v", got)
	}

	revoked := failing{s.store, "Update", sparekey.ErrNotFound}
	svc = sparekey.New(revoked, revoked, sparekey.Config{})
	if _, err := svc.Authenticate(t.Context(), attempt("ann", secret)); reason(err) != sparekey.ReasonWrongSecret {
		t.Errorf("revoked between look-up and record: %v", err)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{Allow: sparekey.AllowAdministrators})
	m := s.As(s.admin)
	secret, c, err := m.Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "Phone"})
	if err != nil {
		t.Fatal(err)
	}
	_, _, _ = m.Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "Tablet"})
	_, _ = m.Rename(t.Context(), s.ann.ID, c.UUID, "Old phone")
	_, _ = s.Authenticate(t.Context(), attempt("ann", secret))
	_, _ = s.Authenticate(t.Context(), attempt("ann", sparekey.NewSecret()))
	_, _ = s.Authenticate(t.Context(), attempt("bob", secret))
	_, _ = m.Revoke(t.Context(), s.ann.ID, c.UUID)
	_, _ = m.RevokeAll(t.Context(), s.ann.ID)
	var got []string
	for _, e := range s.events.take() {
		got = append(got, fmt.Sprintf("%s %s by %s: %s %s%s", e.Kind, e.User.Login, e.Actor.Login, e.Credential.Name, e.Login, e.Reason))
		if e.Time.IsZero() {
			t.Errorf("%s has no time", e.Kind)
		}
	}
	want := []string{
		"created ann by admin: Phone ", "created ann by admin: Tablet ", "renamed ann by admin: Old phone ",
		"authenticated ann by : Old phone ", "refused ann by :  annwrong_secret", "refused  by :  bobunknown_login",
		"revoked ann by admin: Old phone ", "revoked ann by admin: Tablet ",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestInUse(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	for i, want := range []bool{false, true, true} {
		if got, err := s.InUse(t.Context()); err != nil || got != want {
			t.Errorf("step %d: in use %v, %v", i, got, err)
		}
		switch i {
		case 0:
			s.create(t, "Phone")
		case 1:
			if _, err := s.As(s.ann).RevokeAll(t.Context(), s.ann.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}
