package wordpress

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// PHP reads a user's row at the beginning of a request, and writes all of it, with one thing
// changed, at its end. Sparekey's writes in between are then lost. Sparekey must tell that
// from what a person did in WordPress; docs/adr has the reasoning. In short, of the states that
// the row had lately, it looks for the one from which WordPress needs the fewest changes to the
// present row. If that is the last one, WordPress knew what Sparekey had written, and meant it.
const (
	// watchFor is how long the row of a user is watched after each write of
	// Sparekey's. A request that takes longer than this is not reckoned with.
	watchFor = 10 * time.Second
	// watchEvery is how often.
	watchEvery = 15 * time.Millisecond
	// blindFor is how long the watcher may not have looked, for lost writes to be restored: in
	// a longer time, a person could have revoked a credential, and something else could have
	// happened, too. It is far more than watchEvery for machines that are busy.
	blindFor = 500 * time.Millisecond
	// maxSteps is how many earlier states of a row are kept, and maxWatched of how many users.
	maxSteps   = 64
	maxWatched = 1000
)

// ourWrite is what Sparekey wrote of one credential.
type ourWrite struct {
	uuid    string
	record  string // empty: it was revoked
	earlier string // the record that it replaced; empty: it was created
	order   int    // among those that are watched
}

// mark stands for a record; 0 for none.
type mark uint64

var markSeed = maphash.MakeSeed() //nolint:gochecknoglobals // of this process

// markOf leaves backslashes out of account, and the lengths that they count in:
// WordPress takes away one level of them from all records with every write.
func markOf(record string) mark {
	if record == "" {
		return 0
	}
	plain := make([]byte, 0, len(record))
	for i := 0; i < len(record); i++ {
		if record[i] == '\\' {
			continue
		}
		plain = append(plain, record[i])
		if strings.HasPrefix(record[i:], `s:`) {
			for plain = append(plain, ':'); i+2 < len(record) && '0' <= record[i+2] && record[i+2] <= '9'; {
				i++
			}
			i++
		}
	}
	return mark(maphash.Bytes(markSeed, plain) | 1)
}

// snapshot is a state of a row: the marks of its records by UUID.
type snapshot map[string]mark

func snapshotOf(elements []element) snapshot {
	s := make(snapshot, len(elements))
	for _, e := range elements {
		if e.isRecord && e.hasUUID {
			if _, taken := s[e.credential.UUID]; !taken {
				s[e.credential.UUID] = markOf(e.record)
			}
		}
	}
	return s
}

// changes is, by UUID, what a record was before one write or several.
type changes map[string]mark

// since returns what differs between an earlier state and this one.
func (s snapshot) since(earlier snapshot) changes {
	c := changes{}
	for uuid, m := range s {
		if earlier[uuid] != m {
			c[uuid] = earlier[uuid]
		}
	}
	for uuid, m := range earlier {
		if _, there := s[uuid]; !there {
			c[uuid] = m
		}
	}
	return c
}

// watch is what is known of a user's row while it is watched.
type watch struct {
	until time.Time
	stamp stamp     // of the row as it was last seen
	seen  time.Time // when it was certainly still that
	last  snapshot
	steps []changes           // that led there, the oldest first
	ours  map[string]ourWrite // what Sparekey wrote, by UUID
	wrote int                 // how many of these there were ever
}

// verdict says what became of what Sparekey wrote.
type verdict struct {
	putBack  []ourWrite // lost, and to be written again
	accepted []string   // UUIDs: WordPress undid it, and meant to
	doubtful []string   // UUIDs: the reason cannot be told
}

// judge finds out what of Sparekey's is missing in a state of the row, and why.
func (w *watch) judge(now snapshot, at time.Time) (v verdict) {
	lost := w.reverted(now)
	if len(lost) == 0 {
		return v
	}
	base := w.likelyBase(now)
	for _, uuid := range lost {
		switch {
		case len(now) == 0 || !base.lacks(uuid):
			v.accepted = append(v.accepted, uuid)
		case at.Sub(w.seen) > blindFor:
			v.doubtful = append(v.doubtful, uuid)
		default:
			v.putBack = append(v.putBack, w.ours[uuid])
		}
	}
	return v
}

// reverted returns the UUIDs of records that are no longer as Sparekey wrote them, but as they
// were at some time before.
func (w *watch) reverted(now snapshot) (uuids []string) {
	for uuid := range w.ours {
		if w.ours[uuid].record == "" || now[uuid] == w.last[uuid] || w.last[uuid] == 0 {
			continue
		}
		if slices.ContainsFunc(w.steps, func(step changes) bool {
			before, changed := step[uuid]
			return changed && before == now[uuid]
		}) {
			uuids = append(uuids, uuid)
		}
	}
	slices.SortFunc(uuids, func(a, b string) int { return w.ours[a].order - w.ours[b].order })
	return uuids
}

// base is a state that WordPress may have begun with: what it lacks of the last
// one.
type base struct{ missing changes }

func (b base) lacks(uuid string) bool { _, ok := b.missing[uuid]; return ok }

// likelyBase is the state from which to the present one the fewest changes lead.
// Of several it is the latest: in doubt, WordPress knew what it did.
func (w *watch) likelyBase(now snapshot) base {
	state := maps.Clone(w.last)
	missing := changes{}
	best, fewest := base{maps.Clone(missing)}, len(now.since(state))
	different := now.since(state) // kept up to date below, since rows can be long
	for _, step := range slices.Backward(w.steps) {
		for uuid, before := range step {
			if before == 0 {
				delete(state, uuid)
			} else {
				state[uuid] = before
			}
			if state[uuid] == w.last[uuid] {
				delete(missing, uuid)
			} else {
				missing[uuid] = before
			}
			if state[uuid] == now[uuid] {
				delete(different, uuid)
			} else {
				different[uuid] = state[uuid]
			}
		}
		if len(different) > 0 && len(different) < fewest { // WordPress writes nothing that changes nothing
			best, fewest = base{maps.Clone(missing)}, len(different)
		}
	}
	return best
}

// watcher has the users whose rows are watched, while Run does so.
type watcher struct {
	mu      sync.Mutex
	running bool
	users   map[uint64]*watch
	urgent  map[uint64]bool // users whose row is to be repaired
	wake    chan struct{}
}

func (w *watcher) init() {
	w.users, w.urgent, w.wake = map[uint64]*watch{}, map[uint64]bool{}, make(chan struct{}, 1)
}

// urge asks Run to repair a user's row.
func (w *watcher) urge(user uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running && len(w.urgent) < maxWatched {
		w.urgent[user] = true
		w.rouse()
	}
}

// rouse has Run look at once.
func (w *watcher) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// judge is the verdict on a row that is about to be written.
func (w *watcher) judge(x *writing) verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	if watched := w.users[x.user]; watched != nil {
		x.found = snapshotOf(x.elements)
		return watched.judge(x.found, x.seen)
	}
	return verdict{}
}

// saw takes note of the state of a row that was just read or written under its lock.
func (w *watcher) saw(x *writing, now stamp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	watched := w.users[x.user]
	ours := slices.Concat(x.ours, x.adopted)
	if !w.running || watched == nil && (len(ours) == 0 || len(w.users) >= maxWatched) {
		return
	}
	if watched == nil {
		watched = &watch{ours: map[string]ourWrite{}, last: snapshotOf(x.read.elements)}
		w.users[x.user] = watched
	}
	if x.found != nil {
		watched.step(x.found)
	}
	watched.step(snapshotOf(x.elements))
	watched.stamp, watched.seen = now, x.seen
	for _, o := range x.adopted {
		if before := markOf(o.earlier); before != watched.last[o.uuid] {
			watched.add(changes{o.uuid: before})
		}
	}
	for _, uuid := range slices.Concat(x.verdict.accepted, x.verdict.doubtful) {
		delete(watched.ours, uuid)
	}
	for _, o := range ours {
		watched.wrote++
		o.order = watched.wrote
		watched.ours[o.uuid] = o
	}
	if len(ours) > 0 {
		watched.until = x.seen.Add(watchFor)
		w.rouse()
	}
}

// step takes note of another state.
func (w *watch) step(next snapshot) {
	if c := next.since(w.last); len(c) > 0 {
		w.add(c)
		w.last = next
	}
}

func (w *watch) add(c changes) { w.steps = append(w.steps[max(0, len(w.steps)+1-maxSteps):], c) }

// heal puts the row in order before anything else is done with it: what has no
// UUID gets one, what was lost is put back, and what was revoked goes again.
func (w *writing) heal(ctx context.Context) error {
	elements, changed := giveUUIDs(w.elements)
	w.elements, w.rowChanged = elements, w.rowChanged || changed
	w.verdict = w.s.watcher.judge(w)
	for _, o := range w.verdict.putBack {
		if err := w.putBack(ctx, o); err != nil {
			return err
		}
	}
	for _, uuid := range w.verdict.accepted {
		w.ownChanged = true
		if _, err := w.tx.ExecContext(ctx, w.s.queries.forget, w.user, uuid); err != nil {
			return err
		}
	}
	for _, uuid := range w.verdict.doubtful {
		w.report(sparekey.KindLost, sparekey.Credential{UUID: uuid, UserID: w.userID})
	}
	for _, c := range w.drop() {
		w.report(sparekey.KindRevokedAgain, c)
	}
	return nil
}

func (w *writing) report(kind sparekey.Kind, c sparekey.Credential) {
	w.events = append(w.events, sparekey.Event{Kind: kind, User: sparekey.User{ID: w.userID}, Credential: c})
}
