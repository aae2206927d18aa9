package wordpress

import (
	"context"
)

// userLocks serialise the writers of a user in this process: waiting in the database would
// occupy one connection each. Several users share a lock.
type userLocks [64]chan struct{}

func newUserLocks() (l userLocks) {
	for i := range l {
		l[i] = make(chan struct{}, 1)
	}
	return l
}

// lock waits for the user's lock until the context ends.
func (l userLocks) lock(ctx context.Context, user uint64) (unlock func(), err error) {
	mu := l[user%uint64(len(l))]
	select {
	case mu <- struct{}{}:
		return func() { <-mu }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
