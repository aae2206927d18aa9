package throttle

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// The bounds of look-ups from networks where something failed lately. One takes some 10 to 40 µs
// of a processor, so a thousand a second are a few per cent of one.
const (
	lookUpPause = time.Millisecond // between two of one network
	maxWaiting  = 1024             // look-ups that wait, of all networks together
)

// queue has look-ups wait for a place. Those of one network are served first come, first served,
// one at a time and with a pause after each. Networks take turns, so that a flood from one of them
// delays the others by one look-up at most.
//
// It never refuses, because what waits may be right. Past its bound, the first look-up of the
// network that has most waiting begins at once, beyond the rate.
type queue struct {
	pause  time.Duration
	most   int
	places int // look-ups at the same moment

	mu      sync.Mutex
	lanes   map[Key]*lane
	ready   []*lane // those whose first waiter may begin, in the order of their turns
	running int
	waiting int
}

// lane is a network in the queue. It exists while one of its look-ups waits, runs or has just
// run.
type lane struct {
	network Key
	waiters []*waiter
	busy    bool // it is among the ready, or one of its look-ups runs or has just run
}

type waiter struct {
	start chan struct{} // closed when it may begin
	early bool          // it began without a place
}

func newQueue() *queue {
	return &queue{
		pause: lookUpPause, most: maxWaiting, places: max(4, 2*runtime.GOMAXPROCS(0)), lanes: map[Key]*lane{},
	}
}

// enter waits for a place, until the context ends. leave gives it back.
func (q *queue) enter(ctx context.Context, network Key) (leave func(), err error) {
	l, w := q.join(network)
	select {
	case <-w.start:
	case <-ctx.Done():
		if q.quit(l, w) {
			return nil, ctx.Err()
		}
	}
	if w.early {
		return func() {}, nil
	}
	return func() { q.leave(l) }, nil
}

func (q *queue) join(network Key) (*lane, *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[network]
	if l == nil {
		l = &lane{network: network}
		q.lanes[network] = l
	}
	w := &waiter{start: make(chan struct{})}
	l.waiters = append(l.waiters, w)
	q.waiting++
	if !l.busy {
		l.busy = true
		q.ready = append(q.ready, l)
	}
	q.dispatch()
	if q.waiting > q.most {
		q.relieve()
	}
	return l, w
}

// quit removes a waiter that gave up. It reports false for one that may begin already.
func (q *queue) quit(l *lane, w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(l.waiters, w)
	if i < 0 {
		return false
	}
	l.waiters = slices.Delete(l.waiters, i, i+1)
	q.waiting--
	return true
}

// leave ends a look-up. The next one of its network begins after the pause.
func (q *queue) leave(l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	q.dispatch()
	time.AfterFunc(q.pause, func() { q.resume(l) })
}

// resume has a network wait for its next turn after the pause.
func (q *queue) resume(l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ready = append(q.ready, l)
	q.dispatch()
}

// dispatch begins look-ups while there are places. It is called with the lock held, as are the
// methods below.
func (q *queue) dispatch() {
	for q.running < q.places && len(q.ready) > 0 {
		l := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		if len(l.waiters) == 0 {
			l.busy = false
			delete(q.lanes, l.network)
			continue
		}
		q.running++
		close(q.next(l).start)
	}
}

// next takes the first waiter of a network out.
func (q *queue) next(l *lane) *waiter {
	w := l.waiters[0]
	l.waiters[0] = nil
	l.waiters = l.waiters[1:]
	q.waiting--
	return w
}

// relieve has the network that has most waiting begin one look-up without a place.
func (q *queue) relieve() {
	var longest *lane
	for _, l := range q.lanes {
		if longest == nil || len(l.waiters) > len(longest.waiters) {
			longest = l
		}
	}
	w := q.next(longest)
	w.early = true
	close(w.start)
}
