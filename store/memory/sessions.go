package memory

import (
	"context"
	"slices"
	"time"
)

// session is a session of the pages. One without data has ended.
type session struct {
	data    []byte
	expires time.Time
}

func (s session) hasExpired(now time.Time) bool { return !s.expires.After(now) }

// sessionKept is how long a session is kept after its expiry. A request that found it before may
// save it later: one that has ended must be known until then.
const sessionKept = time.Hour

// wallClock is what sessions end by.
func wallClock() time.Time { return time.Now() } //nolint:forbidigo // see above

// FindSession returns the data and the expiry of a session that has neither expired nor ended.
func (s *Store) FindSession(ctx context.Context, token string) (data []byte, expires time.Time, found bool, err error) {
	if err := s.rlock(ctx); err != nil {
		return nil, time.Time{}, false, err
	}
	defer s.mu.RUnlock()
	one, ok := s.sessions[token]
	if !ok || one.data == nil || one.hasExpired(wallClock()) {
		return nil, time.Time{}, false, nil
	}
	return slices.Clone(one.data), one.expires, true, nil
}

// SaveSession keeps the data of a session, unless it has ended.
func (s *Store) SaveSession(ctx context.Context, token string, data []byte, expires time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if one, known := s.sessions[token]; known && one.data == nil {
		return nil
	}
	old := wallClock().Add(-sessionKept)
	for other, one := range s.sessions {
		if one.hasExpired(old) {
			delete(s.sessions, other)
		}
	}
	s.sessions[token] = session{slices.Clone(data), expires}
	return nil
}

// EndSession ends a session, so that SaveSession does not bring it back.
func (s *Store) EndSession(ctx context.Context, token string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if one, known := s.sessions[token]; known {
		s.sessions[token] = session{nil, one.expires}
	}
	return nil
}

// SessionEpoch returns a number that is another one after EndSessions. It refuses
// with [sparekey.ErrUserNotFound].
func (s *Store) SessionEpoch(ctx context.Context, id string) (int64, error) {
	if err := s.rlock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.RUnlock()
	p, err := s.person(id)
	if err != nil {
		return 0, err
	}
	return p.sessionEpoch, nil
}

// EndSessions makes a user's SessionEpoch another one, which ends all sessions
// that were begun before. It refuses with [sparekey.ErrUserNotFound].
func (s *Store) EndSessions(ctx context.Context, id string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	p, err := s.person(id)
	if err != nil {
		return err
	}
	p.sessionEpoch++
	return nil
}
