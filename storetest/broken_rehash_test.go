package storetest_test

import (
	"context"
	"time"

	"github.com/sparekey-dev/sparekey/store/memory"
)

type replacesBlindly struct{ *memory.Store }

func (s replacesBlindly) ReplacePasswordHash(ctx context.Context, id, old, hash string) (bool, error) {
	stored, err := s.PasswordHash(ctx, id)
	if err != nil || stored != old {
		return false, err
	}
	time.Sleep(time.Millisecond)
	return s.Store.ReplacePasswordHash(ctx, id, s.now(ctx, id), hash)
}

func (s replacesBlindly) now(ctx context.Context, id string) string {
	hash, _ := s.PasswordHash(ctx, id)
	return hash
}

type replacesAnything struct{ replacesBlindly }

func (s replacesAnything) ReplacePasswordHash(ctx context.Context, id, _, hash string) (bool, error) {
	return s.Store.ReplacePasswordHash(ctx, id, s.now(ctx, id), hash)
}

type rehashEndsSessions struct{ *memory.Store }

func (s rehashEndsSessions) ReplacePasswordHash(ctx context.Context, id, old, hash string) (bool, error) {
	replaced, err := s.Store.ReplacePasswordHash(ctx, id, old, hash)
	if replaced && err == nil {
		err = s.EndSessions(ctx, id)
	}
	return replaced, err
}

type passwordKeepsSessions struct{ replacesBlindly }

func (s passwordKeepsSessions) SetPasswordHash(ctx context.Context, id, hash string) error {
	_, err := s.Store.ReplacePasswordHash(ctx, id, s.now(ctx, id), hash)
	return err
}
