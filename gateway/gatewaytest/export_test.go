package gatewaytest

import "testing"

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
