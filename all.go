package sparekey

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// All iterates over the credentials of all users, in an order of the store's, and keeps no
// more than a page of them in memory. One that is added or revoked meanwhile may be missing or
// there. After an error the iteration ends: it is [ErrForbidden] unless it is the operator who
// asks, [ErrUnavailable] where the Store is not a [Searcher], or an error of the store.
func (m Manager) All(ctx context.Context) iter.Seq2[Credential, error] {
	searcher, ok := m.service.store.(Searcher)
	switch {
	case !m.operator:
		return failing(ErrForbidden)
	case !ok:
		return failing(ErrUnavailable)
	}
	return allCredentials(ctx, searcher)
}

func failing(err error) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) { yield(Credential{}, err) }
}

// OrphanCheck returns a function that reports whether the user of a credential is gone from
// the directory. It asks the directory once for every user, and is not for several goroutines
// at a time. Its errors are those of the directory.
func (s *Service) OrphanCheck(ctx context.Context) func(Credential) (bool, error) {
	known := map[string]bool{} // whether the user is gone
	return func(c Credential) (bool, error) {
		if isGone, ok := known[c.UserID]; ok {
			return isGone, nil
		}
		_, err := s.users.UserByID(ctx, c.UserID)
		isGone := errors.Is(err, ErrUserNotFound)
		if err != nil && !isGone {
			return false, fmt.Errorf("find user %s: %w", c.UserID, err)
		}
		known[c.UserID] = isGone
		return isGone, nil
	}
}

// IsExpiring reports whether a credential works, and expires within [ExpiryNotice].
func (s *Service) IsExpiring(c Credential) bool {
	return s.Spent(c) == "" && !s.ExpiresSoon(c).IsZero()
}

// IsUnlimited reports whether a credential works, never expires, and has no limits. Its
// secret opens everything that its user can do, for as long as the user exists.
func (s *Service) IsUnlimited(c Credential) bool {
	return s.Spent(c) == "" && c.Limits.IsZero() && s.Expires(c).IsZero()
}
