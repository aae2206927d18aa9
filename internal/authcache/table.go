package authcache

import (
	"strings"
	"sync/atomic"
)

// table holds the entries of one revision: records in blocks of text, and slots that say where
// they are.
//
// A table that was published does not change for its readers, although the next table shares
// its slots and its blocks. A writer may fill a shared slot, but only with the place of a record
// that it has just added. That place lies behind the end of the older table's text, and
// [table.record] compares every place with its own table's ends. So a reader with an older
// table misses new entries, and never reads a byte that is being written.
type table struct {
	revision Revision
	slots    []slot           // 2^n; at least one in eight is empty, so that a search ends
	used     int              // how many slots are not empty
	blocks   []string         // the full blocks
	last     string           // the text of the block that is not full
	writer   *strings.Builder // of last; used by the next writer only
	size     int              // of all blocks together, in bytes
}

// slot takes 32 bytes, which are in one cache line of the processor. A reader that comes while
// a slot is filled again may get the new validUntil with the previous record. Both are of one
// result; only the time of its last use differs.
type slot struct {
	key        Key
	validUntil atomic.Int64
	place      atomic.Uint64 // a place; 0: the slot is empty. It is set last
}

// place is where a record is: the number of the block in 16 bits, the length of the record in
// 16, and its offset in the block in 32.
type place uint64

const (
	minSlots = 64
	minBlock = 4 << 10
	maxBlock = 16 << 10 // a block stays in memory as long as one of its records does
)

// newTable returns a table that begins small, since a change may come soon.
func newTable(r Revision) *table {
	return &table{revision: r, slots: make([]slot, minSlots), writer: &strings.Builder{}}
}

// find returns the entry for k, if there is one.
func (t *table) find(k Key) (Entry, bool) {
	s := slotFor(t.slots, k)
	record := t.record(place(s.place.Load()))
	return Entry{record, s.validUntil.Load()}, record != ""
}

// slotFor returns the slot of k or, if there is none, the empty slot that k would get.
func slotFor(slots []slot, k Key) *slot {
	mask := uint64(len(slots) - 1) //nolint:gosec // not negative
	for at := k[0]; ; at++ {
		if s := &slots[at&mask]; s.place.Load() == 0 || s.key == k {
			return s
		}
	}
}

// record returns the record at a place, or "" if the table has none there: the slot is empty,
// or was filled after this table was published.
func (t *table) record(p place) string {
	block, length, offset := int(p>>48), int(p>>32&0xffff), int(p&0xffffffff)
	text := t.last
	if block < len(t.blocks) {
		text = t.blocks[block]
	} else if block > len(t.blocks) {
		return ""
	}
	if offset+length > len(text) {
		return ""
	}
	return text[offset : offset+length]
}

// with returns a table that also has e for k, in place of t's entry for k. If t is full, the
// new table has nothing else: most of so many entries are out of use, and the others return
// with their next look-up. Calls must not run concurrently, and only one table may be derived
// from t.
func (t *table) with(k Key, e Entry) *table {
	if t.used == MaxEntries || t.size+len(e.Record) > MaxBytes {
		t = newTable(t.revision)
	}
	next := *t
	if 8*(next.used+1) > 7*len(next.slots) {
		next.slots = doubled(next.slots)
	}
	if next.writer.Len()+len(e.Record) > next.writer.Cap() {
		next.blocks = append(next.blocks, next.last) // beyond the end of every older table
		next.writer = &strings.Builder{}
		next.writer.Grow(max(len(e.Record), min(max(next.size, minBlock), maxBlock)))
	}
	at := place(len(next.blocks))<<48 | place(len(e.Record))<<32 | place(next.writer.Len()) //nolint:gosec // none of them is negative
	next.writer.WriteString(e.Record)
	next.last = next.writer.String()
	next.size += len(e.Record)
	s := slotFor(next.slots, k)
	if s.place.Load() == 0 {
		next.used++
	}
	s.fill(k, e.ValidUntil, at)
	return &next
}

func doubled(slots []slot) []slot {
	more := make([]slot, 2*len(slots))
	for i := range slots {
		if s := &slots[i]; s.place.Load() != 0 {
			slotFor(more, s.key).fill(s.key, s.validUntil.Load(), place(s.place.Load()))
		}
	}
	return more
}

// fill fills a slot that is empty, or that is k's already.
func (s *slot) fill(k Key, validUntil int64, p place) {
	if s.place.Load() == 0 { // otherwise readers may be comparing the key
		s.key = k
	}
	s.validUntil.Store(validUntil)
	s.place.Store(uint64(p))
}
