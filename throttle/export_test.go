package throttle

import "net/netip"

// Size is how many keys and successes are held.
func (l *Limiter) Size() int {
	l.known.mu.RLock()
	defer l.known.mu.RUnlock()
	return l.local.size() + len(l.known.seen)
}

// NetworkKey is what an address is counted by.
func NetworkKey(addr netip.Addr) Key { return networkKey(addr) }

// LoginKey is what a login at an address is counted by.
func LoginKey(addr netip.Addr, login string) Key { return networkKey(addr).withLogin(login) }
