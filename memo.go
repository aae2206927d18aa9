package sparekey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"sync"
	"sync/atomic"
)

// The cache holds at most memoSize entries, whose records have at most memoText bytes
// together, and each of them at most longestRecord. A usual record has about 200.
const (
	memoSize      = 1 << 17
	memoText      = 64 << 20
	longestRecord = 16 << 10
)

// memo is a cache of successful look-ups, by login and secret. A change in the store or the
// directory invalidates it. It holds no refusals, so guesses neither fill it nor become
// cheaper: a refusal always costs the same full look-up, whether or not the user exists.
//
// Its entries have no pointers, so that 100,000 of them cost the garbage collector nothing.
// Reads take no lock.
type memo struct {
	sources []Versioned // none: nothing is cached
	salt    [16]byte    // of this process

	mu    sync.Mutex // held while an entry is put
	table atomic.Pointer[memoTable]
}

// memoKey is 128 bits of a salted digest of the login and secret. Callers therefore cannot
// choose its size, and cannot aim at a place in the table. The digest takes a fifth of the
// time of the hash by which the store finds the secret.
type memoKey [2]uint64

// memoVersion is the state of the sources at which an entry was true.
type memoVersion [2]uint64

// newMemo returns a cache for store and users; it stays empty unless both are Versioned.
func newMemo(store Store, users Directory) *memo {
	m := &memo{}
	m.table.Store(newMemoTable(memoVersion{}))
	rand.Read(m.salt[:]) // never fails, as it documents
	s, storeOK := ownVersion(store)
	u, usersOK := ownVersion(users)
	switch {
	case !storeOK || !usersOK:
	case isSame(s, u): // one object in both roles is asked once
		m.sources = []Versioned{s}
	default:
		m.sources = []Versioned{s, u}
	}
	return m
}

// ownVersion returns what knows the version of a store or a directory, unless that is a part of
// it which knows nothing of what the whole changes.
func ownVersion(whole any) (Versioned, bool) {
	v, ok := whole.(Versioned)
	return v, ok && isSame(v.VersionOf(), whole)
}

// isSame reports whether two values are one object.
func isSame(a, b any) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

func (m *memo) key(a *Attempt) memoKey {
	text := append(make([]byte, 0, 128), m.salt[:]...) // what is presented fits, as a rule
	text = append(text, a.Secret.plain...)
	text = append(text, 0) // which is in no secret
	sum := sha256.Sum256(append(text, a.Login...))
	return memoKey{binary.LittleEndian.Uint64(sum[0:]), binary.LittleEndian.Uint64(sum[8:])}
}

// version returns the state of the sources now. It must be taken before the
// look-up whose result is put, so that an entry is never newer than it claims.
func (m *memo) version() (v memoVersion, ok bool) {
	for i, s := range m.sources {
		if v[i], ok = s.Version(); !ok {
			return v, false
		}
	}
	return v, len(m.sources) > 0
}

// memoPlace is where the cache keeps an entry.
type memoPlace struct {
	key     memoKey
	version memoVersion
}

// remembered is a cache entry.
type remembered struct {
	record  string // of the identity
	settled int64  // until when, in Unix seconds, the record need not be read; see Service.settled
}

// get returns the entry for k at this version, if there is one.
func (m *memo) get(k memoKey, v memoVersion) (remembered, bool) {
	t := m.table.Load()
	if t.version != v {
		return remembered{}, false
	}
	return t.find(k)
}

// put caches id, unless a change has invalidated it already. The first entry of a new version
// evicts all older ones.
func (m *memo) put(at memoPlace, id *Identity, settled int64) {
	record, ok := newRecord(*id)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now, ok := m.version(); !ok || now != at.version {
		return
	}
	t := m.table.Load()
	if t.version != at.version {
		t = newMemoTable(at.version)
	}
	r := remembered{record, settled}
	if known, ok := t.find(at.key); ok && known == r { // another goroutine was faster
		return
	}
	m.table.Store(t.with(at.key, r))
}
