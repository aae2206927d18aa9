package wordpress

import (
	"slices"
	"sync"
	"time"
)

const (
	// watchFor is how long a user's row is watched after a write of Sparekey's: the longest
	// PHP request that is expected.
	watchFor   = 10 * time.Second
	watchEvery = 15 * time.Millisecond
	maxWatched = 1000 // users
)

// watcher has the watched rows while Run runs. Writers record in it what they wrote.
type watcher struct {
	mu      sync.Mutex
	running bool
	users   map[uint64]*watch
	queued  map[uint64]bool // users whose row needs to be reconciled
	wake    chan struct{}
}

func (w *watcher) init() {
	w.users, w.queued, w.wake = map[uint64]*watch{}, map[uint64]bool{}, make(chan struct{}, 1)
}

// enqueue asks Run to reconcile a user's row.
func (w *watcher) enqueue(user uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running && len(w.queued) < maxWatched {
		w.queued[user] = true
		w.notify()
	}
}

// notify makes Run look at once.
func (w *watcher) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// judge classifies what is missing in a row that is about to be written.
func (w *watcher) judge(t *rowTx) verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	if watched := w.users[t.user]; watched != nil {
		t.foundState = rowStateOf(t.entries)
		return watched.judge(t.foundState, t.seenAt)
	}
	return verdict{}
}

// record adds the state of a row that was just read or written under its lock.
func (w *watcher) record(t *rowTx, now fingerprint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	watched := w.users[t.user]
	writes := slices.Concat(t.writes, t.othersWrites)
	if !w.running || watched == nil && (len(writes) == 0 || len(w.users) >= maxWatched) {
		return
	}
	if watched == nil {
		watched = &watch{writes: map[string]ownWrite{}, last: rowStateOf(t.before.entries)}
		w.users[t.user] = watched
	}
	if t.foundState != nil {
		watched.step(t.foundState)
	}
	watched.step(rowStateOf(t.entries))
	watched.fingerprint, watched.seenAt = now, t.seenAt
	for _, o := range t.othersWrites {
		if before := digestOf(o.earlier); before != watched.last[o.uuid] {
			watched.add(changes{o.uuid: before})
		}
	}
	for _, uuid := range slices.Concat(t.verdict.accepted, t.verdict.ambiguous) {
		delete(watched.writes, uuid)
	}
	for _, o := range writes {
		watched.writeCount++
		o.order = watched.writeCount
		watched.writes[o.uuid] = o
	}
	if len(writes) > 0 {
		watched.until = t.seenAt.Add(watchFor)
		w.notify()
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

// due returns the users to look at. A watched user who is not queued also has the fingerprint
// that the row should still have.
func (w *watcher) due(now time.Time) (users []uint64, expected map[uint64]fingerprint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	expected = make(map[uint64]fingerprint, len(w.users))
	for user, watched := range w.users {
		if now.After(watched.until) {
			delete(w.users, user)
			continue
		}
		users = append(users, user)
		if !w.queued[user] {
			expected[user] = watched.fingerprint
		}
	}
	for user := range w.queued {
		if w.users[user] == nil {
			users = append(users, user)
		}
	}
	clear(w.queued)
	return users, expected
}

func (w *watcher) confirmUnchanged(user uint64, fp fingerprint, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if watched := w.users[user]; watched != nil && sameRow(watched.fingerprint, fp) && at.After(watched.seenAt) {
		watched.seenAt = at
	}
}

func (w *watcher) stopWatching(user uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.users, user)
}

func (w *watcher) hasWrite(user uint64, o ownWrite) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	watched := w.users[user]
	return watched != nil && watched.writes[o.uuid].record == o.record
}
