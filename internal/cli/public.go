package cli

import (
	"fmt"
	"io"
	"net/netip"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/explain"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// printPublic says what needs no application password here.
func (c *commands) printPublic(out io.Writer) {
	public := c.Exceptions()
	if public.Requests != "" {
		fmt.Fprintln(out, explain.English(explain.Public(public.Bundles, public.Requests)))
	}
	if public.Networks != "" {
		fmt.Fprintln(out, explain.English(explain.PublicNetworks(public.Networks)))
	}
}

// printPublicRequest says so of one request, as far as its request line tells.
func (c *commands) printPublicRequest(asked sparekey.Request, from netip.Addr, profile upstream.Profile, out io.Writer) {
	public := c.Exceptions()
	if public.Covers(asked, from, profile) {
		fmt.Fprintln(out, explain.English(explain.PublicRequest(asked)))
	}
}
