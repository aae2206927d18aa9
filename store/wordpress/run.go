package wordpress

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Run reconciles the rows of users, until the context ends: it revokes again the
// credentials that WordPress brought back, usually within a tenth of a second, and restores lost
// writes. One Run for a database is enough, and several do no harm. Without it, lost writes
// stay lost, and revoked credentials that came back stay in WordPress's row until
// Sparekey's next write to it; Sparekey never accepts a revoked credential.
//
// While the database does not answer, Config.Failed is called once.
func (s *Store) Run(ctx context.Context) {
	s.watcher.start()
	defer s.watcher.stop()
	var background sync.WaitGroup
	defer background.Wait()
	scanner := &revocationScanner{s: s, clean: map[uint64]fingerprint{}}
	background.Go(func() { s.loop(ctx, scanner.tick, func() time.Duration { return scanEvery }, nil) })
	recent := &recentWatcher{s: s, pickedUp: map[string]int64{}}
	s.loop(ctx, recent.tick, func() time.Duration {
		if s.watcher.isWatching() {
			return watchEvery
		}
		return pollEvery
	}, s.watcher.wake)
}

// loop calls tick with pauses in between, which wake cuts short.
func (s *Store) loop(ctx context.Context, tick func(context.Context) error, pause func() time.Duration, wake <-chan struct{}) {
	for broken := false; ; {
		wait := pause()
		err := tick(ctx)
		if err != nil {
			wait = max(wait, pollEvery)
			if !broken && ctx.Err() == nil {
				s.reportError(ctx, fmt.Errorf("wordpress: watch the rows of users: %w", err))
			}
		}
		broken = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-wake:
		}
	}
}
