// Package throttle bounds how often something may fail. It depends on the
// standard library alone.
package throttle

import (
	"sync"
	"time"
)

// Limiter gives every key an allowance of Burst failures, of which one comes back
// after each interval of Every. It is safe for concurrent use, and holds at most
// Keys keys: past that it forgets one, rather than growing with what strangers
// send.
//
// It is the generic cell rate algorithm (GCRA): for each key it keeps one time,
// at which the allowance would be whole again.
type Limiter struct {
	Burst int
	Every time.Duration
	Keys  int

	mu    sync.Mutex
	whole map[string]time.Time
}

// Take uses up one of key's allowance. If there is none left it returns how long
// it takes until there is, and takes nothing.
func (l *Limiter) Take(key string, now time.Time) (retryAfter time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole := l.whole[key]
	if whole.Before(now) {
		whole = now
	}
	whole = whole.Add(l.Every)
	if over := whole.Sub(now) - time.Duration(l.Burst)*l.Every; over > 0 {
		return over, false
	}
	l.set(key, whole, now)
	return 0, true
}

// GiveBack returns what Take took, for a try that did not fail after all.
func (l *Limiter) GiveBack(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole, ok := l.whole[key]
	if !ok {
		return
	}
	if whole = whole.Add(-l.Every); whole.After(now) {
		l.whole[key] = whole
	} else {
		delete(l.whole, key)
	}
}

func (l *Limiter) set(key string, whole, now time.Time) {
	if l.whole == nil {
		l.whole = map[string]time.Time{}
	}
	if _, known := l.whole[key]; !known && len(l.whole) >= l.Keys {
		l.makeRoom(now)
	}
	l.whole[key] = whole
}

// makeRoom forgets some key, one that is whole anyway if a few tries find it. Maps
// are walked in random order, so nobody can say which.
func (l *Limiter) makeRoom(now time.Time) {
	const tries = 16
	var victim string
	n := 0
	for key, whole := range l.whole {
		victim = key
		if n++; !whole.After(now) || n == tries {
			break
		}
	}
	delete(l.whole, victim)
}
