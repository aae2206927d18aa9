package sparekey

import (
	"context"
	"errors"
	"fmt"
)

// UserDeleted is to be called by an application with users of its own when it deletes
// one, before or after it does. It revokes all of the user's credentials, with an event
// each, and returns what they were; there may have been none. Without it they stay in the
// store, and a later user with the same ID would have them.
func (s *Service) UserDeleted(ctx context.Context, userID string) ([]Credential, error) {
	revoked, err := s.AsOperator().RevokeAll(ctx, userID)
	if errors.Is(err, ErrUserNotFound) { // and nothing is left of them
		return nil, nil
	}
	return revoked, err
}

// Orphans returns the credentials whose users are gone from the directory, which
// [Service.UserDeleted] would have revoked. The operator can revoke them with
// [Manager.Revoke]. It asks the directory once for every user who has credentials. It
// refuses with [ErrForbidden] unless it is the operator who asks, and with
// [ErrUnavailable] where the Store is not a [Searcher]. Any other error is one of the
// store or the directory.
func (m Manager) Orphans(ctx context.Context) ([]Credential, error) {
	var orphans []Credential
	isGone := m.service.OrphanCheck(ctx)
	for c, err := range m.All(ctx) {
		if err != nil {
			return nil, err
		}
		orphan, err := isGone(c)
		if err != nil {
			return nil, err
		}
		if orphan {
			orphans = append(orphans, c)
		}
	}
	return orphans, nil
}

// orGone returns the user that find finds. For the operator, that can also be a deleted
// user whose credentials are left; only the ID is set then.
func (m Manager) orGone(ctx context.Context, userID string, find func(context.Context, string) (User, error)) (User, error) {
	target, err := find(ctx, userID)
	if !m.operator || !errors.Is(err, ErrUserNotFound) {
		return target, err
	}
	left, listErr := m.service.store.List(ctx, userID)
	if listErr != nil {
		return User{}, fmt.Errorf("list application passwords: %w", listErr)
	}
	if len(left) == 0 {
		return User{}, err
	}
	return User{ID: userID}, nil
}
