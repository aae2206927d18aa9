package gatewaytest

import (
	"testing"

	"github.com/sparekey-dev/sparekey/gateway"
)

// NewSiteWith starts a site whose gateway has this config.
func NewSiteWith(t testing.TB, config gateway.Config) *Site {
	t.Helper()
	return newSite(t, config)
}

// Try makes an attack on a site behind a front-end, as Run does.
func (s *Site) Try(t testing.TB, front Front, a Attack) {
	t.Helper()
	s.try(t, front, a)
}

// Limits are those of the site's credentials, and May says what each may do.
var (
	Limits = limits
	May    = may
)
