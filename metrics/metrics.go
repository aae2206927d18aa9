// Package metrics counts for Prometheus what happens to application passwords.
//
//	registry := metrics.NewRegistry()
//	m, err := metrics.New(registry)
//	svc := sparekey.New(store, users, sparekey.Config{Observe: m.Observe})
//	http.Handle("/metrics", metrics.Handler(registry))
//
// Everything is on the registry that it is given. No label holds anything that a
// client or a user chose, so no input makes more series, and no login, address
// or secret is in them. docs/reference/metrics.md lists all.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/throttle"
)

// Reasons of attempts that are none of package sparekey's.
const (
	reasonNone     = ""         // the attempt succeeded
	reasonOther    = "other"    // a hook's own reason
	reasonTimeout  = "timeout"  // broken: it took too long
	reasonCanceled = "canceled" // broken: the client left
	reasonError    = "error"    // broken: the store, or a hook, did not answer
)

// ruleScope stands for all scopes of credentials, which their owners choose.
const ruleScope = "scope"

// Metrics counts. It is safe for concurrent use.
type Metrics struct {
	attempts  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	changes   *prometheus.CounterVec
	decisions *prometheus.CounterVec
	ended     *prometheus.CounterVec
	notKept   prometheus.Counter

	kinds          []sparekey.Kind // what labels may hold
	reasons, rules []string
}

// New returns Metrics on a registry. It fails where the registry has metrics of
// these names already.
func New(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		kinds: changes(), reasons: reasons(), rules: rules(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sparekey_attempts_total", Help: "Attempts to authenticate, by their outcome (ok, refused, broken) and the reason for it.",
		}, []string{"outcome", "reason"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sparekey_attempt_duration_seconds", Help: "How long attempts to authenticate took.",
			Buckets: []float64{5e-6, 20e-6, 50e-6, 100e-6, 250e-6, 1e-3, 5e-3, 25e-3, 0.1, 0.5, 3},
		}, []string{"outcome"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sparekey_credential_events_total", Help: "Changes of application passwords: creations, revocations and others, without uses.",
		}, []string{"event"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sparekey_decisions_total", Help: "Decisions of the gateway about requests, by their outcome (allowed, refused, broken) and what decided.",
		}, []string{"outcome", "rule"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sparekey_requests_ended_total", Help: "Requests to the application that were ended while under way, by why their application password no longer allowed them.",
		}, []string{"rule"}),
		notKept: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sparekey_usage_not_kept_total", Help: "Uses that were allowed although the store could not record them.",
		}),
	}
	m.begin()
	return m, register(registry, m.attempts, m.durations, m.changes, m.decisions, m.ended, m.notKept)
}

// begin makes all series that are certain to be wanted, so that the first of an
// event is an increase, and an alert on it works.
func (m *Metrics) begin() {
	m.attempts.WithLabelValues("ok", reasonNone)
	for _, r := range append(reasons(), reasonOther) {
		m.attempts.WithLabelValues("refused", r)
	}
	for _, r := range []string{reasonTimeout, reasonCanceled, reasonError} {
		m.attempts.WithLabelValues("broken", r)
	}
	for _, o := range []string{"ok", "refused", "broken"} {
		m.durations.WithLabelValues(o)
	}
	for _, k := range m.kinds {
		m.changes.WithLabelValues(string(k))
	}
	for _, r := range append(reasons(), gateway.RuleForbidden, gateway.RuleBroken, reasonOther) {
		m.ended.WithLabelValues(r)
	}
}

// changes returns the kinds of events that are not attempts.
func changes() []sparekey.Kind {
	return []sparekey.Kind{
		sparekey.KindCreated, sparekey.KindRenamed, sparekey.KindLimited, sparekey.KindRotated, sparekey.KindRevoked,
		sparekey.KindExpiring, sparekey.KindReRevoked, sparekey.KindRestored, sparekey.KindConflict,
	}
}

// reasons are those of package sparekey.
func reasons() []string {
	all := []string{string(sparekey.ReasonThrottled)}
	for _, r := range sparekey.Reasons() {
		if r != sparekey.ReasonThrottled {
			all = append(all, string(r))
		}
	}
	return all
}

// rules are those that are not scopes of credentials.
func rules() []string {
	return append(reasons(), gateway.RuleAnonymous, gateway.RulePreflight, gateway.RulePublic, gateway.RuleCredential, gateway.RuleNoCredential,
		gateway.RuleIgnored, gateway.RuleCrossOrigin, gateway.RuleForbidden, gateway.RuleUpstream, gateway.RuleProxy, gateway.RuleRefuse, gateway.RuleField,
		gateway.RuleBroken)
}

// Observe counts an event. It is for [sparekey.Config.Observe].
func (m *Metrics) Observe(_ context.Context, e sparekey.Event) {
	switch e.Kind {
	case sparekey.KindAuthenticated:
		m.attempt("ok", reasonNone, e)
	case sparekey.KindRefused:
		reason := string(e.Reason)
		if !slices.Contains(m.reasons, reason) {
			reason = reasonOther
		}
		m.attempt("refused", reason, e)
	case sparekey.KindBroken:
		m.attempt("broken", brokenReason(e.Err), e)
	case sparekey.KindUsageWriteFailed:
		m.notKept.Inc()
	default:
		if slices.Contains(m.kinds, e.Kind) {
			m.changes.WithLabelValues(string(e.Kind)).Inc()
		}
	}
}

func (m *Metrics) attempt(outcome, reason string, e sparekey.Event) {
	m.attempts.WithLabelValues(outcome, reason).Inc()
	m.durations.WithLabelValues(outcome).Observe(e.Took.Seconds())
}

func brokenReason(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return reasonCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return reasonTimeout
	}
	return reasonError
}

// Decided counts a decision. It is for [gateway.Config.Observe].
func (m *Metrics) Decided(_ context.Context, d gateway.Decision) {
	rule := d.Rule
	switch {
	case d.ByScope(): // any scope has the same label
		rule = ruleScope
	case slices.Contains(m.rules, rule):
	default:
		rule = reasonOther
	}
	m.decisions.WithLabelValues(d.Outcome.String(), rule).Inc()
}

// Ended counts a request that was ended while under way. It is for
// [github.com/sparekey-dev/sparekey/gateway/proxy.Config.Ended].
func (m *Metrics) Ended(_ context.Context, d gateway.Decision) {
	rule := d.Rule
	if !slices.Contains(m.rules, rule) {
		rule = reasonOther
	}
	m.ended.WithLabelValues(rule).Inc()
}

// Throttle shows what a limiter does.
func Throttle(registry prometheus.Registerer, l *throttle.Limiter) error {
	return register(registry,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "sparekey_throttled_total", Help: "Attempts that were refused because too many had failed, at all entry points, the sign-in page included.",
		}, func() float64 { return float64(l.Throttled()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sparekey_throttle_keys", Help: "Addresses, logins at addresses, wrong secrets and successes that the throttle remembers in this process.",
		}, func() float64 { return float64(l.Size()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sparekey_throttle_shared_up", Help: "1 if failures are counted together with the other servers, 0 if this one counts for itself.",
		}, func() float64 {
			if l.IsShared() {
				return 1
			}
			return 0
		}),
	)
}

func register(registry prometheus.Registerer, all ...prometheus.Collector) error {
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

// NewRegistry returns a registry that shows the Go runtime, the process and what
// the program was built from.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return r
}

// Handler shows a registry to Prometheus.
func Handler(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
