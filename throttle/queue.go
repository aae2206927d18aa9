package throttle

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// The limits of look-ups from networks with recent failures. A look-up takes some 10 to 40 µs of
// a processor, so a thousand a second take a few per cent of one.
const (
	lookUpPause = time.Millisecond // between two of one network
	maxWaiting  = 1024             // look-ups that wait, of all networks together
)

// queue limits concurrent look-ups. Each network has a queue of its own: first in, first out, one
// look-up at a time, with a pause after each. The queues are served round-robin, so that a flood
// from one network delays the others by at most one look-up.
//
// It never refuses a look-up, because the secret may be right. If too many wait, the first one in
// the longest queue starts at once, without a slot.
type queue struct {
	pause      time.Duration
	maxWaiting int
	slots      int // concurrent look-ups

	mu       sync.Mutex
	networks map[Key]*networkQueue
	ready    []*networkQueue // those whose first waiter may start, in their order
	running  int
	waiting  int
}

// networkQueue exists while a look-up of the network waits, runs, or ran within the pause.
type networkQueue struct {
	network Key
	waiters []*waiter
	busy    bool // it is in ready, or a look-up runs or ran within the pause
}

type waiter struct {
	start     chan struct{} // closed when it may start
	unslotted bool          // it started without a slot
}

func newQueue() *queue {
	return &queue{
		pause: lookUpPause, maxWaiting: maxWaiting, slots: max(4, 2*runtime.GOMAXPROCS(0)), networks: map[Key]*networkQueue{},
	}
}

// acquire waits for a slot until the context ends.
func (q *queue) acquire(ctx context.Context, network Key) (release func(), err error) {
	l, w := q.enqueue(network)
	select {
	case <-w.start:
	case <-ctx.Done():
		if q.cancel(l, w) {
			return nil, ctx.Err()
		}
	}
	if w.unslotted {
		return func() {}, nil
	}
	return func() { q.release(l) }, nil
}

func (q *queue) enqueue(network Key) (*networkQueue, *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.networks[network]
	if l == nil {
		l = &networkQueue{network: network}
		q.networks[network] = l
	}
	w := &waiter{start: make(chan struct{})}
	l.waiters = append(l.waiters, w)
	q.waiting++
	if !l.busy {
		l.busy = true
		q.ready = append(q.ready, l)
	}
	q.dispatch()
	if q.waiting > q.maxWaiting {
		q.startLongest()
	}
	return l, w
}

// cancel reports false for a waiter that may start already.
func (q *queue) cancel(l *networkQueue, w *waiter) bool {
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

func (q *queue) release(l *networkQueue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	q.dispatch()
	time.AfterFunc(q.pause, func() { q.resume(l) })
}

func (q *queue) resume(l *networkQueue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ready = append(q.ready, l)
	q.dispatch()
}

// dispatch starts look-ups while there are free slots. The caller holds the lock, as for the
// methods below.
func (q *queue) dispatch() {
	for q.running < q.slots && len(q.ready) > 0 {
		l := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		if len(l.waiters) == 0 {
			l.busy = false
			delete(q.networks, l.network)
			continue
		}
		q.running++
		close(q.next(l).start)
	}
}

func (q *queue) next(l *networkQueue) *waiter {
	w := l.waiters[0]
	l.waiters[0] = nil
	l.waiters = l.waiters[1:]
	q.waiting--
	return w
}

// startLongest starts the first look-up of the longest queue without a slot.
func (q *queue) startLongest() {
	var longest *networkQueue
	for _, l := range q.networks {
		if longest == nil || len(l.waiters) > len(longest.waiters) {
			longest = l
		}
	}
	w := q.next(longest)
	w.unslotted = true
	close(w.start)
}
