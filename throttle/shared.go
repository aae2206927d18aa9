package throttle

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// While the shared counts are unavailable, one caller at a time retries them, after a pause.
const (
	sharedTimeout = 250 * time.Millisecond
	sharedPause   = time.Second
)

// shared wraps Counts that may be unavailable.
type shared struct {
	counts      Counts
	log         *slog.Logger
	unavailable atomic.Bool
	retryAt     atomic.Int64 // Unix nanoseconds
}

// add is Counts.Add. ok is false if the counts are unavailable. It ignores the caller's context:
// a failure counts even if the caller disconnects, and a disconnect does not make the counts fail.
func (s *shared) add(ctx context.Context, n int, of *slots, now time.Time) (was owed, ok bool) {
	if !s.mayAsk(now) {
		return was, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedTimeout)
	defer cancel()
	counted := make([]Slot, 0, len(of))
	for _, slot := range of {
		if slot.Rate != (Rate{}) {
			counted = append(counted, slot)
		}
	}
	answer, err := s.counts.Add(ctx, n, counted)
	s.setAvailable(ctx, err, now)
	if err != nil || len(answer) != len(counted) {
		return was, false
	}
	for i := range of {
		if of[i].Rate != (Rate{}) {
			was[i], answer = answer[0], answer[1:]
		}
	}
	return was, true
}

// lister returns nil if the counts are not a Lister.
func (s *shared) lister() Lister {
	if s == nil {
		return nil
	}
	l, _ := s.counts.(Lister)
	return l
}

func (s *shared) mayAsk(now time.Time) bool {
	if !s.unavailable.Load() {
		return true
	}
	at := s.retryAt.Load()
	return now.UnixNano() >= at && s.retryAt.CompareAndSwap(at, now.Add(sharedPause).UnixNano())
}

func (s *shared) setAvailable(ctx context.Context, err error, now time.Time) {
	switch {
	case err == nil && s.unavailable.CompareAndSwap(true, false):
		s.log.InfoContext(ctx, "the shared throttle answers again")
	case err != nil:
		s.retryAt.Store(now.Add(sharedPause).UnixNano())
		if s.unavailable.CompareAndSwap(false, true) {
			s.log.ErrorContext(ctx, "the shared throttle does not answer: each process counts failures for itself", "error", err)
		}
	}
}
