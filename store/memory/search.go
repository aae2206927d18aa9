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
			if finds(q, c) {
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

func finds(q sparekey.CredentialQuery, c sparekey.Credential) bool {
	switch {
	case !strings.Contains(strings.ToLower(c.Name), strings.ToLower(q.Name)):
		return false
	case q.UUID != "" && q.UUID != c.UUID:
		return false
	case q.AppID != "" && q.AppID != c.AppID:
		return false
	case q.NeverUsed && !c.LastUsed.IsZero():
		return false
	case !q.UsedBefore.IsZero() && (c.LastUsed.IsZero() || !c.LastUsed.Before(q.UsedBefore)):
		return false
	}
	return true
}
