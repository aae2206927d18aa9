package throttle

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// maxUnconfirmed is how many requests with a known secret skip the queue before one of them
// succeeds: concurrent ones, or those with a revoked secret.
const maxUnconfirmed = 64

// successes are the logins and secrets that succeeded, and from which network. It holds a
// number for each, made with a random key of this process, and neither logins nor secrets.
type successes struct {
	seed     maphash.Seed
	keys     int
	validFor time.Duration

	mu        sync.RWMutex
	sightings map[uint64]*sighting
}

// sighting is the last success of a login and secret.
type sighting struct {
	last        atomic.Int64 // Unix nanoseconds
	recordedAt  atomic.Int64 // when durable received it, in Unix nanoseconds
	unconfirmed atomic.Int32 // how often it skipped the queue since
}

// recordDue reports, once a day, that durable should receive the sighting.
func (s *sighting) recordDue(now time.Time) bool {
	recordedAt := s.recordedAt.Load()
	return now.UnixNano()-recordedAt > int64(recordEvery) && s.recordedAt.CompareAndSwap(recordedAt, now.UnixNano())
}

func newSuccesses(keys int, goodFor time.Duration) *successes {
	return &successes{seed: maphash.MakeSeed(), keys: keys, validFor: goodFor, sightings: map[uint64]*sighting{}}
}

// id identifies a login with a secret at a network, or with both empty the network.
func (k *successes) id(network Key, login, secret string) uint64 {
	return digest(k.seed, network, login, secret)
}

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

// find returns nil for an expired sighting.
func (k *successes) find(id uint64, now time.Time) *sighting {
	k.mu.RLock()
	s := k.sightings[id]
	k.mu.RUnlock()
	if s == nil || now.UnixNano()-s.last.Load() > int64(k.validFor) {
		return nil
	}
	return s
}

// allowsSkip is like has, limited to maxUnconfirmed attempts since the last success.
func (k *successes) allowsSkip(id uint64, now time.Time) bool {
	s := k.find(id, now)
	return s != nil && s.unconfirmed.Add(1) <= maxUnconfirmed
}

func (k *successes) has(id uint64, now time.Time) bool { return k.find(id, now) != nil }

func (k *successes) record(id uint64, now time.Time) *sighting {
	k.mu.RLock()
	s := k.sightings[id]
	k.mu.RUnlock()
	if s == nil {
		s = k.add(id)
	}
	s.last.Store(now.UnixNano())
	s.unconfirmed.Store(0)
	return s
}

func (k *successes) size() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.sightings)
}

func (k *successes) add(id uint64) *sighting {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.sightings[id]; s != nil {
		return s
	}
	if len(k.sightings) >= k.keys {
		evictLowest(k.sightings, func(s *sighting) int64 { return s.last.Load() })
	}
	s := &sighting{}
	k.sightings[id] = s
	return s
}
