package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/explain"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// public are the exceptions of the site, which its audit log gets.
func (c *commands) public(s *site) gateway.Public {
	public, err := c.PublicRules(c.Scopes.Bundles)
	if err != nil {
		panic(err) // Validate has seen to it
	}
	if s != nil && s.log != nil {
		public.Observe = func(ctx context.Context, e sparekey.Event) {
			e.Time = time.Now()
			s.log.Observe(ctx, e)
		}
	}
	return public
}

// printPublic says what needs no application password here.
func (c *commands) printPublic(out io.Writer) {
	public := c.public(nil)
	if public.Requests != "" {
		fmt.Fprintln(out, explain.English(explain.Public(public.Bundles, public.Requests)))
	}
	if public.Networks != "" {
		fmt.Fprintln(out, explain.English(explain.PublicNetworks(public.Networks)))
	}
}

// printPublicRequest says so of one request, as far as its request line tells.
func (c *commands) printPublicRequest(asked sparekey.Request, from netip.Addr, profile upstream.Profile, out io.Writer) {
	public := c.public(nil)
	if public.Covers(asked, from, profile) {
		fmt.Fprintln(out, explain.English(explain.PublicRequest(asked)))
	}
}
