package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// FindSession returns the data and the expiry of a session of Sparekey's pages that has
// neither expired nor ended.
func (s *Store) FindSession(ctx context.Context, token string) (data []byte, expires time.Time, found bool, err error) {
	var seconds int64
	err = s.db.QueryRowContext(ctx, s.queries.findSession, token, s.config.Now().Unix()).Scan(&data, &seconds)
	if errors.Is(err, sql.ErrNoRows) || isServerError(err, errNoSuchTable) {
		return nil, time.Time{}, false, nil
	}
	return data, time.Unix(seconds, 0).UTC(), err == nil, failed("find a session", err)
}

// SaveSession keeps the data of a session, unless it has ended.
func (s *Store) SaveSession(ctx context.Context, token string, data []byte, expires time.Time) error {
	if err := s.makeTables(ctx); err != nil {
		return failed("save a session", err)
	}
	if _, err := s.db.ExecContext(ctx, s.queries.oldSessions, s.config.Now().Add(-sessionKept).Unix()); err != nil {
		return failed("forget sessions that have expired", err)
	}
	_, err := s.db.ExecContext(ctx, s.queries.saveSession, token, data, expires.Unix())
	return failed("save a session", err)
}

// sessionKept is how long a session is kept after its expiry. A request that found it before may
// save it later: one that has ended must be known until then.
const sessionKept = time.Hour

// EndSession ends a session, so that SaveSession does not bring it back.
func (s *Store) EndSession(ctx context.Context, token string) error {
	_, err := s.db.ExecContext(ctx, s.queries.endSession, token)
	if isServerError(err, errNoSuchTable) {
		return nil
	}
	return failed("end a session", err)
}

// SessionEpoch returns a number that is another one after EndSessions. It refuses
// with [sparekey.ErrUserNotFound].
func (s *Store) SessionEpoch(ctx context.Context, id string) (epoch int64, err error) {
	if _, err := s.UserByID(ctx, id); err != nil {
		return 0, err
	}
	err = s.db.QueryRowContext(ctx, s.queries.epoch, id).Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) || isServerError(err, errNoSuchTable) {
		return 0, nil
	}
	return epoch, failed("read a user's session epoch", err)
}

// EndSessions makes a user's SessionEpoch another one, which ends all sessions
// that were begun before. It refuses with [sparekey.ErrUserNotFound].
func (s *Store) EndSessions(ctx context.Context, id string) error {
	if _, err := s.UserByID(ctx, id); err != nil {
		return err
	}
	if err := s.makeTables(ctx); err != nil {
		return failed("end a user's sessions", err)
	}
	_, err := s.db.ExecContext(ctx, s.queries.endSessions, id)
	return failed("end a user's sessions", err)
}
