package audit

import "context"

// FlushDue writes what Run would write at this time.
func FlushDue(ctx context.Context, l *Log) error { return l.flush(ctx, false) }

// Groups returns how many groups are in memory.
func Groups(l *Log) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.uses.groups) + len(l.matchedRefusals.groups) + len(l.otherRefusals.groups) +
		len(l.signIns.groups) + len(l.failedIns.groups) + len(l.reconciled.groups)
}

// AddressesOf is how many addresses of a credential are in memory.
func AddressesOf(l *Log, uuid string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.usage[uuid].addrs)
}
