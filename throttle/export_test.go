package throttle

import (
	"context"
	"net/netip"
)

// NetworkKey is what an address is counted by.
func NetworkKey(addr netip.Addr) Key { return networkKey(ApplicationPassword, addr) }

// NetworkKeys returns all keys by which the sign-in page counts an address.
func NetworkKeys(addr netip.Addr) []Key {
	keys, count := networks(SignIn, addr)
	return keys[:count]
}

// LoginKey is what a login at an address is counted by.
func LoginKey(addr netip.Addr, login string) Key {
	return networkKey(ApplicationPassword, addr).withLogin(login, "")
}

// Queue is the queue of look-ups.
type Queue struct{ *queue }

// NewQueue returns a queue with so many slots and waiting look-ups.
func NewQueue(slots, maxWaiting int) Queue {
	q := newQueue()
	q.slots, q.maxWaiting = slots, maxWaiting
	return Queue{q}
}

// Acquire waits for a slot.
func (q Queue) Acquire(ctx context.Context, addr netip.Addr) (release func(), err error) {
	return q.acquire(ctx, NetworkKey(addr))
}

// Waiting is how many look-ups wait.
func (q Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// Networks is how many networks the queue holds.
func (q Queue) Networks() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.networks)
}

// LookUpPause is the least time between two look-ups of a network.
const LookUpPause = lookUpPause
