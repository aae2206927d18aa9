package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey/gateway"
)

// watch checks requests under way in rounds. Its goroutine runs only while there are any.
type watch struct {
	every  time.Duration
	judged func(x *exchange, d gateway.Decision)

	mu      sync.Mutex
	open    map[*exchange]struct{}
	running bool
}

// add has a request checked from the next round on, unless it has ended.
func (w *watch) add(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.mu.Lock()
	over := x.over
	x.mu.Unlock()
	if over { // else remove is yet to come
		return
	}
	w.open[x] = struct{}{}
	if !w.running {
		w.running = true
		go w.run()
	}
}

// remove undoes add, if it was called.
func (w *watch) remove(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, x)
}

// run makes rounds until nothing is open.
func (w *watch) run() {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for range ticker.C {
		open, holds := w.all()
		if len(open) == 0 {
			return
		}
		w.round(open, holds)
	}
}

// all returns what is open. If that is nothing, the goroutine counts as ended.
func (w *watch) all() (open []*exchange, holds []*gateway.Hold) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for x := range w.open {
		open, holds = append(open, x), append(holds, x.hold)
	}
	w.running = len(open) > 0
	return open, holds
}

func (w *watch) round(open []*exchange, holds []*gateway.Hold) {
	ctx, cancel := context.WithTimeout(context.Background(), recheckTimeout) //nolint:forbidigo // a round belongs to several requests
	defer cancel()
	gateway.RecheckAll(ctx, holds, func(i int, d gateway.Decision) { w.judged(open[i], d) })
}
