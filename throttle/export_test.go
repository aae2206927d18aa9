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

// NewQueue returns a queue for look-ups of some places at the same moment, and a number that wait.
func NewQueue(places, most int) Queue {
	q := newQueue()
	q.places, q.most = places, most
	return Queue{q}
}

// Enter waits for a look-up's place.
func (q Queue) Enter(ctx context.Context, addr netip.Addr) (leave func(), err error) {
	return q.enter(ctx, NetworkKey(addr))
}

// Waiting is how many look-ups wait.
func (q Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// Lanes is how many networks the queue holds.
func (q Queue) Lanes() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.lanes)
}

// LookUpPause is the least time between two look-ups of a network.
const LookUpPause = lookUpPause
