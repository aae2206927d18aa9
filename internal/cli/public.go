package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/explain"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/scope"
)

// publicSettings say which requests to an application need no application password. They
// are settings of the site, so that "explain" knows them as the server does.
type publicSettings struct {
	Public        []string `sep:";" help:"Requests to an application that need no application password: methods and a path such as 'GET /feed*', or 'OPTIONS /api/*' for preflights. May be given more than once, or as a list with ';'." env:"SPAREKEY_PUBLIC" placeholder:"RULE" group:"Policy of the site"`
	PublicNetwork []string `help:"Address or network from which nothing needs an application password in front of an application. May be given more than once." env:"SPAREKEY_PUBLIC_NETWORK" placeholder:"CIDR" group:"Policy of the site"`
}

// rules are the settings in the gateway's words. bundles are those that exist here.
func (s publicSettings) rules(bundles scope.Bundles) (gateway.Public, error) {
	requests, err := scope.Parse(s.Public)
	if err != nil {
		return gateway.Public{}, fmt.Errorf("--public: %w", err)
	}
	if bundles == nil {
		bundles = scope.BuiltIn()
	}
	if err := bundles.Check(requests); err != nil {
		return gateway.Public{}, fmt.Errorf("--public %w", err)
	}
	networks, err := sparekey.ParseNetworks(s.PublicNetwork)
	if err != nil {
		return gateway.Public{}, fmt.Errorf("--public-network: %w", err)
	}
	for _, text := range networks.Strings() {
		if prefix, err := netip.ParsePrefix(text); err != nil || prefix.Bits() == 0 {
			return gateway.Public{}, fmt.Errorf("--public-network %s is everywhere: use --upstream-auth=optional or --forward-auth=optional instead", text)
		}
	}
	return gateway.Public{Requests: requests, Bundles: bundles, Networks: networks}, nil
}

// problems lists what is wrong with the settings.
func (s publicSettings) problems(bundles scope.Bundles) []error {
	public, err := s.rules(bundles)
	if err != nil {
		return []error{err}
	}
	if unusual := public.Requests.UnusualMethods(); len(unusual) > 0 {
		return []error{errors.New("--public has a method that no standard has: " + strings.Join(unusual, ", "))}
	}
	return nil
}

// public are the exceptions of the site, which its audit log gets.
func (c *commands) public(s *site) gateway.Public {
	public, err := c.rules(c.Scopes.Bundles)
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
