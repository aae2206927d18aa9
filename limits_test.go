package sparekey_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/testclock"
	"github.com/sparekey-dev/sparekey/scope"
)

const day = 24 * time.Hour

func scopes(t *testing.T, rules ...string) scope.List {
	t.Helper()
	l, err := scope.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func networks(t *testing.T, texts ...string) sparekey.Networks {
	t.Helper()
	n, err := sparekey.ParseNetworks(texts)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func newClock() *testclock.Clock {
	return testclock.New(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
}

// limited makes an application password of ann's with limits.
func (s *site) limited(t *testing.T, name string, l sparekey.Limits) (sparekey.Secret, sparekey.Credential) {
	t.Helper()
	secret, c, err := s.AsOperator().Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: name, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	return secret, c
}

func request(method, target string) sparekey.Request {
	return sparekey.Request{Method: method, Target: target}
}

func TestLimitsNarrow(t *testing.T) {
	t.Parallel()
	clock := newClock()
	for name, c := range map[string]struct {
		limits  sparekey.Limits
		addr    string
		request sparekey.Request
		after   time.Duration
		want    sparekey.Reason
	}{
		"not narrowed":              {want: ""},
		"before it expires":         {limits: sparekey.Limits{Expires: clock.Now().Add(time.Hour)}, after: time.Hour - time.Second},
		"when it expires":           {limits: sparekey.Limits{Expires: clock.Now().Add(time.Hour)}, after: time.Hour, want: sparekey.ReasonExpired},
		"in scope":                  {limits: sparekey.Limits{Scopes: scopes(t, "read")}, request: request("GET", "/a")},
		"out of scope":              {limits: sparekey.Limits{Scopes: scopes(t, "read")}, request: request("POST", "/a"), want: sparekey.ReasonOutOfScope},
		"scopes, and not over HTTP": {limits: sparekey.Limits{Scopes: scopes(t, "* /*")}, want: sparekey.ReasonOutOfScope},
		"in the network":            {limits: sparekey.Limits{Networks: networks(t, "192.0.2.0/24")}, addr: "192.0.2.7"},
		"mapped":                    {limits: sparekey.Limits{Networks: networks(t, "192.0.2.0/24")}, addr: "::ffff:192.0.2.7"},
		"out of the network":        {limits: sparekey.Limits{Networks: networks(t, "192.0.2.0/24")}, addr: "198.51.100.1", want: sparekey.ReasonOutOfNetwork},
		"network, address unknown":  {limits: sparekey.Limits{Networks: networks(t, "0.0.0.0/0", "::/0")}, addr: "none", want: sparekey.ReasonOutOfNetwork},
		"with a zone":               {limits: sparekey.Limits{Networks: networks(t, "fe80::/10")}, addr: "fe80::1%eth0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			s := newSite(t, sparekey.Config{Now: clock.Now})
			secret, _ := s.limited(t, "app", c.limits)
			a := attempt("ann", secret)
			a.Request = c.request
			if c.addr == "none" {
				a.Addr = netip.Addr{}
			} else if c.addr != "" {
				a.Addr = netip.MustParseAddr(c.addr)
			}
			clock.Pass(c.after)
			for range 2 { // the second is answered from memory
				_, err := s.Authenticate(t.Context(), a)
				if got := reason(err); got != c.want || (err == nil) != (c.want == "") {
					t.Errorf("got %v, want %q", err, c.want)
				}
				forbidden := c.want == sparekey.ReasonOutOfScope || c.want == sparekey.ReasonOutOfNetwork
				if errors.Is(err, sparekey.ErrForbidden) != forbidden {
					t.Errorf("%v: forbidden: %v", err, !forbidden)
				}
			}
		})
	}
}

// TestWhenItExpiredIsTold is about limits of hours, of which a date says nothing.
func TestWhenItExpiredIsTold(t *testing.T) {
	t.Parallel()
	clock := newClock() // 05:06:07
	s := newSite(t, sparekey.Config{Now: clock.Now})
	end := clock.Now().Add(2 * time.Hour).In(time.FixedZone("elsewhere", 3600))
	secret, _ := s.limited(t, "app", sparekey.Limits{Expires: end})
	clock.Pass(3 * time.Hour)
	_, err := s.Authenticate(t.Context(), attempt("ann", secret))
	if err == nil || !strings.Contains(err.Error(), "expired on 2026-03-04 07:06 UTC") {
		t.Errorf("the refusal does not say when: %v", err)
	}
}

func TestThrottledSaysForHowLong(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		0: "Check both, and wait before", time.Millisecond: "Check both, and wait a second before", 1500 * time.Millisecond: "Check both, and wait 2 seconds before", 15 * time.Minute: "Check both, and wait 900 seconds before",
	} {
		if err := sparekey.Throttled(wait); !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", wait, err)
		}
	}
}

func TestRuleIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, _ := s.limited(t, "app", sparekey.Limits{Scopes: scopes(t, "GET /a", "GET /b*")})
	a := attempt("ann", secret)
	a.Request = request("GET", "/bc")
	id, err := s.Authenticate(t.Context(), a)
	if err != nil || id.Rule != "GET /b*" {
		t.Errorf("rule %q, %v", id.Rule, err)
	}
	a.Request = request("DELETE", "/b")
	if _, err = s.Authenticate(t.Context(), a); err == nil || !strings.Contains(err.Error(), "no scope covers DELETE /b; it has: GET /a; GET /b*") {
		t.Errorf("the refusal does not say why: %v", err)
	}
	// The client sent another method than the refusal names, and learns where that is from.
	a.Upstream = &elsewhere{All: []sparekey.Reading{{Method: "GET", Path: "/a"}, {Method: "PUT", Path: "/a"}}}
	if _, err = s.Authenticate(t.Context(), a); err == nil ||
		!strings.Contains(err.Error(), "no scope covers PUT /a, for which the application may take this request because of a header, a parameter or its body; it has") {
		t.Errorf("the refusal does not say why: %v", err)
	}
	// A hint is about readings beside the request's own.
	const hint = "Send JSON."
	a.Upstream = &elsewhere{All: []sparekey.Reading{{Method: "GET", Path: "/a"}, {Method: "PUT", Path: "/a"}}, Hint: hint}
	if _, err = s.Authenticate(t.Context(), a); err == nil || !strings.HasSuffix(err.Error(), "it has: GET /a; GET /b*. "+hint) {
		t.Errorf("the refusal does not say what to do: %v", err)
	}
	a.Upstream = &elsewhere{All: []sparekey.Reading{{Method: "PUT", Path: "/a"}}, Hint: hint}
	if _, err = s.Authenticate(t.Context(), a); err == nil || strings.Contains(err.Error(), hint) {
		t.Errorf("the refusal says what would not help: %v", err)
	}
}

// TestExplanationsAreBounded has a refusal stay short, however long the rules and the path
// are.
func TestExplanationsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	var rules []string
	for i := range scope.MaxRules {
		rules = append(rules, fmt.Sprintf("GET /%d%s", i, strings.Repeat("é", 200)))
	}
	secret, _ := s.limited(t, "app", sparekey.Limits{Scopes: scopes(t, rules...)})
	a := attempt("ann", secret)
	a.Request = request("GET", "/"+strings.Repeat("é", 30_000))
	_, err := s.Authenticate(t.Context(), a)
	if reason(err) != sparekey.ReasonOutOfScope || len(err.Error()) > 1000 || !utf8.ValidString(err.Error()) {
		t.Errorf("%.1200v", err)
	}
}

// TestUses checks that concurrent uses are counted exactly.
func TestUses(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, c := s.limited(t, "app", sparekey.Limits{MaxUses: 10})
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[sparekey.Reason]int{}
	for range 40 {
		wg.Go(func() {
			_, err := s.Authenticate(t.Context(), attempt("ann", secret))
			mu.Lock()
			defer mu.Unlock()
			got[reason(err)]++
		})
	}
	wg.Wait()
	if got[""] != 10 || got[sparekey.ReasonUsedUp] != 30 {
		t.Errorf("outcomes: %v", got)
	}
	if c, err := s.AsOperator().Get(t.Context(), s.ann.ID, c.UUID); err != nil || c.Uses != 10 {
		t.Errorf("%d uses, %v", c.Uses, err)
	}
}

// TestUsesAreNotGivenAway refuses where a use cannot be counted.
func TestUsesAreNotGivenAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, _ := s.limited(t, "app", sparekey.Limits{MaxUses: 10})
	svc := sparekey.New(neverUpdates{s.store}, s.store, sparekey.Config{})
	if _, err := svc.Authenticate(t.Context(), attempt("ann", secret)); err == nil || sparekey.Refused(err) {
		t.Errorf("got %v, want an error other than a refusal", err)
	}
}

// neverUpdates is a store that cannot write.
type neverUpdates struct{ sparekey.Store }

func (neverUpdates) Update(context.Context, string, string, sparekey.Change, sparekey.Check) (sparekey.Credential, error) {
	return sparekey.Credential{}, errors.New("the disk is full")
}

func TestNoGrace(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{NoGrace: true})
	secret, c := s.limited(t, "app", sparekey.Limits{})
	if _, _, err := s.As(s.ann).Rotate(t.Context(), s.ann.ID, c.UUID, time.Second); !errors.Is(err, sparekey.ErrInvalid) || !strings.HasPrefix(err.Error(), "grace must be 0") {
		t.Errorf("with grace: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); err != nil {
		t.Errorf("after a rotation that was refused: %v", err)
	}
	if _, _, err := s.As(s.ann).Rotate(t.Context(), s.ann.ID, c.UUID, 0); err != nil || s.HasGrace() {
		t.Errorf("without grace: %v", err)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newSite(t, sparekey.Config{Now: clock.Now})
	first, c := s.create(t, "app")
	outcome := func(secret sparekey.Secret) string {
		id, err := s.Authenticate(t.Context(), attempt("ann", secret))
		switch {
		case err != nil:
			return string(reason(err))
		case id.Credential.UUID != c.UUID:
			return id.Credential.UUID
		case id.OldSecret:
			return "old"
		}
		return "new"
	}
	second, rotated, err := s.As(s.ann).Rotate(t.Context(), s.ann.ID, c.UUID, time.Hour)
	if err != nil || rotated.UUID != c.UUID || !rotated.Created.Equal(c.Created) {
		t.Fatalf("%+v, %v", rotated, err)
	}
	if got := outcome(first) + " " + outcome(second); got != "old new" {
		t.Errorf("in the time of grace: %s", got)
	}
	clock.Pass(time.Hour)
	if got := outcome(first) + " " + outcome(second); got != "wrong_secret new" {
		t.Errorf("after it: %s", got)
	}
	third, _, err := s.As(s.ann).Rotate(t.Context(), s.ann.ID, c.UUID, 0)
	if got := outcome(second) + " " + outcome(third); err != nil || got != "wrong_secret new" {
		t.Errorf("without grace: %s, %v", got, err)
	}
	if _, _, err := s.As(s.admin).Rotate(t.Context(), s.ann.ID, c.UUID, 0); !errors.Is(err, sparekey.ErrForbidden) {
		t.Errorf("by another: %v", err)
	}
}

// TestGraceEnds compares the announced end of the grace period with the moment from which the
// previous secret is refused.
func TestGraceEnds(t *testing.T) {
	t.Parallel()
	hours := func(n int) time.Time { return newClock().Now().Add(time.Duration(n) * time.Hour) }
	for name, c := range map[string]struct {
		expires time.Time
		policy  sparekey.Policy
		later   time.Time // another time at which it expires, after the rotation
		want    time.Time
	}{
		"for as long as was said": {hours(5), sparekey.Policy{}, time.Time{}, hours(4)},
		"it expires earlier":      {hours(2), sparekey.Policy{}, time.Time{}, hours(2)},
		"the policy's end":        {time.Time{}, sparekey.Policy{MaxLifetime: 3 * time.Hour}, time.Time{}, hours(3)},
		"a shorter time later":    {hours(5), sparekey.Policy{}, hours(2), hours(2)},
		"a longer time later":     {hours(2), sparekey.Policy{}, hours(5), hours(2)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			s := newSite(t, sparekey.Config{Now: clock.Now, Policy: c.policy})
			old, made := s.limited(t, "app", sparekey.Limits{Expires: c.expires})
			m := s.AsOperator()
			_, got, err := m.Rotate(t.Context(), s.ann.ID, made.UUID, 4*time.Hour)
			if err == nil && !c.later.IsZero() {
				got, err = m.Edit(t.Context(), s.ann.ID, made.UUID, sparekey.Edit{Expires: &c.later})
			}
			if err != nil || !got.OldUntil.Equal(c.want) || !s.OldSecretUntil(got).Equal(c.want) {
				t.Errorf("got %v and %v, want %v; %v", got.OldUntil, s.OldSecretUntil(got), c.want, err)
			}
			clock.Pass(c.want.Sub(clock.Now()) - time.Second)
			if id, err := s.Authenticate(t.Context(), attempt("ann", old)); err != nil || !id.OldSecret {
				t.Errorf("a second before: %v", err)
			}
			clock.Pass(time.Second)
			if _, err := s.Authenticate(t.Context(), attempt("ann", old)); err == nil {
				t.Error("it is accepted for longer")
			}
		})
	}
}

// TestPolicyEndsGrace is about a policy that came after the rotation.
func TestPolicyEndsGrace(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{Now: newClock().Now})
	_, made := s.create(t, "app")
	_, c, err := s.AsOperator().Rotate(t.Context(), s.ann.ID, made.UUID, sparekey.MaxGrace)
	if err != nil {
		t.Fatal(err)
	}
	later := sparekey.New(s.store, s.store, sparekey.Config{Now: newClock().Now, Policy: sparekey.Policy{MaxLifetime: time.Hour}})
	if got := later.OldSecretUntil(c); !got.Equal(c.Created.Add(time.Hour)) {
		t.Errorf("got %v", got)
	}
	if _, _, err := s.AsOperator().Rotate(t.Context(), s.ann.ID, made.UUID, sparekey.MaxGrace+1); !errors.Is(err, sparekey.ErrInvalid) {
		t.Errorf("longer than possible: %v", err)
	}
}

// TestRotateInactive wants no secret to be handed out that nothing would accept.
func TestRotateInactive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits sparekey.Limits
		policy sparekey.Policy
		field  string
		says   string
	}{
		"expired":               {sparekey.Limits{Expires: newClock().Now().Add(time.Hour)}, sparekey.Policy{}, "expires", "it expired on 2026-03-04 06:06 UTC. Let it expire later first"},
		"expired by the policy": {sparekey.Limits{}, sparekey.Policy{MaxLifetime: time.Hour}, "", "an application password lasts at most 1h here. Make a new one"},
		"used up":               {sparekey.Limits{MaxUses: 1}, sparekey.Policy{}, "max_uses", "Give it more first"},
		"unused":                {sparekey.Limits{}, sparekey.Policy{RevokeUnused: time.Hour}, "", "it was not used for 1h. Make a new one"},
		"without scopes":        {sparekey.Limits{}, sparekey.Policy{RequireScopes: true}, "scopes", "Give it some first"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			s := newSite(t, sparekey.Config{Now: clock.Now})
			secret, made := s.limited(t, "app", c.limits)
			if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); err != nil {
				t.Fatal(err)
			}
			clock.Pass(time.Hour)
			m := sparekey.New(s.store, s.store, sparekey.Config{Now: clock.Now, Policy: c.policy}).AsOperator()
			before, err := m.Get(t.Context(), s.ann.ID, made.UUID)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = m.Rotate(t.Context(), s.ann.ID, made.UUID, time.Hour)
			var inactive *sparekey.InactiveError
			if !errors.As(err, &inactive) || inactive.Field != c.field || !strings.Contains(err.Error(), c.says) || !errors.Is(err, sparekey.ErrInactive) || !sparekey.Refused(err) {
				t.Errorf("got %v, %+v", err, inactive)
			}
			if after, err := m.Get(t.Context(), s.ann.ID, made.UUID); err != nil || after != before {
				t.Errorf("it was %+v and is %+v, %v", before, after, err)
			}
		})
	}
}

func TestRotateLegacy(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	c := sparekey.Credential{UUID: "0d2e8b1e-3a39-4b6c-9a3f-3c3b7f3f6f3e", UserID: s.ann.ID, Name: "old", Hash: legacyHash}
	if err := s.store.Insert(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.As(s.ann).Rotate(t.Context(), s.ann.ID, c.UUID, time.Hour); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds the hash that the first has stored
		id, err := s.Authenticate(t.Context(), attempt("ann", sparekey.ParseSecret(legacySecret)))
		if err != nil || !id.OldSecret || id.Credential.IsLegacy() {
			t.Errorf("%+v, %v", id, err)
		}
	}
}

// TestCallerNeverGoesBeyondItself tries to widen what a credential may do, by way of
// the credentials that it can make or touch.
func TestCallerNeverGoesBeyondItself(t *testing.T) {
	t.Parallel()
	now := newClock().Now()
	day := sparekey.Limits{Expires: now.Add(24 * time.Hour)}
	manages := sparekey.Limits{Scopes: scopes(t, "GET /a*", "application-passwords")}
	for name, c := range map[string]struct {
		acting sparekey.Limits
		policy sparekey.Policy
		made   sparekey.Limits
		want   sparekey.Limits // that the new one gets
		err    error
	}{
		"not narrowed":              {},
		"inherits":                  {acting: day, want: day},
		"inherits scopes":           {acting: manages, want: manages},
		"later":                     {acting: day, made: sparekey.Limits{Expires: now.Add(48 * time.Hour)}, err: sparekey.ErrBeyondLimits},
		"earlier":                   {acting: day, made: sparekey.Limits{Expires: now.Add(time.Hour)}, want: sparekey.Limits{Expires: now.Add(time.Hour)}},
		"another network":           {acting: sparekey.Limits{Networks: networks(t, "10.0.0.0/8")}, made: sparekey.Limits{Networks: networks(t, "10.0.0.0/7")}, err: sparekey.ErrBeyondLimits},
		"network within":            {acting: sparekey.Limits{Networks: networks(t, "10.0.0.0/8")}, made: sparekey.Limits{Networks: networks(t, "10.1.0.0/16")}, want: sparekey.Limits{Networks: "10.1.0.0/16"}},
		"narrower scope":            {acting: manages, made: sparekey.Limits{Scopes: scopes(t, "GET /ab")}, want: sparekey.Limits{Scopes: "GET /ab"}},
		"wider scope":               {acting: manages, made: sparekey.Limits{Scopes: scopes(t, "read")}, err: sparekey.ErrBeyondLimits},
		"no scope about passwords":  {acting: sparekey.Limits{Scopes: scopes(t, "* /*")}, err: sparekey.ErrForbidden},
		"for a number of uses":      {acting: sparekey.Limits{MaxUses: 5}, made: sparekey.Limits{MaxUses: 1}, err: sparekey.ErrForbidden},
		"site wants a scope for it": {policy: sparekey.Policy{ManageNeedsScope: true}, err: sparekey.ErrForbidden},
		"not past the site's end": {
			policy: sparekey.Policy{MaxLifetime: time.Hour}, want: sparekey.Limits{Expires: now.Add(time.Hour)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			s := newSite(t, sparekey.Config{Now: clock.Now, Policy: c.policy})
			_, acting := s.limited(t, "acting", c.acting)
			clock.Pass(time.Minute) // what it makes must not begin its life anew
			m := s.AsCaller(sparekey.Identity{User: s.ann, Credential: acting})
			_, made, err := m.Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "made", Limits: c.made})
			if !errors.Is(err, c.err) || made.Limits != c.want {
				t.Errorf("got %+v, %v, want %+v, %v", made.Limits, err, c.want, c.err)
			}
		})
	}
}

func TestCallerTouchesNothingBeyondItself(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	_, acting := s.limited(t, "acting", sparekey.Limits{Scopes: scopes(t, "GET /a*", "application-passwords")})
	_, within := s.limited(t, "within", sparekey.Limits{Scopes: scopes(t, "GET /a/b")})
	_, beyond := s.limited(t, "beyond", sparekey.Limits{})
	ctx, ann := t.Context(), s.ann.ID
	m := func() sparekey.Manager { // as a request that arrives now
		now, err := s.AsOperator().Get(ctx, ann, acting.UUID)
		if err != nil {
			t.Fatal(err)
		}
		return s.AsCaller(sparekey.Identity{User: s.ann, Credential: now})
	}
	for _, c := range []struct {
		uuid string
		want error
	}{{within.UUID, nil}, {beyond.UUID, sparekey.ErrBeyondLimits}, {acting.UUID, nil}} {
		if _, err := m().Rename(ctx, ann, c.uuid, "renamed "+c.uuid); !errors.Is(err, c.want) {
			t.Errorf("rename: %v, want %v", err, c.want)
		}
		if _, _, err := m().Rotate(ctx, ann, c.uuid, 0); !errors.Is(err, c.want) {
			t.Errorf("rotate: %v, want %v", err, c.want)
		}
		if _, err := m().Limit(ctx, ann, c.uuid, sparekey.Limits{Scopes: scopes(t, "read")}); !errors.Is(err, sparekey.ErrBeyondLimits) {
			t.Errorf("widen: %v", err)
		}
		if _, err := m().Limit(ctx, ann, c.uuid, sparekey.Limits{Scopes: scopes(t, "GET /a/b", "application-passwords")}); !errors.Is(err, c.want) {
			t.Errorf("limit: %v, want %v", err, c.want)
		}
	}
	if _, err := m().RevokeAll(ctx, ann); !errors.Is(err, sparekey.ErrBeyondLimits) {
		t.Errorf("revoke all: %v", err)
	}
	if _, err := m().Revoke(ctx, ann, beyond.UUID); !errors.Is(err, sparekey.ErrBeyondLimits) {
		t.Errorf("revoke beyond: %v", err)
	}
	if _, err := m().Revoke(ctx, ann, within.UUID); err != nil {
		t.Errorf("revoke within: %v", err)
	}
}

// TestActingChangedMeanwhile has a request with a credential under way while that is
// taken back, narrowed or replaced.
func TestActingChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(ctx context.Context, m sparekey.Manager, user, uuid string) error{
		"revoked": func(ctx context.Context, m sparekey.Manager, user, uuid string) error {
			_, err := m.Revoke(ctx, user, uuid)
			return err
		},
		"narrowed": func(ctx context.Context, m sparekey.Manager, user, uuid string) error {
			_, err := m.Limit(ctx, user, uuid, sparekey.Limits{Scopes: "read"})
			return err
		},
		"replaced": func(ctx context.Context, m sparekey.Manager, user, uuid string) error {
			_, _, err := m.Rotate(ctx, user, uuid, time.Hour)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, sparekey.Config{})
			_, acting := s.create(t, "acting")
			_, other := s.create(t, "other")
			ctx, ann := t.Context(), s.ann.ID
			m := s.AsCaller(sparekey.Identity{User: s.ann, Credential: acting})
			if err := meanwhile(ctx, s.AsOperator(), ann, acting.UUID); err != nil {
				t.Fatal(err)
			}
			_, _, created := m.Create(ctx, ann, sparekey.NewCredential{Name: "survivor"})
			_, renamed := m.Rename(ctx, ann, other.UUID, "survivor")
			_, _, rotated := m.Rotate(ctx, ann, other.UUID, 0)
			_, revoked := m.Revoke(ctx, ann, other.UUID)
			_, all := m.RevokeAll(ctx, ann)
			for what, err := range map[string]error{"create": created, "rename": renamed, "rotate": rotated, "revoke": revoked, "revoke all": all} {
				if !errors.Is(err, sparekey.ErrActingChanged) || !errors.Is(err, sparekey.ErrForbidden) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if now, err := s.AsOperator().Get(ctx, ann, other.UUID); err != nil || now != other {
				t.Errorf("the other is %+v, %v", now, err)
			}
		})
	}
}

// TestConfirm asks for credentials that are used for something else than to manage others.
func TestConfirm(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newSite(t, sparekey.Config{Now: clock.Now})
	for name, limits := range map[string]sparekey.Limits{"none": {}, "last use": {MaxUses: 1}, "expiry": {Expires: clock.Now().Add(time.Hour)}} {
		secret, c := s.limited(t, name, limits)
		id, err := s.Authenticate(t.Context(), attempt("ann", secret))
		if err != nil {
			t.Fatal(name, err)
		}
		if err := s.AsCaller(id).Confirm(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.AsOperator().Revoke(t.Context(), s.ann.ID, c.UUID); err != nil {
			t.Fatal(name, err)
		}
		if err := s.AsCaller(id).Confirm(t.Context()); !errors.Is(err, sparekey.ErrActingChanged) {
			t.Errorf("%s, revoked: %v", name, err)
		}
	}
	if err := s.As(s.ann).Confirm(t.Context()); err != nil {
		t.Errorf("a session: %v", err)
	}
}

// TestOldSecretManagesNothing has a thief with the previous secret try to take the credential
// over during the grace period.
func TestOldSecretManagesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	old, c := s.create(t, "app")
	if _, _, err := s.As(s.ann).Rotate(t.Context(), s.ann.ID, c.UUID, time.Hour); err != nil {
		t.Fatal(err)
	}
	id, err := s.Authenticate(t.Context(), attempt("ann", old))
	if err != nil || !id.OldSecret {
		t.Fatalf("%+v, %v", id, err)
	}
	m := s.AsCaller(id)
	if _, _, err := m.Rotate(t.Context(), s.ann.ID, c.UUID, 0); !errors.Is(err, sparekey.ErrOldSecret) {
		t.Errorf("rotate: %v", err)
	}
	if _, _, err := m.Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "mine"}); !errors.Is(err, sparekey.ErrOldSecret) {
		t.Errorf("create: %v", err)
	}
	if _, err := m.RevokeAll(t.Context(), s.ann.ID); !errors.Is(err, sparekey.ErrOldSecret) {
		t.Errorf("revoke all: %v", err)
	}
}

// elsewhere is an application that takes every request for the same one.
type elsewhere sparekey.Readings

func (e *elsewhere) Readings(bool) *sparekey.Readings { return (*sparekey.Readings)(e) }

// TestLimitedManagesNothingElsewhere tries to reach, with every kind of limit, what
// manages users, credentials or code in an application that knows nothing of limits.
func TestLimitedManagesNothingElsewhere(t *testing.T) {
	t.Parallel()
	now := newClock().Now()
	hour := sparekey.Limits{Expires: now.Add(time.Hour)}
	reading := func(method, path, named string) *elsewhere {
		return &elsewhere{All: []sparekey.Reading{{Method: method, Path: path, Named: named}}}
	}
	users := reading("POST", "/wp-json/wp/v2/users/me", scope.NameUsers)
	create := reading("POST", "/wp-json/wp/v2/users/me/application-passwords", scope.NamePasswords)
	form := &elsewhere{All: []sparekey.Reading{{Method: "POST", Path: "/hello"}}, Unclear: "a form may name a route", UnclearManages: true}
	odd := &elsewhere{Unclear: "it is written oddly"}
	for name, c := range map[string]struct {
		limits sparekey.Limits
		policy sparekey.Policy
		app    *elsewhere
		deny   error
		want   sparekey.Reason
	}{
		"unlimited":                          {app: users},
		"unlimited, passwords":               {app: create},
		"unlimited, form":                    {app: form},
		"unlimited, denied":                  {app: users, deny: sparekey.Refuse("other", "no"), want: "other"},
		"expires":                            {limits: hour, app: users, want: sparekey.ReasonOutOfScope},
		"expires, passwords":                 {limits: hour, app: create, want: sparekey.ReasonOutOfScope},
		"expires, form":                      {limits: hour, app: form, want: sparekey.ReasonOutOfScope},
		"expires, odd":                       {limits: hour, app: odd},
		"expires, something else":            {limits: hour, app: reading("POST", "/wp-json/wp/v2/posts", "")},
		"uses":                               {limits: sparekey.Limits{MaxUses: 3}, app: users, want: sparekey.ReasonOutOfScope},
		"network":                            {limits: sparekey.Limits{Networks: "192.0.2.0/24"}, app: users, want: sparekey.ReasonOutOfScope},
		"everything":                         {limits: sparekey.Limits{Scopes: "* /*"}, app: users, want: sparekey.ReasonOutOfScope},
		"write":                              {limits: sparekey.Limits{Scopes: "write"}, app: users, want: sparekey.ReasonOutOfScope},
		"a rule with its name":               {limits: sparekey.Limits{Scopes: "POST /wp-json/wp/v2/users*"}, app: users},
		"everything, odd":                    {limits: sparekey.Limits{Scopes: "* /*"}, app: odd, want: sparekey.ReasonOutOfScope},
		"everything, no reading":             {limits: sparekey.Limits{Scopes: "* /*"}, app: &elsewhere{}, want: sparekey.ReasonOutOfScope},
		"one of two readings":                {limits: sparekey.Limits{Scopes: "POST /a"}, app: &elsewhere{All: []sparekey.Reading{{Method: "POST", Path: "/a"}, {Method: "DELETE", Path: "/a"}}}, want: sparekey.ReasonOutOfScope},
		"longest lifetime of the site":       {policy: sparekey.Policy{MaxLifetime: time.Hour}, app: users, want: sparekey.ReasonOutOfScope},
		"the site restricts creation":        {policy: sparekey.Policy{RequireExpiry: true}, app: create, want: sparekey.ReasonOutOfScope},
		"the site restricts creation, form":  {policy: sparekey.Policy{MaxPerUser: 9}, app: form, want: sparekey.ReasonOutOfScope},
		"the site restricts creation, users": {policy: sparekey.Policy{Creators: []string{"editor"}}, app: users},
		"managing needs a scope":             {policy: sparekey.Policy{ManageNeedsScope: true}, app: create, want: sparekey.ReasonOutOfScope},
		"managing needs a scope, users":      {policy: sparekey.Policy{ManageNeedsScope: true}, app: users, want: sparekey.ReasonOutOfScope},
		"managing needs a scope, named":      {policy: sparekey.Policy{ManageNeedsScope: true}, limits: sparekey.Limits{Scopes: "POST /wp-json/wp/v2/users*"}, app: users},
		"managing needs a scope, plugins":    {policy: sparekey.Policy{ManageNeedsScope: true}, app: reading("POST", "/wp-json/wp/v2/plugins", scope.NamePlugins), want: sparekey.ReasonOutOfScope},
		"managing needs a scope, batch":      {policy: sparekey.Policy{ManageNeedsScope: true}, app: reading("POST", "/wp-json/batch/v1", scope.NameBatch), want: sparekey.ReasonOutOfScope},
		"managing needs a scope, posts":      {policy: sparekey.Policy{ManageNeedsScope: true}, app: reading("POST", "/wp-json/wp/v2/posts", "")},
		"managing needs a scope, odd":        {policy: sparekey.Policy{ManageNeedsScope: true}, app: odd},
	} {
		for _, remembers := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, remembered %v", name, remembers), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, sparekey.Config{Now: newClock().Now, Policy: c.policy})
				secret := sparekey.NewSecret()
				err := s.store.Insert(t.Context(), sparekey.Credential{ // with limits that a policy of today may not allow
					UUID: "0d2e8b1e-3a39-4b6c-9a3f-3c3b7f3f6f3e", UserID: s.ann.ID, Name: "app", Hash: secret.Hash(), Created: now, Limits: c.limits,
				}, nil)
				if err != nil {
					t.Fatal(err)
				}
				a := attempt("ann", secret)
				if remembers {
					a.Upstream = reading("POST", "/a", "")
					_, _ = s.Authenticate(t.Context(), a) // however it ends
				}
				a.Upstream, a.Deny = c.app, c.deny
				if _, err := s.Authenticate(t.Context(), a); reason(err) != c.want {
					t.Errorf("got %v, want %q", err, c.want)
				}
			})
		}
	}
}

// TestLimitedManagesHere is about Sparekey's own routes, which hold to limits.
func TestLimitedManagesHere(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{Now: newClock().Now})
	secret, _ := s.limited(t, "app", sparekey.Limits{Expires: newClock().Now().Add(time.Hour)})
	a := attempt("ann", secret)
	a.Request = request("POST", "/wp-json/wp/v2/users/me/application-passwords")
	if _, err := s.Authenticate(t.Context(), a); err != nil {
		t.Error(err)
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	now := newClock().Now()
	for name, c := range map[string]struct {
		policy sparekey.Policy
		limits sparekey.Limits
		field  string // that is refused
		err    error
		want   sparekey.Limits
	}{
		"nothing":                 {},
		"expiry required":         {policy: sparekey.Policy{RequireExpiry: true}, field: "expires"},
		"longest life by default": {policy: sparekey.Policy{RequireExpiry: true, MaxLifetime: time.Hour}, want: sparekey.Limits{Expires: now.Add(time.Hour)}},
		"longer than allowed":     {policy: sparekey.Policy{MaxLifetime: time.Hour}, limits: sparekey.Limits{Expires: now.Add(2 * time.Hour)}, field: "expires"},
		"scopes required":         {policy: sparekey.Policy{RequireScopes: true}, field: "scopes"},
		"undefined scope":         {limits: sparekey.Limits{Scopes: scopes(t, "moon")}, field: "scopes"},
		"in the past":             {limits: sparekey.Limits{Expires: now}, field: "expires"},
		"fewer than no uses":      {limits: sparekey.Limits{MaxUses: -1}, field: "max_uses"},
		"role may not":            {policy: sparekey.Policy{Creators: []string{"editor"}}, err: sparekey.ErrNotCreator},
		"more than allowed":       {policy: sparekey.Policy{MaxPerUser: 1}, err: sparekey.ErrTooMany},
		"as many as are allowed":  {policy: sparekey.Policy{MaxPerUser: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			s := newSite(t, sparekey.Config{Now: clock.Now, Policy: c.policy})
			first := sparekey.Credential{UUID: "0d2e8b1e-3a39-4b6c-9a3f-3c3b7f3f6f3e", UserID: s.ann.ID, Name: "first", Hash: legacyHash, Created: now}
			if err := s.store.Insert(t.Context(), first, nil); err != nil {
				t.Fatal(err)
			}
			n := sparekey.NewCredential{Name: "app", Limits: c.limits}
			check := s.AsOperator().CheckNew(t.Context(), s.ann.ID, n)
			_, made, err := s.AsOperator().Create(t.Context(), s.ann.ID, n)
			if (check == nil) != (err == nil) {
				t.Errorf("CheckNew says %v, Create %v", check, err)
			}
			var invalid *sparekey.InvalidError
			switch {
			case c.field != "":
				if !errors.As(err, &invalid) || invalid.Field != c.field {
					t.Errorf("got %v, want one about %s", err, c.field)
				}
			case !errors.Is(err, c.err) || !sparekey.Refused(err) && err != nil:
				t.Errorf("got %v, want %v", err, c.err)
			case made.Limits != c.want:
				t.Errorf("got %+v, want %+v", made.Limits, c.want)
			}
		})
	}
}

func TestPolicyHoldsForThoseThatExist(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy sparekey.Policy
		after  time.Duration
		want   sparekey.Reason
	}{
		"young":            {sparekey.Policy{MaxLifetime: time.Hour}, 59 * time.Minute, ""},
		"too old":          {sparekey.Policy{MaxLifetime: time.Hour}, time.Hour, sparekey.ReasonExpired},
		"without scopes":   {sparekey.Policy{RequireScopes: true}, 0, sparekey.ReasonOutOfScope},
		"unused for long":  {sparekey.Policy{RevokeUnused: 48 * time.Hour}, 48 * time.Hour, sparekey.ReasonUnused},
		"used within time": {sparekey.Policy{RevokeUnused: 48 * time.Hour}, 47 * time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			s := newSite(t, sparekey.Config{Now: clock.Now})
			secret, _ := s.create(t, "app")
			clock.Pass(c.after)
			svc := sparekey.New(s.store, s.store, sparekey.Config{Now: clock.Now, Policy: c.policy})
			if _, err := svc.Authenticate(t.Context(), attempt("ann", secret)); reason(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestPasswordChanged(t *testing.T) {
	t.Parallel()
	for revokes, want := range map[bool]int{false: 0, true: 2} {
		s := newSite(t, sparekey.Config{Policy: sparekey.Policy{RevokeOnPasswordReset: revokes}})
		s.create(t, "one")
		s.create(t, "two")
		revoked, err := s.PasswordChanged(t.Context(), s.ann.ID)
		if err != nil || len(revoked) != want {
			t.Errorf("revokes %v: %d, %v", revokes, len(revoked), err)
		}
	}
}

// TestRecord wants nothing to be acknowledged that could not be recorded.
func TestRecord(t *testing.T) {
	t.Parallel()
	var kinds []sparekey.Kind
	down := errors.New("the log is full")
	var failing error
	s := newSite(t, sparekey.Config{Record: func(_ context.Context, e sparekey.Event) error {
		kinds = append(kinds, e.Kind)
		return failing
	}})
	ctx, m, ann := t.Context(), s.As(s.ann), s.ann.ID
	_, c := s.create(t, "app")
	for _, failing = range []error{nil, down} {
		_, err := m.Rename(ctx, ann, c.UUID, "other")
		check := func(what string, err error) {
			if !errors.Is(err, failing) || sparekey.Refused(err) {
				t.Errorf("%s: got %v, want %v", what, err, failing)
			}
		}
		check("rename", err)
		_, err = m.Limit(ctx, ann, c.UUID, sparekey.Limits{})
		check("limit", err)
		_, _, err = m.Rotate(ctx, ann, c.UUID, 0)
		check("rotate", err)
	}
	if _, _, err := m.Create(ctx, ann, sparekey.NewCredential{Name: "never"}); !errors.Is(err, down) {
		t.Errorf("create: %v", err)
	}
	if list, err := m.List(ctx, ann); err != nil || len(list) != 1 {
		t.Errorf("what was not acknowledged is there: %+v, %v", list, err)
	}
	if _, err := m.Revoke(ctx, ann, c.UUID); !errors.Is(err, down) {
		t.Errorf("revoke: %v", err)
	}
	if list, err := m.List(ctx, ann); err != nil || len(list) != 0 {
		t.Errorf("what was revoked is there: %+v, %v", list, err)
	}
	if want := 1 + 2*3 + 2; len(kinds) != want {
		t.Errorf("%d records, want %d: %v", len(kinds), want, kinds)
	}
}

func TestParseNetworks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"10.1.2.3/8":           "10.0.0.0/8",
		"192.0.2.7":            "192.0.2.7/32",
		" 2001:db8::1 ":        "2001:db8::1/128",
		"::ffff:192.0.2.7":     "192.0.2.7/32",
		"::ffff:192.0.2.0/120": "error",
		"fe80::1%eth0":         "error",
		"10.0.0.0/33":          "error",
		"example.org":          "error",
		"":                     "error",
		"10.0.0.0/8 0.0.0.0/0": "error",
	} {
		n, err := sparekey.ParseNetworks([]string{in})
		if err != nil && want != "error" || err == nil && string(n) != want {
			t.Errorf("%q: got %q, %v, want %s", in, n, err, want)
		}
	}
	if _, err := sparekey.ParseNetworks(make([]string, sparekey.MaxNetworks+1)); err == nil {
		t.Error("more than MaxNetworks were taken")
	}
}

// eastern is a store whose driver returns times in the location of the database.
type eastern struct{ sparekey.Store }

func inTheEast(c *sparekey.Credential) {
	east := time.FixedZone("east", 2*60*60)
	for _, t := range []*time.Time{&c.Created, &c.LastUsed, &c.Limits.Expires, &c.OldUntil} {
		*t = t.In(east)
	}
}

func (s eastern) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	c, err := s.Store.Find(ctx, userID, hash)
	inTheEast(&c)
	return c, err
}

func (s eastern) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	return s.Store.Update(ctx, userID, uuid, func(c *sparekey.Credential) error {
		inTheEast(c)
		return change(c)
	}, check)
}

// TestTimesOfAnotherLocation has a caller whose credential comes back with the same times,
// written in another way: nothing about it has changed.
func TestTimesOfAnotherLocation(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]sparekey.Limits{
		"never expires": {},
		"expires":       {Expires: newClock().Now().Add(time.Hour)},
	} {
		clock := newClock()
		s := newSite(t, sparekey.Config{Now: clock.Now})
		_, acting := s.limited(t, name, limits)
		svc := sparekey.New(eastern{s.store}, s.store, sparekey.Config{Now: clock.Now})
		m := svc.AsCaller(sparekey.Identity{User: s.ann, Credential: acting})
		if err := m.Confirm(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := m.Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "made by one that " + name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		clock.Pass(2 * time.Hour)
		_, _, err := svc.AsOperator().Rotate(t.Context(), s.ann.ID, acting.UUID, 0)
		if end := limits.Expires.Format("2006-01-02 15:04 UTC"); (err == nil) != limits.IsZero() || err != nil && !strings.Contains(err.Error(), end) {
			t.Errorf("%s: %v, want the end %s in it", name, err, end)
		}
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 2*60*60)
	at := time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)
	l := sparekey.Limits{Expires: at, Scopes: "read", MaxUses: 3}
	c := sparekey.Credential{UUID: "c0ffee", Created: at, LastUsed: at.Add(time.Hour), OldUntil: at, Limits: l}
	same := c
	for _, t := range []*time.Time{&same.Created, &same.LastUsed, &same.Limits.Expires, &same.OldUntil} {
		*t = t.In(east)
	}
	if !c.Equal(same) || !l.Equal(same.Limits) {
		t.Error("the same times in another location are not equal")
	}
	if !(sparekey.Limits{Expires: time.Time{}.In(east)}).IsZero() {
		t.Error("no time, in another location, is a limit")
	}
	for name, change := range map[string]func(*sparekey.Credential){
		"UUID":      func(c *sparekey.Credential) { c.UUID = "other" },
		"created":   func(c *sparekey.Credential) { c.Created = c.Created.Add(time.Second) },
		"last used": func(c *sparekey.Credential) { c.LastUsed = time.Time{} },
		"old until": func(c *sparekey.Credential) { c.OldUntil = time.Time{} },
		"expires":   func(c *sparekey.Credential) { c.Limits.Expires = time.Time{} },
		"scopes":    func(c *sparekey.Credential) { c.Limits.Scopes = "" },
		"max uses":  func(c *sparekey.Credential) { c.Limits.MaxUses++ },
	} {
		other := same
		change(&other)
		if c.Equal(other) {
			t.Errorf("%s does not count", name)
		}
	}
}

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

func TestRevokeInactive(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newSite(t, sparekey.Config{Now: clock.Now})
	s.limited(t, "stays", sparekey.Limits{})
	s.limited(t, "goes", sparekey.Limits{Expires: clock.Now().Add(time.Hour)})
	clock.Pass(time.Hour)
	revoked, err := s.AsOperator().RevokeInactive(t.Context(), s.ann.ID)
	if err != nil || len(revoked) != 1 || revoked[0].Name != "goes" {
		t.Errorf("got %v, %v", revoked, err)
	}
}

func TestUpcomingExpiryIsTold(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newSite(t, sparekey.Config{Now: clock.Now})
	expires := clock.Now().Add(20 * day)
	secret, _ := s.limited(t, "app", sparekey.Limits{Expires: expires})
	for _, want := range []time.Time{{}, expires} {
		id, err := s.Authenticate(t.Context(), attempt("ann", secret))
		if err != nil || !id.UpcomingExpiry.Equal(want) {
			t.Errorf("got %v, %v, want %v", id.UpcomingExpiry, err, want)
		}
		clock.Pass(6*day + time.Second)
	}
}
