package memory

import (
	"context"
	"time"

	"github.com/sparekey-dev/sparekey/lifecycle"
)

var _ lifecycle.Checkpointer = (*Store)(nil)

// Checkpoint implements [lifecycle.Checkpointer].
func (s *Store) Checkpoint(ctx context.Context) (time.Time, error) {
	if err := s.rlock(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.mu.RUnlock()
	return s.checkpoint, nil
}

// CompareAndSwapCheckpoint implements [lifecycle.Checkpointer].
func (s *Store) CompareAndSwapCheckpoint(ctx context.Context, from, to time.Time) (swapped bool, err error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	if !s.checkpoint.Equal(from) {
		return false, nil
	}
	s.checkpoint = to.UTC().Truncate(time.Second)
	return true, nil
}
