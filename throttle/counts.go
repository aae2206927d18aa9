package throttle

import (
	"context"
	"sync"
	"time"
)

// Slot is one of the counts that a failure belongs to.
type Slot struct {
	Key  Key
	Rate Rate
}

// Every is how long it takes until one failure of a slot is forgotten.
func (s Slot) Every() time.Duration { return s.Rate.every() }

// Most is the largest amount that a slot can owe.
func (s Slot) Most() time.Duration { return time.Duration(s.Rate.Failures) * s.Rate.every() }

// Counts keeps counts that several processes share, by the generic cell rate
// algorithm (GCRA): for each key one time, at which nothing is owed any more.
// It must be safe for concurrent use.
type Counts interface {
	// Add adds n failures to each slot in one step, and returns what each owed
	// before it: how long until its count would be zero by itself. n is 1, -1 to
	// take one back, or 0 to only look. A slot that would owe more than its Most
	// stays as it is, and so does one whose Rate is zero; none owes less than
	// nothing. An error says that nothing
	// is known.
	Add(ctx context.Context, n int, slots []Slot) (owed []time.Duration, err error)
}

// The slots of a failure.
const (
	ofSite = iota
	ofAddress
	ofLogin
	slotCount
)

type (
	slots [slotCount]Slot
	owed  [slotCount]time.Duration
)

// local counts in this process. It holds at most a number of keys of each kind;
// past that it forgets one rather than growing with what strangers send.
type local struct {
	keys int

	mu    sync.Mutex
	whole [slotCount]map[Key]int64 // when nothing is owed any more, in Unix nanoseconds
}

func newLocal(keys int) *local {
	l := &local{keys: keys}
	for i := range l.whole {
		l.whole[i] = map[Key]int64{}
	}
	return l
}

// add is Counts.Add.
func (l *local) add(n int, s *slots, now time.Time) (was owed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range s {
		was[i] = l.addTo(l.whole[i], n, s[i], now.UnixNano())
	}
	return was
}

func (l *local) addTo(whole map[Key]int64, n int, s Slot, now int64) time.Duration {
	at, known := whole[s.Key]
	was := time.Duration(max(0, at-now))
	if n == 0 {
		return was
	}
	is := s.Rate.owes(was, n)
	switch {
	case is == 0:
		delete(whole, s.Key)
		return was
	case !known && len(whole) >= l.keys:
		makeRoom(whole, func(at int64) int64 { return at })
	}
	whole[s.Key] = now + int64(is)
	return was
}

// size is how many keys are held.
func (l *local) size() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.whole {
		n += len(m)
	}
	return n
}

// makeRoom forgets the entry of the lowest rank among a few. Maps are walked
// from a random place, so nobody can say which, and those of high rank stay: a
// flood of new keys does not wash away whoever failed most.
func makeRoom[K comparable, V any](m map[K]V, rank func(V) int64) {
	const tries = 16
	var victim K
	lowest, n := int64(0), 0
	for key, v := range m {
		if r := rank(v); n == 0 || r < lowest {
			victim, lowest = key, r
		}
		if n++; n == tries {
			break
		}
	}
	delete(m, victim)
}
