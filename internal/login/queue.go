package login

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey/throttle"
)

const (
	// waitingPerSlot is how many may wait for each hash that is computed at a time.
	// With a new hash of some 25 ms, an attempt that is admitted is served within half a second.
	waitingPerSlot = 20

	// busyRetry is how long a caller should wait that found the queue full.
	busyRetry = 2 * time.Second
)

// BusyError refuses an attempt because too many wait to have a main password checked.
// Nothing was checked and nothing is counted against the caller.
type BusyError struct{}

func (BusyError) Error() string { return "too many sign-ins wait to be checked" }

// RetryAfter is how long to wait before the next attempt.
func (BusyError) RetryAfter() time.Duration { return busyRetry }

// caller is where an attempt comes from.
type caller struct {
	addr netip.Addr
	good bool // a password was right from there lately, or the operator asks
}

// hashQueue limits how many main passwords are hashed at the same moment and how many
// attempts wait. Callers from addresses known to be good come first; if there are several
// slots, one is kept for them. Among the others, and among the good ones, addresses
// alternate. It is safe for concurrent use.
type hashQueue struct {
	slots int // how many hashes at the same moment; not 0

	mu        sync.Mutex
	running   int
	strangers int // of the running
	good      waitingLine
	others    waitingLine
}

// waiter waits for a slot.
type waiter struct {
	from   caller
	served chan error // gets nil with a slot, or a BusyError
}

// waitingLine holds the waiters, in the order in which addresses take turns.
type waitingLine struct {
	addrs  []netip.Addr
	byAddr map[netip.Addr][]*waiter
	size   int
}

// enter waits for a slot. leave gives it back. enter refuses with a [BusyError] where
// too many wait, and fails when the context ends.
func (q *hashQueue) enter(ctx context.Context, from caller) (leave func(), err error) {
	from.addr = throttle.Network(from.addr)
	w := &waiter{from, make(chan error, 1)}
	if err := q.join(w); err != nil {
		return nil, err
	}
	select {
	case err = <-w.served:
	case <-ctx.Done():
		err = q.abandon(w, ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	return func() { q.leave(from) }, nil
}

// join adds a waiter, at once with a slot if there is a free one.
func (q *hashQueue) join(w *waiter) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.lineOf(w.from)
	if line.size >= waitingPerSlot*q.slots && !line.makeRoom(w.from.addr) {
		return BusyError{}
	}
	line.push(w)
	q.serve()
	return nil
}

// abandon removes a waiter whose context ended, and passes on a slot that the waiter got at
// the same moment.
func (q *hashQueue) abandon(w *waiter, cause error) error {
	q.mu.Lock()
	isWaiting := q.lineOf(w.from).remove(w)
	q.mu.Unlock()
	if !isWaiting && <-w.served == nil {
		q.leave(w.from)
	}
	return fmt.Errorf("wait to check a password: %w", cause)
}

func (q *hashQueue) leave(from caller) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	if !from.good {
		q.strangers--
	}
	q.serve()
}

// serve gives free slots to waiters.
func (q *hashQueue) serve() {
	for q.running < q.slots {
		line := &q.good
		if line.size == 0 {
			if line = &q.others; line.size == 0 || q.strangers >= max(1, q.slots-1) {
				return
			}
			q.strangers++
		}
		q.running++
		line.pop().served <- nil
	}
}

func (q *hashQueue) lineOf(from caller) *waitingLine {
	if from.good {
		return &q.good
	}
	return &q.others
}

func (l *waitingLine) push(w *waiter) {
	if l.byAddr == nil {
		l.byAddr = map[netip.Addr][]*waiter{}
	}
	addr := w.from.addr
	if len(l.byAddr[addr]) == 0 {
		l.addrs = append(l.addrs, addr)
	}
	l.byAddr[addr] = append(l.byAddr[addr], w)
	l.size++
}

// pop takes out the first waiter of the address that comes next.
func (l *waitingLine) pop() *waiter {
	addr := l.addrs[0]
	w := l.byAddr[addr][0]
	l.remove(w)
	if len(l.byAddr[addr]) > 0 { // its next one waits until all other addresses had one
		l.addrs = append(l.addrs[1:], addr)
	}
	return w
}

// remove takes out a waiter and reports whether it was there.
func (l *waitingLine) remove(w *waiter) bool {
	addr := w.from.addr
	at := slices.Index(l.byAddr[addr], w)
	if at < 0 {
		return false
	}
	l.size--
	if l.byAddr[addr] = slices.Delete(l.byAddr[addr], at, at+1); len(l.byAddr[addr]) > 0 {
		return true
	}
	delete(l.byAddr, addr)
	l.addrs = slices.DeleteFunc(l.addrs, func(other netip.Addr) bool { return other == addr })
	return true
}

// makeRoom refuses the newest waiter of the address with the most of them, if that
// address still has at least as many afterwards as the one that joins. It reports whether
// there is room now.
func (l *waitingLine) makeRoom(joining netip.Addr) bool {
	most := slices.MaxFunc(l.addrs, func(a, b netip.Addr) int { return len(l.byAddr[a]) - len(l.byAddr[b]) })
	waiting := l.byAddr[most]
	if len(waiting)-1 < len(l.byAddr[joining])+1 {
		return false
	}
	last := waiting[len(waiting)-1]
	l.remove(last)
	last.served <- BusyError{}
	return true
}
