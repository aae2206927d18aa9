package sparekey

import (
	"strings"
	"sync/atomic"
)

// memoTable holds the cache entries of one version: records in blocks of text, and slots that
// say where they are. A goroutine with a table can continue to read it while others derive
// new tables from it; it may miss new entries.
type memoTable struct {
	version memoVersion
	slots   []memoSlot       // 2^n; one in eight is empty at least, so that a search ends
	used    int              // how many slots are not
	blocks  []string         // those that are full
	last    string           // what is in the one that is not
	writer  *strings.Builder // of last; only the next table's writer uses it
	size    int              // how many bytes all blocks have together
}

// memoSlot takes 32 bytes, which are in one cache line of the processor. A reader that comes
// while the slot is filled may get the later settled with the earlier record: the same
// identity, except for the time of its last use.
type memoSlot struct {
	key     memoKey
	settled atomic.Int64
	place   atomic.Uint64 // a recordPlace; 0: the slot is empty. It is set last
}

// recordPlace is where a record is: the block's number in 16 bits, the record's
// length in 16, and in 32 where in the block it begins.
type recordPlace uint64

const (
	fewestSlots   = 64
	smallestBlock = 4 << 10
	biggestBlock  = 16 << 10 // stays in memory as long as one of its records does
)

// newMemoTable returns a table that begins small, since a change may come soon.
func newMemoTable(v memoVersion) *memoTable {
	return &memoTable{version: v, slots: make([]memoSlot, fewestSlots), writer: &strings.Builder{}}
}

// find returns the entry for k, if there is one.
func (t *memoTable) find(k memoKey) (remembered, bool) {
	s := slotOf(t.slots, k)
	record := t.record(recordPlace(s.place.Load()))
	return remembered{record, s.settled.Load()}, record != ""
}

// slotOf returns the slot that is k's, or the empty one that is to be.
func slotOf(slots []memoSlot, k memoKey) *memoSlot {
	last := uint64(len(slots) - 1) //nolint:gosec // not negative
	for at := k[0]; ; at++ {
		if s := &slots[at&last]; s.place.Load() == 0 || s.key == k {
			return s
		}
	}
}

// record returns the record at a place, or "" if there is none, or the table is older
// than it.
func (t *memoTable) record(p recordPlace) string {
	block, length, begin := int(p>>48), int(p>>32&0xffff), int(p&0xffffffff)
	text := t.last
	if block < len(t.blocks) {
		text = t.blocks[block]
	} else if block > len(t.blocks) {
		return ""
	}
	if begin+length > len(text) {
		return ""
	}
	return text[begin : begin+length]
}

// with returns a table that has r for k, in place of t's entry for k. If t is full, the new
// table has nothing else: most of so many entries are out of use, and those in use come back
// by themselves. Calls must not run concurrently, and only one table may be derived from t.
func (t *memoTable) with(k memoKey, r remembered) *memoTable {
	if t.used == memoSize || t.size+len(r.record) > memoText {
		t = newMemoTable(t.version)
	}
	next := *t
	if 8*(next.used+1) > 7*len(next.slots) {
		next.slots = doubled(next.slots)
	}
	if next.writer.Len()+len(r.record) > next.writer.Cap() {
		next.blocks = append(next.blocks, next.last) // which no reader reads past its old end
		next.writer = &strings.Builder{}
		next.writer.Grow(max(len(r.record), min(max(next.size, smallestBlock), biggestBlock)))
	}
	place := len(next.blocks)<<48 | len(r.record)<<32 | next.writer.Len()
	next.writer.WriteString(r.record)
	next.last = next.writer.String()
	next.size += len(r.record)
	s := slotOf(next.slots, k)
	if s.place.Load() == 0 {
		next.used++
	}
	s.fill(k, r.settled, recordPlace(place)) //nolint:gosec // none of the three is negative
	return &next
}

func doubled(slots []memoSlot) []memoSlot {
	more := make([]memoSlot, 2*len(slots))
	for i := range slots {
		if s := &slots[i]; s.place.Load() != 0 {
			slotOf(more, s.key).fill(s.key, s.settled.Load(), recordPlace(s.place.Load()))
		}
	}
	return more
}

// fill fills a slot that is empty or k's.
func (s *memoSlot) fill(k memoKey, settled int64, place recordPlace) {
	if s.place.Load() == 0 { // else others may be reading the key
		s.key = k
	}
	s.settled.Store(settled)
	s.place.Store(uint64(place))
}
