package login

import (
	"bytes"
	"context"
	"time"
)

// SessionStore keeps sessions. Tokens come hashed, and the data is opaque.
type SessionStore interface {
	// FindSession returns the data and the expiry of a session that has neither
	// expired nor ended.
	FindSession(ctx context.Context, token string) (data []byte, expires time.Time, found bool, err error)
	// SaveSession keeps the data of a session, new or known. One that has ended
	// stays so, also if a request that began before saves it afterwards.
	SaveSession(ctx context.Context, token string, data []byte, expires time.Time) error
	// EndSession ends a session.
	EndSession(ctx context.Context, token string) error
}

// scsStore is a SessionStore in the terms of scs, which prefers the methods with
// a context and requires the others.
type scsStore struct{ store SessionStore }

func (s scsStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	data, expires, found, err := s.store.FindSession(ctx, token)
	if stored, ok := ctx.Value(storedKey{}).(*storedSession); ok && found {
		*stored = storedSession{token, data, expires}
	}
	return data, found, err
}

// CommitCtx saves a session. With an idle timeout, scs calls it for every request, since the
// session expires later from then on. Taking the store's write lock for that alone is worth
// it only now and then.
func (s scsStore) CommitCtx(ctx context.Context, token string, data []byte, expires time.Time) error {
	stored, ok := ctx.Value(storedKey{}).(*storedSession)
	if ok && stored.token == token && bytes.Equal(stored.data, data) && expires.Sub(stored.expires) < saveInterval {
		return nil
	}
	return s.store.SaveSession(ctx, token, data, expires)
}

// saveInterval is how much later an unchanged session would have to expire to be saved. A
// session can therefore expire so much sooner than idleTimeout says.
const saveInterval = idleTimeout / 10

// storedSession is a session as it was in the store when its request began.
type storedSession struct {
	token   string
	data    []byte
	expires time.Time
}

type storedKey struct{}

// withStored returns a context in which scsStore keeps the session of a request as it was
// stored.
func withStored(ctx context.Context) context.Context {
	return context.WithValue(ctx, storedKey{}, &storedSession{})
}

func (s scsStore) DeleteCtx(ctx context.Context, token string) error {
	return s.store.EndSession(ctx, token)
}

func (s scsStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token) //nolint:forbidigo // scs does not give one
}

func (s scsStore) Commit(token string, data []byte, expires time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expires) //nolint:forbidigo // scs does not give one
}

func (s scsStore) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token) //nolint:forbidigo // scs does not give one
}
