package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/scope"
)

// PublicSettings say which requests to an application need no application password. They
// are settings of the site, so that "explain" knows them as the server does.
type PublicSettings struct {
	Public        []string `sep:";" help:"Requests to an application that need no application password: methods and a path such as 'GET /feed*', or 'OPTIONS /api/*' for preflights. May be given more than once, or as a list with ';'." env:"SPAREKEY_PUBLIC" placeholder:"RULE" group:"Policy of the site"`
	PublicNetwork []string `help:"Address or network from which nothing needs an application password in front of an application. May be given more than once." env:"SPAREKEY_PUBLIC_NETWORK" placeholder:"CIDR" group:"Policy of the site"`
}

// PublicRules are the settings in the gateway's words. bundles are those that exist here.
func (s PublicSettings) PublicRules(bundles scope.Bundles) (gateway.Public, error) {
	requests, err := scope.Parse(s.Public)
	if err != nil {
		return gateway.Public{}, fmt.Errorf("--public: %w", err)
	}
	if bundles == nil {
		bundles = builtIn()
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
func (s PublicSettings) problems(bundles scope.Bundles) []error {
	public, err := s.PublicRules(bundles)
	if err != nil {
		return []error{err}
	}
	if unusual := public.Requests.UnusualMethods(); len(unusual) > 0 {
		return []error{errors.New("--public has a method that no standard has: " + strings.Join(unusual, ", "))}
	}
	return nil
}

// Exceptions are the rules of settings that Validate has seen.
func (s *Site) Exceptions() gateway.Public {
	public, err := s.PublicRules(s.Scopes.Bundles)
	if err != nil {
		panic(err)
	}
	return public
}
