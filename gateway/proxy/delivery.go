package proxy

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/sparekey-dev/sparekey/gateway"
)

// delivery is how far a request got on its way to the application. A request that did not reach
// the application is not counted as a use of its application password. In doubt it counts.
type delivery struct {
	sent      atomic.Bool // to the transport
	dialed    atomic.Bool // the transport looked for a connection
	connected atomic.Bool // it had one, and may have sent something
}

// traced needs a transport with httptrace, such as [http.Transport]. With another one, requests
// that fail are counted.
func (c *delivery) traced(r *http.Request) *http.Request {
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { c.dialed.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.connected.Store(true) },
	}))
}

// failed reports whether it is certain that a request did not reach the application.
func (c *delivery) failed() bool {
	return !c.sent.Load() || c.dialed.Load() && !c.connected.Load()
}

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
