package wordpress

import (
	"context"
	"time"
)

// pollEvery is how often Run looks for writes of other Sparekey processes.
const pollEvery = 200 * time.Millisecond

// recentWatcher reconciles rows that Sparekey wrote recently, in this process or in another
// one, such as the command line.
type recentWatcher struct {
	s         *Store
	polledAt  time.Time        // when it last polled the ledger
	lastWrite int64            // the last write that it found, in milliseconds of the server's clock
	pickedUp  map[string]int64 // writes that it found in the ledger, by user and UUID
}

func (r *recentWatcher) tick(ctx context.Context) error {
	now := r.s.config.Now()
	if err := r.checkWatched(ctx, now); err != nil {
		return err
	}
	if now.Sub(r.polledAt) < pollEvery {
		return nil
	}
	r.polledAt = now
	return r.pollLedger(ctx)
}

func (r *recentWatcher) checkWatched(ctx context.Context, now time.Time) error {
	users, expected := r.s.watcher.due(now)
	fingerprints, err := r.s.rowFingerprints(ctx, users)
	if err != nil {
		return err
	}
	for _, user := range users {
		if fp, watched := expected[user]; watched && sameRow(fp, fingerprints[user]) {
			r.s.watcher.confirmUnchanged(user, fp, now)
			continue
		}
		if err := r.reconcile(ctx, user); err != nil {
			return err
		}
	}
	return nil
}

// reconcile leaves out a row that cannot be read: it affects only its owner.
func (r *recentWatcher) reconcile(ctx context.Context, user uint64) error {
	err := r.s.reconcile(ctx, formatID(user), user)
	if isRowError(err) {
		r.s.watcher.stopWatching(user)
		return nil
	}
	return err
}

// pollLedger finds the writes of other Sparekey processes, so that they are watched, too.
func (r *recentWatcher) pollLedger(ctx context.Context) error {
	s := r.s
	if r.lastWrite == 0 {
		err := s.db.QueryRowContext(ctx, "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)").Scan(&r.lastWrite)
		return err
	}
	type write struct {
		user uint64
		ownWrite
	}
	var writes []write
	since := r.lastWrite - pollEvery.Milliseconds() // a write becomes visible at its commit, which is later than its time
	err := eachRow(ctx, s.db, s.queries.recentWrites, []any{since}, func(scan func(...any) error) error {
		var wr write
		var at int64
		err := scan(&wr.user, &wr.uuid, &wr.record, &wr.earlier, &at)
		key := formatID(wr.user) + " " + wr.uuid
		if err == nil && r.pickedUp[key] < at {
			r.pickedUp[key] = at
			writes = append(writes, wr)
		}
		r.lastWrite = max(r.lastWrite, at)
		return err
	})
	if isServerError(err, errNoSuchTable) {
		return nil // Sparekey has not written yet
	}
	if err != nil {
		return err
	}
	for key, at := range r.pickedUp {
		if at < since {
			delete(r.pickedUp, key)
		}
	}
	for _, wr := range writes {
		if err := r.watchWrite(ctx, wr.user, wr.ownWrite); err != nil {
			return err
		}
	}
	return nil
}

func (r *recentWatcher) watchWrite(ctx context.Context, user uint64, o ownWrite) error {
	if r.s.watcher.hasWrite(user, o) {
		return nil
	}
	err := r.s.writeRow(ctx, formatID(user), func(_ context.Context, t *rowTx) error {
		if at := indexOf(t.entries, o.uuid); at >= 0 && t.entries[at].record == o.record {
			t.othersWrites = append(t.othersWrites, o)
		}
		return nil
	})
	if isRowError(err) {
		return nil
	}
	return err
}
