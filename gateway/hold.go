package gateway

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// Hold is what a front-end keeps of an allowed request, to ask later whether the request
// would still be allowed. It holds the secret that was presented, and does not print it.
// It is safe for concurrent use.
type Hold struct {
	auth basicauth.Rechecker
	id   sparekey.Identity

	mu      sync.Mutex // guards attempt: its Upstream serves one goroutine at a time
	attempt sparekey.Attempt
}

// Recheck decides again about the request, as things are now: Allowed, with the identity
// that was found at first, Refused or Broken. It counts no use, and Config.Observe is not
// called. ctx bounds how long it may take. A hook that panics makes the decision Broken,
// since front-ends recheck in goroutines where a panic would end the program.
func (h *Hold) Recheck(ctx context.Context) (d Decision) {
	defer func() {
		if p := recover(); p != nil {
			d = failed(fmt.Errorf("panic while an application password was checked again: %v", p))
		}
	}()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.auth.Recheck(ctx, h.id, h.attempt); err != nil {
		return failed(err)
	}
	return allowed(h.id)
}

// recheckers is how many look-ups of one round run at the same time.
const recheckers = 8

// RecheckAll rechecks many requests in one round: those with the same login and secret
// share one look-up, and some look-ups run at the same time. It calls each, from several
// goroutines, with the index of a Hold and its decision, and returns after the last.
func RecheckAll(ctx context.Context, holds []*Hold, each func(i int, d Decision)) {
	ctx = sparekey.ShareLookups(ctx)
	var (
		next atomic.Int64
		wait sync.WaitGroup
	)
	for range min(recheckers, len(holds)) {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(holds) {
					return
				}
				each(i, holds[i].Recheck(ctx))
			}
		})
	}
	wait.Wait()
}

// Format prints which credential is held, and no secret.
func (h *Hold) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "hold of %s", h.id.Credential.UUID)
}

// rechecker returns the Authenticator as a Rechecker, or nil.
func rechecker(auth basicauth.Authenticator) basicauth.Rechecker {
	again, _ := auth.(basicauth.Rechecker)
	return again
}
