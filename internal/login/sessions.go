package login

import (
	"context"
	"time"
)

// SessionStore keeps sessions. Tokens come hashed, and the data is opaque.
type SessionStore interface {
	// FindSession returns the data of a session that has neither expired nor
	// ended.
	FindSession(ctx context.Context, token string) (data []byte, found bool, err error)
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
	return s.store.FindSession(ctx, token)
}

func (s scsStore) CommitCtx(ctx context.Context, token string, data []byte, expires time.Time) error {
	return s.store.SaveSession(ctx, token, data, expires)
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
