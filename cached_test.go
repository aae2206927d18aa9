package sparekey_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// uncached is a store whose results a service does not cache.
type uncached struct{ sparekey.Store }

// anyOf draws one.
func anyOf[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func anyConfig(r *rand.Rand, now func() time.Time) sparekey.Config {
	c := sparekey.Config{
		Now:           now,
		UsageInterval: anyOf(r, 0, time.Hour, 90*time.Second, -1),
		Policy: sparekey.Policy{
			MaxLifetime:      anyOf(r, 0, 0, 0, 48*time.Hour),
			RequireScopes:    r.IntN(8) == 0,
			RevokeUnused:     anyOf(r, 0, 0, 0, 30*time.Minute, 25*time.Hour),
			ManageNeedsScope: r.IntN(4) == 0,
		},
	}
	if r.IntN(8) == 0 {
		c.AvailableFor = func(context.Context, sparekey.User) (bool, error) { return now().Minute()%3 > 0, nil }
	}
	if r.IntN(8) == 0 {
		c.Check = func(_ context.Context, id sparekey.Identity, _ sparekey.Attempt) error {
			if now().Minute()%3 == 0 {
				return sparekey.Refuse("not now", "Not now, "+id.User.Login+".")
			}
			return nil
		}
	}
	return c
}

func anyCredential(t *testing.T, r *rand.Rand, now time.Time, hash string) sparekey.Credential {
	t.Helper()
	c := sparekey.Credential{
		UUID: "00000000-0000-4000-8000-000000000001", Name: "app", Hash: hash, Created: now.Add(anyOf(r, 0, -47*time.Hour)),
	}
	if r.IntN(2) == 0 {
		c.LastUsed, c.LastIP = now.Add(anyOf(r, 0, -time.Minute, -23*time.Hour)), "192.0.2.99"
	}
	switch r.IntN(10) {
	case 0:
		c.Limits.Expires = now.Add(anyOf(r, time.Second, time.Hour, sparekey.ExpiryNotice+time.Hour))
	case 1:
		c.Limits.Scopes = scopes(t, "read")
	case 2:
		c.Limits.Networks = networks(t, "192.0.2.0/25")
	case 3:
		c.Limits.MaxUses = 3
	case 4: // what is presented is from before a rotation
		c.Hash, c.OldHash, c.OldUntil = sparekey.NewSecret().Hash(), hash, now.Add(time.Hour)
	}
	return c
}

func anyAttempt(r *rand.Rand, secret sparekey.Secret) sparekey.Attempt {
	a := attempt(anyOf(r, "ann", "ann@example.com"), secret)
	a.Addr = anyOf(r, a.Addr, netip.MustParseAddr("192.0.2.200"), netip.Addr{})
	a.Request = anyOf(r, sparekey.Request{}, request("GET", "/a"), request("POST", "/a"))
	a.Upstream = anyOf[sparekey.Upstream](r, nil, nil, nil, nil, nil, nil,
		&elsewhere{All: []sparekey.Reading{{Method: "POST", Path: "/wp-json/wp/v2/users/1/application-passwords", Named: scope.NamePasswords}}},
		&elsewhere{All: []sparekey.Reading{{Method: "GET", Path: "/a"}, {Method: "DELETE", Path: "/a"}}},
		&elsewhere{Unclear: "it is a form", UnclearManages: true})
	a.Deny = anyOf(r, nil, nil, nil, nil, nil, nil, sparekey.Refuse("other", "no"))
	return a
}

// try is what becomes of an attempt.
func try(ctx context.Context, s *sparekey.Service, a sparekey.Attempt, inContext bool) (sparekey.Identity, string) {
	if !inContext {
		id, err := s.Authenticate(ctx, a)
		return id, fmt.Sprint(err)
	}
	ctx, err := s.WithIdentity(ctx, a)
	if err != nil {
		return sparekey.Identity{}, fmt.Sprint(err)
	}
	id, ok := sparekey.FromContext(ctx)
	if warned := id.OldSecret || !id.UpcomingExpiry.IsZero(); !ok || sparekey.EndsSoon(ctx) != warned {
		return id, "the context does not say so"
	}
	return id, fmt.Sprint(err)
}

// TestCachingChangesNothing has services with and without a cache answer the same
// attempts, on the same credential, under any policy, as time passes. There are two of each,
// so that one has cached what the other changes.
func TestCachingChangesNothing(t *testing.T) {
	t.Parallel()
	const seeds, attempts = 2000, 12
	accepted := 0
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 0))
		clock := newClock()
		config := anyConfig(r, clock.Now)
		secret := sparekey.NewSecret()
		c := anyCredential(t, r, clock.Now(), secret.Hash())
		var services [2][2]*sparekey.Service // the second ones are as another process's
		var told [2]events
		observed := r.IntN(4) == 0
		for i := range services {
			store := memory.New()
			ann, err := store.CreateUser(t.Context(), sparekey.User{
				Login: "ann", Email: "ann@example.com", Roles: []string{"editor"}, Registered: clock.Now(),
			}, "")
			if err != nil {
				t.Fatal(err)
			}
			c.UserID = ann.ID
			if err := store.Insert(t.Context(), c, nil); err != nil {
				t.Fatal(err)
			}
			if observed {
				config.Observe = told[i].observe
			}
			for process := range services[i] {
				services[i][process] = sparekey.New([]sparekey.Store{store, uncached{store}}[i], store, config)
			}
		}
		for n := range attempts {
			a, inContext, process := anyAttempt(r, secret), r.IntN(2) == 0, r.IntN(2)
			got, gotErr := try(t.Context(), services[0][process], a, inContext)
			want, wantErr := try(t.Context(), services[1][process], a, inContext)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(sparekey.Identity{})); diff != "" || gotErr != wantErr {
				t.Fatalf("seed %d, attempt %d: %s, want %s (-want +got):\n%s", seed, n, gotErr, wantErr, diff)
			}
			if got, want := fmt.Sprint(told[0].take()), fmt.Sprint(told[1].take()); got != want {
				t.Fatalf("seed %d, attempt %d: told of %s, want %s", seed, n, got, want)
			}
			if want.User.ID != "" {
				accepted++
			}
			clock.Pass(anyOf(r, 0, 0, time.Second, time.Minute, time.Hour-time.Second, 24*time.Hour-time.Second))
		}
	}
	if all := seeds * attempts; accepted < all/4 || accepted > all*3/4 {
		t.Errorf("%d of %d were accepted: the draws show little", accepted, all)
	}
}

// TestWithIdentityRefuses checks refused and broken attempts.
func TestWithIdentityRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, _ := s.create(t, "app")
	broken := sparekey.New(failing{s.store, "Find", errors.New("no disk")}, s.store, sparekey.Config{})
	for name, c := range map[string]struct {
		service *sparekey.Service
		attempt sparekey.Attempt
		refused bool
	}{
		"wrong secret": {s.Service, attempt("ann", sparekey.NewSecret()), true},
		"unknown user": {s.Service, attempt("bob", secret), true},
		"insecure":     {s.Service, sparekey.Attempt{Login: "ann", Secret: secret}, true},
		"broken":       {broken, attempt("ann", secret), false},
	} {
		ctx, err := c.service.WithIdentity(t.Context(), c.attempt)
		if ctx != nil || err == nil || sparekey.Refused(err) != c.refused {
			t.Errorf("%s: got %v, %v", name, ctx, err)
		}
	}
}

// TestContextWithoutIdentity asks contexts that have none.
func TestContextWithoutIdentity(t *testing.T) {
	t.Parallel()
	if id, ok := sparekey.FromContext(t.Context()); ok || id.User.ID != "" || sparekey.EndsSoon(t.Context()) {
		t.Errorf("got %v", id)
	}
}

// fill sets everything in v to something that is nowhere else.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(int64(*n), int64(*n)).UTC()))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() { // the others are not the identity's own
				fill(t, v.Field(i), n)
			}
		}
	default:
		t.Fatalf("this test cannot fill a %s: teach it to", v.Type())
	}
}

// TestEveryFieldIsCached fails when a field is added to Identity and not to its record. An
// identity with that field is then looked up for every request, which is right but slow.
func TestEveryFieldIsCached(t *testing.T) {
	t.Parallel()
	var full sparekey.Identity
	n := 0
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	local := sparekey.Identity{User: sparekey.User{Registered: time.Unix(5, 7).In(time.FixedZone("", 3600))}}
	for name, tt := range map[string]struct{ id, want sparekey.Identity }{
		"every field":      {full, full},
		"none":             {},
		"roles, but none":  {sparekey.Identity{User: sparekey.User{Roles: []string{}}}, sparekey.Identity{User: sparekey.User{Roles: []string{}}}},
		"an empty role":    {sparekey.Identity{User: sparekey.User{Roles: []string{""}}}, sparekey.Identity{User: sparekey.User{Roles: []string{""}}}},
		"another time":     {local, sparekey.Identity{User: sparekey.User{Registered: time.Unix(5, 7).UTC()}}},
		"another expiry":   {expires(time.Unix(5, 0).In(time.FixedZone("", 3600))), expires(time.Unix(5, 0).UTC())},
		"the longest name": {named(sparekey.MaxNameLength), named(sparekey.MaxNameLength)},
	} {
		got, ok := sparekey.ThroughCache(tt.id)
		if !ok {
			t.Errorf("%s: is not cached: every field of Identity must be in its record, see encodeIdentity", name)
		}
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(sparekey.Identity{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func expires(at time.Time) sparekey.Identity {
	return sparekey.Identity{Credential: sparekey.Credential{Limits: sparekey.Limits{Expires: at}}}
}

func named(length int) sparekey.Identity {
	return sparekey.Identity{Credential: sparekey.Credential{Name: strings.Repeat("n", length)}}
}

// incomparable is a store that cannot be compared, though its type can.
type incomparable struct {
	*memory.Store
	with any
}

func TestStoreThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	store := incomparable{memory.New(), map[string]int{}}
	sparekey.New(store, store, sparekey.Config{})
}
