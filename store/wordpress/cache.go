package wordpress

import (
	"sync"
)

// cacheSize bounds the cache, in bytes of rows. A parsed row takes about three times its size.
const cacheSize = 64 << 20

// cache holds the last snapshot of each user. A snapshot is used only after the database
// confirmed its fingerprint.
type cache struct {
	mu    *sync.Mutex
	users map[uint64]*snapshot
	size  *int64
}

func newCache() cache {
	return cache{mu: new(sync.Mutex), users: map[uint64]*snapshot{}, size: new(int64)}
}

func (c cache) get(user uint64, fp fingerprint) *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if snap := c.users[user]; snap != nil && snap.fingerprint == fp {
		return snap
	}
	return nil
}

func (c cache) put(user uint64, snap *snapshot) {
	const overhead = 1 << 10
	cost := snap.fingerprint.length + overhead
	if cost > cacheSize {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if previous := c.users[user]; previous != nil {
		*c.size -= previous.fingerprint.length + overhead
	}
	if *c.size+cost > cacheSize {
		clear(c.users) // the next look-ups fill it again
		*c.size = 0
	}
	c.users[user] = snap
	*c.size += cost
}
