package gateway

import (
	"context"

	"github.com/sparekey-dev/sparekey"
)

// UseReturner is an optional interface of the [basicauth.Authenticator] that a [Gateway]
// asks, which [sparekey.Service] has: ReturnUse gives back the use that an attempt was
// counted as. One that embeds a Service, and counts by itself, should have its own.
type UseReturner interface {
	ReturnUse(ctx context.Context, id sparekey.Identity) error
}

// CountsUse reports whether an allowed request was counted as one of a limited number of
// uses, which [Gateway.ReturnUse] can give back.
func (g *Gateway) CountsUse(d Decision) bool {
	_, ok := g.auth.(UseReturner)
	return ok && d.Outcome == Allowed && d.Identity.Credential.Limits.MaxUses > 0
}

// ReturnUse gives back the use that an allowed request was counted as, for a front-end that
// is certain that no part of the request reached the application. Call it once at most for
// a request. After an error the use stays counted, or it may.
func (g *Gateway) ReturnUse(ctx context.Context, d Decision) error {
	if !g.CountsUse(d) {
		return nil
	}
	return g.auth.(UseReturner).ReturnUse(ctx, d.Identity) //nolint:forcetypeassert // CountsUse asked
}
