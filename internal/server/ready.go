package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// The bounds of the check whether the database can be written. Anyone may ask for /readyz,
// so one write in writableFor is all that this causes.
const (
	writableFor     = 5 * time.Second
	writableTimeout = 2 * time.Second
	writableMisses  = 3 // in a row may take longer, on a busy database
)

// errNoWriteInTime is for a database that takes no write at all, such as one that waits
// for room on a full disk.
var errNoWriteInTime = fmt.Errorf("no write was finished within %v, %d times in a row", writableTimeout, writableMisses)

// writableChecker is a database that can find out whether it can be written.
type writableChecker interface {
	CheckWritable(ctx context.Context) error
}

// ready answers whether the database can be asked and written.
type ready struct {
	backend Backend
	log     *slog.Logger

	mu      sync.Mutex // held during a check, so that one is made for all who ask
	checked time.Time  // when writing was last checked
	err     error      // what was found then
	misses  int        // how many of the last checks were not done in time
}

// ServeHTTP answers 200 or 503.
func (h *ready) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.backend.Ping(r.Context()); err != nil {
		h.log.ErrorContext(r.Context(), "not ready", "error", err)
		plain(w, http.StatusServiceUnavailable, "the database does not answer\n")
		return
	}
	if err := h.writable(r.Context()); err != nil {
		plain(w, http.StatusServiceUnavailable, "the database cannot be written\n")
		return
	}
	plain(w, http.StatusOK, "ok\n")
}

// writable returns why the database cannot be written, as it was found within writableFor.
// One that is too busy to say so in time counts as one that can, for writableMisses checks.
func (h *ready) writable(ctx context.Context) error {
	if s, ok := h.backend.(*Site); ok {
		return h.check(ctx, s.Backend)
	}
	return h.check(ctx, h.backend)
}

func (h *ready) check(ctx context.Context, b Backend) error {
	checker, ok := b.(writableChecker)
	if !ok {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.checked.IsZero() && time.Since(h.checked) < writableFor {
		return h.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writableTimeout)
	defer cancel()
	h.err = checker.CheckWritable(ctx)
	switch {
	case !errors.Is(h.err, context.DeadlineExceeded):
		h.misses = 0
	case h.misses+1 < writableMisses:
		h.misses++
		h.err = nil
	default:
		h.err = errors.Join(errNoWriteInTime, h.err)
	}
	h.checked = time.Now()
	if h.err != nil {
		h.log.ErrorContext(ctx, "not ready", "error", h.err)
	}
	return h.err
}
