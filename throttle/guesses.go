package throttle

import (
	"hash/maphash"
	"sync"
	"time"
)

// guessFor is how long a wrong secret is recognised after it was last presented.
const guessFor = 24 * time.Hour

// guesses recognises a wrong secret that is presented again, so that it counts once: a device
// whose password was revoked tries the same one for days. It holds a number for each, made with a
// key that this process drew, and at most a number of them.
type guesses struct {
	seed maphash.Seed
	keys int

	mu   sync.Mutex
	last map[uint64]int64 // when it was presented, in Unix nanoseconds
}

func newGuesses(keys int) *guesses {
	return &guesses{seed: maphash.MakeSeed(), keys: keys, last: map[uint64]int64{}}
}

// id is the number of a login with a secret at a network.
func (g *guesses) id(network Key, login, secret string) uint64 {
	return digest(g.seed, network, normalise(login), secret)
}

// has reports whether a guess was counted before, and keeps that it was presented now.
func (g *guesses) has(id uint64, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	last, known := g.last[id]
	if !known || now.UnixNano()-last > int64(guessFor) {
		return false
	}
	g.last[id] = max(last, now.UnixNano())
	return true
}

// add keeps that a guess was counted.
func (g *guesses) add(id uint64, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.last[id]; !known && len(g.last) >= g.keys {
		makeRoom(g.last, func(last int64) int64 { return last })
	}
	g.last[id] = now.UnixNano()
}

func (g *guesses) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.last)
}
