package gateway

import (
	"net/http"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// forwarded begins the names of the headers in which proxies describe the original request and
// its client.
const forwarded = "X-Forwarded-"

// forwarding are the other names of such headers. Applications and their frameworks
// take the caller's address from them, or the address that was asked for.
var forwarding = [...]string{
	"Forwarded", "X-Real-Ip", "X-Original-Host", "X-Original-Method", "X-Original-Uri", "X-Original-Url", "X-Rewrite-Url",
}

// StripOddNames removes headers or trailers whose names programs read in different ways,
// such as X_Custom for X-Custom: those with other characters than letters, digits and
// hyphens. nginx drops them as well.
func StripOddNames(h http.Header) {
	for name := range h {
		if upstream.IsOdd(name) {
			delete(h, name)
		}
	}
}

// StripRouting removes trailers by which an application may take a request for another
// one. The request is judged before their values are known.
func StripRouting(trailer http.Header) {
	for name := range trailer {
		if upstream.IsRouting(name) {
			delete(trailer, name)
		}
	}
}

// StripForwarding removes from a client's headers whatever an application could take
// for what a proxy says of the request, however it is written: CGI and its heirs
// read X_Forwarded_For as they read X-Forwarded-For, and where both are there, the
// later one wins or both are joined.
func StripForwarding(h http.Header) {
	for name := range h {
		if isForwarding(name) {
			delete(h, name)
		}
	}
}

func isForwarding(name string) bool {
	if hasFolded(name, forwarded) {
		return true
	}
	for _, other := range forwarding {
		if len(name) == len(other) && hasFolded(name, other) {
			return true
		}
	}
	return false
}

// IsOriginForm reports whether a text is a request-target in origin form (RFC 9112,
// section 3.2), as far as it cannot be cut short or taken for two on the way. HTTP/2
// carries any byte in it, which a request line of HTTP/1 must not have.
func IsOriginForm(target string) bool {
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c == 0x7f || c == '#' {
			return false
		}
	}
	return strings.HasPrefix(target, "/")
}
