package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/metrics"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// TestBundlesNamedLikeRules defines a bundle for every name that the gateway or
// this package has a meaning for: none of them may be counted as anything but a scope.
func TestBundlesNamedLikeRules(t *testing.T) {
	t.Parallel()
	names := []string{
		gateway.RuleAnonymous, gateway.RuleCredential, gateway.RuleNoCredential, gateway.RuleCrossOrigin,
		gateway.RuleForbidden, gateway.RuleUpstream, gateway.RuleBroken, "scope", "other", string(sparekey.ReasonThrottled),
	}
	for _, r := range sparekey.Reasons() {
		names = append(names, string(r))
	}
	own := map[string][]string{}
	for _, name := range names {
		own[name] = []string{"GET /" + name}
	}
	bundles, err := scope.BuiltIn().Define(own)
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	m, err := metrics.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New()
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{Bundles: bundles})
	g := gateway.New(svc, gateway.Config{Observe: m.Decided})
	for _, name := range names {
		secret, _, err := svc.AsOperator().Create(t.Context(), ann.ID,
			sparekey.NewCredential{Name: name, Limits: sparekey.Limits{Scopes: scope.List(name)}})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/"+name, nil)
		r.SetBasicAuth("ann", secret.Reveal())
		d := g.Decide(r, clientip.Origin{Addr: netip.MustParseAddr("192.0.2.1"), Secure: true})
		if d.Outcome != gateway.Allowed || d.Rule != name || !d.ByScope() {
			t.Errorf("bundle %q: got %v, rule %q, by scope %v; %v", name, d.Outcome, d.Rule, d.ByScope(), d.Err)
		}
	}
	for series, value := range scrape(t, registry) {
		switch series {
		case `sparekey_decisions_total{outcome="allowed",rule="scope"}`:
			if value != strconv.Itoa(len(names)) {
				t.Errorf("%s of %d decisions by scopes", value, len(names))
			}
		default:
			if strings.HasPrefix(series, "sparekey_decisions_total") && value != "0" {
				t.Errorf("counted as %s: %s", series, value)
			}
		}
	}
}

// TestByScope is false of every decision that no scope made.
func TestByScope(t *testing.T) {
	t.Parallel()
	scoped := sparekey.Identity{Rule: "read"}
	for _, c := range []struct {
		d    gateway.Decision
		want bool
	}{
		{gateway.Decision{Outcome: gateway.Allowed, Rule: "read", Identity: scoped}, true},
		{gateway.Decision{Outcome: gateway.Allowed, Rule: gateway.RuleCredential}, false},
		{gateway.Decision{Outcome: gateway.Allowed, Rule: gateway.RuleAnonymous}, false},
		{gateway.Decision{Outcome: gateway.Refused, Rule: "read", Identity: scoped}, false},
		{gateway.Decision{}, false},
	} {
		if got := c.d.ByScope(); got != c.want {
			t.Errorf("%+v: got %v", c.d, got)
		}
	}
}
