package login

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey/throttle"
)

// KnownAddresses knows from where something was right lately. It must be safe for
// concurrent use.
type KnownAddresses interface {
	KnownGood(addr netip.Addr) bool
}

const (
	maxGoodAddresses = 10_000
	goodFor          = 7 * 24 * time.Hour
)

// goodAddresses are the addresses from which people signed in lately. A limiter that
// is one of [KnownAddresses] adds those that it knows.
type goodAddresses struct {
	limiter KnownAddresses // nil: it knows none

	mu   sync.Mutex
	seen map[netip.Addr]time.Time // the last sign-in, by network
}

func newGoodAddresses(limiter *throttle.Limiter) *goodAddresses {
	g := &goodAddresses{seen: map[netip.Addr]time.Time{}}
	if known, ok := any(limiter).(KnownAddresses); ok && limiter != nil {
		g.limiter = known
	}
	return g
}

// has reports whether an address is known to be good at a time.
func (g *goodAddresses) has(addr netip.Addr, now time.Time) bool {
	if !addr.IsValid() {
		return false
	}
	if g.limiter != nil && g.limiter.KnownGood(addr) {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	last, ok := g.seen[networkOf(addr)]
	return ok && now.Sub(last) < goodFor
}

// add notes a sign-in. Where there are too many addresses, it drops the oldest of a
// few, which costs no search.
func (g *goodAddresses) add(addr netip.Addr, now time.Time) {
	if !addr.IsValid() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.seen) >= maxGoodAddresses {
		g.dropOne()
	}
	g.seen[networkOf(addr)] = now
}

func (g *goodAddresses) dropOne() {
	const few = 16
	var oldest netip.Addr
	looked := 0
	for addr, last := range g.seen {
		if !oldest.IsValid() || last.Before(g.seen[oldest]) {
			oldest = addr
		}
		if looked++; looked == few {
			break
		}
	}
	delete(g.seen, oldest)
}

// nat64 is the network in which a site with IPv6 alone sees callers with IPv4 (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// networkOf is what callers are told apart by: an IPv4 address, or the /64 of an IPv6
// address, all of which one customer has.
func networkOf(addr netip.Addr) netip.Addr {
	const bits = 64
	addr = addr.Unmap().WithZone("")
	if addr.Is6() && !nat64.Contains(addr) {
		return netip.PrefixFrom(addr, bits).Masked().Addr()
	}
	return addr
}
