package wordpress

import (
	"context"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

// hit is a credential that was found, and its place among those that Sparekey
// wrote.
type hit struct {
	sparekey.Credential
	seq int64
}

// Search implements [sparekey.Searcher]. It reads the rows of all users, one after
// the other, so on a site with many it takes its time. The order is that of their
// times of creation; of equal ones, that in which Sparekey wrote them. Users of a
// network who are marked as spam or deleted are left out.
func (s *Store) Search(ctx context.Context, q sparekey.CredentialQuery) (found []sparekey.Credential, total int, err error) {
	hits, err := s.hits(ctx, q)
	if err != nil {
		return nil, 0, failed("search credentials", err)
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		if byTime := b.Created.Compare(a.Created); byTime != 0 {
			return byTime
		}
		return int(b.seq - a.seq)
	})
	total = len(hits)
	hits = hits[min(q.Offset, total):]
	if q.Limit > 0 && len(hits) > q.Limit {
		hits = hits[:q.Limit]
	}
	for _, h := range hits {
		found = append(found, h.Credential)
	}
	return found, total, nil
}

func (s *Store) hits(ctx context.Context, q sparekey.CredentialQuery) ([]hit, error) {
	only := uint64(0)
	if q.UserID != "" {
		var ok bool
		if only, ok = parseID(q.UserID); !ok || only == 0 {
			return nil, nil
		}
	}
	users, err := s.usersWithRows(ctx, only)
	if err != nil {
		return nil, err
	}
	seqs, err := s.seqs(ctx, only)
	if err != nil {
		return nil, err
	}
	var hits []hit
	for _, user := range users {
		snap, err := s.snapshot(ctx, formatID(user))
		if isRowError(err) { // and cannot be searched
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, c := range snap.index().list {
			if q.Selects(c) {
				hits = append(hits, hit{c, seqs[formatID(user)+" "+c.UUID]})
			}
		}
	}
	return hits, nil
}

// NextPage implements [sparekey.Searcher]. The order is that of the users' IDs, and
// of the UUIDs of each. Like Search, it leaves out rows that cannot be read.
func (s *Store) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	page, err := s.nextPage(ctx, after, limit)
	return page, failed("read a page of credentials", err)
}

func (s *Store) nextPage(ctx context.Context, after sparekey.CredentialKey, limit int) (page []sparekey.Credential, err error) {
	first, _ := parseID(after.UserID) // 0 without one, which is before all others
	users, err := s.usersWithRows(ctx, 0)
	if err != nil {
		return nil, err
	}
	for _, user := range users {
		if user < first {
			continue
		}
		snap, err := s.snapshot(ctx, formatID(user))
		if isRowError(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		own := slices.DeleteFunc(slices.Clone(snap.index().list), func(c sparekey.Credential) bool {
			return user == first && c.UUID <= after.UUID
		})
		slices.SortFunc(own, func(a, b sparekey.Credential) int { return strings.Compare(a.UUID, b.UUID) })
		page = append(page, own[:min(limit-len(page), len(own))]...)
		if len(page) == limit {
			break
		}
	}
	return page, nil
}

func (s *Store) usersWithRows(ctx context.Context, only uint64) (users []uint64, err error) {
	if only != 0 {
		away, err := s.isAway(ctx, only)
		if away || err != nil {
			return nil, err
		}
		return []uint64{only}, nil
	}
	err = eachRow(ctx, s.db, s.queries.allUsers, nil, func(scan func(...any) error) error {
		var user uint64
		err := scan(&user)
		users = append(users, user)
		return err
	})
	return users, err
}

// isAway reports whether a user of a network is marked as spam or deleted.
func (s *Store) isAway(ctx context.Context, user uint64) (bool, error) {
	if !s.multi {
		return false, nil
	}
	var found int
	err := s.queryRow(ctx, s.queries.isAway, []any{user}, &found)
	return found > 0, err
}

// seqs is the order in which Sparekey wrote credentials first, by user and UUID.
func (s *Store) seqs(ctx context.Context, only uint64) (map[string]int64, error) {
	seqs := map[string]int64{}
	err := eachRow(ctx, s.db, s.queries.seqs, []any{only, only}, func(scan func(...any) error) error {
		var user uint64
		var uuid string
		var seq int64
		err := scan(&user, &uuid, &seq)
		seqs[formatID(user)+" "+uuid] = seq
		return err
	})
	if isServerError(err, errNoSuchTable) {
		return seqs, nil
	}
	return seqs, err
}
