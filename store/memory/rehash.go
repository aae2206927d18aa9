package memory

import "context"

// ReplacePasswordHash stores another hash of the same password, if the stored one is
// still old, and reports whether it was. It leaves the SessionEpoch as it is. It
// refuses with [sparekey.ErrUserNotFound].
func (s *Store) ReplacePasswordHash(ctx context.Context, id, old, hash string) (replaced bool, err error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	p, err := s.person(id)
	if err != nil || p.passwordHash != old {
		return false, err
	}
	p.passwordHash = hash
	s.revision++
	return true, nil
}

// SamplePasswordHashes returns the password hashes of the n oldest and the n newest
// users, in no order.
func (s *Store) SamplePasswordHashes(ctx context.Context, n int) (hashes []string, err error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	for i, p := range s.people {
		if i < n || i >= len(s.people)-n {
			hashes = append(hashes, p.passwordHash)
		}
	}
	return hashes, nil
}
