package server

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// group has the parts of a server that run beside the answering of requests, and what has to be
// closed after them. It stops in the reverse order of its start, so that everything outlives
// what uses it. The zero value is an empty group.
type group struct {
	stops []func() error
}

// run runs parts in the background. To stop them ends their context, which is below ctx, and
// waits for them. Parts that are started together stop at the same time.
func (g *group) run(ctx context.Context, parts ...func(context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, part := range parts {
		running.Go(func() { part(ctx) })
	}
	g.onStop(func() error {
		cancel()
		running.Wait()
		return nil
	})
}

// onStop has stop called when everything that was started later has stopped.
func (g *group) onStop(stop func() error) { g.stops = append(g.stops, stop) }

// stop stops everything, also after an error, and returns all errors.
func (g *group) stop() error {
	var problems []error
	for _, stop := range slices.Backward(g.stops) {
		problems = append(problems, stop())
	}
	g.stops = nil
	return errors.Join(problems...)
}
