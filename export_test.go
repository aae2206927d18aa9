package sparekey

// Remembered returns an identity as the cache returns it, if the cache can hold it.
func Remembered(id Identity) (Identity, bool) {
	record, ok := newRecord(id)
	if !ok {
		return Identity{}, false
	}
	var again Identity
	readRecord(record, &again)
	return again, true
}

// Memo is a cache for results from a Revisioned source.
type Memo struct{ *memo }

// NewMemo returns an empty Memo.
func NewMemo(source Revisioned) Memo {
	m := newMemo(nil, nil)
	m.sources = []Revisioned{source}
	return Memo{m}
}

// Put caches an identity that was found at a version.
func (m Memo) Put(a Attempt, version uint64, id Identity) {
	m.put(memoPlace{m.key(&a), memoVersion{version}}, &id, 0)
}

// Get returns the cached identity at a version.
func (m Memo) Get(a Attempt, version uint64) (id Identity, ok bool) {
	known, ok := m.get(m.key(&a), memoVersion{version})
	if ok {
		readRecord(known.record, &id)
	}
	return id, ok
}

// MemoSize and MemoText are the most entries and the most bytes that a Memo holds.
const (
	MemoSize = memoSize
	MemoText = memoText
)
