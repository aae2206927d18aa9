package wordpress

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// How often Run looks for what other programs wrote, and for what comes back late:
// an object cache of WordPress's may bring back what was revoked hours ago.
const (
	othersEvery   = 200 * time.Millisecond
	lateEvery     = 500 * time.Millisecond
	lateFor       = 24 * time.Hour
	everyoneEvery = time.Minute
	batch         = 500 // users that one query asks for
)

// Run reconciles the rows of users, until the context ends: it revokes credentials again
// that WordPress brought back, usually within a tenth of a second, and restores lost
// writes. One Run for a database is enough, and several do no harm. Without it, lost writes
// stay lost, and revoked credentials that came back stay in WordPress's row until
// Sparekey's next write to it; Sparekey never accepts a revoked credential.
//
// While the database does not answer, Config.Failed is called once.
func (s *Store) Run(ctx context.Context) {
	s.watcher.start()
	defer s.watcher.stop()
	var late sync.WaitGroup
	defer late.Wait()
	l := &latecomers{s: s, clean: map[uint64]stamp{}}
	late.Go(func() { s.loop(ctx, l.look, func() time.Duration { return lateEvery }, nil) })
	p := &patrol{s: s, adopted: map[string]int64{}}
	s.loop(ctx, p.look, func() time.Duration {
		if s.watcher.isWatching() {
			return watchEvery
		}
		return othersEvery
	}, s.watcher.wake)
}

// loop looks again and again, with pauses in between that wake can end.
func (s *Store) loop(ctx context.Context, look func(context.Context) error, pause func() time.Duration, wake <-chan struct{}) {
	for broken := false; ; {
		wait := pause()
		err := look(ctx)
		if err != nil {
			wait = max(wait, othersEvery)
			if !broken && ctx.Err() == nil {
				s.fail(ctx, fmt.Errorf("wordpress: watch the rows of users: %w", err))
			}
		}
		broken = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-wake:
		}
	}
}

func (w *watcher) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = true
}

func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	clear(w.users)
}

func (w *watcher) isWatching() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.users) > 0
}

// patrol looks at what was written lately.
type patrol struct {
	s       *Store
	others  time.Time        // when it last looked for what other programs wrote
	written int64            // the last write that it knows, in milliseconds of the server's clock
	adopted map[string]int64 // writes of other programs that are watched, by user and UUID
}

func (p *patrol) look(ctx context.Context) error {
	now := p.s.config.Now()
	if err := p.watched(ctx, now); err != nil {
		return err
	}
	if now.Sub(p.others) < othersEvery {
		return nil
	}
	p.others = now
	return p.findOthers(ctx)
}

// watched looks at the rows that are watched closely, and reconciles those that another program
// changed.
func (p *patrol) watched(ctx context.Context, now time.Time) error {
	users, known := p.s.watcher.due(now)
	stamps, err := p.s.stampsOf(ctx, users)
	if err != nil {
		return err
	}
	for _, user := range users {
		if st, watched := known[user]; watched && same(st, stamps[user]) {
			p.s.watcher.unchanged(user, st, now)
			continue
		}
		if err := p.mend(ctx, user); err != nil {
			return err
		}
	}
	return nil
}

// mend reconciles the row of a user. One that cannot be read affects only its owner.
func (p *patrol) mend(ctx context.Context, user uint64) error {
	err := p.s.repair(ctx, formatID(user), user)
	if isRowError(err) {
		p.s.watcher.forget(user)
		return nil
	}
	return err
}

// same compares the rows of stamps.
func same(a, b stamp) bool {
	return a.metaID == b.metaID && a.length == b.length && a.digest == b.digest
}

// due returns the users to look at: those that are watched, with the stamps that
// they had, and those whose row is known to need it.
func (w *watcher) due(now time.Time) (users []uint64, known map[uint64]stamp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known = make(map[uint64]stamp, len(w.users))
	for user, watched := range w.users {
		if now.After(watched.until) {
			delete(w.users, user)
			continue
		}
		users = append(users, user)
		if !w.urgent[user] {
			known[user] = watched.stamp
		}
	}
	for user := range w.urgent {
		if w.users[user] == nil {
			users = append(users, user)
		}
	}
	clear(w.urgent)
	return users, known
}

// unchanged takes note that a row was still the same at a time.
func (w *watcher) unchanged(user uint64, st stamp, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if watched := w.users[user]; watched != nil && same(watched.stamp, st) && at.After(watched.seen) {
		watched.seen = at
	}
}

func (w *watcher) forget(user uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.users, user)
}

// stampsOf returns the stamps of users' rows, without a version.
func (s *Store) stampsOf(ctx context.Context, users []uint64) (map[uint64]stamp, error) {
	stamps := make(map[uint64]stamp, len(users))
	for some := range slices.Chunk(users, batch) {
		ids := make([]string, len(some))
		for i, user := range some {
			ids[i] = formatID(user)
		}
		query := strings.Replace(s.queries.stamps, "?", strings.Join(ids, ","), 1)
		err := eachRow(ctx, s.db, query, nil, func(scan func(...any) error) error {
			var user uint64
			var st stamp
			err := scan(&user, &st.metaID, &st.length, &st.digest)
			stamps[user] = st // of several rows the first comes last
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return stamps, nil
}

// findOthers finds what other programs wrote, such as the command line, so that
// it is watched as well.
func (p *patrol) findOthers(ctx context.Context) error {
	s := p.s
	if p.written == 0 {
		err := s.db.QueryRowContext(ctx, "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)").Scan(&p.written)
		return err
	}
	type write struct {
		user uint64
		ourWrite
	}
	var writes []write
	since := p.written - othersEvery.Milliseconds() // a write is seen when it is committed, later than its time
	err := eachRow(ctx, s.db, s.queries.recentWrites, []any{since}, func(scan func(...any) error) error {
		var wr write
		var at int64
		err := scan(&wr.user, &wr.uuid, &wr.record, &wr.earlier, &at)
		key := formatID(wr.user) + " " + wr.uuid
		if err == nil && p.adopted[key] < at {
			p.adopted[key] = at
			writes = append(writes, wr)
		}
		p.written = max(p.written, at)
		return err
	})
	if isServerError(err, errNoSuchTable) {
		return nil // no write made the tables yet
	}
	if err != nil {
		return err
	}
	for key, at := range p.adopted {
		if at < since {
			delete(p.adopted, key)
		}
	}
	for _, wr := range writes {
		if err := p.adopt(ctx, wr.user, wr.ourWrite); err != nil {
			return err
		}
	}
	return nil
}

// adopt watches what another program wrote.
func (p *patrol) adopt(ctx context.Context, user uint64, o ourWrite) error {
	if p.s.watcher.knows(user, o) {
		return nil
	}
	err := p.s.write(ctx, formatID(user), func(_ context.Context, w *writing) error {
		if at := indexOf(w.elements, o.uuid); at >= 0 && w.elements[at].record == o.record {
			w.adopted = append(w.adopted, o)
		}
		return nil
	})
	if isRowError(err) {
		return nil
	}
	return err
}

func (w *watcher) knows(user uint64, o ourWrite) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	watched := w.users[user]
	return watched != nil && watched.ours[o.uuid].record == o.record
}

// latecomers looks for what was revoked a while ago and came back: of the last day
// often, of all time now and then.
type latecomers struct {
	s        *Store
	everyone time.Time        // when it last looked at all
	clean    map[uint64]stamp // rows that have nothing in them that was revoked
}

func (l *latecomers) look(ctx context.Context) error {
	now := l.s.config.Now()
	since := now.Add(-lateFor).UnixMilli()
	if now.Sub(l.everyone) >= everyoneEvery {
		l.everyone, since = now, 0
		if err := l.s.forgetRecords(ctx); err != nil {
			return err
		}
	}
	for after, more := uint64(0), true; more; {
		users, err := l.s.usersWithRevoked(ctx, since, after)
		if err != nil {
			return err
		}
		if more = len(users) == batch; more {
			after = users[batch-1]
		}
		if err := l.check(ctx, users); err != nil {
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
	if isServerError(err, errNoSuchTable) { // nothing was revoked yet
		return nil, nil
	}
	return users, err
}

func (l *latecomers) check(ctx context.Context, users []uint64) error {
	stamps, err := l.s.stampsOf(ctx, users)
	if err != nil {
		return err
	}
	for _, user := range users {
		if known, ok := l.clean[user]; ok && same(known, stamps[user]) {
			continue
		}
		k, err := l.s.know(ctx, formatID(user))
		switch {
		case isRowError(err):
			continue
		case err != nil:
			return err
		case k.index().sick:
			if err := l.s.repair(ctx, formatID(user), user); err != nil && !isRowError(err) {
				return err
			}
		case same(k.stamp, stamps[user]):
			l.clean[user] = k.stamp
		}
	}
	return nil
}

// forgetRecords drops what is kept of each write for as long as it may have to be
// repeated.
func (s *Store) forgetRecords(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, s.queries.forgetRecords)
	if isServerError(err, errNoSuchTable, errReadOnly) {
		return nil
	}
	return err
}
