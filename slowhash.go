package sparekey

import (
	"context"
	"hash/maphash"
	"runtime"
)

// slowLanes is among how many lanes users are spread.
const slowLanes = 64

// slowLane limits how many slow hashes are computed at the same moment: as many as there are
// processors, and one for each user, so that guesses at one account do not block the others.
type slowLane struct {
	seed  maphash.Seed
	users [slowLanes]chan struct{}
	all   chan struct{}
}

func newSlowLane() slowLane {
	l := slowLane{seed: maphash.MakeSeed(), all: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for i := range l.users {
		l.users[i] = make(chan struct{}, 1)
	}
	return l
}

// enter waits for a place, until the context ends. leave gives it back.
func (l slowLane) enter(ctx context.Context, userID string) (leave func(), err error) {
	own := l.users[maphash.String(l.seed, userID)%slowLanes]
	for i, lane := range []chan struct{}{own, l.all} {
		select {
		case lane <- struct{}{}:
		case <-ctx.Done():
			if i > 0 {
				<-own
			}
			return nil, context.Cause(ctx)
		}
	}
	return func() { <-l.all; <-own }, nil
}
