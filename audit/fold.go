package audit

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// maxReasons is for how many reasons callers beyond the bound are counted apart.
const maxReasons = 64

// alike are events that are one record.
type alike struct {
	kind       sparekey.Kind
	reason     sparekey.Reason
	user       string // ID
	credential string // UUID
	addr       netip.Addr
	rule       string
}

// fold counts events that are alike.
type fold struct {
	callers int
	entries map[alike]*entry
}

func newFold(callers int) fold { return fold{callers, map[alike]*entry{}} }

// entry counts events since the last record of them was written.
type entry struct {
	record  Record // of the first
	count   int
	last    time.Time
	written time.Time // when the last record of them was written
	folded  bool
	reason  sparekey.Reason // where folded
}

// add counts an event. It makes no garbage where one like it was counted since the
// last record.
func (f *fold) add(e sparekey.Event) {
	key := alike{e.Kind, e.Reason, e.User.ID, e.Credential.UUID, e.Addr, e.Rule}
	to := f.entries[key]
	if to == nil {
		to = f.open(key)
	}
	if to.count == 0 {
		to.begin(e)
	}
	to.count++
	to.last = e.Time
}

// open returns the entry for a caller who has none: one of their own, or where
// there are too many callers, that of all others.
func (f *fold) open(key alike) *entry {
	folded := len(f.entries) >= f.callers
	if folded {
		key = alike{kind: key.kind, reason: key.reason}
		if len(f.entries) >= f.callers+maxReasons && f.entries[key] == nil {
			key.reason = ""
		}
	}
	if f.entries[key] == nil {
		f.entries[key] = &entry{folded: folded, reason: key.reason}
	}
	return f.entries[key]
}

func (e *entry) begin(of sparekey.Event) {
	e.record = recordOf(of)
	if e.folded {
		e.record = Record{Time: of.Time, Kind: e.record.Kind, Reason: e.reason, Folded: true}
	}
}

// taken is what was counted and is about to be written.
type taken struct {
	from  *entry
	entry // as it was
}

// take returns what is to be written: what was last written at or before a time.
// It forgets callers who were quiet since then.
func (f *fold) take(now, written time.Time) (all []taken) {
	for key, e := range f.entries {
		switch {
		case e.written.After(written):
		case e.count > 0:
			all = append(all, taken{e, *e})
			e.count, e.written = 0, now
		default:
			delete(f.entries, key)
		}
	}
	return all
}

// giveBack undoes take, for what could not be written.
func (t taken) giveBack() {
	if t.from.count == 0 {
		t.from.last = t.last
	}
	t.from.record, t.from.written = t.record, t.written
	t.from.count += t.count
}

// finish is the record of all that was counted.
func (t taken) finish() Record {
	r := t.record
	if t.count > 1 {
		r.Count, r.Since = t.count, r.Time
	}
	r.Time = t.last
	return r
}

// inTime orders by time, and then by who it was so that the order is always the
// same.
func inTime(a, b taken) int {
	return cmp.Or(
		a.last.Compare(b.last), cmp.Compare(a.record.Kind, b.record.Kind), cmp.Compare(a.record.Reason, b.record.Reason),
		cmp.Compare(a.record.User, b.record.User), cmp.Compare(a.record.Credential, b.record.Credential),
		a.record.Addr.Compare(b.record.Addr))
}
