package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/lifecycle"
)

// maintain does the periodic maintenance and logs its results, until the context ends.
func (s *Site) maintain(ctx context.Context, log *slog.Logger) {
	checkpoints, _ := s.Backend.(lifecycle.Checkpointer) // nil where the database keeps none
	err := lifecycle.New(s.Service, lifecycle.Config{Checkpoints: checkpoints, Report: func(ctx context.Context, r lifecycle.Result, err error) {
		switch {
		case err != nil && ctx.Err() == nil:
			log.ErrorContext(ctx, "the maintenance of application passwords failed", "error", err)
		case r != (lifecycle.Result{}):
			log.InfoContext(ctx, "maintenance", "expiring", r.Expiring, "revoked", r.Revoked)
		}
	}}).Run(ctx)
	if errors.Is(err, sparekey.ErrUnavailable) {
		log.InfoContext(ctx, "this database cannot be searched: users get no warnings before application passwords expire, and unused ones stay in the lists, though they are refused")
	}
}
