package wordpress

import (
	"context"
	"time"
)

// How often Run looks for revoked credentials that come back late: an object cache of
// WordPress's can bring one back hours after its revocation.
const (
	scanEvery    = 500 * time.Millisecond // for revocations within scanWindow
	scanWindow   = 24 * time.Hour
	scanAllEvery = time.Minute // for all revocations
	batch        = 500         // users in one query
)

// revocationScanner reconciles rows in which a revoked credential came back after the watch
// ended.
type revocationScanner struct {
	s          *Store
	scannedAll time.Time              // when it last looked at all revocations
	clean      map[uint64]fingerprint // rows without revoked credentials
}

func (r *revocationScanner) tick(ctx context.Context) error {
	now := r.s.config.Now()
	since := now.Add(-scanWindow).UnixMilli()
	if now.Sub(r.scannedAll) >= scanAllEvery {
		r.scannedAll, since = now, 0
		if err := r.s.emptyLedgerRecords(ctx); err != nil {
			return err
		}
	}
	for after, more := uint64(0), true; more; {
		users, err := r.s.usersWithRevoked(ctx, since, after)
		if err != nil {
			return err
		}
		if more = len(users) == batch; more {
			after = users[batch-1]
		}
		if err := r.check(ctx, users); err != nil {
			return err
		}
	}
	return nil
}

// usersWithRevoked returns the next users with a revocation since a time in milliseconds.
func (s *Store) usersWithRevoked(ctx context.Context, since int64, after uint64) (users []uint64, err error) {
	err = eachRow(ctx, s.db, s.queries.recentRevoked, []any{since, after, batch}, func(scan func(...any) error) error {
		var user uint64
		err := scan(&user)
		users = append(users, user)
		return err
	})
	if isServerError(err, errNoSuchTable) { // Sparekey has not revoked yet
		return nil, nil
	}
	return users, err
}

func (r *revocationScanner) check(ctx context.Context, users []uint64) error {
	fingerprints, err := r.s.rowFingerprints(ctx, users)
	if err != nil {
		return err
	}
	for _, user := range users {
		if clean, ok := r.clean[user]; ok && sameRow(clean, fingerprints[user]) {
			continue
		}
		snap, err := r.s.snapshot(ctx, formatID(user))
		switch {
		case isRowError(err):
			continue
		case err != nil:
			return err
		case snap.index().needsReconcile:
			if err := r.s.reconcile(ctx, formatID(user), user); err != nil && !isRowError(err) {
				return err
			}
		case sameRow(snap.fingerprint, fingerprints[user]):
			r.clean[user] = snap.fingerprint
		}
	}
	return nil
}

// emptyLedgerRecords drops the content of writes that are too old to be restored.
func (s *Store) emptyLedgerRecords(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, s.queries.emptyRecords)
	if isServerError(err, errNoSuchTable, errReadOnly) {
		return nil
	}
	return err
}
