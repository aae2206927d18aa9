package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
)

// again is an Authenticator that accepts everything, and comes to another end when it is
// asked again.
type again struct {
	outcome

	recheck func(ctx context.Context, id sparekey.Identity, a sparekey.Attempt) error
}

func (a again) Recheck(ctx context.Context, id sparekey.Identity, try sparekey.Attempt) error {
	return a.recheck(ctx, id, try)
}

var ann = sparekey.Identity{User: sparekey.User{ID: "1", Login: "ann"}, Credential: sparekey.Credential{UUID: "c0ffee"}, Rule: "GET /a*"}

// TestHold asks again about an allowed request, and goes through every outcome.
func TestHold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		outcome gateway.Outcome
		rule    string
		status  int
	}{
		"still allowed": {nil, gateway.Allowed, "GET /a*", 200},
		"revoked":       {&sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}, gateway.Refused, "wrong_secret", 401},
		"narrowed":      {&sparekey.AuthError{Reason: sparekey.ReasonOutOfScope}, gateway.Refused, "out_of_scope", 403},
		"broken":        {errors.New("no disk"), gateway.Broken, gateway.RuleBroken, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked sparekey.Attempt
			told := 0
			auth := again{outcome{id: ann}, func(_ context.Context, id sparekey.Identity, a sparekey.Attempt) error {
				if id.Credential.UUID != ann.Credential.UUID {
					t.Errorf("asked about %v", id)
				}
				asked = a
				return c.err
			}}
			g := gateway.New(auth, gateway.Config{Observe: func(context.Context, gateway.Decision) { told++ }})
			r := request(http.MethodGet, "/a/b?c")
			r.SetBasicAuth("ann", "hunter2")
			d, hold := g.DecideProxied(r, loopback)
			if d.Outcome != gateway.Allowed || hold == nil {
				t.Fatalf("%v, %v", d, hold)
			}
			r.Header.Set("Authorization", "changed")
			if d := hold.Recheck(t.Context()); d.Outcome != c.outcome || d.Rule != c.rule || d.Status() != c.status {
				t.Errorf("%v %s %d", d.Outcome, d.Rule, d.Status())
			}
			if asked.Login != "ann" || asked.Secret.Reveal() != "hunter2" || asked.Addr != loopback.Addr || asked.Request.Target != "/a/b?c" {
				t.Errorf("asked about another attempt: %v", asked)
			}
			if told != 1 {
				t.Errorf("Observe was called %d times", told)
			}
			for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
				if text := fmt.Sprintf(format, hold); strings.Contains(text, "hunter2") {
					t.Errorf("%s prints %s", format, text)
				}
			}
		})
	}
}

// TestNoHold is about decisions that stand.
func TestNoHold(t *testing.T) {
	t.Parallel()
	auth := again{outcome{id: ann}, func(context.Context, sparekey.Identity, sparekey.Attempt) error { return nil }}
	basic := []string{"Authorization", "Basic eDp5"}
	for name, c := range map[string]struct {
		g      *gateway.Gateway
		header []string
		want   gateway.Outcome
	}{
		"anonymous":                          {gateway.New(auth, gateway.Config{Optional: true}), nil, gateway.Allowed},
		"refused":                            {gateway.New(again{outcome{err: &sparekey.AuthError{}}, nil}, gateway.Config{}), basic, gateway.Refused},
		"an Authenticator without a Recheck": {gateway.New(auth.outcome, gateway.Config{}), basic, gateway.Allowed},
	} {
		if d, hold := c.g.DecideProxied(request(http.MethodGet, "/", c.header...), loopback); d.Outcome != c.want || hold != nil {
			t.Errorf("%s: %v, %v", name, d.Outcome, hold)
		}
	}
}

// TestRecheckAll has a round over many requests, one of which panics.
func TestRecheckAll(t *testing.T) {
	t.Parallel()
	refused := &sparekey.AuthError{Reason: sparekey.ReasonExpired}
	auth := again{outcome{id: ann}, func(_ context.Context, _ sparekey.Identity, a sparekey.Attempt) error {
		switch a.Request.Target {
		case "/7":
			panic("a hook")
		case "/8":
			return refused
		}
		return nil
	}}
	g := gateway.New(auth, gateway.Config{})
	for _, n := range []int{0, 1, 500} {
		var holds []*gateway.Hold
		for i := range n {
			_, hold := g.DecideProxied(request(http.MethodGet, fmt.Sprintf("/%d", i), "Authorization", "Basic eDp5"), loopback)
			holds = append(holds, hold)
		}
		var mu sync.Mutex
		seen := make(map[int]gateway.Outcome)
		gateway.RecheckAll(t.Context(), holds, func(i int, d gateway.Decision) {
			mu.Lock()
			defer mu.Unlock()
			seen[i] = d.Outcome
		})
		if len(seen) != n {
			t.Errorf("%d decisions about %d requests", len(seen), n)
		}
		for i, got := range seen {
			want := map[int]gateway.Outcome{7: gateway.Broken, 8: gateway.Refused}
			if outcome, ok := want[i]; ok && got != outcome || !ok && got != gateway.Allowed {
				t.Errorf("request %d: %v", i, got)
			}
		}
	}
}
