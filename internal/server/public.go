package server

import (
	"context"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/internal/config"
)

// exceptions are the requests to an application that need no application password. The audit
// log gets their uses.
func (s *Site) exceptions(settings *config.Site) gateway.Public {
	public := settings.Exceptions()
	if s.Log != nil {
		public.Observe = func(ctx context.Context, e sparekey.Event) {
			e.Time = time.Now()
			s.Log.Observe(ctx, e)
		}
	}
	return public
}
