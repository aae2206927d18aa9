package throttle

import (
	"hash/maphash"
	"sync"
	"time"
)

// guessFor is how long a wrong secret is recognised after it was last presented.
const guessFor = 24 * time.Hour

// guesses recognises a repeated wrong secret, so that it counts once: a device whose password was
// revoked tries the same one for days. It holds a number for each, made with a random key of this
// process, and a limited number of them.
type guesses struct {
	seed maphash.Seed
	keys int

	mu   sync.Mutex
	last map[uint64]int64 // when it was presented, in Unix nanoseconds
}

func newGuesses(keys int) *guesses {
	return &guesses{seed: maphash.MakeSeed(), keys: keys, last: map[uint64]int64{}}
}

func (g *guesses) id(network Key, login, secret string) uint64 {
	return digest(g.seed, network, normalise(login), secret)
}

// has reports whether a guess was counted before, and if so renews it.
func (g *guesses) has(id uint64, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	last, exists := g.last[id]
	if !exists || now.UnixNano()-last > int64(guessFor) {
		return false
	}
	g.last[id] = max(last, now.UnixNano())
	return true
}

func (g *guesses) add(id uint64, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, exists := g.last[id]; !exists && len(g.last) >= g.keys {
		evictLowest(g.last, func(last int64) int64 { return last })
	}
	g.last[id] = now.UnixNano()
}

func (g *guesses) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.last)
}
