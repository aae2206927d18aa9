package throttle

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// maxUnconfirmed is how often a known secret may be presented again before it proves right
// again: in requests at the same moment, or since it was revoked.
const maxUnconfirmed = 64

// known stores which login and secret were right, and from which address. It holds neither
// logins nor secrets, but a number for each, made with a random key of this process.
type known struct {
	seed    maphash.Seed
	keys    int
	goodFor time.Duration

	mu   sync.RWMutex
	seen map[uint64]*sighting
}

// sighting is when something was right the last time.
type sighting struct {
	last        atomic.Int64 // Unix nanoseconds
	noted       atomic.Int64 // when the durable record was given it, in Unix nanoseconds
	unconfirmed atomic.Int32 // how often it skipped the queue since
}

// noteDue reports, once a day, that the durable record should be given a sighting.
func (s *sighting) noteDue(now time.Time) bool {
	noted := s.noted.Load()
	return now.UnixNano()-noted > int64(noteEvery) && s.noted.CompareAndSwap(noted, now.UnixNano())
}

func newKnown(keys int, goodFor time.Duration) *known {
	return &known{seed: maphash.MakeSeed(), keys: keys, goodFor: goodFor, seen: map[uint64]*sighting{}}
}

// id is the number of a login with a secret at a network, or of the network
// alone where both are empty.
func (k *known) id(network Key, login, secret string) uint64 {
	return digest(k.seed, network, login, secret)
}

// digest is a number for a login with a secret at a network.
func digest(seed maphash.Seed, network Key, login, secret string) uint64 {
	var fixed [26]byte // the lengths, so that one text cannot end where another begins
	binary.BigEndian.PutUint64(fixed[:], uint64(len(login)))
	binary.BigEndian.PutUint64(fixed[8:], uint64(len(secret)))
	binary.BigEndian.PutUint64(fixed[16:], network.network)
	fixed[24], fixed[25] = network.origin, uint8(network.kind)
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.Write(fixed[:]) // never fails, as it documents
	_, _ = h.WriteString(login)
	_, _ = h.WriteString(secret)
	return h.Sum64()
}

// find returns a sighting that is recent enough, or nil.
func (k *known) find(id uint64, now time.Time) *sighting {
	k.mu.RLock()
	s := k.seen[id]
	k.mu.RUnlock()
	if s == nil || now.UnixNano()-s.last.Load() > int64(k.goodFor) {
		return nil
	}
	return s
}

// admits reports whether this was right lately, and not presented too often
// since.
func (k *known) admits(id uint64, now time.Time) bool {
	s := k.find(id, now)
	return s != nil && s.unconfirmed.Add(1) <= maxUnconfirmed
}

// has reports whether this was right lately.
func (k *known) has(id uint64, now time.Time) bool { return k.find(id, now) != nil }

// remember stores that this was right.
func (k *known) remember(id uint64, now time.Time) *sighting {
	k.mu.RLock()
	s := k.seen[id]
	k.mu.RUnlock()
	if s == nil {
		s = k.add(id)
	}
	s.last.Store(now.UnixNano())
	s.unconfirmed.Store(0)
	return s
}

func (k *known) size() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.seen)
}

func (k *known) add(id uint64) *sighting {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.seen[id]; s != nil {
		return s
	}
	if len(k.seen) >= k.keys {
		makeRoom(k.seen, func(s *sighting) int64 { return s.last.Load() })
	}
	s := &sighting{}
	k.seen[id] = s
	return s
}
