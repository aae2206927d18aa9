package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sparekey-dev/sparekey/lifecycle"
)

var _ lifecycle.Checkpointer = (*Store)(nil)

// Checkpoint implements [lifecycle.Checkpointer].
func (s *Store) Checkpoint(ctx context.Context) (time.Time, error) {
	var last sql.Null[int64]
	err := s.db.QueryRowContext(ctx, s.queries.checkpoint).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) || isServerError(err, errNoSuchTable) {
		return time.Time{}, nil
	}
	return fromSeconds(last), failed("read the time of the last maintenance", err)
}

// CompareAndSwapCheckpoint implements [lifecycle.Checkpointer].
func (s *Store) CompareAndSwapCheckpoint(ctx context.Context, from, to time.Time) (swapped bool, err error) {
	swapped, err = s.swapCheckpoint(ctx, from, to)
	return swapped, failed("store the time of the last maintenance", err)
}

func (s *Store) swapCheckpoint(ctx context.Context, from, to time.Time) (bool, error) {
	if err := s.makeTables(ctx); err != nil {
		return false, err
	}
	if from.IsZero() { // there may be no row yet; of several that make it, the next step lets one pass
		if _, err := s.db.ExecContext(ctx, s.queries.firstCheckpoint); err != nil {
			return false, err
		}
	}
	result, err := s.db.ExecContext(ctx, s.queries.swapCheckpoint, nullSeconds(to), nullSeconds(from))
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
