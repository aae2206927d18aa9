package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/sparekey-dev/sparekey"
)

var _ sparekey.Sweeps = (*Store)(nil)

// LastSweep implements [sparekey.Sweeps].
func (s *Store) LastSweep(ctx context.Context) (time.Time, error) {
	var last sql.Null[int64]
	err := s.readers.QueryRowContext(ctx, queryLastSweep).Scan(&last)
	return fromSeconds(last), failed("read when the last sweep was", err)
}

// MoveLastSweep implements [sparekey.Sweeps].
func (s *Store) MoveLastSweep(ctx context.Context, from, to time.Time) (ok bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, queryMoveLastSweep, seconds(to), seconds(from))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		ok = n > 0
		return err
	})
	return ok, failed("keep when the last sweep was", err)
}
