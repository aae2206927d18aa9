package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// sweepInterval is how often what is due by itself is looked for. The warnings are
// about days.
const sweepInterval = time.Hour

// sweeper warns of credentials that expire soon, and revokes those whose time is
// over, for as long as the server runs.
type sweeper struct {
	service *sparekey.Service
	log     *slog.Logger
}

// Run does the maintenance at once and then every hour until the context ends. It retries
// failures the next time.
func (s sweeper) Run(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		swept, err := s.service.Sweep(ctx)
		switch {
		case errors.Is(err, sparekey.ErrUnavailable):
			s.log.InfoContext(ctx, "this database cannot be searched: users get no warnings before application passwords expire, and unused ones stay in the lists, though they are refused")
			return
		case err != nil && ctx.Err() == nil:
			s.log.ErrorContext(ctx, "what expires or was not used could not be looked for", "error", err)
		case swept != (sparekey.Swept{}):
			s.log.InfoContext(ctx, "swept", "expiring", swept.Expiring, "revoked", swept.Revoked)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
