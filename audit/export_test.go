package audit

import "context"

// FlushDue writes what Run would write at this time.
func FlushDue(ctx context.Context, l *Log) error { return l.flush(ctx, false) }

// Remembered returns how many callers the log counts separately at the moment.
func Remembered(l *Log) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.uses.entries) + len(l.refusals.entries) + len(l.strangers.entries) +
		len(l.signIns.entries) + len(l.failedIns.entries) + len(l.repairs.entries)
}

// AddressesOf is how many addresses of a credential are in memory.
func AddressesOf(l *Log, uuid string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.counted[uuid].addrs)
}
