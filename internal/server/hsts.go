package server

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sparekey-dev/sparekey/clientip"
)

// withHSTS has browsers reach the host of home over TLS alone, once they have seen an answer of
// next (RFC 6797). It leaves out localhost, where it would affect every other program, and
// addresses, from which browsers ignore the header. It is sent over TLS alone (section 7.2),
// which a proxy on this machine may have ended.
func (c *server) withHSTS(
	home string, origin clientip.Resolver, next http.Handler,
) http.Handler {
	u, err := url.Parse(home)
	if err != nil || u.Scheme != "https" || isLocalOrAddress(u.Hostname()) ||
		strings.EqualFold(c.HSTS, "off") {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin(r).Secure {
			w.Header().Set("Strict-Transport-Security", c.HSTS)
		}
		next.ServeHTTP(w, r)
	})
}

// isLocalOrAddress reports whether a host is this machine's by name, or an address.
func isLocalOrAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
