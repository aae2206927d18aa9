package audit

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// usage counts the uses of a credential since the last flush.
type usage struct {
	user  string // ID of the owner
	count int
	addrs map[netip.Addr]span
}

// span is from the first use to the last.
type span struct{ first, last time.Time }

func (s span) union(other span) span {
	if s.first.IsZero() || other.first.Before(s.first) {
		s.first = other.first
	}
	if other.last.After(s.last) {
		s.last = other.last
	}
	return s
}

// countUse needs no bound: it counts only uses with a right secret, so there are at most as
// many entries as credentials.
func (l *Log) countUse(e sparekey.Event) {
	c := l.usageOf(e.Credential.UUID, e.User.ID)
	c.count++
	c.addAddress(e.Addr, span{e.Time, e.Time}, l.config.Addresses)
}

func (l *Log) usageOf(uuid, user string) *usage {
	c := l.usage[uuid]
	if c == nil {
		c = &usage{user: user, addrs: map[netip.Addr]span{}}
		l.usage[uuid] = c
	}
	return c
}

// addAddress evicts the address that was seen longest ago, if there are too many.
func (c *usage) addAddress(addr netip.Addr, when span, most int) {
	if !addr.IsValid() {
		return
	}
	c.addrs[addr] = c.addrs[addr].union(when)
	if len(c.addrs) <= most {
		return
	}
	oldest := addr
	for other, s := range c.addrs {
		if s.last.Before(c.addrs[oldest].last) || oldest == addr {
			oldest = other
		}
	}
	delete(c.addrs, oldest)
}

func (c *usage) export(uuid string) Usage {
	u := Usage{User: c.user, Credential: uuid, Count: c.count}
	for addr, s := range c.addrs {
		u.Addresses = append(u.Addresses, Address{addr.String(), s.first, s.last})
	}
	return u
}

func (l *Log) flushUsage(ctx context.Context) error {
	l.mu.Lock()
	pending := l.usage
	l.usage = map[string]*usage{}
	l.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	usage := make([]Usage, 0, len(pending))
	for uuid, c := range pending {
		usage = append(usage, c.export(uuid))
	}
	if err := l.store.AddUsage(ctx, usage, l.config.Addresses); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		for uuid, c := range pending {
			l.usageOf(uuid, c.user).merge(c, l.config.Addresses)
		}
		return fmt.Errorf("count uses: %w", err)
	}
	return nil
}

func (c *usage) merge(other *usage, most int) {
	c.count += other.count
	for addr, s := range other.addrs {
		c.addAddress(addr, s, most)
	}
}
