package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sparekey-dev/sparekey"
)

var _ sparekey.Sweeps = (*Store)(nil)

// LastSweep implements [sparekey.Sweeps].
func (s *Store) LastSweep(ctx context.Context) (time.Time, error) {
	var last sql.Null[int64]
	err := s.db.QueryRowContext(ctx, s.queries.lastSweep).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) || isServerError(err, errNoSuchTable) {
		return time.Time{}, nil
	}
	return fromSeconds(last), failed("read when the last sweep was", err)
}

// MoveLastSweep implements [sparekey.Sweeps].
func (s *Store) MoveLastSweep(ctx context.Context, from, to time.Time) (ok bool, err error) {
	ok, err = s.moveLastSweep(ctx, from, to)
	return ok, failed("keep when the last sweep was", err)
}

func (s *Store) moveLastSweep(ctx context.Context, from, to time.Time) (bool, error) {
	if err := s.makeTables(ctx); err != nil {
		return false, err
	}
	if from.IsZero() { // there may be no row yet; of several that make it, the next step lets one pass
		if _, err := s.db.ExecContext(ctx, s.queries.firstSweep); err != nil {
			return false, err
		}
	}
	result, err := s.db.ExecContext(ctx, s.queries.moveLastSweep, nullSeconds(to), nullSeconds(from))
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
