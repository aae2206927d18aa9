package hashlimit_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sparekey-dev/sparekey/internal/hashlimit"
)

// compute computes a hash for a user until finish is closed. It counts in running.
func compute(t *testing.T, l *hashlimit.Limiter, userID string, running *atomic.Int64, finish <-chan struct{}) {
	t.Helper()
	release, err := l.Acquire(t.Context(), userID)
	if err != nil {
		t.Error(err)
		return
	}
	running.Add(1)
	<-finish
	running.Add(-1)
	release()
}

func TestProcessors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := hashlimit.New()
		var running atomic.Int64
		finish := make(chan struct{})
		for n := range 1000 {
			go compute(t, l, strconv.Itoa(n), &running, finish)
		}
		synctest.Wait()
		if got, want := int(running.Load()), min(runtime.GOMAXPROCS(0), 64); got != want {
			t.Errorf("%d at a time for many users, want %d", got, want)
		}
		close(finish)
		synctest.Wait() // until all others have computed theirs
	})
}

func TestOneForEachUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := hashlimit.New()
		var running atomic.Int64
		finish := make(chan struct{})
		for range 10 {
			go compute(t, l, "ann", &running, finish)
		}
		synctest.Wait()
		if got := running.Load(); got != 1 {
			t.Errorf("%d at a time for one user", got)
		}
		close(finish)
		synctest.Wait()
	})
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	l := hashlimit.New()
	release, err := l.Acquire(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the client left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := l.Acquire(ctx, "ann"); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	release()
	release, err = l.Acquire(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	release()
}
