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
	// UserID is the ID of the user with the Key's login, and empty if there is none. It is
	// kept with the count, so that operators can see whose it is.
	UserID string
}

// Every is the time after which one failure of a slot no longer counts.
func (s Slot) Every() time.Duration { return s.Rate.every() }

// Most is the largest amount that a slot can owe.
func (s Slot) Most() time.Duration { return time.Duration(s.Rate.Failures) * s.Rate.every() }

// Counts keeps counts that several processes share, by the generic cell rate
// algorithm (GCRA): for each key one time, at which nothing is owed any more.
// It must be safe for concurrent use.
type Counts interface {
	// Add adds n failures to each slot in one step, and returns what each owed before it: the
	// time until its count would be zero by itself. n is 1, -1 to take one back, or 0 to only
	// read. A slot that would owe more than its Most stays unchanged, and so does one whose
	// Rate is zero. No slot owes less than zero. An error means that the counts are unknown.
	Add(ctx context.Context, n int, slots []Slot) (owed []time.Duration, err error)
}

// Lister is an optional interface of Counts that can be looked through. Limiter.List and
// Limiter.Clear use it.
type Lister interface {
	// List returns the keys that owe something.
	List(ctx context.Context) ([]Debt, error)
	// Delete makes keys owe nothing.
	Delete(ctx context.Context, keys []Key) error
}

// Debt is what a key owes.
type Debt struct {
	Key    Key
	UserID string // as in Slot
	Owed   time.Duration
}

// The indexes of slots: the site, and each level of the network, without and with the login.
const (
	siteSlot    = 0
	addressSlot = 1
	loginSlot   = addressSlot + len(levels)
	slotCount   = loginSlot + len(levels)
)

type (
	slots [slotCount]Slot
	owed  [slotCount]time.Duration
)

// debt is the GCRA state of a key.
type debt struct {
	zeroAt int64 // when the key owes nothing, in Unix nanoseconds
	userID string
}

// local counts in this process. It evicts keys beyond a number of networks, and of logins at
// networks, so that callers cannot make it grow.
type local struct {
	keys int

	mu     sync.Mutex
	tables [3]map[Key]debt // the site, networks, logins
}

func newLocal(keys int) *local {
	l := &local{keys: keys}
	for i := range l.tables {
		l.tables[i] = map[Key]debt{}
	}
	return l
}

func (l *local) table(k Key) map[Key]debt {
	switch {
	case k.origin == originSite:
		return l.tables[0]
	case k.login == 0:
		return l.tables[1]
	}
	return l.tables[2]
}

// add is Counts.Add.
func (l *local) add(n int, s *slots, now time.Time) (was owed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range s {
		if s[i].Rate != (Rate{}) {
			was[i] = l.addTo(l.table(s[i].Key), n, &s[i], now.UnixNano())
		}
	}
	return was
}

func (l *local) addTo(table map[Key]debt, n int, s *Slot, now int64) time.Duration {
	d, exists := table[s.Key]
	was := time.Duration(max(0, d.zeroAt-now))
	if n == 0 {
		return was
	}
	is := s.Rate.owes(was, n)
	switch {
	case is == 0:
		delete(table, s.Key)
		return was
	case !exists && len(table) >= l.keys:
		evictLowest(table, func(d debt) int64 { return d.zeroAt })
	}
	table[s.Key] = debt{now + int64(is), s.UserID}
	return was
}

func (l *local) owes(k Key, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table(k)[k].zeroAt > now.UnixNano()
}

// list is Lister.List.
func (l *local) list(now time.Time) (debts []Debt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, table := range l.tables {
		for k, d := range table {
			if d.zeroAt > now.UnixNano() {
				debts = append(debts, Debt{k, d.userID, time.Duration(d.zeroAt - now.UnixNano())})
			}
		}
	}
	return debts
}

// delete is Lister.Delete.
func (l *local) delete(keys []Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		delete(l.table(k), k)
	}
}

func (l *local) size() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.tables {
		n += len(m)
	}
	return n
}

// evictLowest evicts the entry of the lowest rank among a few. Iteration of a map starts at a
// random entry, so a caller cannot choose the victim, and entries of high rank stay: a flood of
// new keys does not evict those with the most failures.
func evictLowest[K comparable, V any](m map[K]V, rank func(V) int64) {
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
