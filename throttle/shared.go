package throttle

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// While the shared counts are away, they are asked again once in a while, and a
// single caller waits for that.
const (
	sharedTimeout = 250 * time.Millisecond
	sharedPause   = time.Second
)

// shared asks Counts that may be away.
type shared struct {
	counts  Counts
	log     *slog.Logger
	away    atomic.Bool
	retryAt atomic.Int64 // Unix nanoseconds
}

// add is Counts.Add. ok is false where the counts are unknown. A failure counts even if its
// caller leaves, and that caller does not make the counts fail.
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
	s.note(ctx, err, now)
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

// lister is the Counts where they can be looked through, and else nil.
func (s *shared) lister() Lister {
	if s == nil {
		return nil
	}
	l, _ := s.counts.(Lister)
	return l
}

func (s *shared) mayAsk(now time.Time) bool {
	if !s.away.Load() {
		return true
	}
	at := s.retryAt.Load()
	return now.UnixNano() >= at && s.retryAt.CompareAndSwap(at, now.Add(sharedPause).UnixNano())
}

// note keeps whether the counts answered, and says so when that changes.
func (s *shared) note(ctx context.Context, err error, now time.Time) {
	switch {
	case err == nil && s.away.CompareAndSwap(true, false):
		s.log.InfoContext(ctx, "the shared throttle answers again")
	case err != nil:
		s.retryAt.Store(now.Add(sharedPause).UnixNano())
		if s.away.CompareAndSwap(false, true) {
			s.log.ErrorContext(ctx, "the shared throttle does not answer: each process counts failures for itself", "error", err)
		}
	}
}
