package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/sparekey-dev/sparekey/lifecycle"
)

var _ lifecycle.Checkpointer = (*Store)(nil)

// Checkpoint implements [lifecycle.Checkpointer].
func (s *Store) Checkpoint(ctx context.Context) (time.Time, error) {
	var last sql.Null[int64]
	err := s.readers.QueryRowContext(ctx, queryCheckpoint).Scan(&last)
	return fromSeconds(last), failed("read the time of the last maintenance", err)
}

// CompareAndSwapCheckpoint implements [lifecycle.Checkpointer].
func (s *Store) CompareAndSwapCheckpoint(ctx context.Context, from, to time.Time) (swapped bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, querySwapCheckpoint, seconds(to), seconds(from))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		swapped = n > 0
		return err
	})
	return swapped, failed("store the time of the last maintenance", err)
}
