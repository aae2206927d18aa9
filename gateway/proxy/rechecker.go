package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey/gateway"
)

// rechecker checks requests in progress in rounds. Its goroutine runs only while there are any.
type rechecker struct {
	every time.Duration
	apply func(x *exchange, d gateway.Decision)

	mu      sync.Mutex
	open    map[*exchange]struct{}
	running bool
}

func (w *rechecker) add(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.mu.Lock()
	returned := x.returned
	x.mu.Unlock()
	if returned { // remove was called already
		return
	}
	w.open[x] = struct{}{}
	if !w.running {
		w.running = true
		go w.run()
	}
}

func (w *rechecker) remove(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, x)
}

func (w *rechecker) run() {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for range ticker.C {
		open, holds := w.snapshot()
		if len(open) == 0 {
			return
		}
		w.round(open, holds)
	}
}

// snapshot returns the open requests. Without any, the goroutine counts as ended.
func (w *rechecker) snapshot() (open []*exchange, holds []*gateway.Hold) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for x := range w.open {
		open, holds = append(open, x), append(holds, x.hold)
	}
	w.running = len(open) > 0
	return open, holds
}

func (w *rechecker) round(open []*exchange, holds []*gateway.Hold) {
	ctx, cancel := context.WithTimeout(context.Background(), recheckTimeout) //nolint:forbidigo // a round belongs to several requests
	defer cancel()
	gateway.RecheckAll(ctx, holds, func(i int, d gateway.Decision) { w.apply(open[i], d) })
}
