// Package hashlimit limits how many slow password hashes are computed at the same time, so that
// guesses can neither take all processors nor block other users.
package hashlimit

import (
	"context"
	"hash/maphash"
	"runtime"
)

// userSlots is among how many slots users are spread.
const userSlots = 64

// Limiter allows as many hashes at a time as there are processors, and one for each user. Users
// may share a slot with others. It is safe for concurrent use.
type Limiter struct {
	seed  maphash.Seed
	users [userSlots]chan struct{}
	all   chan struct{}
}

// New returns a Limiter.
func New() *Limiter {
	l := &Limiter{seed: maphash.MakeSeed(), all: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for i := range l.users {
		l.users[i] = make(chan struct{}, 1)
	}
	return l
}

// Acquire waits until a hash may be computed for a user. The caller must call release
// afterwards. If the context ends first, Acquire returns the cause.
func (l *Limiter) Acquire(ctx context.Context, userID string) (release func(), err error) {
	own := l.users[maphash.String(l.seed, userID)%userSlots]
	for i, slots := range []chan struct{}{own, l.all} {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			if i > 0 {
				<-own
			}
			return nil, context.Cause(ctx)
		}
	}
	return func() { <-l.all; <-own }, nil
}
