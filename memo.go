package sparekey

import (
	"crypto/rand"
	"crypto/sha256"
	"reflect"
	"sync"
)

// memoSize bounds the memo. An entry takes some 600 bytes.
const memoSize = 1 << 17

// memo remembers which login and secret belong to whom, for as long as neither
// the store nor the directory changes. It holds successes only, so that guesses
// neither fill it nor ever take the short way: a refusal always costs the same
// full look-up, whether or not the user exists.
type memo struct {
	sources []Versioned // none: nothing is remembered
	salt    [16]byte    // of this process

	mu      sync.RWMutex
	entries map[memoKey]memoEntry
}

// memoKey is a salted digest of what was presented, so that its size is not for
// the caller to choose. It takes a fifth of the time of the hash by which the
// store knows the secret.
type memoKey [sha256.Size]byte

// memoVersion is the state of the sources at which an entry was true.
type memoVersion [2]uint64

type memoEntry struct {
	version memoVersion
	found   *Identity
}

// newMemo returns a memo over store and users; it stays empty unless both are
// Versioned.
func newMemo(store Store, users Directory) *memo {
	m := &memo{entries: map[memoKey]memoEntry{}}
	rand.Read(m.salt[:]) // never fails, as it documents
	s, storeOK := store.(Versioned)
	u, usersOK := users.(Versioned)
	switch {
	case !storeOK || !usersOK:
	case reflect.TypeOf(s).Comparable() && s == u: // one object in both roles is asked once
		m.sources = []Versioned{s}
	default:
		m.sources = []Versioned{s, u}
	}
	return m
}

func (m *memo) key(a Attempt) memoKey {
	text := append(make([]byte, 0, 128), m.salt[:]...) // what is presented fits, as a rule
	text = append(text, a.Secret.plain...)
	text = append(text, 0) // which is in no secret
	return sha256.Sum256(append(text, a.Login...))
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

func (m *memo) get(k memoKey, v memoVersion) (Identity, bool) {
	m.mu.RLock()
	e, ok := m.entries[k]
	m.mu.RUnlock()
	if !ok || e.version != v {
		return Identity{}, false
	}
	return e.found.clone(), true
}

func (m *memo) put(k memoKey, v memoVersion, id Identity) {
	id = id.clone()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.entries) >= memoSize {
		clear(m.entries) // most of so many are stale; what is in use comes back by itself
	}
	m.entries[k] = memoEntry{v, &id}
}
