package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

var _ sparekey.Searcher = (*Store)(nil)

// Search implements [sparekey.Searcher].
func (s *Store) Search(ctx context.Context, q sparekey.CredentialQuery) (found []sparekey.Credential, total int, err error) {
	if err := s.rlock(ctx); err != nil {
		return nil, 0, err
	}
	defer s.mu.RUnlock()
	for userID, own := range s.owned {
		if q.UserID != "" && q.UserID != userID {
			continue
		}
		for _, c := range own.list {
			if q.Selects(c) {
				found = append(found, c)
			}
		}
	}
	slices.SortFunc(found, func(a, b sparekey.Credential) int {
		return cmp.Compare(s.uuids[b.UUID], s.uuids[a.UUID])
	})
	total = len(found)
	found = found[min(q.Offset, total):]
	if q.Limit > 0 {
		found = found[:min(q.Limit, len(found))]
	}
	return found, total, nil
}

// NextPage implements [sparekey.Searcher]. The order is that of the UUIDs.
func (s *Store) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	var page []sparekey.Credential
	for _, own := range s.owned {
		for _, c := range own.list {
			if c.UUID > after.UUID {
				page = append(page, c)
			}
		}
	}
	slices.SortFunc(page, func(a, b sparekey.Credential) int { return strings.Compare(a.UUID, b.UUID) })
	return page[:min(limit, len(page))], nil
}
