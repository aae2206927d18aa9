package throttle_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/internal/throttle"
)

var start = time.Unix(1_700_000_000, 0)

func TestTake(t *testing.T) {
	t.Parallel()
	l := throttle.Limiter{Burst: 3, Every: time.Minute, Keys: 10}
	take := func(key string, after time.Duration, want bool, wantRetry time.Duration) {
		t.Helper()
		if retry, ok := l.Take(key, start.Add(after)); ok != want || retry != wantRetry {
			t.Errorf("%s after %v: %v, retry after %v; want %v, %v", key, after, ok, retry, want, wantRetry)
		}
	}
	for range 3 {
		take("a", 0, true, 0)
	}
	take("a", 0, false, time.Minute)
	take("a", 20*time.Second, false, 40*time.Second)
	take("b", 20*time.Second, true, 0)
	take("a", time.Minute, true, 0)
	take("a", time.Minute, false, time.Minute)
	for range 3 {
		take("a", time.Hour, true, 0)
	}
	take("a", time.Hour, false, time.Minute)
}

func TestGiveBack(t *testing.T) {
	t.Parallel()
	l := throttle.Limiter{Burst: 1, Every: time.Minute, Keys: 10}
	for range 5 {
		if _, ok := l.Take("a", start); !ok {
			t.Fatal("what was given back must be there again")
		}
		l.GiveBack("a", start)
	}
	l.GiveBack("a", start) // nothing was taken
	l.GiveBack("unknown", start)
	if _, ok := l.Take("a", start); !ok {
		t.Error("the allowance is gone")
	}
	if _, ok := l.Take("a", start); ok {
		t.Error("the allowance grew")
	}
}

func TestKeysAreBounded(t *testing.T) {
	t.Parallel()
	l := throttle.Limiter{Burst: 1, Every: time.Hour, Keys: 100}
	kept := 0
	for i := range 10_000 {
		l.Take(fmt.Sprint(i), start)
	}
	for i := range 10_000 {
		if _, ok := l.Take(fmt.Sprint(i), start); !ok {
			kept++
		}
	}
	if kept > 200 { // those that were kept, and those that are taken again by this very loop
		t.Errorf("%d keys are remembered, of 100", kept)
	}
}

func TestConcurrentTakes(t *testing.T) {
	t.Parallel()
	l := throttle.Limiter{Burst: 10, Every: time.Hour, Keys: 10}
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, ok := l.Take("a", start); ok {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 10 {
		t.Errorf("%d were let through, want 10", taken.Load())
	}
}
