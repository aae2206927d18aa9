package audit

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// counted is how often a credential was used since that was last written, and from
// where.
type counted struct {
	user  string // ID of the owner
	count int
	addrs map[netip.Addr]span
}

// span is from the first use to the last.
type span struct{ first, last time.Time }

func (s span) with(other span) span {
	if s.first.IsZero() || other.first.Before(s.first) {
		s.first = other.first
	}
	if other.last.After(s.last) {
		s.last = other.last
	}
	return s
}

// count counts a use. Only callers with a right secret get here, so there are never more
// entries than credentials.
func (l *Log) count(e sparekey.Event) {
	c := l.countedOf(e.Credential.UUID, e.User.ID)
	c.count++
	c.saw(e.Addr, span{e.Time, e.Time}, l.config.Addresses)
}

func (l *Log) countedOf(uuid, user string) *counted {
	c := l.counted[uuid]
	if c == nil {
		c = &counted{user: user, addrs: map[netip.Addr]span{}}
		l.counted[uuid] = c
	}
	return c
}

// saw keeps an address; if there are too many, it drops the one that was seen longest ago.
func (c *counted) saw(addr netip.Addr, when span, most int) {
	if !addr.IsValid() {
		return
	}
	c.addrs[addr] = c.addrs[addr].with(when)
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

func (c *counted) usage(uuid string) Usage {
	u := Usage{User: c.user, Credential: uuid, Count: c.count}
	for addr, s := range c.addrs {
		u.Addresses = append(u.Addresses, Address{addr.String(), s.first, s.last})
	}
	return u
}

// flushCounts adds what was counted to what the store has.
func (l *Log) flushCounts(ctx context.Context) error {
	l.mu.Lock()
	taken := l.counted
	l.counted = map[string]*counted{}
	l.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	usage := make([]Usage, 0, len(taken))
	for uuid, c := range taken {
		usage = append(usage, c.usage(uuid))
	}
	if err := l.store.AddUsage(ctx, usage, l.config.Addresses); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		for uuid, c := range taken {
			l.countedOf(uuid, c.user).merge(c, l.config.Addresses)
		}
		return fmt.Errorf("count uses: %w", err)
	}
	return nil
}

func (c *counted) merge(other *counted, most int) {
	c.count += other.count
	for addr, s := range other.addrs {
		c.saw(addr, s, most)
	}
}
