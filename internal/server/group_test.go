package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

// TestGroupStopsInReverse starts parts that need each other, and has one of them fail to close.
func TestGroupStopsInReverse(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ended []string
	ends := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		ended = append(ended, name)
	}
	part := func(name string, others *sync.WaitGroup) func(context.Context) {
		return func(ctx context.Context) {
			<-ctx.Done()
			others.Done()
			others.Wait() // ends only if those that were started together are stopped together
			ends(name)
		}
	}
	var g group
	broken := errors.New("the database is away")
	g.onStop(func() error { ends("store"); return broken })
	var two, one sync.WaitGroup
	two.Add(2)
	one.Add(1)
	g.run(t.Context(), part("log", &two), part("log", &two))
	g.run(t.Context(), part("notices", &one))
	g.onStop(func() error { ends("metrics"); return nil })
	if err := g.stop(); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if want := []string{"metrics", "notices", "log", "log", "store"}; !slices.Equal(ended, want) {
		t.Errorf("stopped %q, want %q", ended, want)
	}
	if err := g.stop(); err != nil || len(ended) != 5 {
		t.Errorf("stopped twice: %q, %v", ended, err)
	}
}
