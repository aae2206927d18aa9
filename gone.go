package sparekey

import (
	"context"
	"errors"
	"fmt"
)

// UserDeleted revokes all credentials of a user, with an event for each, and returns them;
// there may be none. An application with its own users calls it before or after it deletes
// one. Without the call the credentials stay in the store, and a later user with the same ID
// would get them.
func (s *Service) UserDeleted(ctx context.Context, userID string) ([]Credential, error) {
	revoked, err := s.AsOperator().RevokeAll(ctx, userID)
	if errors.Is(err, ErrUserNotFound) { // and nothing is left of them
		return nil, nil
	}
	return revoked, err
}

// Orphans returns the credentials of users that the directory does not have.
// [Service.UserDeleted] would have revoked them; the operator can, with [Manager.Revoke]. It
// asks the directory once for every user who has credentials. It returns [ErrForbidden]
// unless the Manager is the operator's, and [ErrUnavailable] where the Store is not a
// [Searcher]. Any other error comes from the store or the directory.
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
