// Package lifecycle does what application passwords need periodically: it announces that they
// expire soon, and revokes those that no longer work. It uses the exported methods of a
// [sparekey.Service] only.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
)

const day = 24 * time.Hour

// interval is the time between two runs. It is short beside the notices, which are about days.
const interval = time.Hour

// notices are how long before a credential expires events say so.
func notices() []time.Duration { return []time.Duration{day, 7 * day, sparekey.ExpiryNotice} }

// Checkpointer stores the time of the last maintenance run, so that a restart neither repeats
// nor misses a notice, and only one of several processes gives it. A [sparekey.Store] may
// implement it; those of Sparekey do.
type Checkpointer interface {
	// Checkpoint returns the time of the last run in UTC, or the zero time.
	Checkpoint(ctx context.Context) (time.Time, error)

	// CompareAndSwapCheckpoint replaces that time, in whole seconds. If the stored time is not
	// from, because another process was faster, it changes nothing and swapped is false.
	CompareAndSwapCheckpoint(ctx context.Context, from, to time.Time) (swapped bool, err error)
}

// Config holds the options of a [Maintenance]. The zero Config is right for one process that
// runs for long.
type Config struct {
	// Checkpoints stores the time of the last run. Default: the process does; its first run
	// then gives the notices of the last day.
	Checkpoints Checkpointer

	// Report receives the result of every run that [Maintenance.Run] makes, and its error if
	// it failed, also because the context ended. Default: none.
	Report func(ctx context.Context, r Result, err error)

	// Now is the clock; use the one of the Service. Default: time.Now.
	Now func() time.Time
}

// Result is what a maintenance run did.
type Result struct {
	Expiring int // notices given
	Revoked  int // unused for too long, or inactive for longer than they are kept
}

// Maintenance looks through the credentials of all users. It is safe for concurrent use.
type Maintenance struct {
	service *sparekey.Service
	config  Config

	mu   sync.Mutex // held during a run
	last time.Time  // of the last run, without Checkpoints
}

// New returns the maintenance for the credentials of a service.
func New(service *sparekey.Service, config Config) *Maintenance {
	if service == nil {
		panic("lifecycle.New: a Service is required")
	}
	if config.Report == nil {
		config.Report = func(context.Context, Result, error) {}
	}
	if config.Now == nil {
		config.Now = time.Now //nolint:forbidigo // the default clock
	}
	return &Maintenance{service: service, config: config}
}

// Run does the maintenance at once and then every hour, until the context ends. A run that
// failed is repeated an hour later. Run returns [sparekey.ErrUnavailable] at once if the Store
// of the Service is not a [sparekey.Searcher], and otherwise the error of the context.
func (m *Maintenance) Run(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		result, err := m.RunOnce(ctx)
		if errors.Is(err, sparekey.ErrUnavailable) {
			return err
		}
		m.config.Report(ctx, result, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// RunOnce does the maintenance now. It reports to [sparekey.Config.Observe] the credentials that
// expire in 14 days, in 7 and in one (once each), and revokes those that were not used for
// [sparekey.Policy.RevokeUnused] or that have been inactive for [sparekey.Policy.KeepInactive].
// If it cannot give all notices, the next run gives them again. Several processes may do it on
// the same store; see [Checkpointer]. It returns [sparekey.ErrUnavailable] if the Store of the
// Service is not a [sparekey.Searcher].
func (m *Maintenance) RunOnce(ctx context.Context) (Result, error) {
	if err := m.service.AsOperator().MaySearch(ctx, ""); err != nil {
		return Result{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.config.Now().UTC().Truncate(time.Second)
	last, ok, err := m.begin(ctx, now)
	if err != nil || !ok {
		return Result{}, err
	}
	expiring, revocable, err := m.find(ctx, last, now)
	if err == nil {
		err = m.notify(ctx, expiring)
	}
	if err != nil {
		return Result{}, errors.Join(fmt.Errorf("maintenance: %w", err), m.undo(ctx, now, last))
	}
	result := Result{Expiring: len(expiring)}
	if result.Revoked, err = m.revoke(ctx, revocable, now); err != nil {
		return result, fmt.Errorf("maintenance: %w", err) // the next run finds them again
	}
	return result, nil
}

// begin sets the checkpoint to now, and returns the time from which this run has to look. ok is
// false if another process is running or has just run.
func (m *Maintenance) begin(ctx context.Context, now time.Time) (last time.Time, ok bool, err error) {
	if m.config.Checkpoints == nil {
		last, m.last = m.last, now
	} else {
		if last, err = m.config.Checkpoints.Checkpoint(ctx); err != nil {
			return last, false, fmt.Errorf("read the time of the last maintenance: %w", err)
		}
		if ok, err = m.config.Checkpoints.CompareAndSwapCheckpoint(ctx, last, now); err != nil || !ok {
			return last, false, err
		}
	}
	if last.IsZero() {
		last = now.Add(-day)
	}
	return last, true, nil
}

// undoTime is how long a run that failed may take to set the checkpoint back, also if its
// context has ended.
const undoTime = 10 * time.Second

// undo sets the checkpoint back after a run that failed, so that the next one begins where that
// one began. If another process has made a run meanwhile, the notices of that are repeated:
// otherwise those of this run would be missing.
func (m *Maintenance) undo(ctx context.Context, now, last time.Time) error {
	if m.config.Checkpoints == nil {
		m.last = last
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	for at := now; at.After(last); {
		swapped, err := m.config.Checkpoints.CompareAndSwapCheckpoint(ctx, at, last)
		if err != nil || swapped {
			return err
		}
		if at, err = m.config.Checkpoints.Checkpoint(ctx); err != nil {
			return err
		}
	}
	return nil // another process has set it back as far
}

// find finds what is due.
func (m *Maintenance) find(ctx context.Context, last, now time.Time) (expiring, revocable []sparekey.Credential, err error) {
	for c, err := range m.service.AsOperator().All(ctx) {
		switch {
		case err != nil:
			return nil, nil, err
		case m.revocable(c, now) != "":
			revocable = append(revocable, c)
		case isNoticeDue(c.Created, m.service.Expires(c), last, now):
			expiring = append(expiring, c)
		}
	}
	return expiring, revocable, nil
}

func (m *Maintenance) notify(ctx context.Context, expiring []sparekey.Credential) error {
	for _, c := range expiring {
		if err := m.service.NotifyExpiring(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// revoke revokes each credential that is still revocable. One that cannot be revoked does not
// keep the others.
func (m *Maintenance) revoke(ctx context.Context, revocable []sparekey.Credential, now time.Time) (n int, err error) {
	for _, c := range revocable {
		revoked, problem := m.service.RevokeIf(ctx, c.Key(), func(c sparekey.Credential) sparekey.Reason { return m.revocable(c, now) })
		err = errors.Join(err, problem)
		if revoked {
			n++
		}
		if ctx.Err() != nil {
			break
		}
	}
	return n, err
}

// isNoticeDue reports whether a notice became due after one time and until another. None is due
// for a time before the credential was created.
func isNoticeDue(created, end, after, until time.Time) bool {
	if end.IsZero() || !until.Before(end) {
		return false
	}
	return slices.ContainsFunc(notices(), func(before time.Duration) bool {
		due := end.Add(-before)
		return due.After(after) && !due.After(until) && due.After(created)
	})
}

// revocable returns why a credential has to be revoked, or "" if it stays.
func (m *Maintenance) revocable(c sparekey.Credential, now time.Time) sparekey.Reason {
	reason, keep := m.service.InactiveReason(c), m.service.Policy().KeepInactive
	since := c.LastUsed
	if reason == sparekey.ReasonExpired {
		since = m.service.Expires(c)
	}
	if reason == sparekey.ReasonUnused || reason != "" && keep > 0 && now.Sub(since) >= keep {
		return reason
	}
	return ""
}
