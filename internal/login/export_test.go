package login

import (
	"context"
	"net/netip"
)

// AnswerEvery is at which instants failures are answered.
const AnswerEvery = answerEvery

// WaitingPerSlot is how many may wait for each slot.
const WaitingPerSlot = waitingPerSlot

// Watch calls watch before a password is checked against a hash. It is for before a is used.
func Watch(a *Accounts, watch func(hash, password string)) {
	verify := a.verify
	a.verify = func(hash, password string) bool {
		watch(hash, password)
		return verify(hash, password)
	}
}

// Count calls watch instead of checking a password, which is wrong then. It is for before
// a is used.
func Count(a *Accounts, watch func(hash, password string)) {
	a.verify = func(hash, password string) bool {
		watch(hash, password)
		return false
	}
}

// SetSlots sets how many passwords are hashed at the same moment. Call it before a is used.
func SetSlots(a *Accounts, n int) { a.queue.slots = n }

// Waiting is how many wait: from addresses known to be good, and others.
func Waiting(a *Accounts) (good, others int) {
	a.queue.mu.Lock()
	defer a.queue.mu.Unlock()
	return a.queue.good.size, a.queue.others.size
}

// Free reports whether the queue is as it began.
func Free(a *Accounts) bool {
	a.queue.mu.Lock()
	defer a.queue.mu.Unlock()
	q := &a.queue
	return q.running == 0 && q.strangers == 0 && q.good.size+q.others.size == 0 && len(q.good.addrs)+len(q.others.addrs) == 0
}

// Enter waits for a slot.
func Enter(ctx context.Context, a *Accounts, addr netip.Addr, good bool) (leave func(), err error) {
	return a.queue.enter(ctx, caller{addr, good})
}
