package wordpress

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"
)

// PHP reads a user's row when a request begins. When the request ends, PHP writes the whole row
// with one change. Sparekey's writes in between are then lost. Sparekey must distinguish that
// from a change that a person made in WordPress; docs/adr/0008 has the reasoning. In short:
// among the recent states of the row, judge looks for the one that WordPress could turn into
// the present row with the fewest changes. If that is the last state, WordPress had read
// Sparekey's write and undid it on purpose.
const (
	// maxGap is the longest time since the last look at a row after which lost writes are
	// still restored. In a longer gap, a person could have revoked a credential and another
	// change could have hidden it. It is far longer than watchEvery, for busy machines.
	maxGap = 500 * time.Millisecond
	// maxSteps is how many earlier states of a row are kept.
	maxSteps = 64
)

// ownWrite is what Sparekey wrote about one credential.
type ownWrite struct {
	uuid    string
	record  string // empty: it was revoked
	earlier string // the record that it replaced; empty: it was created
	order   int    // of the write, among those of the watch
}

// recordDigest identifies the content of a record; 0 means that the record does not exist.
type recordDigest uint64

var digestSeed = maphash.MakeSeed() //nolint:gochecknoglobals // of this process

// digestOf ignores backslashes, and lengths of texts, which depend on them: with every write,
// WordPress removes one level of backslashes from all records.
func digestOf(record string) recordDigest {
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
	return recordDigest(maphash.Bytes(digestSeed, plain) | 1)
}

// rowState is a state of a row: the digests of its records by UUID.
type rowState map[string]recordDigest

func rowStateOf(entries []entry) rowState {
	s := make(rowState, len(entries))
	for _, e := range entries {
		if e.isRecord && e.hasUUID {
			if _, taken := s[e.credential.UUID]; !taken {
				s[e.credential.UUID] = digestOf(e.record)
			}
		}
	}
	return s
}

// changes maps a UUID to the digest that its record had before one or several writes.
type changes map[string]recordDigest

func (s rowState) since(earlier rowState) changes {
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

// watch is the recent history of one user's row.
type watch struct {
	until       time.Time
	fingerprint fingerprint // at the last look
	seenAt      time.Time   // the last time at which the row certainly had this fingerprint
	last        rowState
	steps       []changes           // that led to last, the oldest first
	writes      map[string]ownWrite // what Sparekey wrote, by UUID
	writeCount  int                 // counts all own writes, to order them
}

// verdict classifies the writes of Sparekey that are missing in a row.
type verdict struct {
	restore   []ownWrite // PHP overwrote them unread
	accepted  []string   // UUIDs: WordPress undid them on purpose
	ambiguous []string   // UUIDs: either is possible
}

func (w *watch) judge(now rowState, at time.Time) (v verdict) {
	lost := w.reverted(now)
	if len(lost) == 0 {
		return v
	}
	base := w.likelyBase(now)
	for _, uuid := range lost {
		switch {
		case len(now) == 0 || !base.lacks(uuid):
			v.accepted = append(v.accepted, uuid)
		case at.Sub(w.seenAt) > maxGap:
			v.ambiguous = append(v.ambiguous, uuid)
		default:
			v.restore = append(v.restore, w.writes[uuid])
		}
	}
	return v
}

// reverted returns the UUIDs of records that went back from Sparekey's write to an earlier
// state.
func (w *watch) reverted(now rowState) (uuids []string) {
	for uuid := range w.writes {
		if w.writes[uuid].record == "" || now[uuid] == w.last[uuid] || w.last[uuid] == 0 {
			continue
		}
		if slices.ContainsFunc(w.steps, func(step changes) bool {
			before, changed := step[uuid]
			return changed && before == now[uuid]
		}) {
			uuids = append(uuids, uuid)
		}
	}
	slices.SortFunc(uuids, func(a, b string) int { return w.writes[a].order - w.writes[b].order })
	return uuids
}

// base is a state that WordPress may have read before it wrote, as its difference from the
// last state.
type base struct{ missing changes }

func (b base) lacks(uuid string) bool { _, ok := b.missing[uuid]; return ok }

// likelyBase returns the state from which the fewest changes lead to the present one. Among
// equals it returns the latest: in doubt, the change in WordPress was on purpose.
func (w *watch) likelyBase(now rowState) base {
	state := maps.Clone(w.last)
	missing := changes{}
	best, fewest := base{maps.Clone(missing)}, len(now.since(state))
	different := now.since(state) // updated step by step, since rows can be long
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
		if len(different) > 0 && len(different) < fewest { // WordPress does not write an unchanged row
			best, fewest = base{maps.Clone(missing)}, len(different)
		}
	}
	return best
}

func (w *watch) step(next rowState) {
	if c := next.since(w.last); len(c) > 0 {
		w.add(c)
		w.last = next
	}
}

func (w *watch) add(c changes) { w.steps = append(w.steps[max(0, len(w.steps)+1-maxSteps):], c) }
