package metrics_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/metrics"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/throttle"
)

// scrape reads the registry as Prometheus does: series to value.
func scrape(t *testing.T, r *prometheus.Registry) map[string]string {
	t.Helper()
	server := httptest.NewServer(metrics.Handler(r))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	series := map[string]string{}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && name != "#" {
			series[name] = value
		}
	}
	return series
}

func want(t *testing.T, series map[string]string, wanted map[string]string) {
	t.Helper()
	for name, value := range wanted {
		if series[name] != value {
			t.Errorf("%s is %q, want %q", name, series[name], value)
		}
	}
}

// broken is a store that does not answer while err is set.
type broken struct {
	*memory.Store
	err error
}

func (b *broken) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	if b.err != nil {
		return sparekey.Credential{}, b.err
	}
	return b.Store.Find(ctx, userID, hash)
}

// Version says that nothing may be cached.
func (*broken) Revision() (uint64, bool) { return 0, false }

func TestWhatHappensIsCounted(t *testing.T) {
	t.Parallel()
	registry := metrics.NewRegistry()
	m, err := metrics.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	limiter := throttle.New(throttle.Config{PerLogin: throttle.Rate{Failures: 2, Within: 1 << 40}})
	if err := metrics.Throttle(registry, limiter); err != nil {
		t.Fatal(err)
	}
	store := &broken{Store: memory.New()}
	svc := sparekey.New(store, store, limiter.Protect(sparekey.Config{Observe: m.Observe}))
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	secret, c, err := svc.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "Phone"})
	if err != nil {
		t.Fatal(err)
	}
	try := func(login, plain string, secure bool) {
		_, _ = svc.Authenticate(t.Context(), sparekey.Attempt{
			Login: login, Secret: sparekey.ParseSecret(plain), Secure: secure, Addr: netip.MustParseAddr("192.0.2.1"),
		})
	}
	for range 3 {
		try("ann", secret.Reveal(), true)
	}
	try("ann", secret.Reveal(), false)
	try("bob", "x", true)
	for i := range 4 {
		try("ann", fmt.Sprint("wrong", i), true)
	}
	for _, err := range []error{errors.New("disk on fire"), context.Canceled, fmt.Errorf("x: %w", context.DeadlineExceeded)} {
		store.err = err
		try("ann", secret.Reveal(), true)
	}
	if _, err := svc.AsOperator().Revoke(t.Context(), ann.ID, c.UUID); err != nil {
		t.Fatal(err)
	}
	series := scrape(t, registry)
	want(t, series, map[string]string{
		`sparekey_attempts_total{outcome="ok",reason=""}`:                       "3",
		`sparekey_attempts_total{outcome="refused",reason="insecure"}`:          "1",
		`sparekey_attempts_total{outcome="refused",reason="unknown_login"}`:     "1",
		`sparekey_attempts_total{outcome="refused",reason="wrong_secret"}`:      "2",
		`sparekey_attempts_total{outcome="refused",reason="throttled"}`:         "2",
		`sparekey_attempts_total{outcome="refused",reason="expired"}`:           "0",
		`sparekey_attempts_total{outcome="broken",reason="error"}`:              "1",
		`sparekey_attempts_total{outcome="broken",reason="canceled"}`:           "1",
		`sparekey_attempts_total{outcome="broken",reason="timeout"}`:            "1",
		`sparekey_attempt_duration_seconds_count{outcome="ok"}`:                 "3",
		`sparekey_attempt_duration_seconds_bucket{outcome="refused",le="+Inf"}`: "6",
		`sparekey_attempt_duration_seconds_count{outcome="broken"}`:             "3",
		`sparekey_credential_events_total{event="created"}`:                     "1",
		`sparekey_credential_events_total{event="revoked"}`:                     "1",
		`sparekey_credential_events_total{event="rotated"}`:                     "0",
		`sparekey_throttled_total`:                                              "2",
		`sparekey_throttle_shared_up`:                                           "0",
		`sparekey_throttle_keys`:                                                "9", // the site, the address, two logins; three wrong secrets; the success and its address
	})
	if sum := series[`sparekey_attempt_duration_seconds_sum{outcome="ok"}`]; sum == "" || sum == "0" {
		t.Errorf("attempts took %q seconds", sum)
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if series[name] == "" {
			t.Errorf("no %s", name)
		}
	}
}

// TestDecisions are counted by what decided.
func TestDecisions(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m, err := metrics.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []gateway.Decision{
		{Outcome: gateway.Allowed, Rule: gateway.RuleCredential},
		byScope("GET /wp-json/wp/v2/posts*"),
		byScope("read"),
		{Outcome: gateway.Refused, Rule: string(sparekey.ReasonOutOfScope)},
		{Outcome: gateway.Refused, Rule: gateway.RuleUpstream},
		{Outcome: gateway.Refused, Rule: "moon"},
		{Outcome: gateway.Refused, Rule: gateway.RuleRefuse},
		{Outcome: gateway.Refused, Rule: gateway.RuleField},
		{Outcome: gateway.Refused, Rule: gateway.RuleProxy},
		{Outcome: gateway.Allowed, Rule: gateway.RuleIgnored},
		{Outcome: gateway.Broken, Rule: gateway.RuleBroken},
	} {
		m.Decided(t.Context(), d)
	}
	want(t, scrape(t, registry), map[string]string{
		`sparekey_decisions_total{outcome="allowed",rule="credential"}`:   "1",
		`sparekey_decisions_total{outcome="allowed",rule="scope"}`:        "2",
		`sparekey_decisions_total{outcome="refused",rule="out_of_scope"}`: "1",
		`sparekey_decisions_total{outcome="refused",rule="upstream"}`:     "1",
		`sparekey_decisions_total{outcome="refused",rule="other"}`:        "1",
		`sparekey_decisions_total{outcome="refused",rule="refuse"}`:       "1",
		`sparekey_decisions_total{outcome="refused",rule="field"}`:        "1",
		`sparekey_decisions_total{outcome="refused",rule="proxy"}`:        "1",
		`sparekey_decisions_total{outcome="allowed",rule="ignored"}`:      "1",
		`sparekey_decisions_total{outcome="broken",rule="broken"}`:        "1",
	})
}

// byScope is the decision that a scope of a credential makes.
func byScope(rule string) gateway.Decision {
	return gateway.Decision{Outcome: gateway.Allowed, Rule: rule, Identity: sparekey.Identity{Rule: rule}}
}

// TestEnded counts requests that were ended, by what ended them.
func TestEnded(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m, err := metrics.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []gateway.Decision{
		{Outcome: gateway.Refused, Rule: string(sparekey.ReasonWrongSecret)},
		{Outcome: gateway.Refused, Rule: "moon"},
		{Outcome: gateway.Broken, Rule: gateway.RuleBroken},
	} {
		m.Ended(t.Context(), d)
	}
	want(t, scrape(t, registry), map[string]string{
		`sparekey_requests_ended_total{rule="wrong_secret"}`: "1",
		`sparekey_requests_ended_total{rule="other"}`:        "1",
		`sparekey_requests_ended_total{rule="broken"}`:       "1",
		`sparekey_requests_ended_total{rule="expired"}`:      "0",
	})
}

// TestInputMakesNoSeries feeds all that a client or a hook can choose.
func TestInputMakesNoSeries(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m, err := metrics.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	feed := func(i int) {
		text := fmt.Sprintf("hunter%d", i)
		for _, k := range []sparekey.Kind{sparekey.KindRefused, sparekey.KindAuthenticated, sparekey.KindBroken, sparekey.KindCreated, sparekey.KindUsageWriteFailed, sparekey.Kind(text)} {
			m.Observe(t.Context(), sparekey.Event{
				Kind: k, Reason: sparekey.Reason(text), Login: text, Rule: text, Err: errors.New(text),
				User: sparekey.User{ID: text, Login: text}, Credential: sparekey.Credential{UUID: text, Name: text},
			})
		}
		m.Decided(t.Context(), gateway.Decision{Outcome: gateway.Outcome(i % 3), Rule: text})
		m.Decided(t.Context(), byScope(text))
		m.Ended(t.Context(), gateway.Decision{Outcome: gateway.Outcome(i % 3), Rule: text})
	}
	for i := range 3 {
		feed(i)
	}
	before := scrape(t, registry)
	for i := range 2000 {
		feed(i)
	}
	after := scrape(t, registry)
	if len(after) != len(before) {
		t.Errorf("there are %d series, and %d after more input", len(before), len(after))
	}
	for name := range after {
		if strings.Contains(name, "hunter") {
			t.Errorf("%s holds what was put in", name)
		}
	}
}

// TestEveryReasonIsASeries has no reason of Sparekey's own end as "other".
func TestEveryReasonIsASeries(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	if _, err := metrics.New(registry); err != nil {
		t.Fatal(err)
	}
	series := scrape(t, registry)
	for _, r := range append(sparekey.Reasons(), sparekey.ReasonThrottled) {
		if series[fmt.Sprintf(`sparekey_attempts_total{outcome="refused",reason=%q}`, r)] != "0" {
			t.Errorf("no series for %s before it happens", r)
		}
	}
}

func TestNamesFollowConvention(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	if _, err := metrics.New(registry); err != nil {
		t.Fatal(err)
	}
	if err := metrics.Throttle(registry, throttle.New(throttle.Config{})); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	docs, err := os.ReadFile("../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.Contains(string(docs), "`"+f.GetName()+"`") {
			t.Errorf("docs/reference/metrics.md does not list %s", f.GetName())
		}
	}
}

func TestTwiceOnARegistry(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	if _, err := metrics.New(registry); err != nil {
		t.Fatal(err)
	}
	if _, err := metrics.New(registry); err == nil {
		t.Error("two of a name are one too many")
	}
}
