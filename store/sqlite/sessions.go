package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// FindSession returns the data and the expiry of a session that has neither expired nor ended.
func (s *Store) FindSession(ctx context.Context, token string) (data []byte, expires time.Time, found bool, err error) {
	var seconds int64
	err = s.readers.QueryRowContext(ctx, queryFindSession, token, wallClock()).Scan(&data, &seconds)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, false, nil
	}
	return data, time.Unix(seconds, 0).UTC(), err == nil, failed("find a session", err)
}

// SaveSession keeps the data of a session, unless it has ended.
func (s *Store) SaveSession(ctx context.Context, token string, data []byte, expires time.Time) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, queryForgetSessions, wallClock()-sessionKept); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, querySaveSession, token, data, expires.Unix())
		return err
	})
	return failed("save a session", err)
}

// EndSession ends a session, so that SaveSession does not bring it back.
func (s *Store) EndSession(ctx context.Context, token string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queryEndSession, token)
		return err
	})
	return failed("end a session", err)
}

// SessionEpoch returns a number that is another one after EndSessions. It refuses
// with [sparekey.ErrUserNotFound].
func (s *Store) SessionEpoch(ctx context.Context, id string) (epoch int64, err error) {
	row, err := rowID(id)
	if err != nil {
		return 0, err
	}
	err = s.readers.QueryRowContext(ctx, querySessionEpoch, row).Scan(&epoch)
	return epoch, failed("read a user's session epoch", orUserNotFound(err))
}

// EndSessions makes a user's SessionEpoch another one, which ends all sessions
// that were begun before. It refuses with [sparekey.ErrUserNotFound].
func (s *Store) EndSessions(ctx context.Context, id string) error {
	err := s.writeUser(ctx, id, func(tx *sql.Tx, row int64) error {
		return orUserNotFound(tx.QueryRowContext(ctx, queryEndSessions, row).Scan(&row))
	})
	return failed("end a user's sessions", err)
}

// sessionKept is for how many seconds a session is kept after its expiry. A request that found it
// before may save it later: one that has ended must be known until then.
const sessionKept = 60 * 60

// wallClock is what sessions end by.
func wallClock() int64 { return time.Now().Unix() } //nolint:forbidigo // see above
