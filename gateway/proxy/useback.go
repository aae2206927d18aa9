package proxy

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/sparekey-dev/sparekey/gateway"
)

// reach is how far a request got on its way to the application. A request that did not reach it
// does not count as a use of its application password. In doubt it counts.
type reach struct {
	handed    atomic.Bool // to the transport
	dialed    atomic.Bool // the transport looked for a connection
	connected atomic.Bool // and had one, on which it may have sent something
}

// traced returns a request of which the transport tells how far it got. A transport that
// does not use httptrace, as [http.Transport] does, tells nothing.
func (c *reach) traced(r *http.Request) *http.Request {
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { c.dialed.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.connected.Store(true) },
	}))
}

// isMissed reports whether it is certain that a request that failed did not reach the
// application.
func (c *reach) isMissed() bool {
	return !c.handed.Load() || c.dialed.Load() && !c.connected.Load()
}

// returnUse gives back the use of a request that did not reach the application.
func (p *Proxy) returnUse(ctx context.Context, d gateway.Decision) {
	if !p.gateway.CountsUse(d) {
		return
	}
	log := p.config.Log.With("user", d.Identity.User.Login, "credential", d.Identity.Credential)
	if err := p.gateway.ReturnUse(ctx, d); err != nil {
		log.ErrorContext(ctx, "a request did not reach the application, but stays counted as a use", "error", err)
		return
	}
	log.DebugContext(ctx, "a request did not reach the application, and is not counted as a use")
}
