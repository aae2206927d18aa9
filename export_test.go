package sparekey

// Remembered returns what the memo gives back for an identity, if it keeps it.
func Remembered(id Identity) (Identity, bool) {
	record, ok := newRecord(id)
	if !ok {
		return Identity{}, false
	}
	var again Identity
	readRecord(record, &again)
	return again, true
}

// Memo is a memo over something Versioned.
type Memo struct{ *memo }

// NewMemo returns an empty Memo.
func NewMemo(source Versioned) Memo {
	m := newMemo(nil, nil)
	m.sources = []Versioned{source}
	return Memo{m}
}

// Put remembers, as found at a version.
func (m Memo) Put(a Attempt, version uint64, id Identity) {
	m.put(memoPlace{m.key(&a), memoVersion{version}}, &id, 0)
}

// Get returns what is remembered at a version.
func (m Memo) Get(a Attempt, version uint64) (id Identity, ok bool) {
	known, ok := m.get(m.key(&a), memoVersion{version})
	if ok {
		readRecord(known.record, &id)
	}
	return id, ok
}

// MemoSize and MemoText are how many entries a Memo has at the most, and how many
// bytes.
const (
	MemoSize = memoSize
	MemoText = memoText
)
