package memory

import (
	"context"
	"time"

	"github.com/sparekey-dev/sparekey"
)

var _ sparekey.Sweeps = (*Store)(nil)

// LastSweep implements [sparekey.Sweeps].
func (s *Store) LastSweep(ctx context.Context) (time.Time, error) {
	if err := s.rlock(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.mu.RUnlock()
	return s.lastSweep, nil
}

// MoveLastSweep implements [sparekey.Sweeps].
func (s *Store) MoveLastSweep(ctx context.Context, from, to time.Time) (ok bool, err error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	if !s.lastSweep.Equal(from) {
		return false, nil
	}
	s.lastSweep = to.UTC().Truncate(time.Second)
	return true, nil
}
