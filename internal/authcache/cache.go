// Package authcache caches the results of successful look-ups by login and secret, until a
// source of those results changes. It holds them as bytes, which the caller encodes and decodes.
//
// # Concurrency
//
// A [Cache] is safe for concurrent use. Readers take no lock and never wait. Writers hold a mutex.
// A writer derives a new table from the current one and publishes it with one atomic store. What
// the older table holds for its readers stays as it was (see table.go).
//
// Two rules stop readers from getting stale results:
//
//   - Every table belongs to one [Revision] of the sources. A caller takes the revision first and
//     then asks for an entry of that revision. If a source has changed since the table was made,
//     the revisions differ, and the answer is a miss.
//   - A caller that looks something up takes the revision before the look-up and passes it to
//     [Cache.Put], which drops the result if the sources have changed in between. So an entry is
//     never older than the revision under which it is found.
package authcache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"sync"
	"sync/atomic"
)

// MaxEntries is the most entries that a cache holds, MaxBytes the most bytes that their records
// have together, and MaxRecord the most bytes of one record. A usual record has about 200.
const (
	MaxEntries = 1 << 17
	MaxBytes   = 64 << 20
	MaxRecord  = 16 << 10
)

// Source is what results come from.
type Source interface {
	// Revision returns a number that differs after every change of the source. ok is false if
	// it is unknown; nothing is cached then.
	Revision() (revision uint64, ok bool)
}

// maxSources is how many sources a cache can have.
const maxSources = 2

// Revision is the state of the sources at one moment.
type Revision [maxSources]uint64

// Key identifies an entry: 128 bits of a salted digest of a login and a secret. Callers
// therefore cannot choose its size, and clients cannot aim at a place in the table.
type Key [2]uint64

// Entry is what the cache holds under a key.
type Entry struct {
	Record     string // the encoded result; the cache does not read it
	ValidUntil int64  // in Unix seconds: until when the caller can use the record without decoding it
}

// Cache holds entries until a source changes. It is for successes only: without refusals,
// guesses neither fill it nor become cheaper, since each of them takes the full look-up.
//
// Its entries have no pointers, so that 100,000 of them cost the garbage collector nothing.
type Cache struct {
	sources []Source // none: nothing is cached
	salt    [16]byte // of this process

	writing sync.Mutex // held by Put
	table   atomic.Pointer[table]
}

// New returns an empty cache for results that depend on one source or two. One object in both
// places is asked once. Without a source, the cache stays empty.
func New(sources ...Source) *Cache {
	if len(sources) > maxSources {
		panic("authcache.New: more than two sources")
	}
	if len(sources) == maxSources && IsSame(sources[0], sources[1]) {
		sources = sources[:1]
	}
	c := &Cache{sources: sources}
	c.table.Store(newTable(Revision{}))
	rand.Read(c.salt[:]) // never fails, as it documents
	return c
}

// IsSame reports whether two values of interfaces are one object. Types that can be compared may
// hold values that cannot.
func IsSame(a, b any) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// Key returns the key of a login and a secret, which must not have a NUL byte. It takes a fifth
// of the time of the hash by which stores find a secret.
func (c *Cache) Key(login, secret string) Key {
	text := append(make([]byte, 0, 128), c.salt[:]...) // a usual login and secret fit
	text = append(text, secret...)
	text = append(text, 0)
	sum := sha256.Sum256(append(text, login...))
	return Key{binary.LittleEndian.Uint64(sum[0:]), binary.LittleEndian.Uint64(sum[8:])}
}

// Revision returns the state of the sources now. ok is false if it is unknown, or without
// sources. Take it before a look-up whose result is put, so that an entry is never older than
// its revision.
func (c *Cache) Revision() (r Revision, ok bool) {
	for i, s := range c.sources {
		if r[i], ok = s.Revision(); !ok {
			return r, false
		}
	}
	return r, len(c.sources) > 0
}

// Get returns the entry for a key at a revision. ok is false on a miss.
func (c *Cache) Get(k Key, at Revision) (e Entry, ok bool) {
	t := c.table.Load()
	if t.revision != at {
		return Entry{}, false
	}
	return t.find(k)
}

// Put caches an entry that was looked up at a revision. It does nothing if the sources have
// changed since, or if the record is empty or longer than [MaxRecord]. The first entry of a new
// revision evicts all older ones. An entry that does not fit evicts all others.
func (c *Cache) Put(k Key, at Revision, e Entry) {
	if e.Record == "" || len(e.Record) > MaxRecord {
		return
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if now, ok := c.Revision(); !ok || now != at {
		return
	}
	t := c.table.Load()
	if t.revision != at {
		t = newTable(at)
	}
	if cached, ok := t.find(k); ok && cached == e { // another goroutine was faster
		return
	}
	c.table.Store(t.with(k, e))
}
